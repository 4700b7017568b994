"""Pages that are made for scripts: what emcc made is told by its end, names of all kinds are exact."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote, unquote_to_bytes, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetchkit.run.page import MAX_QUERY, ScriptKind, address, is_html, is_script, kind_of, page_for, query

# Ends of scripts, as emcc of different years writes them.
PLAIN = "var shouldRunNow = true;\nif (Module['noInitialRun']) shouldRunNow = false;\nrun();\n"
SMALL = "function b(){a||(a=!0,c.calledRun=!0)}c.preInit&&c.preInit.pop()();b();\n"
UMD_2022 = """  return NAME.ready
}
);
})();
if (typeof exports === 'object' && typeof module === 'object')
  module.exports = NAME;
else if (typeof define === 'function' && define['amd'])
  define([], function() { return NAME; });
else if (typeof exports === 'object')
  exports["NAME"] = NAME;
"""
UMD_2024 = """  return moduleRtn;
}
);
})();
if (typeof exports === 'object' && typeof module === 'object')
  module.exports = NAME;
else if (typeof define === 'function' && define['amd'])
  define([], () => NAME);
"""
UMD_2025 = """    return Module;
  };
})();

if (typeof exports === 'object' && typeof module === 'object') {
  module.exports = NAME;
  module.exports.default = NAME;
} else if (typeof define === 'function' && define['amd'])
  define([], () => NAME);

