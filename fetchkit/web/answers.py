"""The plain answer: a status, some fields and a body that is at hand, with the shared headers on it."""

from collections.abc import Mapping

from aiohttp import hdrs, web

from fetchkit.isolation import HeaderPlan, plan_of
from fetchkit.web.prebuilt import PrebuiltResponse, status_line

__all__ = ["answer"]


def answer(
    request: web.BaseRequest,
    status: int,
    fields: Mapping[str, str],
    body: bytes = b"",
    *,
    plan: HeaderPlan | None = None,
    kind: type[PrebuiltResponse] = PrebuiltResponse,
) -> PrebuiltResponse:
    """Build it; Content-Length is added where a body may be.

    Args:
        request: what is answered.
        status: status code.
        fields: without the shared ones; bytes of the request survive as surrogates.
        body: not sent to a HEAD.
        plan: where the shared headers come from; the application's when it is known.
        kind: the class of the response.
    """
    if plan is None:
        assert isinstance(request, web.Request)  # noqa: S101  only parser errors have a bare request
        plan = plan_of(request.app)
    kept = ((name, value) for name, value in fields.items() if name.lower() not in plan.replaced)
    lines = [f"{name}: {value}\r\n" for name, value in kept]
    if status != 204:  # noqa: PLR2004  RFC 9110, section 8.6: no Content-Length on a 204
        lines.append(f"Content-Length: {len(body)}\r\n")
    head = status_line(status) + "".join(lines).encode("utf-8", "surrogateescape")
    shared = plan.block(request.raw_path, request.headers.get(hdrs.ORIGIN))
    return kind(status, head + shared, body)
