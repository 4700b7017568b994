"""Puts the features together: the one visible order in which an application is made."""

import secrets

from aiohttp import web

from fetchkit import control, files, isolation, sockets
from fetchkit.config import Config
from fetchkit.http.cors import CorsPolicy
from fetchkit.http.fields import parse_field
from fetchkit.net.hosts import host_rules
from fetchkit.net.origins import origin_rules
from fetchkit.version import SERVER
from fetchkit.web import guard
from fetchkit.web.keys import events_of

__all__ = ["build_app", "own_names"]

# Readable cross-origin beside the safelisted ones: what lazy files, ranges and progress need.
EXPOSED = ("Accept-Ranges", "Content-Encoding", "Content-Length", "Content-Range", "Date", "ETag", "Server")
# Chromium keeps a preflight's answer for two hours at most.
PREFLIGHT_SECONDS = 7200


def build_app(config: Config) -> web.Application:
    """An application with every feature of the configuration; nothing listens yet.

    Raises:
        ConfigError: the folder cannot be served.
    """
    app = web.Application()
    events_of(app)
    extra = (("Server", SERVER), *(parse_field(line, "--header") for line in config.header))
    isolation.setup(app, mode=config.isolation, exceptions=config.isolation_exceptions, extra=extra)
    guard.setup(app, _guard(config))
    control.setup(app, prefix=config.routes.fetchkit)
    routes = config.routes
    serve_file = files.setup(
        app, config.directory, dotfiles=config.dotfiles, spa=config.spa, cors=_cors(config)
    )
    sockets.setup(
        app, exact=("/", routes.posix, routes.echo), below=(routes.tcp, routes.udp), plain=serve_file
    )
    return app


def own_names(config: Config) -> list[str]:
    """Prefixes of fetchkit's routes that hide something of the same name in the served folder."""
    prefixes = (config.routes.fetchkit,)
    return [prefix for prefix in prefixes if (config.directory / prefix.strip("/")).exists()]


def _guard(config: Config) -> guard.Guard:
    return guard.Guard(
        hosts=host_rules(config.allow_host, config.host),
        origins=origin_rules(config.allow_origin, "--allow-origin"),
        # Without TEXT: 128 bits, as OWASP asks of session identifiers.
        token=secrets.token_urlsafe(16) if config.token == "" else config.token or "",
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
