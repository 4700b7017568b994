"""Header fields that a person writes: `NAME: VALUE`, checked before they reach a response."""

import re

from fetchkit.errors import ConfigError

__all__ = ["parse_field"]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # field-name (RFC 9110, sections 5.1 and 5.6.2)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # field-value without obs-fold (RFC 9110, section 5.5)
# They describe one body or one answer: a fixed value would be wrong for the others.
_OF_ONE_ANSWER = frozenset(
    {
        "accept-ranges",
        "allow",
        "content-encoding",
        "content-range",
        "content-type",
        "etag",
        "last-modified",
        "location",
    }
)
# They frame the message or belong to one connection: a fixed value would break the next response.
_FRAMING = frozenset(
    {"connection", "content-length", "date", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)


def parse_field(line: str, option: str) -> tuple[str, str]:
    """Take a field line apart: name and value.

    Raises:
        ConfigError: it is no field line, or a field that only the server can write.
    """
    name, colon, value = line.partition(":")
    value = value.strip(" \t")
    if not colon or not _TOKEN.fullmatch(name):
        raise ConfigError(f"{option} {line!r} is no header field: write it as 'NAME: VALUE'.")
    if not _VALUE.fullmatch(value):
        raise ConfigError(f"{option} {name}: the value has characters that no header field can carry.")
    if name.lower() in _FRAMING | _OF_ONE_ANSWER:
        raise ConfigError(f"{option} {name}: only the server itself can write this field; leave it out.")
    return name, value
