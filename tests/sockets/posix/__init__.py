"""Tests of fetchkit.sockets.posix."""
