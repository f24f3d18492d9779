"""The stamp of a signature in a file that was made elsewhere, as a page of a PDF that fills it.

It is drawn as PDF/A-1b, the strictest kind: fonts embedded, colours that mean the same everywhere, nothing
transparent. So it may become a part of any PDF/A file without making it less.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import typst

from storage import code as codes
from storage.vocabulary import AbsahError
from templates import glyphs, qr

_SOURCE = Path(__file__).parent / "stamp_layout"
_MONTHS = (
    "Januari", "Februari", "Maret", "April", "Mei", "Juni",
    "Juli", "Agustus", "September", "Oktober", "November", "Desember",
)  # fmt: skip
_INSET = 5.0
# Modules of 0.5 mm, which telephones still read from paper.
_LEAST_QR = 60.0
_LARGEST_QR = 96.4
_LEAST_WORDS = 80.0


class StampRefused(AbsahError):
    """A stamp cannot be drawn.

    ``STAMP_TOO_SMALL`` its place does not take the words · ``STAMP_CHARACTER`` no font of ours has a
    character.
    """

    code = "STAMP_TOO_SMALL"


@dataclass(frozen=True)
class Stamp:
    """What a stamp says.

    ``signed_at`` is aware, ``zone`` an IANA zone. ``url`` goes into the QR code, ``code`` is the bare
    verification code beside it, ``check_host`` where to type it; all three are empty without a QR code.
    """

    name: str
    office: str
    signed_at: datetime
    zone: str
    url: str = ""
    code: str = ""
    check_host: str = ""

    @property
    def size(self) -> tuple[float, float]:
        """Width and height where nobody asks for others, in points."""
        return (262.0, 92.0) if self.url else (190.0, 66.0)


_lock = threading.Lock()


def draw_stamp(stamp: Stamp, width: float, height: float) -> bytes:
    """The stamp as a PDF with one page of that size, in points.

    Raises:
        StampRefused: as its codes say.
    """
    for text in (stamp.name, stamp.office):
        character = glyphs.refused_character(text, lines=False)
        if character is not None:
            raise StampRefused(
                f"The stamp cannot show {glyphs.describe(character)}; sign without --stamp.",
                code="STAMP_CHARACTER",
            )
    side = min(height - 2 * _INSET, _LARGEST_QR)
    words = width - 2 * _INSET - (side + _INSET if stamp.url else 0)
    if words < _LEAST_WORDS or (stamp.url and side < _LEAST_QR):
        raise _too_small(width, height)
    shown = asdict(stamp) | {
        "width": width,
        "height": height,
        "signed_at": _moment(stamp.signed_at, stamp.zone),
        "code": codes.printed(stamp.code) if stamp.code else "",
        "qr": qr.svg(stamp.url) if stamp.url else "",
        "qr_side": side,
    }
    try:
        with _lock:
            made = _compiler().compile(
                format="pdf",
                sys_inputs={"stamp": json.dumps(shown, ensure_ascii=False, allow_nan=False)},
                pdf_standards=["a-1b"],
                pdf_tags=False,
                timestamp=int(stamp.signed_at.timestamp()),
            )
    except typst.TypstError as error:
        if "too small" in error.message:
            raise _too_small(width, height) from error
        raise StampRefused("The stamp cannot be drawn.", code="RENDER_FAILED") from error
    assert isinstance(made, bytes)  # noqa: S101 - one document gives one file
    return made


def _too_small(width: float, height: float) -> StampRefused:
    return StampRefused(
        f"A place of {width:g} × {height:g} points is too small for this stamp; make it wider or higher."
    )


def _moment(moment: datetime, zone: str) -> str:
    local = moment.astimezone(ZoneInfo(zone))
    # Indonesia's zones are known by these names in the time zone database itself.
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year} {local:%H.%M} {local.tzname()}"


_compilers: list[typst.Compiler] = []


def _compiler() -> typst.Compiler:
    """One for the process: a warm one takes milliseconds."""
    if not _compilers:
        fonts = typst.Fonts(
            include_system_fonts=False, include_embedded_fonts=False, font_paths=[glyphs.FONTS]
        )
        _compilers.append(
            typst.Compiler(_SOURCE / "stamp.typ", root=_SOURCE, font_paths=fonts, ignore_system_fonts=True)
        )
    return _compilers[0]
