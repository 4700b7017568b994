"""The markup that leads the sockets of an unmodified program through this server (`--inject`)."""

import json
from collections.abc import Iterable

from fetchkit.assets import static_dir

__all__ = ["socket_shim"]

_PLACE = "SETTINGS"


def socket_shim(*, tcp: str = "/tcp", udp: str = "/udp", keep: Iterable[int] = ()) -> bytes:
    """A script element to be put into pages before their own scripts.

    Args:
        tcp: path below which the tunnel to a TCP server begins, without a slash at its end.
        udp: the same for UDP.
        keep: ports to which sockets go directly, as those of bridges.
    """
    code = (static_dir() / "inject" / "sockets.js").read_text("ascii")
    # `<` would begin the end of the script in one place only, but here there is none to look for it.
    settings = json.dumps({"tcp": tcp, "udp": udp, "keep": sorted(keep)}).replace("<", "\\u003c")
    before, after = code.rsplit(_PLACE, 1)
    return f"<script>\n{before}{settings}{after}</script>\n".encode("ascii")
