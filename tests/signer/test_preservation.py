"""Levels through the cycle: what a type promises, what an outage costs, what is raised and renewed later."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select, update

from keys.development import DevelopmentKeyRing
from signer import key_audit
from signer.app import readiness
from signer.levels import Link, ValidationData
from signer.preservation import extend, renewal_day
from signer.revocation import Revocation, RevocationUnavailable
from signer.timestamp import TimestampUnavailable, Token
from signer.worker import extend_next, refresh_revocation
from storage import alarms, preservation, queue, signing_keys, tables
from storage.database import transaction
from storage.signing_keys import EVERY_TYPE, Permission
from storage.vocabulary import Unavailable
from tests.faults.checking import let_time_pass, rows
from tests.office import Office, make_office

TYPE = "sip-dokter"
AGENCY = "dpmptsp-contoh"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = make_office(tmp_path / "data")
    yield made
    made.desk.register.engine.dispose()
    made.workshop.register.engine.dispose()


def promising(office: Office, level: str, outage: str = "wait") -> None:
    """Let the type promise another level: requests take it from there."""
    catalogue = office.desk.catalogue
    kind = catalogue.get(TYPE)
    catalogue._types[TYPE] = replace(kind, signing=replace(kind.signing, level=level, outage=outage))


class Down:
    """Authorities that do not answer."""

    def __init__(self, real: Any) -> None:
        self.token_size = real.token_size

    def stamp_digest(self, imprint: bytes) -> Token:
        raise TimestampUnavailable("No time-stamp authority answers now.")


def without_responder(office: Office) -> Revocation:
    def ask(kind: str, url: str, request: bytes | None) -> bytes:
        raise RevocationUnavailable("Nobody answers.")

    return Revocation(office.workshop.register.engine, ask, responders=["nobody:"])


def file_of(office: Office, document_id: str) -> bytes:
    content: bytes = office.get(f"/api/v1/documents/{document_id}/pdf").content
    return content


def levels_of(office: Office, pdf: bytes) -> list[tuple[str, str, str]]:
    answer = office.workshop.inspect(pdf)
    return [(each.kind, each.level, each.changes) for each in answer.signatures]


def files(office: Office) -> list[tuple[str, str]]:
    found = rows(office, tables.document_file)
    return [(each["level"], each["reason"]) for each in sorted(found, key=lambda row: row["at"])]


def extend_at(office: Office) -> int | None:
    [document] = rows(office, tables.document)
    found: int | None = document["extend_at"]
    return found


def in_due_time(office: Office) -> None:
    """Let the day come at which the file is due."""
    with transaction(office.workshop.register.engine) as connection:
        connection.execute(update(tables.document).values(extend_at=1, next_attempt_at=0))


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("PAdES-B-B", [("signature", "PAdES-B-B", "none")]),
        ("PAdES-B-T", [("signature", "PAdES-B-T", "none")]),
        ("PAdES-B-LT", [("signature", "PAdES-B-LT", "permitted")]),
        ("PAdES-B-LTA", [("signature", "PAdES-B-LTA", "permitted"), ("document_timestamp", "none", "none")]),
    ],
)
def test_a_type_chooses_its_level(office: Office, level: str, told: list[tuple[str, str, str]]) -> None:
    promising(office, level)
    document = office.issue()
    pdf = file_of(office, document["id"])
    assert levels_of(office, pdf) == told
    assert files(office) == [(level, "issued")]
    due = extend_at(office)
    if level in ("PAdES-B-B", "PAdES-B-T"):
        assert due is None
    else:
        # The authority's certificate lasts five years; half a year before it ends the file is renewed.
        assert due is not None
        ahead = datetime.fromtimestamp(due / 1000, UTC) - datetime.now(UTC)
        assert timedelta(days=1600) < ahead < timedelta(days=1700)


@pytest.mark.parametrize("level", ["PAdES-B-LT", "PAdES-B-LTA"])
def test_a_document_waits_where_that_is_the_policy(office: Office, level: str) -> None:
    promising(office, level)
    whole = office.workshop
    office.workshop = replace(whole, revocation=without_responder(office))
    accepted = office.request()
    office.work()
    waiting = office.state(accepted["id"])
    assert (waiting["state"], waiting["waiting_for"]) == ("TIMESTAMPED", "REVOCATION_UNAVAILABLE")
    office.workshop = whole
    let_time_pass(office)
    office.work()
    assert office.state(accepted["id"])["state"] == "ISSUED"
    assert files(office) == [(level, "issued")]
    assert len(rows(office, tables.signature_intent)) == 1


def test_an_outage_costs_a_level_and_never_a_document(office: Office) -> None:
    promising(office, "PAdES-B-LTA", "issue")
    whole = office.workshop
    office.workshop = replace(whole, timestamps=Down(whole.timestamps), revocation=without_responder(office))
    document = office.issue()
    first = file_of(office, document["id"])
    assert levels_of(office, first) == [("signature", "PAdES-B-B", "none")]
    assert files(office) == [("PAdES-B-B", "issued")]
    assert preservation.planned(whole.register) == [{"when": "due", "what": "raise", "documents": 1}]

    # Still down: nothing is lost, and it is tried again later.
    told = extend_next(office.workshop)
    assert told is not None
    assert told.error is not None
    assert told.error.code == "TSA_UNAVAILABLE"
    assert extend_next(office.workshop) is None
    office.workshop = whole
    let_time_pass(office)
    for _ in range(2):
        told = extend_next(whole)
        assert told is not None
        assert told.error is None
    raised = file_of(office, document["id"])
    assert files(office) == [
        ("PAdES-B-B", "issued"), ("PAdES-B-T", "raised"), ("PAdES-B-LTA", "raised"),
    ]  # fmt: skip
    assert levels_of(office, raised)[0] == ("signature", "PAdES-B-LTA", "permitted")
    assert raised.startswith(first), "what was issued stays as it was"
    assert extend_next(whole) is None


def test_a_level_below_is_raised_without_a_second_time_stamp(office: Office) -> None:
    promising(office, "PAdES-B-LT", "issue")
    whole = office.workshop
    office.workshop = replace(whole, revocation=without_responder(office))
    document = office.issue()
    assert files(office) == [("PAdES-B-T", "issued")]
    office.workshop = whole
    assert extend_next(whole) is not None
    assert files(office)[1:] == [("PAdES-B-LT", "raised")]
    assert [kind for kind, *_ in levels_of(office, file_of(office, document["id"]))] == ["signature"]


def test_a_file_is_renewed_again_and_again(office: Office) -> None:
    promising(office, "PAdES-B-LTA")
    document = office.issue()
    hashes = [hashlib.sha256(file_of(office, document["id"])).hexdigest()]
    for _ in range(3):
        in_due_time(office)
        told = extend_next(office.workshop)
        assert told is not None
        assert told.error is None
        pdf = file_of(office, document["id"])
        hashes.append(hashlib.sha256(pdf).hexdigest())
        assert levels_of(office, pdf)[0] == ("signature", "PAdES-B-LTA", "permitted")
    assert [reason for _, reason in files(office)] == ["issued", "renewed", "renewed", "renewed"]
    assert len(levels_of(office, pdf)) == 5
    # Every hash that was ever delivered stays a known one.
    known = {each["sha256"] for each in rows(office, tables.document_file)}
    assert known == set(hashes)
    assert office.get(f"/api/v1/documents/{document['id']}").json()["sha256"] == hashes[-1]


def test_of_a_signer_whose_certificate_ended_nobody_is_asked(office: Office) -> None:
    promising(office, "PAdES-B-LTA")
    document = office.issue()
    in_due_time(office)
    key = DevelopmentKeyRing.open(office.settings.keys_folder).key("kepala-dpmptsp-contoh")
    signer = key.certificate.public_bytes(Encoding.DER)
    asked: list[bytes] = []

    class Watching(Revocation):
        def collect(self, links: Iterable[Link], *, accept_revoked: bool = False) -> ValidationData:
            links = list(links)
            asked.extend(each.certificate for each in links)
            return super().collect(links, accept_revoked=accept_revoked)

    real = office.workshop.revocation
    watching = Watching(real._engine, real._ask, responders=real._responders)
    assert extend_next(replace(office.workshop, revocation=watching)) is not None
    assert asked
    assert signer not in asked
    assert levels_of(office, file_of(office, document["id"]))[0][1] == "PAdES-B-LTA"


@pytest.mark.parametrize("effect", ["record", "record_file"])
def test_an_interrupted_renewal_makes_the_same_file(
    office: Office, effect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    promising(office, "PAdES-B-LTA")
    document = office.issue()
    in_due_time(office)
    real = getattr(preservation, effect)

    def dies(*arguments: Any, **named: Any) -> None:
        if effect != "record_file":
            real(*arguments, **named)
        raise KeyboardInterrupt

    claim = preservation.claim_next(office.workshop.register)
    assert claim is not None
    monkeypatch.setattr(preservation, effect, dies)
    with pytest.raises(KeyboardInterrupt):
        extend(office.workshop, claim)
    monkeypatch.setattr(preservation, effect, real)
    stored = {path.name for path in (office.settings.data / "archive").rglob("final/**/*.pdf")}
    let_time_pass(office)
    assert extend_next(office.workshop) is not None
    assert [reason for _, reason in files(office)] == ["issued", "renewed"]
    after = {path.name for path in (office.settings.data / "archive").rglob("final/**/*.pdf")}
    if effect == "record_file":
        assert stored == after, "the file that was stored already is the one that is registered"
    assert levels_of(office, file_of(office, document["id"]))[0][1] == "PAdES-B-LTA"


def test_an_overtaken_worker_changes_nothing(office: Office) -> None:
    promising(office, "PAdES-B-LTA")
    office.issue()
    in_due_time(office)
    slow = preservation.claim_next(office.workshop.register)
    assert slow is not None
    assert preservation.claim_next(office.workshop.register) is None, "it is claimed"
    let_time_pass(office)
    assert extend_next(office.workshop) is not None
    with pytest.raises(queue.FenceLost):
        extend(office.workshop, slow)
    assert [reason for _, reason in files(office)] == ["issued", "renewed"]


def test_a_revoked_certificate_stops_issuing_and_readiness_says_so(office: Office) -> None:
    promising(office, "PAdES-B-LT")
    office.issue(key="before")
    key = DevelopmentKeyRing.open(office.settings.keys_folder).key("kepala-dpmptsp-contoh")
    since = datetime.now(UTC) - timedelta(hours=1)
    (office.settings.keys_folder / "revoked.toml").write_text(
        f'[revoked]\n"{key.certificate.serial_number:x}" = {since:%Y-%m-%dT%H:%M:%SZ}\n'
    )
    with transaction(office.workshop.register.engine) as connection:
        connection.execute(update(tables.revocation_answer).values(until=tables.now_ms() + 60_000))
    refresh_revocation(office.workshop)
    accepted = office.request(office.sample(serial=2), key="after")
    office.work()
    state = office.state(accepted["id"])
    assert (state["state"], state["state_reason"]) == ("BLOCKED", "CERTIFICATE_REVOKED@PREPARED")
    assert len(rows(office, tables.signature_intent)) == 1, "the key was not used"
    standing = alarms.standing(office.workshop.register.engine)
    assert [(each.kind, each.subject, each.code) for each in standing] == [
        ("certificate", "kepala-dpmptsp-contoh", "CERTIFICATE_REVOKED")
    ]
    with pytest.raises(Unavailable, check=lambda problem: problem.code == "CERTIFICATE_REVOKED"):
        readiness(office.desk, office.workshop.archive)["signing"]()
    goes_on_with_another_key(office, accepted["id"])


def goes_on_with_another_key(office: Office, document_id: str) -> None:
    engine, old, new = office.workshop.register.engine, "kepala-dpmptsp-contoh", "kepala-dpmptsp-teladan"
    frozen = rows(office, tables.signature)
    assert queue.unblock(office.desk.register, "dpmptsp-contoh", document_id)
    office.work()
    assert office.state(document_id)["state"] == "BLOCKED", "its officer has no other key yet"
    today = datetime.now(UTC).date()
    signing_keys.permit(engine, old, [Permission("dpmptsp-contoh", EVERY_TYPE, today, None)])
    signing_keys.rotate(engine, old, new, today, today - timedelta(days=1))
    signing_keys.retire(engine, old)
    assert queue.unblock(office.desk.register, "dpmptsp-contoh", document_id)
    office.work()
    assert office.state(document_id)["state"] == "ISSUED"
    for before, after in zip(frozen, rows(office, tables.signature), strict=True):
        changed = before["document_id"] == document_id
        assert (before["key_id"], after["key_id"]) == (old, new if changed else old)
        assert before["frozen_sha256"] == after["frozen_sha256"], "what was frozen stays"
    assert any("document.key_changed" in each["canonical"] for each in rows(office, tables.audit_event))
    with transaction(engine) as connection:
        assert list(key_audit.discrepancies(connection)) == []


def test_working_ahead_renews_each_file_once(office: Office) -> None:
    promising(office, "PAdES-B-LT")
    for serial in (1, 2):
        office.issue(office.sample(serial=serial), key=str(serial))
    began, far = datetime.now(UTC), datetime.now(UTC) + timedelta(days=20 * 365)
    for _ in range(2):
        told = extend_next(office.workshop, far, began)
        assert told is not None
        assert told.error is None
    # The same authority stamped, so that each is due before that day again.
    assert extend_next(office.workshop, far, began) is None
    assert sorted(reason for _, reason in files(office)) == ["issued", "issued", "renewed", "renewed"]


def test_two_processes_on_one_database_and_one_bucket_renew_each_file_once(large_office: Office) -> None:
    """PostgreSQL and S3: a claim passes over what another one holds, and what was kept is found again."""
    promising(large_office, "PAdES-B-LTA")
    for serial in (1, 2):
        large_office.issue(large_office.sample(serial=serial), key=str(serial))
    in_due_time(large_office)
    register = large_office.workshop.register
    held = [preservation.claim_next(register) for _ in range(3)]
    assert held[0] is not None
    assert held[1] is not None
    assert held[2] is None
    assert held[0].held.document_id != held[1].held.document_id
    for present in held[:2]:
        assert present is not None
        assert present.kept is None
        extend(large_office.workshop, present)
    assert sorted(reason for _, reason in files(large_office)) == ["issued", "issued", "renewed", "renewed"]

    # Far ahead of time: due by then, but renewed since we began; then, without that, due again.
    began, far = datetime.now(UTC) - timedelta(minutes=1), datetime.now(UTC) + timedelta(days=20 * 365)
    assert extend_next(large_office.workshop, far, began) is None
    kept = preservation.Preserved("ab" * 32, b"{}", None, None)
    for _ in range(2):
        preservation.record(register, renewed_claim(large_office, far), 7, kept)
        let_time_pass(large_office)
    told = extend_next(large_office.workshop, far)
    assert told is not None
    assert told.error is None


def renewed_claim(office: Office, until: datetime) -> queue.Claim:
    """The claim of a document that is due until then."""
    present = preservation.claim_next(office.workshop.register, until)
    assert present is not None
    assert preservation.read(office.workshop.register, present.held, present.ordinal) is None
    return present.held


def test_a_proof_that_ends_soon_is_not_renewed_over_and_over() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    days = [(renewal_day(now + timedelta(days=left), now) - now).days for left in (1000, 362, 100, 1, -5)]
    assert days == [820, 182, 50, 1, 1]


def test_an_alarm_stands_until_it_is_cleared(office: Office) -> None:
    engine = office.workshop.register.engine
    alarms.sound(engine, alarms.PROVIDER, "kunci", "PROVIDER_ALTERED")
    alarms.sound(engine, alarms.PROVIDER, "kunci", "PROVIDER_OTHER")
    [standing] = alarms.standing(engine)
    assert (standing.subject, standing.code) == ("kunci", "PROVIDER_ALTERED")
    assert alarms.clear(engine, alarms.PROVIDER, "lain") == 0
    assert alarms.clear(engine, alarms.PROVIDER) == 1
    assert alarms.standing(engine) == []


def test_what_is_planned_is_counted_by_month(office: Office) -> None:
    promising(office, "PAdES-B-LT")
    for serial in range(1, 4):
        office.issue(office.sample(serial=serial), key=str(serial))
    [row] = preservation.planned(office.workshop.register)
    assert (row["what"], row["documents"]) == ("renew", 3)
    assert preservation.planned(office.workshop.register, datetime.now(UTC)) == []
    with transaction(office.workshop.register.engine) as connection:
        first = connection.scalar(select(tables.document.c.id).limit(1))
        connection.execute(update(tables.document).where(tables.document.c.id == first).values(extend_at=1))
    assert [each["when"] for each in preservation.planned(office.workshop.register)] == ["due", row["when"]]
    assert preservation.claim_next(office.workshop.register, datetime.now(UTC)) is not None
