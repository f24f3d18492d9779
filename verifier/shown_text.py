"""The text that an appearance shows, as far as its fonts tell (ISO 32000-2, 9.4)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
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
_SHOWS = frozenset({"Tj", "TJ", "'", '"'})
# Operators that move text or colour it, and how many numbers they take.
_NUMBERS_OF = {
    "Td": 2, "TD": 2, "Tm": 6, "T*": 0, "TL": 1, "cm": 6, "Tc": 1, "Tz": 1, "g": 1, "rg": 3, "k": 4,
}  # fmt: skip
# Those that write, place and colour text, and those for a rectangle behind or around it.
_PAINTS = frozenset({"f", "S", "s"})
_TEXT_OPERATORS = _SHOWS | _PAINTS | {
    "q", "Q", "BT", "ET", "Tf", "Td", "TD", "Tm", "T*", "TL", "Tc", "Tw", "Tz", "Ts", "Tr", "g", "rg", "k",
    "G", "RG", "K", "cm", "re", "W", "W*", "n", "w", "d", "BMC", "BDC", "EMC",
}  # fmt: skip
_LEAST_SIZE, _LEAST_AREA = 4.0, 0.25

Matrix = tuple[float, float, float, float, float, float]
_UNIT: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


_WHITE = 0.9
_MOST_BACKWARD = 900  # thousandths of the font size between two characters: more than kerning
_LINE = 0.3  # of the font size: what is higher stands in another line


class Unreadable(Exception):
    """What is shown cannot be read as text."""


class Disguised(Exception):
    """It reads otherwise than its operators say: from the right, upwards, or a part of it in white."""


def read_shown_text(document: Document, look: Stream, fonts: Any = None, *, is_list: bool = False) -> str:
    """What the operators of a form write, in their order; ``fonts`` are those that it need not bring itself.

    What is chosen in a list (``is_list``) may be written in white.

    Raises:
        Unreadable: a font does not tell its characters, or there is a picture, or no end to it.
        Disguised: whoever looks at it reads something else.
    """
    page = _Page()
    text = "".join(_shown(document, look, fonts, page, 0))
    if page.backwards and not any(unicodedata.bidirectional(each) in ("R", "AL") for each in text):
        raise Disguised
    if len(page.whites) > 1 and not is_list:
        raise Disguised
    return text


def draws_only_text(document: Document, look: Stream) -> bool:
    """Whether a form draws text in a readable size and nothing else but perhaps a ground and a border.

    Raises:
        Unreadable: there is no end to it.
    """
    try:
        content = document.decode(look)
    except Damaged as error:
        raise Unreadable from error
    painted = 0
    for operator, operands in operations(content):
        if operator not in _TEXT_OPERATORS:
            return False
        painted += operator in _PAINTS
        size = operands[-1] if operator == "Tf" and operands else None
        if isinstance(size, int | float) and abs(size) < _LEAST_SIZE:
            return False
        numbers = _numbers(operands, 6) if operator in ("Tm", "cm") else None
        if numbers is not None and abs(numbers[0] * numbers[3] - numbers[1] * numbers[2]) < _LEAST_AREA:
            return False
    return painted <= 2


def count_shown(document: Document, look: Stream) -> int:
    """How many bytes of text a form shows, whatever characters they are.

    Raises:
        Unreadable: there is a picture, or no end to it.
    """
    return sum(map(len, _shown(document, look, None, _Page(raw=True), 0)))


@dataclass
class _Page:
    """What is known of all that was shown so far: where, and in white or not."""

    raw: bool = False
    last: tuple[float, float] | None = None
    backwards: bool = False
    whites: set[bool] = field(default_factory=set)

    def place(self, matrix: Matrix, size: float) -> None:
        """Note where a piece of text begins: it has to go on to the right, or in a line below."""
        a, b, c, d, x, y = matrix
        length = (a * a + b * b) ** 0.5 or 1.0
        along, across = (x * a + y * b) / length, (y * a - x * b) / length
        height = max(abs(size) * (c * c + d * d) ** 0.5, 0.1)
        if self.last is not None:
            up = across - self.last[1]
            same_line = abs(up) <= _LINE * height
            self.backwards |= (same_line and along < self.last[0] - 0.05 * height) or up > _LINE * height
        self.backwards |= a * d - b * c < 0  # mirrored
        self.last = (along, across)


@dataclass(frozen=True)
class _Pen:
    """The part of the graphics state that text depends on."""

    decode: Decode | None = None
    size: float = 1.0
    mode: int = 0
    white: bool = False
    backward: bool = False
    leading: float = 0.0
    matrix: Matrix = _UNIT


def _shown(
    document: Document, look: Stream, fonts: Any, page: _Page, depth: int, outer: Matrix = _UNIT
) -> Iterator[str]:
    if depth > _DEEPEST:
        raise Unreadable
    try:
        content = document.decode(look)
    except Damaged as error:
        raise Unreadable from error
    own = document.get(look, "Resources", "Font")
    fonts = {**fonts, **own} if isinstance(fonts, dict) and isinstance(own, dict) else own or fonts
    pen, kept, line = _Pen(matrix=outer), [], _UNIT
    for operator, operands in operations(content):
        if operator == "q":
            kept.append(pen)
        elif operator == "Q" and kept:
            pen = kept.pop()
        elif operator == "Tf" and operands and isinstance(operands[0], Name):
            decode = None if page.raw else decoder(document, document.get(fonts, operands[0]))
            size = operands[1] if len(operands) > 1 and isinstance(operands[1], int | float) else 1.0
            pen = replace(pen, decode=decode, size=float(size))
        elif operator == "Tr" and operands and isinstance(operands[0], int):
            pen = replace(pen, mode=operands[0])
        elif operator in _NUMBERS_OF and (numbers := _numbers(operands, _NUMBERS_OF[operator])):
            pen, line = _moved(pen, line, operator, numbers)
        elif operator == "BT":
            line = _UNIT
        elif operator in _SHOWS and pen.mode not in _UNSEEN:
            if operator in ("'", '"'):
                line = _times((1, 0, 0, 1, 0, -pen.leading), line)
            text = _read(pen.decode, operands, raw=page.raw)
            if text.strip():
                page.place(_times(line, pen.matrix), pen.size)
                page.backwards |= pen.backward or _goes_back(operands)
                page.whites.add(pen.white)
            yield text
        elif operator == "BI":
            raise Unreadable
        elif operator == "Do" and operands:
            inner = document.get(look, "Resources", "XObject", str(operands[0]))
            if not isinstance(inner, Stream) or document.get(inner, "Subtype") != "Form":
                raise Unreadable
            yield from _shown(document, inner, fonts, page, depth + 1, pen.matrix)


def _moved(pen: _Pen, line: Matrix, operator: str, numbers: list[float]) -> tuple[_Pen, Matrix]:
    """The pen and the beginning of the line behind an operator that moves, or colours."""
    if operator in ("Td", "TD"):
        pen = replace(pen, leading=-numbers[1]) if operator == "TD" else pen
        return pen, _times((1, 0, 0, 1, numbers[0], numbers[1]), line)
    if operator == "Tm":
        a, b, c, d, x, y = numbers
        return pen, (a, b, c, d, x, y)
    if operator == "T*":
        return pen, _times((1, 0, 0, 1, 0, -pen.leading), line)
    if operator == "TL":
        return replace(pen, leading=numbers[0]), line
    if operator == "cm":
        a, b, c, d, x, y = numbers
        return replace(pen, matrix=_times((a, b, c, d, x, y), pen.matrix)), line
    if operator == "Tc":
        return replace(pen, backward=1000 * numbers[0] < -_MOST_BACKWARD / 2 * abs(pen.size)), line
    if operator == "Tz":
        return replace(pen, backward=pen.backward or numbers[0] <= 0), line
    light = [1 - each for each in numbers] if operator == "k" else numbers
    return replace(pen, white=all(each >= _WHITE for each in light)), line


def _times(first: Matrix, second: Matrix) -> Matrix:
    a, b, c, d, x, y = first
    e, f, g, h, u, v = second
    return (
        a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h, x * e + y * g + u, x * f + y * h + v,
    )  # fmt: skip


def _numbers(operands: list[Any], count: int) -> list[float] | None:
    numbers = operands[len(operands) - count :]
    if len(numbers) != count or not all(isinstance(each, int | float) for each in numbers):
        return None
    return [float(each) for each in numbers] or [0.0]


def _goes_back(operands: list[Any]) -> bool:
    last = operands[-1] if operands else None
    return isinstance(last, list) and any(
        isinstance(each, int | float) and each > _MOST_BACKWARD for each in last
    )


def _read(decode: Decode | None, operands: list[Any], *, raw: bool) -> str:
    last = operands[-1] if operands else b""
    parts = [each for each in (last if isinstance(last, list) else [last]) if isinstance(each, bytes)]
    if raw:
        return b"".join(parts).decode("latin-1")
    if not any(parts):
        return ""
    read = None if decode is None else decode(b"".join(parts))
    if read is None:
        raise Unreadable
    return read


def operations(content: bytes) -> Iterator[tuple[str, list[Any]]]:
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
