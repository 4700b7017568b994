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
from fetchkit.listen import EVERYWHERE
from fetchkit.log import write_line
from fetchkit.net.hosts import parse_host
from fetchkit.server import Server
from fetchkit.version import VERSION
from fetchkit.web.tokens import PARAMETER

__all__ = ["announce", "opening_url"]

_log = logging.getLogger("fetchkit")


def opening_url(server: Server) -> str:
    """The URL for a browser: with the token, and with a name where the address is a wildcard."""
    url = server.url
    if server.config.host == EVERYWHERE or server.config.host[:1] in (("0.0.0.0",), ("::",)):
        scheme = url.partition("://")[0]
        lan = certificates.lan_addresses() if server.config.lan else []
        host = lan[0] if lan else "127.0.0.1"
        url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{server.port}/"
    return f"{url}?{PARAMETER}={server.token}" if server.token else url


def announce(server: Server) -> None:
    """Follow the ready line: a banner on a terminal, warnings and the token on standard error."""
    config = server.config
    if sys.stdout.isatty() and not config.quiet:
        _print_banner(server)
    elif server.token:
        url = opening_url(server)
        write_line("open", f"open {url}", {"url": url}, config.log_format)
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
    if not server.config.tls and server.config.isolation is not Mode.OFF:
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

    console = Console(highlight=False)
    table = Table.grid(padding=(0, 2))
    table.add_row("[dim]folder", str(server.config.directory.resolve()))
    table.add_row("[dim]open", f"[link={opening_url(server)}]{opening_url(server)}[/link]")
    table.add_row("[dim]isolation", _isolation(server.config.isolation))
    if server.config.tls:
        table.add_row("[dim]CA", f"{certificates.ca_file()} (import it once into your browsers)")
    console.print(f"[bold]fetchkit {VERSION}[/bold]  Ctrl-C stops it")
    console.print(table)
    if server.config.lan:
        import segno  # noqa: PLC0415  an extra

        segno.make(opening_url(server)).terminal(compact=True)


def _isolation(mode: Mode) -> str:
    if mode is Mode.OFF:
        return "off: no SharedArrayBuffer, no threads"
    return f"on ({mode.value}): SharedArrayBuffer and threads work"
