"""Every WebSocket of the server: which path leads where, and what else is asked for there."""

from collections.abc import Mapping

from aiohttp import hdrs, web
from attrs import frozen

from fetchkit.errors import ForbiddenError, NotFoundError
from fetchkit.net.dial import Dialer
from fetchkit.sockets import connection
from fetchkit.sockets.echo.routes import handshake as echo_handshake
from fetchkit.sockets.posix.routes import handler as posix_handler
from fetchkit.sockets.tunnel import Service, Target, Transport, handshake_by_path, handshake_to
from fetchkit.web.guard import ignore_expect
from fetchkit.web.problems import Handler, answering
from fetchkit.web.upgrades import websocket_only

__all__ = ["Handshakes", "refuse", "setup"]


@frozen
class Handshakes:
    """Who answers WebSockets; bridges lead to them too.

    Attributes:
        dialer: judges where tunnels may go.
        posix: full POSIX sockets.
        echo: the echo.
    """

    dialer: Dialer
    posix: Handler
    echo: Handler

    @classmethod
    def of(cls, dialer: Dialer, *, bind_any: bool = False) -> "Handshakes":
        """Make them.

        Args:
            dialer: judges where connections may go.
            bind_any: a page's bind to 0.0.0.0 or :: means every address; otherwise loopback.
        """
        return cls(dialer, posix_handler(dialer=dialer, bind_any=bind_any), echo_handshake)

    def to(self, target: Target | Service) -> Handler:
        """Who answers where everything leads to one target."""
        match target:
            case Service.ECHO:
                return self.echo
            case Service.POSIX:
                return self.posix
            case _:
                return handshake_to(self.dialer, target)

    def at_root(self, target: Target | None) -> Handler:
        """Who answers at `/`: without a subprotocol the POSIX proxy, as Emscripten's clients expect, with one
        the target of `--tcp`, as websockify's do.
        """
        tunnel = self.to(target) if target is not None else None

        async def handshake(request: web.Request) -> web.StreamResponse:
            if hdrs.SEC_WEBSOCKET_PROTOCOL not in request.headers:
                return await self.posix(request)
            if tunnel is None:
                raise NotFoundError(
                    "A WebSocket with a subprotocol on / has no target here.",
                    "--tcp HOST:PORT names one; /tcp/HOST:PORT, /echo and /posix need none.",
                )
            return await tunnel(request)

        return handshake


def setup(
    app: web.Application,
    handshakes: Handshakes,
    *,
    posix: str,
    echo: str,
    tcp: str,
    udp: str,
    root: Target | None,
    plain: Handler,
) -> None:
    """Open the WebSockets.

    Args:
        app: the application.
        handshakes: who answers them.
        posix: path of the POSIX proxy.
        echo: path of the echo.
        tcp: prefix of TCP tunnels.
        udp: prefix of UDP tunnels.
        root: target of a WebSocket with a subprotocol on `/`.
        plain: answers requests that ask for no upgrade, and raises NotFoundError where it has nothing.
    """
    connection.setup(app)
    dialer = handshakes.dialer
    _add(
        app,
        plain,
        {
            "/": handshakes.at_root(root),
            posix: handshakes.posix,
            echo: handshakes.echo,
            tcp + "/{target:.*}": handshake_by_path(dialer, Transport.TCP),
            udp + "/{target:.*}": handshake_by_path(dialer, Transport.UDP),
        },
    )


def refuse(app: web.Application, *, paths: tuple[str, ...], plain: Handler, hint: str) -> None:
    """Where sockets are off, say so to who asks for one; files of that name are served."""

    async def handshake(request: web.Request) -> web.StreamResponse:
        raise ForbiddenError(f"Sockets are off, {request.path} too.", hint)

    _add(app, plain, dict.fromkeys(paths, handshake))


def _add(app: web.Application, plain: Handler, handlers: Mapping[str, Handler]) -> None:
    for path, handler in handlers.items():
        answer = answering(websocket_only(handler, plain=plain))
        app.router.add_route("*", path, answer, expect_handler=ignore_expect)
