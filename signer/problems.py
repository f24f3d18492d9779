"""Errors as RFC 9457 problem details: the one place where domain errors become HTTP."""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from storage.units import Forbidden, Unauthenticated
from storage.vocabulary import AbsahError, Conflict, InvalidRequest, NotFound, Unavailable

log = structlog.get_logger("http")

_STATUS: tuple[tuple[type[AbsahError], int, str], ...] = (
    (Unauthenticated, 401, "Authentication needed"),
    (Forbidden, 403, "Not allowed"),
    (NotFound, 404, "Not found"),
    (Conflict, 409, "Conflict"),
    (InvalidRequest, 422, "Invalid request"),
    (Unavailable, 503, "Temporarily unavailable"),
)

PROBLEM = "application/problem+json"

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "example": "about:blank"},
        "title": {"type": "string", "example": "Invalid request"},
        "status": {"type": "integer", "example": 422},
        "code": {"type": "string", "example": "FIELDS_INVALID"},
        "detail": {"type": "string", "example": "Some fields are missing or wrong; nothing was recorded."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string", "example": "/fields/nik"},
                    "code": {"type": "string", "example": "NIK_LENGTH"},
                    "detail": {"type": "string"},
                    "overridable": {"type": "boolean"},
                },
            },
        },
    },
}


class TooLarge(InvalidRequest):
    """The body is larger than is accepted here."""

    code = "TOO_LARGE"


class MalformedJson(InvalidRequest):
    """The body is not JSON that two readers would understand in the same way."""

    code = "MALFORMED_JSON"


def problem(status: int, title: str, code: str, detail: str, **more: Any) -> JSONResponse:
    """A problem details response."""
    headers = {"Retry-After": "5"} if status == 503 else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail, **more}
    return JSONResponse(body, status, headers, media_type=PROBLEM)


def from_error(error: AbsahError) -> JSONResponse:
    """The response for a domain error."""
    if isinstance(error, TooLarge):
        return problem(413, "Content too large", error.code, error.message)
    if isinstance(error, MalformedJson):
        return problem(400, "Malformed JSON", error.code, error.message)
    for kind, status, title in _STATUS:
        if isinstance(error, kind):
            more: dict[str, Any] = {}
            if isinstance(error, InvalidRequest) and error.problems:
                more["errors"] = [
                    {
                        "pointer": each.pointer,
                        "code": each.code,
                        "detail": each.message,
                        "overridable": each.overridable,
                    }
                    for each in error.problems
                ]
            return problem(status, title, error.code, error.message, **more)
    log.error("http.error", code=error.code)
    return problem(500, "Internal error", error.code, "Something failed on our side; nothing was recorded.")


async def answer_unexpected(request: Request, error: Exception) -> JSONResponse:
    """The answer to what nobody expected; for `verifier.errors.CatchUnexpected`."""
    # The class only: a message may quote what somebody sent.
    log.error("http.unexpected", error=type(error).__name__)
    detail = "Something failed on our side; nothing was recorded."
    return problem(500, "Internal error", "INTERNAL", detail)


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` as a problem."""

    @app.exception_handler(AbsahError)
    async def _domain(request: Request, error: AbsahError) -> JSONResponse:
        return from_error(error)

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [
            {
                "pointer": "/" + "/".join(str(part) for part in each["loc"]),
                "code": str(each["type"]).upper(),
                "detail": str(each["msg"]),
                "overridable": False,
            }
            for each in error.errors()
        ]
        detail = "The request does not have the expected form."
        return problem(422, "Invalid request", "INVALID_REQUEST", detail, errors=errors)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        codes = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
        code = codes.get(error.status_code, "HTTP_ERROR")
        return problem(error.status_code, str(error.detail), code, "There is nothing at this address.")
