"""Reading a JSON body strictly: bounded in size and depth, and with one meaning only.

Duplicate keys, NaN, NUL and lone surrogates are refused: another reader, or the same one after a
round trip through a database, could understand them differently (RFC 8259 sections 4, 6 and 8).
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from signer.problems import MalformedJson, TooLarge
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
    value = parse(await _read(request))
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems = tuple(
            FieldProblem(
                "/" + "/".join(_escape(str(part)) for part in each["loc"]), each["type"].upper(), each["msg"]
            )
            for each in error.errors(include_input=False, include_context=False)
        )
        raise InvalidRequest("The request does not have the expected form.", problems) from None


def parse(body: bytes) -> Any:
    """JSON text as a value.

    Raises:
        MalformedJson: not JSON, nested too deeply, or ambiguous.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedJson("The body is not UTF-8.") from None
    _check_depth(text)
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_finite)
    except MalformedJson:
        raise
    except (ValueError, RecursionError):
        raise MalformedJson("The body is not valid JSON.") from None
    _check_text(value, "")
    return value


async def _read(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BYTES:
            raise TooLarge(f"A request may have {MAX_BYTES // 1_000_000} MB; make the photo smaller.")
        chunks.append(chunk)
    return b"".join(chunks)


def _check_depth(text: str) -> None:
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket.group() in "[{" else -1
        if depth > MAX_DEPTH:
            raise MalformedJson(f"The body is nested more than {MAX_DEPTH} levels deep.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise MalformedJson("An object has the same key twice.")
    return result


def _constant(name: str) -> NoReturn:
    raise MalformedJson(f"{name} is not JSON.")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise MalformedJson("A number is too large.")
    return value


def _check_text(value: Any, pointer: str) -> None:
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            problem = FieldProblem(pointer, "TEXT_INVALID", "Remove the NUL or lone surrogate character.")
            raise InvalidRequest("A text has a character that cannot be stored.", (problem,))
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key, pointer)
            _check_text(item, f"{pointer}/{_escape(key)}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_text(item, f"{pointer}/{index}")


def _escape(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
