"""Runs an application: binds, serves, and stops in good time."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from socket import AF_INET6, socket

from aiohttp import web
from attrs import evolve, frozen

from fetchkit import certificates
from fetchkit.app import build_app
from fetchkit.config import Config
from fetchkit.listen import EVERYWHERE, bind
from fetchkit.web.guard import token_of
from fetchkit.web.keys import DIALER
from fetchkit.web.protocol import connection_factory

__all__ = ["Server", "running"]

# From SIGINT to the exit at most 5 s; aiohttp waits this long twice, before and after it cancels.
GRACE_SECONDS = 1.5


@frozen
class Server:
    """A server that accepts connections.

    Attributes:
        app: the application.
        config: the settings, as they were given.
        urls: where it listens, one an address, each with a slash at its end.
        token: the access token that guarded routes demand; empty for none.
    """

    app: web.Application
    config: Config
    urls: tuple[str, ...]
    token: str

    @property
    def url(self) -> str:
        """The first of the URLs: the one in the ready line."""
        return self.urls[0]

    @property
    def port(self) -> int:
        """The port that all addresses share."""
        return int(self.url.rstrip("/").rpartition(":")[2])


@contextlib.asynccontextmanager
async def running(config: Config) -> AsyncIterator[Server]:
    """Serve until the block is left; connections are accepted once it is entered.

    Raises:
        ConfigError, ListenError: before anything is announced.
    """
    effective = _with_lan(config)
    app = build_app(effective)
    tls = certificates.server_context((*effective.host, *effective.allow_host)) if effective.tls else None
    sockets = bind(effective.host, effective.port)
    app[DIALER].own_ports.update(bound.getsockname()[1] for bound in sockets)
    runner = web.AppRunner(app, shutdown_timeout=GRACE_SECONDS, handler_cancellation=True)
    listeners: list[asyncio.Server] = []
    try:
        await runner.setup()
        factory = connection_factory(runner)
        loop = asyncio.get_running_loop()
        for bound in sockets:
            listeners.append(await loop.create_server(factory, sock=bound, ssl=tls))  # noqa: PERF401
        yield Server(app, config, tuple(_url(bound, tls) for bound in sockets), token_of(app))
    finally:
        for listener in listeners:
            listener.close()
        for bound in sockets:
            bound.close()
        await runner.cleanup()


def _with_lan(config: Config) -> Config:
    """What `--lan` stands for: every address, TLS, and the machine's own names."""
    if not config.lan:
        return config
    names = (*config.allow_host, *certificates.machine_names(), *certificates.lan_addresses())
    return evolve(config, lan=False, tls=True, host=EVERYWHERE, allow_host=names)


def _url(bound: socket, tls: ssl.SSLContext | None) -> str:
    address, port = bound.getsockname()[:2]
    host = f"[{address}]" if bound.family == AF_INET6 else address
    return f"{'https' if tls else 'http'}://{host}:{port}/"
