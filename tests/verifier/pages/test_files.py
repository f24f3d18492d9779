from __future__ import annotations

import asyncio
import html
import json
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from cryptography.hazmat.primitives import serialization
from fastapi.testclient import TestClient
from lxml import etree
from other_files import cms, zip_of
from sample_files import encrypted_pdf, plain_pdf, signed_pdf, with_validation_data
from small_pki import NOW, Pki, revocation_list

from tests.journeys.public_site import Made, parts, public_app, served
from tests.services import missing
from verifier.sandbox import Sandbox
from verifier.upload import UploadMemory

from .conftest import without_lifespan

PAGE = {"Accept": "text/html"}
KEYS = {
    "file", "sha256", "verdict", "summary", "signatures", "register", "findings", "elapsed_ms",
}  # fmt: skip


def verify(client: TestClient, content: bytes, name: str = "izin.pdf", **more: Any) -> Any:
    return client.post("/api/v1/verify", files={"file": (name, content)}, **more)


@pytest.mark.parametrize(
    ("sample", "verdict", "heading"),
    [
        ("asli.pdf", "valid", "File asli dan masih berlaku"),
        ("diubah.pdf", "altered", "File berubah setelah ditandatangani"),
        ("tanpa-tanda-tangan.pdf", "unsigned", "Tidak ada tanda tangan elektronik di file ini"),
        ("penanda-tangan-asing.pdf", "untrusted_signer", "Penanda tangan belum dapat kami pastikan"),
        ("hasil-pindai.png", "unsigned", "Tidak ada tanda tangan elektronik di file ini"),
    ],
)
def test_the_samples(client: TestClient, made: Made, sample: str, verdict: str, heading: str) -> None:
    content = (made.samples / sample).read_bytes()
    answer = verify(client, content, sample)
    assert (answer.status_code, set(answer.json())) == (200, KEYS)
    assert (answer.json()["file"], answer.json()["verdict"]) == (sample, verdict)
    page = client.post("/periksa-file", files={"file": (sample, content)}, headers=PAGE)
    assert page.status_code == 200
    assert f'<h1 id="putusan">{heading}</h1>' in page.text
    assert f"<title>{heading} – " in page.text
    for finding in answer.json()["findings"]:
        assert html.escape(finding["message"], quote=False) in page.text.replace("&#39;", "'")
    assert ('class="verdict green"' in page.text) == (verdict == "valid")
    # The product's name means “valid”. Pictures are left out: their base64 spells any short word by chance.
    assert "absah" not in re.sub(r'"data:image/png;base64,[^"]*"', '""', page.text).lower()


def test_what_is_no_pdf_is_told_as_what_it_is(client: TestClient, people: Pki) -> None:
    given = {
        "INPUT_ZIP": zip_of("izin.pdf"),
        # The PDF in it begins early enough for a lenient reader to open it.
        "INPUT_CMS_CONTAINER": cms(people, encoding=serialization.Encoding.DER),
        "INPUT_WEB_PAGE": b"<!doctype html><title>404</title>",
        "INPUT_OFFICE": zip_of("[Content_Types].xml", "word/document.xml"),
        "INPUT_PICTURE": b"II*\0" + bytes(90),
    }
    for code, content in given.items():
        answer = verify(client, content)
        assert (answer.status_code, set(answer.json())) == (200, KEYS)
        assert answer.json()["verdict"] == "unreadable"
        assert [each["code"] for each in answer.json()["findings"]] == ["NOT_PDF", code]
        sentence = answer.json()["findings"][1]["message"]
        page = client.post("/periksa-file", files={"file": ("izin.pdf", content)}, headers=PAGE).text
        # What it is and what to do instead is the reason below the heading, not a detail to unfold.
        assert f'<p class="reason">{html.escape(sentence, quote=False)}</p>' in page


def test_a_scan_leads_to_the_documents_own_page(client: TestClient, made: Made) -> None:
    content = (made.samples / "hasil-pindai.png").read_bytes()
    page = client.post("/periksa-file", files={"file": ("pindai.png", content)}, headers=PAGE)
    assert f'href="/d/{made.codes["valid"]}"' in page.text


def test_a_file_of_a_record_is_compared_as_its_code_is(client: TestClient, made: Made) -> None:
    content = (made.samples / "asli.pdf").read_bytes()
    flipped = content.replace(b"/Type", b"/Typf", 1)
    code_page = client.get(f"/d/{made.codes['valid']}", headers=PAGE).text
    form = code_page[code_page.index('<form method="post" action="/d/') :]
    form = form[: form.index("</form>")]
    for each in (content, flipped):
        page = client.post("/periksa-file", files={"file": ("a.pdf", each)}, headers=PAGE).text
        assert form in page
        assert "Cocokkan dengan kertas Anda" in page
    assert "dokumen aslinya tercatat di sini" in page
    assert "Dokumen aslinya tercatat, masih berlaku" in page
    assert 'class="verdict green"' not in page


