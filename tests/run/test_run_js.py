"""The script in the pages of `fetchkit run`, run by Node in a window of the test's own making."""

import json
import subprocess
from typing import Any
from urllib.parse import unquote

import pytest

from fetchkit.run.runner import page_script
from tests.e2e.conftest import require

# What the script asks of a browser. Errors that nobody catches come as events, as in a page; when nothing is
# left to do, everything that was reported, sent and shown is printed.
WINDOW = r"""(() => {
const vm = require('node:vm');
const write = process.stdout.write.bind(process.stdout);
const reports = [], sent = [], shown = [], seen = [];
const window = globalThis, events = new EventTarget();
const plain = {};
for (const name of ['log', 'info', 'debug', 'warn', 'error', 'trace', 'assert']) {
  plain[name] = console[name] = (...values) => { shown.push([name, values.length]); };
}
String.prototype.toWellFormed ??= function () {  // Node 18 has none
  return this.replace(/\p{Surrogate}/gu, '\ufffd');
};
class ProgressEvent extends Event {}
class ErrorEvent extends Event {
  constructor(type, { error, message, filename, lineno, colno }) {
    super(type, { cancelable: true });
    Object.assign(this, { error, message, filename, lineno, colno });
  }
}
class XMLHttpRequest extends EventTarget {
  open(method, url, async = true) { this.asked = [method, url, async]; }
  send(body) {
    sent.push([...this.asked, body]);
    const end = () => this.dispatchEvent(new ProgressEvent('loadend'));
    if (this.asked[2]) setImmediate(end); else end();
  }
}
class WebSocket extends EventTarget { constructor(url) { super(); this.url = url; } }
class Worker extends EventTarget { terminate() {} }
class Image extends EventTarget {
  set src(value) { this.at = value; }
  get src() { return this.at; }
}
Object.assign(window, {
  self: window, top: window, location: { href: 'http://localhost:1/page.html' }, document: new EventTarget(),
  Node: class {}, MutationObserver: class { observe() {} }, ProgressEvent, ErrorEvent, XMLHttpRequest,
  WebSocket, Worker, Image, HTMLImageElement: Image, close: () => { seen.push('closed'); },
  addEventListener: events.addEventListener.bind(events),
});
// With the window as its target, which no EventTarget of Node's can be.
function tell(event) {
  Object.defineProperty(event, 'target', { value: window });
  events.dispatchEvent(event);
}
process.on('uncaughtException', (error) => tell(new ErrorEvent('error', {
  error, message: 'Uncaught ' + error, filename: 'http://localhost:1/a.js', lineno: 3, colno: 7,
})));
process.on('unhandledRejection', (reason) => {
  tell(Object.assign(new Event('unhandledrejection', { cancelable: true }), { reason }));
});
function ExitStatus(status) { this.name = 'ExitStatus'; this.status = status; }
// A module whose export calls an import, or traps.
function wasm(call) {
  const code = call ? [0x0a, 6, 1, 4, 0, 0x10, 0, 0x0b] : [0x0a, 5, 1, 3, 0, 0, 0x0b];
  const bytes = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 2, 7, 1, 1, 0x65, 1, 0x66, 0, 0,
                 3, 2, 1, 0, 7, 5, 1, 1, 0x67, 0, 1, ...code];
  const module = new WebAssembly.Module(Uint8Array.from(bytes));
  return new WebAssembly.Instance(module, { e: { f: call || (() => 0) } }).exports.g;
}
process.on('beforeExit', () => write(JSON.stringify({ reports, sent, shown, seen })));
if (DRIVEN) window.fetchkitReport = (text) => { reports.push(text); };
const run = (script) => vm.runInThisContext(script, { filename: 'http://localhost:1/app.js' });
Object.assign(window, { ExitStatus, wasm, seen, reports, shown });
run(SCRIPT);
for (const script of PAGE) run(script);
setImmediate(() => tell(new Event('load')));
})();
"""

