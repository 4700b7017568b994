"""Starts a browser as fetchkit does, says so, and then does what a test wants: a program of the tests.

parent.py FAMILY PATH WHAT: `started` stops before the conversation, `connected` after it; `raised` fails
then, and `forked` leaves a child that has all that this process has open.
"""

import asyncio
import os
import sys

from fetchkit.browser.driver import connect
from fetchkit.browser.find import Family, Found
from fetchkit.browser.process import start


async def main(what: str) -> None:
    process = start(Found("browser", Family(sys.argv[1]), sys.argv[2]), headless=True)
    if what != "started":
        await connect(process, seconds=60)
    if what == "forked" and os.fork() == 0:
        os.close(1)
        os.read(0, 1)  # until the test closes its end
        os._exit(0)
    print("ready", flush=True)  # noqa: T201  the test waits for it
    if what == "raised":
        raise RuntimeError("ours")
    await asyncio.sleep(60)
    process.close()


asyncio.run(main(sys.argv[3]))
