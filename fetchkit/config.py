"""The settings: one frozen tree, each value documented and checked where it is declared.

What people may set is declared once, here; the command line, the environment, the configuration
file, `fetchkit config` and the tests of the documentation are made from it.
"""

import os
import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import attrs
from attrs import frozen

from fetchkit.errors import BadRequestError, ConfigError
from fetchkit.forward.rules import parse_route
from fetchkit.forward.settings import Forward
from fetchkit.http.fields import parse_field
from fetchkit.isolation.rules import Coep, Coop, IsolationException, Mode
from fetchkit.net.hosts import bare_name, host_rules
from fetchkit.net.origins import origin_rules
from fetchkit.net.policy import target_policy
from fetchkit.origin.memory.state import parse_state
from fetchkit.origin.settings import Origin
from fetchkit.run.settings import Run
from fetchkit.sockets.tunnel.target import parse_bridge, parse_tcp_option

__all__ = [
    "DEFAULT_PORT",
    "Config",
    "IsolationException",
    "LogFormat",
    "Mode",
    "Routes",
    "Setting",
    "parse_source_root",
    "settings",
]

# emrun's: the output capture of an --emrun build works on any host name there (emrun_postjs.js).
DEFAULT_PORT: Final = 6931
MAX_PORT: Final = 65535

_PREFIX = re.compile(r"(/(?!\.\.?(/|$))[A-Za-z0-9._~-]+)+")
_TOKEN_TEXT = re.compile(r"[A-Za-z0-9._~-]*")  # unreserved (RFC 3986, section 2.3): no escaping anywhere


class LogFormat(StrEnum):
    """How log lines are written."""

    TEXT = "text"
    JSON = "json"


@frozen
class Setting:
    """What is known of a field of Config.

    Attributes:
        help: one line for `--help` and the documentation.
        metavar: how the value is written there; empty for a switch.
        short: a one-letter flag.
        flag: whether there is a flag and an environment variable; tables are for the file alone.
        flag_name: the flag, where it is not the field's name.
    """

    help: str
    metavar: str = ""
    short: str = ""
    flag: bool = True
    flag_name: str = ""


def _setting(
    default: Any,
    help_: str,
    check: Callable[[Any], object] | None = None,
    *,
    convert: Callable[[Any], Any] | None = None,
    **more: Any,
) -> Any:
    def validate(_instance: object, _attribute: object, value: Any) -> None:
        if check is not None:
            check(value)

    metadata = {"setting": Setting(help_, **more)}
    return attrs.field(default=default, validator=validate, converter=convert, metadata=metadata)


def _one_of(kind: type[StrEnum], option: str) -> Callable[[Any], StrEnum]:
    def convert(value: Any) -> StrEnum:
        try:
            return kind(value)
        except ValueError as error:
            raise ConfigError(f"{option} {value!r} is not one of {', '.join(kind)}.") from error

    return convert


def _check_port(value: int | None) -> None:
    if value is not None and not 0 <= value <= MAX_PORT:
        raise ConfigError(f"--port {value} is no port: choose 0 (any free one) to {MAX_PORT}.")


def _check_hosts(values: tuple[str, ...]) -> None:
    for value in values:
        try:
            bare_name(value)
        except BadRequestError as error:
            raise ConfigError(
                f"--host {value!a} is no address: write one as 127.0.0.1, ::1 or a name."
            ) from error


def _check_headers(values: tuple[str, ...]) -> None:
    for value in values:
        parse_field(value, "--header")


def _check_token(value: str | None) -> None:
    if value is not None and not _TOKEN_TEXT.fullmatch(value):
        raise ConfigError("--token may have letters, digits and the characters - . _ ~ only.")


def _check_exceptions(values: tuple[IsolationException, ...]) -> None:
    for value in values:
        if not value.path.startswith("/"):
            raise ConfigError(f"isolation-exceptions: the path {value.path!r} must begin with a slash.")


def _check_forward_routes(values: tuple[str, ...]) -> None:
    prefixes = [parse_route(value, "--forward").prefix for value in values]
    if len(set(prefixes)) < len(prefixes):
        raise ConfigError("--forward: two fixed routes have the same prefix; give each its own.")


def parse_source_root(value: str) -> tuple[str, Path]:
    """Prefix and folder of a value of `--source-root`.

    Raises:
        ConfigError: it is none.
    """
    prefix, equals, folder = value.partition("=")
    prefix = prefix.removesuffix("/")
    if not equals or not _PREFIX.fullmatch(prefix) or not folder:
        raise ConfigError(f"--source-root {value!a:.100} is not PREFIX=DIR: write it as /src=../src.")
    return prefix, Path(os.path.expanduser(folder))  # a shell leaves `~` behind an equals sign alone


