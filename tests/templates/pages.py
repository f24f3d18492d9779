"""Pages to draw in tests, and ways to read what was drawn."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pypdfium2
from PIL import Image

from templates.catalogue import Catalogue, DocumentType
from templates.render import Letterhead, Page, Rendered, Renderer, Signatory

ISSUED_ON = date(2026, 3, 12)
CODE = "7K3M9QX2R4TPXA"
BRAND = Path(__file__).parents[2] / "templates" / "brand"
TYPES = (
    "sip-apoteker",
    "sip-bidan",
    "sip-dokter",
    "sip-dokter-gigi",
    "sip-perawat",
    "surat-keterangan-penelitian",
)

LETTERHEAD = Letterhead(
    regency="Kabupaten Contoh",
    agency="Dinas Penanaman Modal dan Pelayanan Terpadu Satu Pintu",
    address="Mal Pelayanan Publik, Jalan Melati Nomor 1, Kota Contoh 12345",
    phone="(021) 555-0101",
    email="dpmptsp@contoh.example",
    website="dpmptsp.contoh.example",
    logo_svg=(BRAND / "kabupaten-contoh.svg").read_bytes(),
)
HEAD = Signatory(
    name="Ratna Kusumawardhani, S.Sos., M.Si.",
    office="Kepala Dinas Penanaman Modal dan Pelayanan Terpadu Satu Pintu",
    nip="197503122001122003",
    rank="Pembina Utama Muda",
)


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    return Catalogue.load()


@lru_cache(maxsize=1)
def renderer() -> Renderer:
    return Renderer(catalogue())


def compose(document_type: DocumentType, fields: dict[str, Any] | None = None, **changes: Any) -> Page:
    """A page of the type's sample, or of ``fields``."""
    cleaned = document_type.clean(document_type.sample if fields is None else fields)
    valid_from, valid_until = document_type.validity(ISSUED_ON, None, cleaned)
    page = Page(
        type=document_type,
        fields=cleaned,
        number=document_type.number(28, ISSUED_ON, "DPMPTSP"),
        code=CODE,
        url=f"https://cek.contoh.go.id/d/{CODE}",
        check_host="cek.contoh.go.id",
        issued_on=ISSUED_ON,
        valid_from=valid_from,
        valid_until=valid_until,
        zone="Asia/Jakarta",
        letterhead=LETTERHEAD,
        signatories=(HEAD,) * len(document_type.slots),
        created=datetime(2026, 3, 12, 9, 15, 30, tzinfo=ZoneInfo("Asia/Jakarta")),
    )
    return replace(page, **changes)


def draw(type_id: str, fields: dict[str, Any] | None = None, **changes: Any) -> Rendered:
    return renderer().render(compose(catalogue().get(type_id), fields, **changes))


def sample(type_id: str, **changes: Any) -> dict[str, Any]:
    return {**catalogue().get(type_id).sample, **changes}


def text_of(pdf: bytes) -> str:
    with pypdfium2.PdfDocument(pdf) as document:
        return "\n".join(page.get_textpage().get_text_range() for page in document)


def squeezed(text: str) -> str:
    """Without white space and the break opportunities of long words: lines break where they must."""
    return "".join(text.replace("\u200b", "").replace("\ufffe", "").split())


def pictures(pdf: bytes, dots_per_inch: int = 150) -> list[Image.Image]:
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.render(scale=dots_per_inch / 72).to_pil().convert("L") for page in document]


def pixel(image: Image.Image, left: int, top: int) -> tuple[int, ...]:
    """Red, green and blue of one pixel."""
    return tuple(image.convert("RGB").crop((left, top, left + 1, top + 1)).tobytes())


def png(width: int, height: int, colour: Any = "navy", mode: str = "RGB") -> bytes:
    output = io.BytesIO()
    Image.new(mode, (width, height), colour).save(output, "PNG")
    return output.getvalue()


def fingerprint(type_id: str) -> str:
    """What another process must draw as well."""
    return hashlib.sha256(draw(type_id).pdf).hexdigest()
