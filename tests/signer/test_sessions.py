"""Documents signed at BSrE in signing sessions, from the request to the answer of our own verifier."""

from __future__ import annotations

import base64
import hashlib
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import update

from keys.provider import HumanSecret
from signer.logs import log_as_json
from signer.secrecy import EphemeralKeys, seal
from signer.sessions import Presence
from signer.worker import run
from storage import alarms, queue, sessions, tables
from storage.database import transaction
from storage.vocabulary import Conflict, NotFound, Unavailable
from tests.faults.checking import check_consistency, rows
from tests.keys.attended import (
    AGENCY,
    KEY,
    begun,
    office_at,
    present,
    signed_in_a_session,
    typed,
)
from tests.keys.bsre_server import (
    EMAIL,
    NIK,
    PASSPHRASE,
    TOTP,
    Bsre,
)
from tests.office import Office, open_office
from tests.services import wait_for
from verifier import check
from verifier.trust.folder import read_trust

SECRET = HumanSecret("passphrase", PASSPHRASE)
DOCUMENTS = "/api/v1/documents"


@pytest.fixture
def office(bsre: Bsre, empty_office: Office, tmp_path: Path) -> Iterator[Office]:
    with office_at(bsre, empty_office, tmp_path) as made:
        yield made


@pytest.mark.parametrize("level", ["b-t", "b-lt"])
@pytest.mark.parametrize(("version", "reply"), [(1, "pdf"), (1, "base64"), (1, "identifier"), (2, "json")])
def test_a_document_is_issued_with_a_signature_of_bsre(
    bsre: Bsre, empty_office: Office, tmp_path: Path, version: int, reply: str, level: str
) -> None:
    bsre.reply, bsre.level = reply, level
    with office_at(bsre, empty_office, tmp_path, version=version) as office:
        accepted = office.request()
        office.work()
        state = office.state(accepted["id"])
        assert (state["state"], state["waiting_for"]) == ("PREPARED", "SIGNING_SESSION")
        assert bsre.requests == []
        session = signed_in_a_session(office)
        assert (session.state, session.signed, bsre.signed) == ("DONE", 1, 1)
        assert office.state(accepted["id"])["state"] == "ISSUED", office.state(accepted["id"])
        path = tmp_path / "sip.pdf"
        path.write_bytes(office.get(f"{DOCUMENTS}/{accepted['id']}/pdf").content)
        report = check(path, anchors=read_trust(office.settings.trust_folder, production=False).encoded())
        signature = report.signatures[0]
        assert (str(report.verdict), signature.integrity) == ("valid", "intact")
        assert signature.level == "PAdES-B-LT", "the type promises it, whatever the provider gives"
        assert signature.signer == "CN=Ratna Kusumawardhani"
        check_consistency(office)
        assert list((office.settings.data / "archive").glob("*/staging/*/*.pdf")) == []


def test_a_batch_is_one_passphrase_and_one_question_about_the_status(bsre: Bsre, office: Office) -> None:
    accepted = [office.request(office.sample(serial=n), key=f"k{n}") for n in (1, 2, 3)]
    office.work()
    session = signed_in_a_session(office)
    assert [each.outcome for each in session.documents] == ["SIGNED"] * 3
    assert [office.state(each["id"])["state"] for each in accepted] == ["ISSUED"] * 3
    assert bsre.requests == ["GET /api/user/status/NIK", *["POST /api/sign/pdf"] * 3]


def test_version_2_takes_a_totp_and_an_address(bsre: Bsre, empty_office: Office, tmp_path: Path) -> None:
    with office_at(bsre, empty_office, tmp_path, version=2) as office:
        listing = tmp_path / "keys.toml"
        listing.write_text(listing.read_text().replace('nik_file = "kepala.nik"', f'email = "{EMAIL}"'))
        office = open_office(office.settings, office.keys)
        accepted = office.request()
        office.work()
        assert signed_in_a_session(office, HumanSecret("totp", TOTP)).state == "DONE"
        assert office.state(accepted["id"])["state"] == "ISSUED"


