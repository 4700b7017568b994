"""How much of a head upstream may send; what is beyond is refused."""

from typing import Final

__all__ = ["MAX_FIELD", "MAX_FIELDS"]

# Twice what Node and Go take for a whole head; upstreams with large cookies exist.
MAX_FIELD: Final = 32 * 1024
MAX_FIELDS: Final = 256
