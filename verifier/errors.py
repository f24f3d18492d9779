"""Errors of the public side as HTTP: problem details (RFC 9457) for programs, pages for people.

The issuing side, where it shares the application, keeps its own answers; only browsers, which ask for a
page outside ``/api/``, are answered here in its place.
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import structlog
from fastapi import FastAPI
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storage.vocabulary import AbsahError, InvalidRequest, NotFound, Unavailable
from verifier import metrics
from verifier.limits import RateLimited
from verifier.pages.render import render_page, wants_page
from verifier.upload import MalformedForm, TooLarge, TooSlow

log = structlog.get_logger("http")

Handler = Callable[[Request, Any], Awaitable[Response]]

_TITLES = {
    400: "Malformed form",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    413: "Content too large",
    422: "Invalid request",
    429: "Too many requests",
    500: "Internal error",
    503: "Temporarily unavailable",
}
_RETRY_SECONDS = 10


def install_errors(app: FastAPI) -> None:
    """Answer errors on ``app``; call it after the issuing side installed its own, if it does."""
    defaults = (http_exception_handler, request_validation_exception_handler)
    for kind, own in _HANDLERS.items():
        before = app.exception_handlers.get(kind)
        others = None if before is None or before in defaults else _asynchronous(before)
        app.exception_handlers[kind] = _for_browsers_first(own, others)
    for ours in (RateLimited, TooLarge, TooSlow, MalformedForm):
        # Named classes win over their base, so these never reach the issuing side's handler.
        app.exception_handlers[ours] = _of_domain
    app.add_middleware(CatchUnexpected, answer=_asynchronous(app.exception_handlers[Exception]))


class CatchUnexpected:
    """Answers what nobody expected, inside the other middleware.

    The framework answers such errors outside of all middleware, without the security headers, and then
    lets the server log the exception's text, which may quote what somebody sent.
    """

    def __init__(self, app: ASGIApp, answer: Handler) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:  # the last place where any error becomes an answer
            log.error("http.failed", error=type(error).__name__, where=_where(error))
            if started:
                raise
            response = await self._answer(Request(scope, receive), error)
            await response(scope, receive, send)


def _where(error: Exception) -> str:
    """The line that raised; never the message."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""


def _for_browsers_first(own: Handler, others: Handler | None) -> Handler:
    async def handle(request: Request, error: Exception) -> Response:
        if others is None or _is_for_people(request) or _is_public_api(request):
            return await own(request, error)
        response = await others(request, error)
        for name, value in (getattr(error, "headers", None) or {}).items():
            response.headers.setdefault(name, value)
        return response

    return handle


def _is_for_people(request: Request) -> bool:
    path = request.url.path
    return (
        not path.startswith("/api/")
        and "text/html" in request.headers.get("accept", "")
        and wants_page(request)
    )


def _is_public_api(request: Request) -> bool:
    return request.url.path.startswith(("/api/v1/codes/", "/api/v1/verify", "/d/", "/periksa"))


async def _of_domain(request: Request, error: AbsahError) -> Response:
    status, headers = _status_of(error), {}
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(error.retry_after)
    elif status == 503:
        headers["Retry-After"] = str(_RETRY_SECONDS)
    if status == 500:
        log.error("http.error", code=error.code)
        return _answer(request, 500, error.code, "Something failed on our side.")
    metrics.count_refusal(error.code)
    return _answer(request, status, error.code, error.message, headers)


def _status_of(error: AbsahError) -> int:
    if isinstance(error, MalformedForm):
        return 422 if error.code == "NO_FILE" else 400
    kinds: tuple[tuple[type[AbsahError], int], ...] = (
        (RateLimited, 429), (TooLarge, 413), (TooSlow, 408), (NotFound, 404), (InvalidRequest, 422),
        (Unavailable, 503),
    )  # fmt: skip
    return next((status for kind, status in kinds if isinstance(error, kind)), 500)


async def _of_http(request: Request, error: HTTPException) -> Response:
    codes = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
    code = codes.get(error.status_code, "HTTP_ERROR")
    detail = (
        "This address does not answer that method." if error.status_code == 405 else "There is nothing here."
    )
    return _answer(request, error.status_code, code, detail, dict(error.headers or {}))


async def _of_validation(request: Request, error: RequestValidationError) -> Response:
    return _answer(request, 422, "INVALID_REQUEST", "The request does not have the expected form.")


async def _of_anything(request: Request, error: Exception) -> Response:
    return _answer(request, 500, "INTERNAL", "Something failed on our side.")


_HANDLERS: dict[Any, Handler] = {
    AbsahError: _of_domain,
    HTTPException: _of_http,
    RequestValidationError: _of_validation,
    Exception: _of_anything,
}


def _answer(
    request: Request, status: int, code: str, detail: str, headers: dict[str, str] | None = None
) -> Response:
    if _is_for_people(request):
        page = render_page(request, "error.html", status=status, self_path="/", code=code, http_status=status)
        page.headers.update(headers or {})
        return page
    title = _TITLES.get(status, "Error")
    body = {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def _asynchronous(handler: Any) -> Handler:
    """A handler of somebody else's, which may be a plain function."""

    async def handle(request: Request, error: Exception) -> Response:
        answer = handler(request, error)
        return cast(Response, await answer if hasattr(answer, "__await__") else answer)

    return handle