def test_a_wrong_passphrase_is_sent_once_and_counted(bsre: Bsre, office: Office) -> None:
    accepted = [office.request(office.sample(serial=n), key=f"k{n}") for n in (1, 2)]
    office.work()
    for attempt in (0, 1):
        session = signed_in_a_session(office, HumanSecret("passphrase", "salah"))
        assert (session.state, session.code, session.refused_before) == (
            "STOPPED", "KEY_PASSPHRASE", attempt,
        )  # fmt: skip
        assert [each.outcome for each in session.documents] == ["KEY_PASSPHRASE", None]
        assert bsre.wrong == attempt + 1, "a wrong passphrase is never sent by itself again"
    for each in accepted:
        state = office.state(each["id"])
        assert (state["state"], state["waiting_for"]) == ("PREPARED", "SIGNING_SESSION")
    assert signed_in_a_session(office).refused_before == 2
    assert [office.state(each["id"])["state"] for each in accepted] == ["ISSUED"] * 2
    accepted = office.request(office.sample(serial=3), key="k3")
    office.work()
    assert signed_in_a_session(office).refused_before == 0


@pytest.mark.parametrize(
    ("status", "code"),
    [("EXPIRED", "KEY_USER_STATUS"), ("SUSPEND", "KEY_USER_STATUS"), ("NOT_REGISTERED", "KEY_USER")],
)
def test_nothing_is_sent_for_an_official_who_may_not_sign(
    bsre: Bsre, office: Office, status: str, code: str
) -> None:
    bsre.status = status
    accepted = office.request()
    office.work()
    session = signed_in_a_session(office)
    assert (session.state, session.code, bsre.signed) == ("STOPPED", code, 0)
    assert bsre.requests == ["GET /api/user/status/NIK"]
    assert office.state(accepted["id"])["waiting_for"] == "SIGNING_SESSION"


ALTERED = {
    "unsigned": "PROVIDER_UNSIGNED",
    "another document": "PROVIDER_ALTERED",
    "rewritten": "PROVIDER_ALTERED",
    "second page": "PROVIDER_ALTERED",
    "page behind": "PROVIDER_ALTERED",
    "bytes behind": "PROVIDER_ALTERED",
    "flipped byte": "PROVIDER_ALTERED",
    "twice": "PROVIDER_ALTERED",
    "visible": "PROVIDER_VISIBLE",
    "moved": "PROVIDER_VISIBLE",
    "other key": "PROVIDER_SIGNER",
    "broken": "PROVIDER_BROKEN",
}


@pytest.mark.parametrize("mode", ALTERED)
def test_what_nobody_asked_for_is_kept_as_evidence_and_never_issued(
    bsre: Bsre, office: Office, mode: str
) -> None:
    first, second = (office.request(office.sample(serial=n), key=f"k{n}") for n in (1, 2))
    office.work()
    bsre.mode = mode
    session = signed_in_a_session(office)
    code = ALTERED[mode]
    assert (session.state, session.code, session.signed) == ("STOPPED", code, 0)
    assert office.state(first["id"])["state_reason"] == f"{code}@PREPARED"
    assert [(each.kind, each.subject, each.code) for each in standing(office)] == [("provider", KEY, code)]
    kept = rows(office, tables.signature)[0]["reply_sha256"]
    [staged] = (office.settings.data / "archive").glob(f"*/staging/{first['id']}/{kept}.pdf")
    assert hashlib.sha256(staged.read_bytes()).hexdigest() == kept
    assert rows(office, tables.document_file) == []
    assert office.state(second["id"])["waiting_for"] == "SIGNING_SESSION", "it was not tried any more"
    assert bsre.signed == 1
    check_consistency(office)

    # Somebody has looked, and the provider is mended.
    bsre.mode = "good"
    assert queue.unblock(office.desk.register, AGENCY, first["id"])
    alarms.clear(office.desk.register.engine, alarms.PROVIDER)
    office.work()
    assert signed_in_a_session(office).signed == 2
    assert office.state(first["id"])["state"] == "ISSUED"


LOST = ["500", "garbage", "cuts", "enormous", "download fails"]


@pytest.mark.parametrize("mode", LOST)
def test_an_answer_that_is_lost_is_asked_for_again_only_by_a_human(
    bsre: Bsre, office: Office, mode: str
) -> None:
    first, second = (office.request(office.sample(serial=n), key=f"k{n}") for n in (1, 2))
    office.work()
    bsre.mode, bsre.reply = mode, "identifier"
    session = signed_in_a_session(office)
    assert (session.state, session.code) == ("STOPPED", "REPLY_LOST")
    assert office.state(first["id"])["state_reason"] == "REPLY_LOST@PREPARED"
    asked = bsre.requests.count("POST /api/sign/pdf")
    bsre.mode = "good"
    # Neither by itself nor in the next session.
    assert [each.document_id for each in signed_in_a_session(office).documents] == [second["id"]]
    assert bsre.requests.count("POST /api/sign/pdf") == asked + 1
    assert queue.unblock(office.desk.register, AGENCY, first["id"])
    assert signed_in_a_session(office).signed == 1
    assert office.state(first["id"])["state"] == "ISSUED"


