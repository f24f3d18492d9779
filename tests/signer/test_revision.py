from __future__ import annotations

import hashlib
import io
import re
from typing import Any

import pypdfium2
import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import PdfFileWriter

from signer.revision import Revision, RevisionRefused, text_string
from tests.signer.test_signature import rendered
from verifier.pdf.document import Document, File
from verifier.pdf.objects import Name, Reference, Stream

VALUES: list[Any] = [
    None, True, False, 0, -7, 2**31 - 1, 0.5, -0.25, 595.2756, 1e-9, 1e20, Name("A"), Name("A B#/(é"),
    Name(""),
    b"", b"plain (brackets) \\ and\nmore", bytes(range(256)), text_string("drg. Ahmad"), text_string("“é”"),
    [], [1, [2, Name("x")], b"y"], {}, {"Key": {"Inner Key": [Reference(1, 0), 2, Reference(3, 0)]}},
]  # fmt: skip


def table_file() -> bytes:
    return rendered()


def stream_file() -> bytes:
    """With a cross-reference stream and objects in an object stream, as most programs write today."""
    writer = PdfFileWriter(stream_xrefs=True)
    contained = writer.prepare_object_stream()
    info = writer.add_object(generic.DictionaryObject({generic.pdf_name("/Old"): generic.NumberObject(1)}),
                             obj_stream=contained)  # fmt: skip
    page = generic.DictionaryObject(
        {
            generic.pdf_name("/Type"): generic.pdf_name("/Page"),
            generic.pdf_name("/MediaBox"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 595, 842))),
            generic.pdf_name("/Resources"): generic.DictionaryObject(),
        }
    )
    writer.insert_page(page)
    writer.root["/Contained"] = info
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def hybrid_file() -> bytes:
    """A table, and beside it a stream of objects that old programs do not see (7.5.8.4)."""
    start = b"%PDF-1.5\n"
    objects = [
        b"1 0 obj\n<</Type/Catalog/Pages 2 0 R/Contained 4 0 R>>\nendobj\n",
        b"2 0 obj\n<</Type/Pages/Kids[3 0 R]/Count 1>>\nendobj\n",
        b"3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<<>>>>\nendobj\n",
        b"5 0 obj\n<</Type/ObjStm/N 1/First 4/Length 12>>\nstream\n4 0 <</Old 1>>\nendstream\nendobj\n",
    ]
    objects[3] = objects[3].replace(b"/Length 12", b"/Length 14")
    places, body = [], bytearray(start)
    for each in objects:
        places.append(len(body))
        body += each
    hidden = len(body)
    rows = b"\x02\0\0\0\x05\0\0" + b"\x01" + places[3].to_bytes(4, "big") + b"\0\0"
    body += b"6 0 obj\n<</Type/XRef/Size 7/W[1 4 2]/Index[4 2]/Root 1 0 R/Length %d>>\nstream\n" % len(rows)
    body += rows + b"\nendstream\nendobj\n"
    table = len(body)
    body += b"xref\n0 4\n0000000000 65535 f\r\n"
    for place in places[:3]:
        body += b"%010d 00000 n\r\n" % place
    body += b"trailer\n<</Size 7/Root 1 0 R/XRefStm %d>>\nstartxref\n%d\n%%%%EOF\n" % (hidden, table)
    return bytes(body)


FILES = {"table": table_file, "stream": stream_file, "hybrid": hybrid_file}


def read(pdf: bytes) -> Document:
    document = File(pdf).until(len(pdf), repair=False)
    assert not document.doubts
    return document


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_every_value_is_read_back(kind: str, value: Any) -> None:
    pdf = FILES[kind]()
    revision = Revision(pdf)
    revision.catalog["Added"] = revision.add({"Value": value})
    document = read(revision.write().behind(pdf))
    found = document.get(document.catalog, "Added")
    assert found == {"Value": value if not isinstance(value, float) else pytest.approx(value, abs=1e-9)}


@pytest.mark.parametrize("kind", FILES)
def test_other_readers_see_old_and_new(kind: str) -> None:
    pdf = FILES[kind]()
    revision = Revision(pdf)
    catalog = revision.catalog
    catalog["Added"] = revision.add_stream(b"endstream endobj" * 9, Kind=Name("Test"))
    if kind != "table":
        revision.edit(catalog["Contained"])["New"] = 2
    longer = revision.write().behind(pdf)
    assert longer.startswith(pdf)
    reader = PdfFileReader(io.BytesIO(longer), strict=kind != "hybrid")
    assert reader.root["/Added"].data == b"endstream endobj" * 9
    assert reader.root["/Added"]["/Kind"] == "/Test"
    if kind != "table":
        assert reader.root["/Contained"] == {"/Old": 1, "/New": 2}
    assert (
        reader.xrefs.total_revisions == PdfFileReader(io.BytesIO(pdf), strict=False).xrefs.total_revisions + 1
    )
    with pypdfium2.PdfDocument(longer) as shown:
        assert len(shown) == len(read(pdf).pages())


@pytest.mark.parametrize("kind", FILES)
def test_the_section_is_of_the_kind_that_the_file_has(kind: str) -> None:
    pdf = FILES[kind]()
    for _ in range(3):
        before = read(pdf)
        revision = Revision(pdf)
        revision.catalog["Added"] = revision.add([])
        pdf = revision.write().behind(pdf)
        newest, *older = read(pdf).chain.sections
        assert newest.is_stream == (kind == "stream")
        assert newest.trailer["Prev"] == older[0].start == before.chain.sections[0].start


