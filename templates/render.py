"""From a page's data to its PDF: Typst with warm compilers, PDF/A-3a and PDF/UA-1 at once.

The data never becomes source text: the template reads it as JSON, so whatever a field holds is
printed as that text.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

import typst

from storage import code
from storage.vocabulary import AbsahError
from templates import glyphs, qr
from templates.catalogue import Catalogue, DocumentType
from templates.definition import LAYOUT
from templates.photo import PRINTED

_STANDARDS: list[typst.PDFStandard] = ["a-3a", "ua-1"]
_A4_HEIGHT = 841.8898
# Where the marks of `signature-box` came to stand, in points from the top left.
_SLOT_MARKS = """
(<slot-top>, <slot-bottom>).map(label => query(label).map(mark => {
  let place = mark.location().position()
  (..mark.value, page: place.page, x: place.x.pt(), y: place.y.pt())
}))
"""
_BLANK = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


class RenderFailed(AbsahError):
    """The template did not compile with this data; a fault of the template, not of the request."""

    code = "RENDER_FAILED"


@dataclass(frozen=True)
class Letterhead:
    """The issuing agency as the head of the page shows it; ``logo_svg`` may be empty."""

    regency: str
    agency: str
    address: str
    phone: str
    email: str
    website: str
    logo_svg: bytes


@dataclass(frozen=True)
class Signatory:
    """The officer of one slot: ``name`` with degrees, ``capacity`` one of "", a.n., Plt., Plh."""

    name: str
    office: str
    nip: str = ""
    rank: str = ""
    capacity: str = ""


@dataclass(frozen=True)
class Page:
    """Everything that a document shows. The same page always renders to the same bytes.

    ``fields`` are cleaned (`DocumentType.clean`), ``code`` is bare, ``url`` goes into the QR code,
    ``created`` is aware and becomes the file's time, ``signatories`` has one entry per slot.
    """

    type: DocumentType
    fields: Mapping[str, Any]
    number: str
    code: str
    url: str
    check_host: str
    issued_on: date
    valid_from: date
    valid_until: date | None
    zone: str
    letterhead: Letterhead
    signatories: tuple[Signatory, ...]
    created: datetime
    specimen: bool = False
    development: bool = False


@dataclass(frozen=True)
class SlotBox:
    """Where a slot's signature field lies: page from 0, PDF points from the bottom left corner."""

    ordinal: int
    page: int
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True)
class Rendered:
    """The PDF, which ends with a line feed after ``%%EOF``, and the box of each slot that is shown."""

    pdf: bytes
    boxes: tuple[SlotBox, ...]


class Renderer:
    """Draws pages of the catalogue's types. Safe to share between threads; pages queue up."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._fonts = typst.Fonts(
            include_system_fonts=False, include_embedded_fonts=False, font_paths=[glyphs.FONTS]
        )
        self._compilers = {each.id: self._open(each) for each in catalogue.types}
        # A compiler holds the current page's inputs between compiling and querying.
        self._lock = threading.Lock()

    def render(self, page: Page) -> Rendered:
        """The page as a PDF.

        Raises:
            RenderFailed: the template does not compile, or lacks a slot.
        """
        inputs = {
            "page": json.dumps(_shown(page), ensure_ascii=False, allow_nan=False),
            "document": document_json(page).decode(),
        }
        local = page.created.astimezone(ZoneInfo(page.zone))
        offset = local.utcoffset()
        assert offset is not None  # noqa: S101 -- astimezone always gives one
        try:
            with self._lock:
                compiler = self._compilers[page.type.id]
                pdf = compiler.compile(
                    format="pdf",
                    sys_inputs=inputs,
                    pdf_standards=_STANDARDS,
                    timestamp=local.replace(microsecond=0, tzinfo=timezone(offset)),
                )
                # The compiler remembers the layout it has just made: asking costs half a millisecond.
                marks = json.loads(compiler.eval(_SLOT_MARKS))
        except typst.TypstError as error:
            raise RenderFailed(_explain(page.type, error)) from error
        if not isinstance(pdf, bytes):
            raise RenderFailed(f"The template of {page.type.id} made no PDF.")
        # Typst ends at "%%EOF"; an incremental update appended there would break PDF/A (ISO 19005-3, 6.1.9).
        return Rendered(pdf + b"\n", _boxes(page.type, marks))

    def _open(self, document_type: DocumentType) -> typst.Compiler:
        """A compiler that sees the type's own folder and the shared layout, and nothing else."""
        return typst.Compiler(
            document_type.folder / "document.typ",
            root=document_type.folder,
            font_paths=self._fonts,
            ignore_system_fonts=True,
            package_path=LAYOUT,
            package_cache_path=LAYOUT,
        )


