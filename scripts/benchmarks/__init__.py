"""Benchmarks of fetchkit beside its peers, on loopback, on Linux; each feature is one module of `parts`."""
