"""What Chromium and Emscripten report of each failure of the origin: to read beside a program that fails."""

from typing import Any, Final

from attrs import frozen

__all__ = ["BODIES", "CHAINS", "CORS", "MODULES", "PREFLIGHTS", "REDIRECTS", "Case", "Outcome"]

Told = list[str | int]


@frozen
class Outcome:
    """What a program is told.

    Attributes:
        xhr: the event, then `status`, `readyState` and the length of `responseText`.
        fetch: the error's name; or the status, the type, and the length of the text or its error's name.
        program: the callback of `emscripten_fetch`, then `status`, `readyState` and `numBytes`.
    """

    xhr: Told
    fetch: Told
    program: Told


@frozen
class Case:
    """One request.

    Attributes:
        target: path below `/origin`, and query.
        outcome: what comes of it.
        host: whom the page, which is on 127.0.0.1, asks.
        method: of the request.
        header: one field of the request.
        credentials: whether it is sent with credentials.
        timeout: milliseconds after which the page gives up; 0 is never.
    """

    target: str
    outcome: Outcome
    host: str = "localhost"
    method: str = "GET"
    header: tuple[str, str] | None = None
    credentials: bool = False
    timeout: int = 0


def _read(size: int = 1000, status: int = 200, kind: str = "cors") -> Outcome:
    """All of it was read."""
    callback = "onsuccess" if 200 <= status < 300 else "onerror"
    return Outcome(["load", status, 4, size], [status, kind, size], [callback, status, 4, size])


# Nothing is told but that it failed: no status, no bytes.
_FAILED = Outcome(["error", 0, 4, 0], ["TypeError"], ["onerror", 0, 4, 0])
# Only fetch tells of the head that came before the end that should not have been.
_BROKEN = Outcome(["error", 0, 4, 0], [200, "cors", "TypeError"], ["onerror", 0, 4, 0])
# emscripten_fetch does not tell a timeout from any other failure.
_TOO_LATE = Outcome(["timeout", 0, 4, 0], ["TimeoutError"], ["onerror", 0, 4, 0])
_TOO_LATE_INSIDE = Outcome(["timeout", 0, 4, 0], [200, "cors", "TimeoutError"], ["onerror", 0, 4, 0])

_TIMEOUT = 1000
_OWN = ("X-Own", "1")


def _body(pipe: str, outcome: Outcome, **more: Any) -> Case:
    return Case(f"/range/1000?pipe={pipe}", outcome, **more)


def _put(pipe: str, outcome: Outcome) -> Case:
    return Case(f"/upload?pipe={pipe}", outcome, method="PUT")


CORS: Final = (
    _body("no-cors", _FAILED),
    _body("no-cors", _FAILED, credentials=True),
    _body("no-cors", _read(kind="basic"), host="127.0.0.1"),
    _body("cors(wrong)", _FAILED),
    _body("cors(wrong)", _FAILED, credentials=True),
    _body("cors(twice)", _FAILED),
    _body("cors(twice)", _FAILED, credentials=True),
    _body("cors(null)", _FAILED),
    _body("cors(null)", _FAILED, credentials=True),
    _body("cors(star)", _read()),
    _body("cors(star)", _FAILED, credentials=True),
    _body("cors(star-with-credentials)", _read()),
    _body("cors(star-with-credentials)", _FAILED, credentials=True),
    _body("cors(no-credentials)", _read()),
    _body("cors(no-credentials)", _FAILED, credentials=True),
    _body("cors(no-expose)", _read()),
    _body("cors(no-expose)", _read(), credentials=True),
    # A status is told where CORS lets the page read it.
    _body("status(404)", _read(status=404)),
    _body("status(404)|no-cors", _FAILED),
    _body("status(503)", _read(status=503)),
    Case("/basic-auth/user/secret", _read(0, 401)),
    Case("/basic-auth/user/secret?pipe=no-cors", _FAILED),
    # CORP is for requests without CORS.
    _body("corp(same-origin)", _read()),
    _body("corp(none)", _read()),
)

