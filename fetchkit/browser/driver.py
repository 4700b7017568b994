"""Speaks to a browser that was started: one way for all of them."""

import asyncio
from typing import Final

from fetchkit.browser.find import Family
from fetchkit.browser.interface import (
    Browser,
    Closed,
    Crashed,
    Dialog,
    Listener,
    LoadFailed,
    Reported,
    Tab,
    TabEvent,
    WorkerSaid,
)
from fetchkit.browser.lifeline import Lifeline
from fetchkit.browser.process import Process

__all__ = [
    "Browser",
    "Closed",
    "Crashed",
    "Dialog",
    "Listener",
    "LoadFailed",
    "Reported",
    "Tab",
    "TabEvent",
    "WorkerSaid",
    "connect",
]

# Starting takes a quarter of a second, on a machine that does nothing else; a failed start is told within 10.
CONNECT_SECONDS: Final = 8.0


async def connect(process: Process, *, seconds: float = CONNECT_SECONDS) -> Browser:
    """Wait until the browser answers, and give what speaks to it; it prepares the first tab while you go on.

    Raises:
        BrowserError: it ended, or did not answer in time; the text has its last lines. Nothing of it is left.
    """
    line = await Lifeline.attach(process)
    try:
        async with asyncio.timeout(seconds):
            return await _spoken_to(line)
    except TimeoutError:
        await line.end()
        raise process.error(f"did not answer within {seconds:g} seconds") from None
    except BaseException:
        await line.end()
        raise


async def _spoken_to(line: Lifeline) -> Browser:
    if line.process.found.family is Family.FIREFOX:
        from fetchkit.browser import bidi  # noqa: PLC0415  only it needs aiohttp

        return await bidi.speak(line)
    from fetchkit.browser import chromium  # noqa: PLC0415

    return await chromium.speak(line)