def test_a_file_that_cannot_be_read_is_not_called_unrecorded(client: TestClient) -> None:
    page = client.post("/periksa-file", files={"file": ("a.pdf", b"%PDF-1.7 cut")}, headers=PAGE).text
    assert "Tidak dapat dicari: file tidak terbaca" in page
    assert "Tidak ada dokumen" not in page


def test_the_other_language_of_a_file_says_that_the_file_must_be_sent_again(client: TestClient) -> None:
    page = client.post("/periksa-file", files={"file": ("a.pdf", plain_pdf())}, headers=PAGE).text
    link = re.search(r'<a href="([^"]*)" lang="en" hreflang="en">([^<]*)</a>', page)
    assert link is not None
    assert link.group(2) == "English (send the file again)"
    there = client.get(html.unescape(link.group(1)), headers=PAGE)
    assert there.status_code == 200
    assert 'action="/periksa-file"' in there.text


def test_a_refused_file_is_told_before_the_connection_ends(made: Made, sandbox: Sandbox) -> None:
    app = public_app(parts(made, sandbox, upload_limit=10_000_000))
    app.router.lifespan_context = _no_lifespan
    body = form(part(b"file", b"x" * 12_000_000, b'; filename="a.pdf"'))
    with served(app) as url:
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{url}/api/v1/verify", data=body["content"], headers=body["headers"], method="POST"
        )
        for _ in range(3):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=20)  # noqa: S310 - our own server
            with refused.value as answer:
                assert (answer.code, json.load(answer)["code"]) == (413, "TOO_LARGE")
        if not Path("/usr/bin/curl").exists():
            missing("curl", "apt install curl")
        curl = subprocess.run(
            ["/usr/bin/curl", "-sS", "-w", " %{http_code}", "-F", "file=@-;filename=a.pdf",
             f"{url}/api/v1/verify"],
            input=b"x" * 12_000_000, capture_output=True, check=True, timeout=60,
        )  # fmt: skip
        assert curl.stdout.endswith(b" 413")
        assert b"TOO_LARGE" in curl.stdout


def test_a_damaged_form_writes_nothing_of_itself(client: TestClient, caplog: Any, capfd: Any) -> None:
    request, _, _ = ABUSE["a huge preamble"]
    client.post("/api/v1/verify", **request)
    assert "boundary" not in caplog.text + "".join(capfd.readouterr())


def test_the_language_of_findings(client: TestClient) -> None:
    english = verify(client, b"hello", headers={"Accept-Language": "en"}).json()
    assert (english["verdict"], english["summary"]) == ("unreadable", "This file could not be checked.")
    assert verify(client, b"hello").json()["summary"] == "File tidak dapat diperiksa."
    page = client.post("/periksa-file?lang=en", files={"file": ("a.pdf", b"hello")}, headers=PAGE)
    assert "This file could not be checked" in page.text


def test_an_encrypted_file_asks_for_its_password(client: TestClient) -> None:
    locked = encrypted_pdf("rahasia")
    assert verify(client, locked).json()["findings"][0]["code"] == "PASSWORD_NEEDED"
    page = client.post("/periksa-file", files={"file": ("a.pdf", locked)}, headers=PAGE)
    assert "<details open>" in page.text
    wrong = verify(client, locked, data={"password": "salah"}).json()
    assert [each["code"] for each in wrong["findings"]] == ["PASSWORD_WRONG", "PASSWORD_NEEDED"]
    opened = verify(client, locked, data={"password": "rahasia"}).json()
    assert opened["verdict"] == "untrusted_signer"
    assert (
        "rahasia"
        not in client.post(
            "/periksa-file", files={"file": ("a.pdf", locked)}, data={"password": "rahasia"}, headers=PAGE
        ).text
    )


def test_signatures_of_others(made: Made, sandbox: Sandbox, people: Pki) -> None:
    client = without_lifespan(made, sandbox, anchors=(people.root.pem,), clock=lambda: NOW)
    assert verify(client, signed_pdf(stamped=NOW)).json()["verdict"] == "unregistered"
    revoked = revocation_list(people.ca, {people.officer.certificate.serial_number: NOW - timedelta(days=5)})
    page = client.post(
        "/periksa-file",
        files={"file": ("a.pdf", with_validation_data(signed_pdf(), [revoked]))},
        headers=PAGE,
    )
    assert "Sertifikat penanda tangan sudah dicabut" in page.text
    assert "Siti Contoh" in page.text


