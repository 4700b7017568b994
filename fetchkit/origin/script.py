"""Scripts: answers that a client sends as a list, and that the server gives one after the other."""

import base64
import binascii
import json
import secrets
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, NoReturn, TypeVar

from attrs import frozen

from fetchkit.errors import BadRequestError, HttpError, NotFoundError
from fetchkit.origin.answer import Answer
from fetchkit.origin.asked import Answered, Asked, Scripted, json_answer, text_answer
from fetchkit.origin.faults.pipe import read_pipe
from fetchkit.origin.fields import check_field
from fetchkit.origin.memory.store import FullError
from fetchkit.origin.memory.tokens import check_token
from fetchkit.origin.route import Body, Route, path
from fetchkit.origin.settings import Origin

__all__ = ["ROUTES", "Scene", "Script", "Then", "parse_script", "turn"]

_T = TypeVar("_T")
_NAME: Final = "script"
_KEYS: Final = ("status", "headers", "body", "body-base64", "json", "pipe")
_BODIES: Final = {
    "body": "text/plain; charset=utf-8",
    "body-base64": "application/octet-stream",
    "json": "application/json",
}
# The framing is the server's; what is wrong with it on purpose is a function of the pipe.
_FRAMING: Final = frozenset(
    {"connection", "content-length", "date", "keep-alive", "trailer", "transfer-encoding", "upgrade"}
)
_STATUSES: Final = range(200, 1000)


class Then(StrEnum):
    """What follows the last answer."""

    LAST = "last"
    LOOP = "loop"
    GONE = "gone"


@frozen
class Scene:
    """One answer of a script.

    Attributes:
        status: status code.
        fields: of the head.
        body: bytes.
        pipe: as text.
    """

    status: int = 200
    fields: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    pipe: str = ""


@frozen
class Script:
    """A list of answers.

    Attributes:
        scenes: one at least.
        then: what follows the last.
    """

    scenes: tuple[Scene, ...]
    then: Then = Then.LAST

    def to_bytes(self, performance: str) -> bytes:
        """A line of JSON, and the bodies: one of them is found without reading the others.

        Args:
            performance: under which name calls are counted, so that a new script begins at its beginning.
        """
        rows, position = [], 0
        for scene in self.scenes:
            end = position + len(scene.body)
            rows.append((scene.status, scene.fields, scene.pipe, position, end))
            position = end
        head = json.dumps({"performance": performance, "then": self.then, "scenes": rows}).encode("ascii")
        return b"\n".join((head, b"".join(scene.body for scene in self.scenes)))


def parse_script(body: bytes, settings: Origin) -> Script:
    """Read `[{"status": 503}, …]` or `{"answers": […], "then": "loop"}`.

    Raises:
        BadRequestError: it is none; says which answer and which key.
    """
    try:
        told = json.loads(body, parse_constant=_no_constant)
        return _script(told, settings)
    except ValueError as error:
        raise BadRequestError(f"The script is no JSON: {error!s:.200}") from error
    except RecursionError as error:
        raise BadRequestError("The script is nested too deep.") from error


def turn(call: int, count: int, then: Then) -> int | None:
    """Which of `count` answers a call gets, counted from 1; None where nothing is left."""
    if call <= count:
        return call - 1
    match then:
        case Then.LAST:
            return count - 1
        case Then.LOOP:
            return (call - 1) % count
        case Then.GONE:
            return None


def _script(told: Any, settings: Origin) -> Script:
    if isinstance(told, list):
        told = {"answers": told}
    if not isinstance(told, dict) or not isinstance(told.get("answers"), list):
        raise BadRequestError(
            "The script is neither a list of answers nor an object with one.",
            'Write it as [{"status": 503}, {"body": "hello"}] or {"answers": [...], "then": "loop"}.',
        )
    _only(told, ("answers", "then"), "")
    then, answers = told.get("then", Then.LAST), told["answers"]
    if then not in tuple(Then):
        _refuse("then", f"{then!a:.80} is not one of {', '.join(Then)}.")
    if not 1 <= len(answers) <= settings.max_items:
        _refuse("answers", f"{len(answers)} is not from 1 to {settings.max_items}, max-items of [origin].")
    scenes = tuple(_scene(answer, f"answers[{i}]", settings) for i, answer in enumerate(answers))
    return Script(scenes, Then(then))


def _scene(told: Any, where: str, settings: Origin) -> Scene:
    if not isinstance(told, dict):
        _refuse(where, "is no object.")
    _only(told, _KEYS, f"{where}.")
    status = told.get("status", 200)
    if type(status) is not int or status not in _STATUSES:
        _refuse(f"{where}.status", f"{status!a:.80} is no whole number from 200 to 999.")
    fields = _fields(told.get("headers", {}), f"{where}.headers", settings)
    body, content_type = _body(told, where)
    if content_type and not any(name.lower() == "content-type" for name, _ in fields):
        fields.insert(0, ("Content-Type", content_type))
    pipe = _text(told.get("pipe", ""), f"{where}.pipe")
    counting = _at(f"{where}.pipe", lambda: read_pipe(pipe, settings)).counting
    if counting:
        _refuse(f"{where}.pipe", "what counts calls has no place in a script, which counts them itself.")
    return Scene(status, tuple(fields), body, pipe)


