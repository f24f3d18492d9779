"""Mutations of what a file says: later revisions whose objects are those of the file, a little otherwise.

A revision is well formed, so it gets further than damaged bytes do; and it may be signed again by whoever
changed it, which must not make the change a good one.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from random import Random
from typing import Any

from tests.fuzz.sources import Source
from tests.fuzz.writing import appended, signed_again, written
from verifier.pdf.document import Document, File
from verifier.pdf.objects import Damaged, Name, Reference, Stream, TooMuch

_KEYS = (
    "AP", "AS", "V", "DV", "MK", "DA", "F", "Ff", "Rect", "P", "Parent", "Kids", "Annots", "Contents",
    "Resources", "MediaBox", "CropBox", "Rotate", "UserUnit", "FT", "T", "TU", "Opt", "I", "AA", "A",
    "OC", "Lock", "SV", "Q", "Font", "XObject", "Encoding", "ToUnicode", "Type", "Subtype", "Fields",
    "DR", "NeedAppearances", "XFA", "Names", "OpenAction", "OCProperties", "Perms", "DSS", "Metadata",
    "Version", "Extensions", "ViewerPreferences", "Lang", "StructTreeRoot", "AF", "PageLabels",
    "Outlines", "PieceInfo", "Group", "StructParents", "Tabs", "Reference", "ByteRange", "BBox",
    "Matrix", "Length", "Filter", "Border", "H", "CO", "SigFlags", "Pages", "Count", "Certs",
)  # fmt: skip


def revised(source: Source, other: Source, random: Random) -> bytes:
    """One to three more revisions with changed objects."""
    pdf = source.pdf
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        document = File(pdf).whole()
        changed: dict[int, bytes | None] = {}
        for number in _chosen(document, random):
            value = document.object(Reference(number, 0))
            changed[number] = _body(document, _otherwise(document, value, random), random)
        for number in [each for each in changed if random.random() < 0.05]:
            changed[number] = None
        pdf = appended(pdf, changed, random)
    return pdf


def signed(source: Source, other: Source, random: Random) -> bytes:
    """The same, and signed again over all of it."""
    pdf = revised(source, other, random)
    return signed_again(pdf, "Lagi", certify=random.choice((None, None, None, 2))) or pdf


REVISIONS: dict[str, Callable[[Source, Source, Random], bytes]] = {"revised": revised, "signed again": signed}


def _chosen(document: Document, random: Random) -> list[int]:
    numbers = sorted(number for number, entry in document.entries.items() if entry is not None)
    count = min(len(numbers), random.choice((1, 1, 1, 2, 4)))
    return random.sample(numbers, count)


def _body(document: Document, value: Any, random: Random) -> bytes:
    if isinstance(value, Stream) and random.random() < 0.5:
        try:
            content = document.decode(value)
        except (Damaged, TooMuch):
            return written(value)
        return _stream(value.dictionary, content, random)
    return written(value)


def _stream(dictionary: dict[str, Any], content: bytes, random: Random) -> bytes:
    """The same stream in another compression, one byte of it perhaps not the same."""
    if content and random.random() < 0.5:
        at = random.randrange(len(content))
        content = content[:at] + bytes((content[at] ^ 1 << random.randrange(8),)) + content[at + 1 :]
    kept = {key: value for key, value in dictionary.items() if key not in ("Filter", "DecodeParms")}
    if random.random() < 0.6:
        content = zlib.compress(content)
        kept["Filter"] = random.choice((Name("FlateDecode"), [Name("FlateDecode")]))
        if random.random() < 0.2:
            kept["DecodeParms"] = random.choice(({"Predictor": 1}, {"Predictor": 12, "Columns": 4}, None))
    kept["Length"] = len(content)
    return written(kept) + b"\nstream\n" + content + b"\nendstream"


def _otherwise(document: Document, value: Any, random: Random) -> Any:
    """The value, changed in one place; sometimes not at all."""
    if random.random() < 0.15:
        return value
    if isinstance(value, Stream):
        return Stream(_in_dictionary(document, value.dictionary, random), value.data, value.start, value.end)
    if isinstance(value, dict):
        return _in_dictionary(document, value, random)
    if isinstance(value, list):
        return _in_list(document, value, random)
    return _scalar(document, value, random)


def _in_dictionary(document: Document, value: dict[str, Any], random: Random) -> dict[str, Any]:
    out = dict(value)
    kind = random.randrange(6)
    if kind == 0 or not out:
        out[random.choice(_KEYS)] = _borrowed(document, random)
    elif kind == 1:
        del out[random.choice(sorted(out))]
    elif kind == 2 and len(out) > 1:
        first, second = random.sample(sorted(out), 2)
        out[first], out[second] = out[second], out[first]
    else:
        key = random.choice(sorted(out))
        out[key] = _otherwise(document, out[key], random)
    return out


def _in_list(document: Document, value: list[Any], random: Random) -> list[Any]:
    out = list(value)
    kind = random.randrange(5)
    if kind == 0 or not out:
        out.insert(random.randrange(len(out) + 1), _borrowed(document, random))
    elif kind == 1:
        del out[random.randrange(len(out))]
    elif kind == 2:
        random.shuffle(out)
    else:
        at = random.randrange(len(out))
        out[at] = _otherwise(document, out[at], random)
    return out


def _scalar(document: Document, value: Any, random: Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + random.choice((1, -1, 2, 32, 64, 100, -100, 0.5))
    if isinstance(value, Name):
        return Name(random.choice((*_KEYS, "Sig", "Tx", "Btn", "Widget", "Page", "Off", "Yes")))
    if isinstance(value, Reference):
        return Reference(random.choice(sorted(document.entries)), 0)
    if isinstance(value, bytes):
        return random.choice((value + b"!", value[1:], b"", value[::-1]))
    return _borrowed(document, random)


def _borrowed(document: Document, random: Random) -> Any:
    """A value from somewhere else in the file, or a plain one."""
    number = random.choice(sorted(document.entries))
    value = document.object(Reference(number, 0))
    if isinstance(value, dict) and value and random.random() < 0.5:
        return value[random.choice(sorted(value))]
    choices = (Reference(number, 0), 0, 1, 2, 90, True, None, b"Lain", [], {}, [0, 0, 300, 300], Name("Off"))
    return random.choice(choices)
