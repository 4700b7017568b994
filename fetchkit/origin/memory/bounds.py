"""What a token costs, alike in every kind of memory. Pure.

Bytes of values and of items cost what they are: with 64 MiB for all, an upload of 64 MiB fits. Names cost
too, or a client that makes up ever more of them would fill the machine with empty values; but the few that
an honest token has are free.
"""

from typing import Final

__all__ = ["FREE", "PER_NAME", "SWEEP", "charge", "encoded", "weight"]

# An entry of a dictionary with its key and value in CPython; Redis takes about as much.
PER_NAME: Final = 128
# Thirty names of one token; with 1000 tokens that is 4 MiB which nobody is charged for.
FREE: Final = 4096
# Expired tokens that one call drops: more than a call can add, so they get fewer; few enough to be quick.
SWEEP: Final = 100


def encoded(text: str) -> bytes:
    """A name as bytes; half a surrogate pair, which a URL may bring, is no reason to fail."""
    return text.encode("utf-8", "surrogatepass")


def weight(name: str) -> int:
    """What a name weighs: that of a token, or of something below it."""
    return PER_NAME + len(encoded(name))


def charge(data: int, names: int) -> int:
    """What a token is charged for its data and for the weight of its names."""
    return data + max(0, names - FREE)
