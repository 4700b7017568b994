"""Which names a client may make up for what is remembered. Pure."""

import re
from typing import Final

from fetchkit.errors import BadRequestError

__all__ = ["check_token"]

# unreserved (RFC 3986, section 2.3): no two spellings in a URL stand for one token.
_TOKEN: Final = re.compile("[A-Za-z0-9._~-]{1,128}")


def check_token(text: str) -> str:
    """The text, which is a token.

    Raises:
        BadRequestError: it is none.
    """
    if not _TOKEN.fullmatch(text):
        raise BadRequestError(
            f"{text!a:.80} is no token.", "A token is 1 to 128 letters, digits and any of - . _ ~."
        )
    return text
