"""Sends parts of an open file: without a copy where the system can, and never a wrong body.

Dangers, and what is done about each:

* The file changes while it is sent. Size and times are compared before each piece leaves; on any
  difference the connection is cut before the promised length is reached, so no client takes the
  body for whole. (A file replaced by a rename is no danger: the open descriptor keeps the old
  version.)
* What `sendfile` has sent still refers to the file's pages until the client has read it, so a
  change after the last comparison would reach it. The end of the body is therefore copied, more
  of it than the socket buffers of both sides can hold: when the last comparison is made, nothing
  that refers to the file is left on the way.
* `sendfile` writes past the transport. So the transport's buffer is drained to nothing first.
* uvloop's own sendfile runs in threads; here the loop waits for the socket to be writable and
  the kernel copies. The loop refuses to watch a descriptor that a transport owns: a duplicate
  of it is watched.
"""

import asyncio
import os

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from attrs import frozen

from fetchkit.files.lookup import Opened
from fetchkit.http.ranges import ByteRange

__all__ = ["FileChangedError", "send_part", "send_pieces"]

# One turn of the loop for a piece: at 3 GB/s that is a third of a millisecond.
PIECE = 1024 * 1024
COPIED_PIECE = 256 * 1024
# Linux gives a connection up to 4 MiB to send and 6 to receive (tcp_wmem, tcp_rmem).
COPIED_END = 16 * 1024 * 1024


@frozen
class FileChangedError(Exception):
    """The file is no longer what the head of the response promised."""

    sent: int


async def send_part(request: web.BaseRequest, head: bytes, opened: Opened, part: ByteRange) -> None:
    """Write a head and one part of a file.

    Raises:
        FileChangedError: the file changed; the body is incomplete and must be cut.
        ConnectionError: the client has gone.
    """
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client has gone")
    copied_from = part.first
    if hasattr(os, "sendfile") and transport.get_extra_info("sslcontext") is None:
        copied_from = max(part.first, part.last + 1 - COPIED_END)
    if copied_from == part.first:
        await request.writer.write(head)
    else:
        await _drained(transport, request.writer, head)
        await _zero_copy(transport, opened, part.first, copied_from)
    try:
        await send_pieces(request.writer, opened, ByteRange(copied_from, part.last))
    except FileChangedError as error:
        raise FileChangedError(copied_from - part.first + error.sent) from error
    await request.writer.drain()


async def send_pieces(writer: AbstractStreamWriter, opened: Opened, part: ByteRange) -> None:
    """Write one part of a file through the transport, a piece at a time.

    Raises:
        FileChangedError: as `send_part`.
    """
    position = part.first
    os.lseek(opened.descriptor, position, os.SEEK_SET)
    while position <= part.last:
        # From the page cache as a rule: a thread's hop would cost more than the read.
        piece = os.read(opened.descriptor, min(COPIED_PIECE, part.last + 1 - position))
        if not piece or not opened.unchanged():
            raise FileChangedError(position - part.first)
        await writer.write(piece)
        position += len(piece)


async def _drained(transport: asyncio.Transport, writer: AbstractStreamWriter, head: bytes) -> None:
    """Write the head and wait until it has left the transport's own buffer."""
    transport.set_write_buffer_limits(0)
    try:
        await writer.write(head)
        await writer.drain()
    finally:
        transport.set_write_buffer_limits()


async def _zero_copy(transport: asyncio.Transport, opened: Opened, first: int, end: int) -> None:
    if transport.is_closing():
        raise ConnectionResetError("the client has gone")
    watched = os.dup(transport.get_extra_info("socket").fileno())
    position = first
    try:
        while position < end:
            if not opened.unchanged():
                raise FileChangedError(position - first)
            try:
                sent = os.sendfile(watched, opened.descriptor, position, min(PIECE, end - position))
            except BlockingIOError:
                await _writable(watched)
                continue
            if sent == 0:  # shorter than it was
                raise FileChangedError(position - first)
            position += sent
            await asyncio.sleep(0)
    finally:
        os.close(watched)


async def _writable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not waiter.done():
            waiter.set_result(None)

    loop.add_writer(descriptor, wake)
    try:
        await waiter
    finally:
        loop.remove_writer(descriptor)
