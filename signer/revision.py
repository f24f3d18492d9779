"""One incremental update of a PDF (ISO 32000-2, 7.5.6): new and changed objects behind what is there.

The structure is read by our own reader, so that only the few objects that matter are ever parsed, and the
update is written at once. The bytes before it are neither copied nor touched: a mapped file will do.
"""

from __future__ import annotations

import hashlib
import mmap
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from storage.vocabulary import AbsahError
from verifier.pdf.document import Document, File
from verifier.pdf.encryption import PasswordNeeded, UnknownEncryption
from verifier.pdf.objects import Damaged, Name, Reference, Stream, TooMuch

Pdf = bytes | mmap.mmap
ByteRange = tuple[int, int, int, int]

_LARGEST_NUMBER = 8_388_607  # ISO 32000-1, annex C
_LARGEST_OFFSET = 9_999_999_999  # ten digits, in a table (7.5.4) and in a byte range of ours
_PIECE = 8 * 1024 * 1024  # a multiple of every page size
_NOT_REGULAR = re.compile(rb"[^!\"$&'*+,\-.0-9:;=?@A-Z\\^_`a-z|~]")
_PLAIN_TEXT = re.compile(rb"[ !\"#$%&'*+,\-./0-9:;<=>?@A-Z\[\]^_`a-z{|}~]*")
_OPEN_RANGE = b"[0 " + b" " * 32 + b"]"


class RevisionRefused(AbsahError):
    """Nothing can be added to a file.

    ``PDF_DAMAGED`` its structure would have to be repaired, which changes what is there ·
    ``PDF_ENCRYPTED`` it is encrypted · ``PDF_TOO_LARGE`` it has no room for another object.
    """

    code = "PDF_DAMAGED"


@dataclass(frozen=True)
class Update:
    """The bytes of a revision, which belong right behind those of the file."""

    appended: bytes

    def behind(self, pdf: Pdf) -> bytes:
        """The whole file."""
        return b"".join((pdf, self.appended))


@dataclass(frozen=True)
class FrozenUpdate(Update):
    """A revision that only lacks the value of its signature.

    ``digest`` is the SHA-256 over what ``byte_range`` covers: the whole file without that value.
    """

    digest: bytes
    byte_range: ByteRange

    @property
    def own_range(self) -> ByteRange:
        """The range as it would be if the file were ``appended`` alone, to assemble that."""
        _, start, end, rest = self.byte_range
        before = end + rest - len(self.appended)
        return 0, start - before, end - before, rest


