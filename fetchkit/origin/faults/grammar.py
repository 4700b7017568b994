r"""The grammar of the pipe: `status(503)|header(Retry-After,"1, 2")|reset(50%)`. Pure.

    pipe     = [ call *( "|" call ) ]
    call     = name [ "(" [ argument *( "," argument ) ] ")" ]
    argument = quoted / plain
    quoted   = DQUOTE *( any but DQUOTE and "\" / "\" any ) DQUOTE
    plain    = *( any but "|" "," ")" DQUOTE )          ; spaces around it are dropped

The text is what follows `pipe=`, percent-decoded once. Errors say at which character, counted from 1.
"""

import re
from collections.abc import Callable, Collection
from typing import Final, NoReturn, TypeVar

from attrs import field, frozen

from fetchkit.errors import BadRequestError, HttpError

__all__ = ["MAX_CALLS", "Argument", "Call", "parse_pipe"]

_T = TypeVar("_T")

# As many as a URL of 8 KiB could hold would only be somebody trying.
MAX_CALLS: Final = 64
_NAME: Final = re.compile(r"[A-Za-z0-9-]+")
_PLAIN: Final = re.compile(r'[^|,)"]*')
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_SPACES: Final = re.compile(r"[ \t]*")


@frozen
class Argument:
    """One argument: its text, and where it stands."""

    text: str
    position: int


@frozen
class Call:
    """One function of a pipe with its arguments.

    Attributes:
        name: in lower case.
        arguments: in order.
        position: of the name, from 0.
        index: which call of the pipe it is, from 0.
    """

    name: str
    arguments: tuple[Argument, ...] = ()
    position: int = 0
    index: int = field(default=0, eq=False)

    def refuse(self, why: str, hint: str = "", argument: int | None = None) -> NoReturn:
        """Say what is wrong with the call, or with one of its arguments.

        Raises:
            BadRequestError: always.
        """
        at = self.arguments[argument].position if argument is not None else self.position
        raise BadRequestError(f"pipe: {self.name} at character {at + 1}: {why}", hint)

    def at_most(self, count: int) -> None:
        """Refuse more arguments."""
        if len(self.arguments) > count:
            self.refuse(f"it takes {count or 'no'} argument{'s' * (count != 1)}.", argument=count)

    def text(self, index: int, default: str | None = None) -> str:
        """An argument as it is; without a default it must be there."""
        if index < len(self.arguments):
            return self.arguments[index].text
        if default is None:
            self.refuse(f"argument {index + 1} is missing.")
        return default

    def choice(self, index: int, options: Collection[str], default: str | None = None) -> str:
        """An argument that is one of some words."""
        word = self.text(index, default).lower()
        if word not in options:
            self.refuse(f"{word!a:.80} is not one of {', '.join(options)}.", argument=self._given(index))
        return word

    def parsed(self, index: int, parse: Callable[[str], _T], default: str | None = None) -> _T:
        """An argument read by one of `parameters`' functions; its error says where."""
        text = self.text(index, default)
        try:
            return parse(text)
        except HttpError as error:
            self.refuse(error.detail, error.hint, self._given(index))

    def _given(self, index: int) -> int | None:
        return index if index < len(self.arguments) else None


def parse_pipe(text: str) -> tuple[Call, ...]:
    """Take a pipe apart; the names are not looked up.

    Raises:
        BadRequestError: it does not follow the grammar; says at which character.
    """
    calls: list[Call] = []
    position = _skip(text, 0)
    while position < len(text):
        if len(calls) == MAX_CALLS:
            _refuse(position, f"there are more than {MAX_CALLS} functions.")
        name = _NAME.match(text, position)
        if name is None:
            _refuse(position, f"a function's name is due, not {text[position]!a}.")
        arguments, end = _arguments(text, name.end())
        calls.append(Call(name[0].lower(), arguments, position, len(calls)))
        position = _skip(text, end)
        if position == len(text):
            break
        if text[position] != "|":
            _refuse(position, f'"|" or the end is due, not {text[position]!a}.')
        position = _skip(text, position + 1)
        if position == len(text):
            _refuse(position, 'after "|" a function is due.')
    return tuple(calls)


def _arguments(text: str, position: int) -> tuple[tuple[Argument, ...], int]:
    opening = position
    if not text.startswith("(", position):
        return (), position
    if closing := re.compile(r"\([ \t]*\)").match(text, position):
        return (), closing.end()
    arguments: list[Argument] = []
    while True:
        argument, position = _argument(text, _skip(text, position + 1))
        arguments.append(argument)
        position = _skip(text, position)
        if position == len(text):
            _refuse(opening, 'the "(" is not closed.')
        if text[position] == ")":
            return tuple(arguments), position + 1
        if text[position] != ",":
            _refuse(position, f'"," or ")" is due, not {text[position]!a}.')


def _argument(text: str, position: int) -> tuple[Argument, int]:
    if text.startswith('"', position):
        quoted = _QUOTED.match(text, position)
        if quoted is None:
            _refuse(position, "the quote is not closed.")
        return Argument(re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL), position), quoted.end()
    plain = _PLAIN.match(text, position)
    assert plain is not None  # noqa: S101  it matches nothing at least
    return Argument(plain[0].strip(" \t"), position), plain.end()


def _skip(text: str, position: int) -> int:
    spaces = _SPACES.match(text, position)
    return spaces.end() if spaces else position


def _refuse(position: int, why: str) -> NoReturn:
    raise BadRequestError(
        f"pipe: at character {position + 1}: {why}", "Write it as status(503)|delay(200ms)|cut(50%)."
    )
