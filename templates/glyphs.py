"""The shipped fonts, and which characters they can draw.

Only fonts with 1000 units per em are shipped: writers of signature appearances assume that unit,
and with any other the glyph widths they declare break PDF/A (ISO 19005-3, 6.2.11.5).
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

from fontTools.ttLib import TTFont

FONTS = Path(__file__).parent / "fonts"

# A name is printed bold, a title italic: a character counts only if every style of its family has it.
_FAMILIES = (
    ("NotoSans-Regular", "NotoSans-Bold", "NotoSans-Italic"),
    ("NotoNaskhArabic-Regular", "NotoNaskhArabic-Bold"),
)
# Control, format (bidi overrides, zero-width), surrogate, private, unassigned, line and paragraph
# separators: nothing that a reader sees, and much that makes two texts look alike.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def refused_character(text: str, *, lines: bool) -> str | None:
    """The first character of ``text`` that cannot be printed honestly, or None.

    ``lines`` allows line feeds.
    """
    drawable = _drawable()
    for character in text:
        if character == "\n" and lines:
            continue
        if unicodedata.category(character) in _INVISIBLE or ord(character) not in drawable:
            return character
    return None


def describe(character: str) -> str:
    """A character for a message: its code point and name, never the character itself."""
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()


@lru_cache(maxsize=1)
def _drawable() -> frozenset[int]:
    drawable: set[int] = set()
    for family in _FAMILIES:
        drawable |= set.intersection(*(_characters(FONTS / f"{name}.ttf") for name in family))
    return frozenset(drawable)


def _characters(path: Path) -> set[int]:
    with TTFont(path, lazy=True) as font:
        return set(font.getBestCmap())