# The part of Emscripten's runtime that takes from Module and gives to it: an older and a newer shape.
RUNTIME = """
var Module = typeof Module != 'undefined' ? Module : {};
var moduleOverrides = Object.assign({}, Module);
var arguments_ = [], thisProgram = './this.program';
var quit_ = (status, toThrow) => { throw toThrow; };
Object.assign(Module, moduleOverrides);
if (Module['arguments']) arguments_ = Module['arguments'];
if (Module['quit']) quit_ = Module['quit'];
var out = Module['print'] || console.log.bind(console);
var err = Module['printErr'] || console.warn.bind(console);
function exit(status) {
  if (Module['onExit']) Module['onExit'](status);
  quit_(status, new ExitStatus(status));
}
function abort(what) {
  if (Module['onAbort']) Module['onAbort'](what);
  err('Aborted(' + what + ')');
  throw new WebAssembly.RuntimeError('Aborted(' + what + ')');
}
function caught(call) { try { call(); } catch (error) { if (error.name !== 'ExitStatus') throw error; } }
"""
FACTORY = f"""
var NAME = (() => async function (moduleArg = {{}}) {{
  TAKES
  {RUNTIME.replace("var Module = typeof Module != 'undefined' ? Module : {};", "")}
  BODY
  return Module;
}})();
"""


