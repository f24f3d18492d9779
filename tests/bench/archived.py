"""Files to verify: a permit of ours up to B-LTA by stock pyHanko, changed, scanned, and very large."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from cryptography import x509
from PIL import Image, ImageDraw
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from keys.software import load_pem
from keys.timestamp_server import DevelopmentTimeStampAuthority
from signer import signature
from signer.timestamp import TOKEN_SIZE, TimeStampAuthority
from templates.render import Rendered
from tests.interop.bases import numbered
from tests.interop.producers import stock_pyhanko

_MEGABYTE = 1_000_000


def archived(rendered: Rendered, authority: Path) -> bytes:
    """One page of ours, signed and time-stamped by our own code; what archives it is by pyHanko."""
    key = load_pem(authority / "p256.key.pem", authority / "p256.chain.pem", None, key_id="bench")
    tsa = load_pem(authority / "tsa.key.pem", authority / "tsa.chain.pem", None, key_id="tsa")
    root = x509.load_pem_x509_certificate((authority / "root.pem").read_bytes())
    stamps = TimeStampAuthority(
        DevelopmentTimeStampAuthority(tsa).respond, [root], clock=lambda: datetime.now(UTC)
    )
    frozen = signature.freeze(
        rendered.pdf, fields=(signature.SignatureField.over(rendered.boxes[0], "Tanda tangan"),), slot=1,
        certify=True, signer_name="Bench", reason="", location="", at=datetime.now(UTC),
        reserved=signature.reserved_size(key, TOKEN_SIZE),
    )  # fmt: skip
    cms = signature.sign(frozen.digest, key)
    token = stamps.stamp_digest(signature.stamped_digest(cms))
    signed = signature.assemble(frozen.pdf, frozen.byte_range, signature.embed_timestamp(cms, token.der))
    return stock_pyhanko.make(authority, signed, ("extend", "stamp"))


def changed(pdf: bytes) -> bytes:
    """The same with a white box over the middle of its page: a later revision that has to be seen."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    page = writer.root["/Pages"]["/Kids"][0].get_object()
    box = writer.add_object(generic.StreamObject(stream_data=b"q 1 1 1 rg 100 400 300 60 re f Q"))
    contents = page.raw_get("/Contents")
    before = contents.get_object() if isinstance(contents, generic.IndirectObject) else contents
    parts = before if isinstance(before, generic.ArrayObject) else [contents]
    page["/Contents"] = generic.ArrayObject([*parts, box])
    writer.update_container(page)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def scan(authority: Path, pages: int = 100, signatures: int = 5) -> bytes:
    """Pages that are pictures, as a scanner makes them at 150 dots per inch, signed one after the other."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    kids = []
    for number in range(pages):
        picture = _scanned(number)
        first = len(objects) + 1
        kids.append(b"%d 0 R" % first)
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
            b"/Resources << /XObject << /I %d 0 R >> >> >>" % (first + 1, first + 2),
            _stream(b"q 595 0 0 842 0 0 cm /I Do Q"),
            _stream(
                picture,
                b"/Type /XObject /Subtype /Image /Width 1240 /Height 1754 /BitsPerComponent 8 "
                b"/ColorSpace /DeviceGray /Filter /DCTDecode",
            ),
        ]
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), pages)
    steps = [f"sign level=T key=p256 field=Tanda{number}" for number in range(1, signatures + 1)]
    return stock_pyhanko.make(authority, numbered(objects), tuple(steps))


def large(authority: Path, megabytes: int = 200) -> bytes:
    """A page and an attachment of so many megabytes, signed."""
    # Bytes that no filter makes smaller, without asking a machine for 200 MB of chance.
    block = zlib.compress(bytes(range(256)) * 4000, 0)
    data = (block * (megabytes * _MEGABYTE // len(block) + 1))[: megabytes * _MEGABYTE]
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Names << /EmbeddedFiles << /Names [(rekaman.bin) 4 0 R] >> >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
        b"<< /Type /Filespec /F (rekaman.bin) /UF (rekaman.bin) /EF << /F 5 0 R >> >>",
        _stream(data, b"/Type /EmbeddedFile"),
    ]
    return stock_pyhanko.make(authority, numbered(objects), ("sign level=T key=p256",))


def _scanned(number: int) -> bytes:
    image = Image.new("L", (1240, 1754), 248)
    pen = ImageDraw.Draw(image)
    for line in range(60):
        pen.text((150, 150 + 24 * line), f"Halaman {number + 1}, baris {line + 1}: isi surat " * 3, fill=40)
    out = BytesIO()
    image.save(out, "JPEG", quality=60)
    return out.getvalue()


def _stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), entries, data)
