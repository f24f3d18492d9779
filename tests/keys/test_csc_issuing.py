"""Documents issued with a key at a remote service, and none issued where the service misbehaves."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from asn1crypto import cms
from cryptography.hazmat.primitives.serialization import Encoding

from keys import csc_service
from keys.cms import ID_DATA, signed_attributes
from keys.provider import HumanSecret
from keys.software import PrivateKey, SoftwareKey
from signer import signature
from signer.upload import SignedUpload, UploadOrder, UploadTools, sign_upload
from storage import alarms, audit, tables
from storage.database import transaction
from storage.sessions import SIGNED
from tests.faults.checking import check_issued_once, rows
from tests.keys.attended import signed_in_a_session
from tests.keys.certificates import p256, root, rsa_key
from tests.keys.csc_place import CREDENTIAL, RemotePlace, pem, remote_place
from tests.keys.csc_server import CLIENT_SECRET, OTP, PIN, Credential
from tests.keys.responder import responder
from tests.keys.test_issuing import KEY, officer, work
from tests.keys.test_software import refused
from tests.office import Office, open_office
from tests.signer.large_upload import Witness
from tests.signer.test_signature import rendered
from verifier import check
from verifier.sandbox import Sandbox
from verifier.trust.folder import read_trust


@pytest.fixture(scope="module")
def authority() -> SoftwareKey:
    return root("Akar Produksi")


@pytest.fixture(params=[1, 2], ids=["v1", "v2"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, authority: SoftwareKey, ocsp_url: str
) -> Iterator[RemotePlace]:
    private = p256()
    chain = [officer(private, authority), authority.certificate]
    with remote_place(tmp_path, private, chain, request.param) as made:
        yield replace(made, ocsp_url=ocsp_url)


@pytest.fixture(scope="module")
def ocsp_url(authority: SoftwareKey) -> Iterator[str]:
    with responder(authority) as running:
        yield running.url


def reopened(
    empty: Office, place: RemotePlace, authority: SoftwareKey, *lines: str, pin: bool = True
) -> Office:
    """A copy of the empty office whose only key is at the service."""
    data = place.folder / "data"
    if not data.exists():
        empty.desk.register.engine.dispose()
        shutil.copytree(empty.settings.data, data)
    (data / "trust" / "production.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    (place.folder / "keys.toml").write_text(place.entry(KEY, *lines, pin=pin))
    changed = {"data": data, "keys_file": place.folder / "keys.toml", "ocsp_url": place.ocsp_url}
    return open_office(empty.settings.model_copy(update=changed), empty.keys)


@pytest.mark.parametrize(
    ("private", "algorithm"),
    [(rsa_key(2048), "rsa-pkcs1-sha256"), (rsa_key(2048), "rsa-pss-sha256"), (p256(), "ecdsa-sha256")],
)
def test_a_document_is_issued_with_a_remote_key(
    empty_office: Office, place: RemotePlace, authority: SoftwareKey, private: PrivateKey, algorithm: str
) -> None:
    chain = [officer(private, authority), authority.certificate]
    place.server.credentials[CREDENTIAL] = Credential(
        pem(private), [each.public_bytes(Encoding.DER) for each in chain]
    )
    office = reopened(empty_office, place, authority, f'algorithm = "{algorithm}"')
    document = office.issue()
    path = place.folder / "sip.pdf"
    path.write_bytes(office.get(f"/api/v1/documents/{document['id']}/pdf").content)
    report = check(path, anchors=read_trust(office.settings.trust_folder, production=False).encoded())
    [made] = report.signatures
    assert (str(report.verdict), made.integrity, made.level) == ("valid", "intact", "PAdES-B-LT")
    assert made.signer == "CN=Ratna Kusumawardhani"
    assert (place.server.counts["credentials/authorize"], place.server.counts["signatures"]) == (1, 1)


@pytest.mark.parametrize("bad", ["wrong_key", "other_hash", "fewer", "no_base64"])
def test_a_wrong_answer_blocks_the_document(
    empty_office: Office, place: RemotePlace, authority: SoftwareKey, bad: str
) -> None:
    office = reopened(empty_office, place, authority)
    place.server.impostor = Credential(pem(p256()), [])
    place.server.bad = bad
    accepted = office.request()
    work(office, attempts=3)
    check_nothing_issued(office, "KEY_ANSWER")
    assert office.state(accepted["id"])["state"] == "BLOCKED"
    assert place.server.counts["signatures/signHash"] == 1
    [alarm] = alarms.standing(office.workshop.register.engine)
    assert (alarm.kind, alarm.subject, alarm.code) == (alarms.PROVIDER, KEY, "KEY_ANSWER")


@pytest.mark.parametrize("bad", ["hang", "garbage", "slow", "redirect", "busy", "expired_sad", "gateway"])
def test_what_may_pass_is_waited_for_and_issued_once(
    empty_office: Office,
    place: RemotePlace,
    authority: SoftwareKey,
    bad: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(csc_service, "TIMEOUT_SECONDS", 0.4)
    monkeypatch.setattr(csc_service, "sleep", lambda _: None)
    office = reopened(empty_office, place, authority)
    place.server.bad = bad
    accepted = office.request()
    work(office, attempts=2)
    waiting = office.state(accepted["id"])
    assert (waiting["state"], waiting["waiting_for"]) == ("PREPARED", "KEY_SERVICE")
    assert not rows(office, tables.document_file)
    place.server.bad = None
    work(office)
    check_issued_once(office, accepted)
    # Each attempt was intended, and all were about the one frozen hash.
    assert len(rows(office, tables.signature_intent)) == 3


@pytest.mark.parametrize(
    ("wrong", "code"),
    [("pin", "KEY_PIN"), ("locked", "KEY_PIN"), ("account", "KEY_LOGIN"), ("disabled", "KEY_DISABLED")],
)
def test_a_refusal_blocks_the_document_and_is_not_provoked_again(
    empty_office: Office, place: RemotePlace, authority: SoftwareKey, wrong: str, code: str
) -> None:
    if wrong == "account":
        (place.folder / "csc.secret").write_text("bukan-rahasianya")
    # The worker starts: ended, it would be started again, and try again.
    office = reopened(empty_office, place, authority)
    if wrong == "pin":
        place.pin_file.write_text("0000-0000")
    elif wrong == "locked":
        place.credential.wrong_tries = 3
    elif wrong == "disabled":
        place.credential.key_status = "disabled"
    office.request()
    office.request(office.sample(serial=2), key="k2")
    work(office, attempts=3)
    check_nothing_issued(office, code)
    if wrong == "pin":
        assert place.credential.wrong_tries == 1
    # What is kept and told of it holds no secret.
    told = repr([rows(office, each) for each in (tables.document, tables.audit_event, tables.outbox)])
    assert not any(each in told for each in (PIN, "0000-0000", CLIENT_SECRET, "bukan-rahasianya"))


def test_a_key_that_its_owner_has_to_authorise_signs_nothing_alone(
    empty_office: Office, place: RemotePlace, authority: SoftwareKey
) -> None:
    place.credential.asks_for = ("PIN", "OTP")
    office = reopened(empty_office, place, authority, pin=False)
    accepted = office.request()
    work(office, attempts=3)
    waiting = office.state(accepted["id"])
    assert (waiting["state"], waiting["waiting_for"]) == ("PREPARED", "SIGNING_SESSION")
    assert not rows(office, tables.document_file)
    assert not rows(office, tables.signature_intent)
    assert place.server.counts["credentials/authorize"] == 0


def check_nothing_issued(office: Office, code: str) -> None:
    """Every document is blocked with that code, nothing was stored, and the audit chain holds."""
    documents = rows(office, tables.document)
    assert {each["state"] for each in documents} == {"BLOCKED"}
    assert {each["state_reason"].partition("@")[0] for each in documents} == {code}
    assert not rows(office, tables.document_file)
    assert all(each["cms"] is None for each in rows(office, tables.signature))
    assert not list((office.settings.data / "archive").glob("*/final/*/*.pdf"))
    with transaction(office.desk.register.engine) as connection:
        while audit.chain(connection):
            pass
        assert list(audit.verify_chain(connection)) == []


def test_what_an_owner_authorised_makes_signatures_of_documents(
    place: RemotePlace, authority: SoftwareKey
) -> None:
    """As a signing session does it, between freezing and signing."""
    key = place.key(pin=False)
    documents = [hashlib.sha256(str(each).encode()).digest() for each in range(5)]
    attributes = [signed_attributes(key.certificate, ID_DATA, each) for each in documents]
    given = key.authorise([hashlib.sha256(each).digest() for each in attributes], pin=PIN)
    signing = key.authorised(given)
    for each in documents:
        signed = cms.ContentInfo.load(signature.sign(each, signing))["content"]["signer_infos"][0]
        assert {one["type"].native: one["values"].native for one in signed["signed_attrs"]}[
            "message_digest"
        ] == [each]
    # A document that was exchanged after the owner authorised the batch.
    with refused("KEY_AUTHORISATION"):
        signature.sign(hashlib.sha256(b"lain").digest(), signing)
    assert place.server.counts["credentials/authorize"] == place.server.counts["signatures/signHash"] == 1


def test_a_batch_costs_its_owner_one_secret_and_one_authorisation(
    empty_office: Office, place: RemotePlace, authority: SoftwareKey
) -> None:
    office = reopened(empty_office, place, authority, pin=False)
    accepted = [office.request(office.sample(serial=number), key=str(number))["id"] for number in range(1, 4)]
    work(office, attempts=2)
    assert {office.state(each)["waiting_for"] for each in accepted} == {"SIGNING_SESSION"}
    session = signed_in_a_session(office, HumanSecret("passphrase", PIN))
    assert {each.outcome for each in session.documents} == {SIGNED}
    work(office, attempts=2)
    assert {office.state(each)["state"] for each in accepted} == {"ISSUED"}
    counts = place.server.counts
    assert (counts["credentials/authorize"], counts["signatures/signHash"], counts["signatures"]) == (1, 1, 3)


def test_a_wrong_secret_is_sent_once_and_signs_nothing(
    empty_office: Office, place: RemotePlace, authority: SoftwareKey
) -> None:
    office = reopened(empty_office, place, authority, pin=False)
    accepted = [office.request(office.sample(serial=number), key=str(number))["id"] for number in range(1, 3)]
    work(office, attempts=2)
    session = signed_in_a_session(office, HumanSecret("passphrase", "0000"))
    assert session.code == "KEY_PIN"
    assert place.server.counts["credentials/authorize"] == 1
    assert {office.state(each)["waiting_for"] for each in accepted} == {"SIGNING_SESSION"}
    signed_in_a_session(office, HumanSecret("passphrase", PIN))
    work(office, attempts=2)
    assert {office.state(each)["state"] for each in accepted} == {"ISSUED"}


def upload(
    office: Office, file: Path, kind: Literal["passphrase", "totp"], value: str, asked: list[str]
) -> SignedUpload:
    """A file of somebody else's, signed by the key whose owner types that."""

    def secret() -> HumanSecret:
        asked.append(value)
        return HumanSecret(kind, value)

    anchors = read_trust(office.settings.trust_folder, production=False).encoded()
    order = UploadOrder(
        office.workshop.keys.key(KEY), "PAdES-B-LT", "Ratna", "", "Contoh", datetime.now(UTC), secret=secret
    )
    with Sandbox() as sandbox:
        tools = UploadTools(sandbox, anchors, office.workshop.timestamps, office.workshop.revocation)
        return sign_upload(tools, file, order, Witness())


