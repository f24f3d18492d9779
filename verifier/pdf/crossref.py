"""Cross-reference sections and the chain that leads from one to the other (ISO 32000-2, 7.5.4 to 7.5.8)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from verifier.pdf.filters import decode, reads_one_way
from verifier.pdf.objects import Damaged, Reference, Stream, TooMuch
from verifier.pdf.syntax import Parser

_MOST_OBJECTS = 8_388_607  # ISO 32000-1, annex C
_MOST_SECTIONS = 2_000
_MOST_ENTRIES = 2_000_000  # in all sections of a chain
_MOST_PARTS = 100_000  # of a section, each for numbers in a row
_MOST_EMPTY = 2

_SPACES = rb"[\x00\t\n\x0c\r ]"
_TABLE = re.compile(_SPACES + rb"*+xref")
_SUBSECTION = re.compile(_SPACES + rb"*+(\d{1,10})" + _SPACES + rb"++(\d{1,10})" + _SPACES + rb"*?[\r\n ]")
_ROWS = re.compile(rb"(?:\d{10} \d{5} [nf][ \r\n]{2})*+")
_LOOSE_ROW = re.compile(_SPACES + rb"*+(\d{1,10})" + _SPACES + rb"++(\d{1,10})" + _SPACES + rb"++([nf])")
_TRAILER = re.compile(_SPACES + rb"*+trailer")
_START = re.compile(rb"startxref" + _SPACES + rb"*+(\d{1,12})")
_HEADER = re.compile(rb"%PDF-\d")
_OBJECT = re.compile(
    rb"(?<![0-9])(\d{1,10})[\x00\t\n\x0c\r ]{1,20}(\d{1,5})[\x00\t\n\x0c\r ]{1,20}obj(?![a-z])"
)


class Entry(NamedTuple):
    """Where an object is: at ``offset`` in the file, or the ``position``-th of the stream ``container``."""

    offset: int = 0
    generation: int = 0
    container: int | None = None
    position: int = 0


@dataclass
class Section:
    """One cross-reference table or stream. None as an entry means: the object is free."""

    start: int
    entries: dict[int, Entry | None]
    trailer: dict[str, Any]
    is_stream: bool = False
    own_number: int | None = None
    hidden_start: int | None = None
    """Where the stream of a hybrid file (/XRefStm) begins."""
    hidden: dict[int, Entry | None] = field(default_factory=dict)
    """What that stream lists; ``entries`` has of it what the table itself leaves free or out."""
    shown: frozenset[int] = frozenset()
    """The objects that the table of a hybrid file lists as in use."""
    freed: frozenset[int] = frozenset()
    """Those that it lists as free."""
    listed_twice: set[int] = field(default_factory=set)
    is_irregular: bool = False
    """Whether other readers may read something else in it (`Parser`, `filters.reads_one_way`)."""
    end: int = 0
    """Where the table with its trailer ends, or the stream's object."""
    stop: int = 0
    """A reader who gets the file up to here or further reads the same."""


# Without the detour through the named fields: a table has thousands of entries.
_new = tuple.__new__

Sections = dict[tuple[int, int], Section]
"""Sections that were read already, by offset and base."""


@dataclass
class Chain:
    """The sections from the newest to the oldest, and what was odd on the way."""

    sections: list[Section]
    doubts: list[str] = field(default_factory=list)
    """Codes: BASE_MOVED, START_WRONG, PREV_WRONG, PREV_LOOP, REBUILT."""
    base: int = 0
    """What has to be added to each offset, because bytes stand before the header."""

    @property
    def trailer(self) -> dict[str, Any]:
        """The newest trailer, with what only older ones say."""
        merged: dict[str, Any] = {}
        for section in self.sections:
            for key, value in section.trailer.items():
                if key in ("Root", "Encrypt", "ID", "Info"):
                    merged.setdefault(key, value)
        return merged

    def entries(self) -> dict[int, Entry | None]:
        """For each object its newest entry."""
        merged: dict[int, Entry | None] = {}
        for section in reversed(self.sections):
            merged.update(section.entries)
        return merged


def last_start(data: Any, end: int) -> tuple[int, int] | None:
    """The place that the last ``startxref`` before ``end`` names, and where it stands itself."""
    at = data.rfind(b"startxref", 0, end)
    while at >= 0:
        match = _START.match(data, at, end)
        if match:
            return int(match[1]), at
        at = data.rfind(b"startxref", 0, at)
    return None


