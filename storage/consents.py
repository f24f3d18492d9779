"""Signing sessions whose key is authorised by its owner's consent in a browser (OAuth 2.0, RFC 6749, 4.1).

The worker asks the remote service for the consent and puts the address where the owner has to go into the
session; the service sends the owner's browser back to us with a code and with the ``state`` that only that
address, or what lies behind it, told of. Of the state the register has only a hash. It opens one session,
once, until that ends; the code then waits for the worker as a secret does, encrypted to its key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, select, update

from storage import audit
from storage.database import reading, transaction
from storage.register import Register
from storage.sessions import WIPED, Session, close_overdue, read_in, submit_in
from storage.tables import now_ms, signing_session
from storage.vocabulary import Conflict, NotFound

REFUSED = "CONSENT_REFUSED"
FAILED = "CONSENT_FAILED"

# -- the worker's side


def next_unasked(register: Register, key_ids: Sequence[str]) -> Session | None:
    """The oldest open session of a worker with these keys that does not say yet what it asks for."""
    with reading(register.engine) as connection:
        row = connection.execute(
            select(signing_session.c.agency_id, signing_session.c.id)
            .where(
                signing_session.c.state == "OPEN",
                signing_session.c.asks_for.is_(None),
                signing_session.c.worker_key_id.in_(key_ids),
                signing_session.c.expires_at > now_ms(),
            )
            .order_by(signing_session.c.created_at)
            .limit(1)
        ).first()
        return None if row is None else read_in(connection, *row)


def ask_for_secret(register: Register, session: Session) -> None:
    """The session's key takes what its owner types."""
    with transaction(register.engine) as connection:
        _change_open(connection, session, asks_for="secret")


def ask_for_consent(register: Register, session: Session, address: str, state: str) -> bool:
    """The session's owner has to go to that address; False where the session is not open any more."""
    with transaction(register.engine) as connection:
        values = {"asks_for": "consent", "consent_address": address, "consent_state": _hashed(state)}
        if not _change_open(connection, session, **values):
            return False
        audit.record(connection, session.agency_id, "worker", "session.consent_asked", session.id)
        return True


def stop(register: Register, session: Session, code: str) -> None:
    """The session ends before anything was typed or consented to, for the reason ``code``."""
    with transaction(register.engine) as connection:
        _stop(connection, session, "worker", code)


# -- the side of the owner's browser


def bring_code(register: Register, state: str, seal: Callable[[Session], bytes]) -> None:
    """The owner came back with a code: ``seal`` encrypts it for the worker of the session it is for.

    It is also the officer's approval, as `storage.sessions.submit` says.

    Raises:
        NotFound: ``CONSENT_UNKNOWN``, no session has that state.
        Conflict: ``CONSENT_USED``, somebody came back with it before · ``SESSION_EXPIRED`` ·
            ``WORKER_LOST``, nobody could use the code any more.
    """
    with transaction(register.engine) as connection:
        session = _awaiting(connection, state)
        submit_in(connection, session, seal(session))


def bring_refusal(register: Register, state: str, code: str) -> None:
    """The owner came back without: `REFUSED` by them, or `FAILED` at the service. Raises as `bring_code`."""
    with transaction(register.engine) as connection:
        session = _awaiting(connection, state)
        _stop(connection, session, session.officer_id, code)


def _awaiting(connection: Connection, state: str) -> Session:
    close_overdue(connection)
    row = connection.execute(
        select(signing_session.c.agency_id, signing_session.c.id)
        .where(signing_session.c.consent_state == _hashed(state))
        # Two that come at once are one after the other.
        .with_for_update()
    ).first()
    if row is None:
        raise NotFound(
            "No signing session awaits this consent; begin one in the application.", code="CONSENT_UNKNOWN"
        )
    session = read_in(connection, *row)
    if session.state == "EXPIRED":
        raise Conflict("The signing session took too long; begin a new one.", code="SESSION_EXPIRED")
    if session.state == "LOST":
        raise Conflict("The signing process ended meanwhile; begin a new session.", code="WORKER_LOST")
    if session.state != "OPEN":
        raise Conflict("This consent was brought back before; it counts once.", code="CONSENT_USED")
    return session


def _stop(connection: Connection, session: Session, actor: str, code: str) -> None:
    if _change_open(connection, session, state="STOPPED", code=code[:40], **WIPED):
        audit.record(
            connection, session.agency_id, actor, "session.stopped", session.id,
            key=session.key_id, code=code,
        )  # fmt: skip


def _change_open(connection: Connection, session: Session, **values: object) -> bool:
    changed = connection.execute(
        update(signing_session)
        .where(
            signing_session.c.agency_id == session.agency_id,
            signing_session.c.id == session.id,
            signing_session.c.state == "OPEN",
        )
        .values(**values)
    )
    return changed.rowcount == 1


def _hashed(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
