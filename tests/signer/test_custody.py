from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from storage.archive import final_key
from storage.custody import read_kept
from storage.database import open_database_to_read, transaction
from storage.lookup import Lookup
from storage.reconcile import discrepancies
from storage.tables import audit_event, custody, document_content
from storage.vocabulary import Verdict
from tests.command_line import absah
from tests.interop.conftest import SAMPLE
from tests.office import Office
from tests.signer.test_signature import rendered
from verifier.by_hash import check_hash
from verifier.check import check

CUSTODY = "/api/v1/custody"
DESCRIBED = {
    "issuer": "Ditjen Dukcapil",
    "number": "3175-LU-12032026-0001",
    "type": "Akta Kelahiran",
    "holder_name": "Siti Aminah",
}
AGENCY = "dpmptsp-contoh"
GENUINE = SAMPLE / "genuine"
SIGNED = (GENUINE / "dss-057-field-sign-letter.pdf").read_bytes()


@pytest.fixture
def trusting(office: Office) -> Office:
    """An office that trusts the sample's root, as it would that of another authority."""
    from tests.office import open_office

    (office.settings.trust_folder / "authority.pem").write_bytes((SAMPLE / "root.pem").read_bytes())
    return open_office(office.settings, office.keys)


def hand_in(office: Office, file: bytes, key: str = "k", agency: str = AGENCY, **changes: Any) -> Any:
    return office.client.post(
        CUSTODY,
        files={
            "file": ("akta.pdf", file, "application/pdf"),
            "document": (None, json.dumps({**DESCRIBED, **changes})),
        },
        headers={"Authorization": f"Bearer {office.keys[agency]}", "Idempotency-Key": key},
    )


def lookup(office: Office) -> Lookup:
    return Lookup(open_database_to_read(office.settings.database))


def test_a_signed_document_is_kept_and_delivered_byte_for_byte(trusting: Office) -> None:
    answer = hand_in(trusting, SIGNED)
    assert answer.status_code == 201, answer.text
    kept = answer.json()
    assert (kept["origin"], kept["number"], kept["type"]) == tuple(
        DESCRIBED[name] for name in ("issuer", "number", "type")
    )
    assert kept["verdict"] == "valid"
    assert [each["integrity"] for each in kept["signatures"]] == ["intact"]
    assert kept["sha256"] == hashlib.sha256(SIGNED).hexdigest()
    delivered = trusting.get(f"{CUSTODY}/{kept['id']}/pdf")
    assert delivered.content == SIGNED
    assert delivered.headers["content-type"] == "application/pdf"
    assert trusting.get(f"{CUSTODY}/{kept['id']}").json() == kept
    archive = trusting.workshop.archive
    assert archive.read(final_key(AGENCY, kept["sha256"])) == SIGNED


def test_the_same_key_gives_the_same_entry_and_no_other_request(trusting: Office) -> None:
    first = hand_in(trusting, SIGNED)
    assert hand_in(trusting, SIGNED).json() == first.json()
    other = hand_in(trusting, SIGNED, number="2")
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    again = hand_in(trusting, SIGNED, key="another")
    assert (again.status_code, again.json()["code"]) == (409, "ALREADY_KEPT")
    assert first.json()["id"] in again.json()["detail"]


def test_another_agency_neither_sees_nor_is_hindered(trusting: Office) -> None:
    others = next(each for each in trusting.keys if each != AGENCY)
    kept = hand_in(trusting, SIGNED).json()["id"]
    for path in (f"{CUSTODY}/{kept}", f"{CUSTODY}/{kept}/pdf"):
        assert trusting.get(path, others).status_code == 404
    assert hand_in(trusting, SIGNED, agency=others).status_code == 201


def test_the_public_is_told_whose_it_is_and_never_that_it_is_in_force(trusting: Office) -> None:
    hand_in(trusting, SIGNED)
    register = lookup(trusting)
    report = check(SIGNED, lookup=register, lang="en")
    assert report.verdict is Verdict.VALID
    assert report.heading == "Original file issued by Ditjen Dukcapil, kept here"
    assert "ask Ditjen Dukcapil" in report.advice
    assert report.colour == "grey"
    assert "in force" not in report.summary
    codes = {each.code for each in report.findings}
    assert "KEPT_FOR_ISSUER" in codes
    assert "ORIGINAL" not in codes
    assert report.record is not None
    assert report.record.masked_name == "S*** A***"
    by_hash = check_hash(hashlib.sha256(SIGNED).hexdigest(), register, now=report.checked_at, lang="id")
    assert by_hash.heading == "File asli terbitan Ditjen Dukcapil, disimpan di sini"
    # Something was added: it is tied to the record by what its signature covers.
    longer = check(SIGNED + b"\n% more\n", lookup=register, lang="en")
    assert longer.verdict is not Verdict.VALID
    assert longer.register is not None
    assert longer.register.known


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (b"", "CUSTODY_UNREADABLE"),
        (b"PK\x03\x04 not a PDF", "CUSTODY_UNREADABLE"),
        (SIGNED[:-200], "CUSTODY_UNREADABLE"),
        (SIGNED.replace(b"/MediaBox", b"/MediaBax"), "CUSTODY_ALTERED"),
        (rendered(), "CUSTODY_UNSIGNED"),
    ],
)
def test_what_nobody_vouches_for_is_refused_and_leaves_nothing(
    trusting: Office, file: bytes, code: str
) -> None:
    answer = hand_in(trusting, file)
    found = {answer.json()["code"]} | {each["code"] for each in answer.json().get("errors", ())}
    if code == "CUSTODY_UNREADABLE" and file == SIGNED[:-200]:
        assert found & {"CUSTODY_UNREADABLE", "CUSTODY_ALTERED"}
    elif file:
        assert answer.json()["code"] == code
    assert answer.status_code == 422
    with transaction(trusting.desk.register.engine) as connection:
        assert connection.execute(select(custody)).all() == []