def document_json(page: Page) -> bytes:
    """What the PDF carries as ``document.json``: canonical JSON (sorted, compact, UTF-8).

    A photo is replaced by the SHA-256 (hex) of its JPEG, which the page shows anyway.
    """
    fields = dict(page.fields)
    for name in page.type.photos:
        if name in fields:
            fields[name] = hashlib.sha256(base64.b64decode(fields[name])).hexdigest()
    content = {
        "format": 1,
        "code": page.code,
        "number": page.number,
        "type": page.type.id,
        "issued_on": page.issued_on.isoformat(),
        "valid_from": page.valid_from.isoformat(),
        "valid_until": page.valid_until and page.valid_until.isoformat(),
        "url": page.url,
        "issuer": {"agency": page.letterhead.agency, "regency": page.letterhead.regency},
        "signatories": [asdict(signatory) for signatory in page.signatories],
        "template_hash": page.type.template_hash,
        "fields": fields,
    }
    return json.dumps(
        content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode()


def _shown(page: Page) -> dict[str, Any]:
    """The page as the shared layout reads it."""
    local = page.created.astimezone(ZoneInfo(page.zone))
    fields = dict(page.fields)
    for name in page.type.photos:
        if name in fields:
            fields[name] = _photo_svg(fields[name])
    letterhead = asdict(page.letterhead)
    letterhead["logo_svg"] = page.letterhead.logo_svg.decode("utf-8") or _BLANK
    return {
        "type": {"id": page.type.id, "label": page.type.label["id"]},
        "labels": {name: field["title"] for name, field in page.type.schema["properties"].items()},
        "fields": fields,
        "number": page.number,
        "code": code.printed(page.code),
        "url": page.url,
        "check_host": page.check_host,
        "qr": qr.svg(page.url),
        "issued_on": page.issued_on.isoformat(),
        "valid_from": page.valid_from.isoformat(),
        "valid_until": page.valid_until and page.valid_until.isoformat(),
        # Indonesia's zones are known by these names in the time zone database itself.
        "created": {
            "date": local.date().isoformat(),
            "time": local.strftime("%H.%M"),
            "zone": local.tzname() or page.zone,
        },
        "letterhead": letterhead,
        "signatories": [
            {**asdict(signatory), "ordinal": slot.ordinal, "kind": slot.kind}
            for slot, signatory in zip(page.type.slots, page.signatories, strict=True)
            if slot.is_shown
        ],
        "specimen": page.specimen,
        "development": page.development,
    }


def _photo_svg(photo: str) -> str:
    """A photo for Typst, which has no base64 of its own but reads an SVG; the JPEG stays as it is."""
    width, height = PRINTED
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f'<image width="{width}" height="{height}" href="data:image/jpeg;base64,{photo}"/></svg>'
    )


def _boxes(document_type: DocumentType, marks: list[list[dict[str, Any]]]) -> tuple[SlotBox, ...]:
    tops, bottoms = ({mark["ordinal"]: mark for mark in edge} for edge in marks)
    expected = [slot.ordinal for slot in document_type.slots if slot.is_shown]
    if sorted(tops) != expected or sorted(bottoms) != expected:
        raise RenderFailed(
            f"The template of {document_type.id} has to show each slot once; "
            "end document.typ with #closing[…]."
        )
    return tuple(
        SlotBox(
            ordinal=ordinal,
            page=tops[ordinal]["page"] - 1,
            x0=round(tops[ordinal]["x"], 2),
            y0=round(_A4_HEIGHT - bottoms[ordinal]["y"], 2),
            x1=round(tops[ordinal]["x"] + tops[ordinal]["width"], 2),
            y1=round(_A4_HEIGHT - tops[ordinal]["y"], 2),
        )
        for ordinal in expected
    )


def _explain(document_type: DocumentType, error: typst.TypstError) -> str:
    # Typst's messages may quote the data, which must not reach a log: only the place is named.
    places = [line.strip() for line in error.diagnostic.splitlines() if "┌─" in line or "-->" in line]
    place = f" ({places[0].lstrip('┌─-> ')})" if places else ""
    return f"The template of {document_type.id} does not compile with this data{place}."