def _check_source_roots(values: tuple[str, ...]) -> None:
    prefixes = [parse_source_root(value)[0] for value in values]
    if len(set(prefixes)) < len(prefixes):
        raise ConfigError("--source-root: two folders have the same prefix; give each its own.")


def _check_tcp(value: str) -> None:
    if value:
        parse_tcp_option(value, "--tcp")


def _check_bridges(values: tuple[str, ...]) -> None:
    bridges = [parse_bridge(value, "--bridge") for value in values]
    places = [(bridge.address, bridge.port) for bridge in bridges if bridge.port]
    if len(set(places)) < len(places):
        raise ConfigError("--bridge: two bridges have the same port; give each its own.")


def _check_route(value: str) -> None:
    if not _PREFIX.fullmatch(value):
        raise ConfigError(f"routes: {value!r} is no prefix: write it as '/name', with no slash at its end.")


@frozen(kw_only=True)
class Routes:
    """Prefixes of fetchkit's own routes, for folders that have such names of their own."""

    forward: str = _setting("/forward", "HTTP that a page may fetch from anywhere", _check_route)
    origin: str = _setting("/origin", "the test origin", _check_route)
    fetchkit: str = _setting("/fetchkit", "control routes: health", _check_route)
    posix: str = _setting("/posix", "full POSIX sockets (WebSocket)", _check_route)
    tcp: str = _setting("/tcp", "TCP tunnels (WebSocket)", _check_route)
    udp: str = _setting("/udp", "UDP tunnels (WebSocket)", _check_route)
    echo: str = _setting("/echo", "echo (WebSocket)", _check_route)

    def __attrs_post_init__(self) -> None:
        prefixes = attrs.astuple(self)
        if len(set(prefixes)) < len(prefixes):
            raise ConfigError("routes: two routes have the same prefix; give each its own.")


