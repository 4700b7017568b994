"""The settings of the test origin: `[origin]`, frozen. Pure."""

import math
from enum import StrEnum
from typing import Any

from attrs import Attribute, field, frozen

from fetchkit.errors import ConfigError

__all__ = ["KIB", "MIB", "Origin", "Shape"]

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
TIB = 1024 * GIB


class Shape(StrEnum):
    """Whose JSON the echoing routes speak."""

    HTTPBIN = "httpbin"
    GO_HTTPBIN = "go-httpbin"


def _positive(_instance: object, attribute: "Attribute[Any]", value: float) -> None:
    if not 0 < value < math.inf:
        raise ConfigError(f"origin: {attribute.name.replace('_', '-')} must be more than 0.")


def _shape(value: Any) -> Shape:
    try:
        return Shape(value)
    except ValueError as error:
        raise ConfigError(f"origin: shape {value!r} is not one of {', '.join(Shape)}.") from error


@frozen(kw_only=True)
class Origin:
    """What holds for the whole origin. Beyond a limit is a 400 that names it; nothing is clamped.

    Attributes:
        shape: JSON as httpbin has it (one value a string, several a list), or as go-httpbin (always lists).
        dangerous: allow what acts on the app that lives on the same origin: Clear-Site-Data,
            Strict-Transport-Security, a Content-Security-Policy in place of `sandbox`.
        max_size: bytes of a generated body.
        max_digest: bytes of a body whose digest is computed.
        max_echo: bytes of a request body that is kept to be echoed.
        max_upload: bytes of a request body that is counted or stored.
        max_seconds: of a delay, a duration, a stall.
        max_items: lines, events, links, redirects of one answer.
        max_tokens: tokens that are remembered at once; the longest unused goes first.
        max_seen: requests that are remembered for a token; the oldest go first.
        max_memory: bytes of uploads and scripts that are remembered, together.
        expiry: seconds for which a token or an upload is remembered unused.
    """

    shape: Shape = field(default=Shape.HTTPBIN, converter=_shape)
    dangerous: bool = False
    max_size: int = field(default=TIB, validator=_positive)
    # SHA-256 of 1 GiB takes a second or two of one core.
    max_digest: int = field(default=GIB, validator=_positive)
    # go-httpbin's is 1 MiB, httpbin has none.
    max_echo: int = field(default=16 * MIB, validator=_positive)
    max_upload: int = field(default=TIB, validator=_positive)
    # go-httpbin's is 10 s, httpbin's `/drip` has none.
    max_seconds: float = field(default=600.0, validator=_positive)
    # httpbin's and go-httpbin's `/stream` is 100.
    max_items: int = field(default=10_000, validator=_positive)
    max_tokens: int = field(default=1_000, validator=_positive)
    max_seen: int = field(default=1_000, validator=_positive)
    max_memory: int = field(default=64 * MIB, validator=_positive)
    expiry: float = field(default=3600.0, validator=_positive)