class Revision:
    """An update in the making; objects are edited or added, then it is written.

    Args:
        pdf: the file, in memory or mapped to be read.

    Raises:
        RevisionRefused: ``PDF_DAMAGED``, ``PDF_ENCRYPTED``, ``PDF_TOO_LARGE``.
    """

    def __init__(self, pdf: Pdf) -> None:
        self.document = _open(pdf)
        self._pdf = pdf
        self._newest = self.document.chain.sections[0]
        self._next = max(max(self.document.entries, default=0) + 1, _size(self._newest.trailer))
        self._changed: dict[int, Any] = {}
        self._generations: dict[int, int] = {}
        self._signature: int | None = None

    @property
    def catalog(self) -> dict[str, Any]:
        """The document catalog, to be edited."""
        root = self.document.trailer.get("Root")
        if not isinstance(root, Reference):
            raise RevisionRefused("The PDF has no catalog of its own.")
        found: dict[str, Any] = self.edit(root)
        return found

    def edit(self, reference: Reference) -> Any:
        """A copy of a dictionary or an array, which the revision writes again; what it holds is shared.

        Raises:
            KeyError: there is none.
        """
        number = reference.number
        if number not in self._changed:
            value = self.document.object(reference)
            if not isinstance(value, dict | list):
                raise KeyError(f"object {number} is no dictionary or array")
            self._changed[number] = value.copy()
            entry = self.document.entries.get(number)
            contained = entry is None or entry.container is not None
            self._generations[number] = 0 if contained else reference.generation
        return self._changed[number]

    def edit_inside(self, owner: dict[str, Any], key: str, otherwise: Any = None) -> Any:
        """The dictionary or array under a key of an edited dictionary, direct or not, to be edited too.

        Raises:
            KeyError: there is none, and ``otherwise`` does not say what to begin with.
        """
        value = owner.get(key)
        if isinstance(value, Reference) and isinstance(self._now(value), dict | list):
            return self.edit(value)
        if isinstance(value, dict | list):
            owner[key] = value.copy()
        elif otherwise is None:
            raise KeyError(key)
        else:
            owner[key] = otherwise
        return owner[key]

    def edit_from_catalog(self, key: str) -> dict[str, Any]:
        """The dictionary under a key of the catalog, empty where there is none.

        The catalog itself is written again only if it has to be.

        Raises:
            RevisionRefused: something else stands there.
        """
        present = self.document.catalog.get(key)
        try:
            found = (
                self.edit(present)
                if isinstance(present, Reference) and self.document.resolve(present) is not None
                else self.edit_inside(self.catalog, key, {})
            )
        except KeyError:
            found = None
        if not isinstance(found, dict):
            raise RevisionRefused(f"The PDF has no dictionary where its /{key} should be.")
        return found

    def _now(self, reference: Reference) -> Any:
        return self._changed.get(reference.number, self.document.object(reference))

    def add(self, value: Any) -> Reference:
        """A new object."""
        if self._next >= _LARGEST_NUMBER:
            raise RevisionRefused("The PDF has no room for another object.", code="PDF_TOO_LARGE")
        reference = Reference(self._next, 0)
        self._changed[reference.number] = value
        self._generations[reference.number] = 0
        self._next += 1
        return reference

    def add_stream(self, content: bytes, **entries: Any) -> Reference:
        """A new stream without filters."""
        return self.add(Stream({**entries, "Length": len(content)}, content, 0, len(content)))

    def add_signature(self, entries: dict[str, Any], reserved: int) -> Reference:
        """A new signature dictionary, whose value gets ``reserved`` bytes; one in each revision."""
        # The range and the value first: nothing that a person wrote stands before them.
        reference = self.add(
            {
                "ByteRange": _Raw(_OPEN_RANGE),
                "Contents": _Raw(b"<" + b"0" * (2 * reserved) + b">"),
                **entries,
            }
        )
        self._signature = reference.number
        return reference

    def write(self) -> Update:
        """The revision without a signature; the same file and objects give the same bytes."""
        appended, _ = self._append(_hashed(self._pdf))
        return Update(bytes(appended))

    def freeze(self) -> FrozenUpdate:
        """The revision with the signature that `add_signature` prepared."""
        before = len(self._pdf)
        covered = _hashed(self._pdf)
        appended, places = self._append(covered.copy())
        assert self._signature is not None  # noqa: S101 - whoever freezes has added one
        place = places[self._signature] - before
        start = appended.index(b"/Contents<", place) + len(b"/Contents")
        end = appended.index(b">", start) + 1
        byte_range = (0, before + start, before + end, len(appended) - end)
        hole = appended.index(_OPEN_RANGE, place) + len(b"[0 ")
        numbers = b"%d %d %d" % byte_range[1:]
        appended[hole : hole + len(numbers)] = numbers
        with memoryview(appended) as whole:
            covered.update(whole[:start])
            covered.update(whole[end:])
        return FrozenUpdate(bytes(appended), covered.digest(), byte_range)

    def _append(self, content: hashlib._Hash) -> tuple[bytearray, dict[int, int]]:
        """The bytes, and where in the file each object begins; ``content`` has hashed what is there.

        The second part of /ID is a function of the old bytes and the new objects, so nothing is random.
        """
        out, before = bytearray(), len(self._pdf)
        if self._pdf[before - 1 : before] not in (b"\n", b"\r"):
            out += b"\n"  # an object begins a line
        places = {}
        for number in sorted(self._changed):
            places[number] = before + len(out)
            out += b"%d %d obj\n" % (number, self._generations[number])
            _write(out, self._changed[number])
            out += b"\nendobj\n"
        start, base = before + len(out), self.document.chain.base
        if start > _LARGEST_OFFSET:
            raise RevisionRefused("The PDF is too large for another revision.", code="PDF_TOO_LARGE")
        content.update(out)
        trailer = self._trailer(content.digest()[:16])
        if self._newest.is_stream:
            own = self._next
            _write_xref_stream(out, own, trailer, {**places, own: start}, self._generations, base)
        else:
            _write_xref_table(out, trailer, places, self._generations, base)
        out += b"startxref\n%d\n%%%%EOF\n" % (start - base)
        return out, places

    def _trailer(self, identity: bytes) -> dict[str, Any]:
        present = self.document.trailer
        known = self.document.resolve(present.get("ID"))
        first = self.document.resolve(known[0]) if isinstance(known, list) and known else None
        kept: dict[str, Any] = {key: present[key] for key in ("Root", "Info") if key in present}
        return {
            "Size": self._next,
            **kept,
            "ID": [first if isinstance(first, bytes) else identity, identity],
            "Prev": self._newest.start - self.document.chain.base,
        }


