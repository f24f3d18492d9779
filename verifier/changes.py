"""What happened to a file after each of its signatures: coverage, added bytes, later changes.

Structure is judged on the bytes (`pdf_structure`), what is shown object by object (`comparison`). What
neither explains is forbidden.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from verifier.comparison import Comparison, Outcome
from verifier.overlap import CannotDraw, Drawings, Drawn
from verifier.pdf.crossref import Section
from verifier.pdf.document import Document, File
from verifier.pdf.objects import Damaged, Reference, TooMuch
from verifier.pdf.syntax import object_number
from verifier.pdf_structure import SignedRange, ends_revision, first_unexplained, is_white, skip_spaces
from verifier.report import Changes, Covers, Observation
from verifier.signature_fields import Locks, SignatureField, certification, find_signatures, locks_of

_MOST_REVISIONS = 500  # behind one signature


@dataclass(frozen=True)
class Aftermath:
    """What a signature covers and what came after it; ``undrawn`` where none of that is drawn on a page."""

    covers: Covers
    changes: Changes
    findings: tuple[Observation, ...] = ()
    undrawn: bool = False


def first_unsigned_byte(now: Document, ends: Sequence[int]) -> int | None:
    """The first byte after the outermost signature that no revision explains; None where there is none.

    ``ends`` are where the signed ranges end.
    """
    data = now.file.data
    outermost = max(ends)
    if is_white(data, outermost):
        return None
    return first_unexplained(data, outermost, _offsets(now, outermost), now.chain.base)


def judge_aftermath(
    now: Document, field: SignatureField, signed: SignedRange, *, tail_explained: bool, covered_until: int
) -> Aftermath:
    """Coverage and later changes of one signature (ISO 32000-2, 12.8.2.2, DocMDP).

    ``covered_until`` is where the outermost signature ends.

    Raises:
        TooMuch: comparing would cost too much.
    """
    file = now.file
    if is_white(file.data, signed.end):
        return Aftermath("whole_file", "none")
    then = _signed_state(file, field, signed)
    if then is None:
        return _partial(field)
    document, own = then
    if not tail_explained:
        return Aftermath("whole_revision", "forbidden")
    misleading = tuple(_misleading(document, now, field.name, covered_until))
    if misleading:
        return Aftermath("whole_revision", "forbidden", misleading)
    if any(
        section.is_irregular or _lacks(section, document) or _shows_two_documents(section, document)
        for section in _later_sections(document, now)
    ):
        return Aftermath(
            "whole_revision", "undetermined", (Observation.of("CHANGES_UNDETERMINED", field=field.name),)
        )
    outcome, locks = Outcome(), _locks(document, own)
    drawn: dict[Drawn, None] = {}
    shows = False
    for before, after in pairwise(_states(document, now)):
        vouched = after.end <= covered_until
        step = Comparison(before, after, field.name, locks, since=document, vouched=vouched)
        if step.run().weight != "permitted":
            step = Comparison(before, after, field.name, locks, since=document, vouched=vouched, exact=True)
            step.run()
        outcome.join(step.outcome)
        drawn.update(dict.fromkeys(step.drawn))
        shows = shows or step.shows
    if outcome.weight == "permitted":
        _judge_drawn(tuple(drawn), Drawings(document, now), field.name, outcome)
    undrawn = outcome.weight == "permitted" and not shows
    return Aftermath("whole_revision", outcome.weight, tuple(outcome.findings), undrawn)


def _hide_together(drawn: Sequence[Drawn], pages: Drawings, name: str, outcome: Outcome) -> None:
    """Whether many additions hide a letter, each of them a dot of it."""
    for page in {each.box.page for each in drawn}:
        found = [each for each in drawn if each.box.page == page and not (each.was_there or each.on_line)]
        if len({each.box for each in found}) < 2:
            continue
        try:
            if pages.hide_together([each.box for each in found]):
                first = found[0]
                outcome.add(
                    "forbidden", "CONTENT_COVERED", field=name, name=first.name, page=first.page,
                    box=first.box.told,
                )  # fmt: skip
        except CannotDraw:
            outcome.add("undetermined", "PAGE_NOT_DRAWN", field=name, page=found[0].page)


def _judge_drawn(drawn: Sequence[Drawn], pages: Drawings, name: str, outcome: Outcome) -> None:
    """Whether what came to lie on the pages hides something, or reads as part of it, as shown now."""
    for each in drawn:
        try:
            found = each.finding(pages, drawn)
        except CannotDraw:
            outcome.add("undetermined", "PAGE_NOT_DRAWN", field=name, page=each.page)
            continue
        if found is not None:
            outcome.add("forbidden", found[0], field=name, **found[1])
    _hide_together(drawn, pages, name, outcome)


def was_signature_removed(now: Document, ends: Sequence[int], claimed: Sequence[int]) -> bool:
    """Whether a signature stood behind the outermost of today, in a state that none of today's covers.

    ``ends`` are where the signatures of today end, ``claimed`` where ranges in the bytes say that some end.
    What went before the outermost signature, its signer saw and signed.
    """
    present = {each.dictionary.get("Contents") for each in find_signatures(now)}
    outermost = max(ends, default=len(now.file))
    for end in (each for each in claimed if each > outermost):
        try:
            earlier = now.file.until(end, repair=False)
        except Damaged:
            continue
        for each in _signature_dictionaries(earlier, outermost):
            if each["Contents"] not in present:
                return True
    return False


def _signature_dictionaries(document: Document, start: int) -> Iterator[dict[str, Any]]:
    """Every filled signature dictionary that stands behind ``start``, whether or not a field leads to it."""
    for number, entry in document.entries.items():
        if entry is None or entry.container is not None or entry.offset < start:
            continue
        value = document.object(Reference(number, entry.generation))
        if not isinstance(value, dict):
            continue
        values, contents = value.get("ByteRange"), value.get("Contents")
        if (
            isinstance(values, list)
            and len(values) == 4
            and isinstance(contents, bytes)
            and contents.strip(b"\0")
        ):
            yield value


def _partial(field: SignatureField) -> Aftermath:
    return Aftermath("partial", "forbidden", (Observation.of("COVERAGE_PARTIAL", field=field.name),))


def _signed_state(
    file: File, field: SignatureField, signed: SignedRange
) -> tuple[Document, SignatureField] | None:
    """The document as it was signed and the signature in it; None where the range is not a whole revision."""
    if not ends_revision(file.data, signed.end):
        return None
    try:
        document = file.until(signed.end)
    except Damaged:
        return None
    for other in find_signatures(document):
        if other.dictionary.get("ByteRange") == field.dictionary.get("ByteRange") and (
            other.dictionary.get("Contents") == field.dictionary.get("Contents")
        ):
            return document, other
    return None


def _locks(document: Document, own: SignatureField) -> Locks:
    """What a signature itself and the certification before it allow."""
    locks = locks_of(document, own)
    certifying = certification(document)
    for other in find_signatures(document):
        if other.value == certifying and isinstance(certifying, Reference) and other.name != own.name:
            return locks.joined(Locks(locks_of(document, other).permission))
    return locks


def _later_sections(then: Document, now: Document) -> list[Section]:
    return [section for section in now.chain.sections if section.start >= then.end]


def _states(then: Document, now: Document) -> list[Document]:
    """The signed state, each later one, and today's: what one revision did, the next may not hide."""
    states = [then]
    later = _later_sections(then, now)
    if len(later) > _MOST_REVISIONS:
        raise TooMuch("too many revisions")
    for start in sorted(section.start for section in later):
        end = now.file.data.find(b"%%EOF", start) + len(b"%%EOF")
        if not states[-1].end < end < now.end:
            continue
        try:
            states.append(now.file.until(end, repair=False))
        except Damaged:
            continue  # no revision of its own: the next one that is complete is compared
    return [*states, now]


