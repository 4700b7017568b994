"""The servers that the forward asks: what is known of each, and the pool of connections to them."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.request import (  # type: ignore[attr-defined]  # no stub; proxy_bypass differs between systems
    getproxies_environment,
    proxy_bypass_environment,
)

import aiohttp
from aiohttp import ClientRequest, encode_basic_auth, hdrs
from attrs import field, frozen, mutable
from multidict import CIMultiDict
from yarl import URL

from fetchkit.errors import BadGatewayError, ConfigError, ForbiddenError
from fetchkit.forward.places import Places
from fetchkit.forward.rules import ForwardUrl
from fetchkit.forward.settings import Forward, Target, parse_proxy
from fetchkit.net.dial import Dialer
from fetchkit.net.hosts import Host

__all__ = ["Server", "Upstream", "address"]

# Pages name few servers; more are somebody trying.
MAX_SERVERS: Final = 1024


@frozen(eq=False)
class Server:
    """What about a server stays the same from request to request.

    Attributes:
        authority: as in its URLs.
        target: its settings.
        proxy: the upstream proxy, None for none.
        dialled: host and port that a connection really goes to: the proxy's, where there is one.
        tls: how its certificate is verified.
        timeout: its limits, in aiohttp's terms.
        stall: seconds without a byte.
        connecting: what aiohttp's pool wants to know of a connection, in its own terms; never sent.
        through: the scheme and authority that the target begins with towards a proxy (RFC 9112,
            section 3.2.2), else empty.
        proxy_line: the field that tells the proxy who we are, else empty.
        proxy_headers: the same, for a tunnel.
    """

    authority: str
    target: Target
    proxy: URL | None
    dialled: tuple[str, int]
    tls: ssl.SSLContext | bool
    timeout: aiohttp.ClientTimeout
    stall: float
    connecting: ClientRequest
    through: str
    proxy_line: str
    proxy_headers: Mapping[str, str] | None


@mutable(eq=False)
class Upstream:
    """The client side of the forward; every connection of it is judged by the dialer."""

    settings: Forward
    dialer: Dialer
    places: Places = field(factory=Places, init=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)
    _connector: aiohttp.TCPConnector | None = field(default=None, init=False)
    _session: aiohttp.ClientSession | None = field(default=None, init=False)
    _contexts: dict[str, ssl.SSLContext] = field(factory=dict, init=False)
    _servers: dict[tuple[str, str, int], Server] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        """Load what targets name, so that a mistake ends the start and not a request."""
        for name, target in self.settings.targets.items():
            if target.ca is not None:
                try:
                    self._contexts[str(target.ca)] = ssl.create_default_context(cafile=str(target.ca))
                except OSError as error:
                    raise ConfigError(
                        f"forward.targets: the ca of {name} cannot be read: {error}."
                    ) from error
            if target.proxy not in ("", "none"):
                try:
                    _login(parse_proxy(target.proxy))
                except ValueError as error:
                    raise ConfigError(
                        f"forward.targets: the proxy of {name} has a colon in its user name."
                    ) from error

    @property
    def connector(self) -> aiohttp.TCPConnector:
        """The pool, made on the first use inside the running loop."""
        if self._connector is None:
            self._connector = aiohttp.TCPConnector(limit=0, socket_factory=self.dialer.socket_factory)
        return self._connector

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that everything of this runs in; remembered, for it is asked with every request."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    @property
    def session(self) -> aiohttp.ClientSession:
        """A session for WebSockets, with a pool of its own: it gives connections another parser."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, socket_factory=self.dialer.socket_factory),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(
                    total=None,
                    sock_connect=self.settings.connect_timeout,
                    sock_read=self.settings.stall_timeout,
                ),
            )
        return self._session

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
        if self._connector is not None:
            await self._connector.close()

    def server(self, url: ForwardUrl) -> Server:
        """What is known of the server of a URL.

        Raises:
            ForbiddenError: a proxy would reach an address that the policy refuses.
        """
        key = url.scheme, url.host, url.port
        known = self._servers.get(key)
        if known is None:
            if len(self._servers) >= MAX_SERVERS:
                self._servers.clear()
            known = self._servers[key] = self._describe(url)
        return known

    def _describe(self, url: ForwardUrl) -> Server:
        target = self.settings.target(url.host, url.port)
        proxy = _proxy_for(url, target)
        if proxy is not None and Host(url.host).address is not None:  # a name is resolved by the proxy alone
            verdict = self.dialer.judge(url.host, url.port, url.host)
            if not verdict.allowed:
                raise ForbiddenError(verdict.reason, verdict.hint)
        stall = target.stall_timeout or self.settings.stall_timeout
        connect = target.connect_timeout or self.settings.connect_timeout
        tls = self._contexts[str(target.ca)] if target.ca is not None else target.verify
        login = _login(proxy) if proxy is not None else ""
        # With Host, which aiohttp would add: they are part of the pool's key, which must stay the same.
        named = {hdrs.PROXY_AUTHORIZATION: login, hdrs.HOST: url.authority}
        proxy_headers = CIMultiDict(named) if login else None
        plain = proxy is not None and url.scheme in ("http", "ws")
        bare = proxy.with_user(None) if proxy is not None else None
        return Server(
            authority=url.authority,
            target=target,
            proxy=bare,
            dialled=(proxy.host or "", proxy.port or 80) if proxy else (url.host, url.port),
            tls=tls,
            # `connect` limits what `sock_connect` does not: names, and a proxy's answer to CONNECT.
            timeout=aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=connect, sock_read=stall),
            stall=stall,
            connecting=ClientRequest(
                "GET",
                address(url),
                loop=self.loop,
                ssl=tls,
                proxy=bare,
                proxy_headers=proxy_headers,
            ),
            through=f"http://{url.authority}" if plain else "",
            proxy_line=f"Proxy-Authorization: {login}\r\n" if plain and login else "",
            proxy_headers=proxy_headers,
        )


