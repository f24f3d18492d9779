"""What the bytes of a PDF say by themselves: ranges that signatures cover, and what follows them.

PDF libraries read leniently and therefore overlook bytes; here every byte after the outermost
signature has to be accounted for. Nothing in this module follows a reference.
ISO 32000-2, 7.5 (file structure) and 12.8.1 (ByteRange).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from verifier.pdf.objects import Damaged
from verifier.pdf.syntax import Parser

WHITE_SPACE = b"\x00\t\n\x0c\r "


class StructureFault(Exception):
    """A signature's ByteRange or Contents is not as it must be; ``code`` is that of the finding."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class SignedRange:
    """The two stretches that a signature covers: up to ``gap_start``, and from ``gap_end`` to ``end``.

    The first begins at ``start``, which is 0 unless the producer did not count what stands before the header.
    """

    gap_start: int
    gap_end: int
    end: int
    start: int = 0


def read_signed_range(values: Sequence[object], contents: bytes, pdf: bytes, base: int = 0) -> SignedRange:
    """The range of a signature, where it is one that a signature may have.

    Exactly two stretches, the first from 0, in order, inside the file; and the gap between them is the
    ``/Contents`` string and nothing else but white space, so that nothing can hide in it. ``base`` is how
    many bytes stand before the header: some producers count without them.

    Raises:
        StructureFault: ``BYTE_RANGE_INVALID`` or ``CONTENTS_GAP``.
    """
    if len(values) != 4 or any(isinstance(value, bool) or not isinstance(value, int) for value in values):
        raise StructureFault("BYTE_RANGE_INVALID")
    start, length, second, second_length = (int(str(value)) for value in values)
    if start != 0 or length <= 0 or second <= length or second_length <= 0:
        raise StructureFault("BYTE_RANGE_INVALID")
    fault = StructureFault("BYTE_RANGE_INVALID")
    for shift in dict.fromkeys((0, base)):
        signed = SignedRange(length + shift, second + shift, second + second_length + shift, shift)
        if signed.end > len(pdf):
            continue
        if _holds(pdf, signed.gap_start, signed.gap_end, contents):
            return signed
        fault = StructureFault("CONTENTS_GAP")
    raise fault


def _holds(pdf: bytes, start: int, end: int, contents: bytes) -> bool:
    """Whether the gap holds the string and nothing else; its two delimiters may stand outside."""
    gap = bytes(pdf[start:end]).strip(WHITE_SPACE)
    if pdf[start - 1 : start] == b"<" and pdf[end : end + 1] == b">":
        gap = b"<" + gap + b">"
    if gap.startswith(b"<"):
        digits = gap[1:-1].translate(None, WHITE_SPACE)
        if not gap.endswith(b">") or digits.strip(b"0123456789abcdefABCDEF"):
            return False
    try:
        value, after = Parser(gap).value(0)
    except Damaged:
        return False
    return isinstance(value, bytes) and value == contents and after == len(gap)


# Transfers pad a file to their block with white space; no block is larger than this. More is padding that
# somebody made, in which nobody could tell what it is for.
_LARGEST_BLOCK = 64 * 1024


def is_white(pdf: bytes, start: int) -> bool:
    """Whether only white space follows ``start``, and no more of it than a transfer explains."""
    return len(pdf) - start <= _LARGEST_BLOCK and not pdf[start:].strip(WHITE_SPACE)


_SPACES = re.compile(rb"[\x00\t\n\x0c\r ]*")
# Producers sign their name between a trailer and its startxref, or between objects; what is longer, or what a
# program that repairs files could take for an object, is no remark.
_REMARKS = re.compile(
    rb"(?:%(?!%EOF)(?:(?!obj|xref|trailer|stream)[^\r\n]){0,200}+[\r\n]++){1,5}+(?=[^%\r\n])"
)
_OBJECT = re.compile(rb"(\d{1,10})[\x00\t\n\x0c\r ]+(\d{1,5})[\x00\t\n\x0c\r ]+obj(?![0-9A-Za-z])")
_START = re.compile(rb"startxref[\x00\t\n\x0c\r ]{1,99}(\d{1,10})[\x00\t\n\x0c\r ]{1,99}%%EOF")
# Greedy from the front, so that the last one is found by going back from the end without a step of ours.
_LAST_START = re.compile(rb"(?s:.*)" + _START.pattern + rb"\r?\n?")
_BYTE_RANGE = re.compile(
    rb"/ByteRange[\x00\t\n\x0c\r ]{0,99}\[[ ]{0,99}0 {1,99}(\d{1,10}) {1,99}(\d{1,10}) {1,99}(\d{1,10})"
)
_MOST_CLAIMS = 100_000
# What may open something inside an object; everything else is passed over.
_TOKEN = re.compile(rb"\(|%|<<|>>|<|endobj|stream[\t ]{0,9}+(?:\r\n|\n|\r)")
_LENGTH = re.compile(rb"/Length[\x00\t\n\x0c\r ]+(\d{1,10})(?![\x00\t\n\x0c\r ]+\d+[\x00\t\n\x0c\r ]+R|\d)")
_END_STREAM = re.compile(rb"[\x00\t\n\x0c\r ]*endstream")


