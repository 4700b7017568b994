"""The results of pages as JUnit's XML, in the form that Jenkins, GitLab and CDash read. Pure.

There is no standard, but a habit: a `testsuites` with one `testsuite` of one `testcase` a page; in that
`skipped`, `error` or `failure`, then `system-out` and `system-err`, in this order (Jenkins,
jenkins-junit.xsd). A failure is a program that did not end well; an error is that it could not be run.
"""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from fetchkit.run.results import Result

__all__ = ["junit_report"]

# What XML 1.0 does not allow (section 2.2, production 2), not even as a reference.
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# A parser makes line feeds and spaces of these (sections 2.11 and 3.3.3).
_IN_TEXT: Final = str.maketrans({"\r": "&#13;"})
_IN_VALUE: Final = str.maketrans({"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})
# A value of one line; the whole stands in the element's text.
_MESSAGE: Final = 500


def junit_report(results: Sequence[Result], *, started: str = "", seconds: float = 0.0) -> bytes:
    """The file.

    Args:
        results: in the order in which they are to stand there.
        started: when, as `2026-01-31T12:00:00`, in UTC; empty to leave it out.
        seconds: that all of it took.
    """
    counts = {
        "tests": len(results),
        "failures": sum(_kind(result) == "failure" for result in results),
        "errors": sum(_kind(result) == "error" for result in results),
        "skipped": sum(_kind(result) == "skipped" for result in results),
        "time": f"{seconds:.3f}",
    }
    suite = {"name": "fetchkit", **counts, **({"timestamp": started} if started else {})}
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f"<testsuites{_attributes({'name': 'fetchkit', **counts})}>",
        f"<testsuite{_attributes(suite)}>",
        *(each for result in results for each in _case(result)),
        "</testsuite>",
        "</testsuites>",
        "",
    ]
    return "\n".join(lines).encode()


def _kind(result: Result) -> str:
    if result.skipped:
        return "skipped"
    if result.passed:
        return ""
    return "error" if result.outcome.failed else "failure"


def _case(result: Result) -> Iterator[str]:
    values = {
        "classname": _class_name(result.name),
        "name": result.name,
        "time": f"{result.seconds:.3f}",
    }
    parts = [*_trouble(result), *_stream("system-out", result.stdout), *_stream("system-err", result.stderr)]
    if not parts:
        yield f"<testcase{_attributes(values)}/>"
        return
    yield f"<testcase{_attributes(values)}>"
    yield from parts
    yield "</testcase>"


def _trouble(result: Result) -> Iterator[str]:
    kind, outcome = _kind(result), result.outcome
    if not kind:
        return
    reason = outcome.reason or f"{result.name} exited with code {outcome.code}."
    message = _attributes({"message": reason.partition("\n")[0][:_MESSAGE]})
    if kind == "skipped":
        yield f"<skipped{message}/>"
        return
    details = "\n".join(part for part in (reason, outcome.crash) if part)
    yield f'<{kind}{message} type="exit code {outcome.code}">{_text(details)}</{kind}>'


def _stream(name: str, text: str) -> Iterator[str]:
    if text:
        yield f"<{name}>{_text(text)}</{name}>"


def _class_name(name: str) -> str:
    """The folder, as a package: Jenkins groups by what stands before the last dot."""
    folders = [part for part in name.replace("\\", "/").split("/")[:-1] if part.strip(".")]
    return ".".join(["fetchkit", *(folder.replace(".", "_") for folder in folders)])


def _attributes(values: Mapping[str, object]) -> str:
    return "".join(f' {name}="{_escape(str(value)).translate(_IN_VALUE)}"' for name, value in values.items())


def _text(text: str) -> str:
    return _escape(text).translate(_IN_TEXT)


def _escape(text: str) -> str:
    r"""The text with `\x1b` and the like for what has no place in XML."""
    return html.escape(_FORBIDDEN.sub(_written, text))


def _written(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape", "surrogatepass").decode()
