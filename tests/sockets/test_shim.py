"""The shim for SOCKFS: as markup, and what it makes of the sockets of a page, run by Node."""

import json
import shutil
import subprocess
from typing import Any

import pytest

from fetchkit.files.injection import inject
from fetchkit.sockets.shim import socket_shim

# A page's globals, with a WebSocket that only says what it was asked for.
PAGE = """
class Native { constructor(url, protocols) { this.url = String(url); this.protocols = protocols; } }
Native.OPEN = 1;
const self = {WebSocket: Native, location: {origin: ORIGIN}};
const open = (...args) => new self.WebSocket(...args).url;
// SOCKFS as Emscripten has it: createPeer opens a WebSocket at once.
const sockfs = (given) => ({websocket_sock_ops: {createPeer(sock, addr, port) {
  return open(given || `ws://${addr}:${port}/`, ['binary']);
}}});
const peer = (type, addr, port) => self.SOCKFS.websocket_sock_ops.createPeer({type}, addr, port);
"""


def run(code: str, *, origin: str = "http://127.0.0.1:6931", **settings: Any) -> Any:
    """The value of an expression in a page that has the shim."""
    node = shutil.which("node") or shutil.which("nodejs")
    if node is None:
        pytest.skip("node is not installed: `apt-get install nodejs` brings it.")
    shim = socket_shim(**settings).decode().removeprefix("<script>").removesuffix("</script>\n")
    page = PAGE.replace("ORIGIN", json.dumps(origin))
    source = f"{page}{shim};console.log(JSON.stringify((() => {{ {code} }})()))"
    result = subprocess.run([node, "-e", source], capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_it_is_one_script_element_that_fits_into_any_page() -> None:
    shim = socket_shim(tcp="/t", udp="/u", keep={8088, 80})
    assert shim.startswith(b"<script>")
    assert shim.endswith(b"</script>\n")
    assert shim.count(b"</script") == 1
    assert b'{"tcp": "/t", "udp": "/u", "keep": [80, 8088]}' in shim
    assert b"SETTINGS" not in shim
    assert inject(b"<head>", shim) == b"<head>" + shim
    shim.decode("ascii")


def test_a_connection_of_sockfs_goes_through_the_tunnel_of_its_kind() -> None:
    code = """self.SOCKFS = sockfs();
    return [peer(1, 'example.com', 80), peer(2, 'example.com', 53), self.WebSocket === Native];"""
    assert run(code) == [
        "ws://127.0.0.1:6931/tcp/example.com:80",
        "ws://127.0.0.1:6931/udp/example.com:53",
        False,
    ]


def test_it_follows_the_page_to_tls_and_the_routes_to_their_names() -> None:
    code = "self.SOCKFS = sockfs(); return [peer(1, 'h', 1), peer(2, 'h', 2)];"
    assert run(code, origin="https://dev.example", tcp="/a/t", udp="/a/u") == [
        "wss://dev.example/a/t/h:1",
        "wss://dev.example/a/u/h:2",
    ]


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_both_prefixes_are_known(scheme: str) -> None:
    code = f"return open('{scheme}://h:1/', ['binary']);"
    assert run(code) == "ws://127.0.0.1:6931/tcp/h:1"


def test_a_build_as_a_module_is_known_by_its_one_subprotocol() -> None:
    code = """return [['binary'], ['text'], ['base64'], ['chat'], ['binary', 'base64'], 'binary', undefined]
      .map((protocols) => open('ws://h:1/', protocols));"""
    through = "ws://127.0.0.1:6931/tcp/h:1"
    assert run(code) == [through, through, through, *["ws://h:1/"] * 4]


@pytest.mark.parametrize(
    "url",
    [
        "ws://127.0.0.1:6931/",  # this server
        "ws://h:8088/",  # a bridge
        "ws://h/",
        "ws://h:1",
        "ws://h:1/chat",
        "ws://h:1/?x",
        "ws://user@h:1/",
        "http://h:1/",
        "ws://h:99999/",
    ],
)
def test_what_is_no_connection_of_sockfs_stays_as_it_is(url: str) -> None:
    assert run(f"return open('{url}', ['binary']);", keep=(8088,)) == url


def test_a_default_port_is_this_servers_too() -> None:
    code = "return [open('ws://dev.example:80/', ['binary']), open('ws://dev.example:443/', ['binary'])];"
    assert run(code, origin="http://dev.example") == [
        "ws://dev.example:80/",
        "ws://dev.example/tcp/dev.example:443",
    ]


def test_a_url_that_the_program_was_given_is_kept() -> None:
    code = "self.SOCKFS = sockfs('ws://proxy:9000/'); return peer(1, 'h', 1);"
    assert run(code) == "ws://proxy:9000/"
    assert run("self.SOCKFS = sockfs('ws://h:1/path'); return peer(1, 'h', 1);") == "ws://h:1/path"


def test_with_sockfs_in_reach_nothing_is_guessed() -> None:
    code = "self.SOCKFS = sockfs(); return open('ws://h:1/', ['binary']);"
    assert run(code) == "ws://h:1/"


def test_a_connection_that_fails_leaves_nothing_behind() -> None:
    code = """self.SOCKFS = {websocket_sock_ops: {createPeer() { throw new Error('no'); }}};
    try { peer(1, 'h', 1); } catch (error) { return [error.message, open('ws://h:1/', ['binary'])]; }"""
    assert run(code) == ["no", "ws://h:1/"]


def test_an_accepted_connection_is_handed_on() -> None:
    code = """let got; self.SOCKFS = {websocket_sock_ops: {createPeer(...args) { got = [this === self.SOCKFS
      .websocket_sock_ops, ...args]; }}};
    self.SOCKFS.websocket_sock_ops.createPeer('sock', {ws: 1}); return got;"""
    assert run(code) == [True, "sock", {"ws": 1}]


def test_a_page_without_sockfs_notices_nothing() -> None:
    code = """class Mine extends self.WebSocket {}
    const mine = new Mine('ws://h:1/x'), other = new self.WebSocket('ws://h:1/x');
    return [typeof self.SOCKFS, Object.keys(self), mine instanceof Mine, mine instanceof self.WebSocket,
            other.constructor === self.WebSocket, self.WebSocket.OPEN, self.WebSocket.name];"""
    assert run(code) == ["undefined", ["WebSocket", "location"], True, True, True, 1, "Native"]


def test_something_else_of_that_name_is_left_alone() -> None:
    assert run("self.SOCKFS = 5; self.SOCKFS += 1; return self.SOCKFS;") == 6
    assert run("self.SOCKFS = {a: 1}; return [self.SOCKFS, Object.keys(self).includes('SOCKFS')];") == [
        {"a": 1},
        True,
    ]


@pytest.mark.parametrize("origin", ["null", "file://"])
def test_a_page_without_a_server_is_left_alone(origin: str) -> None:
    assert run("return self.WebSocket === Native;", origin=origin) is True