def _hashed(pdf: Pdf) -> hashlib._Hash:
    """The SHA-256 of the file so far; of a mapped one, no more than a piece stays in memory."""
    if not isinstance(pdf, mmap.mmap):
        return hashlib.sha256(pdf)
    found = hashlib.sha256()
    with memoryview(pdf) as whole:
        for start in range(0, len(whole), _PIECE):
            with whole[start : start + _PIECE] as piece:
                found.update(piece)
            pdf.madvise(mmap.MADV_DONTNEED, start, min(_PIECE, len(whole) - start))
    return found


def _open(pdf: Pdf) -> Document:
    try:
        # Not through `File.until`, which remembers the document: the two would keep the bytes alive.
        document = Document(File(pdf), len(pdf), repair=False)
    except (PasswordNeeded, UnknownEncryption) as problem:
        raise RevisionRefused("The PDF is encrypted.", code="PDF_ENCRYPTED") from problem
    except (Damaged, TooMuch) as problem:
        raise RevisionRefused("The structure of the PDF is damaged.") from problem
    if document.encrypted:
        raise RevisionRefused("The PDF is encrypted.", code="PDF_ENCRYPTED")
    if {"REBUILT", "PREV_WRONG", "PREV_LOOP"} & set(document.doubts):
        raise RevisionRefused("The structure of the PDF is damaged.")
    return document


def _size(trailer: dict[str, Any]) -> int:
    """What /Size says: a number below it may be referred to although no object has it."""
    size = trailer.get("Size")
    return size if isinstance(size, int) and not isinstance(size, bool) else 0


def _write_xref_table(
    out: bytearray, trailer: dict[str, Any], places: dict[int, int], generations: dict[int, int], base: int
) -> None:
    # A table always says that the list of free objects is empty, as every writer does (7.5.4).
    out += b"xref\n0 1\n0000000000 65535 f\r\n"
    for run in _runs(places):
        out += b"%d %d\n" % (run[0], len(run))
        for number in run:
            out += b"%010d %05d n\r\n" % (places[number] - base, generations[number])
    out += b"trailer\n"
    _write(out, trailer)
    out += b"\n"


