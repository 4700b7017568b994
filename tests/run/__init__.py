"""Tests of fetchkit.run."""
