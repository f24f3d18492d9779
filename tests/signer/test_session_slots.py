"""Several signatures, of which one is made at BSrE; and a key behind a service that writes the CMS."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from asn1crypto import algos, cms
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from keys.provider import AnyKey
from storage import sessions, tables
from storage.vocabulary import NotFound
from tests.faults.checking import check_consistency, let_time_pass, rows
from tests.keys.attended import present, typed
from tests.keys.bsre_server import NIK, PASSWORD, USERNAME, Authority, Bsre, Identity, server
from tests.keys.serving import serving
from tests.office import Office, make_office, open_office
from tests.signer.test_signature import judge_verapdf
from tests.signer.test_two_slots import AGENCY, FIELDS, PAGE, REGENCY, TYPE
from verifier import check
from verifier.report import Report
from verifier.trust.folder import read_trust

DOCUMENTS = "/api/v1/documents"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create()


@pytest.fixture(scope="module")
def empty_market(tmp_path_factory: pytest.TempPathFactory) -> Office:
    place = tmp_path_factory.mktemp("market")
    for name, changes in (("izin-lapak", ()), ("izin-lapak-satu", (REVIEWER,))):
        folder = place / "types" / name
        folder.mkdir(parents=True)
        text = TYPE.replace('id = "izin-lapak"', f'id = "{name}"').replace(
            "/LAPAK/", f"/{name[-4:].upper()}/"
        )
        for each in changes:
            assert each in text
            text = text.replace(each, "")
        (folder / "type.toml").write_text(text)
        (folder / "fields.json").write_text(json.dumps(FIELDS))
        (folder / "document.typ").write_text(PAGE)
        (folder / "sample.json").write_text(json.dumps({"pedagang": "Maria", "nik": "9901054107900003"}))
    regency = REGENCY.replace('types = ["izin-lapak"]', 'types = ["izin-lapak", "izin-lapak-satu"]')
    (place / "regency.toml").write_text(regency)
    return make_office(place / "data", place / "regency.toml", types=place / "types")


REVIEWER = """[[slots]]
role = "pemeriksa"
kind = "signature"
label = { id = "Pemeriksa", en = "Inspector" }

"""


@pytest.fixture
def market(
    empty_market: Office, authority: Authority, tmp_path: Path
) -> Iterator[Callable[[str], tuple[Office, Bsre]]]:
    """An office in which the named key is at BSrE and the other one a software key of the same authority."""
    bsre = Bsre(authority)
    with serving(server(bsre)) as url:

        def make(attended: str) -> tuple[Office, Bsre]:
            import shutil

            data = tmp_path / "data"
            empty_market.desk.register.engine.dispose()
            shutil.copytree(empty_market.settings.data, data)
            root = authority.root.certificate.public_bytes(Encoding.PEM)
            (data / "trust" / "bsre.pem").write_bytes(root)
            other = {"kepala-pasar": "pemeriksa-pasar", "pemeriksa-pasar": "kepala-pasar"}[attended]
            listing = write_list(tmp_path, authority, url.rstrip("/"), attended, other)
            changed = {"data": data, "keys_file": listing}
            return open_office(empty_market.settings.model_copy(update=changed), empty_market.keys), bsre

        yield make


def write_list(folder: Path, authority: Authority, url: str, attended: str, software: str) -> Path:
    pem = authority.other.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "other.key.pem").write_bytes(pem)
    root = authority.root.certificate.public_bytes(Encoding.PEM)
    (folder / "other.pem").write_bytes(authority.other.certificate.public_bytes(Encoding.PEM) + root)
    (folder / "official.pem").write_bytes(authority.official.certificate.public_bytes(Encoding.PEM) + root)
    (folder / "nik").write_text(NIK)
    (folder / "password").write_text(PASSWORD)
    listing = folder / "keys.toml"
    listing.write_text(
        f"""
[[key]]
id = "{attended}"
bsre = "{url}"
version = 2
nik_file = "nik"
username = "{USERNAME}"
password_file = "password"
certificate = "official.pem"

