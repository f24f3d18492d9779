"""What readers read in different ways is no permitted change, and what is hardly seen is still a change."""

from __future__ import annotations

from io import BytesIO

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from sample_files import objects_to_pdf, plain_pdf, signed_pdf, stream, with_form_filled
from small_pki import NOW

from verifier.by_file import inspect
from verifier.report import FileAnswer


def look(pdf: bytes) -> FileAnswer:
    return inspect(pdf, anchors=[], moment=NOW)


def changes(pdf: bytes) -> list[str]:
    return [each.changes for each in look(pdf).signatures]


def with_object(pdf: bytes, number: int, body: bytes, trailer: bytes = b"") -> bytes:
    """One more revision with one object."""
    start = len(pdf)
    own = b"%d 0 obj\n%s\nendobj\n" % (number, body)
    previous = int(pdf.rpartition(b"startxref")[2].split()[0])
    return pdf + own + b"xref\n%d 1\n%010d 00000 n \ntrailer\n<< /Size 99 /Root 1 0 R /Prev %d %s>>\n" % (
        number, start, previous, trailer
    ) + b"startxref\n%d\n%%%%EOF\n" % (start + len(own))  # fmt: skip


FIELD = b"/Type /Annot /Subtype /Widget /FT /Tx /T (catatan) /Rect [72 600 300 620] /P 3 0 R /F 4 /V (diisi)"


@pytest.fixture(scope="module")
def genuine() -> bytes:
    return signed_pdf(plain_pdf())


def test_a_field_filled_by_hand_is_permitted(genuine: bytes) -> None:
    assert changes(with_object(genuine, 6, b"<< %s >>" % FIELD)) == ["permitted"]


@pytest.mark.parametrize(
    "body",
    [
        b"<, %s >>" % FIELD,  # cannot be read at all; readers take the older one, or none
        b"<< %s" % FIELD,  # never ends
        b"<< 7 %s >>" % FIELD,  # what is no key
        b"<< %s /Q kanan >>" % FIELD,  # a word that is none
        b"<< %s /MK << /CA (a) /CA (b) >> >>" % FIELD,  # a key twice, further inside
        b"<< /Rect [0 0 600 900] %s >>" % FIELD,  # a key twice: some take the first one
    ],
)
def test_an_object_that_readers_read_differently_is_not_permitted(genuine: bytes, body: bytes) -> None:
    assert changes(with_object(genuine, 6, body)) in (["undetermined"], ["forbidden"])


def test_a_key_twice_is_harmless_where_the_other_value_was_signed(genuine: bytes) -> None:
    """As @signpdf writes the catalogue: some readers go on seeing what was signed."""
    assert changes(with_object(genuine, 6, b"<< /Rect [72 600 300 620] %s >>" % FIELD)) == ["permitted"]


def test_a_trailer_with_two_roots_is_not_permitted(genuine: bytes) -> None:
    assert changes(with_object(genuine, 6, b"<< %s >>" % FIELD, b"/Root 6 0 R ")) != ["permitted"]


def test_a_signature_whose_field_no_longer_leads_to_it_is_missed(genuine: bytes) -> None:
    twice = signed_pdf(genuine, field="Dua")
    assert changes(twice) == ["permitted", "none"]
    start = twice.index(b"/V ", len(genuine))
    number = twice[start:].split()[1]
    cut = twice[:start] + b"/V %s 0 R" % (b"9" * len(number)) + twice[start + 7 + len(number) :]
    assert len(cut) == len(twice)
    answer = look(cut)
    assert [each.changes for each in answer.signatures] == ["forbidden"]
    assert "SIGNATURE_REMOVED" in {finding.code for finding in answer.findings}


def test_a_minus_that_vanishes_from_a_field_is_seen() -> None:
    """The look is made anew for the same value; the dash is the smallest thing that can make a difference."""

    def look_of(drawing: bytes) -> bytes:
        return stream(
            drawing,
            b"/Type /XObject /Subtype /Form /BBox [0 0 228 20] /Resources << /Font << /F1 5 0 R >> >> ",
        )

    dash, none = (b"BT /F1 10 Tf 2 6 Td (%s500) Tj ET" % sign for sign in (b"-", b" "))
    base = objects_to_pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] >> >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Annots [6 0 R] >>",
            stream(b""),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            b"<< %s /AP << /N 7 0 R >> >>" % FIELD.replace(b"diisi", b"-500"),
            look_of(dash),
        ]
    )
    signed = signed_pdf(base)
    assert changes(with_object(signed, 7, look_of(dash + b" "))) == ["permitted"]
    assert changes(
        with_object(signed, 7, look_of(none.replace(b"( 500", b"(500").replace(b"2 6", b"5.3 6")))
    ) == ["forbidden"]


def test_a_value_repeated_by_a_proper_writer_stays_permitted(genuine: bytes) -> None:
    filled = with_form_filled(genuine)
    writer = IncrementalPdfFileWriter(BytesIO(filled))
    field = writer.root["/AcroForm"]["/Fields"][0].get_object()
    field["/V"] = generic.TextStringObject("diisi lagi")
    writer.mark_update(field.container_ref)
    out = BytesIO()
    writer.write(out)
    assert changes(out.getvalue()) == ["permitted"]
