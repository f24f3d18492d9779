"""How a document's status changes after it was requested: approved, suspended, revoked, annulled, replaced.

Each change is an event with a public reason class, an internal note and the officer who answers
for it; the public record is written in the same transaction. Nothing is ever deleted.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from storage import audit
from storage.database import transaction
from storage.records import day_in
from storage.register import Register, add_to_outbox
from storage.rows import row_of
from storage.tables import approval, document, document_relation, now_ms, public_record, status_event
from storage.vocabulary import Conflict, DocumentState, ReasonClass

_ADD_EVENT = insert(status_event).values(at=now_ms())


@dataclass(frozen=True)
class Change:
    """Why a status changes, and who answers for it. ``note`` stays inside the agency."""

    reason_class: ReasonClass
    note: str
    officer_id: str


def approve(register: Register, agency_id: str, document_id: str, digest: str, officer_id: str) -> None:
    """Record an officer's approval of the prepared bytes, once.

    Raises:
        Conflict: nothing is prepared yet, or ``digest`` is not the SHA-256 of what is.
    """
    with transaction(register.engine) as connection:
        row = row_of(connection, agency_id, document_id, to_change=True)
        if not row["needs_approval"]:
            raise Conflict("This type of document is issued without approval.", code="NO_APPROVAL_NEEDED")
        if row["prepared_sha256"] is None or row["state"] == DocumentState.VOID:
            raise Conflict(
                "The document is not prepared for approval (yet); ask for its state.", code="NOT_PREPARED"
            )
        if digest.lower() != row["prepared_sha256"]:
            raise Conflict(
                "The digest is not that of the prepared document; open it again and approve what you see.",
                code="OTHER_DIGEST",
            )
        given = connection.execute(
            select(approval.c.id).where(
                approval.c.agency_id == agency_id, approval.c.document_id == document_id
            )
        ).first()
        if given is not None:
            return
        connection.execute(
            insert(approval).values(
                agency_id=agency_id,
                id=str(uuid.uuid4()),
                document_id=document_id,
                prepared_sha256=row["prepared_sha256"],
                officer_id=officer_id,
                at=now_ms(),
            )
        )
        connection.execute(_where(update(document), agency_id, document_id).values(next_attempt_at=0))
        audit.record(
            connection, agency_id, officer_id, "document.approved", document_id, sha256=digest.lower()
        )
        add_to_outbox(connection, agency_id, document_id, "document.approved")


def suspend(register: Register, agency_id: str, document_id: str, change: Change) -> None:
    """Suspend from today until reinstated."""
    with transaction(register.engine) as connection:
        row, public = _issued(connection, agency_id, document_id)
        if public["suspended_since"] is not None:
            raise Conflict("This document is already suspended.", code="ALREADY_SUSPENDED")
        _refuse_revoked(public)
        today = _today(row)
        _write(connection, register, row, "suspended", today, change, suspended_since=today)


def reinstate(register: Register, agency_id: str, document_id: str, change: Change) -> None:
    """End a suspension."""
    with transaction(register.engine) as connection:
        row, public = _issued(connection, agency_id, document_id)
        if public["suspended_since"] is None:
            raise Conflict("This document is not suspended.", code="NOT_SUSPENDED")
        _write(connection, register, row, "reinstated", _today(row), change, suspended_since=None)


def revoke(
    register: Register, agency_id: str, document_id: str, change: Change, effective_on: date | None = None
) -> None:
    """Revoke from a day on: today unless another is given."""
    with transaction(register.engine) as connection:
        row, public = _issued(connection, agency_id, document_id)
        _refuse_revoked(public)
        day = effective_on or _today(row)
        _write(connection, register, row, "revoked", day, change, revoked_from=day)


def annul(register: Register, agency_id: str, document_id: str, change: Change) -> None:
    """Treat a document as never having been in force; an unissued one becomes VOID and keeps its number."""
    with transaction(register.engine) as connection:
        row = row_of(connection, agency_id, document_id, to_change=True)
        if _public(connection, row)["annulled_on"] is not None:
            raise Conflict("This document is already annulled.", code="ALREADY_ANNULLED")
        if row["state"] != DocumentState.ISSUED:
            # The raised fence stops a worker that is busy with it at its next write.
            connection.execute(
                _where(update(document), agency_id, document_id).values(
                    state=DocumentState.VOID, state_reason=change.reason_class, fence=document.c.fence + 1
                )
            )
        today = _today(row)
        _write(connection, register, row, "annulled", today, change, annulled_on=today)


def supersede_by(
    register: Register, agency_id: str, document_id: str, successor_id: str, change: Change
) -> None:
    """Name an already issued document of the same type as the one that replaces this one."""
    with transaction(register.engine) as connection:
        row, public = _issued(connection, agency_id, document_id)
        successor, _ = _issued(connection, agency_id, successor_id)
        if successor["id"] == row["id"] or successor["type"] != row["type"]:
            raise Conflict("A document is superseded by another one of the same type.", code="OTHER_TYPE")
        if public["superseded_on"] is not None:
            raise Conflict("This document is already superseded.", code="ALREADY_ENDED")
        connection.execute(
            insert(document_relation).values(
                agency_id=agency_id, document_id=successor_id, kind="supersedes", other_id=document_id,
                reason_class=change.reason_class, officer_id=change.officer_id,
            )
        )  # fmt: skip
        mark_superseded(
            connection,
            agency_id,
            document_id,
            successor_number=successor["number"],
            on=_today(row),
            reason_class=change.reason_class,
            note=register.vault.encrypt(connection, agency_id, document_id, change.note),
            officer_id=change.officer_id,
        )


def mark_superseded(
    connection: Connection,
    agency_id: str,
    document_id: str,
    *,
    successor_number: str,
    on: date,
    reason_class: str | None,
    note: bytes | None,
    officer_id: str | None,
) -> None:
    """The predecessor's side of an issue, in the successor's own transaction."""
    row = row_of(connection, agency_id, document_id)
    add_event(connection, agency_id, document_id, "superseded", on, reason_class, note, officer_id)
    _project(connection, row, superseded_on=on, successor_number=successor_number, reason_class=reason_class)
    audit.record(connection, agency_id, officer_id or "worker", "document.superseded", document_id)
    add_to_outbox(connection, agency_id, document_id, "document.superseded")


def add_event(
    connection: Connection,
    agency_id: str,
    document_id: str,
    kind: str,
    effective_on: date,
    reason_class: str | None = None,
    note: bytes | None = None,
    officer_id: str | None = None,
) -> None:
    """Append to the document's history."""
    connection.execute(
        _ADD_EVENT,
        {
            "agency_id": agency_id,
            "id": str(uuid.uuid4()),
            "document_id": document_id,
            "kind": kind,
            "effective_on": effective_on,
            "reason_class": reason_class,
            "note": note,
            "officer_id": officer_id,
        },
    )


