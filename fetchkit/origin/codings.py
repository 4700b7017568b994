"""Answers with a content coding, whatever Accept-Encoding says."""

import json
from typing import Final

from attrs import frozen

from fetchkit.errors import NotOfferedError
from fetchkit.origin.answer import Answer, whole
from fetchkit.origin.asked import Asked
from fetchkit.origin.encoders import encoder
from fetchkit.origin.inspect import echo
from fetchkit.origin.route import Peer, Route

__all__ = ["ROUTES"]


@frozen
class _Coded:
    """The handler for one coding.

    Attributes:
        coding: value of Content-Encoding.
        key: what the document says of itself.
    """

    coding: str
    key: str

    def __call__(self, asked: Asked) -> Answer:
        """Tell the request back, encoded.

        Raises:
            NotOfferedError: the package for it is not installed.
        """
        try:
            coder = encoder(self.coding)
        except ImportError as error:
            raise NotOfferedError(
                f"There is no package for {self.coding} here.", "pip install 'fetchkit[compress]' brings it."
            ) from error
        told = echo(asked, "headers", "method", "origin") | {self.key: True}
        plain = json.dumps(told, indent=2).encode("ascii") + b"\n"
        body = coder.compress(plain) + coder.finish()
        fields = (("Content-Encoding", self.coding), ("Vary", "Accept-Encoding"))
        return whole(200, body, "application/json", *fields)


_BOTH: Final = (Peer.HTTPBIN, Peer.GO)
_GROUP: Final = "Content codings"

ROUTES: Final[tuple[Route, ...]] = tuple(
    Route(
        ("GET",),
        pattern,
        _Coded(coding, key),
        f"Tells the request back as JSON with Content-Encoding: {coding}.",
        peers=peers,
        differs="go-httpbin answers 501." if key == "brotli" else "",
        group=_GROUP,
    )
    for pattern, coding, key, peers in (
        ("/gzip", "gzip", "gzipped", _BOTH),
        ("/deflate", "deflate", "deflated", _BOTH),
        ("/brotli", "br", "brotli", (Peer.HTTPBIN,)),
        ("/zstd", "zstd", "zstd", ()),
    )
)