def in_page(
    *page: str, arguments: tuple[str, ...] | None = None, driven: bool = True, console: bool = True
) -> dict[str, Any]:
    """What scripts in a page make the script report, send and show."""
    node = require("nodejs", "node", "nodejs")
    script = page_script(arguments, console=console)
    source = f"const SCRIPT = {json.dumps(script)}, PAGE = {json.dumps(page)};\n"
    source += f"const DRIVEN = {json.dumps(driven)};\n{WINDOW}"
    result = subprocess.run([node, "-"], input=source.encode(), capture_output=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr.decode()
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def reports(*page: str, arguments: tuple[str, ...] | None = None) -> list[str]:
    """The reports of a page, but those that all have."""
    found: list[str] = in_page(*page, arguments=arguments)["reports"]
    assert found[0] == "dhttp://localhost:1/page.html"
    return [each for each in found[1:] if each not in ("l", "i0")]


def errors(found: list[str]) -> list[dict[str, Any]]:
    return [json.loads(each[1:]) for each in found if each[0] == "t"]


# --- A page as such


def test_a_page_that_does_nothing_begins_loads_and_is_idle() -> None:
    assert in_page("")["reports"] == ["dhttp://localhost:1/page.html", "l", "i0"]


def test_only_the_top_document_reports() -> None:
    script = page_script(None)
    assert "if (self !== self.top) return;" in script
    found = in_page("", driven=True)
    assert found["reports"]
    node = require("nodejs", "node", "nodejs")
    source = f"globalThis.self = {{top: {{}}, get fetchkitReport() {{ throw 1; }}}};\n{script}"
    subprocess.run([node, "-e", source], check=True, timeout=60)


def test_the_drivers_function_is_taken_out_of_the_pages_reach() -> None:
    assert in_page("seen.push(typeof fetchkitReport)")["seen"] == ["undefined"]


# --- The console


CONSOLE = [
    ("console.log('a')", "oa"),
    ("console.info('a')", "oa"),
    ("console.debug('a')", "oa"),
    ("console.warn('a')", "ea"),
    ("console.error('a')", "ea"),
    ("console.trace('a')", "ea"),
    ("console.log()", "o"),
    ("console.log('')", "o"),
    ("console.log('a\\nb')", "oa\nb"),
    ("console.log('a', 1, true, null, undefined)", "oa 1 true null undefined"),
    ("console.log(1n, Symbol('s'))", "o1 Symbol(s)"),
    ("console.log({a: [1, 'x']})", 'o{"a":[1,"x"]}'),
    ("console.log([1, 2])", "o[1,2]"),
    ("console.log(Object.assign(Object.create(null), {a: 1}))", 'o{"a":1}'),
    ("console.log({n: 1n})", "o[object Object]"),
    ("let a = {}; a.a = a; console.log(a)", "o[object Object]"),
    ("let a = Object.create(null); a.a = a; console.log(a)", "o[object Object]"),
    ("let p = Proxy.revocable({}, {}); p.revoke(); console.log(p.proxy)", "o[object Object]"),
    ("console.log({toJSON() { throw 1; }, toString() { throw 2; }})", "o[object Object]"),
    ("console.log({toJSON() {}})", "o[object Object]"),
    ("console.log(String)", "ofunction String() { [native code] }"),
    ("console.log('\\ud800')", "o\ufffd"),
    # the format of the Console standard
    ("console.log('100%')", "o100%"),
    ("console.log('100%', 'x')", "o100% x"),
    ("console.log('%s and %s', 'a', 'b', 'c')", "oa and b c"),
    ("console.log('%s')", "o%s"),
    ("console.log('%s %s', 'a')", "oa %s"),
    ("console.log('%% %s', 'a')", "o% a"),
    ("console.log('%%')", "o%%"),
    ("console.log('%d %i %f', '12px', 3.9, '1.5x')", "o12 3 1.5"),
    ("console.log('%d', {})", "oNaN"),
    ("console.log('%d', Symbol('s'))", "oNaN"),
    ("console.log('%f', Object.create(null))", "oNaN"),
    ("console.log('%cred', 'color: red')", "ored"),
    ("console.log('%o %O', {a: 1}, [2])", 'o{"a":1} [2]'),
    ("console.log('%u', 'user')", "o%u user"),
    ("console.log('a%s', '%s', 'b')", "oa%s b"),
    ("console.log(1, '%s', 'b')", "o1 %s b"),
    ("console.assert(0, 'a', 1)", "eAssertion failed a 1"),
    ("console.assert(0)", "eAssertion failed"),
]


@pytest.fixture(scope="module")
def console() -> dict[str, tuple[list[str], int]]:
    """What each line of the table reports, and how often the browser's own console heard of it."""
    shows = "const mark = (n) => seen.push([reports.length, shown.length]);"
    codes = "mark();".join(f"{{ {code}; }}" for code, _ in CONSOLE)
    found = in_page(f"{shows} mark(); {codes} mark();")
    assert not errors(found["reports"])
    marks = found["seen"]
    return {
        code: (found["reports"][start[0] : end[0]], end[1] - start[1])
        for (code, _), start, end in zip(CONSOLE, marks, marks[1:], strict=False)
    }


@pytest.mark.parametrize(("code", "report"), CONSOLE)
def test_the_console_is_output_in_its_own_format(
    console: dict[str, tuple[list[str], int]], code: str, report: str
) -> None:
    assert console[code] == ([report], 1)  # and once on the browser's own


def test_an_assertion_that_holds_says_nothing() -> None:
    assert reports("console.assert(1, 'a')") == []


def test_an_error_on_the_console_has_its_stack() -> None:
    (report,) = reports("console.error(new TypeError('oops'))")
    assert report.startswith("eTypeError: oops\n    at http://localhost:1/app.js:1")


# --- The Module object


@pytest.mark.parametrize(
    "page",
    [
        pytest.param([RUNTIME], id="none-of-the-pages"),
        pytest.param(["var Module = {};", RUNTIME], id="the-pages"),
        pytest.param(["self.Module = {noInitialRun: false};", RUNTIME], id="a-property"),
    ],
)
def test_output_and_exit_of_a_program_are_reported_in_order(page: list[str]) -> None:
    found = in_page(*page, "out('one'); err('two'); out('three'); caught(() => exit(3));")
    assert [each for each in found["reports"] if each not in ("i0", "l")][1:] == [
        "m",
        "oone",
        "etwo",
        "othree",
        "x3",
        "q3",
    ]
    assert found["shown"] == [["log", 1], ["warn", 1], ["log", 1]]


def test_a_console_that_nobody_sees_costs_nothing() -> None:
    page = "console.log('a'); console.error('b'); console.assert(false, 'c'); console.assert(true)"
    seen, unseen = (in_page(page, console=console) for console in (True, False))
    assert [name for name, _ in seen["shown"]] == ["log", "error", "assert", "assert"]
    assert unseen["shown"] == []
    assert seen["reports"] == unseen["reports"]
    assert {"oa", "eb", "eAssertion failed c"} <= set(unseen["reports"])


def test_the_pages_own_handlers_go_on_working_and_nothing_is_told_twice() -> None:
    page = """var Module = {
      print(text) { seen.push(['print', text, this === Module]); console.log('page: ' + text); },
      printErr: (text) => seen.push(['printErr', text]),
      onExit: (status) => seen.push(['onExit', status]),
      quit: (status, toThrow) => { seen.push(['quit', status, toThrow.name]); throw toThrow; },
    };"""
    found = in_page(page, RUNTIME, "Module.print('a'); err('b'); caught(() => exit(1));")
    assert found["seen"] == [
        ["print", "a", True],
        ["printErr", "b"],
        ["onExit", 1],
        ["quit", 1, "ExitStatus"],
    ]
    assert [each for each in found["reports"] if each[0] in "oexq"] == ["oa", "eb", "x1", "q1"]


def test_handlers_that_a_page_sets_later_are_called_too() -> None:
    page = (
        "var Module = {}; Module.print = (text) => seen.push(text); Module['onExit'] = (n) => seen.push(n);"
    )
    found = in_page(page, RUNTIME, "out('a'); caught(() => exit(7));")
    assert found["seen"] == ["a", 7]
    assert {"oa", "x7"} <= set(found["reports"])


def test_a_print_that_throws_leaves_the_console_heard() -> None:
    page = "var Module = {print() { throw new Error('x'); }};"
    assert "oafter" in reports(page, RUNTIME, "try { out('a'); } catch (_) {} console.log('after');")


def test_module_has_no_property_of_its_own_that_a_build_with_assertions_would_refuse() -> None:
    names = "['print', 'printErr', 'onExit', 'onAbort', 'quit', 'arguments']"
    page = "var Module = {print() {}, arguments: ['no']};"
    code = f"seen.push(...{names}.filter((name) => Object.hasOwn(Module, name)), Object.keys(Module).length);"
    assert in_page(page, RUNTIME, code, arguments=("a",))["seen"] == [0]


@pytest.mark.parametrize(
    "given", ["", "var Module = {arguments: ['page']};", "var Module = {arguments: undefined};"]
)
@pytest.mark.parametrize("emrun", ["", "Module['arguments'] = ['from', 'the', 'query'];"])
def test_arguments_are_exact_whatever_the_page_or_emrun_says(given: str, emrun: str) -> None:
    arguments = ("a b", "", "&%+#", "</script><!--", "ä😀\u2028", 'q"\\', "\n")
    module = "var Module = typeof Module != 'undefined' ? Module : {};"
    found = in_page(given, module + emrun, RUNTIME, "seen.push(arguments_);", arguments=arguments)
    assert found["seen"] == [list(arguments)]


def test_a_program_may_change_its_arguments_without_changing_what_others_get() -> None:
    code = "Module.arguments.push('x'); seen.push(Module.arguments);"
    assert in_page(RUNTIME, code, arguments=("a",))["seen"] == [["a"]]


def test_without_arguments_those_of_the_page_stay() -> None:
    assert in_page("var Module = {arguments: ['page']};", RUNTIME, "seen.push(arguments_);")["seen"] == [
        ["page"]
    ]


def test_no_arguments_are_not_the_pages() -> None:
    page = "var Module = {arguments: ['page']};"
    assert in_page(page, RUNTIME, "seen.push(arguments_);", arguments=())["seen"] == [[]]


@pytest.mark.parametrize("freeze", ["freeze", "seal", "preventExtensions"])
def test_a_module_that_cannot_be_changed_stays_as_it_is(freeze: str) -> None:
    page = f"var Module = Object.{freeze}({{print: (text) => seen.push(text)}});"
    found = in_page(page, "Module.print('a');")
    assert found["seen"] == ["a"]
    assert "m" not in found["reports"]


@pytest.mark.parametrize("value", ["undefined", "null", "1", "'text'", "Symbol('s')"])
def test_a_module_that_is_no_object_stays_as_it_is(value: str) -> None:
    found = in_page(f"var Module = {value};", f"seen.push(Module === {value} || typeof Module === 'symbol');")
    assert found["seen"] == [True]
    assert errors(found["reports"]) == []


def test_a_property_that_cannot_be_deleted_does_not_stop_the_page() -> None:
    page = """self.given = {}; Object.defineProperty(given, 'print', {value: (text) => seen.push(text)});
    var Module = given;"""
    found = in_page(page, "Module.print('a');")
    assert found["seen"] == ["a"]
    assert errors(found["reports"]) == []


def test_what_a_module_inherits_is_kept() -> None:
    page = "class Mine { hello() { return 'hi'; } } var Module = new Mine();"
    assert in_page(page, "seen.push(Module.hello(), Module instanceof Mine);")["seen"] == ["hi", True]


@pytest.mark.parametrize(
    "takes",
    [
        pytest.param("var Module = moduleArg;", id="the-argument"),
        pytest.param("var Module = Object.assign({}, moduleArg);", id="a-copy"),
    ],
)
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("Module", "Module()"),
        ("Module", "Module({})"),
        ("create", "create(options)"),
        ("create", "create(Module)"),
    ],
)
def test_a_factory_gives_its_program_the_handlers_and_arguments(takes: str, name: str, call: str) -> None:
    body = "out(arguments_.join()); err('b'); caught(() => exit(4));"
    script = FACTORY.replace("NAME", name).replace("TAKES", takes).replace("BODY", body)
    page = "" if call.startswith("Module(") else "var Module = {}, options = Module;"
    found = reports(page, script, f"{call};", arguments=("x", "y"))
    assert found == ["m", "ox,y", "eb", "x4", "q4"]


