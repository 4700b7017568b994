"""Content codings: which of the available ones a client wants (RFC 9110, section 12.5.3)."""

import re
from collections.abc import Sequence

__all__ = ["IDENTITY", "IDENTITY_BY_DEFAULT", "choose", "parse_accept_encoding", "quality"]

IDENTITY = "identity"
# The smallest weight that a qvalue can hold (section 12.4.2): bytes as they are remain acceptable where the
# field does not name them, but every coding that the client does name is wanted more.
IDENTITY_BY_DEFAULT = 0.001

# "A recipient SHOULD consider "x-gzip" to be equivalent to "gzip"" (sections 8.4.1.1 and 8.4.1.3)
_ALIASES = {"x-compress": "compress", "x-gzip": "gzip"}

# codings [ weight ], with the qvalue of section 12.4.2: 0 to 1 with up to three digits
_MEMBER = re.compile(
    r"(?P<coding>[!#$%&'*+.^_`|~0-9A-Za-z-]+)"
    r"(?:[ \t]*;[ \t]*[qQ]=(?P<weight>0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?"
)


def parse_accept_encoding(value: str) -> dict[str, float]:
    """Read an Accept-Encoding field: coding in lower case (or `*`) to weight, 0 to 1.

    A member that is malformed is skipped; of a coding named twice the last weight counts. Never raises.
    """
    weights: dict[str, float] = {}
    for member in value.split(","):
        if match := _MEMBER.fullmatch(member.strip(" \t")):
            coding = match["coding"].lower()
            weights[_ALIASES.get(coding, coding)] = float(match["weight"] or 1)
    return weights


def quality(accept: str | None, coding: str) -> float:
    """How much a client wants a coding (in lower case): 0, not acceptable, to 1.

    Args:
        accept: the Accept-Encoding field; None where it is absent, and then "any content coding is
            considered acceptable by the user agent". An empty one asks for identity only.
        coding: such as `br`, or `identity`, which stays acceptable (IDENTITY_BY_DEFAULT) unless
            `identity;q=0`, or `*;q=0` without an entry for identity, excludes it.
    """
    return 1.0 if accept is None else _weight(parse_accept_encoding(accept), coding)


def choose(accept: str | None, available: Sequence[str]) -> str:
    """The coding to send: one of `available` (in lower case, best first), or `identity`.

    It is the one with the highest weight above 0 that is at least identity's; the order of `available`
    breaks a tie. Where nothing fits it is identity, even if the client excludes that: "the origin server
    SHOULD send a response without any content coding".

    An absent field means identity here, although `quality` says that the client would accept anything: a
    client that does not ask, such as curl without --compressed, wants the bytes as they are.
    """
    if accept is None:
        return IDENTITY
    weights = parse_accept_encoding(accept)
    best, best_weight = IDENTITY, _weight(weights, IDENTITY)
    for coding in reversed(available):
        weight = _weight(weights, coding)
        if weight > 0 and weight >= best_weight:
            best, best_weight = coding, weight
    return best


def _weight(weights: dict[str, float], coding: str) -> float:
    # `*` "matches any available content coding not explicitly listed in the field"
    default = IDENTITY_BY_DEFAULT if coding == IDENTITY else 0.0
    return weights.get(coding, weights.get("*", default))
