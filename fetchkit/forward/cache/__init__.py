"""The optional cache of the forward, on disk (RFC 9111).

`rules` decides (through hishel), `store` and `disk` keep, `lookup` is the machine, and `hop` puts it
beside one exchange with upstream. All but `hop` need the extra `cache`.
"""

from typing import TYPE_CHECKING

from fetchkit.lazy import loader

if TYPE_CHECKING:
    from fetchkit.forward.cache.lookup import DiskCache

__all__ = ["DiskCache"]

__getattr__ = loader(__name__, {"DiskCache": "lookup"})
