"""A PDF as a reader sees it that gets the file up to some byte.

A signature covers a file up to an end of its own. What was signed is what a reader shows who gets the
file cut there; so revisions are not counted here, the file is simply opened twice: `File.until` gives the
document up to an end, and all of them share what was parsed already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, TypeVar, cast

from verifier.pdf.crossref import Chain, Entry, Sections, is_plain_header, offsets_of, read_chain, rebuild
from verifier.pdf.encryption import Decryption, open_with
from verifier.pdf.filters import decode, reads_one_way
from verifier.pdf.objects import WHITE_SPACE, Damaged, Reference, Stream, TooMuch
from verifier.pdf.syntax import Parser

_Answer = TypeVar("_Answer")

_MOST_STEPS = 32  # of references that lead to references, or to what stands above
_MOST_WHITE = 1024
_MOST_TREE_NODES = 500_000
_MOST_RESOLVED = 10_000


class File:
    """The bytes of a file, and every object that was parsed of them."""

    def __init__(self, data: Any, password: str | None = None) -> None:
        self.data = data
        self.password = password
        self._parsed: dict[int, tuple[Reference, Any]] = {}
        self._irregular: dict[int, tuple[tuple[str, Any], ...] | None] = {}
        self._unpacked: dict[int, tuple[bytes, list[tuple[int, int]]]] = {}
        self._packed_one_way: dict[int, bool] = {}
        self._documents: dict[int, Document] = {}
        self._sections: Sections = {}
        self._decryptions: dict[tuple[Any, ...], Decryption] = {}

    def __len__(self) -> int:
        return len(self.data)

    def whole(self) -> Document:
        """The document that the whole file shows; see `until`."""
        return self.until(len(self.data))

    def until(self, end: int, *, repair: bool = True) -> Document:
        """The document that the file shows up to ``end``; where its chain leads nowhere, a rebuilt one.

        Raises:
            Damaged: nothing of it can be read, or it would have to be rebuilt and ``repair`` is False.
            encryption.PasswordNeeded: it is encrypted and the password does not open it.
            TooMuch: reading it would cost too much.
        """
        # What is white at the end belongs to no revision, and two ends that differ by it are one.
        for _ in range(_MOST_WHITE):
            if end == 0 or self.data[end - 1] not in WHITE_SPACE:
                break
            end -= 1
        if end not in self._documents:
            self._documents[end] = Document(self, end, repair)
        return self._documents[end]


class Document:
    """One state of the file: references resolve as its own cross-reference chain says.

    ``doubts`` are codes of what was odd in reading it, in order.
    """

    def __init__(self, file: File, end: int, repair: bool) -> None:
        self.file, self.end = file, end
        self.doubts: list[str] = []
        self._decryption: Decryption | None = None
        self._resolved: dict[Reference, Any] = {}
        self._lengths_in_work: set[int] = set()
        self._answers: dict[Any, Any] = {}
        try:
            self._use(read_chain(file.data, end, file._sections))
            if not isinstance(self.catalog.get("Pages"), dict | Reference):
                raise Damaged("no pages")
        except Damaged:
            if not repair:
                raise
            self._use(rebuild(file.data, end))
            if not self.catalog:
                raise Damaged("no catalog") from None

    def _use(self, chain: Chain) -> None:
        self.chain = chain
        self.doubts = list(chain.doubts)
        self.entries: dict[int, Entry | None] = chain.entries()
        if "PREV_WRONG" in chain.doubts:
            # The older part of the chain is lost, not what it listed.
            self.entries = {**rebuild(self.file.data, self.end).entries(), **self.entries}
        self.trailer = chain.trailer
        self._resolved.clear()
        self._decryption = None
        encrypt = self.resolve(self.trailer.get("Encrypt"))
        if isinstance(encrypt, dict):
            self._decryption = self._open(encrypt)
            self._resolved.clear()

    def _open(self, encrypt: dict[str, Any]) -> Decryption:
        plain = {key: self.resolve_all(value) for key, value in encrypt.items()}
        identifiers = self.resolve(self.trailer.get("ID"))
        first = self.resolve(identifiers[0]) if isinstance(identifiers, list) and identifiers else b""
        first = first if isinstance(first, bytes) else b""
        key = (repr(sorted(plain.items())), first)
        known = self.file._decryptions
        if key not in known:
            known[key] = open_with(plain, first, self.file.password)
        return known[key]

    @property
    def encrypted(self) -> bool:
        """Whether the file is encrypted, with whatever password."""
        return self._decryption is not None

    @property
    def password(self) -> str | None:
        """The password that opened it; None where it is not encrypted."""
        return self._decryption.password if self._decryption is not None else None

    @cached_property
    def catalog(self) -> dict[str, Any]:
        """The document catalog; empty where there is none."""
        root = self.resolve(self.trailer.get("Root"))
        return root if isinstance(root, dict) else {}

    def resolve(self, value: Any) -> Any:
        """What a value stands for: a reference is followed, None where it leads nowhere."""
        steps = 0
        while isinstance(value, Reference):
            steps += 1
            if steps > _MOST_STEPS:
                return None
            value = self.object(value)
        return value

    def resolve_all(self, value: Any) -> Any:
        """A value with everything in it resolved; for small things only.

        Raises:
            TooMuch: it is not small.
        """
        return self._resolve_inside(value, 0, [_MOST_RESOLVED])

    def _resolve_inside(self, value: Any, depth: int, left: list[int]) -> Any:
        value = self.resolve(value)
        if depth > 20:
            raise TooMuch("nested too deeply")
        if isinstance(value, list | dict):
            left[0] -= len(value)
            if left[0] < 0:
                raise TooMuch("too many values in one")
        if isinstance(value, list):
            return [self._resolve_inside(item, depth + 1, left) for item in value]
        if isinstance(value, dict):
            return {key: self._resolve_inside(item, depth + 1, left) for key, item in value.items()}
        return value

    def get(self, container: Any, *keys: str) -> Any:
        """``container[key1][key2]…``, references followed; None where something is missing."""
        for key in keys:
            container = self.resolve(container)
            if isinstance(container, Stream):
                container = container.dictionary
            if not isinstance(container, dict):
                return None
            container = container.get(key)
        return self.resolve(container)

    def inherited(self, node: Any, key: str) -> Any:
        """What a node of a tree says under a key, or the nearest one above it (/Parent) that does."""
        for _ in range(_MOST_STEPS):
            if not isinstance(node, dict):
                break
            if (found := self.resolve(node.get(key))) is not None:
                return found
            node = self.resolve(node.get("Parent"))
        return None

    def object(self, reference: Reference) -> Any:
        """The indirect object, decrypted; None where it is free, missing or unreadable."""
        if reference in self._resolved:
            return self._resolved[reference]
        # Against an object that needs itself to be read.
        self._resolved[reference] = None
        value = self._load(reference)
        self._resolved[reference] = value
        return value

    def _load(self, reference: Reference) -> Any:
        entry = self.entries.get(reference.number)
        if entry is None:
            return None
        if entry.container is not None:
            return self._contained(entry, reference.number)
        found = self._at(entry.offset)
        if found is None or found[0].number != reference.number:
            # The chain and the file disagree; what stands there is somebody else.
            self._doubt("OBJECT_MISPLACED")
            return self._displaced(reference)
        own, value = found
        if self._decryption is not None and value is not self.resolve_encrypt():
            value = self._decryption.in_clear(value, own)
        return value

    def resolve_encrypt(self) -> Any:
        """The encryption dictionary, which is not encrypted itself, as it stands in the file."""
        reference = self.trailer.get("Encrypt")
        if isinstance(reference, Reference):
            entry = self.entries.get(reference.number)
            if entry is not None and entry.container is None and (found := self._at(entry.offset)):
                return found[1]
        return reference

    def _at(self, offset: int) -> tuple[Reference, Any] | None:
        parsed = self.file._parsed
        if offset not in parsed:
            try:
                # Up to the end of the whole file: an object that a cut goes through is one of no document.
                parser = Parser(self.file.data, self.end)
                reference, value, after = parser.indirect(offset, self._length)
            except (Damaged, ValueError):
                return None
            if after > self.end:
                return None
            parsed[offset] = (reference, value)
            if parser.is_irregular or parser.has_wrong_length:
                self.file._irregular[offset] = None
            elif parser.repeated:
                self.file._irregular[offset] = tuple(parser.repeated)
        return parsed[offset]

    def _length(self, reference: Reference) -> Any:
        entry = self.entries.get(reference.number)
        if entry is None or reference.number in self._lengths_in_work:
            return None
        self._lengths_in_work.add(reference.number)
        try:
            if entry.container is not None:
                return self._contained(entry, reference.number)
            found = self._at(entry.offset)
            return found[1] if found else None
        finally:
            self._lengths_in_work.discard(reference.number)

    @cached_property
    def _rebuilt(self) -> dict[int, Entry | None]:
        try:
            return rebuild(self.file.data, self.end).entries()
        except Damaged:
            return {}

    def _displaced(self, reference: Reference) -> Any:
        """An object that is not where the chain says: readers look for it in the whole file."""
        entry = self._rebuilt.get(reference.number)
        if entry is None or entry.container is not None:
            return None
        found = self._at(entry.offset)
        if found is None or found[0].number != reference.number:
            return None
        return found[1] if self._decryption is None else self._decryption.in_clear(found[1], found[0])

    def _contained(self, entry: Entry, number: int) -> Any:
        container = self.entries.get(entry.container or 0)
        if container is None or container.container is not None:
            return None
        try:
            content, places = self._unpack(entry.container or 0, container)
        except (Damaged, ValueError):
            self._doubt("OBJECT_STREAM_DAMAGED")
            return None
        if entry.position < len(places) and places[entry.position][0] == number:
            place = places[entry.position][1]
        else:
            place = next((place for own, place in places if own == number), -1)
        if not 0 <= place <= len(content):
            return None
        try:
            return Parser(content).value(place)[0]
        except (Damaged, ValueError):
            return None

    def other_readings(self, number: int) -> tuple[tuple[str, Any], ...] | None:
        """What other readers may read where the chain says that an object is, and we do not.

        Keys that it names twice, with the values that we do not take; None where anything may be read.
        """
        entry = self.entries.get(number)
        if entry is None:
            return ()
        if entry.container is None:
            found = self._at(entry.offset)
            # Some readers look for the generation that a reference names, and some for any.
            if found is None or found[0].generation != entry.generation:
                return None
            return self.file._irregular.get(entry.offset, ())
        container = self.entries.get(entry.container)
        if container is None or container.container is not None:
            return None
        try:
            content, places = self._unpack(entry.container, container)
            if not self._packs_one_way(entry.container, container, content):
                return None
            if entry.position >= len(places) or places[entry.position][0] != number:
                return None
            parser = Parser(content)
            parser.value(places[entry.position][1])
        except (Damaged, ValueError):
            return None
        return None if parser.is_irregular else tuple(parser.repeated)

    def _packs_one_way(self, number: int, entry: Entry, content: bytes) -> bool:
        known = self.file._packed_one_way
        if entry.offset not in known:
            stream = self.object(Reference(number, entry.generation))
            known[entry.offset] = (
                isinstance(stream, Stream)
                and self.file._irregular.get(entry.offset, ()) == ()
                and self.reads_one_way(stream)
                and is_plain_header(content, stream.dictionary)
            )
        return known[entry.offset]

    def _unpack(self, number: int, entry: Entry) -> tuple[bytes, list[tuple[int, int]]]:
        known = self.file._unpacked
        if entry.offset not in known:
            stream = self.object(Reference(number, entry.generation))
            if not isinstance(stream, Stream):
                raise Damaged("no object stream")
            content = self.decode(stream)
            known[entry.offset] = (content, offsets_of(content, stream.dictionary))
        return known[entry.offset]

    def decode(self, stream: Stream) -> bytes:
        """A stream's bytes behind its filters.

        Raises:
            Damaged: a filter is unknown, or cannot decode them.
            TooMuch: they are too many.
        """
        dictionary = stream.dictionary
        return decode(
            stream.raw(),
            self.resolve_all(dictionary.get("Filter")),
            self.resolve_all(dictionary.get("DecodeParms")),
        )

    def reads_one_way(self, stream: Stream) -> bool:
        """Whether every reader undoes a stream's filters alike (`filters.reads_one_way`).

        Raises:
            Damaged, TooMuch: as in `decode`.
        """
        dictionary = stream.dictionary
        return reads_one_way(
            stream.raw(),
            self.resolve_all(dictionary.get("Filter")),
            self.resolve_all(dictionary.get("DecodeParms")),
        )

    def once(
        self, question: Callable[[Document], _Answer], answer: Callable[[], _Answer] | None = None
    ) -> _Answer:
        """The answer to a question about the document, remembered; ``answer`` is a shorter way to it."""
        if question not in self._answers:
            self._answers[question] = question(self) if answer is None else answer()
        return cast("_Answer", self._answers[question])

    def entries_changed_since(self, earlier: Document) -> set[int]:
        """The numbers that an earlier state of the file has other entries for, or may have.

        What both chains share is not looked at; an object in a stream changes with the stream.
        """
        mine, others = self.chain.sections, earlier.chain.sections
        added = len(mine) - len(others)
        is_longer = added >= 0 and all(a is b for a, b in zip(mine[added:], others, strict=True))
        if is_longer and not {"REBUILT", "PREV_WRONG"} & {*self.doubts, *earlier.doubts}:
            found = {number for section in mine[:added] for number in section.entries}
            if not any(section.is_stream or section.hidden_start is not None for section in mine):
                return found
            contained = self.once(_contained) | earlier.once(_contained)
            return found.union(*(contained[number] for number in found & contained.keys()))
        return earlier.entries.keys() | self.entries.keys()

    def _doubt(self, code: str) -> None:
        if code not in self.doubts:
            self.doubts.append(code)

    def pages(self) -> tuple[tuple[Reference | None, dict[str, Any]], ...]:
        """Every page in order, with its reference; loops and what is no page are passed over."""
        return self.once(_pages)

    def _walk_pages(self) -> Iterator[tuple[Reference | None, dict[str, Any]]]:
        """The same, one after the other and not remembered."""
        waiting: list[Any] = [self.catalog.get("Pages")]
        seen: set[Reference] = set()
        steps = 0
        while waiting:
            node = waiting.pop()
            steps += 1
            if steps > _MOST_TREE_NODES:
                raise TooMuch("too many pages")
            reference = node if isinstance(node, Reference) else None
            if reference is not None:
                if reference in seen:
                    self._doubt("PAGES_LOOP")
                    continue
                seen.add(reference)
            node = self.resolve(node)
            if not isinstance(node, dict):
                continue
            kids = self.resolve(node.get("Kids"))
            if isinstance(kids, list) and node.get("Type") != "Page":
                waiting.extend(reversed(kids))
            else:
                yield reference, node


def _pages(document: Document) -> tuple[tuple[Reference | None, dict[str, Any]], ...]:
    return tuple(document._walk_pages())


def _contained(document: Document) -> dict[int, set[int]]:
    """The numbers of the objects in each object stream."""
    found: dict[int, set[int]] = {}
    for number, entry in document.entries.items():
        if entry is not None and entry.container is not None:
            found.setdefault(entry.container, set()).add(number)
    return found