def test_an_unknown_signer_is_refused_without_a_reason(office: Office) -> None:
    answer = hand_in(office, SIGNED)
    assert (answer.status_code, answer.json()["code"]) == (422, "CUSTODY_UNTRUSTED_SIGNER")
    assert hand_in(office, SIGNED, accept_unsigned="Dari SIAK lama").status_code == 422
    taken = hand_in(office, SIGNED, accept_untrusted="Diambil langsung dari SIAK")
    assert taken.status_code == 201
    report = check(SIGNED, lookup=lookup(office), lang="en")
    assert report.verdict is Verdict.UNTRUSTED_SIGNER


def test_an_unsigned_file_is_taken_with_a_reason_and_stays_unsigned(trusting: Office) -> None:
    taken = hand_in(trusting, rendered(), accept_unsigned="Dari SIMBG, belum bertanda tangan")
    assert taken.status_code == 201, taken.text
    report = check(rendered(), lookup=lookup(trusting), lang="en")
    assert report.verdict is Verdict.UNSIGNED
    assert "KEPT_FOR_ISSUER" in {each.code for each in report.findings}
    register = trusting.desk.register
    with transaction(register.engine) as connection:
        row = connection.execute(select(custody)).mappings().one()
        reason = register.vault.decrypt(connection, AGENCY, row["document_id"], row["reason"])
        told = " ".join(connection.scalars(select(audit_event.c.canonical)).all())
        content = connection.execute(select(document_content)).mappings().all()
    assert reason == "Dari SIMBG, belum bertanda tangan"
    assert "SIMBG" not in told
    assert "custody.received" in told
    assert all(b"Siti" not in each["fields"] for each in content)


def test_a_document_of_ours_needs_no_custody(office: Office) -> None:
    issued = office.issue()
    pdf = office.get(f"/api/v1/documents/{issued['id']}/pdf").content
    answer = hand_in(office, pdf, key="custody")
    assert (answer.status_code, answer.json()["code"]) == (409, "ISSUED_HERE")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"issued_on": "2999-01-01"}, "/issued_on"),
        ({"issued_on": "2026-03-12", "valid_until": "2026-03-11"}, "/valid_until"),
        ({"issuer": ""}, "/issuer"),
        ({"stamp": True}, "/stamp"),
    ],
)
def test_a_description_that_cannot_be_right_is_refused(
    trusting: Office, changes: dict[str, Any], pointer: str
) -> None:
    answer = hand_in(trusting, SIGNED, **changes)
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


def test_a_form_without_its_parts_is_refused(trusting: Office) -> None:
    headers = {"Authorization": f"Bearer {trusting.keys[AGENCY]}", "Idempotency-Key": "k"}
    alone = trusting.client.post(CUSTODY, files={"file": ("a.pdf", SIGNED)}, headers=headers)
    assert (alone.status_code, alone.json()["code"]) == (400, "MALFORMED_JSON")
    described = trusting.client.post(
        CUSTODY, files={"document": (None, json.dumps(DESCRIBED))}, headers=headers
    )
    assert (described.status_code, described.json()["code"]) == (422, "NO_FILE")
    body = trusting.client.post(CUSTODY, content=b"{}", headers=headers)
    assert (body.status_code, body.json()["code"]) == (422, "NOT_A_FORM")


def test_the_issuer_withdraws_it_and_the_public_is_told(trusting: Office) -> None:
    kept = hand_in(trusting, SIGNED).json()["id"]
    change = {"reason": "data_corrected", "note": "Surat Dukcapil 4/2026"}
    answer = trusting.post(f"/api/v1/documents/{kept}/revoke", change)
    assert answer.status_code == 200, answer.text
    assert check(SIGNED, lookup=lookup(trusting)).verdict is Verdict.REVOKED


def test_the_cycle_and_the_audit_leave_it_in_peace(trusting: Office) -> None:
    kept = hand_in(trusting, SIGNED).json()["id"]
    trusting.work()
    with transaction(trusting.desk.register.engine) as connection:
        assert list(discrepancies(connection, trusting.workshop.archive)) == []
    assert read_kept(trusting.desk.register, AGENCY, kept).sha256 == hashlib.sha256(SIGNED).hexdigest()


def test_by_the_command_line(trusting: Office, tmp_path: Path) -> None:
    data, file, got = trusting.settings.data, tmp_path / "akta.pdf", tmp_path / "got.pdf"
    file.write_bytes(SIGNED)
    arguments = ["custody", "add", str(file), "--agency", AGENCY, "--issuer", "Ditjen Dukcapil"]
    arguments += ["--number", "1", "--type", "Akta Kelahiran", "--holder-name", "Siti Aminah"]
    run = absah(data, *arguments)
    kept = run.stdout.split()[1]
    assert "Siti" not in run.stdout + run.stderr
    absah(data, "custody", "get", kept, "--agency", AGENCY, "-o", str(got))
    assert got.read_bytes() == SIGNED
    assert "ALREADY_KEPT" in absah(data, *arguments, code=1).stderr
    file.write_bytes(rendered())
    assert "CUSTODY_UNSIGNED" in absah(data, *arguments, code=1).stderr
    told = absah(data, "verify", str(got), "--lang", "en").stdout
    assert "Ditjen Dukcapil" in told


def test_on_postgresql_and_s3(large_office: Office) -> None:
    answer = hand_in(large_office, SIGNED, accept_untrusted="Diambil dari SIAK")
    assert answer.status_code == 201, answer.text
    assert large_office.get(f"{CUSTODY}/{answer.json()['id']}/pdf").content == SIGNED
