"""Tests of fetchkit.forward."""
