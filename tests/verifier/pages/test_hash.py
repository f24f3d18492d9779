"""An untouched original is answered by its hash alone, with the page that the file itself would get."""

from __future__ import annotations

import hashlib
import re

import pytest
from fastapi.testclient import TestClient

from tests.journeys.public_site import Made
from verifier.sandbox import Sandbox

from .conftest import without_lifespan

PAGE = {"Accept": "text/html"}


@pytest.fixture
def original(made: Made) -> bytes:
    return (made.samples / "asli.pdf").read_bytes()


def test_the_answer_is_that_for_the_file_but_for_the_signatures(client: TestClient, original: bytes) -> None:
    sent = client.post("/api/v1/verify", files={"file": ("a.pdf", original)}).json()
    asked = client.get(f"/api/v1/verify/{sent['sha256']}")
    assert asked.status_code == 200
    same = ("sha256", "verdict", "summary", "register")
    assert {name: asked.json()[name] for name in same} == {name: sent[name] for name in same}
    assert (asked.json()["verdict"], asked.json()["signatures"]) == ("valid", [])
    assert asked.headers["content-language"] == "id"
    english = client.get(f"/api/v1/verify/{sent['sha256'].upper()}?lang=en").json()
    assert (english["summary"], english["sha256"]) == ("Original file, in force.", sent["sha256"])


def test_one_changed_byte_is_another_file(client: TestClient, original: bytes) -> None:
    changed = hashlib.sha256(original + b"\n").hexdigest()
    answer = client.get(f"/api/v1/verify/{changed}")
    assert (answer.status_code, answer.json()["code"]) == (404, "UNKNOWN_FILE")
    page = client.get(f"/periksa-file/{changed}", headers=PAGE)
    assert (page.status_code, "bukan file yang diterbitkan di sini" in page.text) == (404, True)
    assert 'class="verdict' not in page.text


@pytest.mark.parametrize("given", ["abc", "g" * 64, "0" * 63, "0" * 65])
def test_what_is_no_hash(client: TestClient, given: str) -> None:
    answer = client.get(f"/api/v1/verify/{given}")
    assert (answer.status_code, answer.json()["code"]) == (422, "MALFORMED_SHA256")
    assert client.get(f"/periksa-file/{given}", headers=PAGE).status_code == 422


def test_a_silent_register_is_not_an_unknown_file(made: Made, sandbox: Sandbox, original: bytes) -> None:
    silent = without_lifespan(made, sandbox, lookup=Made(made.data / "nowhere", {}).lookup)
    answer = silent.get(f"/api/v1/verify/{hashlib.sha256(original).hexdigest()}")
    assert (answer.status_code, answer.json()["code"]) == (503, "REGISTER_UNAVAILABLE")


def test_the_page_is_that_of_the_file(client: TestClient, original: bytes) -> None:
    sha256 = hashlib.sha256(original).hexdigest()
    sent = client.post("/periksa-file", files={"file": ("a.pdf", original)}, headers=PAGE).text
    asked = client.get(f"/periksa-file/{sha256}", headers=PAGE).text

    def verdict(page: str) -> str:
        found = re.search(r'<section class="verdict.*?</section>', page, re.S)
        assert found is not None
        return found.group()

    assert verdict(asked) == verdict(sent)
    assert "green" in verdict(asked)
    assert sha256 in asked
    # It can be asked again, so the other language needs no file.
    assert "(send the file again)" not in asked
    english = client.get(f"/periksa-file/{sha256}?lang=en", headers=PAGE).text
    assert "Original file, in force" in english


def test_what_a_clerk_can_quote(client: TestClient, made: Made, original: bytes) -> None:
    sha256 = hashlib.sha256(original).hexdigest()
    page = client.get(f"/periksa-file/{sha256}", headers=PAGE).text
    quote = re.search(r'<p class="quote">(.*?)</p>', page, re.S)
    reference = re.search(r'Nomor rujukan</dt><dd class="code">(\w+)<', page)
    assert quote is not None
    assert reference is not None
    for part in (
        reference.group(1),
        "WIB",
        "cek.contoh.example",
        "“File asli dan masih berlaku”",
        f"SHA-256 {sha256[:16]}…",
    ):
        assert part in quote.group(1)
    by_code = client.get(f"/d/{made.codes['revoked']}", headers=PAGE).text
    assert re.search(r'<p class="quote">[^<]*“Dicabut[^<]*\([0-9A-Z-]{16}\)\.</p>', by_code)