var isPthread = globalThis.self?.name?.startsWith('em-pthread');
var isNode = globalThis.process?.versions?.node && globalThis.process?.type != 'renderer';
if (isNode) isPthread = require('node:worker_threads').workerData === 'em-pthread'
isPthread && NAME();
"""
UMD_MINIFIED = (
    '})();"object"===typeof exports&&"object"===typeof module?module.exports=NAME:"function"===typeof define'
    "&&define.amd&&define([],function(){return NAME});"
)
ES6 = ["export default NAME;", "export default NAME;\nisPthread && NAME();\n", "export{NAME as default};"]
ES6 += ["export { a, NAME as default, b };\n", "export { default, _main } from './app.support.js';\n"]
ES6 += ["var f=0;export default async function init(moduleArg = {}) { return f; }"]
NAMES = ["Module", "createModule", "$", "_a1", "EXPORT$NAME"]


@pytest.mark.parametrize("source", [PLAIN, SMALL, "", "\n", "define('x', [], f);", "exports = 1"])
def test_a_script_that_runs_by_itself_is_only_loaded(source: str) -> None:
    assert kind_of("app.js", source) == ScriptKind()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("source", [UMD_2022, UMD_2024, UMD_2025, UMD_MINIFIED])
def test_a_factory_is_called_by_its_name(source: str, name: str) -> None:
    assert kind_of("app.js", PLAIN * 100 + source.replace("NAME", name)) == ScriptKind(factory=name)


@pytest.mark.parametrize("source", ES6)
def test_an_ecmascript_module_is_told_by_what_it_exports(source: str) -> None:
    assert kind_of("app.js", PLAIN * 100 + source.replace("NAME", "Module")) == ScriptKind(module=True)


def test_mjs_is_always_a_module_and_cjs_is_told_by_its_end() -> None:
    assert kind_of("app.mjs", PLAIN) == ScriptKind(module=True)
    assert kind_of("app.cjs", UMD_2024.replace("NAME", "f")) == ScriptKind(factory="f")


def test_only_the_end_of_a_script_tells() -> None:
    begins = "export default x;\n" + UMD_2024.replace("NAME", "f")
    assert kind_of("app.js", begins + PLAIN * 100) == ScriptKind()


def test_a_huge_script_takes_no_time() -> None:
    assert kind_of("app.js", "export { " * 2_000_000) == ScriptKind()
    assert kind_of("app.js", "define([], " * 2_000_000) == ScriptKind()


# --- The page


class Read(HTMLParser):
    """What a browser finds in a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.scripts: list[str] = []
        self.title = ""
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag opens."""
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name == "src"]

    def handle_data(self, data: str) -> None:
        """Text of an element."""
        if self.lasttag == "script" and data.strip():
            self.scripts.append(data)
        elif self.lasttag == "title" and not self.title:
            self.title = data


NASTY = [
    "app.js",
    "with space.js",
    "a\"b'c.js",
    "a<b>&amp;.js",
    "</script><script>alert(1)//.js",
    "100%25.js",
    "?query#fragment.js",
    "back\\slash.js",
    "http:evil.js",
    "-->.js",
    "grün 東京 😀.js",
    "a\u2028b\nc\td.js",
]


def file_of(url: str) -> str:
    """The name that a URL beside the page leads to."""
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("", "", "", "")
    return unquote(parts.path.removeprefix("./"))


@pytest.mark.parametrize("name", NASTY)
def test_a_script_beside_the_page_is_found_whatever_its_name_is(name: str) -> None:
    page = Read(page_for(name, ScriptKind()))
    (source,) = page.sources
    assert file_of(source) == name
    assert page.tags == ["html", "meta", "title", "link", "canvas", "script", "script"]
    assert page.title == name


@pytest.mark.parametrize("name", NASTY)
def test_a_module_is_imported_whatever_its_name_is(name: str) -> None:
    page = Read(page_for(name, ScriptKind(module=True)))
    assert page.sources == []
    assert page.tags.count("script") == 2
    (found,) = re.findall(r'import \* as made from "(\./[^"]*)";', page.scripts[-1])
    assert file_of(found) == name
    assert "made.default(options)" in page.scripts[-1]


def test_a_factory_is_called_with_the_object_that_is_module() -> None:
    page = Read(page_for("app.js", ScriptKind(factory="createApp")))
    assert page.sources == ["app.js"]
    assert page.scripts[-1] == "createApp(options);"
    assert "options = Module" in page.scripts[0]


def test_a_page_has_a_canvas_and_asks_for_no_icon() -> None:
    page = page_for("app.js", ScriptKind())
    assert page.startswith(b"<!doctype html>")
    assert b'<canvas id="canvas"' in page
    assert page.index(b"<canvas") < page.index(b"var Module") < page.index(b'src="app.js"')
    assert b'rel="icon" href="data:,"' in page


@given(st.binary(min_size=1).map(lambda raw: raw.decode("utf-8", "surrogateescape")))
def test_every_name_makes_a_page(name: str) -> None:
    for kind in (ScriptKind(), ScriptKind(module=True), ScriptKind(factory="f")):
        assert len(Read(page_for(name, kind)).scripts) >= 1


def test_a_name_of_foreign_bytes_keeps_them() -> None:
    name = b"gr\xfcn.js".decode("utf-8", "surrogateescape")
    (source,) = Read(page_for(name, ScriptKind())).sources
    assert unquote_to_bytes(source) == b"gr\xfcn.js"
    assert unquote_to_bytes(address(name)) == b"/gr\xfcn.js"


# --- Names and addresses


@pytest.mark.parametrize("name", ["a.js", "a.MJS", "a.cjs", "a.b.js"])
def test_scripts_are_told_by_their_names(name: str) -> None:
    assert is_script(name)
    assert not is_html(name)


@pytest.mark.parametrize("name", ["a.html", "a.HTM", "a.xhtml", "a.js.html"])
def test_pages_are_told_by_their_names(name: str) -> None:
    assert is_html(name)
    assert not is_script(name)


@pytest.mark.parametrize("name", ["a.wasm", "a", "js", "html", "a.json", "a.html.gz", ""])
def test_everything_else_is_neither(name: str) -> None:
    assert not is_html(name)
    assert not is_script(name)


def test_an_address_is_a_path_with_its_slashes() -> None:
    assert address("sub/a b.html") == "/sub/a%20b.html"
    assert address("a?b#c%d;e&f.html") == "/a%3Fb%23c%25d%3Be%26f.html"
    assert address("é.html") == "/%C3%A9.html"


# --- The query


def test_arguments_are_told_apart_in_the_query() -> None:
    assert query(()) == ""
    assert query(("a",)) == "?a"
    assert query(("a b", "c&d", "e=f", "g/h", "%", "+", "#", "é", "")) == (
        "?a%20b&c%26d&e%3Df&g%2Fh&%25&%2B&%23&%C3%A9&"
    )
    assert query(("\udcff",)) == "?%FF"


def test_arguments_that_no_request_can_carry_are_left_out() -> None:
    assert len(query(("a" * (MAX_QUERY - 1),))) == MAX_QUERY
    assert query(("a" * MAX_QUERY,)) == ""


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_the_query_carries_every_argument(arguments: list[str]) -> None:
    found = query(tuple(arguments))
    assert found.isascii()
    assert [unquote(each) for each in found[1:].split("&")] == arguments
