"""Which part, and which state, of a resource a request gets: by the shared rules of HTTP, or falsified."""

from aiohttp import hdrs
from attrs import evolve
from multidict import CIMultiDict, CIMultiDictProxy

from fetchkit.http.conditional import Validators
from fetchkit.http.ranges import ByteRange
from fetchkit.http.representation import Decision, Representation, decide
from fetchkit.origin.answer import Answer, Resource, selected
from fetchkit.origin.faults.fault import RangePolicy, Selection

__all__ = ["choose"]


def choose(resource: Resource, selection: Selection, method: str, headers: CIMultiDictProxy[str]) -> Answer:
    """The answer to a request for a resource.

    Raises:
        PreconditionFailedError, RangeNotSatisfiableError: 412 and 416.
    """
    if selection.version and resource.revise is not None:
        resource = resource.revise(selection.version)
    known = _falsified(resource.representation, selection)
    asked: CIMultiDict[str] | CIMultiDictProxy[str] = headers
    if hdrs.RANGE in headers and (selection.ranges == RangePolicy.IGNORE or selection.coding):
        asked = CIMultiDict(headers)
        del asked[hdrs.RANGE]
    decision = decide(method, asked, known.validators, known.size)
    whole = decision.status == 200 and method == hdrs.METH_GET and known.size  # noqa: PLR2004
    if selection.ranges == RangePolicy.ALWAYS and whole:
        decision = Decision(206, (ByteRange(0, known.size - 1),))
    if known is not resource.representation:
        resource = evolve(resource, representation=known)
    return selected(resource, decision)


def _falsified(known: Representation, selection: Selection) -> Representation:
    tag = known.validators.etag
    if selection.coding and tag:  # another representation, another tag (RFC 9110, section 8.8.3.3)
        tag = f'{tag[:-1]}-{selection.coding}"'
    match selection.etag_form:
        case "weak" if tag and not tag.startswith("W/"):
            tag = f"W/{tag}"
        case "unquoted":
            tag = tag.removeprefix("W/").strip('"')
        case "none":
            tag = ""
    if tag == known.validators.etag:
        return known
    return evolve(known, validators=Validators(tag, known.validators.last_modified))
