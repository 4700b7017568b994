"""Resumable uploads: the tus protocol 1.0.0 (https://tus.io/protocols/resumable-upload), and what came.

`grammar` is what the fields may say, `uploads` what the memory knows of an upload, `answers` what is told of
it, and `routes` what each method does.
"""

from fetchkit.origin.tus.grammar import max_size, parse_metadata
from fetchkit.origin.tus.routes import ROUTES

__all__ = ["ROUTES", "max_size", "parse_metadata"]
