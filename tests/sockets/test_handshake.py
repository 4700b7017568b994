"""The opening handshake, judged as values."""

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from fetchkit.errors import BadRequestError, UpgradeRequiredError
from fetchkit.sockets.handshake import MAX_PROTOCOLS, accept_head, parse_handshake, pick_protocol

# RFC 6455, section 1.3.
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def headers(**changed: str | None) -> CIMultiDictProxy[str]:
    """The fields of a right handshake, some changed or left out."""
    fields: dict[str, str | None] = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": KEY,
    }
    fields |= {name.replace("_", "-"): value for name, value in changed.items()}
    return CIMultiDictProxy(CIMultiDict({n: v for n, v in fields.items() if v is not None}))


def test_a_right_handshake_has_the_accept_key_of_the_standard() -> None:
    handshake = parse_handshake("GET", headers())
    assert (handshake.accept, handshake.protocols) == (ACCEPT, ())


@pytest.mark.parametrize("value", ["Upgrade", "upgrade", "keep-alive, Upgrade", "keep-alive ,\tUPGRADE"])
def test_connection_is_a_list_in_any_case(value: str) -> None:
    assert parse_handshake("GET", headers(Connection=value)).accept == ACCEPT


@pytest.mark.parametrize(
    "changed",
    [
        {"Connection": "keep-alive"},
        {"Connection": None},
        {"Sec_WebSocket_Key": None},
        {"Sec_WebSocket_Key": ""},
        {"Sec_WebSocket_Key": "AAAA"},
        {"Sec_WebSocket_Key": KEY[:-1]},
        {"Sec_WebSocket_Key": KEY + "AAAA"},
        {"Sec_WebSocket_Key": "ü" * 24},
        {"Sec_WebSocket_Key": KEY.replace("Z", "*")},
        {"Sec_WebSocket_Protocol": "a b"},
        {"Sec_WebSocket_Protocol": "bin\u00e4r"},
        {"Sec_WebSocket_Protocol": "a;b"},
        {"Sec_WebSocket_Protocol": ",".join(f"p{n}" for n in range(MAX_PROTOCOLS + 1))},
    ],
)
def test_what_is_no_handshake_is_a_bad_request(changed: dict[str, str | None]) -> None:
    with pytest.raises(BadRequestError):
        parse_handshake("GET", headers(**changed))


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS"])
def test_a_handshake_is_a_get(method: str) -> None:
    with pytest.raises(BadRequestError):
        parse_handshake(method, headers())


@pytest.mark.parametrize("version", ["8", "7", "0", "", "13, 8", None])
def test_other_versions_are_told_which_is_spoken(version: str | None) -> None:
    with pytest.raises(UpgradeRequiredError) as caught:
        parse_handshake("GET", headers(Sec_WebSocket_Version=version))
    assert caught.value.headers["Sec-WebSocket-Version"] == "13"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("binary", ("binary",)),
        ("binary,base64", ("binary", "base64")),
        ("base64 ,\tbinary", ("base64", "binary")),
        ("", ()),
        (", ,", ()),
    ],
)
def test_subprotocols_keep_the_clients_order(value: str, expected: tuple[str, ...]) -> None:
    assert parse_handshake("GET", headers(Sec_WebSocket_Protocol=value)).protocols == expected


def test_subprotocols_of_several_lines_are_one_list() -> None:
    fields = CIMultiDict(headers())
    fields.add("Sec-WebSocket-Protocol", "a")
    fields.add("Sec-WebSocket-Protocol", "b, c")
    assert parse_handshake("GET", CIMultiDictProxy(fields)).protocols == ("a", "b", "c")


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [((), None), (("x", "binary"), "binary"), (("base64", "text"), "base64"), (("binary",), "binary")],
)
def test_the_preferred_subprotocol_is_chosen_else_the_first(
    offered: tuple[str, ...], chosen: str | None
) -> None:
    assert pick_protocol(offered, ("binary",)) == chosen


def test_the_accepting_head_is_exact() -> None:
    handshake = parse_handshake("GET", headers())
    assert accept_head(handshake, "binary", b"X: y\r\n") == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + ACCEPT.encode() + b"\r\nSec-WebSocket-Protocol: binary\r\nX: y\r\n\r\n"
    )
    assert b"Protocol:" not in accept_head(handshake, None, b"")
