"""The request target as events and logs may show it: without the access token and passwords."""

import re

from fetchkit.web.tokens import without_token

__all__ = ["shown_target"]

# What stands before @ in the authority of a URL within the target, percent-encoded as in `?url=` or not.
_USER = re.compile(r"((?::|%3A)(?:/|%2F){2})(?:(?!%2F)[^/?#])*(?:@|%40)", re.IGNORECASE)


def shown_target(target: str) -> str:
    """The target with the token taken out, and `***` for a user name and password."""
    target = without_token(target)
    return _USER.sub(r"\1***@", target) if "@" in target or "%40" in target else target