def test_the_first_identifier_stays_and_the_second_follows_the_content() -> None:
    pdf = rendered()
    first, second = File(pdf).whole().trailer["ID"]

    def written(value: int) -> bytes:
        revision = Revision(pdf)
        revision.catalog["Added"] = value
        return revision.write().behind(pdf)

    assert written(1) == written(1)
    identifiers = [read(written(value)).trailer["ID"] for value in (1, 2)]
    assert [each[0] for each in identifiers] == [first, first]
    assert len({second, *(each[1] for each in identifiers)}) == 3


def test_a_number_that_size_leaves_open_is_not_taken() -> None:
    pdf = hybrid_file().replace(b"/Size 7/Root 1 0 R/XRef", b"/Size 9/Root 1 0 R/XRef")
    assert Revision(pdf).add(None) == Reference(9, 0)


def test_bytes_before_the_header_are_not_counted_where_the_file_does_not() -> None:
    moved = b"junk in front\n" + hybrid_file()
    revision = Revision(moved)
    revision.catalog["Added"] = revision.add([1])
    longer = revision.write().behind(moved)
    document = File(longer).until(len(longer), repair=False)
    assert document.doubts == ["BASE_MOVED"]
    assert document.get(document.catalog, "Added") == [1]


def test_an_object_begins_a_line_wherever_the_file_ends() -> None:
    for pdf in (rendered().rstrip(), rendered().rstrip() + b"\r\n", rendered() + b"% remark"):
        revision = Revision(pdf)
        revision.catalog["Added"] = True
        addition = revision.write().appended
        assert re.match(rb"[^\r\n]?[\r\n]\d+ 0 obj\n", pdf[-1:] + addition)
        assert read(pdf + addition).catalog["Added"] is True


def test_generations_are_kept() -> None:
    pdf = hybrid_file().replace(b"3 0 obj", b"3 7 obj").replace(b"[3 0 R]", b"[3 7 R]")
    pdf = pdf.replace(b"%010d 00000 n" % pdf.index(b"3 7 obj"), b"%010d 00007 n" % pdf.index(b"3 7 obj"))
    revision = Revision(pdf)
    revision.edit(Reference(3, 7))["Rotate"] = 90
    longer = revision.write().behind(pdf)
    assert longer[len(pdf) :].startswith(b"3 7 obj\n")
    assert PdfFileReader(io.BytesIO(longer), strict=False).root["/Pages"]["/Kids"][0]["/Rotate"] == 90


def test_what_is_edited_inside_is_edited_where_it_stands() -> None:
    pdf = rendered()
    revision = Revision(pdf)
    catalog = revision.catalog
    catalog["List"] = revision.add([1])
    revision.edit_inside(catalog, "List").append(2)
    revision.edit_inside(catalog, "MarkInfo")["Marked"] = False
    revision.edit_inside(catalog, "Fresh", []).append(3)
    with pytest.raises(KeyError):
        revision.edit_inside(catalog, "Missing")
    with pytest.raises(KeyError):
        revision.edit(Reference(9_999, 0))
    document = read(revision.write().behind(pdf))
    assert isinstance(document.catalog["List"], Reference)
    assert document.get(document.catalog, "List") == [1, 2]
    assert document.catalog["Fresh"] == [3]
    assert document.catalog["MarkInfo"] == {"Marked": False, "Suspects": False}
    assert File(pdf).whole().catalog["MarkInfo"]["Marked"] is True


def test_the_covered_bytes_are_hashed_once_and_right() -> None:
    pdf = rendered()
    revision = Revision(pdf)
    revision.catalog["Signed"] = revision.add_signature({"Name": b"/Contents<00> [0 0 0 0]"}, 32)
    update = revision.freeze()
    whole = update.behind(pdf)
    _, start, end, rest = update.byte_range
    assert whole[start:end] == b"<" + b"00" * 32 + b">"
    assert end + rest == len(whole)
    assert update.digest == hashlib.sha256(whole[:start] + whole[end:]).digest()
    document = read(whole)
    assert document.get(document.catalog, "Signed", "ByteRange") == list(update.byte_range)
    assert document.get(document.catalog, "Signed", "Contents") == bytes(32)


def encrypted_file() -> bytes:
    writer = PdfFileWriter(init_page_tree=True)
    writer.encrypt("owner", "")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def broken_chain() -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(rendered()))
    writer.root["/Added"] = generic.NumberObject(1)
    writer.update_root()
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue().replace(b"/Prev 2", b"/Prev 9")


@pytest.mark.parametrize(
    ("pdf", "code"),
    [
        (b"", "PDF_DAMAGED"),
        (b"<html>", "PDF_DAMAGED"),
        (rendered()[:-40], "PDF_DAMAGED"),
        (broken_chain(), "PDF_DAMAGED"),
        (rendered().replace(b"/Pages", b"/Sages"), "PDF_DAMAGED"),
        (rendered().replace(b"/Size 46", b"/Size 8388607"), "PDF_TOO_LARGE"),
    ],
)
def test_what_would_need_repair_is_refused(pdf: bytes, code: str) -> None:
    with pytest.raises(RevisionRefused, check=lambda problem: problem.code == code):
        Revision(pdf).add(None)


def test_an_encrypted_file_is_refused() -> None:
    with pytest.raises(RevisionRefused, check=lambda problem: problem.code == "PDF_ENCRYPTED"):
        Revision(encrypted_file())


def test_a_stream_keeps_its_filters() -> None:
    pdf = rendered()
    document = File(pdf).whole()
    number, old = next(
        (number, value)
        for number in document.entries
        if isinstance(value := document.object(Reference(number, 0)), Stream) and "Filter" in value.dictionary
    )
    revision = Revision(pdf)
    revision.catalog["Copy"] = revision.add(old)
    copied = read(revision.write().behind(pdf))
    new = copied.get(copied.catalog, "Copy")
    assert copied.decode(new) == document.decode(old), number
