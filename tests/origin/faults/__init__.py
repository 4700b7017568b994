"""Tests of fetchkit.origin.faults."""
