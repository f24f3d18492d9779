"""What is asked and told about a file that is to be signed: plain values for both sides of the sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Wish:
    """A stamp that wants a place. Lengths are PDF points on the page as it is displayed.

    ``page`` counts from 0, None is the last one. ``corner`` is the stamp's lower left corner, from that of
    the page; None: wherever nothing is drawn, as low as possible.
    """

    width: float
    height: float
    page: int | None = None
    corner: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Wish:
        """The inverse of `to_json`."""
        x, y = data["corner"] or (None, None)
        corner = None if x is None or y is None else (float(x), float(y))
        return cls(float(data["width"]), float(data["height"]), data["page"], corner)


@dataclass(frozen=True)
class Spot:
    """Where a stamp will lie: page from 0, its rectangle in the page's own coordinates.

    ``turn`` is by how many degrees clockwise the page is turned when it is displayed: 0, 90, 180 or 270.
    """

    page: int
    x0: float
    y0: float
    x1: float
    y1: float
    turn: int


@dataclass(frozen=True)
class Survey:
    """Whether a file may be signed once more, and where its stamp goes.

    ``refused`` is None where it may, else the code of the reason: ``NOT_PDF`` · ``UPLOAD_ENCRYPTED`` ·
    ``UPLOAD_DAMAGED`` its structure would have to be repaired · ``UPLOAD_XFA`` its form is XFA, which draws
    itself anew · ``UPLOAD_LOCKED`` a signature in it allows nothing more · ``UPLOAD_LIMIT`` reading it costs
    too much · ``STAMP_NO_PAGE`` · ``STAMP_OUTSIDE`` the place is not on the page · ``STAMP_NOT_FREE`` other
    things are drawn there · ``STAMP_NO_ROOM`` no free place · ``STAMP_NOT_DRAWN`` the page cannot be drawn.
    ``signed`` says that it holds a signature already.
    """

    refused: str | None = None
    signed: bool = False
    spot: Spot | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the way out of the sandbox."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Survey:
        """The inverse of `to_json`.

        Raises:
            KeyError, TypeError, ValueError: the object does not come from `to_json`.
        """
        spot = data["spot"]
        return cls(data["refused"], bool(data["signed"]), Spot(**spot) if spot is not None else None)
