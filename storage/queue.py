"""The database is the queue: who works on which document, until when, and what happens on failure.

A claim raises the document's fence; every later write of the cycle names the fence it was given,
so a worker that was overtaken (paused, cut off, presumed dead) can change nothing any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Update,
    and_,
    bindparam,
    exists,
    literal,
    not_,
    select,
    update,
)

from storage import audit
from storage.database import reading, transaction
from storage.register import Register
from storage.rows import awaits_approval, awaits_session
from storage.tables import document, now_ms, officer, signature
from storage.vocabulary import AbsahError, DocumentState

LEASE_MS = 90_000
MAX_ATTEMPTS = 10
_BACKOFF_MS = (1_000, 2_000, 5_000, 10_000, 30_000, 60_000)

# What stops a document because of the key it was to be signed with, which its officer may have changed since.
_OF_THE_KEY = frozenset(
    {
        "CERTIFICATE_REVOKED", "KEY_EXPIRED", "KEY_RETIRED", "KEY_NOT_ACTIVE", "KEY_NOT_PERMITTED",
        "KEY_DISABLED", "UNKNOWN_KEY",
    }
)  # fmt: skip

_UNFINISHED = (
    DocumentState.ALLOCATED,
    DocumentState.PREPARED,
    DocumentState.SIGNED,
    DocumentState.TIMESTAMPED,
    DocumentState.STORED,
)


class FenceLost(AbsahError):
    """Another worker holds the document now, or its state changed; this one must stop touching it."""

    code = "FENCE_LOST"


@dataclass(frozen=True)
class Claim:
    """The right to move one document on, as long as its fence is the newest."""

    agency_id: str
    document_id: str
    fence: int
    state: DocumentState
    slot: int

    def at(self, state: DocumentState, slot: int | None = None) -> Claim:
        """The same claim after a step has been committed."""
        return replace(self, state=state, slot=self.slot if slot is None else slot)


@dataclass(frozen=True)
class Blocked:
    """A document that stopped, and why: a code, ``@`` and the state in which it stopped."""

    agency_id: str
    document_id: str
    number: str
    reason: str

    @property
    def code(self) -> str:
        """Why it stopped."""
        return self.reason.partition("@")[0]


def claim(register: Register, agency_id: str, document_id: str) -> Claim | None:
    """Claim one document; None when it is finished, waits, or somebody else holds it."""
    with transaction(register.engine) as connection:
        return _claim(connection, _CLAIM_NAMED, agency_id, document_id)


def claim_attended(register: Register, agency_id: str, document_id: str) -> Claim | None:
    """Claim a document that waits for a signing session, in such a session; None when it does not."""
    with transaction(register.engine) as connection:
        return _claim(connection, _CLAIM_ATTENDED, agency_id, document_id)


def claim_next(register: Register) -> Claim | None:
    """Claim whichever unfinished document has waited longest; None when nothing is to be done."""
    with transaction(register.engine) as connection:
        # SQLite, which has no such locks, leaves FOR UPDATE out.
        row = connection.execute(_DUE).first()
        return _claim(connection, _CLAIM_DUE, row.agency_id, row.id) if row is not None else None


def advance(
    connection: Connection, held: Claim, state: DocumentState, slot: int | None = None, **values: Any
) -> Claim:
    """Commit a step: only while ours is the newest fence and the state is the one we saw.

    Raises:
        FenceLost: it is not; nothing is written.
    """
    changed = connection.execute(
        _FINISH if state == DocumentState.ISSUED else _ADVANCE,
        {
            "of_agency": held.agency_id,
            "of_document": held.document_id,
            "of_fence": held.fence,
            "of_state": held.state,
            "of_slot": held.slot,
            "state": state,
            "slot": held.slot if slot is None else slot,
            **values,
        },
    )
    if changed.rowcount != 1:
        raise FenceLost("Another worker has taken over this document.")
    return held.at(state, slot)


def release(register: Register, held: Claim, error: AbsahError | None = None, *, waits: bool = False) -> None:
    """Give the document back: for later when a part is down (``waits``), or after a failed attempt.

    A part that is down never uses up attempts; ten failed ones block the document for a human.
    """
    with transaction(register.engine) as connection:
        row = connection.execute(select(document.c.attempts).where(_held(held)).with_for_update()).first()
        if row is None:
            return
        pause = _BACKOFF_MS[min(max(row.attempts - 1, 0), len(_BACKOFF_MS) - 1)]
        values: dict[str, Any] = {
            "lease_until": 0,
            "next_attempt_at": now_ms() + pause,
            "last_error": error.code if error else None,
        }
        if waits:
            values["attempts"] = max(row.attempts - 1, 0)
            values["next_attempt_at"] = now_ms() + _BACKOFF_MS[2]
        connection.execute(update(document).where(_held(held)).values(**values))


def waits_for_approval(register: Register, held: Claim) -> bool:
    """Whether the claimed document may not be signed yet."""
    with reading(register.engine) as connection:
        return (
            connection.execute(select(document.c.id).where(_held(held), awaits_approval())).first()
            is not None
        )


def wait_for_approval(register: Register, held: Claim) -> None:
    """Give a prepared document back until an officer approves it."""
    with transaction(register.engine) as connection:
        connection.execute(
            update(document).where(_held(held)).values(lease_until=0, attempts=0, last_error=None)
        )


def wait_for_session(register: Register, held: Claim) -> None:
    """Give a prepared document back until an official types the secret of its key."""
    with transaction(register.engine) as connection:
        connection.execute(
            update(document)
            .where(_held(held))
            .values(awaits_session=True, lease_until=0, attempts=0, last_error=None)
        )


def end_waiting(register: Register, key_ids: Sequence[str]) -> int:
    """Let any worker take what waits for a session with one of these keys, which ask nobody (any more)."""
    asks_nobody = exists().where(
        signature.c.agency_id == document.c.agency_id,
        signature.c.document_id == document.c.id,
        signature.c.ordinal == document.c.slot,
        signature.c.key_id.in_(key_ids),
    )
    with transaction(register.engine) as connection:
        changed = connection.execute(
            update(document).where(awaits_session(), asks_nobody).values(awaits_session=False)
        )
        return changed.rowcount


def block(register: Register, held: Claim, error: AbsahError) -> None:
    """Stop a document that no retry can help, for a human to look at; an issued one stays issued."""
    with transaction(register.engine) as connection:
        _block(connection, held, error.code)


def list_blocked(register: Register, agency_id: str | None = None) -> list[Blocked]:
    """What waits for a human, of one agency or of all, oldest first."""
    columns = (document.c.agency_id, document.c.id, document.c.number, document.c.state_reason)
    query = select(*columns).where(document.c.state == DocumentState.BLOCKED).order_by(document.c.created_at)
    if agency_id is not None:
        query = query.where(document.c.agency_id == agency_id)
    with reading(register.engine) as connection:
        return [Blocked(*row) for row in connection.execute(query)]


def unblock(
    register: Register, agency_id: str, document_id: str, *, template_hash: str | None = None
) -> bool:
    """Let a blocked document go on from the state it stopped in; False when it is not blocked.

    ``template_hash`` is that of the template with which it goes on, where that is another one now. What
    stopped because of its key goes on with the key that its officer has now; the frozen bytes stay.
    """
    with transaction(register.engine) as connection:
        where = and_(
            document.c.agency_id == agency_id,
            document.c.id == document_id,
            document.c.state == DocumentState.BLOCKED,
        )
        row = connection.execute(select(document.c.state_reason).where(where)).first()
        if row is None:
            return False
        code, _, state_then = row.state_reason.rpartition("@")
        state = DocumentState(state_then)
        if code == "REPLY_LOST" or code.startswith("PROVIDER_"):
            # Somebody has looked at it: the key may be asked once more. The first answer stays in staging.
            connection.execute(
                update(signature)
                .where(
                    signature.c.agency_id == agency_id,
                    signature.c.document_id == document_id,
                    signature.c.covered_digest.is_(None),
                )
                .values(asked_at=None, reply_sha256=None)
            )
        if code in _OF_THE_KEY:
            _take_keys_of_today(connection, agency_id, document_id)
        template: dict[str, Any] = {} if template_hash is None else {"template_hash": template_hash}
        connection.execute(
            update(document)
            .where(where)
            .values(
                state=state, state_reason=None, last_error=None, attempts=0, next_attempt_at=0, **template
            )
        )
        audit.record(connection, agency_id, "operator", "document.unblocked", document_id, **template)
        return True


def _take_keys_of_today(connection: Connection, agency_id: str, document_id: str) -> None:
    """Let the slots that nobody was asked to sign yet be signed with their officers' keys of today."""
    theirs = select(
        signature.c.ordinal, signature.c.key_id.label("old"), officer.c.key_id.label("new")
    ).where(
        signature.c.agency_id == agency_id,
        signature.c.document_id == document_id,
        signature.c.cms.is_(None),
        signature.c.asked_at.is_(None),
        signature.c.reply_sha256.is_(None),
        officer.c.agency_id == agency_id,
        officer.c.id == signature.c.officer_id,
        officer.c.key_id != signature.c.key_id,
    )
    for slot in connection.execute(theirs).all():
        connection.execute(
            update(signature)
            .where(
                signature.c.agency_id == agency_id,
                signature.c.document_id == document_id,
                signature.c.ordinal == slot.ordinal,
            )
            .values(key_id=slot.new)
        )
        audit.record(
            connection, agency_id, "operator", "document.key_changed", document_id,
            slot=slot.ordinal, old=slot.old, new=slot.new,
        )  # fmt: skip


