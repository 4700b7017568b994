"""Access: who may use forward, the test origin, sockets, emrun's messages and the control routes.

The threat: any page that a developer visits can send requests to loopback. WebSocket handshakes are exempt
from CORS, and an `<img>` or a no-cors fetch sends no `Origin`. Such a page would read internal services
through `/tcp`, print into the terminal through `stdio.html`, and reach the network behind this machine
through `/forward`. A browser says honestly who asks. Other programs can say anything, but those on this
machine can open sockets without this server's help, so only those on other machines need a token:

    Origin            Sec-Fetch-Site           peer or token           answer
    own or allowed    any                      any                     pass
    any other, null   any                      any                     403
    absent            same-origin, none        any                     pass: this page, or the address bar
    absent            same-site, cross-site    any                     403: an <img>, a no-cors fetch
    absent            anything else            any                     403: no browser sends it
    absent            absent                   loopback, or a token    pass: curl, Node, Python
    absent            absent                   other, no token         403

A token does not open the door to a foreign page: it may have arrived by the cookie, which a browser sends
along for whoever asks. Where a token is required, that is asked besides.

The rule stands on the Host check (`hosts`), which must come first: a rebound name is of one origin with us.
Browsers send `Sec-Fetch-Site` to trustworthy addresses only (https, loopback names and addresses), so at
http://dev.example/ (`--allow-host dev.example`, on loopback) a foreign page's `<img>` passes for curl.
"""

import hmac
from functools import lru_cache
from typing import Final

from attrs import frozen

from fetchkit.errors import ForbiddenError
from fetchkit.net.addresses import AddressClass, classify
from fetchkit.net.origins import Origin, OriginRules, parse_origin

__all__ = ["Asker", "judge", "token_matches"]

# W3C Fetch Metadata, section 2.4: the values of Sec-Fetch-Site that no foreign page can cause.
_OWN_SITES: Final = frozenset({"same-origin", "none"})


@frozen
class Asker:
    """What a request says about who sent it.

    Attributes:
        host: the Host header, already allowed.
        origin: the Origin header; None where it is absent.
        sec_fetch_site: the Sec-Fetch-Site header; None where it is absent.
        peer: the address at the other end of the connection; None where there is none (a Unix socket).
        token: whether the request carries the access token.
        own_origin: the origin of the request itself: the listener's scheme and the Host header.
    """

    host: str
    origin: str | None
    sec_fetch_site: str | None
    peer: str | None
    token: bool
    own_origin: Origin | None


def judge(asker: Asker, origins: OriginRules) -> None:
    """Let the asker pass, or say why not; the table above is the rule.

    Raises:
        ForbiddenError: with the flag that would let it pass as its hint.
    """
    if asker.origin is not None:
        if not (origins.allows(asker.origin) or _is_own(asker.origin, asker.own_origin)):
            raise _foreign_origin(asker.origin, asker.host)
    elif asker.sec_fetch_site is not None:
        if asker.sec_fetch_site not in _OWN_SITES:
            raise _foreign_site(asker.sec_fetch_site, asker.host)
    elif not (asker.token or _is_loopback(asker.peer)):
        raise ForbiddenError(
            f"Another machine may not use {asker.host!a:.100} without a token.",
            "Start fetchkit with --token and send the token as X-Fetchkit-Token or ?fetchkit-token=.",
        )


def _is_own(origin: str, own_origin: Origin | None) -> bool:
    return own_origin is not None and parse_origin(origin) == own_origin


@lru_cache(256)  # a few peers repeat
def _is_loopback(peer: str | None) -> bool:
    try:
        return peer is not None and classify(peer) is AddressClass.LOOPBACK
    except ValueError:
        return False


def _foreign_origin(value: str, host: str) -> ForbiddenError:
    origin = parse_origin(value)
    hint = (
        "Serve the page over http or https: --allow-origin takes no null, only ORIGIN or * for any page."
        if origin is None
        else f"--allow-origin {origin} allows it."
    )
    return ForbiddenError(f"A page of {value!a:.100} may not use {host!a:.100}.", hint)


def _foreign_site(site: str, host: str) -> ForbiddenError:
    return ForbiddenError(
        f"A page of another origin (Sec-Fetch-Site: {site!a:.100}) may not use {host!a:.100}.",
        "Allow the page with --allow-origin ORIGIN, and ask with CORS, so that the browser names its origin: "
        "fetch does by default, an element with the attribute crossorigin.",
    )


def token_matches(given: str, expected: str) -> bool:
    """Compare an access token in constant time; where none is expected, none matches."""
    # Header values may hold lone surrogates, which plain UTF-8 refuses to encode.
    given_bytes, expected_bytes = (text.encode("utf-8", "surrogatepass") for text in (given, expected))
    return hmac.compare_digest(given_bytes, expected_bytes) and expected != ""
