"""What may change after signing, as lists of keys, kinds and flags (ISO 32000-2, 7.7.2, 12.5, 12.7)."""

from __future__ import annotations

from typing import Any

# ISO 32000-2, table 167. "Invisible" hides only what no program knows how to draw, and some programs show a
# field in spite of "no view".
HIDDEN, PRINT, NO_VIEW = 2, 4, 32
HIDDEN_FLAGS = HIDDEN | NO_VIEW
MOST_FLAGS = 1023
READ_ONLY = 1
PUSH_BUTTON = 1 << 16

# What tells about the file and shows nothing.
ABOUT = frozenset({"Metadata", "PieceInfo", "LastModified", "Version", "Extensions", "MarkInfo"})
CATALOG_FREE = ABOUT | {"DSS"}
PAGE_FREE = ABOUT | {"Tabs", "StructParents"}
FIELD_FREE = frozenset({"M", "StructParent", "NM"})
WHEN_SIGNED = frozenset(
    {
        "AP", "AS", "F", "Ff", "MK", "DA", "Lock", "SV", "P", "H", "TU", "Type", "Rect", "Subtype", "BS",
        "Border", "DR", "Q", "TM", "Contents",
    }
)  # fmt: skip
WHEN_FILLED = frozenset({"V", "AP", "AS", "I", "TI", "DA", "DS", "RV", "DV", "MK"})
# Names of fields, which some programs write in another encoding.
FIELD_TEXTS = frozenset({"T", "TU", "TM"})
# What stands for these where they are missing (tables 31, 226, 228).
DEFAULTS: dict[str, Any] = {"Ff": 0, "Q": 0, "MK": {}, "Rotate": 0}
# A font that programs bring themselves.
PLAIN_FONT = frozenset({"Type", "Subtype", "BaseFont", "Name"})
INHERITED = ("Resources", "MediaBox", "CropBox", "Rotate")
# Where a window with a note opens; it has no look of its own.
WINDOW = frozenset({"Rect", "Open", "F", "M"})
NOTE_KINDS = frozenset({"Text", "Popup", "Highlight", "Underline", "Squiggly", "StrikeOut"})
MARK_KINDS = frozenset({"Highlight", "Underline", "Squiggly", "StrikeOut"})
# What a reader may take for a part of the page, where it stands among what was signed.
DRAWN_KINDS = frozenset(
    {
        "FreeText",
        "Stamp",
        "Line",
        "Square",
        "Circle",
        "Polygon",
        "PolyLine",
        "Ink",
        "Caret",
        "FileAttachment",
        "Link",
    }
)
NOTE_FREE = frozenset({"M", "Contents", "Popup", "T", "RC", "Subj", "NM", "State", "StateModel", "IRT", "RT"})
RUNNING = frozenset({"A", "AA"})
