"""Generators of files with many pages, and of a page that is never drawn to its end."""

from __future__ import annotations

from io import BytesIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from sample_files import objects_to_pdf, signed_pdf, stream


def pages_of(*contents: bytes) -> bytes:
    """A file with a page for each content stream."""
    count = len(contents)
    kids = b" ".join(b"%d 0 R" % (4 + 2 * index) for index in range(count))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for index, content in enumerate(contents):
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % (5 + 2 * index),
            stream(content),
        ]
    return objects_to_pdf(objects)


def line(text: str) -> bytes:
    return b"BT /F1 24 Tf 72 720 Td (%s) Tj ET" % text.encode()


def endless(size: int) -> bytes:
    """A page of forms in forms: each shows the next ten times, so that drawing it never comes to an end."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R 5 0 R] /Count 2 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /XObject << /X 7 0 R >> >> >>",
        stream(b"/X Do"),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 6 0 R >>",
        stream(b"72 720 100 20 re f"),
    ]
    for level in range(size):
        objects.append(
            stream(
                b"/X Do " * 10,
                b"/Type /XObject /Subtype /Form /BBox [0 0 595 842] "
                b"/Resources << /XObject << /X %d 0 R >> >>" % (8 + level),
            )
        )
    objects.append(stream(b"0 0 9 9 re f", b"/Type /XObject /Subtype /Form /BBox [0 0 595 842]"))
    return objects_to_pdf(objects)


def with_pages_overwritten(count: int) -> bytes:
    """Signed pages whose contents are all replaced by a later revision."""
    writer = IncrementalPdfFileWriter(BytesIO(signed_pdf(pages_of(*[line("asli")] * count))))
    for kid in writer.root["/Pages"]["/Kids"]:
        page = kid.get_object()
        page["/Contents"] = writer.add_object(generic.StreamObject(stream_data=line("diganti")))
        writer.mark_update(page.container_ref)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()
