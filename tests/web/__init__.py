"""Tests of fetchkit.web."""