def test_a_file_name_is_only_text(client: TestClient) -> None:
    name = "<script>alert(1)</script>.pdf"
    page = client.post("/periksa-file", files={"file": (name, plain_pdf())}, headers=PAGE)
    assert "<script>alert" not in page.text
    assert html.escape(name) in page.text
    assert verify(client, plain_pdf(), name).json()["file"] == name
    assert len(verify(client, plain_pdf(), "x" * 3_000).json()["file"]) == 200


def form(*parts: bytes, boundary: bytes = b"x", end: bool = True) -> dict[str, Any]:
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return {
        "content": body + (b"--" + boundary + b"--\r\n" if end else b""),
        "headers": {"Content-Type": f"multipart/form-data; boundary={boundary.decode()}"},
    }


def part(name: bytes, content: bytes, more: bytes = b"") -> bytes:
    return b'Content-Disposition: form-data; name="' + name + b'"' + more + b"\r\n\r\n" + content


FILE = part(b"file", b"%PDF-1.7 nothing", b'; filename="a.pdf"')

ABUSE = {
    "no form at all": ({"content": b"%PDF-1.7"}, 400, "NOT_A_FORM"),
    "JSON": ({"json": {"file": "x"}}, 400, "NOT_A_FORM"),
    "no boundary": ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        400, "MALFORMED_FORM"),
    "a long boundary": (form(FILE, boundary=b"b" * 5_000), 400, "MALFORMED_FORM"),
    "another boundary": (
        {**form(FILE), "headers": {"Content-Type": "multipart/form-data; boundary=y"}}, 400, "MALFORMED_FORM"
    ),
    "nothing": (form(), 422, "NO_FILE"),
    "no file": (form(part(b"other", b"x")), 422, "NO_FILE"),
    "no file chosen": (form(part(b"file", b"", b'; filename=""')), 422, "NO_FILE"),
    "cut off": (form(FILE, end=False), 400, "MALFORMED_FORM"),
    "two files": (form(FILE, FILE), 400, "PART_TWICE"),
    "100 000 parts": (
        form(*(part(b"p%d" % number, b"x") for number in range(100_000))), 400, "TOO_MANY_PARTS"
    ),
    "a huge header": (
        form(b"X-Large: " + b"h" * 100_000 + b"\r\n" + FILE), 400, "MALFORMED_FORM"
    ),
    "100 000 headers": (
        form(b"".join(b"X-%d: h\r\n" % number for number in range(100_000)) + FILE), 400, "MALFORMED_FORM"
    ),
    "a huge field": (form(part(b"password", b"p" * 50_000), FILE), 400, "FIELD_TOO_LONG"),
    "a part without a name": (form(b"X: y\r\n\r\nz", b"X: y\r\n\r\nz"), 400, "PART_TWICE"),
    "a huge preamble": (
        {**form(FILE), "content": b"y" * 90_000 + form(FILE)["content"]}, 400, "MALFORMED_FORM"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ABUSE)
def test_an_abused_form_gets_a_typed_answer(client: TestClient, name: str) -> None:
    request, status, expected = ABUSE[name]
    began = time.monotonic()
    answer = client.post("/api/v1/verify", **request)
    assert time.monotonic() - began < 5
    assert (answer.status_code, answer.json()["code"]) == (status, expected)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "content-security-policy" in answer.headers
    page = client.post("/periksa-file", **{**request, "headers": {**request.get("headers", {}), **PAGE}})
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")


def test_an_empty_file_is_answered_as_a_file(client: TestClient) -> None:
    answer = verify(client, b"")
    assert (answer.status_code, answer.json()["findings"][0]["code"]) == (200, "EMPTY")


def test_too_large_is_refused_as_soon_as_it_is_known(made: Made, sandbox: Sandbox) -> None:
    client = without_lifespan(made, sandbox, upload_limit=100_000)
    assert verify(client, b"%PDF-" + b"x" * 99_995).status_code == 200
    answer = verify(client, b"%PDF-" + b"x" * 99_996)
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")
    page = client.post("/periksa-file", files={"file": ("a.pdf", b"x" * 300_000)}, headers=PAGE)
    assert (page.status_code, "File terlalu besar" in page.text) == (413, True)
    assert "content-security-policy" in page.headers


