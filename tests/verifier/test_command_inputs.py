"""What ``absah verify`` takes, and what it says to everything that is no signed PDF."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7
from sample_files import plain_pdf, signed_pdf
from small_pki import NOW, Pki

from verifier.commands import inputs
from verifier.commands.inputs import Input, NotChecked, gather, read
from verifier.commands.recognise import Ends, recognise
from verifier.finding_words import CODES, finding_message


def zip_of(*names: str, stored_first: tuple[str, bytes] | None = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        if stored_first:
            archive.writestr(zipfile.ZipInfo(stored_first[0]), stored_first[1])
        for name in names:
            archive.writestr(name, b"x")
    return out.getvalue()


def cms(people: Pki, *options: pkcs7.PKCS7Options, encoding: serialization.Encoding) -> bytes:
    return (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(plain_pdf())
        .add_signer(people.officer.certificate, people.officer.key, hashes.SHA256())
        .sign(encoding, [pkcs7.PKCS7Options.Binary, *options])
    )


def what(content: bytes) -> tuple[str, dict[str, str]] | None:
    found = recognise(Ends(content[:8192], lambda: content[-(1 << 20) :]))
    return (found.code, dict(found.values)) if found else None


@pytest.mark.parametrize(
    ("content", "code", "value"),
    [
        (zip_of("a/izin.pdf", "b.PDF", "c.txt"), "INPUT_ZIP", "a/izin.pdf, b.PDF"),
        (zip_of(*(f"{n}.pdf" for n in range(900))), "INPUT_ZIP", "0.pdf, 1.pdf, 2.pdf, 3.pdf, 4.pdf (+895)"),
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


@pytest.mark.parametrize("damage", [b"PK\x03\x04", b"PK\x03\x04" + b"PK\x01\x02" * 50, zip_of("a.pdf")[:-30]])
def test_a_damaged_archive_is_still_an_archive(damage: bytes) -> None:
    found = what(damage)
    assert found is not None
    assert found[0].startswith("INPUT_ZIP")


def test_every_sentence_exists() -> None:
    source = Path(inputs.__file__).read_text() + Path(inputs.__file__).with_name("recognise.py").read_text()
    import re

    named = set(re.findall(r'"((?:INPUT|FOLDER|FILE)_[A-Z_]+)"', source))
    assert len(named) > 12
    assert named <= CODES


def test_folders_stand_for_their_pdfs(tmp_path: Path) -> None:
    (tmp_path / "b" / "deep").mkdir(parents=True)
    for name in ("z.pdf", "b/A.PDF", "b/deep/c.Pdf", "b/note.txt", "b/deep/x.pdf.bak"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "b" / "circle").symlink_to(tmp_path)
    found, passed_over = gather([tmp_path, Path("-"), tmp_path / "none.pdf"])
    names = [item.name.removeprefix(f"{tmp_path}/") for item in found]
    assert names == ["z.pdf", "b/A.PDF", "b/deep/c.Pdf", "-", "none.pdf"]
    assert passed_over == 2


def problems(path: Path) -> tuple[str, ...]:
    with pytest.raises(NotChecked) as caught:
        read(Input(str(path), path))
    return tuple(each.code for each in caught.value.observations)


def test_what_is_no_file_never_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.pdf")
    (tmp_path / "loop.pdf").symlink_to(tmp_path / "loop.pdf")
    (tmp_path / "a.pdf").write_bytes(b"%PDF-" + bytes(100))
    assert problems(tmp_path / "pipe.pdf") == ("FILE_NOT_READABLE", "INPUT_PIPE")
    assert problems(tmp_path / "loop.pdf") == ("FILE_NOT_READABLE", "INPUT_LINK_LOOP")
    assert problems(tmp_path / "none.pdf") == ("FILE_NOT_FOUND",)
    assert problems(tmp_path / "a.pdf" / "b.pdf") == ("FILE_NOT_FOUND",)
    assert problems(tmp_path / ("x" * 300)) == ("FILE_NOT_READABLE",)
    assert problems(tmp_path / "nul\0.pdf") == ("FILE_NOT_READABLE",)
    assert read(Input("a", tmp_path / "a.pdf")) == b"%PDF-" + bytes(100)
    monkeypatch.setattr(inputs, "MAXIMUM_BYTES", 100)
    assert problems(tmp_path / "a.pdf") == ("TOO_LARGE",)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another account to have no right")
def test_a_file_without_the_right_to_read_it(tmp_path: Path) -> None:
    secret = tmp_path / "secret.pdf"
    secret.write_bytes(b"%PDF-")
    secret.chmod(0)
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom verifier.commands.inputs import *\n"
        "os.chmod(Path(sys.argv[1]).parent, 0o755); os.setuid(65534)\n"
        "try: read(Input('x', Path(sys.argv[1])))\n"
        "except NotChecked as error: print(*(each.code for each in error.observations))\n"
    )
    for parent in secret.parents:
        if parent.stat().st_uid == 0 and not parent.stat().st_mode & 1:
            parent.chmod(parent.stat().st_mode | 0o11)
    run = subprocess.run(
        [sys.executable, "-c", code, str(secret)], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.split() == ["FILE_NOT_READABLE", "INPUT_NO_PERMISSION"]


def command(folder: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "verifier.cli", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONWARNINGS": "error::ResourceWarning"},
        input=given,
        capture_output=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def folder(tmp_path: Path, people: Pki) -> Path:
    (tmp_path / "data" / "trust").mkdir(parents=True)
    (tmp_path / "data" / "trust" / "root.pem").write_bytes(people.root.pem)
    return tmp_path


def test_a_pipe_is_checked_like_a_file(folder: Path) -> None:
    good = command(folder, "-", "--json", given=signed_pdf(stamped=NOW))
    assert (good.returncode, good.stderr) == (0, b"")
    assert json.loads(good.stdout)["file"] == "-"
    empty = command(folder, "-", "--json")
    assert json.loads(empty.stdout)["findings"][0]["code"] == "EMPTY"
    assert empty.returncode == 2
    packed = json.loads(command(folder, "-", "--json", given=zip_of("a.pdf")).stdout)
    assert {each["code"] for each in packed["findings"]} == {"NOT_PDF", "INPUT_ZIP"}
    assert len(packed["sha256"]) == 64


def test_many_files_at_once_are_answered_in_order_whatever_some_of_them_are(
    folder: Path, people: Pki
) -> None:
    many = folder / "many"
    many.mkdir()
    signed = signed_pdf(stamped=NOW)
    kinds = [
        signed,
        signed + b"tail",
        plain_pdf(),
        zip_of("a.pdf"),
        cms(people, encoding=serialization.Encoding.DER),
    ]
    for number in range(15):
        (many / f"{number:02}.pdf").write_bytes(kinds[number % 5])
    (many / "note.txt").write_text("x")
    run = command(folder, "many", "--jobs", "3", "--json", "--lang", "en")
    objects = [json.loads(line) for line in run.stdout.splitlines()]
    assert [each["file"] for each in objects] == [f"many/{number:02}.pdf" for number in range(15)]
    expected = ["valid", "altered", "unsigned", "unreadable", "unreadable"] * 3
    assert [each["verdict"] for each in objects] == expected
    assert run.returncode == 2
    assert run.stderr.decode() == "1 other files in the folders were passed over; only .pdf is checked.\n"
    assert objects[3]["sha256"] != objects[4]["sha256"] != ""