def test_object_assign_is_what_it_was_for_everything_else() -> None:
    code = """const a = Object.assign({x: 1}, null, {y: 2}, 'z');
    seen.push(JSON.stringify(a), Object.getPrototypeOf(a) === Object.prototype,
              Object.getPrototypeOf(Object.assign(Object.create(null), Module)) === null);
    try { Object.assign(null, {}); } catch (error) { seen.push(error.name); }"""
    expected = ['{"0":"z","x":1,"y":2}', True, True, "TypeError"]
    assert in_page("var Module = {};", code)["seen"] == expected


# --- How it ends


def test_a_status_that_wasm_asks_for_is_an_exit_and_one_of_javascript_a_return() -> None:
    assert reports(RUNTIME, "caught(() => quit_(5, new ExitStatus(5)));") == ["m", "q5"]
    assert reports(RUNTIME, "caught(wasm(() => quit_(5, new ExitStatus(5))));") == ["m", "x5"]


def test_what_unwinds_the_stack_is_no_error() -> None:
    assert reports(RUNTIME, "setTimeout(() => { throw 'unwind'; }); setTimeout(() => exit(0));") == [
        "m",
        "x0",
        "q0",
    ]


def test_an_abort_is_told_before_what_is_printed_of_it_and_its_turn_ends() -> None:
    found = reports(RUNTIME, "abort('no memory');")
    assert found[:3] == ["m", "ano memory", "eAborted(no memory)"]
    (error,) = errors(found)
    assert (error["name"], error["message"], error["fatal"]) == ("RuntimeError", "Aborted(no memory)", True)
    assert found.count("z") == 1
    assert found.index("z") > 2


