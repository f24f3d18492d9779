"""Names that the PDF format has for things on a page, in words (ISO 32000-2, tables 31 and 171).

A finding names what was changed as the file does; a person who reads it is told what that is.
"""

from __future__ import annotations

from typing import Literal

# The name in a file: what it is called in Indonesian, in English.
_WORDS: dict[str, tuple[str, str]] = {
    # Of a page
    "Contents": ("isi tertulis", "text and drawings"),
    "Resources": ("huruf dan gambar", "fonts and images"),
    "Rotate": ("arah halaman", "orientation"),
    "MediaBox": ("ukuran halaman", "page size"),
    "CropBox": ("bagian yang tampak", "visible area"),
    "UserUnit": ("skala halaman", "scale"),
    "Group": ("tembus pandang", "transparency"),
    # Of annotations
    "Text": ("catatan tempel", "sticky note"),
    "FreeText": ("teks bebas", "text box"),
    "Square": ("kotak", "rectangle"),
    "Circle": ("lingkaran", "circle"),
    "Line": ("garis", "line"),
    "Polygon": ("bidang bersudut", "polygon"),
    "PolyLine": ("garis bersudut", "polyline"),
    "Ink": ("coretan", "freehand drawing"),
    "Highlight": ("stabilo", "highlight"),
    "Underline": ("garis bawah", "underline"),
    "StrikeOut": ("coretan teks", "strikeout"),
    "Squiggly": ("garis bergelombang", "squiggly underline"),
    "Stamp": ("cap", "stamp"),
    "Link": ("tautan", "link"),
    "Popup": ("jendela catatan", "pop-up note"),
    "FileAttachment": ("lampiran", "attachment"),
    "Widget": ("kolom isian", "form field"),
    "Redact": ("penghapusan teks", "redaction"),
    "Watermark": ("tanda air", "watermark"),
}


def pdf_word(name: str, lang: Literal["id", "en"]) -> str:
    """What a name of the format is called; the name itself where it is none of those that pages show."""
    words = _WORDS.get(name)
    return name if words is None else words[1 if lang == "en" else 0]
