"""What a Python user would put together instead: WeasyPrint, qrcode's defaults, pyHanko's SimpleSigner."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import jinja2
import qrcode
import qrcode.image.svg
import weasyprint
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, SimpleSigner

_PAGE = jinja2.Template((Path(__file__).parent / "page.html").read_text(), autoescape=True)
_LABELS = {
    "nama": "Nama", "nik": "NIK", "tempat_lahir": "Tempat lahir", "tanggal_lahir": "Tanggal lahir",
    "jenis_kelamin": "Jenis kelamin", "alamat": "Alamat", "profesi": "Profesi/spesialisasi",
    "nomor_str": "Nomor STR", "masa_str": "Masa berlaku STR", "tempat_praktik": "Tempat praktik",
    "alamat_praktik": "Alamat tempat praktik", "jenis_praktik": "Jenis praktik", "jadwal": "Jadwal praktik",
    "sip_ke": "SIP ke-", "nomor_rekomendasi": "Rekomendasi Dinas Kesehatan",
}  # fmt: skip


def draw_qr(text: str) -> bytes:
    """`qrcode` as its README shows it, with SVG output."""
    out = io.BytesIO()
    qrcode.make(text, image_factory=qrcode.image.svg.SvgPathImage).save(out)
    return out.getvalue()


def render(
    fields: dict[str, Any], number: str, code: str, host: str, logo_svg: bytes, qr_svg: bytes
) -> bytes:
    """The same page by an HTML engine, PDF/A-3u as its closest variant."""
    html = _PAGE.render(
        rows=[(label, fields[name]) for name, label in _LABELS.items() if name in fields],
        number=number,
        code=code,
        host=host,
        agency="DINAS PENANAMAN MODAL DAN PELAYANAN TERPADU SATU PINTU",
        address="Mal Pelayanan Publik, Jalan Melati Nomor 1, Kota Contoh 12345",
        logo=_data_uri("image/svg+xml", logo_svg),
        qr=_data_uri("image/svg+xml", qr_svg),
        photo=f"data:image/jpeg;base64,{fields['foto']}",
    )
    pdf: bytes = weasyprint.HTML(string=html).write_pdf(pdf_variant="pdf/a-3u")
    return pdf


def sign(pdf: bytes, signer: SimpleSigner) -> bytes:
    """An invisible PAdES B-B signature, as the documentation shows it."""
    out = io.BytesIO()
    metadata = PdfSignatureMetadata(field_name="Signature1", subfilter=SigSeedSubFilter.PADES)
    signers.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)), metadata, signer=signer, output=out)
    return out.getvalue()


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
