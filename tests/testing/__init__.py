"""Tests of the pytest plugin: in this very run, and in runs of their own."""
