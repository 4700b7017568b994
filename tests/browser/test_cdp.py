"""The DevTools protocol's messages, in memory: whole, in pieces, and what Chromium never says."""

import asyncio
import json
import subprocess
from typing import Any, cast

import pytest

from fetchkit.browser.cdp import Connection, RefusedError
from fetchkit.browser.chromium import ChromiumTab
from fetchkit.browser.find import Family, Found
from fetchkit.browser.lifeline import Lifeline
from fetchkit.browser.process import Process
from fetchkit.errors import BrowserError


class Wire(asyncio.Transport):
    """Remembers what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See `asyncio.Transport`."""
        self.written += bytes(data)


class Conversation:
    """A connection with nobody at the other end."""

    def __init__(self) -> None:
        process = Process(
            Found("chromium", Family.CHROMIUM, "/c"),
            cast("subprocess.Popen[bytes]", None),
            cast("Any", None),
            None,
        )
        self.line = Lifeline(process)
        self.wire = Wire()
        self.connection = Connection(self.line)
        self.connection.connection_made(self.wire)
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.connection.handlers["s"] = lambda method, params: self.heard.append((method, params))


def event(number: int, session: str = "s") -> bytes:
    return (
        json.dumps({"method": "M", "params": {"n": number, "t": "é\n"}, "sessionId": session}).encode()
        + b"\0"
    )


@pytest.mark.parametrize("size", [1, 2, 7, 64, 1000])
async def test_messages_may_come_in_pieces_of_any_size(size: int) -> None:
    talk = Conversation()
    data = b"".join(map(event, range(20)))
    for start in range(0, len(data), size):
        talk.connection.data_received(data[start : start + size])
    assert [params["n"] for _, params in talk.heard] == list(range(20))
    assert talk.heard[0] == ("M", {"n": 0, "t": "é\n"})


async def test_what_is_for_nobody_is_let_go() -> None:
    talk = Conversation()
    talk.connection.data_received(event(1, "other") + b'{"id":77,"result":{}}\0' + event(2))
    assert [params["n"] for _, params in talk.heard] == [2]


@pytest.mark.parametrize("nonsense", [b"no json", b"[]", b"7", b"{}", b"\xff\xfe", b'{"method":"M"}'])
async def test_nonsense_between_messages_does_no_harm(nonsense: bytes) -> None:
    talk = Conversation()
    talk.connection.data_received(event(1) + nonsense + b"\0" + event(2))
    assert [params["n"] for _, params in talk.heard] == [1, 2]


async def test_commands_are_numbered_and_answers_find_them_in_any_order() -> None:
    talk = Conversation()
    first = talk.connection.call("A", {"x": 1})
    second = talk.connection.call("B", {}, "s")
    sent = [json.loads(command) for command in talk.wire.written.split(b"\0")[:-1]]
    assert sent == [
        {"id": 1, "method": "A", "params": {"x": 1}},
        {"id": 2, "method": "B", "params": {}, "sessionId": "s"},
    ]
    talk.connection.data_received(b'{"id":2,"result":{"r":2}}\0{"id":1,"error":{"message":"not so"}}\0')
    assert await second == {"r": 2}
    with pytest.raises(RefusedError, match="not so"):
        await first


async def test_an_answer_that_nobody_waits_for_any_more_does_no_harm() -> None:
    talk = Conversation()
    talk.connection.call("A", {}).cancel()
    talk.connection.data_received(b'{"id":1,"result":{}}\0' + event(1))
    assert len(talk.heard) == 1


async def test_what_waits_fails_when_the_other_end_is_gone() -> None:
    talk = Conversation()
    waiting = talk.connection.call("A", {})
    talk.connection.connection_lost(None)
    assert not waiting.done()
    talk.line.data_received(b"started 7 /f\0ended exit code 5\nbang\0")
    with pytest.raises(BrowserError, match=r"ended by itself: exit code 5\. Its last lines:\nbang"):
        await waiting
    with pytest.raises(BrowserError, match="exit code 5"):
        await talk.connection.call("B", {})
    assert talk.line.gone.result() == "exit code 5\nbang"


async def test_a_page_is_waited_for_that_is_attached_after_its_creation_is_answered() -> None:
    talk = Conversation()
    tab = ChromiumTab(talk.connection, "context", lambda _: None)
    preparing = asyncio.create_task(tab.prepare())
    await asyncio.sleep(0)
    assert talk.wire.written == b""
    tab.attached("s", "target")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    sent = [json.loads(command) for command in talk.wire.written.split(b"\0")[:-1]]
    assert {command["sessionId"] for command in sent} == {"s"}
    talk.connection.data_received(b"".join(b'{"id":%d,"result":{}}\0' % command["id"] for command in sent))
    await preparing


async def test_a_page_that_is_never_attached_fails_when_the_browser_is_gone() -> None:
    talk = Conversation()
    before = asyncio.create_task(ChromiumTab(talk.connection, "one", lambda _: None).prepare())
    await asyncio.sleep(0)
    talk.line.data_received(b"ended exit code 5\n\0")
    talk.connection.connection_lost(None)
    for preparing in (before, ChromiumTab(talk.connection, "two", lambda _: None).prepare()):
        with pytest.raises(BrowserError, match="exit code 5"):
            await preparing
