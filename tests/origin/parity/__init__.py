"""Tests that hold the origin against its peers: httpbin itself, and clients that were written for it."""