def test_the_pages_own_onabort_is_called() -> None:
    page = "var Module = {onAbort: (what) => seen.push(what)};"
    assert in_page(page, RUNTIME, "abort('x');")["seen"] == ["x"]


@pytest.mark.parametrize(
    ("code", "name", "message", "fatal"),
    [
        ("throw new Error('oops')", "Error", "oops", False),
        ("throw new TypeError('oops')", "TypeError", "oops", False),
        ("missing()", "ReferenceError", "missing is not defined", False),
        ("wasm()()", "RuntimeError", "unreachable", True),
        ("throw new WebAssembly.RuntimeError('x')", "RuntimeError", "x", True),
        ("throw 5246024", "", "5246024", True),
        ("throw 'text'", "", "text", False),
        ("throw ''", "", "", False),
        ("throw {excPtr: 1}", "", "[object Object]", True),
        ("throw Object.assign(new Error('std::x'), {name: 'CppException'})", "CppException", "std::x", True),
        ("(function f() { f(); })()", "RangeError", "Maximum call stack size exceeded", True),
        ("throw new RangeError('Invalid array length')", "RangeError", "Invalid array length", False),
    ],
)
@pytest.mark.parametrize("how", ["error", "rejection"])
def test_an_error_that_nobody_catches_is_told_with_its_stack(
    code: str, name: str, message: str, how: str, *, fatal: bool
) -> None:
    wrapped = code if how == "error" else f"(async () => {{ {code} }})();"
    found = reports(wrapped)
    (error,) = errors(found)
    assert (error["name"], error["message"], error["fatal"]) == (name, message, fatal)
    if name:
        assert f"{message}\n    at " in error["stack"]
    elif how == "error":
        assert error["stack"].startswith("    at http://localhost:1/a.js:3:7") or "excPtr" in code
    assert found[-1] == "z"