def _write(
    connection: Connection,
    register: Register,
    row: RowMapping,
    kind: str,
    effective_on: date,
    change: Change,
    **public: Any,
) -> None:
    agency_id, document_id = row["agency_id"], row["id"]
    note = register.vault.encrypt(connection, agency_id, document_id, change.note)
    add_event(
        connection, agency_id, document_id, kind, effective_on, change.reason_class, note, change.officer_id
    )
    _project(connection, row, reason_class=change.reason_class, **public)
    audit.record(
        connection, agency_id, change.officer_id, f"document.{kind}", document_id, reason=change.reason_class
    )
    add_to_outbox(connection, agency_id, document_id, f"document.{kind}")


def _project(connection: Connection, row: RowMapping, **values: Any) -> None:
    connection.execute(update(public_record).where(public_record.c.code == row["code"]).values(**values))


def _issued(connection: Connection, agency_id: str, document_id: str) -> tuple[RowMapping, RowMapping]:
    row = row_of(connection, agency_id, document_id, to_change=True)
    public = _public(connection, row)
    if public["annulled_on"] is not None:
        raise Conflict(
            "This document is annulled; its status cannot change any more.", code="ALREADY_ANNULLED"
        )
    if row["state"] != DocumentState.ISSUED:
        raise Conflict("This document is not issued yet; annul it to stop it.", code="NOT_ISSUED")
    return row, public


def _refuse_revoked(public: RowMapping) -> None:
    if public["revoked_from"] is not None:
        raise Conflict("This document is already revoked.", code="ALREADY_REVOKED")


def _public(connection: Connection, row: RowMapping) -> RowMapping:
    query = select(public_record).where(public_record.c.code == row["code"])
    # The row that every change writes: whoever reads it here decides before the next one looks.
    return connection.execute(query.with_for_update()).mappings().one()


def _where(statement: Any, agency_id: str, document_id: str) -> Any:
    return statement.where(document.c.agency_id == agency_id, document.c.id == document_id)


def _today(row: RowMapping) -> date:
    return day_in(row["zone"], datetime.now(UTC))
