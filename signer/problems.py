"""Errors as RFC 9457 problem details: the one place where domain errors become HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from signer.problem_words import preferred, sentence, title
from storage.api_keys import Forbidden, Unauthenticated
from storage.vocabulary import AbsahError, Conflict, FieldProblem, InvalidRequest, NotFound, Unavailable
from verifier.upload import TooLarge as FileTooLarge
from verifier.upload import TooSlow

log = structlog.get_logger("http")

_MAX_POINTER_NAME = 60
_OUR_FAULT = "Something failed on our side; nothing was recorded."

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
                    "code": {"type": "string", "example": "NIK_INVALID"},
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


_STATUS: tuple[tuple[type[AbsahError], int], ...] = (
    (TooLarge, 413),
    (MalformedJson, 400),
    (Unauthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Conflict, 409),
    (InvalidRequest, 422),
    (Unavailable, 503),
    (FileTooLarge, 413),
    (TooSlow, 408),
)


def problem(
    request: Request, status: int, code: str, detail: str, problems: Iterable[FieldProblem] = ()
) -> JSONResponse:
    """A problem details response in the language of ``request``; ``detail`` is the English sentence."""
    language = preferred(request.headers.get("accept-language", ""))
    headers = {"Content-Language": language, "Vary": "Accept-Language"}
    if status == 503:
        headers["Retry-After"] = "5"
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title(status, language),
        "status": status,
        "code": code,
        "detail": sentence(code, detail, language),
    }
    errors = [
        {
            "pointer": each.pointer,
            "code": each.code,
            "detail": sentence(each.code, each.message, language),
            "overridable": each.overridable,
        }
        for each in problems
    ]
    if errors:
        body["errors"] = errors
    return JSONResponse(body, status, headers, media_type=PROBLEM)


def from_error(request: Request, error: AbsahError) -> JSONResponse:
    """The response for a domain error."""
    problems: tuple[FieldProblem, ...] = getattr(error, "problems", ())
    status = status_of(error)
    return problem(request, status, error.code, _OUR_FAULT if status == 500 else error.message, problems)


def status_of(error: AbsahError) -> int:
    """The HTTP status of a domain error; one that is our fault is logged."""
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return status
    log.error("http.error", code=error.code)
    return 500


def from_validation(errors: Iterable[Mapping[str, Any]]) -> tuple[FieldProblem, ...]:
    """What pydantic found, in our codes and words; its own change with its version and may quote values.

    Args:
        errors: as `ValidationError.errors` gives them; ``loc`` is a path into the body.
    """
    return tuple(_from_validation(each) for each in errors)


def pointer_to(path: Iterable[object]) -> str:
    """RFC 6901: "" is the whole body. It ends above a name that cannot be sent back as it is."""
    pointer = ""
    for part in map(str, path):
        if len(part) > _MAX_POINTER_NAME or not part.isprintable():
            break
        pointer += "/" + part.replace("~", "~0").replace("/", "~1")
    return pointer


def _from_validation(error: Mapping[str, Any]) -> FieldProblem:
    kind, limits = str(error["type"]), error.get("ctx") or {}
    code, message = "FIELD_VALUE", "This value is not accepted; the schema states its form."
    if kind == "missing":
        code, message = "FIELD_REQUIRED", "This field is needed."
    elif kind == "extra_forbidden":
        code, message = "FIELD_UNKNOWN", "There is no such field here; remove it."
    elif kind == "not_a_day":
        code, message = "FIELD_DATE", "Give an existing date as YYYY-MM-DD."
    elif kind == "enum":
        message = f"Allowed values: {limits['expected']}."
    elif kind in ("string_too_long", "too_long"):
        code, message = "FIELD_LENGTH", f"Give at most {limits['max_length']}."
    elif kind in ("string_too_short", "too_short"):
        code, message = "FIELD_LENGTH", f"Give at least {limits['min_length']} characters."
    elif kind.endswith("_type"):
        expected = {"string": "string", "dict": "object", "model": "object", "list": "array"}
        what = expected.get(kind.removesuffix("_type"), "value of another type")
        code, message = "FIELD_TYPE", f"This has to be a JSON {what}."
    return FieldProblem(pointer_to(error["loc"]), code, message)


async def answer_unexpected(request: Request, error: Exception) -> JSONResponse:
    """The answer to what nobody expected; for `verifier.errors.CatchUnexpected`."""
    # The class only: a message may quote what somebody sent.
    log.error("http.unexpected", error=type(error).__name__)
    return problem(request, 500, "INTERNAL", _OUR_FAULT)


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` as a problem."""

    @app.exception_handler(AbsahError)
    async def _domain(request: Request, error: AbsahError) -> JSONResponse:
        return from_error(request, error)

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> JSONResponse:
        found = from_validation(error.errors())
        detail = "The request does not have the expected form."
        return problem(request, 422, "INVALID_REQUEST", detail, found)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        codes = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
        code = codes.get(error.status_code, "HTTP_ERROR")
        details = {
            404: "There is nothing at this address.",
            405: "This address does not answer that method.",
        }
        detail = details.get(error.status_code, "This request cannot be served.")
        return problem(request, error.status_code, code, detail)