@frozen(kw_only=True)
class Config:
    """Everything that a server needs to know; impossible values raise ConfigError here."""

    directory: Path = _setting(Path(), "the folder to serve", convert=Path, metavar="DIR", flag=False)
    host: tuple[str, ...] = _setting(
        (), "address to listen on (default: 127.0.0.1, and ::1 where it exists)", _check_hosts, metavar="ADDR"
    )
    port: int | None = _setting(
        None,
        f"port to listen on; 0: any free one (default: {DEFAULT_PORT}, or the next free one)",
        _check_port,
        metavar="N",
    )
    isolation: Mode = _setting(
        Mode.REQUIRE_CORP,
        "COOP and COEP of every response",
        convert=_one_of(Mode, "--isolation"),
        metavar="|".join(Mode),
    )
    cors: tuple[str, ...] = _setting(
        (),
        "who may read the files cross-origin besides loopback origins; * for everybody",
        lambda values: origin_rules(values, "--cors"),
        metavar="ORIGIN",
    )
    header: tuple[str, ...] = _setting(
        (), "extra header of every response", _check_headers, metavar="'NAME: VALUE'"
    )
    allow_host: tuple[str, ...] = _setting(
        (),
        "accept this Host besides loopback names and the bound addresses",
        host_rules,
        metavar="NAME",
    )
    allow_origin: tuple[str, ...] = _setting(
        (),
        "pages that may use forward, sockets and control routes besides this server's own and loopback ones",
        lambda values: origin_rules(values, "--allow-origin"),
        metavar="ORIGIN",
    )
    allow_net: tuple[str, ...] = _setting(
        (),
        "where forward and sockets may connect besides public and loopback addresses",
        lambda values: target_policy(allow_net=values),
        metavar="CIDR",
    )
    deny_net: tuple[str, ...] = _setting(
        (),
        "where forward and sockets may not connect, whatever else allows it",
        lambda values: target_policy(deny_net=values),
        metavar="CIDR",
    )
    allow_target: tuple[str, ...] = _setting(
        (),
        "a host where forward and sockets may connect, whatever its addresses are",
        lambda values: target_policy(allow_target=values),
        metavar="HOST[:PORT]",
    )
    token: str | None = _setting(
        None,
        "demand an access token on everything but the files; without TEXT one is made and printed",
        _check_token,
        metavar="[TEXT]",
    )
    dotfiles: bool = _setting(False, "also serve files whose names begin with a dot")
    spa: bool = _setting(False, "answer a navigation to a missing path with index.html")
    reload: bool = _setting(False, "reload a page once what it loaded has been built anew, whole")
    source_root: tuple[str, ...] = _setting(
        (),
        "sources for the debugger: a folder below a path, read only, as /src=../src",
        _check_source_roots,
        metavar="PREFIX=DIR",
    )
    tls: bool = _setting(False, "HTTPS with a certificate of a development CA")
    lan: bool = _setting(False, "HTTPS on every address of this machine, with a QR code")
    open: bool = _setting(False, "open the default browser")
    log_format: LogFormat = _setting(
        LogFormat.TEXT,
        "how log lines are written",
        convert=_one_of(LogFormat, "--log-format"),
        metavar="|".join(LogFormat),
    )
    verbose: bool = _setting(False, "log more: files on disk, tracebacks", short="v")
    quiet: bool = _setting(False, "log errors only", short="q")
    no_forward: bool = _setting(False, "do not forward: neither /forward nor fixed routes")
    forward_routes: tuple[str, ...] = _setting(
        (),
        "a fixed route: everything below a path goes to one URL, as /api=https://api.example/v1",
        _check_forward_routes,
        metavar="PREFIX=URL",
        flag_name="forward",
    )
    forward_cache: Path | None = _setting(
        None,
        "keep forwarded answers in this folder, as their Cache-Control allows (RFC 9111)",
        metavar="FOLDER",
    )
    forward: Forward = _setting(
        Forward(), "what holds for every target of the forward, and what is special about some", flag=False
    )
    tcp: str = _setting(
        "",
        "where a WebSocket on / with the subprotocol binary, base64 or text leads, as websockify's target",
        _check_tcp,
        metavar="HOST:PORT",
    )
    bridge: tuple[str, ...] = _setting(
        (),
        "one more port whose every WebSocket goes to TARGET: HOST:PORT, HOST:PORT/udp, echo or posix",
        _check_bridges,
        metavar="[ADDR:]PORT:TARGET",
    )
    bind_any: bool = _setting(False, "a page's bind() to 0.0.0.0 or :: means every address, not loopback")
    inject: bool = _setting(
        False, "put a shim into served HTML, so that emulated sockets reach any allowed host and port"
    )
    no_sockets: bool = _setting(False, "no sockets: neither /posix, /tcp, /udp, /echo nor bridges")
    dump_out_directory: Path | None = _setting(
        None,
        "folder for files that pages dump (emrun_file_dump); without it they are refused",
        metavar="DIR",
    )
    no_origin: bool = _setting(False, "no test origin")
    state: str = _setting(
        "",
        "a Redis that keeps what the origin remembers, for several processes (default: this process)",
        parse_state,
        metavar="URL",
    )
    origin: Origin = _setting(Origin(), "shape and limits of the test origin", flag=False)
    run: Run = _setting(Run(), "how `fetchkit run` runs pages", flag=False)
    routes: Routes = _setting(Routes(), "prefixes of fetchkit's own routes", flag=False)
    isolation_exceptions: tuple[IsolationException, ...] = _setting(
        (),
        f"other policies below a path: path, coop ({', '.join(Coop)}), coep ({', '.join(Coep)})",
        _check_exceptions,
        flag=False,
    )

    def __attrs_post_init__(self) -> None:
        if self.verbose and self.quiet:
            raise ConfigError("--verbose and --quiet exclude each other: leave one out.")
        for prefix in (parse_route(value, "--forward").prefix for value in self.forward_routes):
            if any(prefix == own or prefix.startswith(f"{own}/") for own in attrs.astuple(self.routes)):
                raise ConfigError(f"--forward {prefix} is a route of fetchkit's own: choose another prefix.")
        self._check_source_prefixes()
        if self.lan and self.host:
            raise ConfigError("--lan listens on every address: leave --host out, or use --tls with it.")

    def _check_source_prefixes(self) -> None:
        fixed = (parse_route(value, "--forward").prefix for value in self.forward_routes)
        taken = (*attrs.astuple(self.routes), *fixed)
        for prefix in (parse_source_root(value)[0] for value in self.source_root):
            if any(_overlap(prefix, other) for other in taken):
                raise ConfigError(
                    f"--source-root {prefix} is a route of fetchkit's own or of --forward: choose another."
                )


def _overlap(one: str, other: str) -> bool:
    """Whether one path lies below the other, or is the same."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def settings(kind: type[attrs.AttrsInstance] = Config) -> dict[str, tuple[Any, Setting]]:
    """The fields that people may set, by name: the attribute and what is known of it."""
    return {a.name: (a, a.metadata["setting"]) for a in attrs.fields(kind)}
