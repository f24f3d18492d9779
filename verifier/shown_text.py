"""The text that an appearance shows, as far as its fonts tell (ISO 32000-2, 9.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from verifier.font_codes import Decode, decoder
from verifier.pdf.document import Document
from verifier.pdf.objects import Damaged, Name, Stream
from verifier.pdf.syntax import Parser

_OPERATOR = re.compile(
    rb"(?:[\x00\t\n\x0c\r ]++|%[^\r\n]*+)*+(?:([A-Za-z\'\"][A-Za-z0-9*\'\"]*+)|(?=.)|$)", re.DOTALL
)
_MOST_STEPS = 50_000
_DEEPEST = 4
_UNSEEN = (3, 7)  # rendering modes that paint nothing


class Unreadable(Exception):
    """What is shown cannot be read as text."""


def read_shown_text(document: Document, look: Stream, fonts: Any = None) -> str:
    """What the operators of a form write, in their order; ``fonts`` are those that it need not bring itself.

    Raises:
        Unreadable: a font does not tell its characters, or there is a picture, or no end to it.
    """
    return "".join(_shown(document, look, fonts, 0))


def _shown(document: Document, look: Stream, fonts: Any, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        raise Unreadable
    try:
        content = document.decode(look)
    except Damaged as error:
        raise Unreadable from error
    own = document.get(look, "Resources", "Font")
    fonts = {**fonts, **own} if isinstance(fonts, dict) and isinstance(own, dict) else own or fonts
    state: tuple[Decode | None, int] = (None, 0)
    kept: list[tuple[Decode | None, int]] = []
    for operator, operands in _operations(content):
        if operator == "q":
            kept.append(state)
        elif operator == "Q" and kept:
            state = kept.pop()
        elif operator == "Tf" and operands and isinstance(operands[0], Name):
            state = (decoder(document, document.get(fonts, operands[0])), state[1])
        elif operator == "Tr" and operands and isinstance(operands[0], int):
            state = (state[0], operands[0])
        elif operator in ("Tj", "TJ", "'", '"') and state[1] not in _UNSEEN:
            yield _read(state[0], operands)
        elif operator == "BI":
            raise Unreadable
        elif operator == "Do" and operands:
            inner = document.get(look, "Resources", "XObject", str(operands[0]))
            if not isinstance(inner, Stream) or document.get(inner, "Subtype") != "Form":
                raise Unreadable
            yield from _shown(document, inner, fonts, depth + 1)


def _read(decode: Decode | None, operands: list[Any]) -> str:
    last = operands[-1] if operands else b""
    parts = [each for each in (last if isinstance(last, list) else [last]) if isinstance(each, bytes)]
    if not any(parts):
        return ""
    read = None if decode is None else decode(b"".join(parts))
    if read is None:
        raise Unreadable
    return read


def _operations(content: bytes) -> Iterator[tuple[str, list[Any]]]:
    """Each operator with what stands before it."""
    parser = Parser(content)
    operands: list[Any] = []
    at = 0
    for _ in range(_MOST_STEPS):
        match = _OPERATOR.match(content, at)
        if match is None or (match.end() == len(content) and match[1] is None):
            return
        at = match.end()
        if match[1] is not None:
            yield match[1].decode("ascii"), operands
            operands = []
            continue
        try:
            value, at = parser.value(at)
        except Damaged:  # programs pass over what is no operand
            at += 1
            continue
        operands.append(value)
    raise Unreadable
