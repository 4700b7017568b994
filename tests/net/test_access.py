"""Tests of who may ask: the whole truth table, and the token's comparison."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.errors import ForbiddenError
from fetchkit.net.access import Asker, judge, token_matches
from fetchkit.net.origins import OriginRules, origin_rules, parse_origin

HOST = "192.168.1.5:6931"
RULES = origin_rules(["https://app.example"], "--allow-origin")

ORIGINS = {
    "absent": None,
    "same": f"http://{HOST}",
    "loopback": "http://localhost:3000",
    "allowed": "https://app.example",
    "foreign": "https://evil.example",
    "null": "null",
    "empty": "",
    "garbage": "http://a b\udc80",
    "several": "https://app.example https://evil.example",
    "same host, other scheme": f"https://{HOST}",
    "same host, other port": "http://192.168.1.5:6932",
}
SITES = {
    "absent": None,
    "none": "none",
    "same-origin": "same-origin",
    "same-site": "same-site",
    "cross-site": "cross-site",
    "empty": "",
    "upper case": "NONE",
    "garbage": "same-origin, none",
}
PEERS = {
    "loopback": "127.0.0.1",
    "loopback IPv6": "::1",
    "loopback mapped": "::ffff:127.0.0.1",
    "LAN": "192.168.1.77",
    "public": "8.8.8.8",
    "link-local": "fe80::1%eth0",
    "unknown": None,
    "garbage": "localhost",
}

# What the rule says, written as sets and not as the branches of the code.
PASSING_ORIGINS = {"same", "loopback", "allowed"}
PASSING_SITES = {"none", "same-origin"}
PASSING_PEERS = {"loopback", "loopback IPv6", "loopback mapped"}


def _passes(origin: str, site: str, peer: str, token: bool) -> bool:
    if origin != "absent":
        return origin in PASSING_ORIGINS
    if site != "absent":
        return site in PASSING_SITES
    return peer in PASSING_PEERS or token


def _asker(
    origin: str | None = None, site: str | None = None, peer: str | None = "8.8.8.8", *, token: bool = False
) -> Asker:
    return Asker(HOST, origin, site, peer, token=token, own_origin=parse_origin(f"http://{HOST}"))


def _is_refused(asker: Asker, rules: OriginRules = RULES) -> bool:
    try:
        judge(asker, rules)
    except ForbiddenError:
        return True
    return False


@pytest.mark.parametrize(("origin", "site"), list(product(ORIGINS, SITES)))
def test_the_table_of_who_may_ask(origin: str, site: str) -> None:
    for peer, token in product(PEERS, (False, True)):
        refused = _is_refused(_asker(ORIGINS[origin], SITES[site], PEERS[peer], token=token))
        assert refused is not _passes(origin, site, peer, token), (peer, token)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
def test_a_token_never_lets_a_foreign_page_pass(origin: str) -> None:
    assert _is_refused(_asker(origin, "cross-site", "127.0.0.1", token=True))


def test_without_an_own_origin_a_malformed_one_is_not_the_same() -> None:
    assert _is_refused(Asker("?", "null", None, "127.0.0.1", token=True, own_origin=None))


def test_any_origin_lets_every_page_that_names_itself_pass() -> None:
    rules = origin_rules(["*"], "--allow-origin")
    assert not _is_refused(_asker("null"), rules)
    assert not _is_refused(_asker("https://evil.example", "cross-site"), rules)
    assert _is_refused(_asker(None, "cross-site"), rules)


@pytest.mark.parametrize(
    ("asker", "detail", "hint"),
    [
        (
            _asker("https://evil.example:443"),
            "'https://evil.example:443'",
            "--allow-origin https://evil.example ",
        ),
        (_asker("null"), "'null'", "--allow-origin"),
        (_asker("\udc80\x1b[2J"), r"'\udc80\x1b[2J'", "--allow-origin"),
        (_asker(None, "cross-site"), "Sec-Fetch-Site: 'cross-site'", "--allow-origin ORIGIN"),
        (_asker(), "Another machine", "--token"),
    ],
    ids=["foreign", "null", "garbage", "site", "peer"],
)
def test_a_refusal_says_what_was_wrong_and_which_flag_helps(asker: Asker, detail: str, hint: str) -> None:
    with pytest.raises(ForbiddenError) as caught:
        judge(asker, RULES)
    assert detail in caught.value.detail
    assert HOST in caught.value.detail
    assert hint in caught.value.hint
    assert caught.value.detail.isascii()


@pytest.mark.parametrize(
    ("given_token", "expected", "same"),
    [
        ("secret", "secret", True),
        ("secret", "Secret", False),
        ("secre", "secret", False),
        ("secret ", "secret", False),
        ("", "secret", False),
        ("", "", False),
        ("gr\xfc\xdfe", "gr\xfc\xdfe", True),
        ("\udc80", "\udc80", True),
        ("\udc80", "secret", False),
    ],
    ids=ascii,
)
def test_a_token_matches_only_itself(given_token: str, expected: str, same: bool) -> None:
    assert token_matches(given_token, expected) is same


@given(st.text(st.characters()), st.text(st.characters(), min_size=1))
def test_tokens_of_any_unicode_are_compared_without_an_error(one: str, other: str) -> None:
    assert token_matches(one, other) is (one == other)
