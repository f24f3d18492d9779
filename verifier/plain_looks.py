"""Whether every program draws a new look alike: what one of them alone shows, nobody has judged.

A look is held against the syntax of ISO 32000-2, annex A and 8.10. Where programs forgive, each forgives
in another way: one draws what the next leaves out.
"""

from __future__ import annotations

from typing import Any

from verifier.pdf.document import Document
from verifier.pdf.objects import Damaged, Name, Reference, Stream
from verifier.shown_text import Unreadable, operations

_DEEPEST = 6
_MOST_PARTS = 200
# How many operands each operator takes; None: as many as its colour space has.
_OPERANDS: dict[str, int | None] = {
    "q": 0, "Q": 0, "cm": 6, "w": 1, "J": 1, "j": 1, "M": 1, "d": 2, "ri": 1, "i": 1, "gs": 1, "m": 2, "l": 2,
    "c": 6, "v": 4, "y": 4, "h": 0, "re": 4, "S": 0, "s": 0, "f": 0, "F": 0, "f*": 0, "B": 0, "B*": 0, "b": 0,
    "b*": 0, "n": 0, "W": 0, "W*": 0, "BT": 0, "ET": 0, "Tc": 1, "Tw": 1, "Tz": 1, "TL": 1, "Tf": 2, "Tr": 1,
    "Ts": 1, "Td": 2, "TD": 2, "Tm": 6, "T*": 0, "Tj": 1, "TJ": 1, "'": 1, '"': 3, "d0": 2, "d1": 6, "CS": 1,
    "cs": 1, "SC": None, "SCN": None, "sc": None, "scn": None, "G": 1, "g": 1, "RG": 3, "rg": 3, "K": 4,
    "k": 4, "sh": 1, "Do": 1, "MP": 1, "DP": 2, "BMC": 1, "BDC": 2, "EMC": 0,
}  # fmt: skip
_NUMBERS_ONLY = frozenset(
    "cm w J j M i m l c v y re Tc Tw Tz TL Tr Ts Td TD Tm d0 d1 G g RG rg K k".split()  # noqa: SIM905
)
_PAINTS = frozenset("S s f F f* B B* b b* Tj TJ ' \" sh Do BI".split())  # noqa: SIM905


def draws_alike(document: Document, annotation: dict[str, Any], *, states: bool = False) -> bool:
    """Whether an annotation has one look that is written by the book, or none.

    ``states`` says that it may have one for each of its states, as check boxes do.
    """
    if "AP" not in annotation:
        return True
    looks = document.resolve(annotation["AP"])
    if not isinstance(looks, dict) or "OC" in annotation:
        return False
    normal = looks.get("N")
    others = [looks[key] for key in looks if key not in ("N", "Type") and looks[key] != normal]
    if others and not states:
        return False
    found: list[Any] = []
    for each in (normal, *others):
        resolved = document.resolve(each)
        if isinstance(resolved, dict) and states:
            found += resolved.values()
        elif resolved is not None:
            found.append(each)
    return len(found) <= _MOST_PARTS and all(_is_plain(document, each, 0) for each in found)


def draws_nothing(document: Document, annotation: dict[str, Any]) -> bool:
    """Whether the look of an annotation paints nothing at all."""
    looks = document.get(annotation, "AP")
    parts = list(looks.values()) if isinstance(looks, dict) else []
    for each in parts:
        look = document.resolve(each)
        if look is None:
            continue
        if not isinstance(look, Stream):
            return False
        try:
            if any(operator in _PAINTS for operator, _ in operations(document.decode(look))):
                return False
        except (Damaged, Unreadable):
            return False
    return True


def _is_plain(document: Document, look: Any, depth: int) -> bool:
    # A reference to a reference is followed by some.
    stream = document.object(look) if isinstance(look, Reference) else look
    if not isinstance(stream, Stream) or depth > _DEEPEST or "OC" in stream.dictionary:
        return False
    box, matrix = (document.resolve_all(stream.dictionary.get(key)) for key in ("BBox", "Matrix"))
    if not _are_numbers(box, 4) or not (matrix is None or _are_numbers(matrix, 6)):
        return False
    try:
        if not document.reads_one_way(stream):
            return False
        if not all(_is_by_the_book(*each) for each in operations(document.decode(stream))):
            return False
    except (Damaged, Unreadable):
        return False
    return _has_plain_resources(document, document.get(stream, "Resources"), depth)


def _has_plain_resources(document: Document, resources: Any, depth: int) -> bool:
    states, marked, inner = (document.get(resources, key) for key in ("ExtGState", "Properties", "XObject"))
    for each in states.values() if isinstance(states, dict) else ():
        if not _is_plain_state(document, document.resolve(each), depth):
            return False
    for each in marked.values() if isinstance(marked, dict) else ():
        if document.get(each, "Type") in ("OCG", "OCMD"):
            return False
    if not isinstance(inner, dict):
        return True
    if len(inner) > _MOST_PARTS:
        return False
    for each in inner.values():
        part = document.resolve(each)
        if isinstance(part, Stream) and document.get(part, "Subtype") == "Image":
            if "OC" in part.dictionary:
                return False
        elif not _is_plain(document, each, depth + 1):
            return False
    return True


def _is_plain_state(document: Document, state: Any, depth: int) -> bool:
    if not isinstance(state, dict):
        return False
    if not all(
        type(document.resolve(state[key])) in (int, float) for key in ("ca", "CA", "LW") if key in state
    ):
        return False
    mask = document.resolve(state.get("SMask"))
    if isinstance(mask, dict):
        return "TR" not in mask and _is_plain(document, mask.get("G"), depth + 1)
    return mask is None or mask == "None"


def _is_by_the_book(operator: str, operands: list[Any]) -> bool:
    if operator not in _OPERANDS:
        return False
    wanted = _OPERANDS[operator]
    if wanted is not None and len(operands) != wanted:
        return False
    if operator in _NUMBERS_ONLY:
        return _are_numbers(operands, len(operands))
    if operator in ("BDC", "DP", "BMC", "MP"):
        return bool(operands[0] != "OC")
    if operator == "Tf":
        return isinstance(operands[0], Name) and type(operands[1]) in (int, float)
    if operator == "d":
        dashes = operands[0]
        return isinstance(dashes, list) and _are_numbers(dashes, len(dashes)) and all(x >= 0 for x in dashes)
    return True


def _are_numbers(values: Any, count: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) == count
        and all(type(each) in (int, float) for each in values)
    )
