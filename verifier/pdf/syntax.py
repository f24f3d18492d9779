"""From bytes to values: the syntax of PDF (ISO 32000-2, 7.2 and 7.3), forgiving what readers forgive.

Every pattern is possessive or anchored, so that a hostile file costs no more than its length.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from verifier.pdf.objects import Damaged, Name, Reference, Stream, TooMuch

_DEEPEST = 200
_MOST_ITEMS = 500_000  # of an array
_MOST_BRACKETS = 200_000  # in the strings that one parser reads
_LONGEST_ESCAPED = 8 * 1024 * 1024

_SPACE = rb"[\x00\t\n\x0c\r ]"
_END = rb"(?=[\x00\t\n\x0c\r ()<>\[\]{}/%]|$)"
_SKIP = rb"(?:[\x00\t\n\x0c\r ]++|%[^\r\n]*+)*+"
_TOKEN = re.compile(
    _SKIP
    + rb"(?:"
    + rb"(\d{1,10})" + _SPACE + rb"++(\d{1,5})" + _SPACE + rb"++R(?![^\x00\t\n\x0c\r ()<>\[\]{}/%])"  # 1, 2
    + rb"|([+-]?\d++)" + _END  # 3: integer
    + rb"|/([^\x00\t\n\x0c\r ()<>\[\]{}/%]*+)"  # 4: name
    + rb"|(<<|>>|\[|\]|\()"  # 5: what opens or closes
    + rb"|<([^<>]*+)>"  # 6: hexadecimal string
    + rb"|([^\x00\t\n\x0c\r ()<>\[\]{}/%]++)"  # 7: real number or keyword
    + rb")"
)  # fmt: skip
# A key and, where it is a reference, an integer or a name, its value: nearly all that dictionaries hold. The
# same patterns in the same order as in `_TOKEN`, so that both read the same.
_PAIR = re.compile(
    _SKIP
    + rb"/([^\x00\t\n\x0c\r ()<>\[\]{}/%]*+)"  # 1: key
    + rb"(?:"
    + _SKIP
    + rb"(?:"
    + rb"(\d{1,10})" + _SPACE + rb"++(\d{1,5})" + _SPACE + rb"++R(?![^\x00\t\n\x0c\r ()<>\[\]{}/%])"  # 2, 3
    + rb"|([+-]?\d++)" + _END  # 4: integer
    + rb"|/([^\x00\t\n\x0c\r ()<>\[\]{}/%]*+)"  # 5: name
    + rb"))?+"
)  # fmt: skip
_PLAIN_STRING = re.compile(rb"([^()\\\r]*+)\)")
_BRACKET = re.compile(rb"(?:[^()\\]++|\\.)*+([()])", re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|\r\n|.)|\r\n?", re.DOTALL)
_ESCAPED = {
    b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"\n": b"", b"\r": b"", b"\r\n": b"",
}  # fmt: skip
_HEX_IN_NAME = re.compile(rb"#([0-9A-Fa-f]{2})")
_NOT_HEX = bytes(set(range(256)) - set(b"0123456789abcdefABCDEF"))
_NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)")
_REAL = re.compile(rb"[+-]*(\d*)(?:\.(\d*))?")
_OBJECT = re.compile(_SKIP + rb"(\d{1,10})" + _SPACE + rb"++(\d{1,10})" + _SPACE + rb"++obj")
_EXACT = re.compile(rb"(\d{1,10})" + _SPACE + rb"++\d{1,10}" + _SPACE + rb"++obj")
_STREAM = re.compile(_SKIP + rb"stream(?:[\t ]{0,8}(?:\r\n|\n|\r))?")
_END_STREAM = re.compile(_SPACE + rb"{0,2}+endstream")
_END_OBJECT = re.compile(_SKIP + rb"endobj")

# Without the detour through the named fields: a file has more references than anything else.
_new = tuple.__new__

LengthOf = Callable[[Reference], Any]
"""Looks an indirect ``/Length`` up."""


class Parser:
    """Reads values from ``data``, never beyond ``end``.

    ``data`` is anything that regular expressions read: bytes, or a mapped file.
    ``is_irregular`` says that something was read of which other readers may make something else: a word
    that is none, what stands where a key should, an end that is missing. ``repeated`` are keys that an
    outermost dictionary names twice, with the values that we do not take and others may.
    ``has_wrong_length`` says that a stream ends elsewhere than its /Length says.
    """

    def __init__(self, data: Any, end: int | None = None) -> None:
        self.data = data
        self.end = len(data) if end is None else end
        self.is_irregular = False
        self.has_wrong_length = False
        self.repeated: list[tuple[str, Any]] = []
        self._brackets = 0
        # From here on no stream ends; a hostile file has it asked for at every one of its bytes.
        self._endless_from: int | None = None

    def value(self, at: int, depth: int = 0) -> tuple[Any, int]:
        """The value at ``at`` and where it ends.

        Raises:
            Damaged: there is none.
            TooMuch: it is nested too deeply.
        """
        match = _TOKEN.match(self.data, at, self.end)
        if match is None:
            raise Damaged(f"no value at {at}")
        value, after = self._interpret(match, depth)
        if value is _CLOSES:
            raise Damaged(f"nothing to close at {at}")
        return value, after

    def indirect(self, at: int, length_of: LengthOf) -> tuple[Reference, Any, int]:
        """The indirect object at ``at``: its own reference, its value, and where it ends.

        Raises:
            Damaged: no object begins there, or its value cannot be read.
        """
        header = _OBJECT.match(self.data, at, self.end)
        if header is None:
            raise Damaged(f"no object at {at}")
        reference = Reference(int(header[1]), int(header[2]))
        if _END_OBJECT.match(self.data, header.end(), self.end):
            return reference, None, header.end()
        value, after = self.value(header.end())
        if isinstance(value, dict) and (keyword := _STREAM.match(self.data, after, self.end)):
            value = self._stream(value, keyword.end(), length_of)
            after = value.end
            if closing := _END_STREAM.match(self.data, after, self.end):
                after = closing.end()
        if closing := _END_OBJECT.match(self.data, after, self.end):
            after = closing.end()
        return reference, value, after

    def _interpret(self, match: re.Match[bytes], depth: int) -> tuple[Any, int]:
        kind, after = match.lastindex, match.end()
        if kind == 2:
            return _new(Reference, (int(match[1]), int(match[2]))), after
        if kind == 3:
            return _integer(match[3]), after
        if kind == 4:
            return _name(match[4]), after
        if kind == 6:
            return _hexadecimal(match[6]), after
        if kind == 7:
            word = match[7]
            if word not in _WORDS and not _NUMBER.fullmatch(word):
                self.is_irregular = True
            return _word(word), after
        if depth > _DEEPEST:
            raise TooMuch("nested too deeply")
        opening = match[5]
        if opening == b"<<":
            return self._dictionary(after, depth + 1)
        if opening == b"[":
            return self._array(after, depth + 1)
        if opening == b"(":
            return self._string(after)
        return _CLOSES, after

    def _array(self, at: int, depth: int) -> tuple[list[Any], int]:
        found: list[Any] = []
        token, data, end = _TOKEN.match, self.data, self.end
        while match := token(data, at, end):
            if len(found) > _MOST_ITEMS:
                raise TooMuch("an array of too many items")
            kind = match.lastindex
            if kind == 2:
                found.append(_new(Reference, (int(match[1]), int(match[2]))))
                at = match.end()
                continue
            if kind == 3:
                found.append(_integer(match[3]))
                at = match.end()
                continue
            if kind == 5 and match[5] in (b"]", b">>"):
                if match[5] == b"]":
                    return found, match.end()
                # ">>" without "]": what it closes is the dictionary around.
                self.is_irregular = True
                return found, match.start(5)
            value, at = self._interpret(match, depth)
            if value is _END_OF_OBJECT:
                break
            found.append(value)
        self.is_irregular = True
        return found, at

    def _dictionary(self, at: int, depth: int) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        pair, token, data, end = _PAIR.match, _TOKEN.match, self.data, self.end
        while True:
            match = pair(data, at, end)
            if match is None:
                match = token(data, at, end)
                if match is None:
                    break
                if match[5] == b">>":
                    return found, match.end()
                self.is_irregular = True
                if match.lastindex == 7 and match[7] in _ENDS:
                    return found, match.start(7)
                # Not a key: passed over, as readers do.
                _, at = self._interpret(match, depth)
                continue
            key = _key(match[1])
            kind, at = match.lastindex, match.end()
            value: Any
            if kind == 3:
                value = _new(Reference, (int(match[2]), int(match[3])))
            elif kind == 4:
                value = _integer(match[4])
            elif kind == 5:
                value = _name(match[5])
            else:
                match = token(data, match.end(1), end)
                if match is None:
                    break
                if match[5] == b">>":
                    self.is_irregular = True
                    found[key] = None
                    return found, match.end()
                value, at = self._interpret(match, depth)
            if value is _END_OF_OBJECT:
                return found, match.start(7)
            if value is _CLOSES:
                self.is_irregular = True
                value = None  # "]" that nothing opened, where a value should stand
            if key in found and found[key] != value:
                self.repeated.append((key, found[key]))
                self.is_irregular |= depth > 1
            found[key] = value
        self.is_irregular = True
        return found, at

    def _string(self, at: int) -> tuple[bytes, int]:
        plain = _PLAIN_STRING.match(self.data, at, self.end)
        if plain:
            return plain[1], plain.end()
        depth, position = 1, at
        while match := _BRACKET.match(self.data, position, self.end):
            position = match.end()
            self._brackets += 1
            if self._brackets > _MOST_BRACKETS:
                raise TooMuch("too many brackets in strings")
            depth += 1 if match[1] == b"(" else -1
            if depth == 0:
                if position - at > _LONGEST_ESCAPED:
                    raise TooMuch("a string of megabytes")
                return _ESCAPE.sub(_unescaped, bytes(self.data[at : position - 1])), position
        raise Damaged(f"the string at {at} never ends")

    def _stream(self, dictionary: dict[str, Any], start: int, length_of: LengthOf) -> Stream:
        length = dictionary.get("Length")
        if isinstance(length, Reference):
            length = length_of(length)
        if isinstance(length, int) and 0 <= length <= self.end - start:
            end = start + length
            if _END_STREAM.match(self.data, end, self.end):
                return Stream(dictionary, self.data, start, end)
        self.has_wrong_length = True
        # The stream ends before its keyword and the end of line that belongs to it.
        end = self._end_of_stream(start)
        if end > start and self.data[end - 1 : end] == b"\n":
            end -= 1
        if end > start and self.data[end - 1 : end] == b"\r":
            end -= 1
        return Stream(dictionary, self.data, start, end)

    def _end_of_stream(self, start: int) -> int:
        if self._endless_from is None or start < self._endless_from:
            for keyword in (b"endstream", b"endobj"):
                end: int = self.data.find(keyword, start, self.end)
                if end >= 0:
                    return end
            self._endless_from = start
        raise Damaged(f"the stream at {start} never ends")


def object_number(data: Any, at: int) -> int | None:
    """The number of the object that begins exactly at ``at``, None where none does."""
    match = _EXACT.match(data, at)
    return int(match[1]) if match else None


class _Mark:
    pass


_CLOSES = _Mark()
_END_OF_OBJECT = _Mark()
_ENDS = (b"endobj", b"endstream", b"stream", b"xref", b"trailer", b"startxref")
_WORDS: dict[bytes, Any] = {b"true": True, b"false": False, b"null": None}


def _integer(digits: bytes) -> int:
    if len(digits) > 20:
        raise Damaged("a number of more than 20 digits")
    return int(digits)


# A file says the same few names again and again; a hostile one cannot make it remember more than these.
@lru_cache(maxsize=2048)
def _name(encoded: bytes) -> Name:
    if b"#" in encoded:
        encoded = _HEX_IN_NAME.sub(lambda match: bytes((int(match[1], 16),)), encoded)
    return Name(encoded.decode("latin-1"))


@lru_cache(maxsize=2048)
def _key(encoded: bytes) -> str:
    return str(_name(encoded))


def _hexadecimal(digits: bytes) -> bytes:
    try:
        return bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        # White space inside a pair, an odd number of digits (7.3.4.3: a zero is missing), or a stray byte.
        kept = digits.translate(None, _NOT_HEX)
        return bytes.fromhex((kept + b"0" * (len(kept) % 2)).decode("ascii"))


def _word(word: bytes) -> Any:
    if word in _WORDS:
        return _WORDS[word]
    if word in _ENDS:
        return _END_OF_OBJECT
    if word[0] in b"+-.0123456789":
        match = _REAL.match(word)
        if match and match.end() > 0 and len(word) <= 400:
            size = float(f"{match[1].decode() or 0}.{(match[2] or b'').decode() or 0}")
            return -size if word.startswith(b"-") else size
    return None  # an unknown word is read as null


def _unescaped(match: re.Match[bytes]) -> bytes:
    escaped = match[1]
    if escaped is None:
        return b"\n"  # any end of line in a string is a line feed (7.3.4.2)
    if escaped in _ESCAPED:
        return _ESCAPED[escaped]
    if escaped[0] in b"01234567":
        return bytes((int(escaped, 8) & 0xFF,))
    return escaped
