"""Tests of fetchkit.origin."""
