"""Tests of fetchkit.origin.memory."""