def header_of(data: Any, end: int) -> int:
    """Where ``%PDF-`` stands; readers look for it in the first kilobyte. 0 where it is missing."""
    match = _HEADER.search(data, 0, min(end, 4096))
    return match.start() if match else 0


def read_chain(data: Any, end: int, known: Sections) -> Chain:
    """The chain that begins with the last ``startxref`` before ``end``.

    Raises:
        Damaged: there is none that leads anywhere.
        TooMuch: it is absurdly long.
    """
    start = last_start(data, end)
    if start is None:
        raise Damaged("no startxref")
    header = header_of(data, end)
    for base in dict.fromkeys((0, header)):
        try:
            first = _known_section(data, start[0] + base, end, base, known)
        except Damaged:
            continue
        chain = Chain([first], base=base)
        if base:
            chain.doubts.append("BASE_MOVED")
        _follow(chain, data, end, known)
        return chain
    raise Damaged("startxref leads nowhere")


def _known_section(data: Any, at: int, end: int, base: int, known: Sections) -> Section:
    section = known.get((at, base))
    if section is None or section.stop > end:
        section = known[at, base] = read_section(data, at, end, base)
    return section


def _follow(chain: Chain, data: Any, end: int, known: Sections) -> None:
    section = chain.sections[0]
    seen, listed = {section.start}, len(section.entries)
    while (previous := section.trailer.get("Prev")) is not None:
        if isinstance(previous, float):
            previous = int(previous)
        if not isinstance(previous, int) or previous < 0:
            chain.doubts.append("PREV_WRONG")
            return
        try:
            section = _known_section(data, previous + chain.base, end, chain.base, known)
        except Damaged:
            # Producers that write "/Prev 0" for "there is none" are many.
            chain.doubts.append("PREV_WRONG" if previous else "PREV_ZERO")
            return
        if section.start in seen:
            chain.doubts.append("PREV_LOOP")
            return
        seen.add(section.start)
        chain.sections.append(section)
        listed += len(section.entries)
        if len(chain.sections) > _MOST_SECTIONS or listed > _MOST_ENTRIES:
            raise TooMuch("too many cross-reference sections, or entries")


def read_section(data: Any, at: int, end: int, base: int = 0) -> Section:
    """The table or stream at ``at``.

    Raises:
        Damaged: none begins there.
        TooMuch: it lists more objects than a file may have.
    """
    if not 0 <= at < end:
        raise Damaged("a section outside the file")
    match = _TABLE.match(data, at, end)
    if match is None:
        return _read_stream(data, at, end, base)
    section = _read_table(data, match, end, base)
    hidden = section.trailer.get("XRefStm")
    if isinstance(hidden, int):
        # Objects of a hybrid file that old readers do not see (7.5.8.4): free or missing in the table.
        more = _read_stream(data, hidden + base, end, base)
        section.hidden_start, section.hidden = more.start, more.entries
        section.shown = frozenset(number for number, entry in section.entries.items() if entry is not None)
        section.freed = frozenset(section.entries) - section.shown
        section.stop = max(section.stop, more.stop)
        for number, entry in more.entries.items():
            if section.entries.get(number) is None:
                section.entries[number] = entry
    return section


def _read_table(data: Any, match: re.Match[bytes], end: int, base: int) -> Section:
    entries: dict[int, Entry | None] = {}
    twice: set[int] = set()
    at, parts, is_odd = match.end(), 0, False
    while header := _SUBSECTION.match(data, at, end):
        first, count = int(header[1]), int(header[2])
        at = header.end()
        parts += 1
        if parts > _MOST_PARTS or first + count > _MOST_OBJECTS or count > (end - at) // 8 + 1:
            raise TooMuch("a table of too many entries")
        rows, at = _read_rows(data, at, end, count)
        if rows and first == 1 and rows[0] == (b"0000000000", b"65535", b"f"):
            first, is_odd = 0, True  # a well-known slip: counted from 1, listed from 0
        listed = {
            number: _new(Entry, (int(offset) + base, int(generation), None, 0))
            if kind == b"n" and offset.strip(b"0")  # where the header is, no object can be
            else None
            for number, (offset, generation, kind) in enumerate(rows, first)
        }
        twice.update(entries.keys() & listed.keys())
        entries |= listed
        if len(rows) < count:
            is_odd = True
            break
    trailer = _TRAILER.match(data, at, end)
    if trailer is None:
        raise Damaged("a table without trailer")
    parser = Parser(data, end)
    dictionary, stop = parser.value(trailer.end())
    if not isinstance(dictionary, dict):
        raise Damaged("a trailer without dictionary")
    return Section(
        match.end() - 4,
        entries,
        dictionary,
        listed_twice=twice,
        is_irregular=is_odd or parser.is_irregular or bool(parser.repeated),
        end=stop,
        stop=stop,
    )


