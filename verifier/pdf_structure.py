"""What the bytes of a PDF say by themselves: ranges that signatures cover, and what follows them.

PDF libraries read leniently and therefore overlook bytes; here every byte after the outermost
signature has to be accounted for. Nothing in this module follows a reference.
ISO 32000-2, 7.5 (file structure) and 12.8.1 (ByteRange).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

WHITE_SPACE = b"\x00\t\n\x0c\r "


class StructureFault(Exception):
    """A signature's ByteRange or Contents is not as it must be; ``code`` is that of the finding."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class SignedRange:
    """The two stretches that a signature covers: from 0 to ``gap_start`` and from ``gap_end`` to ``end``."""

    gap_start: int
    gap_end: int
    end: int

    def covered(self, pdf: bytes) -> tuple[memoryview, memoryview]:
        """The covered bytes, not copied."""
        view = memoryview(pdf)
        return view[: self.gap_start], view[self.gap_end : self.end]


def read_signed_range(values: Sequence[object], contents: bytes, pdf: bytes) -> SignedRange:
    """The range of a signature, where it is one that a signature may have.

    Exactly two stretches, the first from 0, in order, inside the file; and the gap between them is the
    hexadecimal ``/Contents`` string and nothing else, so that nothing can hide in it.

    Raises:
        StructureFault: ``BYTE_RANGE_INVALID`` or ``CONTENTS_GAP``.
    """
    if len(values) != 4 or any(isinstance(value, bool) or not isinstance(value, int) for value in values):
        raise StructureFault("BYTE_RANGE_INVALID")
    start, length, second, second_length = (int(str(value)) for value in values)
    end = second + second_length
    if start != 0 or length <= 0 or second <= length or second_length <= 0 or end > len(pdf):
        raise StructureFault("BYTE_RANGE_INVALID")
    gap = pdf[length:second]
    if not (gap.startswith(b"<") and gap.endswith(b">")):
        raise StructureFault("CONTENTS_GAP")
    digits = gap[1:-1].translate(None, WHITE_SPACE)
    try:
        # An odd number of digits means a trailing zero (ISO 32000-2, 7.3.4.3).
        inside = bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode("ascii"))
    except ValueError as error:
        raise StructureFault("CONTENTS_GAP") from error
    if inside != contents:
        raise StructureFault("CONTENTS_GAP")
    return SignedRange(length, second, end)


# ISO 32000-1, annex C: a file has at most 8 388 607 indirect objects, a number of seven digits. Possessive,
# so that a file full of beginnings costs no more than its length.
_INDEX_TOO_LARGE = re.compile(
    rb"/Index[\x00\t\n\x0c\r ]*+\[(?:[\x00\t\n\x0c\r ]*+\d{1,7}(?!\d))*+[\x00\t\n\x0c\r ]*+\d{8}"
)
_ZERO_WIDTHS = re.compile(rb"/W[\x00\t\n\x0c\r ]*+\[[0\x00\t\n\x0c\r ]*+\]")


def asks_too_much(pdf: bytes, maximum_string: int) -> bool:
    """Whether the file openly asks for work out of all proportion, so that parsing need not even begin.

    Cross-reference entries of no width or beyond the standard's count, and hexadecimal strings of more than
    ``maximum_string`` bytes, which the library reads digit by digit. A hidden bomb meets the sandbox.
    """
    if _ZERO_WIDTHS.search(pdf) or _INDEX_TOO_LARGE.search(pdf):
        return True
    return re.search(rb"<[0-9A-Fa-f\s]{%d}" % (2 * maximum_string + 1), pdf) is not None


# Transfers pad a file to their block with white space; no block is larger than this. More is padding that
# somebody made, in which nobody could tell what it is for.
_LARGEST_BLOCK = 64 * 1024


def is_white(pdf: bytes, start: int) -> bool:
    """Whether only white space follows ``start``, and no more of it than a transfer explains."""
    return len(pdf) - start <= _LARGEST_BLOCK and not pdf[start:].strip(WHITE_SPACE)


_SPACES = re.compile(rb"[\x00\t\n\x0c\r ]*")
_OBJECT = re.compile(rb"(\d{1,10})[\x00\t\n\x0c\r ]+(\d{1,5})[\x00\t\n\x0c\r ]+obj(?![0-9A-Za-z])")
_TABLE = re.compile(
    rb"xref[\x00\t\n\x0c\r ]+"
    rb"(?:\d{1,10}[ ]+\d{1,10}[ ]*[\r\n]+(?:\d{10}[ ]\d{5}[ ][nf][ \r\n]{1,3})*)*"
    rb"[\x00\t\n\x0c\r ]*trailer"
)
_START = re.compile(rb"startxref[\x00\t\n\x0c\r ]{1,99}(\d{1,10})[\x00\t\n\x0c\r ]{1,99}%%EOF")
# Greedy from the front, so that the last one is found by going back from the end without a step of ours.
_LAST_START = re.compile(rb"(?s:.*)" + _START.pattern + rb"\r?\n?")
_BYTE_RANGE = re.compile(
    rb"/ByteRange[\x00\t\n\x0c\r ]{0,99}\[[ ]{0,99}0 {1,99}(\d{1,10}) {1,99}(\d{1,10}) {1,99}(\d{1,10})"
)
_MOST_CLAIMS = 100_000
# What may open something inside an object; everything else is passed over.
_TOKEN = re.compile(rb"\(|%|<<|>>|<|endobj|stream\r?\n|stream\r")
_LENGTH = re.compile(rb"/Length[\x00\t\n\x0c\r ]+(\d{1,10})(?![\x00\t\n\x0c\r ]+\d+[\x00\t\n\x0c\r ]+R|\d)")
_END_STREAM = re.compile(rb"[\x00\t\n\x0c\r ]*endstream")


def first_unexplained(pdf: bytes, start: int, offsets: Collection[int]) -> int | None:
    """The first byte after ``start`` that belongs to no revision, or None where all do.

    ``offsets`` are the places where the cross-reference chain says that an object, a table or a
    cross-reference stream begins. Between ``start`` and the end of the file there may be white space,
    objects and tables at those places, their trailers, and ``startxref … %%EOF`` pointing at one of them.
    """
    at = start
    while True:
        white, at = at, _end(_SPACES, pdf, at)
        if at - white > _LARGEST_BLOCK:
            return white
        if at == len(pdf):
            return None
        if match := _START.match(pdf, at):
            # One that leads back behind the start takes a signature out of what other programs show.
            if int(match.group(1)) < start or int(match.group(1)) not in offsets:
                return at
            after: int | None = match.end()
        elif at not in offsets:
            return at
        elif match := _OBJECT.match(pdf, at):
            after = _skip_object(pdf, match.end())
        elif match := _TABLE.match(pdf, at):
            after = _skip_dictionary(pdf, match.end())
        else:
            return at
        if after is None:
            return at
        at = after


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
        if pdf[gap_start : gap_start + 1] == b"<" and pdf[gap_end - 1 : gap_end] == b">"
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


def _skip_dictionary(pdf: bytes, at: int) -> int | None:
    """The place after the dictionary that begins at ``at``, white space allowed before it."""
    at = _end(_SPACES, pdf, at)
    if not pdf.startswith(b"<<", at):
        return None
    depth = 0
    while match := _TOKEN.search(pdf, at):
        token = match.group()
        if token == b"<<":
            depth += 1
            at = match.end()
        elif token == b">>":
            depth -= 1
            at = match.end()
            if depth == 0:
                return at
        elif token == b"endobj" or token.startswith(b"stream"):
            return None
        else:
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
