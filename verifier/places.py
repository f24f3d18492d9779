"""Where an annotation draws: on every page that lists it, within its rectangle and whatever else places it.

What names its page (/P) does not decide where it is shown, and a look may reach beyond the rectangle where
programs draw it by themselves (ISO 32000-2, 12.5.6).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from verifier.overlap import Box
from verifier.pdf.document import Document

# Besides /Rect, what places marks, lines and shapes: x and y in turn.
_POINTS = ("QuadPoints", "L", "Vertices", "CL")
# Programs draw an icon at a rectangle's corner, whatever its size.
_ICON = 32.0
# Arrows, leader lines and captions, as large as the program likes; points.
_ENDS = frozenset({"LE", "LL", "LLE", "LLO", "Cap", "CO"})
_FAR = 100.0
_NO_ROTATE = 16
_ICONS = frozenset({"Text", "FileAttachment"})


class Unplaced(Exception):
    """A rectangle that is not four numbers: each program makes something else of it."""


def places(document: Document, annotation: dict[str, Any]) -> tuple[Box, ...]:
    """Where it draws, once for each page; none where nothing of it can be seen.

    What no page lists is taken to be on the page that it names.

    Raises:
        Unplaced: nobody can tell.
    """
    if "Rect" not in annotation:
        return ()
    rectangle = _numbers(document, annotation["Rect"])
    if rectangle is None or len(rectangle) != 4:
        raise Unplaced
    kind = document.get(annotation, "Subtype")
    xs, ys = rectangle[::2], rectangle[1::2]
    reach = 0.0
    turned = document.resolve(annotation.get("F"))
    if isinstance(turned, int) and turned & _NO_ROTATE:
        # It stays upright on a turned page, around its upper left corner.
        reach = max(max(xs) - min(xs), max(ys) - min(ys))
    if kind != "Widget":
        for points in _points(document, annotation):
            xs, ys = xs + points[::2], ys + points[1::2]
        reach = max(reach, _reach(document, annotation, str(kind)))
    box = Box(0, min(xs), min(ys), max(xs), max(ys)).grown(reach)
    if box.is_empty:
        return ()
    return tuple(Box(page, *box.corners) for page in pages_of(document, annotation))


def pages_of(document: Document, annotation: dict[str, Any]) -> tuple[int, ...]:
    """The indices of the pages that show it, from 0; see `places`."""
    listed = document.once(_listed).get(id(annotation))
    if listed is not None:
        return listed
    named = annotation.get("P")
    return tuple(
        index
        for index, (reference, _) in enumerate(document.pages())
        if reference is not None and reference == named
    )


def _listed(document: Document) -> dict[int, tuple[int, ...]]:
    """The pages that list each annotation, by the identity of what a reference to it resolves to."""
    found: dict[int, tuple[int, ...]] = {}
    for index, (_, page) in enumerate(document.pages()):
        annotations = document.resolve(page.get("Annots"))
        for each in annotations if isinstance(annotations, list) else ():
            annotation = document.resolve(each)
            if isinstance(annotation, dict) and index not in found.get(id(annotation), ()):
                found[id(annotation)] = (*found.get(id(annotation), ()), index)
    return found


def _numbers(document: Document, value: Any) -> list[float] | None:
    numbers = document.resolve_all(value)
    if not isinstance(numbers, list) or not all(type(each) in (int, float) for each in numbers):
        return None
    return [float(each) for each in numbers]


def _points(document: Document, annotation: dict[str, Any]) -> Iterator[list[float]]:
    given = [annotation.get(key) for key in _POINTS]
    strokes = document.resolve(annotation.get("InkList"))
    given += strokes if isinstance(strokes, list) else []
    for each in given:
        if each is None:
            continue
        points = _numbers(document, each)
        if points is None:
            raise Unplaced
        yield points[: len(points) // 2 * 2]


def _reach(document: Document, annotation: dict[str, Any], kind: str) -> float:
    """How far outside of its points something may be drawn."""
    looks = document.get(annotation, "AP", "N")
    if looks is not None:
        return 0.0
    border = document.resolve(annotation.get("Border"))
    third = border[2] if isinstance(border, list) and len(border) > 2 else None
    widths = [document.get(annotation, "BS", "W"), document.resolve(third)]
    if annotation.keys() & _ENDS:
        return _FAR
    width = max([1.0, *(float(each) for each in widths if type(each) in (int, float))])
    return max(width, _ICON if kind in _ICONS else 0.0)
