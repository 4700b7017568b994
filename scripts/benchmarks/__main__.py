"""The command line of the benchmarks: which parts, against whom, how long."""

import json
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import attrs
import click
from rich.console import Console

from benchmarks.parts import Options, Part, find_parts
from benchmarks.report import Report, show

__all__ = ["main"]

PARTS = find_parts()

PAGE_WIDTH = 110
"""In a pipe or a log, where nobody says how wide the page is."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("part", required=False, type=click.Choice(list(PARTS)), metavar="[PART]")
@click.option(
    "--rounds", default=5, show_default=True, type=click.IntRange(1, 100), help="Rounds of all peers."
)
@click.option(
    "--seconds", default=3, show_default=True, type=click.IntRange(1, 60), help="Seconds of load each."
)
@click.option("--peers", metavar="A,B", help="Measure these peers only.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write the reports to this file too."
)
def main(part: str | None, rounds: int, seconds: int, peers: str | None, json_file: Path | None) -> None:
    """Measure PART, or every part, beside its peers; missing peers are installed where that is possible."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    chosen = {part: PARTS[part]} if part else PARTS
    wanted = _wanted(peers, chosen)
    progress = Console(stderr=True)
    with progress.status("starting the peers") as status:
        options = Options(rounds, seconds, status.update)
        reports = [_measure(module, wanted, options) for module in chosen.values()]
    page = Console() if sys.stdout.isatty() else Console(width=PAGE_WIDTH)
    for report in reports:
        show(page, report)
    if json_file:
        text = json.dumps([attrs.asdict(report) for report in reports], indent=2, ensure_ascii=False)
        json_file.write_text(text + "\n", encoding="utf-8")


def _measure(module: Part, wanted: set[str], options: Options) -> Report:
    return module.measure([peer for peer in module.PEERS if peer.name in wanted], options)


def _wanted(peers: str | None, chosen: Mapping[str, Part]) -> set[str]:
    known = {peer.name for module in chosen.values() for peer in module.PEERS}
    wanted = {name.strip() for name in peers.split(",")} if peers else known
    if unknown := wanted - known:
        names = ", ".join(sorted(known))
        raise click.UsageError(f"no such peer: {', '.join(sorted(unknown))}; there are {names}")
    return wanted


if __name__ == "__main__":
    main(prog_name="scripts/bench")
