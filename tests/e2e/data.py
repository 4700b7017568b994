"""The large file of the tests: several MiB, deterministic, different at every place, easy to compress."""

__all__ = ["BIG"]

BIG = b"".join(b"%07d " % number for number in range(5 * 131072 + 3))[:-1]
"""5 MiB and 23 bytes: more than the 1 MiB pieces of a lazy file, and no multiple of them."""
