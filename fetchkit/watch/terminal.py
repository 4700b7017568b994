"""The access log: one line a request on standard error, and why when one was refused."""

import traceback

import attrs
import click

from fetchkit.config import LogFormat
from fetchkit.events import Answered, BodyBroken, Event, Events, Failed, FileServed, Hop, HopFailed, Refused
from fetchkit.log import write_line
from fetchkit.text import escape, escape_lines, readable_size
from fetchkit.web.targets import shown_target

__all__ = ["attach"]

_COLOURS = {2: "green", 3: "cyan", 4: "yellow", 5: "red"}


def attach(events: Events, form: LogFormat, *, verbose: bool, quiet: bool, colour: bool) -> None:
    """Write a line for each event that a person wants to see; `quiet`: for what went wrong only."""

    def listen(event: Event) -> None:
        text = _text(event, verbose=verbose)
        write_line(type(event).__name__, text if colour else click.unstyle(text), _values(event), form)

    kinds: set[type[Event]] = {BodyBroken, Failed}
    if not quiet:
        kinds.add(Answered)
        if form is LogFormat.JSON:  # for people one line has all: the note of the answer says why
            kinds |= {Refused, HopFailed}
    if verbose:
        kinds |= {FileServed, Hop}
    events.subscribe(listen, kinds)


def _text(event: Event, *, verbose: bool) -> str:
    match event:
        case Answered():
            return _answered(event)
        case Hop(method=method, url=url, status=status):
            return click.style(f"  {status} {method} {escape(url)}", dim=True)
        case Refused(detail=detail, hint=hint) | HopFailed(detail=detail, hint=hint):
            return f"{escape(detail)} {escape(hint)}".rstrip()
        case BodyBroken(sent=sent, size=size, reason=reason):
            return click.style(f"  cut after {sent} of {size} bytes: {escape(reason)}", fg="red")
        case Failed(error=error):
            lines = traceback.format_exception(error) if verbose else [repr(error)]
            return click.style(f"  failed: {escape_lines(''.join(lines))}".rstrip(), fg="red")
        case FileServed(path=path):
            return click.style(f"  {escape(path)}", dim=True)


def _answered(event: Answered) -> str:
    status = click.style(str(event.status), fg=_COLOURS.get(event.status // 100))
    size = readable_size(event.sent) if event.sent else "-"
    failed = event.status >= 400  # noqa: PLR2004
    note = f" {escape(event.note)}" if event.note else ""
    note = click.style(note, fg="yellow" if failed else None, dim=not failed) if note else ""
    return f"{status} {event.method:<4} {escape(event.target)}  {size}  {event.seconds * 1000:.1f} ms{note}"


def _values(event: Event) -> dict[str, object]:
    values = attrs.asdict(event, recurse=False)
    if "target" in values:
        values["target"] = shown_target(values["target"])
    return {
        name: repr(value) if isinstance(value, BaseException) else value for name, value in values.items()
    }