def address(url: ForwardUrl) -> URL:
    """The URL for aiohttp, its path and query kept byte for byte.

    yarl would drop a lone `?`; told that all of it is the path, it touches nothing.
    """
    host = f"[{url.host}]" if ":" in url.host else url.host
    return URL.build(scheme=url.scheme, authority=f"{host}:{url.port}", path=url.target, encoded=True)


def _proxy_for(url: ForwardUrl, target: Target) -> URL | None:
    """The upstream proxy: the target's, else the environment's.

    HTTP_PROXY, HTTPS_PROXY and NO_PROXY as curl reads them; loopback never goes through a proxy.
    """
    if target.proxy:
        return None if target.proxy == "none" else parse_proxy(target.proxy)
    if Host(url.host).is_loopback_name:
        return None
    proxies = getproxies_environment()
    if proxy_bypass_environment(f"{url.host}:{url.port}", proxies):
        return None
    scheme = {"ws": "http", "wss": "https"}.get(url.scheme, url.scheme)
    variable = scheme if scheme in proxies else "all"
    named = proxies.get(variable, "")
    if not named:
        return None
    try:
        proxy = parse_proxy(named if "://" in named else f"http://{named}")
        _login(proxy)
    except ValueError as error:
        hint = f'{variable.upper()}_PROXY names it; proxy = "none" for a target does without.'
        raise BadGatewayError("The environment names a proxy that cannot be used.", hint) from error
    return proxy


def _login(proxy: URL) -> str:
    """The value of Proxy-Authorization; empty where the URL has no login.

    Raises:
        ValueError: the user name has a colon, which would end it (RFC 7617, section 2).
    """
    if proxy.user is None and proxy.password is None:
        return ""
    return encode_basic_auth(proxy.user or "", proxy.password or "")
