"""What waits to be written: in order, and in nobody's way."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from attrs import define, field

from fetchkit.run.writer import Writer
from tests.program import clean_environment

MEGABYTE = 1024 * 1024


@define
class Heard:
    """What a writer says."""

    crowded: list[bool] = field(factory=list)
    failed: list[tuple[int, str]] = field(factory=list)

    def writer(self) -> Writer:
        """One that is heard."""
        return Writer(
            self.crowded.append,
            lambda descriptor, error: self.failed.append((descriptor, str(error.strerror))),
        )


def read(reader: int, size: int) -> bytes:
    """So many bytes."""
    data = b""
    while len(data) < size:
        data += os.read(reader, size - len(data))
    return data


async def test_writes_keep_their_order_over_all_descriptors(tmp_path: Path) -> None:
    heard = Heard()
    writer, file = heard.writer(), tmp_path / "all"
    one, other = (os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT) for _ in range(2))
    for number in range(1000):
        writer.put([(one, b"%d\n" % number), (other, b"%d\n" % number)])
    await writer.drained()
    assert file.read_bytes() == b"".join(b"%d\n%d\n" % (number, number) for number in range(1000))
    assert heard == Heard()
    writer.close()
    os.close(one)
    os.close(other)


async def test_the_loop_goes_on_while_nobody_reads_and_is_told_to_make_less(pipe: tuple[int, int]) -> None:
    heard = Heard()
    writer, (reader, into) = heard.writer(), pipe
    for _ in range(4):
        writer.put([(into, bytes(MEGABYTE))])
    assert heard.crowded == []
    writer.put([(into, b"1")])
    assert heard.crowded == [True]
    writer.put([(into, b"2")])
    waiting = asyncio.ensure_future(writer.drained())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    assert await asyncio.to_thread(read, reader, 4 * MEGABYTE + 2) == bytes(4 * MEGABYTE) + b"12"
    async with asyncio.timeout(20):
        await waiting
    assert heard == Heard(crowded=[True, False])
    writer.close()


async def test_what_takes_no_more_is_said_once_and_holds_up_nothing_else(tmp_path: Path) -> None:
    heard = Heard()
    writer = heard.writer()
    with Path("/dev/full").open("wb") as full, (tmp_path / "file").open("wb") as file:
        for _ in range(3):
            writer.put([(full.fileno(), b"lost"), (file.fileno(), b"kept")])
        await writer.drained()
        assert heard.failed == [(full.fileno(), "No space left on device")]
    assert (tmp_path / "file").read_bytes() == b"kept" * 3
    writer.close()


def test_a_write_that_never_ends_does_not_hold_up_the_end_of_the_process(tmp_path: Path) -> None:
    program = """
import asyncio
from fetchkit.run.writer import Writer
async def main():
    Writer(print, print).put([(1, bytes(1_000_000))])
asyncio.run(main())
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, env=clean_environment(tmp_path), stdout=subprocess.PIPE) as process:
        try:
            assert process.wait(20) == 0
        finally:
            process.send_signal(signal.SIGKILL)
