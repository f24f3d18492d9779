"""What a file is that is no PDF: function, library, sandbox, page and API all say the same."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7
from other_files import cms, zip_of
from small_pki import NOW, Pki

from verifier.check import check
from verifier.finding_words import finding_message
from verifier.recognise import recognise
from verifier.sandbox import Sandbox


def what(content: bytes) -> tuple[str, dict[str, str]] | None:
    found = recognise(content)
    return (found.code, dict(found.values)) if found else None


@pytest.mark.parametrize(
    ("content", "code", "value"),
    [
        (zip_of("a/izin.pdf", "b.PDF", "c.txt"), "INPUT_ZIP", "a/izin.pdf, b.PDF"),
        (zip_of(*(f"{n}.pdf" for n in range(900))), "INPUT_ZIP", "0.pdf, 1.pdf, 2.pdf, 3.pdf, 4.pdf (+895)"),
        (zip_of("b.txt", stored_first=("izin.pdf", b"%PDF-1.7 ...")), "INPUT_ZIP", "izin.pdf"),
        (zip_of("c.txt"), "INPUT_ZIP_WITHOUT_PDF", None),
        (zip_of(), "INPUT_ZIP_WITHOUT_PDF", None),
        (zip_of("[Content_Types].xml", "word/document.xml", "word/a.pdf"), "INPUT_OFFICE", "Word"),
        (zip_of("[Content_Types].xml", "xl/workbook.xml"), "INPUT_OFFICE", "Excel"),
        (
            zip_of("content.xml", stored_first=("mimetype", b"application/vnd.oasis.opendocument.text")),
            "INPUT_OFFICE",
            "OpenDocument",
        ),
        (
            zip_of("a.pdf", stored_first=("mimetype", b"application/vnd.etsi.asic-e+zip")),
            "INPUT_SIGNATURE_CONTAINER",
            None,
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "INPUT_OFFICE", "Office 97–2003"),
        (b"{\\rtf1 x}", "INPUT_OFFICE", "RTF"),
        (b"\0\0\0\x18ftypheic" + bytes(90), "INPUT_PICTURE", "HEIC"),
        (b"II*\0" + bytes(90), "INPUT_PICTURE", "TIFF"),
        (b"MM\0*" + bytes(90), "INPUT_PICTURE", "TIFF"),
        (b"RIFF\x20\0\0\0WEBPVP8 ", "INPUT_PICTURE", "WebP"),
        (b"\n<!DOCTYPE html><html></html>", "INPUT_WEB_PAGE", None),
        (b"\xef\xbb\xbf<!-- x -->\n<HTML>", "INPUT_WEB_PAGE", None),
        (b"Return-Path: <a@example.org>\r\nReceived: x\r\nSubject: izin\r\n\r\n", "INPUT_MAIL", None),
        (b"-----BEGIN CERTIFICATE-----\nMIIB\n", "INPUT_CERTIFICATE", None),
    ],
)
def test_what_a_file_is_that_is_no_pdf(content: bytes, code: str, value: str | None) -> None:
    found = what(content)
    assert found is not None
    assert found[0] == code
    assert value is None or value in found[1].values()
    for language in ("id", "en"):
        assert "—" not in finding_message(code, language, **found[1])  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", [serialization.Encoding.DER, serialization.Encoding.PEM])
def test_a_cms_is_not_taken_for_the_pdf_in_it(people: Pki, encoding: serialization.Encoding) -> None:
    inside = cms(people, encoding=encoding)
    outside = cms(people, pkcs7.PKCS7Options.DetachedSignature, encoding=encoding)
    if encoding is serialization.Encoding.DER:
        assert b"%PDF-" in inside[:1024]  # which a lenient reader would open
    assert what(inside) == ("INPUT_CMS_CONTAINER", {})
    assert what(outside) == ("INPUT_CMS_DETACHED", {})


@pytest.mark.parametrize(
    "content",
    [
        b"", b"%PDF-1.7", b"junk\n%PDF-1.4", b"PK%PDF-1.4", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0",
        b"hello",
        b"From hell", b"To: nobody", b"0\x82\x01\x00%PDF-1.4", b"PK\x03", b"<xml/>",
    ],
)  # fmt: skip
def test_what_may_be_a_pdf_or_a_photo_is_passed_on(content: bytes) -> None:
    assert what(content) is None


@pytest.mark.parametrize(
    "damage",
    [b"PK\x03\x04", b"PK\x03\x04" + b"PK\x01\x02" * 50, zip_of("a.pdf")[:-30]],
    ids=["head", "directory", "cut"],
)
def test_a_damaged_archive_is_still_an_archive(damage: bytes) -> None:
    found = what(damage)
    assert found is not None
    assert found[0].startswith("INPUT_ZIP")


def test_the_library_says_what_it_is_and_opens_nothing_in_it(sandbox: Sandbox, people: Pki) -> None:
    wrapped = cms(people, encoding=serialization.Encoding.DER)
    for content, code in ((zip_of("izin.pdf"), "INPUT_ZIP"), (wrapped, "INPUT_CMS_CONTAINER")):
        report = check(content, sandbox=sandbox, anchors=[people.root.pem], now=NOW, lang="en")
        assert report.verdict == "unreadable"
        assert [each.code for each in report.findings] == ["NOT_PDF", code]
        assert report.signatures == ()
