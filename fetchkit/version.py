"""The version, as the package's metadata knows it, without reading the metadata at each start."""

__all__ = ["SERVER", "VERSION"]

VERSION = "0.1.0"
SERVER = f"fetchkit/{VERSION}"
