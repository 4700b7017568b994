"""Tests of fetchkit.emrun."""
