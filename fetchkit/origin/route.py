"""What the catalogue says of a route: its paths, its parameters, who else has it. Pure."""

from enum import Enum, StrEnum

from attrs import frozen

from fetchkit.origin.asked import Handler

__all__ = ["Body", "Parameter", "Peer", "Place", "Route", "path", "query"]


class Place(StrEnum):
    """Where a parameter stands (OpenAPI's `in`)."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"


class Peer(StrEnum):
    """Who else serves a path."""

    HTTPBIN = "httpbin"
    GO = "go-httpbin"


class Body(Enum):
    """What a route does with a request's body."""

    IGNORED = "ignored"
    READ = "read"
    """Whole, up to `max_echo`."""
    STREAMED = "streamed"


@frozen
class Parameter:
    """One parameter.

    Attributes:
        name: as in the path's braces, the query or the head.
        place: where it stands.
        kind: what it is, in a word: `count`, `size`, `time`, `text`, `flag`.
        help: one line.
        default: as it would be written; empty for none.
        example: a value to try.
    """

    name: str
    place: Place
    kind: str
    help: str
    default: str = ""
    example: str = ""


def path(name: str, kind: str, help_: str, example: str) -> Parameter:
    """A parameter in the path."""
    return Parameter(name, Place.PATH, kind, help_, example=example)


def query(name: str, kind: str, help_: str, default: str = "") -> Parameter:
    """A parameter in the query."""
    return Parameter(name, Place.QUERY, kind, help_, default)


@frozen
class Route:
    """One row of the catalogue.

    Attributes:
        methods: without HEAD, which comes with GET, and OPTIONS, which all have.
        pattern: below the prefix, names in braces; `{name:.*}` takes slashes too.
        handler: answers.
        help: one sentence.
        parameters: of path and query.
        peers: who has the path too; empty for what only fetchkit has.
        differs: what is right here and wrong, or missing, there.
        body: what it does with a request's body.
        group: the heading it stands under.
        remembered: whether a request for it under a token is remembered; not for what reads the memory.
    """

    methods: tuple[str, ...]
    pattern: str
    handler: Handler
    help: str
    parameters: tuple[Parameter, ...] = ()
    peers: tuple[Peer, ...] = ()
    differs: str = ""
    body: Body = Body.IGNORED
    group: str = ""
    remembered: bool = True
