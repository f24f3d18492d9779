"""Signing sessions on each database: who may take which secret, and what is left of it."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from storage import queue, sessions, status, steps, tables, units
from storage.database import transaction
from storage.register import Register
from storage.vocabulary import AbsahError, Conflict, NotFound, Unavailable
from tests.agencies import accept, add_agency

SEALED = b"sealed" * 60


def waiting_document(register: Register, key: str, *, agency: str = "dinas", **changes: bool) -> str:
    """A document whose key asks for a secret."""
    with transaction(register.engine) as connection:
        known = next((each for each in units.agencies(connection) if each.id == agency), None)
    document = accept(register, known or add_agency(register, agency), key, **changes).id
    held = queue.claim(register, agency, document)
    assert held is not None
    held = steps.record_freeze(register, held, 1, f"{key:0>64}", bytes(32), (0, 1, 1, 0))
    queue.wait_for_session(register, held)
    return document


def begun(register: Register, **choice: object) -> sessions.Session:
    return sessions.open_session(register, "dinas", opened_by="test", **choice)  # type: ignore[arg-type]


def test_a_waiting_document_is_claimed_in_a_session_only(register: Register) -> None:
    document = waiting_document(register, "1")
    assert queue.claim(register, "dinas", document) is None
    assert queue.claim_next(register) is None
    [waiting] = sessions.waiting(register)
    assert (waiting.document_id, waiting.key_id, waiting.officer_id) == (document, "key", "kepala-dinas")
    held = queue.claim_attended(register, "dinas", document)
    assert held is not None
    assert queue.claim_attended(register, "dinas", document) is None, "it is at work already"
    queue.release(register, held, waits=True)
    assert queue.claim_attended(register, "dinas", document) is not None


def test_a_secret_is_taken_once_by_the_worker_that_can_read_it(register: Register) -> None:
    waiting_document(register, "1")
    with pytest.raises(Unavailable, check=lambda error: error.code == "NO_WORKER"):
        begun(register)
    sessions.publish(register, "other", b"o" * 32, ["another-key"])
    with pytest.raises(Unavailable):
        begun(register)
    sessions.publish(register, "mine", b"m" * 32, ["key"])
    session = begun(register)
    assert (session.worker_key_id, session.public_key, session.state) == ("mine", b"m" * 32, "OPEN")
    assert sessions.take(register, ["mine"]) is None
    sessions.submit(register, "dinas", session.id, "kepala-dinas", SEALED)
    assert sessions.take(register, ["other"]) is None
    taken = sessions.take(register, ["mine", "other"])
    assert taken is not None
    assert (taken[0].id, taken[1]) == (session.id, SEALED)
    assert sessions.take(register, ["mine"]) is None
    with transaction(register.engine) as connection:
        assert connection.scalars(select(tables.signing_session.c.sealed)).all() == [None]
    assert sessions.is_open(register, taken[0])
    sessions.finish(register, taken[0], None)
    assert not sessions.is_open(register, taken[0])
    assert sessions.read_session(register, "dinas", session.id).state == "DONE"


@pytest.mark.parametrize("submitted", [False, True])
def test_a_worker_that_leaves_or_falls_silent_ends_its_sessions(register: Register, submitted: bool) -> None:
    waiting_document(register, "1")
    for leave in (True, False):
        sessions.publish(register, f"w{leave}", b"m" * 32, ["key"])
        session = begun(register)
        if submitted:
            sessions.submit(register, "dinas", session.id, "kepala-dinas", SEALED)
        if leave:
            sessions.withdraw(register, [f"w{leave}"])
        else:
            with transaction(register.engine) as connection:
                connection.execute(update(tables.worker_key).values(heartbeat=1))
            assert sessions.close_ended(register) == 1
        ended = sessions.read_session(register, "dinas", session.id)
        assert (ended.state, ended.code) == ("LOST", "WORKER_LOST")
        with transaction(register.engine) as connection:
            assert set(connection.scalars(select(tables.signing_session.c.sealed))) == {None}
        with pytest.raises(Conflict):
            sessions.submit(register, "dinas", session.id, "kepala-dinas", SEALED)


def test_only_the_officer_of_the_agency_submits_and_sees(register: Register) -> None:
    waiting_document(register, "1")
    waiting_document(register, "2", agency="lain")
    sessions.publish(register, "mine", b"m" * 32, ["key"])
    session = begun(register)
    for agency, officer in (("dinas", "somebody"), ("lain", "kepala-lain")):
        with pytest.raises(NotFound):
            sessions.submit(register, agency, session.id, officer, SEALED)
        with pytest.raises(NotFound):
            sessions.read_session(register, agency, session.id, officer)
    assert len(session.documents) == 1, "another agency's document stays there"


def test_submitting_approves_what_the_session_shows(register: Register) -> None:
    document = waiting_document(register, "1", needs_approval=True)
    plain = waiting_document(register, "2")
    sessions.publish(register, "mine", b"m" * 32, ["key"])
    session = begun(register)
    assert queue.claim_attended(register, "dinas", document) is None
    sessions.submit(register, "dinas", session.id, "kepala-dinas", SEALED)
    with transaction(register.engine) as connection:
        given = connection.execute(select(tables.approval)).mappings().all()
    assert [(each["document_id"], each["officer_id"], each["prepared_sha256"]) for each in given] == [
        (document, "kepala-dinas", f"{'1':0>64}")
    ]
    for each in (document, plain):
        assert queue.claim_attended(register, "dinas", each) is not None
    status.approve(register, "dinas", document, f"{'1':0>64}", "kepala-dinas")


def test_a_human_lets_a_lost_answer_be_asked_for_again(register: Register) -> None:
    document = waiting_document(register, "1")
    held = queue.claim_attended(register, "dinas", document)
    assert held is not None
    steps.record_intent(register, held, 1, f"{'1':0>64}", bytes(32), once=True)

    def slot() -> tuple[object, object]:
        with transaction(register.engine) as connection:
            row = connection.execute(select(tables.signature)).mappings().one()
        return row["asked_at"] is not None, row["reply_sha256"]

    assert slot() == (True, None)
    steps.record_refusal(register, held, 1, "KEY_PASSPHRASE")
    assert slot() == (False, None)
    steps.record_intent(register, held, 1, f"{'1':0>64}", bytes(32), once=True)
    held = steps.record_reply(register, held, 1, "r" * 64)
    assert slot() == (False, "r" * 64)
    with pytest.raises(AbsahError, check=lambda error: error.code == "ALREADY_REPLIED"):
        steps.record_reply(register, held, 1, "s" * 64)
    queue.block(register, held, Conflict("…", code="PROVIDER_ALTERED"))
    assert queue.unblock(register, "dinas", document)
    assert slot() == (False, None)
