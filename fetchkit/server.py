"""Runs an application: binds, serves, and stops in good time."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from socket import AF_INET6, socket

from aiohttp import web
from attrs import evolve, frozen

from fetchkit import certificates
from fetchkit.app import bridge_apps, build_app
from fetchkit.config import Config
from fetchkit.listen import EVERYWHERE, bind
from fetchkit.sockets.tunnel import Bridge
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
        bridges: each with its URL and where it leads.
    """

    app: web.Application
    config: Config
    urls: tuple[str, ...]
    token: str
    bridges: tuple[tuple[str, str], ...] = ()

    @property
    def url(self) -> str:
        """The first of the URLs: the one in the ready line."""
        return self.urls[0]

    @property
    def port(self) -> int:
        """The port that all addresses share."""
        return int(self.url.rstrip("/").rpartition(":")[2])


@contextlib.asynccontextmanager
async def running(
    config: Config, *, pages: Mapping[str, bytes] | None = None, markup: bytes = b""
) -> AsyncIterator[Server]:
    """Serve until the block is left; connections are accepted once it is entered.

    Args:
        config: the settings.
        pages: as `build_app` takes them.
        markup: likewise.

    Raises:
        ConfigError, ListenError: before anything is announced.
    """
    effective = _with_lan(config)
    app = build_app(effective, pages=pages, markup=markup)
    tls = certificates.server_context((*effective.host, *effective.allow_host)) if effective.tls else None
    async with contextlib.AsyncExitStack() as stack:
        own_ports = app[DIALER].own_ports
        sockets = bind(effective.host, effective.port)
        bridges = [
            (bridge, bridged, _bind_bridge(effective, bridge, stack))
            for bridge, bridged in bridge_apps(app, effective)
        ]
        stack.callback(_close, sockets)
        own_ports.update(bound.getsockname()[1] for bound in sockets)
        for _, _, bound in bridges:
            own_ports.update(each.getsockname()[1] for each in bound)
        await _listen(stack, app, sockets, tls)
        for _, bridged, bound in bridges:
            await _listen(stack, bridged, bound, tls)
        urls = tuple(_url(bound, tls) for bound in sockets)
        told = tuple(
            (_url(bound[0], tls).replace("http", "ws", 1), str(bridge.target)) for bridge, _, bound in bridges
        )
        yield Server(app, config, urls, token_of(app), told)


async def _listen(
    stack: contextlib.AsyncExitStack, app: web.Application, sockets: list[socket], tls: ssl.SSLContext | None
) -> None:
    """Accept connections for an application until the stack is unwound."""
    runner = web.AppRunner(app, shutdown_timeout=GRACE_SECONDS, handler_cancellation=True)
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    factory = connection_factory(runner)
    for bound in sockets:
        listener = await asyncio.get_running_loop().create_server(factory, sock=bound, ssl=tls)
        stack.callback(listener.close)


def _bind_bridge(config: Config, bridge: Bridge, stack: contextlib.AsyncExitStack) -> list[socket]:
    """The listening sockets of a bridge: where it says, else on every host of the server.

    Raises:
        ListenError: one cannot be had; the sentence names the flag.
    """
    hosts = config.host if bridge.address is None else (bridge.address,)
    sockets = bind(hosts, bridge.port, option="--bridge")
    stack.callback(_close, sockets)
    return sockets


def _close(sockets: list[socket]) -> None:
    for bound in sockets:
        bound.close()


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
