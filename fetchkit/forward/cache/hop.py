"""One hop with the cache beside it: an answer from disk, or a live one that is stored on its way."""

from http import HTTPStatus
from typing import TYPE_CHECKING

from attrs import evolve, field, mutable
from multidict import CIMultiDictProxy

from fetchkit.forward.exchange import Exchange, UpstreamResponse, exchanging
from fetchkit.forward.servers import Server, Upstream
from fetchkit.forward.settings import Cookies

if TYPE_CHECKING:
    from fetchkit.forward.cache.lookup import DiskCache, Hit, Writer

__all__ = ["StoredResponse", "cached_exchanging"]


@mutable(eq=False)
class StoredResponse:
    """An answer from disk, in the shape of a live one."""

    hit: "Hit"

    @property
    def status(self) -> int:
        """Status code."""
        return self.hit.status

    @property
    def reason(self) -> str:
        """Reason phrase."""
        return HTTPStatus(self.hit.status).phrase

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """As upstream sent them, with Age."""
        return CIMultiDictProxy(self.hit.headers)

    @property
    def length(self) -> int | None:
        """Bytes of the body."""
        return self.hit.length


@mutable(eq=False)
class cached_exchanging:  # noqa: N801  used as `async with cached_exchanging(…) as response`
    """As `exchanging`, through a cache.

    What the configuration makes private to its user, headers and cookies of a target, is never stored.
    """

    cache: "DiskCache"
    upstream: Upstream
    server: Server
    exchange: Exchange
    _live: exchanging | None = field(default=None, init=False)
    _answer: UpstreamResponse | None = field(default=None, init=False)
    _hit: "Hit | None" = field(default=None, init=False)
    _writer: "Writer | None" = field(default=None, init=False)

    async def __aenter__(self) -> UpstreamResponse | StoredResponse:
        try:
            return await self._begin()
        except BaseException:
            await self._leave()
            raise

    async def _begin(self) -> UpstreamResponse | StoredResponse:
        from fetchkit.forward.cache.lookup import Hit, Miss, Revalidate  # noqa: PLC0415  an extra

        exchange, target = self.exchange, self.server.target
        url = str(exchange.url)
        private = bool(target.headers) or target.cookies is not Cookies.OFF
        found = None
        if exchange.body is None and not private:
            found = self.cache.look_up(exchange.method, url, exchange.headers)
        if isinstance(found, Hit):
            return self._stored(found)
        if isinstance(found, Revalidate):
            answer = await self._ask(evolve(exchange, headers=found.headers))
            if answer.status == HTTPStatus.NOT_MODIFIED:
                hit = self.cache.refresh(found, answer.headers)
                await self._leave()
                if hit is not None:
                    return self._stored(hit)
                found = found.miss
                answer = await self._ask(exchange)
        else:
            answer = await self._ask(exchange)
        self.cache.invalidate(exchange.method, url, answer.status)
        if isinstance(found, Miss | Revalidate):
            answer.tee = self._writer = self.cache.store(found, answer.status, answer.headers)
            if answer.status == HTTPStatus.NO_CONTENT:
                await self._keep_unread()
        return answer

    async def __aexit__(self, *_: object) -> None:
        if self._hit is not None:
            self._hit.close()
            return
        try:
            await self._keep_unread()
        finally:
            await self._leave()
        await self.cache.tidy()

    def _stored(self, hit: "Hit") -> StoredResponse:
        self._hit = hit
        return StoredResponse(hit)

    async def _ask(self, exchange: Exchange) -> UpstreamResponse:
        self._live = exchanging(self.upstream, self.server, exchange)
        try:
            self._answer = await self._live.__aenter__()
        except BaseException:
            self._live = None
            raise
        return self._answer

    async def _keep_unread(self) -> None:
        """Store what nobody reads, where all of it is here: a redirect that was followed, a 204."""
        answer, writer = self._answer, self._writer
        if answer is None or writer is None or writer.began:
            return
        content = answer.content
        if content.is_eof() and content.exception() is None and not answer.was_reset:
            writer.write(content.read_nowait(-1))
            await writer.commit()

    async def _leave(self) -> None:
        live, self._live = self._live, None
        if self._answer is not None and self._answer.tee is not None:
            self._answer.tee.abort()  # nothing, where it was stored
        if live is not None:
            await live.__aexit__()
