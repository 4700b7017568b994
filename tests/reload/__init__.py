"""Tests of fetchkit.reload."""
