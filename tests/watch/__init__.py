"""Tests of fetchkit.watch."""
