"""What a person sees on a terminal once the server is ready, and warnings that matter before that."""

import ipaddress
import logging
import sys
import threading
import webbrowser
from collections.abc import Iterator

from fetchkit import certificates
from fetchkit.app import own_names
from fetchkit.config import DEFAULT_PORT, Mode
from fetchkit.log import write_line
from fetchkit.net.hosts import Host, parse_host
from fetchkit.server import Server
from fetchkit.text import escape
from fetchkit.version import VERSION
from fetchkit.web.tokens import PARAMETER

__all__ = ["announce", "opening_url"]

_log = logging.getLogger("fetchkit")

# What stands for every address, and one address where this machine reaches it.
_REACHED_AT: dict[tuple[str, ...], str] = {("0.0.0.0",): "127.0.0.1", ("::",): "::1"}


def opening_url(server: Server) -> str:
    """The URL for a browser: with the token, and with an address to go to where all are listened on."""
    url = server.url
    if server.config.lan:
        lan = certificates.lan_addresses()
        url = _url_of(server, lan[0] if lan else "127.0.0.1")
    elif server.config.host[:1] in _REACHED_AT:
        url = _url_of(server, _REACHED_AT[server.config.host[:1]])
    return f"{url}?{PARAMETER}={server.token}" if server.token else url


def _url_of(server: Server, address: str) -> str:
    scheme = server.url.partition("://")[0]
    return f"{scheme}://{Host(address, server.port)}/"


def announce(server: Server) -> None:
    """Follow the ready line: a banner on a terminal, warnings and the token on standard error."""
    config = server.config
    if sys.stdout.isatty() and not config.quiet:
        _print_banner(server)
    else:
        if server.token:
            url = opening_url(server)
            write_line("open", f"open {url}", {"url": url}, config.log_format)
        for bridge, target in () if config.quiet else server.bridges:
            values = {"url": bridge, "target": target}
            write_line("bridge", f"bridge {bridge} -> {target}", values, config.log_format)
    for sentence in _warnings(server):
        _log.warning("%s", sentence)
    if config.open:
        threading.Thread(target=webbrowser.open, args=(opening_url(server),), daemon=True).start()


def _warnings(server: Server) -> Iterator[str]:
    """Sentences for standard error."""
    if server.config.port is None and server.port != DEFAULT_PORT:
        yield f"Port {DEFAULT_PORT} is taken; listening on {server.port}."
    for prefix in own_names(server.config):
        yield f"The folder's own {prefix} is hidden by a route of fetchkit's: rename that under [routes]."
    if server.url.startswith("http:") and server.config.isolation is not Mode.OFF:
        for url in server.urls:
            address = ipaddress.ip_address(parse_host(url.split("/")[2]).name)
            if not address.is_loopback:
                yield (
                    f"Pages at {url} are no secure context, so they get no SharedArrayBuffer and no threads:"
                    " use --lan, or --tls."
                )


def _print_banner(server: Server) -> None:
    """Say what is served and where, for people."""
    from rich.console import Console  # noqa: PLC0415  on a terminal only: 40 ms
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    url = opening_url(server)
    rows = {
        "folder": Text(escape(str(server.config.directory.resolve()))),
        "open": Text(url, style=f"link {url}"),
        "isolation": Text(_isolation(server.config.isolation)),
    }
    for bridge, target in server.bridges:
        rows[bridge] = Text(f"-> {target}")
    if url.startswith("https"):
        rows["CA"] = Text(f"{escape(str(certificates.ca_file()))} (import it once into your browsers)")
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        table.add_row(Text(name, style="dim"), value)
    console = Console(highlight=False)
    console.print(f"[bold]fetchkit {VERSION}[/bold]  Ctrl-C stops it")
    console.print(table)
    if server.config.lan:
        import segno  # noqa: PLC0415  an extra

        segno.make(url).terminal(compact=True)


def _isolation(mode: Mode) -> str:
    if mode is Mode.OFF:
        return "off: no SharedArrayBuffer, no threads"
    return f"on ({mode.value}): SharedArrayBuffer and threads work"
