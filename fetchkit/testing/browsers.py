"""The browser of a test run: started for the first page, ended with the run, anew when it has died."""

import asyncio

from attrs import define, field

from fetchkit.browser.driver import Browser, connect
from fetchkit.browser.find import Found, find, installed
from fetchkit.browser.process import start
from fetchkit.errors import BrowserError
from fetchkit.testing.background import Background

__all__ = ["BrowserKeeper", "found"]


def found(wanted: str) -> Found:
    """The browser that was asked for; the first there is where none was.

    Raises:
        BrowserError: it is not there; the text names pytest's option.
    """
    try:
        return find(wanted)
    except BrowserError:
        there = ", ".join(each.name for each in installed())
    if not there:
        raise BrowserError(
            "fetchkit_page needs a browser and there is none: install one (`apt-get install chromium`), or "
            "give the path of one to --fetchkit-browser."
        )
    raise BrowserError(f"--fetchkit-browser {wanted}: there is no such browser; there is {there}.")


@define(eq=False)
class BrowserKeeper:
    """Has the browser.

    Attributes:
        background: where it is spoken to.
        browser: which one.
        headless: without a window.
    """

    background: Background
    browser: Found
    headless: bool = True
    _running: Browser | None = None
    _choosing: asyncio.Lock = field(factory=asyncio.Lock)

    async def get(self) -> Browser:
        """The browser, which runs.

        Raises:
            BrowserError: it does not start.
        """
        async with self._choosing:
            if self._running is not None and self._running.gone.done():
                await self._end()
            if self._running is None:
                self._running = await connect(start(self.browser, headless=self.headless))
            return self._running

    def close(self) -> None:
        """End it."""
        self.background.call(self._end())

    async def _end(self) -> None:
        ended, self._running = self._running, None
        if ended is not None:
            await ended.close()