def test_an_endless_upload_is_cut_while_it_arrives(made: Made, sandbox: Sandbox) -> None:
    app = public_app(parts(made, sandbox, upload_limit=1_000_000))
    # The sandbox belongs to the session: this server must not start or close it.
    app.router.lifespan_context = _no_lifespan
    with served(app) as url:
        host, port = url.removeprefix("http://").split(":")
        head = (
            b"POST /api/v1/verify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        )
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(head)
            start = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
            connection.sendall(b"%x\r\n%s\r\n" % (len(start), start))
            connection.settimeout(0.05)
            sent, received = 0, b""
            while b"413" not in received and sent < 100_000_000:
                chunk = b"z" * 65_536
                connection.settimeout(20)
                connection.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                sent += len(chunk)
                connection.settimeout(0.01)
                try:
                    received += connection.recv(4096)
                except TimeoutError:
                    continue
        assert received.startswith(b"HTTP/1.1 413")
        # Refused near the limit, though the body had no end.
        assert sent < 5_000_000
        declared = (
            b"POST /api/v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        )
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(declared)
            assert connection.recv(4096).startswith(b"HTTP/1.1 413")
        # Shorter than announced: the connection ends, and the server goes on.
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(declared.replace(b"99999999999", b"500") + start)
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(b"GET /robots.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")


class _no_lifespan:  # noqa: N801 - stands where a context manager function does
    def __init__(self, app: object) -> None: ...

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_: object) -> None: ...


def test_a_file_that_stops_arriving(made: Made, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verifier.upload._IDLE_SECONDS", 0.3)
    app = public_app(parts(made, sandbox))
    app.router.lifespan_context = _no_lifespan
    with served(app) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(
                b"POST /api/v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n"
                b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
            )
            answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"UPLOAD_TIMEOUT"' in answer.replace(b'": "', b'":"')


def test_a_busy_sandbox_and_a_silent_register_ask_to_come_back(made: Made) -> None:
    with Sandbox(children=1, waiting=0, patience=0.0) as full:
        client = without_lifespan(made, full)
        with full._place_in_line():
            answer = verify(client, plain_pdf())
            page = client.post("/periksa-file", files={"file": ("a.pdf", plain_pdf())}, headers=PAGE)
            # What the register knows by its hash needs no sandbox.
            assert verify(client, (made.samples / "asli.pdf").read_bytes()).json()["verdict"] == "valid"
    assert (answer.status_code, answer.json()["verdict"]) == (503, "unavailable")
    assert answer.json()["findings"][0]["code"] == "SANDBOX_BUSY"
    assert (page.status_code, page.headers["retry-after"]) == (503, "10")
    assert "Belum dapat diperiksa saat ini" in page.text


def test_uploads_together_hold_a_bounded_memory(made: Made, sandbox: Sandbox) -> None:
    memory = UploadMemory(maximum=100)
    with memory.account() as first:
        first.take(80)
        with memory.account() as second, pytest.raises(Exception, match="Too many files"):
            second.take(21)
    with memory.account() as again:
        again.take(100)


def test_many_originals_at_once(client: TestClient, made: Made) -> None:
    content = (made.samples / "asli.pdf").read_bytes()

    async def all_at_once() -> list[str]:
        answers = await asyncio.gather(*(asyncio.to_thread(verify, client, content) for _ in range(24)))
        return [answer.json()["verdict"] for answer in answers]

    assert asyncio.run(all_at_once()) == ["valid"] * 24


def test_logs_hold_nothing_of_a_file(client: TestClient, made: Made, capfd: Any, caplog: Any) -> None:
    with structlog.testing.capture_logs() as logs:
        for sample in sorted(made.samples.iterdir()):
            verify(client, sample.read_bytes(), f"Rahasia-{sample.name}")
        verify(client, encrypted_pdf("sandi-rahasia"), "Rahasia.pdf", data={"password": "sandi-rahasia"})
    written = json.dumps(logs, default=str) + caplog.text + "".join(capfd.readouterr())
    assert "check.file" in written
    for secret in ("ahasia", "Ratna", "503/", made.codes["valid"]):
        assert secret not in written


def test_a_validation_report_is_given_where_it_is_asked_for(client: TestClient, made: Made) -> None:
    content = (made.samples / "asli.pdf").read_bytes()
    asked = client.post("/api/v1/verify?report=etsi&lang=en", files={"file": ("izin.pdf", content)})
    assert (asked.status_code, asked.headers["content-type"]) == (200, "application/xml")
    assert asked.headers["content-language"] == "en"
    root = etree.fromstring(asked.content)
    assert root.tag == "{http://uri.etsi.org/19102/v1.4.1#}ValidationReport"
    assert b"mainindication:total-passed" in asked.content
    refused = client.post("/api/v1/verify?report=pdf", files={"file": ("izin.pdf", content)})
    assert (refused.status_code, refused.json()["code"]) == (422, "INVALID_REQUEST")
