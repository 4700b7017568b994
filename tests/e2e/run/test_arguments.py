"""What stands on the command line is what `main` gets, byte for byte."""

import pytest

from .support import Builds, Ran, Run

pytestmark = pytest.mark.e2e

ARGUMENTS = (
    *("a b", " ", "&", "a&b=c", "%26", "%", "%zz", "+", "#", "=", "", "?", "/", ";"),
    *('"', "'", "\\", "\\n", "`$HOME`", "</script><script>", "<!--", "${x}"),
    *("e\u0301 é", "👩\u200d👩\u200d👧", "שלום \u202eabc", "\u2028\u2029", "\ufeff", "\uffff"),
    *("line\nbreak", "tab\tcarriage\r", "\x1b[31m", "\x7f"),
    *("--flag", "--", "--timeout", "--json=1", "-", "-v", "a_b", "--dump_out_directory"),
    "long " * 100,
    "",
)


def passed(ran: Ran) -> list[str]:
    """The arguments that the program saw."""
    return [bytes.fromhex(line).decode() for line in ran.lines]


@pytest.mark.parametrize(
    "build", ["plain.js", "page.html", "emrun.js", "emrun.html", "module.mjs", "factory.js"]
)
def test_arguments_reach_main_exactly(run: Run, builds: Builds, build: str) -> None:
    ran = run(builds(build), "--", "args", *ARGUMENTS)
    assert passed(ran) == list(ARGUMENTS)
    assert ran.code == len(ARGUMENTS)


@pytest.mark.parametrize("build", ["plain.js", "emrun.js"])
def test_an_argument_may_be_very_long(run: Run, builds: Builds, build: str) -> None:
    # Linux takes 128 KiB in one.
    ran = run(builds(build), "args", "x&" * 50_000, "b")
    assert passed(ran) == ["x&" * 50_000, "b"]


def test_without_two_dashes_all_behind_the_page_is_the_programs(run: Run, builds: Builds) -> None:
    arguments = ["--timeout", "0.001", "--json", "a_b", "--serve_root=x", "-h"]
    ran = run(builds("plain.js"), "args", *arguments)
    assert (passed(ran), ran.code) == (arguments, len(arguments))


def test_with_two_dashes_options_may_stand_behind_the_page(run: Run, builds: Builds) -> None:
    ran = run(builds("plain.js"), "--timeout", "30", "--json", "--", "args", "--", "--json")
    assert '{"event": "stdout", "text": "2d2d"}' in ran.lines
    assert '"code": 2' in ran.lines[-1]
    assert ran.code == 2


def test_a_page_that_is_given_no_arguments_keeps_its_own(run: Run, builds: Builds) -> None:
    page = builds("plain.js").with_name("own.html")
    page.write_text(
        "<!doctype html><script>Module = {arguments: ['exit', '8']}</script><script src=plain.js></script>"
    )
    assert run(page).code == 8


def test_a_page_may_name_its_handlers_and_still_be_heard(run: Run, builds: Builds) -> None:
    page = builds("runtime.js").with_name("handlers.html")
    page.write_text(
        """<!doctype html><pre></pre><script>
        var Module = {
            print: (line) => document.querySelector('pre').append(line),
            printErr: (line) => document.querySelector('pre').append(line),
            onExit: (code) => console.log(code + document.querySelector('pre').textContent),
        };
        </script><script src=runtime.js></script>"""
    )
    ran = run(page, "lines", "4")
    assert ran.lines == ["line 0", "line 2", "0line 0line 1line 2line 3"]
    assert ran.errors == "line 1\nline 3\n"
    assert ran.code == 0
