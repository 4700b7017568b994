"""A page of one's own that calls emcc's factory is heard as any other, and its program gets its arguments."""

import json
from pathlib import Path

import pytest

from .support import Builds, Run

pytestmark = pytest.mark.e2e

NEVER_STARTED = 125
ARGUMENTS = ["args", "a b", "&%26", "", "ü"]

# What loads before, and is not to be touched: none of it is a factory of emcc's.
HELPERS = """
function load(imports = {}) { return WebAssembly && Object.getPrototypeOf(imports) === Object.prototype; }
Object.defineProperty(self, 'fixed', { value: function (m = {}) { m.preRun(); } });
Object.defineProperty(self, 'read', { get: () => function (m = {}) { m.preRun(); } });
"""


def test_a_factory_of_another_name_is_heard_and_given_arguments(run: Run, builds: Builds) -> None:
    page = builds("factory.js").with_name("own.html")
    page.with_name("helpers.js").write_text(HELPERS)
    page.with_name("statics.js").write_text("createModes.version = 3; var same = createModes;")
    page.write_text(
        """<!doctype html><pre></pre>
        <script src="helpers.js"></script>
        <script src="factory.js"></script>
        <script src="statics.js"></script>
        <script>
        const seen = document.querySelector('pre');
        if (!load({}) || createModes.version !== 3 || same !== createModes) throw seen;
        createModes({
            print: (line) => seen.append(line + ' '),
            onExit: (code) => console.log(code + ': ' + seen.textContent),
        });
        </script>"""
    )
    ran = run(page, "--", *ARGUMENTS)
    words = [each.encode().hex() for each in ARGUMENTS[1:]]
    assert ran.lines == [*words, f"4: {' '.join(words)} "]
    assert (ran.code, ran.errors) == (4, "")


# Newer versions' -sMODULARIZE, cut down by hand to what a Module object gives and is told: no toolchain here
# builds them. The first line differs: what the function is like, and what it takes for Module.
GLUE = """
  var arguments_ = Module['arguments'] || [], out = Module['print'] || console.log.bind(console);
  var quit_ = Module['quit'] || ((status, toThrow) => { throw toThrow; });
  class ExitStatus { name = 'ExitStatus'; constructor(status) { this.status = status; } }
  const module = new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
  await WebAssembly.instantiate(module);
  out('TITLE got ' + JSON.stringify(arguments_));
  try { quit_(0, new ExitStatus(0)); } catch (error) { if (!(error instanceof ExitStatus)) throw error; }
  return Module;
}
"""
UMD = """
if (typeof exports === 'object' && typeof module === 'object') module.exports = NAME;
else if (typeof define === 'function' && define['amd']) define([], () => NAME);
"""
WITHIN = "var NAME = (() => {\n  var _scriptName = document.currentScript?.src;\n  return (\n"
FORMS = {
    "2023": (f"{WITHIN}async function(moduleArg = {{}}) {{", "Object.assign({}, moduleArg)", ");\n})();"),
    "2024": (f"{WITHIN}async function(moduleArg = {{}}) {{", "moduleArg", ");\n})();"),
    # A declaration takes the place of any property of that name.
    "2025": ("async function NAME(moduleArg = {}) {", "moduleArg", ""),
    # As Closure Compiler leaves them.
    "small": ("var NAME=(()=>async function(a={}){", "a", ")();"),
    "small-2022": ("var NAME=(()=>async function(a){a=a||{};", "a", ")();"),
}


def test_every_form_of_a_factory_is_known_however_it_comes(run: Run, tmp_path: Path) -> None:
    def script(form: str, name: str, title: str) -> str:
        head, taken, end = FORMS[form]
        whole = f"{head}\n  var Module = {taken};{GLUE}{end}{UMD}"
        return whole.replace("NAME", name).replace("TITLE", title)

    pages = {}
    for form, name in [*((form, "createApp") for form in FORMS), ("2025", "Module")]:
        title = f"{form}-{name}"
        tmp_path.joinpath(f"{title}.js").write_text(script(form, name, title))
        pages[title] = f"<script src={title}.js></script><script>{name}()</script>"
    for form, name in ("2023", "createApp"), ("2025", "Module"):
        title = f"{form}-inline"
        pages[title] = f"<script>{script(form, name, title)}</script><script>{name}({{}})</script>"
    pages["onload"] = f"<body onload=Module()><script>{script('2025', 'Module', 'onload')}</script>"
    tmp_path.joinpath("added.js").write_text(script("2025", "Module", "added"))
    pages["added"] = """<script>
        const script = Object.assign(document.createElement('script'), { src: 'added.js' });
        script.onload = () => Module({});
        document.head.append(script);
        </script>"""
    files = []
    for title, body in pages.items():
        files.append(tmp_path / f"{title}.html")
        files[-1].write_text(f"<!doctype html><meta charset=utf-8>{body}")
    ran = run("--jobs", "2", "--timeout", "20", *files, "--", *ARGUMENTS)
    said = json.dumps(ARGUMENTS, separators=(",", ":"), ensure_ascii=False)
    for title in pages:
        assert f"{title} got {said}\n" in ran.output + ran.errors
    assert ran.code == 0


def test_a_factory_that_is_imported_is_out_of_reach_and_said_to_be(run: Run, builds: Builds) -> None:
    page = builds("module.mjs").with_name("own.html")
    page.write_text(
        "<!doctype html><script type=module>import create from './module.mjs'; create({})</script>"
    )
    ran = run(page)
    assert (ran.code, ran.lines) == (NEVER_STARTED, ["hello"])
    assert "hidden" in ran.sentences
