"""Tests of fetchkit.browser."""
