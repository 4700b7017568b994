"""Tests of fetchkit.sockets.tunnel."""
