from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from signer.timestamp import Token
from storage import api_keys, audit, queue, status, steps, tables
from storage.confidential import Vault
from storage.database import check_version, migrate, open_database, open_database_to_read, transaction
from storage.limits import ORDINAL_IN_USE
from storage.lookup import Lookup
from storage.new_document import Override, Predecessor
from storage.queue import FenceLost
from storage.reading import read_document, read_overview
from storage.register import Register
from storage.status import Change
from storage.vocabulary import (
    Conflict,
    DocumentState,
    InvalidRequest,
    Misconfigured,
    NotFound,
    ReasonClass,
    Status,
)
from tests.agencies import TODAY, accept, add_agency, new_document

NOW = datetime(2026, 3, 12, 5, tzinfo=UTC)
CHANGE = Change(ReasonClass.OTHER, "catatan rahasia", "kepala-dinas")


def count(register: Register, table: tables.Table) -> int:
    with transaction(register.engine) as connection:
        return len(connection.execute(select(table)).all())


def issue(register: Register, agency_id: str, document_id: str) -> None:
    """Walk a document through the cycle's writes with made-up bytes."""
    held = queue.claim(register, agency_id, document_id)
    assert held is not None
    digest = document_id.encode().ljust(32)[:32]
    held = steps.record_freeze(register, held, 1, "f" * 64, digest, (0, 1, 2, 3))
    steps.record_intent(register, held, 1, "f" * 64, digest)
    held = steps.record_cms(register, held, 1, b"cms")
    held = steps.record_token(register, held, 1, Token(b"token", NOW, NOW))
    held = steps.record_stored(register, held, f"{document_id[:8]:0<64}", 4, "PAdES-B-T", None)
    steps.record_issue(register, held)


def overview(register: Register, document_id: str):
    return read_overview(register, "dinas", document_id, datetime.now(UTC))


def test_the_migrations_make_the_tables_that_the_code_expects(database_url: str) -> None:
    engine = open_database(database_url)
    found = inspect(engine)
    for name, table in tables.metadata.tables.items():
        assert {column["name"] for column in found.get_columns(name)} == set(table.columns.keys()), name
        indexes = {index["name"] for index in found.get_indexes(name)}
        assert {index.name for index in table.indexes} <= indexes, name
    migrate(engine)  # again: nothing to do
    check_version(engine)
    engine.dispose()


