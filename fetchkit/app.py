"""Puts the features together: the one visible order in which an application is made."""

import secrets
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web
from attrs import evolve

from fetchkit import control, emrun, files, forward, isolation, origin, reload, sockets
from fetchkit.config import Config, parse_source_root
from fetchkit.errors import ConfigError, NotFoundError
from fetchkit.forward.rules import parse_route
from fetchkit.http.cors import CorsPolicy
from fetchkit.http.fields import parse_field
from fetchkit.net.dial import Dialer
from fetchkit.net.hosts import Host, bare_name, host_rules
from fetchkit.net.origins import origin_rules
from fetchkit.net.policy import target_policy
from fetchkit.sockets.shim import socket_shim
from fetchkit.sockets.tunnel import Bridge, Target, bridge_app, parse_bridge, parse_tcp_option
from fetchkit.version import SERVER
from fetchkit.web import guard
from fetchkit.web.keys import ABSENT_MARKUP, DIALER, events_of
from fetchkit.web.problems import answering

__all__ = ["bridge_apps", "build_app", "forwards", "opens_sockets", "own_names"]

# Readable cross-origin beside the safelisted ones: what lazy files, ranges and progress need.
EXPOSED = ("Accept-Ranges", "Content-Encoding", "Content-Length", "Content-Range", "Date", "ETag", "Server")
_SOCKETS_HINT = "Other machines can reach this server: --token, --allow-target or --allow-net turns them on."
_FORWARD_HINT = "Other machines can reach this server: --token, --allow-target or --allow-net turns it on."
# Origins of the developer tools, and of extensions to them (DWARF).
_DEBUGGERS = ("devtools://", "chrome-extension://")
# Chromium keeps a preflight's answer for two hours at most.
PREFLIGHT_SECONDS = 7200


def build_app(
    config: Config, *, pages: Mapping[str, bytes] | None = None, markup: bytes = b""
) -> web.Application:
    """An application with every feature of the configuration; nothing listens yet.

    Args:
        config: the settings.
        pages: pages that stand in for files, as `files.setup` takes them.
        markup: what every served page gets at the beginning of its head besides, ASCII.

    Raises:
        ConfigError: the folder cannot be served.
    """
    app = web.Application()
    events_of(app)
    extra = tuple(parse_field(line, "--header") for line in config.header)
    if not any(name.lower() == "server" for name, _ in extra):
        extra = (("Server", SERVER), *extra)
    isolation.setup(app, mode=config.isolation, exceptions=config.isolation_exceptions, extra=extra)
    app[DIALER] = _dialer(config)
    guard.setup(app, _guard(config, app[DIALER].own_ports))
    routes = config.routes
    control.setup(app, prefix=routes.fetchkit)
    if forwards(config) or (config.forward_routes and not config.no_forward):
        forward.setup(
            app,
            dialer=app[DIALER],
            origins=origin_rules(config.allow_origin, "--allow-origin"),
            settings=config.forward,
            prefix=routes.forward if forwards(config) else None,
            routes=[parse_route(value, "--forward") for value in config.forward_routes],
            cache=config.forward_cache,
        )
    if not config.no_origin:
        origin.setup(
            app,
            prefix=routes.origin,
            settings=config.origin,
            origins=origin_rules(config.allow_origin, "--allow-origin"),
            state=config.state,
        )

    async def plain(request: web.Request) -> web.StreamResponse:
        return await serve_file(request)

    # The router takes the longest prefix: POSTs to another feature's stdio.html stay with that.
    root = emrun.setup(app, dumps=config.dump_out_directory, plain=plain)
    # Before the files: of two routes that fit `/` the router takes the first.
    if opens_sockets(config):
        sockets.setup(
            app,
            handshakes_of(app, config),
            posix=routes.posix,
            echo=routes.echo,
            tcp=routes.tcp,
            udp=routes.udp,
            root=parse_tcp_option(config.tcp, "--tcp") if config.tcp else None,
            plain=root,
        )
    else:
        paths = ("/", routes.posix, routes.echo, f"{routes.tcp}/{{target:.*}}", f"{routes.udp}/{{target:.*}}")
        hint = "Leave out --no-sockets." if config.no_sockets else _SOCKETS_HINT
        sockets.refuse(app, paths=paths, plain=root, hint=hint)
    for value in config.source_root:
        _serve_sources(app, *parse_source_root(value), config)
    serve_file = files.setup(
        app,
        config.directory,
        dotfiles=config.dotfiles,
        spa=config.spa,
        cors=_cors(config),
        inject=_reloads(config) + _shim(config) + markup,
        pages=pages,
    )
    if config.reload:
        app[ABSENT_MARKUP] = _reloads(config).decode("ascii")
        reload.setup(app, config.directory, prefix=routes.fetchkit, dotfiles=config.dotfiles, spa=config.spa)
    if not forwards(config):
        hint = "Leave out --no-forward." if config.no_forward else _FORWARD_HINT
        forward.refuse(app, prefix=routes.forward, plain=serve_file, hint=hint)
    return app


def bridge_apps(app: web.Application, config: Config) -> list[tuple[Bridge, web.Application]]:
    """The bridges of the configuration, each with the application of its listeners."""
    if not opens_sockets(config):
        return []
    bridges = [parse_bridge(value, "--bridge") for value in config.bridge]
    handshakes = handshakes_of(app, config)
    rules = guard.rules_of(app)
    return [
        (bridge, bridge_app(app, handshakes.to(bridge.target), to=str(bridge.target), rules=rules))
        for bridge in bridges
    ]


