"""Any sequence of operations leaves both memories as the plainest model of them."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from attrs import define, field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fetchkit.origin.memory.bounds import FREE, PER_NAME
from fetchkit.origin.memory.process import ProcessStore
from fetchkit.origin.memory.shared import RedisStore
from fetchkit.origin.memory.store import ConflictError, FullError, Store
from fetchkit.origin.settings import Origin

from .redis_server import RedisServer

BOUNDS = Origin(max_tokens=3, max_memory=50)

# A name beyond what is free, and one that fits together with few others.
NAMES = st.sampled_from(["a", "b", "x" * (FREE - 2 * PER_NAME - 30)])
DATA = st.integers(0, 60).map(bytes)
OPERATION = st.one_of(
    st.tuples(st.just("count"), NAMES),
    st.tuples(st.just("append"), NAMES, DATA, st.integers(1, 3)),
    st.tuples(st.just("items"), NAMES),
    st.tuples(st.just("put"), NAMES, DATA),
    st.tuples(st.just("get"), NAMES),
    st.tuples(st.just("extend"), NAMES, st.none() | st.integers(0, 60), DATA),
    st.tuples(st.just("size"), NAMES),
    st.tuples(st.just("forget")),
)
SEQUENCE = st.lists(st.tuples(st.sampled_from("stuv"), OPERATION), max_size=40)


@define
class Model:
    """Everything in one dictionary, the longest unused first; all is added up anew each time."""

    tokens: dict[str, dict[tuple[str, str], Any]] = field(factory=dict)

    def cost(self, token: str, entries: dict[tuple[str, str], Any]) -> int:
        """What a token is charged."""
        names = PER_NAME + len(token) + sum(PER_NAME + len(name) for _, name in entries)
        data = sum(len(b"".join(value)) for (kind, _), value in entries.items() if kind == "l")
        data += sum(len(value) for (kind, _), value in entries.items() if kind == "v")
        return data + max(0, names - FREE)

    def keep(self, token: str, entries: dict[tuple[str, str], Any]) -> None:
        """Have these entries below a token, the latest used.

        Raises:
            FullError: it alone is too much.
        """
        if self.cost(token, entries) > BOUNDS.max_memory:
            raise FullError("")
        self.tokens.pop(token, None)
        self.tokens[token] = entries
        while (
            len(self.tokens) > BOUNDS.max_tokens
            or sum(self.cost(*item) for item in self.tokens.items()) > BOUNDS.max_memory
        ):
            del self.tokens[next(iter(self.tokens))]

    def run(self, token: str, operation: str, name: str = "", *more: Any) -> object:  # noqa: C901  a table
        """Do an operation; what it answers."""
        if token in self.tokens:
            self.tokens[token] = self.tokens.pop(token)
        entries = dict(self.tokens.get(token, {}))
        value: bytes = entries.get(("v", name), b"")
        match operation, more:
            case "count", ():
                entries["n", name] = entries.get(("n", name), 0) + 1
                self.keep(token, entries)
                return entries["n", name]
            case "append", (item, limit):
                items = [*entries.get(("l", name), []), item][-limit:]
                while len(items) > 1 and self.cost(token, entries | {("l", name): items}) > BOUNDS.max_memory:
                    items = items[1:]
                self.keep(token, entries | {("l", name): items})
                return None
            case "items", ():
                return entries.get(("l", name), [])
            case "put", (new,):
                self.keep(token, entries | {("v", name): new})
                return None
            case "get", ():
                return entries.get(("v", name))
            case "extend", (at, data):
                if at != len(value):
                    raise ConflictError(len(value))
                self.keep(token, entries | {("v", name): value + data})
                return len(value + data)
            case "size", ():
                return None if ("v", name) not in entries else len(value)
            case _:
                return self.tokens.pop(token, None) is not None


def outcome(error: Exception) -> object:
    return (type(error), error.size) if isinstance(error, ConflictError) else type(error)


async def compare(store: Store, sequence: list[tuple[str, tuple[Any, ...]]]) -> None:
    """Run a sequence on both, each answer compared; then ask for all there is."""
    model = Model()
    asking = [(token, (kind, name)) for token in "stuv" for kind in ("items", "get") for name in ("a", "b")]
    for token, (operation, *rest) in [*sequence, *asking]:
        arguments = rest
        if operation == "extend" and rest[1] is None:  # at the right place
            arguments = [rest[0], len(model.tokens.get(token, {}).get(("v", rest[0]), b"")), rest[2]]
        expected, actual = object(), object()
        try:
            expected = model.run(token, operation, *arguments)
        except (ConflictError, FullError) as error:
            expected = outcome(error)
        try:
            actual = await getattr(store, operation)(token, *arguments)
        except (ConflictError, FullError) as error:
            actual = outcome(error)
        assert actual == expected, (token, operation, arguments)


@pytest.mark.parametrize("kind", ["process", "redis"])
def test_both_memories_do_as_the_model_does(kind: str, request: pytest.FixtureRequest) -> None:
    make: Callable[[], Store] = lambda: ProcessStore(BOUNDS)  # noqa: E731
    if kind == "redis":
        server: RedisServer = request.getfixturevalue("redis")

        def make() -> Store:
            server.empty()
            return RedisStore(server.url, BOUNDS)

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(SEQUENCE)
    def check(sequence: list[tuple[str, tuple[Any, ...]]]) -> None:
        async def scenario() -> None:
            store = make()
            try:
                await compare(store, sequence)
            finally:
                await store.close()

        asyncio.run(scenario())

    check()
