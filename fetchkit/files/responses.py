"""The response that streams parts of an open file."""

from aiohttp import web

from fetchkit.events import BodyBroken, Events
from fetchkit.files.lookup import Opened
from fetchkit.files.transfer import FileChangedError, send_part, send_pieces
from fetchkit.http.representation import BodyPlan
from fetchkit.web.prebuilt import PrebuiltResponse

__all__ = ["FileResponse"]


class FileResponse(PrebuiltResponse):
    """Streams an open file and closes it."""

    def __init__(
        self, status: int, head: bytes, opened: Opened, plan: BodyPlan, events: Events, *, note: str = ""
    ) -> None:
        """Take over `opened`."""
        super().__init__(status, head, note=note)
        self._opened = opened
        self._plan = plan
        self._events = events

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write the response; a body that cannot be finished ends in a cut connection."""
        try:
            await self._send(request)
        except FileChangedError as error:
            self._sent = error.sent
            self._events.emit(
                BodyBroken(
                    request.raw_path,
                    error.sent,
                    self._plan.length,
                    f"{self._opened.path} changed while it was sent.",
                )
            )
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionAbortedError("the file changed") from error
        finally:
            self._opened.close()

    async def _send(self, request: web.BaseRequest) -> None:
        head = self._lines(request)
        plan = self._plan
        if request.method == "HEAD" or not plan.length:
            await request.writer.write_eof(head)
            return
        if len(plan.parts) == 1:
            await send_part(request, head, self._opened, plan.parts[0][1])
        else:
            await self._send_multipart(request, head)
        self._sent = plan.length

    async def _send_multipart(self, request: web.BaseRequest, head: bytes) -> None:
        await request.writer.write(head)
        sent = 0
        for frame, part in self._plan.parts:
            await request.writer.write(frame)
            sent += len(frame)
            try:
                await send_pieces(request.writer, self._opened, part)
            except FileChangedError as error:
                raise FileChangedError(sent + error.sent) from error
            sent += part.length
        await request.writer.write_eof(self._plan.closing)
