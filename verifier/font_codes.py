"""Which characters the codes of a font stand for, where a file says so (ISO 32000-2, 9.10.2).

By /ToUnicode, else by the names of glyphs in /Encoding. What the outlines in the font look like is not known
here: a font may draw a nine and call it a one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from verifier.pdf.document import Document
from verifier.pdf.objects import Damaged, Name, Stream

Decode = Callable[[bytes], "str | None"]
"""The characters of a shown string; None where one of them is not known."""

_MOST_CODES = 70_000
_MOST_MAP_BYTES = 2_000_000
_SYMBOLS = re.compile(r"(?:^|\+)(?:Symbol|ZapfDingbats|Wingdings|Webdings)")
_SYMBOLIC = 4
# PDFDocEncoding where it is not Latin-1 (ISO 32000-2, annex D.2), from 0x80 on; 0x9F is nothing.
_PDF_DOC = "•†‡…—–ƒ⁄‹›−‰„“”‘’‚™ﬁﬂŁŒŠŸŽıłœšž\ufffd€"
_BLOCK = re.compile(rb"begin(bfchar|bfrange|codespacerange)(.*?)end\1", re.DOTALL)
_PART = re.compile(rb"<([0-9A-Fa-f\s]*)>|(\[)|(\])")


def decoder(document: Document, font: Any) -> Decode | None:
    """How strings in this font are read; None where that is not known."""
    kind = document.get(font, "Subtype")
    mapped = _to_unicode(document, document.get(font, "ToUnicode"))
    if kind == "Type0":
        if mapped is None or document.get(font, "Encoding") not in ("Identity-H", "Identity-V"):
            return None
        return lambda shown: _of_codes(shown, 2, mapped)
    if kind not in ("Type1", "TrueType", "MMType1", "Type3"):
        return None
    named = {} if kind == "Type3" else _named(document, font)
    if mapped is None and named is None:
        return None
    codes = {**(named or {}), **(mapped or {})}
    return lambda shown: _of_codes(shown, 1, codes)


def preload() -> None:
    """Load the names of glyphs, which a child of the sandbox cannot."""
    _glyph("a")


def text_of_value(value: bytes) -> str:
    """A text string (7.9.2.2): UTF-16 or UTF-8 by its mark, else in PDFDocEncoding."""
    if value.startswith((b"\xfe\xff", b"\xff\xfe")):
        return value.decode("utf-16", "replace")
    if value.startswith(b"\xef\xbb\xbf"):
        return value[3:].decode("utf-8", "replace")
    return "".join(map(_pdf_doc, value))


def _pdf_doc(code: int) -> str:
    return _PDF_DOC[code - 0x80] if 0x80 <= code <= 0xA0 else chr(code)


def _of_codes(shown: bytes, width: int, codes: dict[int, str]) -> str | None:
    characters = [
        codes.get(int.from_bytes(shown[at : at + width], "big")) for at in range(0, len(shown), width)
    ]
    return "".join(each for each in characters if each is not None) if None not in characters else None


def _named(document: Document, font: Any) -> dict[int, str] | None:
    """The characters of a simple font by the names of its glyphs."""
    encoding = document.get(font, "Encoding")
    base = encoding if isinstance(encoding, Name) else document.get(encoding, "BaseEncoding")
    if base is None and _has_own_codes(document, font):
        return None
    codes = _base(base)
    differences = document.resolve_all(document.get(encoding, "Differences"))
    code = 0
    for each in differences if isinstance(differences, list) else ():
        if isinstance(each, int):
            code = each
        elif isinstance(each, Name):
            codes.pop(code, None)
            if each != ".notdef" and (characters := _glyph(each)):
                codes[code] = characters
            code += 1
    return codes


def _has_own_codes(document: Document, font: Any) -> bool:
    """Whether a font that names no encoding may have any: one of symbols, or one that is embedded."""
    descriptor = document.get(font, "FontDescriptor")
    flags = document.get(descriptor, "Flags")
    return (
        _SYMBOLS.search(str(document.get(font, "BaseFont") or "")) is not None
        or (isinstance(flags, int) and bool(flags & _SYMBOLIC))
        or any(document.get(descriptor, key) is not None for key in ("FontFile", "FontFile2", "FontFile3"))
    )


def _base(name: Any) -> dict[int, str]:
    if name == "PDFDocEncoding":
        return {code: _pdf_doc(code) for code in range(32, 256)}
    codec = "mac_roman" if name == "MacRomanEncoding" else "cp1252"
    # Standard encoding has other codes behind ASCII; a name that is none says nothing about them.
    last = 256 if name in ("MacRomanEncoding", "WinAnsiEncoding") else 127
    found = {code: bytes([code]).decode(codec, "replace") for code in range(32, last)}
    return {code: character for code, character in found.items() if character != "\ufffd"}


def _glyph(name: str) -> str:
    from fontTools.agl import toUnicode

    return str(toUnicode(name))


def _to_unicode(document: Document, stream: Any) -> dict[int, str] | None:
    if not isinstance(stream, Stream):
        return None
    try:
        content = document.decode(stream)
    except Damaged:
        return None
    codes: dict[int, str] = {}
    for kind, body in _BLOCK.findall(content[:_MOST_MAP_BYTES]):
        if kind == b"codespacerange":
            continue
        for first, last, characters in _rows(kind, body):
            if last - first > _MOST_CODES or len(codes) > _MOST_CODES:
                return None
            for code in range(first, last + 1):
                codes[code] = _text_at(characters, code - first)
    return codes


def _rows(kind: bytes, body: bytes) -> Iterator[tuple[int, int, list[bytes]]]:
    """First code, last code, and what they stand for: one text to count on from, or one for each."""
    parts = [(match[2] or match[3], bytes.fromhex((match[1] or b"").decode())) for match in _whole(body)]
    at, size = 0, 2 if kind == b"bfchar" else 3
    while at + size <= len(parts):
        first = int.from_bytes(parts[at][1], "big")
        if kind == b"bfchar":
            yield first, first, [parts[at + 1][1]]
            at += 2
            continue
        last = int.from_bytes(parts[at + 1][1], "big")
        if parts[at + 2][0] == b"[":
            closing = next((i for i in range(at + 3, len(parts)) if parts[i][0] == b"]"), len(parts))
            each = [part for _, part in parts[at + 3 : closing]]
            yield first, min(last, first + len(each) - 1), each
            at = closing + 1
        else:
            yield first, last, [parts[at + 2][1]]
            at += 3


def _whole(body: bytes) -> Iterator[re.Match[bytes]]:
    """What is written in whole octets."""
    for match in _PART.finditer(body):
        if len(b"".join((match[1] or b"").split())) % 2 == 0:
            yield match


def _text_at(characters: list[bytes], step: int) -> str:
    if len(characters) > 1:
        return characters[step].decode("utf-16-be", "replace")
    text = characters[0].decode("utf-16-be", "replace")
    return text[:-1] + chr(min(ord(text[-1]) + step, 0x10FFFF)) if text and step else text
