"""One readable page for what a part measured: a table of peers, the targets, the machine, the notes."""

import os
import platform
from collections.abc import Sequence

from attrs import frozen
from rich.console import Console
from rich.table import Table

from benchmarks.samples import Samples

__all__ = ["Column", "Report", "Target", "at_least", "at_most", "below", "machine", "number", "rows", "show"]


@frozen
class Column:
    """A column of the table: its heading, and the metric and the way in which a cell is made from samples."""

    heading: str
    metric: str
    decimals: int = 0
    largest: bool = False
    against: str | None = None
    """Show the ratio to this peer instead of the median."""


@frozen
class Target:
    """What the issue asks for beside what was measured; `met` is None when it could not be measured."""

    target: str
    measured: str
    met: bool | None


@frozen
class Report:
    """What a part has to say; plain values, ready for JSON."""

    part: str
    title: str
    machine: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    targets: tuple[Target, ...]
    notes: tuple[str, ...]
    samples: dict[str, dict[str, list[float]]]


def machine(versions: Sequence[str]) -> str:
    """Return one line: cores, kernel, Python, and what was measured in which version."""
    cores = len(os.sched_getaffinity(0))
    system = f"{cores} cores, Linux {platform.release()}, {platform.machine()}"
    return f"{system}; Python {platform.python_version()}; {', '.join(versions)}"


def number(value: float | None, decimals: int = 0) -> str:
    """Return the number with a thousands' separator, a dash when there is none."""
    return "-" if value is None else f"{value:,.{decimals}f}"


def rows(samples: Samples, peers: Sequence[str], columns: Sequence[Column]) -> tuple[tuple[str, ...], ...]:
    """Return a row of cells for each peer, its name first."""
    return tuple((peer, *(_cell(samples, peer, column) for column in columns)) for peer in peers)


def _cell(samples: Samples, peer: str, column: Column) -> str:
    if column.against:
        return number(samples.ratio(column.metric, peer, column.against), column.decimals)
    value = (samples.largest if column.largest else samples.median)(column.metric, peer)
    return number(value, column.decimals)


def at_least(samples: Samples, metric: str, peer: str, factor: float, base: str) -> Target:
    """Ask that a peer reaches so many times the value of another, compared within rounds."""
    ratio = samples.ratio(metric, peer, base)
    met = None if ratio is None else ratio >= factor
    return Target(f"{metric}: {peer} at least {factor:g} times {base}", number(ratio, 2), met)


def at_most(samples: Samples, metric: str, peer: str, factor: float, base: str) -> Target:
    """Ask that a peer needs no more than so many times what another does, compared within rounds."""
    ratio = samples.ratio(metric, peer, base)
    met = None if ratio is None else ratio <= factor
    return Target(f"{metric}: {peer} at most {factor:g} times {base}", number(ratio, 2), met)


def below(what: str, value: float | None, limit: float, unit: str) -> Target:
    """Ask that a value stays below a limit."""
    met = None if value is None else value < limit
    return Target(f"{what}: under {limit:g} {unit}", f"{number(value, 2)} {unit}", met)


def show(console: Console, report: Report) -> None:
    """Print the report."""
    table = Table(title=report.title, title_justify="left", title_style="bold")
    for index, heading in enumerate(report.headings):
        table.add_column(heading, justify="right" if index else "left")
    for row in report.rows:
        table.add_row(*row)
    console.print(table)
    if report.targets:
        console.print(_targets(report.targets))
    for line in (report.machine, *report.notes):
        console.print(line, markup=False, highlight=False)


def _targets(targets: Sequence[Target]) -> Table:
    words = {True: "[green]met[/]", False: "[red]not met[/]", None: "not measured"}
    table = Table("target", "measured", "")
    for target in targets:
        table.add_row(target.target, target.measured, words[target.met])
    return table
