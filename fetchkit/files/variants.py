"""Chooses the variant of a file for a request: plain, or its precompressed sibling."""

import os
import stat
import time
from collections.abc import Callable
from hashlib import blake2b

from attrs import frozen

from fetchkit.errors import ForbiddenError
from fetchkit.files.lookup import Folder, Opened, Signature, signature
from fetchkit.http.conditional import Validators
from fetchkit.http.encodings import choose
from fetchkit.http.media_types import SIBLINGS, media_type, precompressed
from fetchkit.http.representation import Representation

__all__ = ["Variant", "describe", "open_variant", "settled"]

# The kernel stamps files with the time of its last tick, 4 to 10 ms apart (15 on Windows): a file may
# be written twice within one tick and look the same. Git calls such an entry racily clean.
SETTLED_NS = 20_000_000


@frozen
class Variant:
    """What was chosen.

    Attributes:
        opened: the file that will be sent.
        coding: its content coding, empty for none.
        varies: there are siblings, so Accept-Encoding mattered.
        original: path and signature of the plain file, when a sibling stands in for it.
    """

    opened: Opened
    coding: str
    varies: bool
    original: tuple[str, Signature] | None = None


def open_variant(
    folder: Folder, place: str, accept_encoding: str | None, *, siblings: bool = True
) -> Variant | None:
    """Open the file at `place`, or the sibling that suits Accept-Encoding best; None: no such file.

    Args:
        folder: the served folder.
        place: path on disk.
        accept_encoding: None forbids siblings. A HEAD or a range must speak of the plain bytes:
            Emscripten's lazy files (library_fs.js, createLazyFile) add up Content-Length of the one and
            bytes of the other.
        siblings: False where none may stand in for the plain file, whatever is asked for.
    """
    plain = folder.open(place)
    if plain is None:
        return None
    linked = precompressed(os.path.basename(place))
    if linked is not None:  # the page names the compressed file itself, so it wants it decoded
        return Variant(plain, linked[1], varies=False)
    codings = _fresh_siblings(place, plain.status.st_mtime_ns) if siblings else []
    coding = choose(accept_encoding, codings) if codings else "identity"
    if coding == "identity":
        return Variant(plain, "", varies=bool(codings))
    try:
        chosen = folder.open(place + SIBLINGS[coding])
    except ForbiddenError:
        chosen = None
    if chosen is None:  # gone, unreadable, or a link that leaves the folder
        return Variant(plain, "", varies=True)
    plain.close()
    return Variant(chosen, coding, varies=True, original=(place, signature(plain.status)))


def _fresh_siblings(place: str, modified_ns: int) -> list[str]:
    """Codings whose sibling exists and is not older than the original: an older one is stale."""
    fresh = []
    for coding, suffix in SIBLINGS.items():
        try:
            status = os.stat(place + suffix)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_mtime_ns >= modified_ns:
            fresh.append(coding)
    return fresh


def settled(status: os.stat_result, clock: Callable[[], int] = time.time_ns) -> bool:
    """Whether a later change of the file is sure to change its times.

    By the time of the last change of any kind, which nobody can set; Windows has none, and gives
    the time of the creation in its place.
    """
    changed = status.st_mtime_ns if os.name == "nt" else status.st_ctime_ns
    return clock() - changed > SETTLED_NS


def describe(variant: Variant, body: bytes | None = None, *, injected: bool = False) -> Representation:
    """The representation of a variant; of its bytes where they are at hand, else of its signature.

    With markup `injected` into the bytes it changes whenever that does, of which the file's time knows
    nothing: so it has none (RFC 9110, section 8.8.2: the date is that of the representation).
    """
    opened = variant.opened
    name = os.path.basename(opened.path)
    if variant.original is not None:
        name = os.path.basename(variant.original[0])
    elif variant.coding and (linked := precompressed(name)):
        name = linked[0]
    return Representation(
        source=opened.path,
        size=opened.status.st_size if body is None else len(body),
        content_type=media_type(name),
        coding=variant.coding,
        validators=Validators(
            _etag(opened.status, body), None if injected else _last_modified(opened.status)
        ),
        varies=variant.varies,
    )


def _etag(status: os.stat_result, body: bytes | None) -> str:
    """A strong entity tag (RFC 9110, section 8.8.3): another one whenever the bytes are others."""
    if body is not None:
        seed = body
    elif settled(status):
        seed = repr(signature(status)).encode()
    else:  # the signature cannot be trusted yet: a tag that nobody will present again
        seed = repr((signature(status), time.time_ns())).encode()
    return f'"{blake2b(seed, digest_size=12).hexdigest()}"'


def _last_modified(status: os.stat_result) -> int | None:
    """The second of the last change, once it is over: before that the file may change within it unseen.

    So the date is a strong validator (RFC 9110, section 8.8.2.2). A time in the future is told as now
    (section 8.8.2.1: "MUST replace that value with the message origination date").
    """
    second, now = int(status.st_mtime), int(time.time())
    return None if second == now else min(second, now)
