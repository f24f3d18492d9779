"""Revocation asked for by the public programs: the API, the page, the counters, readiness."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from loopback_authority import DAY, Authority, authority
from prometheus_client import REGISTRY
from sample_files import signed_pdf
from small_pki import NOW, Pki
from test_revocation_addresses import loopback

from storage.database import migrate, open_database, sqlite_url
from tests.journeys.public_site import Made
from verifier import metrics
from verifier.app import create_app
from verifier.revocation_source import RevocationSource
from verifier.sandbox import Sandbox
from verifier.settings import VerifierSettings

from .conftest import without_lifespan


@pytest.fixture
def ca() -> Iterator[Authority]:
    with authority() as made:
        yield made


def counted(kind: str, outcome: str) -> float:
    labels = {"kind": kind, "outcome": outcome}
    return REGISTRY.get_sample_value("absah_revocation_questions_total", labels) or 0.0


def test_api_and_page_ask_and_say_so(made: Made, sandbox: Sandbox, people: Pki, ca: Authority) -> None:
    source = RevocationSource((ca.url,), permitted=loopback, count=metrics.count_revocation)
    before = counted("OCSP", "answered"), counted("OCSP", "kept")
    ca.revoked[ca.officer.certificate.serial_number] = NOW - 20 * DAY
    with without_lifespan(
        made, sandbox, revocation=source, anchors=(ca.anchor, people.root.pem), clock=lambda: NOW
    ) as client:
        sent = {"file": ("a.pdf", signed_pdf(by=ca.officer, stamped=NOW - 10 * DAY))}
        answer = client.post("/api/v1/verify", files=sent).json()
        assert answer["verdict"] == "revoked_signer"
        assert {"SIGNER_REVOKED", "REVOCATION_ASKED"} <= {each["code"] for each in answer["findings"]}
        page = client.post("/periksa-file", files=sent, headers={"Accept": "text/html"})
        assert "Sertifikat penanda tangan sudah dicabut" in page.text
        assert "Penerbit sertifikat ditanya saat pemeriksaan ini" in page.text
    assert counted("OCSP", "answered") - before[0] == 1
    assert counted("OCSP", "kept") - before[1] == 1


def test_the_program_asks_what_is_listed_and_is_ready_without_it(tmp_path: Path, ca: Authority) -> None:
    engine = open_database(sqlite_url(tmp_path / "register.db"))
    migrate(engine)
    engine.dispose()
    (tmp_path / "trust").mkdir()
    (tmp_path / "trust" / "root.pem").write_bytes(ca.anchor)
    ca.server.answers.clear()
    for listed, expected in (((ca.url,), True), ((), False)):
        app = create_app(VerifierSettings(data=tmp_path, revocation_addresses=listed))
        with TestClient(app) as client:
            sent = {"file": ("a.pdf", signed_pdf(by=ca.officer))}
            told = {each["code"] for each in client.post("/api/v1/verify", files=sent).json()["findings"]}
            assert ("REVOCATION_NO_ANSWER" in told) is expected
            assert "REVOCATION_NOT_CHECKED" in told
            assert client.get("/readyz").status_code == 200
    assert ca.server.connections == 0  # it is a private address