def _lacks(section: Section, then: Document) -> bool:
    """Whether a later trailer leaves out what programs take from the newest one alone."""
    needed = {"Root", "Encrypt", "ID"} if then.encrypted else {"Root"}
    identifiers = [document.get("ID") for document in (then.trailer, section.trailer)]
    first = [each[0] if isinstance(each, list) and each else None for each in map(then.resolve, identifiers)]
    return bool(needed & then.trailer.keys() - section.trailer.keys()) or (
        then.encrypted and first[0] is not None and first[0] != first[1]
    )


def _shows_two_documents(section: Section, then: Document) -> bool:
    """Whether programs that read the stream of a hybrid section show other objects than those that do not.

    An update may hide what is new, and may repeat what was signed; where its two lists disagree about an
    object that was signed, or the table frees one that old programs showed, which document is seen is open
    (ISO 32000-2, 7.5.8.4).
    """
    if section.hidden_start is None:
        return False
    shown_before = {
        number
        for earlier in then.chain.sections
        for number in (earlier.entries if earlier.hidden_start is None else earlier.shown)
    }
    for number, hidden in section.hidden.items():
        signed = then.entries.get(number)
        if number in section.shown:
            if hidden not in (signed, section.entries[number]):
                return True
        elif signed is not None and (
            hidden != signed or (number in section.freed and number in shown_before)
        ):
            return True
    return False


def _misleading(then: Document, now: Document, name: str, covered_until: int) -> Iterator[Observation]:
    """Entries of later sections that lead programs to different objects, or back into the signed part."""
    for section in _later_sections(then, now):
        is_empty = all(entry == then.entries.get(number) for number, entry in section.entries.items())
        # What a later signature covers somebody saw and signed; it changes nothing of what stood before.
        if is_empty and section.start >= covered_until:
            yield Observation.of("XREF_EMPTY", field=name)
        places: dict[int, int] = {}
        for number, entry in section.entries.items():
            if entry is None or entry == then.entries.get(number):
                continue
            if entry.container is not None:
                container = now.entries.get(entry.container)
                if container is None or container.container is not None or container.offset < then.end:
                    yield Observation.of("XREF_REMAPPED", field=name, object=number)
                continue
            if entry.offset < then.end:
                yield Observation.of("XREF_REMAPPED", field=name, object=number)
            elif (
                number in section.listed_twice
                or places.setdefault(entry.offset, number) != number
                or object_number(now.file.data, skip_spaces(now.file.data, entry.offset)) != number
            ):
                yield Observation.of("XREF_MISLEADS", field=name, object=number)


# White space before an object to which an offset may point, that of the end before it included.
_MOST_WHITE = 1024


def _offsets(document: Document, since: int) -> dict[int, int | None]:
    """Where, from ``since`` on, the chain says that something begins; of a table, also where it ends."""
    places: dict[int, int | None] = {}
    for section in document.chain.sections:
        places[section.start] = None if section.is_stream else section.end
        if section.hidden_start is not None:
            places[section.hidden_start] = None
        for entry in section.entries.values():
            if entry is not None and entry.container is None and entry.offset >= since - _MOST_WHITE:
                places.setdefault(skip_spaces(document.file.data, entry.offset), None)
    return places
