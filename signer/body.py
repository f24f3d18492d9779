"""Reading a JSON body strictly: bounded in size and depth, and with one meaning only.

Duplicate keys, NaN, NUL and lone surrogates are refused: another reader, or the same one after a
round trip through a database, could understand them differently (RFC 8259 sections 4, 6 and 8).
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from signer.problems import MalformedJson, TooLarge, from_validation, pointer_to
from storage.vocabulary import FieldProblem, InvalidRequest

MAX_BYTES = 4_000_000
MAX_DEPTH = 32

# Possessive, and content with a string that does not end: each character is looked at once. A pattern
# that can fail would begin again at every quote, and 40 kB of them would keep the process for seconds.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_BRACKET = re.compile(r"[\[\]{}]")

Model = TypeVar("Model", bound=BaseModel)


async def read_model(request: Request, model: type[Model]) -> Model:
    """The body as ``model``.

    Raises:
        TooLarge, MalformedJson, InvalidRequest: with what is wrong and where.
    """
    return model_of(await _read(request), model)


def model_of(content: bytes, model: type[Model]) -> Model:
    """JSON text as ``model``.

    Raises:
        MalformedJson, InvalidRequest: as `read_model`.
    """
    value = parse(content)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems = from_validation(error.errors(include_url=False, include_input=False))
        raise InvalidRequest("The request does not have the expected form.", problems) from None


def parse(body: bytes) -> Any:
    """JSON text as a value.

    Raises:
        MalformedJson: not JSON, nested too deeply, or ambiguous.
        InvalidRequest: a text has a character that no database keeps.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed("The body is not UTF-8.", "JSON_ENCODING") from None
    _check_depth(text)
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _malformed(f"The body is not valid JSON: see {where}.", "JSON_SYNTAX") from None
    except (ValueError, RecursionError):
        # An integer of more digits than Python reads, for one.
        raise _malformed("The body is not valid JSON.", "JSON_SYNTAX") from None
    _check(value, ())
    return value


@dataclass(frozen=True)
class _Flaw:
    """Stands in the parsed value where the text has no single meaning, so that the place can be named."""

    code: str
    message: str
    key: str | None = None


async def _read(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BYTES:
            message = f"A request may have {MAX_BYTES // 1_000_000} MB; make the photo smaller."
            raise TooLarge(message, (FieldProblem("", "TOO_LARGE", message),))
        chunks.append(chunk)
    return b"".join(chunks)


def _check_depth(text: str) -> None:
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket.group() in "[{" else -1
        if depth > MAX_DEPTH:
            raise _malformed(f"The body is nested more than {MAX_DEPTH} levels deep.", "JSON_DEPTH")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Flaw:
    result = dict(pairs)
    if len(result) == len(pairs):
        return result
    twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
    return _Flaw("JSON_DUPLICATE_KEY", "An object has the same key twice.", twice)


def _constant(name: str) -> _Flaw:
    return _Flaw("JSON_NUMBER", f"{name} is not JSON.")


def _finite(digits: str) -> float | _Flaw:
    value = float(digits)
    return _Flaw("JSON_NUMBER", "A number is too large.") if math.isinf(value) else value


def _check(value: Any, path: tuple[object, ...]) -> None:
    if isinstance(value, _Flaw):
        place = path if value.key is None else (*path, value.key)
        raise _malformed(value.message, value.code, pointer_to(place))
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            message = "Remove the NUL or lone surrogate character."
            problem = FieldProblem(pointer_to(path), "TEXT_INVALID", message)
            raise InvalidRequest("A text has a character that cannot be stored.", (problem,))
    elif isinstance(value, dict):
        for key, item in value.items():
            _check(key, path)
            _check(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check(item, (*path, index))


def _malformed(message: str, code: str, pointer: str = "") -> MalformedJson:
    return MalformedJson(message, (FieldProblem(pointer, code, message),))
