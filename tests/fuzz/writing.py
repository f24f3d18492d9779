"""Writes later revisions of a file, from values as our reader gives them, in every form."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from random import Random
from typing import Any

from cms_maker import make_cms, signer

from verifier.pdf.document import Document, File
from verifier.pdf.objects import Name, Reference, Stream

_ROOM = 6_000
_PLAIN = re.compile(rb"[^A-Za-z0-9_.+*-]")


def written(value: Any) -> bytes:
    """A value as PDF syntax; a stream with its encoded bytes as they are."""
    if value is None:
        return b"null"
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, Reference):
        return b"%d %d R" % value
    if isinstance(value, Name):
        encoded = value.encode("latin-1", "replace")
        return b"/" + _PLAIN.sub(lambda match: b"#%02x" % match[0][0], encoded)
    if isinstance(value, bytes):
        return b"<" + value.hex().encode() + b">"
    if isinstance(value, list):
        return b"[" + b" ".join(map(written, value)) + b"]"
    if isinstance(value, dict):
        entries = (written(Name(key)) + b" " + written(each) for key, each in value.items())
        return b"<< " + b" ".join(entries) + b" >>"
    if isinstance(value, Stream):
        raw = value.raw()
        dictionary = {**value.dictionary, "Length": len(raw)}
        return written(dictionary) + b"\nstream\n" + raw + b"\nendstream"
    return repr(value).encode()


def appended(pdf: bytes, objects: Mapping[int, bytes | None], random: Random | None = None) -> bytes:
    """One more revision with these bodies; None frees a number.

    With ``random`` its form is drawn: a table, a cross-reference stream or both, objects packed or not.
    """
    document = File(pdf).whole()
    form = random.choice(("table", "stream", "packed", "hybrid")) if random is not None else "table"
    out = bytearray(pdf if pdf.endswith((b"\n", b"\r")) else pdf + b"\n")
    size = max([*document.entries, *objects, 0]) + 3
    rows: dict[int, tuple[int, int, int]] = {}
    packed = {
        number: body
        for number, body in objects.items()
        if body is not None and form == "packed" and b"stream" not in body
    }
    for number, body in objects.items():
        if body is None:
            rows[number] = (0, 0, 1)
        elif number not in packed:
            rows[number] = (1, len(out), 0)
            out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    if packed:
        rows[size - 2] = (1, len(out), 0)
        rows.update({number: (2, size - 2, index) for index, number in enumerate(packed)})
        out += b"%d 0 obj\n%s\nendobj\n" % (size - 2, _object_stream(packed))
    entries = {
        key: document.trailer[key] for key in ("Root", "ID", "Info", "Encrypt") if key in document.trailer
    }
    trailer = {**entries, "Size": size, "Prev": document.chain.sections[0].start - document.chain.base}
    if form == "table":
        return bytes(out + _table(rows, trailer, len(out)))
    hidden = len(out)
    shown = rows
    if form == "hybrid":
        rows = {number: row for number, row in rows.items() if len(rows) == 1 or number % 2}
        shown = {number: row for number, row in shown.items() if number not in rows or number % 3}
    else:
        rows[size - 1] = (1, hidden, 0)
    out += b"%d 0 obj\n%s\nendobj\n" % (size - 1, _cross_reference_stream(rows, trailer))
    if form == "hybrid":
        return bytes(out + _table(shown, {**trailer, "XRefStm": hidden}, len(out)))
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % hidden)


def _object_stream(packed: Mapping[int, bytes]) -> bytes:
    places, content = [], b""
    for number, body in packed.items():
        places.append(b"%d %d" % (number, len(content)))
        content += body + b" "
    head = b" ".join(places) + b" "
    encoded = zlib.compress(head + content)
    return b"<< /Type /ObjStm /N %d /First %d /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (
        len(packed),
        len(head),
        len(encoded),
        encoded,
    )


def _table(rows: Mapping[int, tuple[int, int, int]], trailer: Mapping[str, Any], start: int) -> bytes:
    out = b"xref\n" if rows else b"xref\n0 0\n"
    for number, (kind, place, last) in sorted(rows.items()):
        out += b"%d 1\n%010d %05d %s \n" % (
            number,
            place if kind == 1 else 0,
            last,
            b"n" if kind == 1 else b"f",
        )
    return out + b"trailer\n%s\nstartxref\n%d\n%%%%EOF\n" % (written(dict(trailer)), start)


def _cross_reference_stream(rows: Mapping[int, tuple[int, int, int]], trailer: Mapping[str, Any]) -> bytes:
    listed = sorted(rows.items())
    data = b"".join(
        bytes((kind,)) + place.to_bytes(4, "big") + last.to_bytes(2, "big")
        for _, (kind, place, last) in listed
    )
    encoded = zlib.compress(data)
    index = [each for number, _ in listed for each in (number, 1)]
    dictionary = {
        **trailer, "Type": Name("XRef"), "W": [1, 4, 2], "Index": index, "Filter": Name("FlateDecode"),
        "Length": len(encoded),
    }  # fmt: skip
    return written(dictionary) + b"\nstream\n" + encoded + b"\nendstream"


def signed_again(pdf: bytes, name: str, *, certify: int | None = None) -> bytes | None:
    """The file with one more signature over all of it, by whoever changed it; None where that has no form."""
    document = File(pdf).whole()
    pages = document.pages()
    if document.encrypted or not pages or pages[0][0] is None:
        return None
    page_reference, page = pages[0]
    field, dictionary = max(document.entries) + 4, max(document.entries) + 5
    changed: dict[int, Any] = {
        field: {
            "Type": Name("Annot"), "Subtype": Name("Widget"), "FT": Name("Sig"), "T": name.encode(),
            "Rect": [0, 0, 0, 0], "F": 132, "P": page_reference, "V": Reference(dictionary, 0),
        },
        page_reference.number: {
            **page, "Annots": [*_list(document, page.get("Annots")), Reference(field, 0)]
        },
    }  # fmt: skip
    _add_to_form(document, changed, field)
    bodies: dict[int, bytes | None] = {number: written(value) for number, value in changed.items()}
    certifying = b""
    if certify is not None:
        certifying = (
            b"/Reference [<< /Type /SigRef /TransformMethod /DocMDP "
            b"/TransformParams << /Type /TransformParams /V /1.2 /P %d >> >>] " % certify
        )
    bodies[dictionary] = (
        b"<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /adbe.pkcs7.detached %s"
        b"/ByteRange [0 ********** ********** **********] /Contents <%s> >>" % (certifying, b"0" * _ROOM)
    )
    return _sign(appended(pdf, bodies))


def _add_to_form(document: Document, changed: dict[int, Any], field: int) -> None:
    root = document.trailer["Root"]
    raw = document.catalog.get("AcroForm")
    form = document.resolve(raw)
    form = dict(form) if isinstance(form, dict) else {}
    form |= {"Fields": [*_list(document, form.get("Fields")), Reference(field, 0)], "SigFlags": 3}
    if isinstance(raw, Reference):
        changed[raw.number] = form
    else:
        changed[root.number] = {**document.catalog, "AcroForm": form}


def _list(document: Document, value: Any) -> list[Any]:
    found = document.resolve(value)
    return found if isinstance(found, list) else []


def _sign(pdf: bytes) -> bytes:
    gap = pdf.rindex(b"<" + b"0" * _ROOM + b">")
    end = gap + _ROOM + 2
    filled = b" ".join(b"%-10d" % value for value in (gap, end, len(pdf) - end))
    waiting = b" ".join([b"*" * 10] * 3)
    at = pdf.rindex(waiting)
    pdf = pdf[:at] + filled + pdf[at + len(waiting) :]
    cms = make_cms(pdf[:gap] + pdf[end:], signer())
    return pdf[: gap + 1] + cms.hex().encode().ljust(_ROOM, b"0") + pdf[end - 1 :]