@pytest.mark.parametrize("mode", ["html", "redirect"])
def test_a_service_that_is_not_there_costs_nothing(bsre: Bsre, office: Office, mode: str) -> None:
    accepted = office.request()
    office.work()
    bsre.mode = mode
    session = signed_in_a_session(office)
    assert (session.state, session.code) == ("STOPPED", "KEY_PROVIDER")
    assert office.state(accepted["id"])["waiting_for"] == "SIGNING_SESSION"
    bsre.mode = "good"
    signed_in_a_session(office)
    assert office.state(accepted["id"])["state"] == "ISSUED"


def test_one_document_that_is_refused_stops_no_other(bsre: Bsre, office: Office) -> None:
    accepted = [office.request(office.sample(serial=n), key=f"k{n}") for n in (1, 2)]
    office.work()
    bsre.mode = "refuses"
    session = signed_in_a_session(office)
    assert [each.outcome for each in session.documents] == ["PROVIDER_REFUSED"] * 2
    assert session.state == "DONE"
    assert office.state(accepted[0]["id"])["state_reason"] == "PROVIDER_REFUSED@PREPARED"


def test_what_was_stopped_meanwhile_is_not_signed(bsre: Bsre, office: Office) -> None:
    first, second = (office.request(office.sample(serial=n), key=f"k{n}") for n in (1, 2))
    office.work()
    presence, session = present(office), begun(office)
    annulled = office.post(f"{DOCUMENTS}/{first['id']}/annul", {"reason": "issued_in_error"})
    assert annulled.status_code == 200
    typed(office, session)
    presence.work_on_next()
    [one, other] = sessions.read_session(office.desk.register, AGENCY, session.id).documents
    assert (one.outcome, other.outcome) == ("NOT_WAITING", "SIGNED")
    assert bsre.signed == 1
    assert office.state(second["id"])["state"] == "ISSUED"


def test_a_secret_is_good_for_its_own_session_and_batch_only(bsre: Bsre, office: Office) -> None:
    first, _ = (office.request(office.sample(serial=n), key=f"k{n}") for n in (1, 2))
    office.work()
    presence = present(office)
    small, large = begun(office, [first["id"]]), begun(office)
    for session, other in ((large, small), (small, large)):
        sealed = seal(SECRET, session.public_key, session.id, other.batch_digest)
        with pytest.raises(NotFound):
            sessions.submit(office.desk.register, AGENCY, session.id, "somebody-else", sealed)
        sessions.submit(office.desk.register, AGENCY, session.id, session.officer_id, sealed)
        with pytest.raises(Conflict, match="begin a new one"):
            typed(office, session)
        assert presence.work_on_next()
        ended = sessions.read_session(office.desk.register, AGENCY, session.id)
        assert (ended.state, ended.code) == ("STOPPED", "SECRET_UNREADABLE")
    assert bsre.requests == []


def test_a_payload_changed_after_it_was_shown_is_never_sent(bsre: Bsre, office: Office) -> None:
    """Test 69, with a key that would sign whatever it is given."""
    accepted = office.request()
    office.work()
    [staged] = (office.settings.data / "archive").glob("*/staging/*/*.pdf")
    staged.chmod(0o600)
    staged.write_bytes(staged.read_bytes().replace(b"/Type/Page/", b"/Type/Paje/", 1))
    session = signed_in_a_session(office)
    assert [each.outcome for each in session.documents] == ["NOT_APPROVED"]
    assert office.state(accepted["id"])["state_reason"] == "NOT_APPROVED@PREPARED"
    assert bsre.signed == 0


def test_a_key_that_moved_to_a_token_cannot_sign_what_was_prepared_for_bsre(
    bsre: Bsre, office: Office, tmp_path: Path
) -> None:
    accepted = office.request()
    office.work()
    official = bsre.authority.official
    pem = official.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    chain = [each.certificate.public_bytes(Encoding.PEM) for each in (official, bsre.authority.root)]
    (tmp_path / "chain.pem").write_bytes(b"".join(chain))
    (tmp_path / "keys.toml").write_text(f'[[key]]\nid = "{KEY}"\npem = "key.pem"\nchain = "chain.pem"\n')
    office = open_office(office.settings, office.keys)
    stop = threading.Event()
    worker = threading.Thread(target=run, args=(office.workshop, stop, time.monotonic, 1))
    worker.start()
    wait_for(lambda: office.state(accepted["id"])["state"] == "BLOCKED")
    stop.set()
    worker.join()
    assert office.state(accepted["id"])["state_reason"] == "KEY_CAPABILITY@PREPARED"


