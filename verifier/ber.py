"""A reader of BER, the encoding of every CMS, certificate and time-stamp (ITU-T X.690).

Twenty years of producers have written BER where DER was asked for: indefinite lengths, strings in pieces,
sets out of order. Reading accepts all of it in time linear to its size; `to_der` gives the one encoding that
a signature was computed over.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x02, 0x03, 0x04, 0x05, 0x06
SEQUENCE, SET = 0x30, 0x31
_CONSTRUCTED = 0x20
_DEEPEST = 60
_MOST_ELEMENTS = 100_000
# Universal types that BER may cut into pieces (X.690, 8.7 and 8.23): bit, octet and character strings.
_STRINGS = frozenset((0x04, 0x0C, 0x12, 0x13, 0x14, 0x15, 0x16, 0x19, 0x1A, 0x1B, 0x1C, 0x1E))
_CODECS = {0x0C: "utf-8", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}


class BerError(ValueError):
    """These bytes are not what ASN.1 can be."""


class Element:
    """One tag, length and value inside ``data``; its children are read when they are asked for.

    ``tag`` is the identifier octet, with the number shifted above it where that takes more than one.
    """

    __slots__ = ("_children", "body", "body_end", "data", "depth", "end", "start", "tag")

    def __init__(self, data: bytes, tag: int, start: int, body: int, body_end: int, end: int, depth: int):
        self.data, self.tag, self.depth = data, tag, depth
        self.start, self.body, self.body_end, self.end = start, body, body_end, end
        self._children: tuple[Element, ...] | None = None

    @property
    def raw(self) -> bytes:
        """The whole element as it stands."""
        return self.data[self.start : self.end]

    @property
    def content(self) -> bytes:
        """The value without tag and length."""
        return self.data[self.body : self.body_end]

    @property
    def is_constructed(self) -> bool:
        """Whether the value consists of elements."""
        return bool(self.tag & _CONSTRUCTED)

    @property
    def is_der_length(self) -> bool:
        """Whether the length is written in the one way that DER allows (X.690, 10.1)."""
        return self.end == self.body_end and self.body - self.start == _header_size(self)

    @property
    def children(self) -> tuple[Element, ...]:
        """The elements inside.

        Raises:
            BerError: there are none, or they are not well formed.
        """
        if self._children is None:
            if not self.tag & _CONSTRUCTED:
                raise BerError("a value without parts")
            found: list[Element] = []
            data, at, end, depth = self.data, self.body, self.body_end, self.depth + 1
            while at < end:
                tag = data[at]
                size = data[at + 1] if at + 1 < end else 0x80
                if size < 0x80 and tag & 0x1F != 0x1F and at + 2 + size <= end and depth <= _DEEPEST:
                    # Nearly all of them: one octet of tag, one of length.
                    stop = at + 2 + size
                    child = Element(data, tag, at, at + 2, stop, stop, depth)
                else:
                    child = _read(data, at, end, depth, [_MOST_ELEMENTS])
                found.append(child)
                at = child.end
                if len(found) > _MOST_ELEMENTS:
                    raise BerError("too many parts")
            self._children = tuple(found)
        return self._children

    def expect(self, tag: int) -> Element:
        """This element, if it has that tag.

        Raises:
            BerError: it has another.
        """
        if self.tag != tag:
            raise BerError(f"tag {self.tag:#x} where {tag:#x} was expected")
        return self

    def octets(self) -> bytes:
        """The octets of a string, also of one in pieces."""
        if not self.is_constructed:
            return self.content
        return b"".join(child.octets() for child in self.children)

    def bits(self) -> bytes:
        """The octets of a BIT STRING without unused bits.

        Raises:
            BerError: it is none, or ends within an octet.
        """
        if self.is_constructed:
            return b"".join(child.bits() for child in self.children)
        content = self.content
        if not content or content[0] != 0:
            raise BerError("a bit string that ends within an octet")
        return content[1:]

    def integer(self) -> int:
        """The value of an INTEGER, ENUMERATED or an implicitly tagged one."""
        if self.is_constructed or self.body == self.body_end:
            raise BerError("no integer")
        return int.from_bytes(self.content, "big", signed=True)

    def oid(self) -> str:
        """The dotted form of an OBJECT IDENTIFIER."""
        return _dotted(self.expect(OID).content)

    def text(self) -> str:
        """A character string; what its type does not allow becomes a replacement mark."""
        return self.octets().decode(_CODECS.get(self.tag & 0x1F, "latin-1"), "replace")

    def time(self) -> datetime:
        """A UTCTime or GeneralizedTime, aware.

        Raises:
            BerError: it is no time.
        """
        return read_time(self.octets(), short_year=self.tag & 0x1F == 0x17)


def read_element(data: bytes, start: int = 0) -> Element:
    """The element that begins at ``start``; bytes may follow it.

    Raises:
        BerError: there is none.
    """
    return _read(data, start, len(data), 0, [_MOST_ELEMENTS])


def read_whole(data: bytes) -> Element:
    """The element that ``data`` is.

    Raises:
        BerError: it is none, or something follows.
    """
    element = read_element(data)
    if element.end != len(data):
        raise BerError("bytes behind the end")
    return element


def encode(tag: int, *content: bytes) -> bytes:
    """One DER element with a single identifier octet."""
    body = b"".join(content)
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def to_der(element: Element) -> bytes:
    """The element in DER: definite lengths, whole strings, sets in order (X.690, 10 and 11.6)."""
    if element.tag > 0xFF:
        raise BerError("a tag of many octets")
    if not element.is_constructed:
        return encode(element.tag, element.content)
    if element.tag & ~_CONSTRUCTED in _STRINGS:
        return encode(element.tag & ~_CONSTRUCTED, element.octets())
    parts = [to_der(child) for child in element.children]
    return encode(element.tag, *(sorted(parts) if element.tag == SET else parts))


def _header_size(element: Element) -> int:
    size = element.body_end - element.body
    return 2 if size < 0x80 else 2 + (size.bit_length() + 7) // 8


def _read(data: bytes, start: int, limit: int, depth: int, budget: list[int]) -> Element:
    if depth > _DEEPEST:
        raise BerError("nested too deeply")
    try:
        tag, at = data[start], start + 1
        if tag & 0x1F == 0x1F:
            number = 0
            while True:
                octet = data[at]
                at += 1
                number = number << 7 | octet & 0x7F
                if not octet & 0x80:
                    break
                if number > 0xFFFF:
                    raise BerError("a tag of too many octets")
            tag |= number << 8
        length = data[at]
        at += 1
        if length & 0x80 and length != 0x80:
            count = length & 0x7F
            if count > 8:
                raise BerError("a length beyond all files")
            length = int.from_bytes(data[at : at + count], "big")
            at += count
        elif length == 0x80:
            return _read_indefinite(data, tag, start, at, limit, depth, budget)
    except IndexError:
        raise BerError("cut off") from None
    if at + length > limit:
        raise BerError("longer than its room")
    return Element(data, tag, start, at, at + length, at + length, depth)


def _read_indefinite(
    data: bytes, tag: int, start: int, body: int, limit: int, depth: int, budget: list[int]
) -> Element:
    """An element that ends where two zero octets stand in the place of a child (X.690, 8.1.3.6)."""
    if not tag & _CONSTRUCTED:
        raise BerError("a value without parts and without length")
    found = []
    at = body
    while data[at : at + 2] != b"\0\0" or at + 2 > limit:
        budget[0] -= 1
        if budget[0] < 0:
            raise BerError("too many parts")
        if at >= limit:
            raise BerError("cut off")
        child = _read(data, at, limit, depth + 1, budget)
        found.append(child)
        at = child.end
    element = Element(data, tag, start, body, at, at + 2, depth)
    element._children = tuple(found)
    return element


@lru_cache(maxsize=512)
def _dotted(content: bytes) -> str:
    if not content or content[-1] & 0x80 or len(content) > 64:
        raise BerError("no object identifier")
    numbers, value = [], 0
    for octet in content:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(value)
            value = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


_TIME = re.compile(
    rb"(\d{4})(\d\d)(\d\d)(\d\d)(?:(\d\d)(?:(\d\d)(?:[.,](\d{1,9}))?)?)?(?:Z|([+-])(\d\d)(\d\d))?"
)


def read_time(text: bytes, *, short_year: bool) -> datetime:
    """A time as certificates write it, with or without seconds, fraction and zone (X.680, 46 and 47).

    Raises:
        BerError: it is no time.
    """
    if short_year:
        # RFC 5280, 4.1.2.5.1: 50 to 99 are of the twentieth century.
        text = (b"19" if text[:1] >= b"5" else b"20") + text
    match = _TIME.fullmatch(text)
    if match is None:
        raise BerError("no time")
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = match.groups()
    zone: timezone = UTC
    try:
        if sign is not None:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            zone = timezone(-offset if sign == b"-" else offset)
        return datetime(
            int(year), int(month), int(day), int(hour), int(minute or 0), min(int(second or 0), 59),
            int((fraction or b"0").ljust(6, b"0")[:6]), zone,
        ).astimezone(UTC)  # fmt: skip
    except (ValueError, OverflowError):
        raise BerError("no time") from None