def _claimable(*, ignore_backoff: bool, attended: bool = False) -> ColumnElement[bool]:
    conditions = [
        document.c.state.in_(_UNFINISHED),
        document.c.mode == "own",  # what others made is no work of the cycle
        document.c.lease_until <= now_ms(),
        not_(awaits_approval()),
        awaits_session() if attended else not_(awaits_session()),
    ]
    if not ignore_backoff:
        conditions.append(document.c.next_attempt_at <= now_ms())
    return and_(*conditions)


def _claiming(*, ignore_backoff: bool, attended: bool = False) -> Update:
    return (
        update(document)
        .where(_NAMED, _claimable(ignore_backoff=ignore_backoff, attended=attended))
        .values(
            fence=document.c.fence + 1,
            lease_until=now_ms() + LEASE_MS,
            # Counted before the work: a document that kills its worker is counted too.
            attempts=document.c.attempts + 1,
        )
        .returning(
            document.c.agency_id,
            document.c.id,
            document.c.fence,
            document.c.state,
            document.c.slot,
            document.c.attempts,
        )
    )


# Built once: building a statement costs more than running it.
_NAMED = and_(document.c.agency_id == bindparam("of_agency"), document.c.id == bindparam("of_document"))
_CLAIM_NAMED = _claiming(ignore_backoff=True)
_CLAIM_ATTENDED = _claiming(ignore_backoff=True, attended=True)
_CLAIM_DUE = _claiming(ignore_backoff=False)
_DUE = (
    select(document.c.agency_id, document.c.id)
    .where(_claimable(ignore_backoff=False))
    .order_by(document.c.next_attempt_at, document.c.created_at)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_STEP = update(document).where(
    _NAMED,
    document.c.fence == bindparam("of_fence"),
    document.c.state == bindparam("of_state"),
    document.c.slot == bindparam("of_slot"),
)
# Each step renews the lease, and a step forward proves that the document is no poison.
_ADVANCE = _STEP.values(lease_until=now_ms() + LEASE_MS, attempts=0, last_error=None)
# Who issued it is done with it: whoever raises or renews its file need not wait.
_FINISH = _STEP.values(lease_until=0, attempts=0, last_error=None)


def _claim(connection: Connection, claiming: Update, agency_id: str, document_id: str) -> Claim | None:
    row = connection.execute(claiming, {"of_agency": agency_id, "of_document": document_id}).first()
    if row is None:
        return None
    held = Claim(row.agency_id, row.id, row.fence, DocumentState(row.state), row.slot)
    if row.attempts > MAX_ATTEMPTS:
        _block(connection, held, "TOO_MANY_ATTEMPTS")
        return None
    return held


def _block(connection: Connection, held: Claim, code: str) -> None:
    changed = connection.execute(
        update(document)
        .where(_held(held), document.c.state.in_(_UNFINISHED))
        .values(
            state=DocumentState.BLOCKED,
            # Where to go on after the cause is mended, see `unblock`: the state that the row has now.
            # The claim's is that of its beginning, and what was frozen since cannot be frozen again.
            state_reason=literal(f"{code}@") + document.c.state,
            last_error=code,
            lease_until=0,
        )
    )
    if changed.rowcount == 1:
        audit.record(connection, held.agency_id, "worker", "document.blocked", held.document_id, code=code)


def _held(held: Claim) -> ColumnElement[bool]:
    return and_(
        document.c.agency_id == held.agency_id,
        document.c.id == held.document_id,
        document.c.fence == held.fence,
    )
