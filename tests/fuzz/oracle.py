"""What must be true of a mutated file that is accepted: it is still what was signed.

An accepted file has the signatures of the genuine one over the very same bytes, and its pages look as
they did when its outermost genuine signature was made, or as the genuine file's own later revisions show
them. What the rules permit, filled fields and notes, is told by a finding; beneath it the page is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pypdfium2
from PIL import ImageChops
from small_pki import NOW

from tests.fuzz.sources import Source
from verifier.by_file import inspect
from verifier.report import FileAnswer, is_altered

_MOST_PAGES = 4
_EDGE, _FEW = 64, 2  # of 255, and pixels at 72 dots per inch
_PERMITTED = frozenset({"FORM_FILLED", "FIELD_REDRAWN", "ANNOTATED"})
Look = tuple[Any, ...]


def is_accepted(answer: FileAnswer) -> bool:
    """Every signature is intact and covers whole revisions, and nothing forbidden was changed."""
    return bool(
        answer.readable
        and answer.signatures
        and all(
            each.integrity == "intact"
            and each.changes in ("none", "permitted")
            and each.covers != "partial"
            and not is_altered(each)
            for each in answer.signatures
        )
    )


def judged(pdf: bytes) -> FileAnswer:
    """What the verifier says; it never raises."""
    return inspect(pdf, anchors=[], moment=NOW)


def faults(sources: Sequence[Source], pdf: bytes, answer: FileAnswer, *, may_add: int = 0) -> Iterator[str]:
    """What is wrong with accepting ``pdf``, made of ``sources``.

    ``may_add`` signatures of whoever changed it may be among its signatures.
    """
    if not is_accepted(answer):
        return
    found = set(answer.byte_range_digests)
    # Cutting and pasting may make one of the others whole again.
    source = max(sources, key=lambda each: len(found & each.ranges.keys()))
    kept = found & source.ranges.keys()
    if len(answer.byte_range_digests) != len(answer.signatures):
        yield "a signature without signed bytes"
    if len(answer.signatures) - len(kept) > may_add:
        yield "a signature that nobody made"
    if not kept:
        return  # all of it is somebody else's file
    for digest in kept:
        if not _stands(source, pdf, digest):
            yield "signed bytes elsewhere or changed"
    outermost = max(source.ranges[digest].end for digest in kept)
    for digest in source.ranges.keys() - kept:
        lost = source.ranges[digest]
        if lost.gap_start < outermost or source.pdf[lost.gap_start : lost.gap_end] in pdf:
            yield "a signature that is there and not told"
    codes = {finding.code for finding in answer.findings}
    states = [source.pdf[:outermost], source.pdf]
    now = look(pdf, annotations=False)
    if not any(_alike(now, look(state, annotations=False)) for state in states):
        yield "a page that shows something else"
    if not codes & _PERMITTED:
        now = look(pdf, annotations=True)
        if not any(_alike(now, look(state, annotations=True)) for state in states):
            yield "a page whose fields or notes show something else"


def look(pdf: bytes, *, annotations: bool) -> Look:
    """How the pages look and read; what cannot be opened has no look."""
    try:
        document = pypdfium2.PdfDocument(pdf)
    except pypdfium2.PdfiumError:
        return ("cannot be opened",)
    try:
        if annotations:
            document.init_forms()
        pages = [_page(document, index, annotations) for index in range(min(len(document), _MOST_PAGES))]
        return (len(document), *pages)
    finally:
        document.close()


def _page(document: Any, index: int, annotations: bool) -> Look:
    try:
        page = document[index]
    except pypdfium2.PdfiumError:
        return ("cannot be drawn", index, 0)
    width, height = page.get_size()
    if width * height > 4_000_000:
        return ("too large", width, height)
    drawn = page.render(scale=1, grayscale=True, draw_annots=annotations, may_draw_forms=annotations)
    words = page.get_textpage()
    text = words.get_text_range()
    return (drawn.to_pil(), text)


def _alike(one: Look, other: Look) -> bool:
    """Whether both show and say the same, but for how edges are smoothed."""
    if len(one) != len(other) or one[0] != other[0]:
        return False
    return all(
        first == second or _is_same_page(first, second)
        for first, second in zip(one[1:], other[1:], strict=True)
    )


def _is_same_page(first: Look, second: Look) -> bool:
    if len(first) != 2 or len(second) != 2 or first[1] != second[1] or first[0].size != second[0].size:
        return False
    difference = ImageChops.difference(first[0], second[0])
    return sum(difference.histogram()[_EDGE:]) <= _FEW


def _stands(source: Source, pdf: bytes, digest: str) -> bool:
    """Whether what the signature covers stands where it did, counted from the header."""
    signed = source.ranges[digest]
    shift = pdf.find(source.pdf[:8]) - source.pdf.find(source.pdf[:8])
    parts = [(signed.start, signed.gap_start), (signed.gap_end, signed.end)]
    return any(
        all(pdf[start + by : end + by] == source.pdf[start:end] for start, end in parts) for by in (0, shift)
    )
