"""Tests of fetchkit.files."""
