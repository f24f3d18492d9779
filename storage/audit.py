"""The audit trail: written inside each transaction, chained afterwards by one sequencer.

Inserting needs no lock that others wait for; `chain` then gives the rows a gapless sequence and
binds each to all before it, so that a changed, removed or reordered row is found by `verify_chain`.
Rows hold ids, hashes and codes only: nothing personal.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator

from sqlalchemy import Connection, func, insert, select, update

from storage.database import database_time
from storage.tables import audit_event

# Two numbers, so that it can never be one of the locks on a holder (storage.limits), which have one.
_SEQUENCER = (0x0ABA, 1)
_GENESIS = hashlib.sha256(b"absah audit chain").hexdigest()


def record(
    connection: Connection,
    agency_id: str,
    actor: str,
    action: str,
    subject: str,
    *,
    at: int | None = None,
    **details: object,
) -> None:
    """Note that ``actor`` did ``action`` to ``subject``, in the caller's transaction.

    ``at`` is the database's time where the caller has asked for it already.
    """
    at = database_time(connection) if at is None else at
    canonical = json.dumps(
        {"actor": actor, "action": action, "at": at, "agency": agency_id, "subject": subject, **details},
        sort_keys=True,
        separators=(",", ":"),
    )
    connection.execute(
        insert(audit_event),
        {"id": str(uuid.uuid4()), "agency_id": agency_id, "at": at, "canonical": canonical},
    )


def chain(connection: Connection, limit: int = 1000) -> int:
    """Chain rows that are not chained yet, oldest first; returns how many.

    None while another worker is at it: whoever waited would chain the same rows again, and fail.
    """
    if connection.dialect.name == "postgresql" and not connection.scalar(
        select(func.pg_try_advisory_xact_lock(*_SEQUENCER))
    ):
        return 0
    last = connection.execute(
        select(audit_event.c.sequence, audit_event.c.chain_sha256)
        .where(audit_event.c.sequence.is_not(None))
        .order_by(audit_event.c.sequence.desc())
        .limit(1)
    ).first()
    sequence, head = (last.sequence, last.chain_sha256) if last else (0, _GENESIS)
    rows = connection.execute(
        select(audit_event.c.id, audit_event.c.canonical)
        .where(audit_event.c.sequence.is_(None))
        .order_by(audit_event.c.at, audit_event.c.id)
        .limit(limit)
    ).all()
    for row in rows:
        sequence += 1
        head = _link(head, row.id, row.canonical)
        connection.execute(
            update(audit_event).where(audit_event.c.id == row.id).values(sequence=sequence, chain_sha256=head)
        )
    return len(rows)


def verify_chain(connection: Connection) -> Iterator[str]:
    """One sentence for each place where the chain does not hold; none when it is whole."""
    head, expected = _GENESIS, 1
    rows = connection.execute(
        select(audit_event).where(audit_event.c.sequence.is_not(None)).order_by(audit_event.c.sequence)
    )
    for row in rows:
        if row.sequence != expected:
            yield f"Audit rows {expected} to {row.sequence - 1} are missing."
        head = _link(head, row.id, row.canonical)
        if head != row.chain_sha256:
            yield f"Audit row {row.sequence} is not what was chained."
            head = row.chain_sha256
        expected = row.sequence + 1


def waiting(connection: Connection) -> int:
    """How many rows are not chained yet."""
    return connection.scalar(select(func.count()).where(audit_event.c.sequence.is_(None))) or 0


def _link(head: str, row_id: str, canonical: str) -> str:
    return hashlib.sha256(f"{head}\n{row_id}\n{canonical}".encode()).hexdigest()