def _read_rows(data: Any, at: int, end: int, count: int) -> tuple[list[tuple[bytes, bytes, bytes]], int]:
    block = bytes(data[at : min(end, at + 20 * count)])
    if len(block) == 20 * count and _ROWS.fullmatch(block):
        words = iter(block.split())
        return list(zip(words, words, words, strict=True)), at + 20 * count
    rows: list[tuple[bytes, bytes, bytes]] = []
    while len(rows) < count and (row := _LOOSE_ROW.match(data, at, end)):
        rows.append((row[1], row[2], row[3]))
        at = row.end()
    return rows, at


def _read_stream(data: Any, at: int, end: int, base: int) -> Section:
    parser = Parser(data, end)
    reference, stream, stop = parser.indirect(at, _unknown_length)
    if not isinstance(stream, Stream) or stream.dictionary.get("Type") != "XRef":
        raise Damaged("no cross-reference section")
    dictionary = stream.dictionary
    widths = dictionary.get("W")
    if (
        not isinstance(widths, list)
        or len(widths) < 3
        or not all(isinstance(width, int) and 0 <= width <= 8 for width in widths[:3])
    ):
        raise Damaged("/W")
    row = sum(widths[:3])
    content = decode(stream.raw(), dictionary.get("Filter"), dictionary.get("DecodeParms"))
    index = dictionary.get("Index")
    pairs = index if isinstance(index, list) else [0, dictionary.get("Size", 0)]
    if len(pairs) % 2 or not all(isinstance(each, int) and each >= 0 for each in pairs):
        raise Damaged("/Index")
    if row == 0:
        # Entries of no width say nothing; a producer that had none to write names one or two all the same.
        if sum(pairs[1::2]) > _MOST_EMPTY:
            raise TooMuch("entries of no width")
        pairs = []
    if len(pairs) > 2 * _MOST_PARTS:
        raise TooMuch("a section of too many parts")
    entries: dict[int, Entry | None] = {}
    twice: set[int] = set()
    place, is_short = 0, False
    for first, count in zip(pairs[::2], pairs[1::2], strict=True):
        if first + count > _MOST_OBJECTS:
            raise TooMuch("a section of too many entries")
        present = min(count, (len(content) - place) // row)
        is_short |= present < count
        if len(entries) + present > _MOST_ENTRIES:
            raise TooMuch("a section of too many entries")
        for number in range(first, first + present):
            if number in entries:
                twice.add(number)
            entries[number] = _entry(content[place : place + row], widths, base)
            place += row
    own = reference.number
    start = data.find(str(own).encode(), at)
    return Section(
        start,
        entries,
        dictionary,
        True,
        own,
        listed_twice=twice,
        is_irregular=is_short
        or parser.is_irregular
        or bool(parser.repeated)
        or not _reads_one_way(stream, parser),
        end=stop,
        stop=stop,
    )


def _reads_one_way(stream: Stream, parser: Parser) -> bool:
    dictionary = stream.dictionary
    # A length that stands elsewhere is not looked up here.
    if parser.has_wrong_length and not isinstance(dictionary.get("Length"), Reference):
        return False
    return reads_one_way(stream.raw(), dictionary.get("Filter"), dictionary.get("DecodeParms"))


def _entry(row: bytes, widths: list[int], base: int) -> Entry | None:
    first, second = widths[0], widths[0] + widths[1]
    kind = int.from_bytes(row[:first], "big") if first else 1
    middle, last = int.from_bytes(row[first:second], "big"), int.from_bytes(row[second:], "big")
    if kind == 1 and middle:  # where the header is, no object can be
        return Entry(middle + base, last)
    if kind == 2:
        return Entry(container=middle, position=last)
    return None


def _unknown_length(reference: Reference) -> None:
    # A cross-reference stream may not need another object to be read; its keyword ends it then.
    return None


def rebuild(data: Any, end: int) -> Chain:
    """What a file holds whose chain leads nowhere: every object that stands in it, the last of each number.

    Raises:
        Damaged: there is not even a catalog.
    """
    entries: dict[int, Entry | None] = {}
    trailer: dict[str, Any] = {}
    parser = Parser(data, end)
    containers: list[tuple[int, Stream]] = []
    for at in _beginnings(data, end):
        try:
            value, _ = parser.value(at) if data[at : at + 2] == b"<<" else (None, at)
            if isinstance(value, dict):
                trailer.update({key: value[key] for key in ("Root", "Encrypt", "ID", "Info") if key in value})
                continue
            reference, value, _ = parser.indirect(at, _unknown_length)
        except (Damaged, ValueError):
            continue
        entries[reference.number] = Entry(at, reference.generation)
        found = value.dictionary if isinstance(value, Stream) else value
        if not isinstance(found, dict):
            continue
        if found.get("Type") == "Catalog":
            trailer.setdefault("Root", reference)
        elif found.get("Type") == "XRef":
            trailer.update({key: found[key] for key in ("Root", "Encrypt", "ID", "Info") if key in found})
        elif found.get("Type") == "ObjStm" and isinstance(value, Stream):
            containers.append((reference.number, value))
    if not isinstance(trailer.get("Root"), Reference):
        raise Damaged("no catalog")
    if "Encrypt" not in trailer:
        _add_contained(entries, containers)
    return Chain([Section(0, entries, trailer)], ["REBUILT"])


def _beginnings(data: Any, end: int) -> list[int]:
    """Where objects and trailers seem to begin, none of them inside a stream."""
    found, at, endless = [], 0, False
    pattern = re.compile(_OBJECT.pattern + rb"|trailer[\x00\t\n\x0c\r ]{0,20}(?=<<)|\bstream[\r\n]")
    while match := pattern.search(data, at, end):
        at = match.end()
        if match[1] is not None:
            found.append(match.start())
        elif match[0].startswith(b"trailer"):
            found.append(match.end())
        else:
            closing = -1 if endless else data.find(b"endstream", at, end)
            at, endless = (closing + 9, False) if closing >= 0 else (at, True)
        if len(found) > 1_000_000:
            raise TooMuch("too many objects")
    return found


def _add_contained(entries: dict[int, Entry | None], containers: list[tuple[int, Stream]]) -> None:
    for number, stream in containers:
        try:
            for index, (contained, _) in enumerate(contained_offsets(stream, stream.dictionary)):
                entries.setdefault(contained, Entry(container=number, position=index))
        except Damaged:
            continue


def contained_offsets(stream: Stream, dictionary: dict[str, Any]) -> list[tuple[int, int]]:
    """Numbers and places of an object stream's objects (7.5.7), the places in its decoded bytes.

    Raises:
        Damaged: it is not one.
    """
    content = decode(stream.raw(), dictionary.get("Filter"), dictionary.get("DecodeParms"))
    return offsets_of(content, dictionary)


def offsets_of(content: bytes, dictionary: dict[str, Any]) -> list[tuple[int, int]]:
    """As `contained_offsets`, of bytes that are decoded already."""
    first, count = dictionary.get("First"), dictionary.get("N")
    if not isinstance(first, int) or not isinstance(count, int) or not 0 <= first <= len(content):
        raise Damaged("an object stream without /First or /N")
    numbers = re.findall(rb"\d{1,10}", content[:first])[: 2 * max(count, 0)]
    pairs = zip(numbers[::2], numbers[1::2], strict=False)
    return [(int(number), first + int(offset)) for number, offset in pairs]


def is_plain_header(content: bytes, dictionary: dict[str, Any]) -> bool:
    """Whether the header of an object stream is nothing but its pairs of numbers, each object once."""
    first, count = dictionary.get("First"), dictionary.get("N")
    if not isinstance(first, int) or not isinstance(count, int):
        return False
    words = content[:first].split()
    return (
        len(words) == 2 * count and all(map(bytes.isdigit, words)) and len({*map(int, words[::2])}) == count
    )
