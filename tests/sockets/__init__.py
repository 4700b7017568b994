"""Tests of fetchkit.sockets."""