PREFLIGHTS: Final = (
    # A simple request has no preflight that could fail.
    *(
        _body(f"preflight({word})", _read())
        for word in ("403", "404", "500", "redirect", "no-methods", "no-headers", "no-origin")
    ),
    *(
        _body(f"preflight({word})", _FAILED, header=_OWN)
        for word in ("403", "404", "500", "redirect", "no-headers", "no-origin")
    ),
    *(
        _put(f"preflight({word})", _FAILED)
        for word in ("403", "404", "500", "redirect", "no-methods", "no-origin")
    ),
    # GET needs no permission by its method, nor PUT without a field of its own by a field.
    _body("preflight(no-methods)", _read(), header=_OWN),
    _body("no-cors", _FAILED, header=_OWN),
    _body("cors(wrong)", _FAILED, header=_OWN),
    _body("cors(no-credentials)", _FAILED, header=_OWN, credentials=True),
    _body("cors(star)", _FAILED, header=_OWN, credentials=True),
    _body("delay(0)", _read(), header=_OWN, credentials=True),
)

BODIES: Final = (
    _body("cut(50%25)", _BROKEN),
    _body("reset(50%25)", _BROKEN),
    _body("chunked|cut(50%25)", _BROKEN),
    _body("bad-chunk(500)", _BROKEN),
    _body("no-last-chunk", _BROKEN),
    _body("length(%2B10)", _BROKEN),
    _body("mislabel(gzip)", _BROKEN),
    _body("mislabel(br)", _BROKEN),
    _body("fin-before-headers", _FAILED),
    _body("rst-before-headers", _FAILED),
    _body("half-headers", _FAILED),
    _body("length(twice)", _FAILED),
    # These nobody notices: what is missing, too much or wrong is not told.
    _body("length(-10)", _read(990)),
    _body("no-length|cut(50%25)", _read(500)),
    _body("length(garbage)", _read()),
    _body("length(negative)", _read()),
    _body("length(same-twice)", _read()),
    _body("corrupt(10)", _read()),
    # These are no failures.
    _body("length(none)", _read()),
    _body("chunked", _read()),
    _body("gzip", _read()),
    _body("early-hints", _read()),
    _body("trailers(X-Sum,1)", _read()),
    _body("range(always)", _read(status=206)),
    _body("stall(50%25)", _TOO_LATE_INSIDE, timeout=_TIMEOUT),
    _body("delay(30)", _TOO_LATE, timeout=_TIMEOUT),
    _body("half-headers(stall)", _TOO_LATE, timeout=_TIMEOUT),
)

_TO: Final = "to=/range/1000"

REDIRECTS: Final = (
    Case(f"/redirect/3?{_TO}", _read()),
    Case(f"/redirect/3?{_TO}", _read(kind="basic"), host="127.0.0.1"),
    Case(f"/redirect/3?{_TO}&pipe=no-cors", _FAILED),
    Case(f"/redirect/3?{_TO}&no-cors=2", _FAILED),
    Case(f"/redirect/3?{_TO}&no-cors=4", _FAILED),
    Case(f"/redirect/1?across=1&{_TO}&no-cors=2", _FAILED, host="127.0.0.1"),
    Case("/redirect/loop", _FAILED),
)

# From the second change of origin on the browser says `Origin: null`, which only `--allow-origin '*'` takes.
CHAINS: Final = (
    (Case(f"/redirect/1?across=1&{_TO}", _read(), host="127.0.0.1"), _read()),
    (Case(f"/redirect/1?across=1&{_TO}", _FAILED, host="localhost"), _read()),
    (Case(f"/redirect/3?across=1&{_TO}", _FAILED, host="127.0.0.1"), _read()),
    (Case(f"/redirect/3?across=1&{_TO}", _FAILED, host="localhost"), _read()),
    (Case(f"/redirect/3?across=1&{_TO}&no-cors=3", _FAILED, host="127.0.0.1"), _FAILED),
)

# What keeps compileStreaming and instantiateStreaming from it: the name of the error.
MODULES: Final = {
    "delay(0)": "ran",
    "chunked": "ran",
    "gzip": "ran",
    "trickle(4MiB/s)": "ran",
    "type(text/html)": "TypeError",
    "type(none)": "TypeError",
    "status(404)": "TypeError",
    "no-cors": "TypeError",
    "cut(50%25)": "TypeError",
    "reset(50%25)": "TypeError",
    "length(%2B10)": "TypeError",
    "mislabel(gzip)": "TypeError",
    "no-length|cut(50%25)": "CompileError",
    "length(-10)": "CompileError",
    "corrupt(10000)": "CompileError",
}