def _fields(told: Any, where: str, settings: Origin) -> list[tuple[str, str]]:
    pairs = list(told.items()) if isinstance(told, dict) else told
    if not isinstance(pairs, list) or len(pairs) > settings.max_items:
        _refuse(where, f"is neither an object nor a list, or has more than {settings.max_items} members.")
    fields = []
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2:  # noqa: PLR2004
            _refuse(where, f"{pair!a:.80} is no pair of a name and a value.")
        name, value = _text(pair[0], where), _text(pair[1], f"{where}.{pair[0]!s:.80}")
        _at(where, lambda name=name, value=value: check_field(name, value, dangerous=settings.dangerous))  # type: ignore[misc]
        if name.lower() in _FRAMING:
            _refuse(
                where, f"{name} frames the message; the pipe has length(), chunked, trailers() and others."
            )
        fields.append((name, value))
    return fields


def _body(told: Mapping[str, Any], where: str) -> tuple[bytes, str]:
    """The bytes and their type, empty where there are none."""
    given = [key for key in _BODIES if key in told]
    if not given:
        return b"", ""
    if len(given) > 1:
        _refuse(where, f"{' and '.join(given)} exclude each other.")
    key = given[0]
    if key == "json":
        return json.dumps(told[key]).encode("ascii"), _BODIES[key]
    text = _text(told[key], f"{where}.{key}")
    if key == "body":
        return text.encode(), _BODIES[key]
    try:
        return base64.b64decode(text.encode("ascii"), validate=True), _BODIES[key]
    except (UnicodeEncodeError, binascii.Error):
        _refuse(f"{where}.{key}", "is no Base64.")


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        _refuse(where, f"{value!a:.80} is no text.")
    try:
        value.encode()
    except UnicodeEncodeError:
        _refuse(where, "half a surrogate pair has no UTF-8.")
    return value


def _only(told: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in told:
        if key not in known:
            _refuse(f"{where}{key!a:.80}", f"is not one of {', '.join(known)}.")


def _at(where: str, check: Callable[[], _T]) -> _T:
    """Add to a refusal where it happened."""
    try:
        return check()
    except HttpError as error:
        raise BadRequestError(f"{where}: {error.detail}", error.hint) from error


def _refuse(where: str, why: str) -> NoReturn:
    raise BadRequestError(f"{where}: {why}")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON.")


async def put(asked: Asked) -> Answered:
    """Remember a script, from its beginning."""
    token = check_token(asked.arguments["token"])
    script = parse_script(asked.body, asked.settings)
    try:
        await asked.store.put(token, _NAME, script.to_bytes(secrets.token_hex(8)))
    except FullError as error:
        raise BadRequestError(
            f"The script is larger than the limit of {asked.settings.max_memory} bytes.",
            "max-memory of [origin] raises it.",
        ) from error
    url = f"{asked.prefix}/script/{token}"
    told = {"token": token, "answers": len(script.scenes), "then": script.then, "url": asked.base + url}
    return json_answer(told, 201, ("Location", url))


async def step(asked: Asked) -> Answered:
    """The next answer of the script."""
    token = check_token(asked.arguments["token"])
    kept = await asked.store.get(token, _NAME)
    if not kept:
        raise NotFoundError(
            f"There is no script under {token}.",
            f'PUT {asked.prefix}/script/{token} with [{{"status": 503}}, {{"body": "hello"}}] makes one.',
        )
    head, _, bodies = kept.partition(b"\n")
    told = json.loads(head)
    scenes = told["scenes"]
    try:
        call = await asked.store.count(token, f"{_NAME} {told['performance']}")
    except FullError as error:
        raise BadRequestError("The token remembers too much to count on.", "Use another token.") from error
    index = turn(call, len(scenes), Then(told["then"]))
    if index is None:
        return text_answer(f"The script has {len(scenes)} answers; this is call {call}.\n", status=410)
    status, fields, pipe, first, end = scenes[index]
    body = bodies[first:end]
    answer = Answer(status, [(name, value) for name, value in fields], (body,) if body else (), len(body))
    return Scripted(answer, read_pipe(pipe, asked.settings))


async def delete(asked: Asked) -> Answered:
    """Forget the script; what else is under the token stays."""
    token = check_token(asked.arguments["token"])
    if await asked.store.get(token, _NAME):
        await asked.store.put(token, _NAME, b"")
    return Answer(204, [])


_TOKEN: Final = path("token", "text", "a name that you make up", "mine")

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        ("PUT",),
        "/script/{token}",
        put,
        "Remember a list of answers: objects with status, headers, body or body-base64 or json, and pipe; "
        "as {answers, then} with then as last, loop or gone.",
        (_TOKEN,),
        body=Body.READ,
        group="Memory",
    ),
    Route(
        ("GET", "POST", "PATCH"),
        "/script/{token}",
        step,
        "Give the next answer of the list.",
        (_TOKEN,),
        group="Memory",
    ),
    Route(
        ("DELETE",),
        "/script/{token}",
        delete,
        "Forget the list.",
        (_TOKEN,),
        group="Memory",
    ),
)
