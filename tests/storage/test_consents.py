"""Consents in a browser on each database: whose session a state opens, how often, and what is left of it."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from storage import consents, sessions, tables
from storage.database import transaction
from storage.register import Register
from storage.sessions import Session
from storage.vocabulary import Conflict, NotFound
from tests.storage.test_sessions import SEALED, begun, waiting_document

ADDRESS, STATE = "https://tsp.example.id/oauth2/authorize?request_uri=urn:x", "s" * 32


def asking(register: Register, **changes: bool) -> Session:
    """A session whose worker has asked for the consent."""
    waiting_document(register, "1", **changes)
    sessions.publish(register, "mine", b"m" * 32, ["key"])
    session = begun(register)
    assert consents.next_unasked(register, ["other"]) is None
    found = consents.next_unasked(register, ["mine"])
    assert found is not None and (found.id, found.asks_for) == (session.id, None)
    assert consents.ask_for_consent(register, session, ADDRESS, STATE)
    assert consents.next_unasked(register, ["mine"]) is None
    return sessions.read_session(register, "dinas", session.id)


def bring(register: Register, state: str = STATE) -> None:
    consents.bring_code(register, state, lambda session: f"{session.id} {len(SEALED)}".encode())


def test_a_code_reaches_the_worker_that_asked_and_approves(register: Register) -> None:
    session = asking(register, needs_approval=True)
    assert (session.asks_for, session.consent_address) == ("consent", ADDRESS)
    with transaction(register.engine) as connection:
        assert STATE not in repr(connection.execute(select(tables.signing_session)).all())
        assert not connection.execute(select(tables.approval)).all()
    bring(register)
    with transaction(register.engine) as connection:
        [given] = connection.execute(select(tables.approval)).mappings().all()
        assert connection.scalars(select(tables.signing_session.c.consent_address)).all() == [None]
    assert (given["officer_id"], given["prepared_sha256"]) == ("kepala-dinas", f"{'1':0>64}")
    taken = sessions.take(register, ["mine"])
    assert taken is not None and taken[1] == f"{session.id} {len(SEALED)}".encode()


def test_a_state_counts_once_and_no_other_does(register: Register) -> None:
    asking(register)
    for wrong in ("", "t" * 32, STATE[:-1], "\0"):
        with pytest.raises(NotFound, check=lambda error: error.code == "CONSENT_UNKNOWN"):
            bring(register, wrong)
    bring(register)
    for again in (bring, lambda register: consents.bring_refusal(register, STATE, consents.REFUSED)):
        with pytest.raises(Conflict, check=lambda error: error.code == "CONSENT_USED"):
            again(register)


def test_a_refusal_ends_the_session(register: Register) -> None:
    session = asking(register, needs_approval=True)
    consents.bring_refusal(register, STATE, consents.REFUSED)
    ended = sessions.read_session(register, "dinas", session.id)
    assert (ended.state, ended.code, ended.consent_address) == ("STOPPED", consents.REFUSED, None)
    with pytest.raises(Conflict, check=lambda error: error.code == "CONSENT_USED"):
        bring(register)
    assert sessions.take(register, ["mine"]) is None
    with transaction(register.engine) as connection:
        assert not connection.execute(select(tables.approval)).all()


@pytest.mark.parametrize(("how", "code"), [("late", "SESSION_EXPIRED"), ("gone", "WORKER_LOST")])
def test_a_session_that_is_over_takes_no_consent(register: Register, how: str, code: str) -> None:
    session = asking(register)
    if how == "gone":
        sessions.withdraw(register, ["mine"])
    else:
        with transaction(register.engine) as connection:
            connection.execute(update(tables.signing_session).values(expires_at=1))
    with pytest.raises(Conflict, check=lambda error: error.code == code):
        bring(register)
    assert sessions.read_session(register, "dinas", session.id).consent_address is None
    assert not consents.ask_for_consent(register, session, ADDRESS, "another")
    consents.stop(register, session, "KEY_SERVICE")
    assert sessions.read_session(register, "dinas", session.id).code == code


def test_a_session_for_a_consent_takes_no_secret(register: Register) -> None:
    session = asking(register)
    with pytest.raises(Conflict, check=lambda error: error.code == "CONSENT_NEEDED"):
        sessions.submit(register, "dinas", session.id, "kepala-dinas", SEALED)
    consents.bring_refusal(register, STATE, consents.FAILED)
    with pytest.raises(Conflict, check=lambda error: error.code == "SESSION_ENDED"):
        sessions.submit(register, "dinas", session.id, "kepala-dinas", SEALED)
