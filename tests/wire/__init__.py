"""Exact bytes both ways: a hostile origin as the upstream, a raw client in front."""
