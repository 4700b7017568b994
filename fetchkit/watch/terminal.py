"""What a person sees on standard error: a line for each request, and what pages print."""

import traceback
from urllib.parse import urlsplit

import attrs
import click

from fetchkit.config import LogFormat
from fetchkit.events import (
    Answered,
    BodyBroken,
    Event,
    Events,
    Failed,
    FileServed,
    Hop,
    HopFailed,
    Page,
    PageDumped,
    PageEnded,
    PageLoaded,
    PagePrinted,
    PageReported,
    Rebuilt,
    Refused,
)
from fetchkit.log import write_line
from fetchkit.text import escape, escape_controls, escape_lines, readable_size
from fetchkit.web.targets import shown_target

__all__ = ["attach"]

_COLOURS = {2: "green", 3: "cyan", 4: "yellow", 5: "red"}
_MESSAGES = ("/stdio.html", "/log")  # where pages print: that line needs no other one for its request


def attach(events: Events, form: LogFormat, *, verbose: bool, quiet: bool, colour: bool) -> None:
    """Write a line for each event that a person wants to see; `quiet`: for what went wrong only."""

    def listen(event: Event) -> None:
        if form is LogFormat.TEXT and isinstance(event, Answered) and _is_message(event) and not verbose:
            return
        text = _text(event, verbose=verbose)
        write_line(type(event).__name__, text if colour else click.unstyle(text), _values(event), form)

    kinds: set[type[Event]] = {BodyBroken, Failed}
    if not quiet:
        kinds |= {Answered, PageDumped, PageEnded, PagePrinted, Rebuilt}
        if form is LogFormat.JSON:  # for people one line has all: the note of the answer says why
            kinds |= {HopFailed, PageLoaded, Refused}
    if verbose:
        kinds |= {FileServed, Hop, PageLoaded}
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
        case Rebuilt(paths=paths, pages=pages):
            told = "1 page" if pages == 1 else f"{pages} pages"
            return click.style(f"  reloads {told}: {escape(' '.join(paths))}", fg="cyan")
        case PageLoaded() | PagePrinted() | PageEnded() | PageDumped() | PageReported():
            return _of_page(event)


def _of_page(event: PageLoaded | PagePrinted | PageEnded | PageDumped | PageReported) -> str:
    """What a page did. Only what it prints stands behind a bar, so that it cannot pretend to the rest."""
    name = _name_of(event.page)
    match event:
        case PagePrinted(stream=stream, text=text):
            return _printed(name, text, "red" if stream == "stderr" else None)
        case PageEnded(status=None):
            return click.style(f"{name} exited without a status", fg="yellow")
        case PageEnded(status=status):
            return click.style(f"{name} exited with {status}", fg="red" if status else "green")
        case PageDumped(path=path, size=size):
            return click.style(f"{name} dumped {readable_size(size)} into {escape(path)}", fg="cyan")
        case PageLoaded():
            return click.style(f"{name} runs", dim=True)
        case PageReported(report=report):
            return click.style(f"{name} reports {escape(report)}", dim=True)


def _printed(name: str, text: str, colour: str | None) -> str:
    """The lines of a text, each with the page in front."""
    front = click.style(f"{name} |", dim=True)
    lines = escape_controls(text).split("\n")
    return "\n".join(f"{front} {click.style(line, fg=colour)}" if line else front for line in lines)


def _name_of(page: Page) -> str:
    """A page in few words: its path, without the slash in front."""
    try:
        path = urlsplit(page.url).path
    except ValueError:  # any text may stand in a Referer
        path = page.url
    return escape(path.lstrip("/")) or "/"


def _is_message(event: Answered) -> bool:
    """Whether it is the answer to something that pages said, which was shown or held back."""
    return (
        event.method == "POST"
        and event.status == 200  # noqa: PLR2004
        and event.target.partition("?")[0].endswith(_MESSAGES)
    )


def _answered(event: Answered) -> str:
    status = click.style(str(event.status), fg=_COLOURS.get(event.status // 100))
    size = readable_size(event.sent) if event.sent else "-"
    failed = event.status >= 400  # noqa: PLR2004
    note = f" {escape(event.note)}" if event.note else ""
    note = click.style(note, fg="yellow" if failed else None, dim=not failed) if note else ""
    return f"{status} {event.method:<4} {escape(event.target)}  {size}  {event.seconds * 1000:.1f} ms{note}"


def _values(event: Event) -> dict[str, object]:
    values = attrs.asdict(event, recurse=False)
    if isinstance(page := values.get("page"), Page):
        values |= {"page": page.url, "load": page.load}
    if "target" in values:
        values["target"] = shown_target(values["target"])
    return {
        name: repr(value) if isinstance(value, BaseException) else value for name, value in values.items()
    }