def test_a_rejection_without_a_reason_is_told() -> None:
    for code in ("Promise.reject();", "Promise.reject('');", "Promise.reject(null);"):
        assert len(errors(reports(code))) == 1


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ("error", "setTimeout(() => { throw new Error('x'); });"),
        ("unhandledrejection", "Promise.reject(1);"),
    ],
)
def test_an_error_that_the_page_deals_with_is_none(event: str, code: str) -> None:
    assert reports(f"addEventListener('{event}', (event) => event.preventDefault());", code) == []
    assert len(errors(reports(f"addEventListener('{event}', () => {{}});", code))) == 1


def test_one_error_is_told_once_however_often_it_comes() -> None:
    again = "setTimeout(() => { throw e; });"
    found = reports(f"var e = new Error('x'); {again} {again} Promise.reject(e);")
    assert len(errors(found)) == 1
    assert found.count("z") == 1


def test_an_error_that_the_runtime_passes_to_quit_is_told_once() -> None:
    page = "var e = new WebAssembly.RuntimeError('unreachable'); setTimeout(() => quit_(1, e));"
    (error,) = errors(reports(RUNTIME, page))
    assert error["fatal"]


def test_a_cpp_exception_is_fatal_where_the_runtime_has_it_as_text() -> None:
    (error,) = errors(reports(RUNTIME, "quit_(1, '5246024 - Exception catching is disabled');"))
    assert error["fatal"]


# --- What is pending


def order(code: str) -> list[str]:
    """Reports, with what a page says at last."""
    found: list[str] = in_page(code)["reports"]
    return found[2:] if found[1] == "l" else found[1:]


@pytest.mark.parametrize(
    "start",
    [
        "setTimeout(done, 150)",
        "setTimeout('done()', 150)",
        "setTimeout((a) => done(a), 150, 'x')",
        "var n = 0, id = setInterval(() => { if (++n === 3) { clearInterval(id); done(); } }, 60)",
        "var n = 0, id = setInterval(() => { if (++n === 3) { clearTimeout(id); done(); } }, 60)",
        "setTimeout(() => setTimeout(() => setTimeout(done, 60), 60), 60)",
        "WebAssembly.compile(new ArrayBuffer(1)).catch(() => setTimeout(done, 150))",
        "new Response('x').text().then(() => setTimeout(done, 150))",
        "new Blob(['x']).arrayBuffer().then(() => setTimeout(done, 150))",
    ],
)
def test_a_page_is_idle_after_what_it_waits_for(start: str) -> None:
    found = order(f"function done() {{ console.log('done'); }} {start}")
    assert [each for each in found if each in ("odone", "i0")] == ["odone", "i0"]


@pytest.mark.parametrize(
    "code",
    [
        "clearTimeout(setTimeout(() => {}, 1e6))",
        "clearInterval(setTimeout(() => {}, 1e6))",
        "clearTimeout(setInterval(() => {}, 1e6))",
        "clearTimeout(undefined); clearTimeout(0); clearInterval(null)",
        "setTimeout(() => { throw new Error('x'); })",
        "var r = new XMLHttpRequest(); r.open('GET', 'a', false); r.send()",
        "var r = new XMLHttpRequest(); r.open('GET', 'a'); r.send()",
        "var s = new WebSocket('ws://x'); s.dispatchEvent(new Event('close'))",
        "var i = new Image(); i.src = 'a'; i.src = 'b'; i.dispatchEvent(new Event('load'))",
        "var i = new Image(); i.src = 'a'; for (const e of 'ab') i.dispatchEvent(new Event('load'))",
        "var w = new Worker('a'); w.terminate()",
        "var w = new Worker('a')",
    ],
)
def test_what_has_ended_is_not_waited_for(code: str) -> None:
    assert order(code)[-1] == ("i1" if "Worker" in code and "terminate" not in code else "i0")


@pytest.mark.parametrize(
    "code",
    [
        "new WebSocket('ws://x')",
        "new Image().src = 'a'",
        "fetch = null; new (class extends WebSocket {})('ws://x')",
    ],
)
def test_what_is_open_is_waited_for(code: str) -> None:
    assert not any(each.startswith("i") for each in order(code))


