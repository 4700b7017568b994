"""Turns errors into responses: problem+json, or a page for a browser's navigation."""

import functools
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from fetchkit.assets import page_template
from fetchkit.errors import HttpError, MethodNotAllowedError, NotFoundError, ServerError
from fetchkit.http.problem import problem_json, problem_page, wants_page
from fetchkit.isolation import HeaderPlan, plan_of
from fetchkit.web.answers import answer
from fetchkit.web.keys import ABSENT_MARKUP
from fetchkit.web.prebuilt import PrebuiltResponse

__all__ = ["Handler", "answering", "from_aiohttp", "problem_response"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answering(handler: Handler) -> Handler:
    """Make a handler answer the HttpErrors that it raises; for every route of every feature."""

    @functools.wraps(handler)
    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except HttpError as error:
            return problem_response(request, error, plan_of(request.app))

    return answered


def problem_response(
    request: web.BaseRequest,
    error: HttpError,
    plan: HeaderPlan,
    kind: type[PrebuiltResponse] = PrebuiltResponse,
) -> PrebuiltResponse:
    """The answer to a request that failed with `error`, all shared headers on it."""
    page = wants_page(request.headers.get(hdrs.ACCEPT), request.headers.get("Sec-Fetch-Mode"))
    if page:
        body = problem_page(error, page_template("problem"), _markup(request, error))
    else:
        body = problem_json(error)
    fields = {
        hdrs.CONTENT_TYPE: "text/html; charset=utf-8" if page else "application/problem+json",
        hdrs.CACHE_CONTROL: "no-store",
        # The form depends on both, and a user's header may let a cache keep it (RFC 9110, section 12.5.5).
        hdrs.VARY: "Accept, Sec-Fetch-Mode",
        **error.headers,
    }
    response = answer(request, error.status, fields, body, plan=plan, kind=kind)
    response.note = _note(error)
    return response


def _markup(request: web.BaseRequest, error: HttpError) -> str:
    """A page that is missing may yet come, and its browser be waiting for it."""
    if isinstance(error, NotFoundError) and isinstance(request, web.Request):
        return request.app.get(ABSENT_MARKUP, "")
    return ""


def _note(error: HttpError) -> str:
    """What the access log says of it: why, and what helps, so that one line has all.

    Nothing where the status says it already, nor of a defect of ours, which has a line of its own.
    """
    if isinstance(error, ServerError) or (isinstance(error, NotFoundError) and not error.hint):
        return ""
    return f"{error.detail} {error.hint}".rstrip()


def from_aiohttp(request: web.Request, error: web.HTTPException) -> HttpError:
    """Our error for one that aiohttp's router raises."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        return MethodNotAllowedError(request.method, ", ".join(sorted(error.allowed_methods)))
    if error.status == NotFoundError.status:
        return NotFoundError(f"Nothing is at {request.path}.")
    raise error