def test_the_batch_digest_names_each_document(office: Office) -> None:
    for n in (1, 2):
        office.request(office.sample(serial=n), key=f"k{n}")
    office.work()
    present(office)
    session = begun(office)
    prepared = sorted(each["prepared_sha256"] for each in rows(office, tables.document))
    assert (
        session.batch_digest == hashlib.sha256("".join(f"{each}\n" for each in prepared).encode()).hexdigest()
    )


def test_a_session_ends_with_its_time_and_leaves_nothing_behind(bsre: Bsre, office: Office) -> None:
    office.request()
    office.work()
    presence, session = present(office), begun(office)
    typed(office, session)
    assert rows(office, tables.signing_session)[0]["sealed"]
    with transaction(office.desk.register.engine) as connection:
        connection.execute(update(tables.signing_session).values(expires_at=1))
    assert not presence.work_on_next()
    ended = sessions.read_session(office.desk.register, AGENCY, session.id)
    assert (ended.state, ended.code) == ("EXPIRED", "SESSION_EXPIRED")
    assert rows(office, tables.signing_session)[0]["sealed"] is None
    assert bsre.requests == []


def test_a_dead_worker_means_typing_again(bsre: Bsre, office: Office) -> None:
    accepted = office.request()
    office.work()
    with pytest.raises(Unavailable, match="No worker"):
        begun(office)
    dead, session = present(office), begun(office)
    typed(office, session)
    with transaction(office.desk.register.engine) as connection:
        connection.execute(update(tables.worker_key).values(heartbeat=1))
    living = present(office)
    assert not living.work_on_next(), "what another worker was told, this one cannot read"
    lost = sessions.read_session(office.desk.register, AGENCY, session.id)
    assert (lost.state, lost.code) == ("LOST", "WORKER_LOST")
    assert rows(office, tables.signing_session)[0]["sealed"] is None
    assert not dead.work_on_next()
    typed(office, begun(office))
    assert living.work_on_next()
    assert office.state(accepted["id"])["state"] == "ISSUED"


def test_the_keys_of_a_worker_change_every_quarter_of_an_hour(office: Office) -> None:
    office.request()
    office.work()
    now = [0.0]
    presence = Presence(office.workshop, EphemeralKeys(clock=lambda: now[0]))
    presence.beat()
    first = begun(office)
    now[0] = 15 * 60
    presence.beat()
    second = begun(office)
    assert first.public_key != second.public_key
    assert len(presence.keys.ids) == 2, "a session that began just before can still be used"
    now[0] = 30 * 60
    presence.beat()
    lost = sessions.read_session(office.desk.register, AGENCY, first.id)
    assert (lost.state, len(presence.keys.ids)) == ("LOST", 2)


def test_nothing_that_was_typed_is_ever_written(
    bsre: Bsre, empty_office: Office, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Test 72: neither the passphrase nor the NIK, in whatever form, in database, files, logs or answers."""
    with office_at(bsre, empty_office, tmp_path) as office:
        log_as_json(logging.DEBUG)
        logging.getLogger().setLevel(logging.DEBUG)
        try:
            for n, mode in enumerate(["good", "unsigned", "500", "refuses", "cuts"], 1):
                office.request(office.sample(serial=n), key=f"k{n}")
                office.work()
                bsre.mode = mode
                signed_in_a_session(office)
            bsre.mode = "good"
            bsre.status = "SUSPEND"
            office.request(office.sample(serial=7), key="k7")
            office.work()
            signed_in_a_session(office)
        finally:
            logging.getLogger().setLevel(logging.WARNING)
        office.desk.register.engine.dispose()
        office.workshop.register.engine.dispose()
        written = capfd.readouterr()
        needles = [form for secret in (PASSPHRASE, NIK) for form in forms_of(secret)]
        for needle in needles:
            assert needle.decode("latin-1") not in written.out + written.err
        for file in (tmp_path / "data").rglob("*"):
            content = file.read_bytes() if file.is_file() else b""
            assert not [each for each in needles if each in content], file


def forms_of(secret: str) -> list[bytes]:
    plain = secret.encode()
    return [
        plain,
        base64.b64encode(plain).rstrip(b"="),
        plain.hex().encode(),
        plain.decode().encode("utf-16-be"),
    ]


def standing(office: Office) -> list[alarms.Alarm]:
    return alarms.standing(office.desk.register.engine)
