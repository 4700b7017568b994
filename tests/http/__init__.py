"""Tests of fetchkit.http."""