[[key]]
id = "{software}"
pem = "other.key.pem"
chain = "other.pem"
"""
    )
    return listing


def signed(office: Office) -> sessions.Session:
    presence = present(office)
    session = sessions.open_session(office.desk.register, AGENCY, opened_by="test")
    typed(office, session)
    assert presence.work_on_next()
    let_time_pass(office)
    office.work()
    return sessions.read_session(office.desk.register, AGENCY, session.id)


def issued(office: Office, document_id: str, folder: Path) -> Report:
    state = office.state(document_id, AGENCY)
    assert state["state"] == "ISSUED", state
    path = folder / "izin.pdf"
    path.write_bytes(office.get(f"{DOCUMENTS}/{document_id}/pdf", AGENCY).content)
    check_consistency(office)
    if {"CI", "ABSAH_VERAPDF"} & os.environ.keys():
        judge_verapdf({"izin": path.read_bytes()}, folder)
    return check(path, anchors=read_trust(office.settings.trust_folder, production=False).encoded())


def test_the_session_of_the_first_signatory_approves(
    market: Callable[[str], tuple[Office, Bsre]], tmp_path: Path
) -> None:
    """BSrE first, our own second: the second field waits in what BSrE signed."""
    office, _ = market("pemeriksa-pasar")
    accepted = office.request(office.sample("izin-lapak"), AGENCY)
    office.work()
    assert office.state(accepted["id"], AGENCY)["waiting_for"] == "SIGNING_SESSION"
    assert rows(office, tables.approval) == []
    assert signed(office).signed == 1
    [given] = rows(office, tables.approval)
    assert given["officer_id"] == "pemeriksa-pasar"
    report = issued(office, accepted["id"], tmp_path)
    first, second = report.signatures
    assert (str(report.verdict), first.signer, second.field) == (
        "valid",
        "CN=Ratna Kusumawardhani",
        "Signature2",
    )
    assert (first.changes, second.changes, second.signer) == ("permitted", "none", "CN=Orang Lain")


def test_a_later_slot_is_signed_at_bsre_after_an_approval(
    market: Callable[[str], tuple[Office, Bsre]], tmp_path: Path
) -> None:
    """Our own certifies, then BSrE adds its invisible signature, which the certification permits."""
    office, _ = market("kepala-pasar")
    accepted = office.request(office.sample("izin-lapak"), AGENCY)
    office.work()
    state = office.state(accepted["id"], AGENCY)
    assert state["waiting_for"] == "APPROVAL"
    approve = f"{DOCUMENTS}/{accepted['id']}/approve"
    assert office.post(approve, {"digest": state["prepared_sha256"]}, AGENCY).status_code == 200
    office.work()
    assert office.state(accepted["id"], AGENCY)["waiting_for"] == "SIGNING_SESSION"
    assert signed(office).signed == 1
    report = issued(office, accepted["id"], tmp_path)
    first, second = report.signatures
    assert (str(report.verdict), first.field, second.signer) == (
        "valid",
        "Signature1",
        "CN=Ratna Kusumawardhani",
    )
    assert (first.changes, second.changes) == ("permitted", "none")


def test_a_signature_without_a_time_stamp_gets_one_over_the_document(
    market: Callable[[str], tuple[Office, Bsre]], tmp_path: Path
) -> None:
    office, bsre = market("kepala-pasar")
    bsre.level = "b-b"
    accepted = office.request(office.sample("izin-lapak-satu"), AGENCY)
    office.work()
    assert signed(office).signed == 1
    report = issued(office, accepted["id"], tmp_path)
    assert [(each.kind, each.level) for each in report.signatures] == [
        ("signature", "PAdES-B-T"), ("document_timestamp", "none"),
    ]  # fmt: skip
    assert str(report.verdict) == "valid"


class CmsService:
    """A key whose service writes the CMS, here by asn1crypto; see `keys.provider.CmsKey`."""

    capability, human_cost, development = "cms", "nothing", False
    id = "kepala-pasar"

    def __init__(self, who: Identity, named: Identity, root: Identity, *, other_data: bool = False) -> None:
        self.certificate, self.chain = named.certificate, (root.certificate,)
        self._who, self._other_data = who, other_data

    def sign_cms(self, digest: bytes) -> bytes:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        if self._other_data:
            digest = bytes(32)
        certificate = self._who.certificate_asn1
        attributes = cms.CMSAttributes(
            [
                {"type": "content_type", "values": ["data"]},
                {"type": "message_digest", "values": [digest]},
                {"type": "signing_certificate_v2", "values": [
                    {"certs": [{"cert_hash": certificate.sha256}]}]},
            ]
        )  # fmt: skip
        value = self._who.private.sign(attributes.dump(), padding.PKCS1v15(), hashes.SHA256())
        signer = {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                "issuer_and_serial_number",
                cms.IssuerAndSerialNumber(
                    {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
                ),
            ),
            "digest_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
            "signed_attrs": attributes,
            "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa"}),
            "signature": value,
        }
        data = {
            "version": "v1",
            "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
            "encap_content_info": {"content_type": "data"},
            "certificates": [certificate],
            "signer_infos": [signer],
        }
        return bytes(cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(data)}).dump())


class OneKey:
    def __init__(self, key: AnyKey) -> None:
        self._key = key

    def key(self, key_id: str) -> AnyKey:
        if key_id != self._key.id:
            raise NotFound("no such key")
        return self._key


@pytest.mark.parametrize(
    ("who", "other_data", "code"),
    [("official", False, None), ("other", False, "PROVIDER_SIGNER"), ("official", True, "PROVIDER_BROKEN")],
)
def test_a_service_that_writes_the_cms(
    market: Callable[[str], tuple[Office, Bsre]],
    authority: Authority,
    tmp_path: Path,
    who: str,
    other_data: bool,
    code: str | None,
) -> None:
    office, _ = market("pemeriksa-pasar")
    key = CmsService(getattr(authority, who), authority.official, authority.root, other_data=other_data)
    office.workshop = replace(office.workshop, keys=OneKey(key))  # type: ignore[arg-type]
    accepted = office.request(office.sample("izin-lapak-satu"), AGENCY)
    office.work()
    state = office.state(accepted["id"], AGENCY)
    approve = f"{DOCUMENTS}/{accepted['id']}/approve"
    assert office.post(approve, {"digest": state["prepared_sha256"]}, AGENCY).status_code == 200
    office.work()
    if code is None:
        report = issued(office, accepted["id"], tmp_path)
        [signature] = report.signatures
        assert (str(report.verdict), signature.level) == ("valid", "PAdES-B-T")
        assert signature.signer == "CN=Ratna Kusumawardhani"
    else:
        assert office.state(accepted["id"], AGENCY)["state_reason"] == f"{code}@PREPARED"
        assert rows(office, tables.signature)[0]["cms"] is None
        assert [each["code"] for each in rows(office, tables.alarm)] == [code]