def test_a_rejection_that_the_page_ignores_is_told_and_one_that_it_catches_is_not() -> None:
    compile_ = "WebAssembly.compile(new ArrayBuffer(1))"
    (error,) = errors(reports(f"{compile_};"))
    assert error["name"] == "CompileError"
    assert reports(f"{compile_}.catch(() => {{}});") == []
    assert reports(f"{compile_}.then(null, () => {{}});") == []
    assert len(errors(reports(f"{compile_}.then(() => 1);"))) == 1


def test_a_request_that_cannot_be_sent_is_not_waited_for() -> None:
    code = """XMLHttpRequest.prototype.dispatchEvent = () => true;
    const r = new XMLHttpRequest(); try { r.send(); } catch (_) { console.log('failed'); }"""
    assert order(code)[-1] == "i0"


# --- emrun's protocol


EMRUN = """
function post(body, wait) {
  const http = new XMLHttpRequest();
  http.onreadystatechange = () => { if (http.readyState == 4) seen.push([body, http.status]); };
  http.addEventListener('readystatechange', () => http.onreadystatechange());
  http.open('POST', 'stdio.html', !wait); http.send(body);
}
var n = 1, before = out;
out = (text) => { post('^out^' + n++ + '^' + encodeURIComponent(text)); before(text); };
post('^pageload^');
"""


def test_emruns_messages_become_reports_and_are_answered_without_a_request() -> None:
    found = in_page(RUNTIME, EMRUN, "out('a b'); out('c'); console.log('d'); post('^exit^3', true);")
    assert found["sent"] == []
    assert [each for each in found["reports"][1:] if each not in ("l", "i0")] == [
        "m",
        "r",
        "E^pageload^",
        "E^out^1^a%20b",
        "E^out^2^c",
        "E^exit^3",
    ]
    assert found["seen"][:3] == [["^pageload^", 200], ["^out^1^a%20b", 200], ["^out^2^c", 200]]


def test_other_requests_are_sent_as_they_are() -> None:
    code = """const all = [['GET', 'stdio.html'], ['POST', 'other/stdio.html'], ['POST', 'x']];
    for (const [method, url] of all) {
      const r = new XMLHttpRequest(); r.open(method, url, true); r.send('^out^1^a');
    }"""
    found = in_page(code)
    assert found["sent"] == [
        ["GET", "stdio.html", True, "^out^1^a"],
        ["POST", "other/stdio.html", True, "^out^1^a"],
        ["POST", "x", True, "^out^1^a"],
    ]
    assert "r" not in found["reports"]


def test_files_go_to_the_server_before_the_exit_is_told_and_the_window_closed() -> None:
    dump = """const d = new XMLHttpRequest();
    d.addEventListener('loadend', () => { reports.push('dumped'); });
    d.open('POST', 'stdio.html?file=a&b', true); d.send('bytes');"""
    found = in_page(RUNTIME, EMRUN, dump + "post('^exit^0', true); close(); seen.push('soon');")
    assert found["sent"] == [["POST", "stdio.html?file=a&b", True, "bytes"]]
    assert [each for each in found["seen"] if isinstance(each, str)] == ["soon", "closed"]
    assert [each for each in found["reports"] if each in ("dumped", "E^exit^0")] == ["dumped", "E^exit^0"]


# --- Without a driver


def sent_reports(found: dict[str, Any]) -> list[str]:
    reports = []
    for number, (method, url, _, body) in enumerate(found["sent"], 1):
        _, kind, count, text = body.split("^", 3)
        assert (method, url, kind, count) == ("POST", "stdio.html", "fetchkit", str(number))
        reports += json.loads(unquote(text))
    return reports


def test_reports_go_to_the_server_in_few_messages_and_in_order() -> None:
    code = "for (let i = 0; i < 1000; ++i) console.log('line ' + i + ' ^%\\ud800');"
    found = in_page(RUNTIME, code, "caught(() => exit(0));", driven=False)
    lines = [f"oline {number} ^%\ufffd" for number in range(1000)]
    assert sent_reports(found) == ["dhttp://localhost:1/page.html", "m", *lines, "x0", "q0", "l", "i0"]
    assert len(found["sent"]) < 20
    # an endless turn cannot keep them: what is full is sent at once
    assert [wait for _, _, wait, _ in found["sent"]].count(False) >= 9
