"""Whether a marker, an underline or a line through words is no more than that (ISO 32000-2, 12.5.6.10).

Such a note may lie on signed words, so what it draws must not read as one of them. A look can draw letters
with bare lines and areas; on the drawn page it gives itself away: a fill or a line is the same from one end
of its quadrilateral to the other, row for row, and words are not. Runs inside the sandbox only.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

_PAPER = 16  # of 255, darker than what is lightest around: still paper
_SAME = 24  # of 255, between two places of one row
_DARK = 90  # of 255: read as ink
_FEW = 16  # pixels: less than a digit in small print
_EDGE = 3  # pixels beside an edge, which is drawn in greys
# In heights of the quadrilateral: how far round ends reach, and how far an underline lies below.
_ENDS, _BELOW = 0.5, 0.35
# A wave under words: its height in heights of the quadrilateral, and the least that it may have, in pixels.
_WAVE, _LEAST_WAVE = 0.3, 8
_ABOVE = 0.3  # how far above the lower edge a wave begins, in heights
_LEVEL = 0.1
# A dark mark lies on words from half of its length on.
_SPREAD = 0.5


class Frame(NamedTuple):
    """A rectangle in pixels, from the upper left corner; the ends are not part of it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def is_empty(self) -> bool:
        """Whether there is no pixel in it."""
        return self.left >= self.right or self.top >= self.bottom

    def cut(self, other: Frame) -> Frame:
        """What both have in common, perhaps empty."""
        return Frame(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )

    def joined(self, other: Frame) -> Frame:
        """What holds both."""
        return Frame(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def grown(self, across: int, down: int) -> Frame:
        """The rectangle with a margin."""
        return Frame(self.left - across, self.top - down, self.right + across, self.bottom + down)


def is_level(points: Sequence[tuple[float, float]]) -> bool:
    """Whether the words that a quadrilateral marks run from left to right, by its points in pixels."""
    (x1, y1), (x2, y2) = points[:2]
    return abs(y2 - y1) <= _LEVEL * (x2 - x1)


class Marked:
    """One note as it is drawn: ``change`` is how much darker the page became, ``ink`` what was signed.

    Both are greyscale images of the whole page. ``quads`` are what the note marks, ``others`` what else may
    have come to lie there, which is judged by itself; of those ``other_quads`` are marks, too.
    ``waves`` are quadrilaterals, its own among them, under which a wave may run.
    """

    def __init__(
        self,
        change: Any,
        ink: Any,
        quads: Sequence[Frame],
        *,
        other_quads: Sequence[Frame],
        others: Sequence[Frame],
        waves: Sequence[Frame] = (),
    ) -> None:
        self._change, self._ink = change, ink
        self._page = Frame(0, 0, *change.size)
        self._quads = [quad.cut(self._page) for quad in quads]
        self._other_quads = other_quads
        # Where nothing is looked at: ink and its grey edges, and what is judged by itself.
        paper = _eroded(ink.point([255 if value <= _PAPER else 0 for value in range(256)]))
        for other in (*others, *map(_band, waves)):
            if not (inside := other.cut(self._page)).is_empty:
                paper.paste(0, tuple(inside.grown(_EDGE, _EDGE).cut(self._page)))
        self._paper = paper

    def judge(self, area: Frame, *, wavy: bool) -> bool:
        """Whether it is plain within ``area``, all that the note may draw on."""
        return all(self._is_plain(quad, wavy) for quad in self._quads if not quad.is_empty) and (
            self._strays(area) <= _FEW
        )

    def _is_plain(self, quad: Frame, wavy: bool) -> bool:
        tall = quad.grown(0, round(_BELOW * (quad.bottom - quad.top))).cut(self._page)
        parts, between = self._parts(tall)
        if wavy and not all(self._is_wave(part.cut(_band(quad)), quad) for part in parts):
            return False
        rows = [self._rows(part) for part in parts]
        usual = [most for most, _ in rows]
        outside = sum(others for _, others in rows) + self._beyond_ends(quad, tall)
        # An edge is drawn in greys, which lie between what is on its sides.
        for index, edge in enumerate(between):
            sides = usual[max(0, index - 1) : index + 1]
            outside += self._darker_rows(edge, [max(row) for row in zip(*sides, strict=True)], self._paper)
        darkest = max(map(max, usual))
        return outside <= _FEW and (darkest < _DARK or self._lies_on_words(quad))

    def _parts(self, tall: Frame) -> tuple[list[Frame], list[Frame]]:
        """The columns of a quadrilateral, parted where another one begins or ends, and what is between them.

        There is one more of the latter: the first stands before the first part, the last behind the last.
        """
        grey = [(tall.left, tall.left + _EDGE), (tall.right - _EDGE, tall.right)]
        for other in (*self._quads, *self._other_quads):
            height = other.bottom - other.top
            reach = round(_ENDS * height) + _EDGE
            if other.grown(reach, round(_BELOW * height)).cut(tall).is_empty or _same_columns(other, tall):
                continue
            for left, right in (
                (other.left - reach, other.left + _EDGE),
                (other.right - _EDGE, other.right + reach),
            ):
                if left < tall.right and right > tall.left:
                    grey.append((max(left, tall.left), min(right, tall.right)))
        merged: list[tuple[int, int]] = []
        for left, right in sorted(grey):
            if merged and left <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(right, merged[-1][1]))
            else:
                merged.append((left, right))
        if len(merged) == 1:
            middle = (tall.left + tall.right) // 2
            merged = [(tall.left, middle), (middle + 1, tall.right)]
        between = [tall._replace(left=left, right=right) for left, right in merged]
        parts = [tall._replace(left=one.right, right=two.left) for one, two in pairwise(between)]
        return parts, between

    def _darker(self, area: Frame, limit: int, where: Any) -> int:
        """How many pixels of the area, as far as ``where`` says, changed by more than ``limit``."""
        area = area.cut(self._page)
        if area.is_empty:
            return 0
        return int(sum(self._change.crop(area).histogram(where.crop(area))[limit + _SAME + 1 :]))

    def _rows(self, part: Frame) -> tuple[list[int], int]:
        """The change that most of each row has, and how many pixels in all have another than their row.

        A row that is all ink is as the one above it, the first ones as the one below.
        """
        usual: list[int | None] = []
        others = 0
        for top in range(part.top, part.bottom):
            row = part._replace(top=top, bottom=top + 1)
            counts = self._change.crop(row).histogram(self._paper.crop(row))
            total = sum(counts)
            most = max(range(256), key=counts.__getitem__) if total else None
            if most is not None:
                others += total - sum(counts[max(0, most - _SAME) : most + _SAME + 1])
            usual.append(most if most is not None or not usual else usual[-1])
        first = next((most for most in usual if most is not None), 0)
        return [first if most is None else most for most in usual], others

    def _darker_rows(self, area: Frame, limits: Sequence[int], where: Any) -> int:
        """How many pixels changed by more than is usual in their row."""
        return sum(
            self._darker(area._replace(top=area.top + index, bottom=area.top + index + 1), limit, where)
            for index, limit in enumerate(limits)
        )

    def _beyond_ends(self, quad: Frame, tall: Frame) -> int:
        """How many pixels before and behind the quadrilateral are darker than its rows."""
        reach = round(_ENDS * (quad.bottom - quad.top)) + _EDGE
        free = self._paper.copy()
        for other in (*self._quads, *self._other_quads):
            inside = other.grown(_EDGE, round(_BELOW * (other.bottom - other.top)))
            if other != quad and not (inside := inside.cut(self._page)).is_empty:
                free.paste(0, tuple(inside))
        usual, _ = self._rows(tall)
        before = tall._replace(left=tall.left - reach, right=tall.left)
        behind = tall._replace(left=tall.right, right=tall.right + reach)
        return self._darker_rows(before, usual, free) + self._darker_rows(behind, usual, free)

    def _is_wave(self, part: Frame, quad: Frame) -> bool:
        """Whether a low and even line runs through the whole part, or nothing."""
        from PIL import Image, ImageChops

        part = part.cut(self._page)
        if part.is_empty:
            return True
        # A marker on this line or the next is lighter than a wave.
        beside = (other for other in (*self._quads, *self._other_quads) if other != quad)
        least = _DARK if any(not other.cut(part).is_empty for other in beside) else _SAME
        marks = self._change.crop(part).point([255 if value > least else 0 for value in range(256)])
        box = marks.getbbox()
        if box is None:
            return True
        if box[3] - box[1] > max(_WAVE * (quad.bottom - quad.top), _LEAST_WAVE):
            return False
        rows = Frame(part.left, part.top + box[1], part.right, part.top + box[3])
        signed = self._ink.crop(rows).point([255 if value > _PAPER else 0 for value in range(256)])
        line = ImageChops.lighter(marks.crop((0, box[1], marks.width, box[3])), signed)
        columns = line.resize((line.width, 1), resample=Image.Resampling.BOX).tobytes()
        return columns.count(0) <= _EDGE

    def _lies_on_words(self, quad: Frame) -> bool:
        ink = self._ink.crop(quad).point([255 if value > _PAPER else 0 for value in range(256)])
        box = ink.getbbox()
        return box is not None and box[2] - box[0] >= _SPREAD * (quad.right - quad.left)

    def _strays(self, area: Frame) -> int:
        """How many pixels of the area changed that are near no quadrilateral."""
        elsewhere = self._paper.copy()
        for quad in (*self._quads, *self._other_quads):
            height = quad.bottom - quad.top
            near = quad.grown(round(_ENDS * height) + _EDGE, round(_BELOW * height)).cut(self._page)
            if not near.is_empty:
                elsewhere.paste(0, tuple(near))
        return self._darker(area, 0, elsewhere)


def _same_columns(quad: Frame, other: Frame) -> bool:
    return (quad.left, quad.right) == (other.left, other.right)


def _band(quad: Frame) -> Frame:
    """Where a wave under the words of a quadrilateral runs."""
    height = quad.bottom - quad.top
    return quad._replace(
        top=quad.bottom - round(_ABOVE * height), bottom=quad.bottom + round(_BELOW * height)
    )


def _eroded(mask: Any) -> Any:
    """The mask without what lies within two pixels of its edge."""
    from PIL import ImageChops

    for across in (1, 0):
        for step in (-2, -1, 1, 2):
            mask = ImageChops.darker(mask, ImageChops.offset(mask, step * across, step * (1 - across)))
    return mask