def test_a_file_of_others_is_signed_after_a_pin_that_is_typed(
    empty_office: Office, place: RemotePlace, authority: SoftwareKey
) -> None:
    office = reopened(empty_office, place, authority, pin=False)
    file, asked = place.folder / "surat.pdf", list[str]()
    file.write_bytes(rendered())
    with refused("KEY_PIN"):
        upload(office, file, "passphrase", "0000", asked)
    assert place.credential.wrong_tries == 1
    file.write_bytes(rendered())
    made = upload(office, file, "passphrase", PIN, asked)
    assert asked == ["0000", PIN]
    assert (made.signature.level, made.signature.integrity) == ("PAdES-B-LT", "intact")
    assert place.server.counts["signatures"] == 1


def test_a_one_time_password_signs_one_file(
    empty_office: Office, place: RemotePlace, authority: SoftwareKey
) -> None:
    place.credential.asks_for = ("OTP",)
    office = reopened(empty_office, place, authority, pin=False)
    file = place.folder / "surat.pdf"
    file.write_bytes(rendered())
    assert upload(office, file, "totp", OTP, []).signature.integrity == "intact"


def test_a_key_whose_owner_consents_in_a_browser_signs_no_file_of_others(
    empty_office: Office, place: RemotePlace, authority: SoftwareKey
) -> None:
    place.credential.mode = "oauth2code"
    office = reopened(empty_office, place, authority, pin=False)
    file, asked = place.folder / "surat.pdf", list[str]()
    file.write_bytes(rendered())
    with refused("KEY_CAPABILITY"):
        upload(office, file, "passphrase", PIN, asked)
    assert asked == []
    assert file.read_bytes() == rendered()