def _write_xref_stream(
    out: bytearray,
    own: int,
    trailer: dict[str, Any],
    places: dict[int, int],
    generations: dict[int, int],
    base: int,
) -> None:
    """A cross-reference stream (7.5.8); uncompressed, since it has a handful of entries."""
    width = (max(places.values()).bit_length() + 7) // 8
    rows = bytearray()
    index: list[int] = []
    for run in _runs(places):
        index += (run[0], len(run))
        for number in run:
            rows += b"\x01" + (places[number] - base).to_bytes(width, "big")
            rows += generations.get(number, 0).to_bytes(2, "big")
    dictionary = {"Type": Name("XRef"), **trailer, "Size": own + 1, "W": [1, width, 2], "Index": index}
    dictionary["Length"] = len(rows)
    out += b"%d 0 obj\n" % own
    _write(out, Stream(dictionary, bytes(rows), 0, len(rows)))
    out += b"\nendobj\n"


def _runs(numbers: Iterable[int]) -> list[list[int]]:
    """The numbers in order, parted where one is missing."""
    ordered = sorted(numbers)
    runs = [ordered[:1]]
    for before, number in pairwise(ordered):
        if number == before + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [run for run in runs if run]


# -- values


@dataclass(frozen=True)
class _Raw:
    """What is written as it stands: a range yet to be filled, and room for a value."""

    content: bytes


def text_string(text: str) -> bytes:
    """A text string (7.9.2.2): ASCII, which every encoding of PDF shares, or UTF-16."""
    return text.encode("ascii") if text.isascii() else b"\xfe\xff" + text.encode("utf-16-be")


def _write(out: bytearray, value: Any) -> None:
    """Raises `TypeError` for what is no value of a PDF."""
    try:
        _WRITERS[type(value)](out, value)
    except KeyError as error:
        raise TypeError(f"{error.args[0]} is no value of a PDF") from None


def _write_reference(out: bytearray, value: Reference) -> None:
    out += b"%d %d R" % (value.number, value.generation)


def _write_dictionary(out: bytearray, value: dict[str, Any]) -> None:
    out += b"<<"
    for key, item in value.items():
        out += _name(key)
        kind = type(item)
        if kind not in _DELIMITED:
            out += b" "
        _WRITERS[kind](out, item)
    out += b">>"


def _write_array(out: bytearray, value: list[Any]) -> None:
    out += b"["
    for position, item in enumerate(value):
        if position:
            out += b" "
        _WRITERS[type(item)](out, item)
    out += b"]"


def _write_name(out: bytearray, value: Name) -> None:
    out += _name(value)


def _write_string(out: bytearray, value: bytes) -> None:
    if _PLAIN_TEXT.fullmatch(value):
        out += b"(" + value + b")"
    else:
        out += b"<" + value.hex().encode() + b">"


def _write_raw(out: bytearray, value: _Raw) -> None:
    out += value.content


def _write_null(out: bytearray, value: None) -> None:
    out += b"null"


def _write_boolean(out: bytearray, value: bool) -> None:
    out += b"true" if value else b"false"


def _write_integer(out: bytearray, value: int) -> None:
    out += b"%d" % value


def _write_real(out: bytearray, value: float) -> None:
    text = repr(value)
    if "e" in text or "n" in text:
        text = f"{value:.10f}"
    out += text.removesuffix(".0").encode()


def _write_stream(out: bytearray, value: Stream) -> None:
    _write_dictionary(out, value.dictionary)
    out += b"\nstream\n" + value.raw() + b"\nendstream"


# By the exact class: a value is read as one of these, and made as one of these.
_WRITERS: dict[type, Callable[[bytearray, Any], None]] = {
    Reference: _write_reference,
    dict: _write_dictionary,
    list: _write_array,
    Name: _write_name,
    bytes: _write_string,
    _Raw: _write_raw,
    type(None): _write_null,
    bool: _write_boolean,
    int: _write_integer,
    float: _write_real,
    Stream: _write_stream,
}
# What begins with a character that ends a name.
_DELIMITED = frozenset((Name, dict, list, bytes, _Raw))


# A document says the same few names again and again.
@lru_cache(maxsize=2048)
def _name(name: str) -> bytes:
    encoded = name.encode("latin-1")
    return b"/" + _NOT_REGULAR.sub(lambda found: b"#" + found[0].hex().encode(), encoded)
