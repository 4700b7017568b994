"""Tests of fetchkit.net."""
