"""``absah keys`` and ``absah audit keys``: from a new key to a retired one, as an operator does it."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import update

from keys.software import SoftwareKey
from signer.key_rules import seen
from storage import signing_keys, tables
from storage.database import transaction
from storage.signing_keys import KeyNotPermitted, Permission
from tests.command_line import absah
from tests.faults.checking import rows
from tests.keys.certificates import DAY, NOW, certificate, p256, root, rsa_key
from tests.keys.responder import responder
from tests.keys.softhsm import SoftHsm
from tests.office import Office, make_office, open_office

KEY = "kepala-dpmptsp-contoh"
AGENCY = "dpmptsp-contoh"
GIVEN = Path(__file__).parents[2] / "docs" / "examples" / "surat-izin-praktik-dokter.pdf"
SUBJECT = "CN=Ratna Kusumawardhani,O=DPMPTSP,C=ID"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return make_office(tmp_path_factory.mktemp("office") / "data")


@pytest.fixture
def data(made: Office, tmp_path: Path) -> Path:
    made.desk.register.engine.dispose()
    made.workshop.register.engine.dispose()
    shutil.copytree(made.settings.data, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture(scope="module")
def authority() -> SoftwareKey:
    return root("Akar Produksi")


def certify(request: str, authority: SoftwareKey, ends: datetime = NOW + 100 * DAY) -> bytes:
    """What an authority makes of a request: the certificate and its own."""
    asked = x509.load_pem_x509_csr(request.encode())
    assert asked.is_signature_valid
    usage = x509.KeyUsage(True, True, False, False, False, False, False, False, False)
    made = (
        x509.CertificateBuilder()
        .subject_name(asked.subject)
        .issuer_name(authority.certificate.subject)
        .public_key(asked.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(usage, True)
        .sign(authority.private, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM) + authority.certificate.public_bytes(Encoding.PEM)


@pytest.mark.parametrize("algorithm", ["p256", "rsa2048"])
def test_from_a_new_key_to_a_signed_document(
    data: Path, tmp_path: Path, authority: SoftwareKey, algorithm: str
) -> None:
    folder = tmp_path / "keys"
    absah(data, "keys", "new", KEY, "--folder", str(folder), "--algorithm", algorithm)
    key, passphrase = folder / f"{KEY}.key.pem", folder / f"{KEY}.passphrase"
    assert b"ENCRYPTED" in key.read_bytes()
    assert {path.stat().st_mode & 0o777 for path in (key, passphrase)} == {0o600}
    assert absah(data, "keys", "new", KEY, "--folder", str(folder), code=1).stderr.startswith("KEY_EXISTS: ")

    named = ["--key", str(key), "--passphrase-file", str(passphrase)]
    request = absah(data, "keys", "csr", KEY, "--subject", SUBJECT, *named).stdout
    given = tmp_path / "given.pem"
    given.write_bytes(certify(request, authority))
    told = absah(data, "keys", "import", KEY, str(given), "--folder", str(folder), *named).stdout
    (folder / "keys.toml").write_text(told[told.index("[[key]]") : told.index("Then:")])
    (data / "trust" / "production.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    assert "signs nothing in production" in absah(data, "keys", "list").stdout

    absah(data, "keys", "activate", KEY, "--agency", AGENCY, "--type", "sip-dokter")
    set_to = {"ABSAH_KEYS_FILE": str(folder / "keys.toml")}
    order = ("sign", str(GIVEN), "-o", str(tmp_path / "ttd.pdf"), "--agency", AGENCY)
    refused = absah(data, *order, code=1, **set_to).stderr
    assert refused.startswith("KEY_NOT_PERMITTED: ")
    assert not (tmp_path / "ttd.pdf").exists()
    absah(data, "keys", "activate", KEY, "--agency", AGENCY, "--type", "upload")
    absah(data, *order, **set_to)
    listed = absah(data, "keys", "list").stdout
    assert f"signs sip-dokter for {AGENCY}" in listed
    assert "CN=Ratna Kusumawardhani" in listed
    sample, out = tmp_path / "sample.json", tmp_path / "sip.pdf"
    sample.write_text(absah(data, "types", "sip-dokter", "--sample").stdout)
    with responder(authority) as asked:
        set_to = {"ABSAH_KEYS_FILE": str(folder / "keys.toml"), "ABSAH_OCSP_URL": asked.url}
        absah(data, "issue", "sip-dokter", str(sample), "--agency", AGENCY, "-o", str(out), **set_to)
    assert "used 1 times" in absah(data, "keys", "list").stdout
    audited = absah(data, "audit", "keys").stdout
    assert f"{KEY}\tintentions 2\tcontents 2\tsignatures 2\tunanswered 0" in audited
    assert "agree" in absah(data, "audit").stdout


def test_a_key_on_a_token(data: Path, hsm: SoftHsm, authority: SoftwareKey, tmp_path: Path) -> None:
    set_to = {"SOFTHSM2_CONF": os.environ["SOFTHSM2_CONF"]}
    place = ["--module", str(hsm.module), "--token", hsm.label, "--pin-file", str(hsm.pin_file)]
    for algorithm, name in (("rsa2048", "kunci-rsa"), ("p256", "kunci-ec")):
        absah(data, "keys", "new", name, "--algorithm", algorithm, *place, **set_to)
        again = absah(data, "keys", "new", name, "--algorithm", algorithm, *place, code=1, **set_to).stderr
        assert again.startswith("KEY_EXISTS: ")
        request = absah(data, "keys", "csr", name, "--subject", SUBJECT, *place, **set_to).stdout
        given = tmp_path / "given.pem"
        given.write_bytes(certify(request, authority))
        told = absah(
            data, "keys", "import", name, str(given), "--folder", str(tmp_path), *place, **set_to
        ).stdout
        assert f'label = "{name}"' in told
    missing = absah(data, "keys", "csr", "tiada", "--subject", SUBJECT, *place, code=1, **set_to).stderr
    assert missing.startswith("KEY_MISSING: ")
    hsm.pin_file.write_text("0000-0000")
    refused = absah(data, "keys", "csr", "kunci-ec", "--subject", SUBJECT, *place, code=1, **set_to).stderr
    assert refused.startswith("KEY_PIN: ")
    assert "0000" not in refused
    hsm.log_in_by_hand()


def test_a_certificate_that_does_not_fit_is_refused(
    data: Path, tmp_path: Path, authority: SoftwareKey
) -> None:
    absah(data, "keys", "new", KEY, "--folder", str(tmp_path))
    passphrase, given = tmp_path / f"{KEY}.passphrase", tmp_path / "given.pem"
    named = ["--key", str(tmp_path / f"{KEY}.key.pem"), "--passphrase-file", str(passphrase)]
    given.write_bytes(certificate(p256(), issuer=authority).public_bytes(Encoding.PEM))
    error = absah(data, "keys", "import", KEY, str(given), *named, code=1).stderr
    assert error.startswith("KEY_MISMATCH: ")
    request = absah(data, "keys", "csr", KEY, "--subject", SUBJECT, *named).stdout
    given.write_bytes(certify(request, authority, ends=NOW - timedelta(hours=1)))
    error = absah(data, "keys", "import", KEY, str(given), *named, code=1).stderr
    assert error.startswith("KEY_EXPIRED: ")
    wrong = absah(data, "keys", "csr", KEY, "--subject", "Ratna", *named, code=1).stderr
    assert wrong.startswith("SUBJECT: ")
    assert "CN=" in wrong
    passphrase.write_text("salah")
    wrong = absah(data, "keys", "csr", KEY, "--subject", SUBJECT, *named, code=1).stderr
    assert wrong.startswith("KEY_PASSPHRASE: ")
    assert "salah" not in wrong


def test_what_is_wrong_with_a_permission_is_named(data: Path) -> None:
    for agency, arguments, code in (
        ("tiada", [], "UNKNOWN_AGENCY"),
        (AGENCY, ["--type", "paspor"], "TYPE"),
        (AGENCY, ["--from", "2027-01-01", "--until", "2026-01-01"], "PERIOD"),
        (AGENCY, [], "UNKNOWN_KEY"),
    ):
        error = absah(data, "keys", "activate", "tiada", "--agency", agency, *arguments, code=1).stderr
        assert error.startswith(f"{code}: ")
    assert absah(data, "keys", "retire", "tiada", code=1).stderr.startswith("UNKNOWN_KEY: ")
    assert absah(data, "keys", "csr", KEY, "--subject", SUBJECT, code=1).stderr.startswith("OPTIONS: ")
    assert absah(data, "keys", "new", KEY, "--token", "x", code=1).stderr.startswith("OPTIONS: ")


def opened(data: Path, made: Office) -> Office:
    return open_office(made.settings.model_copy(update={"data": data}), made.keys)


def noted(office: Office, key_id: str, ends: datetime = NOW + 100 * DAY) -> None:
    made = certificate(rsa_key(2048), issuer=root(), ends=ends)
    signing_keys.note(office.workshop.register.engine, seen(key_id, made, "nothing", development=False))


def test_a_key_signs_only_what_it_may(data: Path, made: Office) -> None:
    office = opened(data, made)
    engine, today = office.workshop.register.engine, datetime.now(UTC).date()

    def asks(type_id: str = "sip-dokter", agency: str = AGENCY, days: int = 0) -> str:
        try:
            day = today + timedelta(days=days)
            signing_keys.require_permission(engine, "kunci", agency, type_id, day)
        except KeyNotPermitted as refused:
            return refused.code
        return "yes"

    assert asks() == "KEY_NOT_ACTIVE"
    noted(office, "kunci")
    assert asks() == "KEY_NOT_ACTIVE"
    last = today + timedelta(days=10)
    signing_keys.permit(engine, "kunci", [Permission(AGENCY, "sip-dokter", today, last)])
    no = "KEY_NOT_PERMITTED"
    assert [asks(days=days) for days in (-1, 0, 10, 11)] == [no, "yes", "yes", no]
    assert asks("sip-bidan") == asks(agency="dpmptsp-teladan") == no
    signing_keys.permit(engine, "kunci", [Permission(AGENCY, "*", today, None)])
    assert asks("sip-bidan") == asks(days=4000) == "yes"
    assert signing_keys.retire(engine, "kunci") == 0
    assert asks() == "KEY_RETIRED"


def test_a_successor_takes_over(data: Path, made: Office) -> None:
    office = opened(data, made)
    engine, today = office.workshop.register.engine, datetime.now(UTC).date()
    noted(office, "baru")
    waiting = office.request()
    signing_keys.permit(engine, KEY, [Permission(AGENCY, "*", today - timedelta(days=100), None)])
    assert "officers changed: 1" in absah(data, "keys", "rotate", KEY, "baru").stdout
    [head] = [each for each in rows(office, tables.officer) if each["key_id"] == "baru"]
    assert head["agency_id"] == AGENCY
    # What was requested before keeps its key, and stops where that is retired.
    assert {each["key_id"] for each in rows(office, tables.signature)} == {KEY}
    assert "still wait for it: 1" in absah(data, "keys", "retire", KEY).stderr
    assert office.state(waiting["id"])["state"] == "ALLOCATED"


def test_a_certificate_that_ends_soon_is_told_of(data: Path, made: Office) -> None:
    office = opened(data, made)
    engine = office.workshop.register.engine
    assert signing_keys.expiring(engine) == {}
    for key_id, days in (("jauh", 61), ("dekat", 59), ("segera", 5), ("habis", 0)):
        noted(office, key_id, datetime.now(UTC) + timedelta(days=days, minutes=10))
    assert signing_keys.expiring(engine) == {"dekat": 59, "segera": 5, "habis": 0}
    listed = absah(data, "keys", "list").stdout
    assert "59 days left" in listed
    assert "5 days left, configure its successor now" in listed
    signing_keys.retire(engine, "habis")
    assert "habis" not in signing_keys.expiring(engine)


def test_files_made_elsewhere_are_counted(data: Path, made: Office, tmp_path: Path) -> None:
    office = opened(data, made)
    engine, out = office.workshop.register.engine, tmp_path / "ttd.pdf"
    order = ("sign", str(GIVEN), "-o", str(out), "--agency", AGENCY, "--key", KEY)
    absah(data, *order)
    absah(data, *order, "--stamp", "auto", "--number", "400/1", "--title", "Surat Tugas")
    assert (
        f"{KEY}\tintentions 2\tcontents 2\tsignatures 2\tunanswered 0" in absah(data, "audit", "keys").stdout
    )
    with transaction(engine) as connection:
        connection.execute(
            update(tables.audit_event)
            .where(tables.audit_event.c.canonical.like('%"key.intent"%'))
            .values(canonical='{"action":"lost"}')
        )
    found = absah(data, "audit", "keys", code=1).stdout
    assert found.count("A file of others was signed without a recorded intention") == 2


def test_a_signature_that_nobody_intended_is_found(data: Path, made: Office) -> None:
    office = opened(data, made)
    office.issue()
    assert "All signatures were intended" in absah(data, "audit", "keys").stdout
    with transaction(office.workshop.register.engine) as connection:
        connection.execute(update(tables.signature_intent).values(key_id="lain"))
    found = absah(data, "audit", "keys", code=1).stdout
    assert "was intended with another key" in found
    with transaction(office.workshop.register.engine) as connection:
        connection.execute(update(tables.signature_intent).values(digest="0" * 64))
        connection.execute(update(tables.signature).values(digest="1" * 64))
    found = absah(data, "audit", "keys", code=1).stdout
    assert "without a recorded intention" in found
    assert "not one of the digest that was frozen" in found
