"""Tests of fetchkit.isolation."""