def test_a_newer_database_is_refused_in_one_sentence(database_url: str) -> None:
    engine = open_database(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for opened in (migrate, check_version):
        with pytest.raises(Misconfigured, match="newer than this program"):
            opened(engine)
    engine.dispose()


def test_accepting_fixes_everything_in_one_transaction(register: Register) -> None:
    agency = add_agency(register)
    accepted = accept(register, agency, "1")
    document = read_document(register, agency.id, accepted.id)
    assert accepted.number == "503/001/IZIN/2026"
    assert accepted.url.endswith(accepted.code)
    assert document.fields == {"nama": "Siti Aminah", "nik": "3175024107900001"}
    assert [slot.officer.name for slot in document.slots] == ["Ratna"]
    found = overview(register, accepted.id)
    assert (found.state, found.status) == (DocumentState.ALLOCATED, Status.NOT_YET_ISSUED)
    assert found.sha256 is None


def test_the_same_key_gives_the_same_document_and_another_body_a_conflict(register: Register) -> None:
    agency = add_agency(register)
    first = accept(register, agency, "1")
    assert accept(register, agency, "1") == first
    assert count(register, tables.document) == 1
    with pytest.raises(Conflict) as caught:
        register.accept(agency, agency, "client", "1", "e" * 64, new_document())
    assert caught.value.code == "IDEMPOTENCY_KEY_REUSED"
    assert accept(register, agency, "2").number == "503/002/IZIN/2026"


def test_100_requests_with_one_key_at_once_are_one_document(register: Register) -> None:
    agency = add_agency(register)
    answers, errors = [], []
    barrier = threading.Barrier(20)

    def call() -> None:
        barrier.wait()
        for _ in range(5):
            try:
                answers.append(accept(register, agency, "same"))
            except Exception as error:
                errors.append(error)

    threads = [threading.Thread(target=call) for _ in range(20)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert errors == []
    assert len(answers) == 100
    assert len(set(answers)) == 1
    assert count(register, tables.document) == 1


def test_numbers_have_no_gap_under_concurrency_and_refusals(register: Register) -> None:
    agency = add_agency(register)

    def call(thread: int) -> None:
        for n in range(5):
            accept(register, agency, f"{thread}-{n}")
            with pytest.raises(RuntimeError):
                accept(register, agency, f"fails-{thread}-{n}", url=_fails)

    threads = [threading.Thread(target=call, args=(n,)) for n in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    with transaction(register.engine) as connection:
        sequences = connection.scalars(select(tables.document.c.sequence)).all()
    assert sorted(sequences) == list(range(1, 31))


def _fails(code: str) -> str:
    raise RuntimeError("after the number was taken")


def test_limits_hold_within_the_family(register: Register) -> None:
    agency = add_agency(register)
    rules = {"max_in_force": 3, "one_per_place": True}
    first = accept(register, agency, "1", place=("a",), **rules)
    with pytest.raises(Conflict) as caught:
        accept(register, agency, "2", place=("a",), **rules)
    assert caught.value.code == "SAME_PLACE"
    accept(register, agency, "3", place=("b",), **rules)
    accept(register, agency, "4", place=("c",), series="lain/2026", type="lain", **rules)
    with pytest.raises(Conflict) as caught:
        accept(register, agency, "5", place=("d",), **rules)
    assert caught.value.code == "TOO_MANY_IN_FORCE"
    accept(register, agency, "6", place=("a",), holder=("3175024107900002",), **rules)
    status.annul(register, agency.id, first.id, CHANGE)
    accept(register, agency, "7", place=("d",), **rules)


def confirmed(ordinal: int, *reasons: str) -> dict[str, Any]:
    return {
        "fields": {"nama": "Siti Aminah", "nik": "3175024107900001", "ke": ordinal},
        "ordinal": "ke",
        "overrides": tuple(Override(ORDINAL_IN_USE, reason, "kepala-dinas") for reason in reasons),
    }


def test_an_ordinal_in_use_is_doubtful_until_an_officer_confirms_it(register: Register) -> None:
    agency = add_agency(register)
    first = accept(register, agency, "1", place=("a",), **confirmed(1))
    with pytest.raises(InvalidRequest) as caught:
        accept(register, agency, "2", place=("b",), **confirmed(1))
    assert caught.value.code == "FIELDS_DOUBTFUL"
    [problem] = caught.value.problems
    assert (problem.pointer, problem.code, problem.overridable) == ("/fields/ke", "ORDINAL_IN_USE", True)
    accept(register, agency, "3", place=("b",), **confirmed(2))
    accept(register, agency, "4", place=("c",), **confirmed(1, "Dua profesi, masing-masing SIP pertama"))
    with pytest.raises(InvalidRequest) as caught:
        accept(register, agency, "5", place=("d",), **confirmed(3, "Tidak perlu"))
    assert caught.value.problems[0].code == "OVERRIDE_NOT_NEEDED"
    accept(register, agency, "6", holder=("3175024107900002",), **confirmed(1))
    # Whoever replaces the first takes over its ordinal.
    other = accept(register, agency, "7", holder=("3175024107900003",), **confirmed(1))
    issue(register, agency.id, other.id)
    predecessor = Predecessor(other.id, ReasonClass.PLACE_CHANGED, "pindah", "kepala-dinas")
    accept(register, agency, "8", holder=("3175024107900003",), predecessor=predecessor, **confirmed(1))
    status.annul(register, agency.id, first.id, CHANGE)
    with transaction(register.engine) as connection:
        numbers = connection.scalars(select(tables.document.c.sequence)).all()
    assert sorted(numbers) == list(range(1, 7))  # no refusal burnt one


def test_a_retry_of_a_confirmed_ordinal_gets_its_document(register: Register) -> None:
    agency = add_agency(register)
    accept(register, agency, "1", place=("a",), **confirmed(1))
    again = confirmed(2)
    assert accept(register, agency, "2", **again) == accept(register, agency, "2", **again)


def test_requests_at_once_with_one_key_and_ordinal_are_one_document(register: Register) -> None:
    agency = add_agency(register)
    answers: list[object] = []
    barrier = threading.Barrier(8)

    def call() -> None:
        barrier.wait()
        try:
            answers.append(accept(register, agency, "same", **confirmed(1)).id)
        except InvalidRequest as error:
            answers.append(error)

    threads = [threading.Thread(target=call) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(answers) == 8
    assert len(set(answers)) == 1, answers


def test_limits_hold_for_requests_at_the_same_moment(register: Register) -> None:
    agency = add_agency(register)
    results = []
    barrier = threading.Barrier(8)

    def call(n: int) -> None:
        barrier.wait()
        try:
            # Different series, so that the series' row lock does not serialise them.
            accept(register, agency, f"k{n}", series=f"s{n}/2026", max_in_force=3)
            results.append("accepted")
        except Conflict as error:
            results.append(error.code)

    threads = [threading.Thread(target=call, args=(n,)) for n in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(results) == ["TOO_MANY_IN_FORCE"] * 5 + ["accepted"] * 3


def test_another_agencys_document_does_not_exist(register: Register) -> None:
    mine, other = add_agency(register), add_agency(register, "lain")
    theirs = accept(register, other, "1")
    change = Change(ReasonClass.OTHER, "", "kepala-dinas")
    for call in (
        lambda: read_overview(register, mine.id, theirs.id, NOW),
        lambda: read_document(register, mine.id, theirs.id),
        lambda: status.annul(register, mine.id, theirs.id, change),
        lambda: status.revoke(register, mine.id, theirs.id, change),
        lambda: status.approve(register, mine.id, theirs.id, "0" * 64, "kepala-dinas"),
    ):
        with pytest.raises(NotFound):
            call()
    assert queue.claim(register, mine.id, theirs.id) is None


def test_a_row_cannot_point_at_another_agencys_document(register: Register) -> None:
    mine, other = add_agency(register), add_agency(register, "lain")
    theirs = accept(register, other, "1")
    with pytest.raises(IntegrityError), transaction(register.engine) as connection:
        status.add_event(connection, mine.id, theirs.id, "revoked", TODAY)


def test_fields_are_encrypted_and_bound_to_their_document(register: Register) -> None:
    agency = add_agency(register)
    first, second = accept(register, agency, "1"), accept(register, agency, "2")
    status.annul(register, agency.id, second.id, CHANGE)
    with transaction(register.engine) as connection:
        everything = " ".join(
            repr([bytes(value) if isinstance(value, memoryview) else value for value in row])
            for table in tables.metadata.sorted_tables
            for row in connection.execute(select(table))
        )
        for secret in ("3175024107900001", "Siti Aminah", "siti@example.org", "catatan rahasia"):
            assert secret not in everything
        taken = connection.scalar(
            select(tables.document_content.c.fields).where(tables.document_content.c.document_id == first.id)
        )
        connection.execute(
            update(tables.document_content)
            .where(tables.document_content.c.document_id == second.id)
            .values(fields=taken)
        )
    with pytest.raises(Misconfigured):
        read_document(register, agency.id, second.id)
    stranger = Register(register.engine, Vault(b"x" * 32))
    with pytest.raises(Misconfigured, match="master key"):
        read_document(stranger, agency.id, first.id)


def test_the_fence_stops_a_worker_that_was_overtaken(register: Register) -> None:
    agency = add_agency(register)
    accepted = accept(register, agency, "1")
    slow = queue.claim(register, agency.id, accepted.id)
    assert slow is not None
    assert queue.claim(register, agency.id, accepted.id) is None  # the lease holds
    expire_lease(register)
    fast = queue.claim_next(register)
    assert fast is not None and fast.fence == slow.fence + 1
    with pytest.raises(FenceLost):
        steps.record_freeze(register, slow, 1, "a" * 64, b"a" * 32, (0, 1, 2, 3))
    steps.record_freeze(register, fast, 1, "b" * 64, b"b" * 32, (0, 1, 2, 3))
    with pytest.raises(FenceLost):
        steps.record_freeze(register, slow, 1, "a" * 64, b"a" * 32, (0, 1, 2, 3))
    queue.release(register, slow)  # says nothing any more
    assert overview(register, accepted.id).prepared_sha256 == "b" * 64


def expire_lease(register: Register) -> None:
    with transaction(register.engine) as connection:
        connection.execute(update(tables.document).values(lease_until=0, next_attempt_at=0))


def test_a_document_that_kills_its_worker_is_blocked_after_ten_attempts(register: Register) -> None:
    agency = add_agency(register)
    poison, healthy = accept(register, agency, "1"), accept(register, agency, "2")
    for _ in range(10):
        assert queue.claim(register, agency.id, poison.id) is not None
        expire_lease(register)
    assert queue.claim(register, agency.id, poison.id) is None
    assert overview(register, poison.id).state == DocumentState.BLOCKED
    assert queue.claim(register, agency.id, healthy.id) is not None
    assert queue.unblock(register, agency.id, poison.id)
    assert overview(register, poison.id).state == DocumentState.ALLOCATED


def test_issuing_writes_file_event_record_and_notice_together(register: Register) -> None:
    agency = add_agency(register)
    accepted = accept(register, agency, "1")
    issue(register, agency.id, accepted.id)
    found = overview(register, accepted.id)
    assert (found.state, [event["kind"] for event in found.events]) == (DocumentState.ISSUED, ["issued"])
    assert found.sha256 is not None
    kinds = [notice.kind for notice in steps.unsent(register)]
    assert kinds == ["document.accepted", "document.issued"]
    steps.mark_sent(register, steps.unsent(register))
    assert steps.unsent(register) == []


def test_every_status_and_its_way_back(register: Register) -> None:
    agency = add_agency(register)
    accepted = accept(register, agency, "1")
    with pytest.raises(Conflict, match="not issued"):
        status.suspend(register, agency.id, accepted.id, CHANGE)
    issue(register, agency.id, accepted.id)
    state = lambda: overview(register, accepted.id).status  # noqa: E731
    assert state() == Status.IN_FORCE
    status.suspend(register, agency.id, accepted.id, CHANGE)
    assert state() == Status.SUSPENDED
    with pytest.raises(Conflict):
        status.suspend(register, agency.id, accepted.id, CHANGE)
    status.reinstate(register, agency.id, accepted.id, CHANGE)
    assert state() == Status.IN_FORCE
    status.revoke(register, agency.id, accepted.id, CHANGE, date(2031, 1, 1))
    assert state() == Status.IN_FORCE
    status.revoke(register, agency.id, accepted.id, CHANGE)
    assert state() == Status.REVOKED
    with pytest.raises(Conflict):
        status.revoke(register, agency.id, accepted.id, CHANGE)
    status.annul(register, agency.id, accepted.id, CHANGE)
    assert state() == Status.ANNULLED
    with pytest.raises(Conflict):
        status.reinstate(register, agency.id, accepted.id, CHANGE)


def test_the_predecessor_is_superseded_when_its_successor_is_issued(register: Register) -> None:
    agency = add_agency(register)
    old = accept(register, agency, "1")
    predecessor = Predecessor(old.id, ReasonClass.PLACE_CHANGED, "pindah", "kepala-dinas")
    with pytest.raises(Conflict):
        accept(register, agency, "2", predecessor=predecessor)
    issue(register, agency.id, old.id)
    new = accept(register, agency, "2", predecessor=predecessor)
    assert overview(register, old.id).status == Status.IN_FORCE
    with pytest.raises(Conflict, match="on its way"):
        accept(register, agency, "3", predecessor=predecessor)
    issue(register, agency.id, new.id)
    found = overview(register, old.id)
    assert (found.status, found.successor_number) == (Status.SUPERSEDED, new.number)
    assert overview(register, new.id).status == Status.IN_FORCE


def test_annulling_an_unissued_document_voids_its_number_and_stops_its_worker(register: Register) -> None:
    agency = add_agency(register)
    accepted = accept(register, agency, "1")
    held = queue.claim(register, agency.id, accepted.id)
    assert held is not None
    status.annul(register, agency.id, accepted.id, CHANGE)
    with pytest.raises(FenceLost):
        steps.record_freeze(register, held, 1, "a" * 64, b"a" * 32, (0, 1, 2, 3))
    found = overview(register, accepted.id)
    assert (found.state, found.status) == (DocumentState.VOID, Status.ANNULLED)
    assert accept(register, agency, "2").number == "503/002/IZIN/2026"


def test_a_prepared_document_waits_for_the_approval_of_its_very_bytes(register: Register) -> None:
    agency = add_agency(register)
    accepted = accept(register, agency, "1", needs_approval=True)
    with pytest.raises(Conflict, match="not prepared"):
        status.approve(register, agency.id, accepted.id, "f" * 64, "kepala-dinas")
    held = queue.claim(register, agency.id, accepted.id)
    assert held is not None
    held = steps.record_freeze(register, held, 1, "f" * 64, b"d" * 32, (0, 1, 2, 3))
    assert queue.waits_for_approval(register, held)
    with pytest.raises(steps.NotApproved):
        steps.record_intent(register, held, 1, "f" * 64, b"d" * 32)
    queue.wait_for_approval(register, held)
    assert queue.claim_next(register) is None
    assert overview(register, accepted.id).waiting_for == "APPROVAL"
    with pytest.raises(Conflict, match="digest"):
        status.approve(register, agency.id, accepted.id, "e" * 64, "kepala-dinas")
    status.approve(register, agency.id, accepted.id, "F" * 64, "kepala-dinas")
    status.approve(
        register, agency.id, accepted.id, "f" * 64, "kepala-dinas"
    )  # a second click changes nothing
    assert count(register, tables.approval) == 1
    held = queue.claim_next(register)
    assert held is not None
    with pytest.raises(steps.NotApproved):
        steps.record_intent(register, held, 1, "a" * 64, b"d" * 32)
    steps.record_intent(register, held, 1, "f" * 64, b"d" * 32)


def test_the_audit_chain_finds_what_was_changed_or_removed(register: Register) -> None:
    agency = add_agency(register)
    for n in range(4):
        accept(register, agency, str(n))
    with transaction(register.engine) as connection:
        assert audit.chain(connection) == audit.waiting(connection) + 5  # four documents and the officer
        assert list(audit.verify_chain(connection)) == []
    with transaction(register.engine) as connection:
        connection.execute(
            update(tables.audit_event).where(tables.audit_event.c.sequence == 2).values(canonical="{}")
        )
        connection.execute(tables.audit_event.delete().where(tables.audit_event.c.sequence == 4))
    with transaction(register.engine) as connection:
        found = list(audit.verify_chain(connection))
    assert found[0] == "Audit row 2 is not what was chained."
    assert found[1] == "Audit rows 4 to 4 are missing."


def test_api_keys(register: Register) -> None:
    agency = add_agency(register)
    with transaction(register.engine) as connection:
        key = api_keys.new_api_key(connection, agency.id, ("issue", "read"))
        client = api_keys.authenticate(connection, key)
        assert (client.agency_id, client.officer_id) == (agency.id, None)
        client.require("issue")
        with pytest.raises(api_keys.Forbidden):
            client.require("approve")
        with pytest.raises(api_keys.Forbidden):
            _ = client.officer
        for wrong in ("", "absah", key[:-1], key + "x", key.replace("absah", "other"), "absah__", "\ud800"):
            with pytest.raises(api_keys.Unauthenticated):
                api_keys.authenticate(connection, wrong)
        api_keys.revoke_api_key(connection, agency.id, client.id)
        with pytest.raises(api_keys.Unauthenticated):
            api_keys.authenticate(connection, key)


def test_the_public_side_reads_its_projection_and_nothing_else(database_url: str, register: Register) -> None:
    agency = add_agency(register)
    accepted = accept(register, agency, "1")
    issue(register, agency.id, accepted.id)
    sha256 = overview(register, accepted.id).sha256
    assert sha256 is not None
    if database_url.startswith("sqlite"):
        public = open_database_to_read(database_url)
        refused = "readonly"
        forbidden = ["UPDATE public_record SET masked_name = 'x'", "DELETE FROM document_file"]
    else:
        with register.engine.begin() as connection:
            connection.execute(
                text(
                    "DO $$ BEGIN CREATE ROLE public_side LOGIN IN ROLE absah_verifier;"
                    " EXCEPTION WHEN duplicate_object THEN NULL; END $$"
                )
            )
        public = create_engine(database_url.replace("absah@", "public_side@"), isolation_level="AUTOCOMMIT")
        refused = "permission denied"
        forbidden = [
            "UPDATE public_record SET masked_name = 'x'",
            "DELETE FROM document_file",
            *(
                f"SELECT * FROM {name}"  # noqa: S608 - names of our own tables
                for name, table in tables.metadata.tables.items()
                if table not in tables.PUBLIC_TABLES
            ),
        ]
    lookup = Lookup(public)
    for record in (
        lookup.by_code(accepted.code),
        lookup.by_sha256(sha256),
        lookup.by_byte_range_digest(accepted.id.encode().ljust(32)[:32].hex()),
    ):
        assert record is not None
        assert (record.number, record.masked_name) == (accepted.number, "S*** A***")
    assert lookup.by_code("0" * 14) is None
    for statement in forbidden:
        with pytest.raises(DBAPIError, match=refused), public.connect() as connection:
            connection.execute(text(statement))
    public.dispose()