def ends_revision(pdf: bytes, end: int) -> bool:
    """Whether a complete revision ends at ``end``: with ``%%EOF`` and at most white space after it."""
    at = end
    while at > 0 and pdf[at - 1] in WHITE_SPACE and end - at < _LARGEST_BLOCK:
        at -= 1
    return bytes(pdf[max(0, at - 5) : at]) == b"%%EOF"


def first_unexplained(pdf: bytes, start: int, offsets: Mapping[int, int | None], base: int = 0) -> int | None:
    """The first byte after ``start`` that belongs to no revision, or None where all do.

    ``offsets`` are the places where the cross-reference chain says that an object, a table or a
    cross-reference stream begins, each table with where its trailer ends. Between ``start`` and the end of
    the file there may be white space, a few remarks, objects and tables at those places, and ``startxref …
    %%EOF`` pointing at one of them, or at white space before it; ``base`` is what has to be added to what a
    ``startxref`` says.
    """
    at = start
    while True:
        white, at = at, skip_spaces(pdf, at)
        if at - white > _LARGEST_BLOCK:
            return white
        if at == len(pdf):
            return None
        if match := _START.match(pdf, at):
            # One that leads back behind the start takes a signature out of what other programs show.
            place = int(match.group(1)) + base
            if place < start or skip_spaces(pdf, place) not in offsets:
                return at
            after: int | None = match.end()
        elif match := _REMARKS.match(pdf, at):
            after = match.end()
        elif at not in offsets:
            return at
        elif match := _OBJECT.match(pdf, at):
            after = _skip_object(pdf, match.end())
        else:
            after = offsets[at]
        if after is None:
            return at
        at = after


def skip_spaces(pdf: bytes, at: int) -> int:
    """The place of the first byte from ``at`` on that is not white."""
    return _end(_SPACES, pdf, at)


def last_end(pdf: bytes) -> int | None:
    """Where the last complete ``startxref … %%EOF`` ends, its end of line included; None without one."""
    match = _LAST_START.match(pdf)
    return match.end() if match else None


def claimed_ranges(pdf: bytes) -> Iterator[tuple[int, int, int]]:
    """Where byte ranges that stand in the bytes say that a gap begins and ends, and where they end.

    Nothing but that they lie inside the file is checked; a file can be full of them.
    """
    for match in islice(_BYTE_RANGE.finditer(pdf), _MOST_CLAIMS):
        gap_start, gap_end, length = (int(number) for number in match.groups())
        if gap_start < gap_end and gap_end + length <= len(pdf):
            yield gap_start, gap_end, gap_end + length


def signed_ends(pdf: bytes, most: int) -> list[int]:
    """Where signed revisions seem to end, the last first: ends of byte ranges around a ``/Contents`` string.

    Found in the bytes alone, for a file whose own end leads nowhere. At most ``most``, those claimed first.
    """
    ends = (
        end
        for gap_start, gap_end, end in claimed_ranges(pdf)
        if pdf[gap_start : gap_start + 1] == b"<"
        and pdf[gap_end - 1 : gap_end] == b">"
        and ends_revision(pdf, end)
    )
    return sorted(islice(dict.fromkeys(ends), most), reverse=True)


def _skip_object(pdf: bytes, at: int) -> int | None:
    """The place after ``endobj``; None where the object does not end as one must."""
    body = at
    while match := _TOKEN.search(pdf, at):
        token = match.group()
        if token == b"endobj":
            return match.end()
        if token.startswith(b"stream"):
            length = _LENGTH.search(pdf, body, match.start())
            end = match.end() + int(length.group(1)) if length else -1
            closing = _END_STREAM.match(pdf, end) if 0 <= end <= len(pdf) else None
            if closing is None:
                # An indirect or wrong /Length: the stream ends at its keyword.
                found = pdf.find(b"endstream", match.end())
                if found < 0:
                    return None
                at = found + len(b"endstream")
            else:
                at = closing.end()
            continue
        at = _skip_token(pdf, match)
        if at < 0:
            return None
    return None


def _skip_token(pdf: bytes, match: re.Match[bytes]) -> int:
    """The place after a string, a comment or a bracket; -1 where a string never ends."""
    token = match.group()
    if token == b"(":
        return _skip_string(pdf, match.end())
    if token == b"%":
        ends = [place for place in (pdf.find(b"\n", match.end()), pdf.find(b"\r", match.end())) if place >= 0]
        return min(ends) if ends else len(pdf)
    if token == b"<":
        return pdf.find(b">", match.end()) + 1 or -1
    return match.end()


_IN_STRING = re.compile(rb"\\.|[()]", re.DOTALL)


def _skip_string(pdf: bytes, at: int) -> int:
    depth = 1
    while match := _IN_STRING.search(pdf, at):
        at = match.end()
        if match.group() == b"(":
            depth += 1
        elif match.group() == b")":
            depth -= 1
            if depth == 0:
                return at
    return -1


def _end(pattern: re.Pattern[bytes], pdf: bytes, at: int) -> int:
    match = pattern.match(pdf, at)
    return match.end() if match else at
