"""Documents issued with keys of a list, from the request to the answer of our own verifier."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from keys.software import PrivateKey, SoftwareKey
from storage import queue, tables
from storage.vocabulary import Misconfigured
from tests.faults.checking import let_time_pass, rows
from tests.keys.certificates import DAY, NOW, certificate, p256, root, rsa_key
from tests.keys.responder import Responder, responder
from tests.keys.softhsm import SoftHsm
from tests.keys.test_software import refused
from tests.office import Office, open_office
from verifier import check
from verifier.trust.folder import read_trust

KEY = "kepala-dpmptsp-contoh"


@pytest.fixture(scope="module")
def authority() -> SoftwareKey:
    return root("Akar Produksi")


@pytest.fixture(scope="module")
def asked(authority: SoftwareKey) -> Iterator[Responder]:
    with responder(authority) as running:
        yield running


def officer(private: PrivateKey, authority: SoftwareKey, days: int = 100) -> x509.Certificate:
    return certificate(private, issuer=authority, name="Ratna Kusumawardhani", ends=NOW + days * DAY)


def reopened(
    empty: Office, hsm: SoftHsm, authority: SoftwareKey, *lines: str, ocsp_url: str | None = None
) -> Office:
    """A copy of the empty office whose only key is on the token."""
    data = hsm.folder / "data"
    if not data.exists():
        empty.desk.register.engine.dispose()
        shutil.copytree(empty.settings.data, data)
    (data / "trust" / "production.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    (hsm.folder / "keys.toml").write_text(hsm.entry(KEY, 'label = "kepala"', *lines))
    changed = {"data": data, "keys_file": hsm.folder / "keys.toml", "ocsp_url": ocsp_url}
    return open_office(empty.settings.model_copy(update=changed), empty.keys)


@pytest.mark.parametrize(
    ("private", "algorithm"),
    [(rsa_key(2048), "rsa-pkcs1-sha256"), (rsa_key(2048), "rsa-pss-sha256"), (p256(), "ecdsa-sha256")],
)
def test_a_document_is_issued_with_a_key_on_a_token(
    empty_office: Office,
    hsm: SoftHsm,
    authority: SoftwareKey,
    asked: Responder,
    private: PrivateKey,
    algorithm: str,
) -> None:
    hsm.add("kepala", private, officer(private, authority))
    office = reopened(empty_office, hsm, authority, f'algorithm = "{algorithm}"', ocsp_url=asked.url)
    document = office.issue()
    path = hsm.folder / "sip.pdf"
    path.write_bytes(office.get(f"/api/v1/documents/{document['id']}/pdf").content)
    report = check(path, anchors=read_trust(office.settings.trust_folder, production=False).encoded())
    [signature] = report.signatures
    assert (str(report.verdict), signature.integrity, signature.level) == ("valid", "intact", "PAdES-B-LT")
    assert signature.signer == "CN=Ratna Kusumawardhani"


def test_documents_wait_for_a_device_and_lose_nothing(
    empty_office: Office, hsm: SoftHsm, authority: SoftwareKey, asked: Responder
) -> None:
    private = rsa_key(2048)
    hsm.add("kepala", private, officer(private, authority))
    office = reopened(empty_office, hsm, authority, ocsp_url=asked.url)
    with hsm.unplugged():
        accepted = office.request()
        work(office, attempts=queue.MAX_ATTEMPTS + 2)
        waiting = office.state(accepted["id"])
        assert (waiting["state"], waiting["waiting_for"]) == ("PREPARED", "KEY_DEVICE")
        # A worker that starts meanwhile runs: what it holds in other keys can be signed.
        reopened(empty_office, hsm, authority)
    work(office)
    assert office.state(accepted["id"])["state"] == "ISSUED"


def test_what_is_wrong_with_a_key_stops_the_start(
    empty_office: Office, hsm: SoftHsm, authority: SoftwareKey
) -> None:
    private = p256()
    hsm.add("kepala", private, officer(private, authority))
    with refused("KEY_OFFICER"):
        reopened(empty_office, hsm, authority, 'officer = "Orang Lain"')
    reopened(empty_office, hsm, authority, 'officer = "ratna  KUSUMAWARDHANI"')
    with pytest.raises(Misconfigured, check=lambda problem: problem.code == "KEY_UNTRUSTED"):
        reopened(empty_office, hsm, root("Akar Lain"))


def test_a_refused_pin_blocks_the_document_and_is_sent_once(
    empty_office: Office, hsm: SoftHsm, authority: SoftwareKey
) -> None:
    private = p256()
    hsm.add("kepala", private, officer(private, authority))
    hsm.pin_file.write_text("0000-0000")
    # The worker starts: ended, it would be started again, and send the PIN again.
    office = reopened(empty_office, hsm, authority)
    hsm.log_in_by_hand()
    accepted = office.request()
    work(office, attempts=3)
    [document] = rows(office, tables.document)
    assert (document["id"], document["state"]) == (accepted["id"], "BLOCKED")
    assert document["state_reason"].partition("@")[0] == "KEY_PIN"
    assert not hsm.wrong_pin_counted()


def work(office: Office, attempts: int = 1) -> None:
    for _ in range(attempts):
        let_time_pass(office)
        office.work()
