"""Mirrors fetchkit.sockets.echo."""