def handshakes_of(app: web.Application, config: Config) -> sockets.Handshakes:
    """Who answers WebSockets."""
    return sockets.Handshakes.of(app[DIALER], bind_any=config.bind_any)


def opens_sockets(config: Config) -> bool:
    """Whether sockets are on: as the forward, on loopback always, elsewhere only with a target or a token.

    Raises:
        ConfigError: `--tcp` or `--bridge` asks for one where they would be open to everybody.
    """
    if config.no_sockets:
        return False
    on = _is_for_friends_only(config)
    if not on and (config.tcp or config.bridge):
        raise ConfigError(
            f"{'--tcp' if config.tcp else '--bridge'} would open sockets to every machine that reaches this"
            " one: add --token, --allow-target or --allow-net."
        )
    return on


def forwards(config: Config) -> bool:
    """Whether `/forward` is on: on loopback always, elsewhere only with a target, a network or a token.

    Who listens on other addresses would else be an open proxy for everybody who reaches them. A fixed route
    leads to its own target alone, so it works everywhere.
    """
    return not config.no_forward and _is_for_friends_only(config)


def _is_for_friends_only(config: Config) -> bool:
    """Whether only this machine reaches the server, or the user has said who may do what."""
    named = config.allow_target or config.allow_net or config.token is not None
    on_loopback = not config.lan and all(Host(bare_name(host)).is_loopback_name for host in config.host)
    return bool(named) or on_loopback


def own_names(config: Config) -> list[str]:
    """Prefixes of fetchkit's routes that hide something of the same name in the served folder."""
    prefixes = [
        config.routes.fetchkit,
        *([config.routes.forward] if forwards(config) else []),
        *([] if config.no_origin else [config.routes.origin]),
        *(parse_source_root(value)[0] for value in config.source_root),
    ]
    return [prefix for prefix in prefixes if (config.directory / prefix.strip("/")).exists()]


def _shim(config: Config) -> bytes:
    """What `--inject` puts into pages; programs that dial a bridge are left to it."""
    if not config.inject:
        return b""
    if not opens_sockets(config):
        raise ConfigError(
            "--inject leads a program's sockets here, and they are off: turn them on, or leave it out."
        )
    bridges = [parse_bridge(value, "--bridge").port for value in config.bridge]
    return socket_shim(tcp=config.routes.tcp, udp=config.routes.udp, keep=[port for port in bridges if port])


def _reloads(config: Config) -> bytes:
    """What `--reload` puts into pages."""
    return reload.reload_script(f"{config.routes.fetchkit}/reload") if config.reload else b""


def _serve_sources(app: web.Application, prefix: str, folder: Path, config: Config) -> None:
    """What `--source-root` names: files alone, for a debugger and for pages that may read the served ones.

    Raises:
        ConfigError: there is no such folder.
    """
    if not folder.is_dir():
        raise ConfigError(f"--source-root {prefix}: {folder} is no folder: name the one with the sources.")

    async def no_folder(request: web.Request) -> web.StreamResponse:
        raise NotFoundError(f"{request.path} is no file.", f"Below {prefix} there are sources, and no pages.")

    # Neither a listing nor an index.html stands for a folder here.
    for path in (prefix, f"{prefix}/{{path:(?s:(.*/)?)}}"):
        app.router.add_route("*", path, answering(no_folder))
    cors = _cors(config)
    # A debugger is an extension of the browser, or its own pages: nobody else has these schemes.
    files.setup(
        app,
        folder,
        prefix=f"{prefix}/",
        dotfiles=config.dotfiles,
        cors=evolve(cors, allows=lambda value: value.startswith(_DEBUGGERS) or cors.allows(value)),
    )


def _dialer(config: Config) -> Dialer:
    """Where forward and sockets may connect; what the user names as a target is thereby allowed."""
    routes = [parse_route(value, "--forward").base for value in config.forward_routes]
    bridged = [parse_bridge(value, "--bridge").target for value in config.bridge]
    tunnels = [target for target in bridged if isinstance(target, Target)]
    if config.tcp:
        tunnels.append(parse_tcp_option(config.tcp, "--tcp"))
    named = [str(Host(base.host, base.port)) for base in routes] + [target.authority for target in tunnels]
    return Dialer(target_policy(config.allow_net, config.deny_net, (*config.allow_target, *named)))


def _guard(config: Config, own_ports: set[int]) -> guard.Guard:
    return guard.Guard(
        hosts=host_rules(config.allow_host, config.host),
        origins=origin_rules(config.allow_origin, "--allow-origin"),
        # Without TEXT: 128 bits, as OWASP asks of session identifiers.
        token=secrets.token_urlsafe(16) if config.token == "" else config.token or "",
        own_ports=own_ports,
    )


def _cors(config: Config) -> CorsPolicy:
    rules = origin_rules(config.cors, "--cors")
    return CorsPolicy(
        any_origin=rules.any_origin,
        allows=rules.allows,
        exposed=EXPOSED,
        methods=("GET", "HEAD"),
        headers=None,
        max_age=PREFLIGHT_SECONDS,
    )
