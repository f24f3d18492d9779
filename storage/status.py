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
from storage.limits import same_holder
from storage.records import day_in
from storage.register import Register, add_to_outbox
from storage.rows import row_of
from storage.standing import (
    Action,
    Standing,
    check_revocation_day,
    refuse_second_successor,
    require,
    standing_of,
)
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
        add_approval(connection, row, officer_id)


def add_approval(connection: Connection, row: RowMapping, officer_id: str) -> None:
    """Record that an officer approved a document's prepared bytes, unless somebody has already."""
    agency_id, document_id = row["agency_id"], row["id"]
    given = connection.execute(
        select(approval.c.id).where(approval.c.agency_id == agency_id, approval.c.document_id == document_id)
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
        connection, agency_id, officer_id, "document.approved", document_id, sha256=row["prepared_sha256"]
    )
    add_to_outbox(connection, agency_id, document_id, "document.approved")


def suspend(register: Register, agency_id: str, document_id: str, change: Change) -> None:
    """Suspend from today until reinstated.

    Raises:
        Conflict: `storage.standing.TRANSITIONS` does not allow it; so for each change below.
    """
    with transaction(register.engine) as connection:
        row, _ = _to_change(connection, agency_id, document_id, Action.SUSPEND)
        today = _today(row)
        _write(connection, register, row, "suspended", today, change, suspended_since=today)


def reinstate(register: Register, agency_id: str, document_id: str, change: Change) -> None:
    """End a suspension; what was decided beside it (a later revocation, a successor) stands."""
    with transaction(register.engine) as connection:
        row, public = _to_change(connection, agency_id, document_id, Action.REINSTATE)
        _write(connection, register, row, "reinstated", _today(row), change, suspended_since=None)
        for kind, day in (("revoked", public["revoked_from"]), ("superseded", public["superseded_on"])):
            if day is not None:
                # The public is told why that happens, not why the suspension ended.
                _project(connection, row, reason_class=_last_reason(connection, row, kind))
                break


def revoke(
    register: Register, agency_id: str, document_id: str, change: Change, effective_on: date | None = None
) -> None:
    """Revoke from a day on: today unless another is given. A planned day can be brought forward.

    Raises:
        InvalidRequest: the day lies before the issue or after the validity.
    """
    with transaction(register.engine) as connection:
        row, public = _to_change(connection, agency_id, document_id, Action.REVOKE)
        day = effective_on or _today(row)
        check_revocation_day(public, day, _today(row))
        _write(connection, register, row, "revoked", day, change, revoked_from=day)


def annul(register: Register, agency_id: str, document_id: str, change: Change) -> None:
    """Treat a document as never having been in force; an unissued one becomes VOID and keeps its number."""
    with transaction(register.engine) as connection:
        row, _ = _to_change(connection, agency_id, document_id, Action.ANNUL)
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
    """Name a document in force, of the same type and holder, as the one that replaces this one.

    No cycle can come to be: a successor is in force, so nothing has replaced it yet.

    Raises:
        Conflict: this one cannot be replaced; or the successor is the same document, of another type
            or holder, or not in force.
    """
    with transaction(register.engine) as connection:
        # Always in one order, so that A by B and B by A at once do not wait for each other.
        for each in sorted({document_id, successor_id}):
            row_of(connection, agency_id, each, to_change=True)
        row, _ = _to_change(connection, agency_id, document_id, Action.SUPERSEDE)
        refuse_second_successor(connection, agency_id, document_id)
        successor = row_of(connection, agency_id, successor_id)
        _check_successor(connection, row, successor)
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


def _check_successor(connection: Connection, row: RowMapping, successor: RowMapping) -> None:
    wrong = None
    if successor["id"] == row["id"]:
        wrong = "SUCCESSOR_IS_ITSELF", "A document cannot replace itself; name its successor."
    elif successor["type"] != row["type"]:
        wrong = "OTHER_TYPE", "A document is superseded by one of the same type; name such a one."
    elif not same_holder(connection, row["agency_id"], row["id"], successor["id"]):
        wrong = "OTHER_HOLDER", "The successor belongs to another holder; name one of the same holder."
    if wrong is not None:
        code, message = wrong
        raise Conflict(message, code=code)
    today, public = _today(successor), _public(connection, successor)
    standing = standing_of(successor["state"], public, today)
    if standing is Standing.UNISSUED:
        raise Conflict(
            "The successor is not issued yet; name it again once it is.", code="SUCCESSOR_NOT_ISSUED"
        )
    if standing is not Standing.IN_FORCE or public["valid_from"] > today:
        raise Conflict(
            "The successor is not in force today, or its revocation is planned; name one that is.",
            code="SUCCESSOR_NOT_IN_FORCE",
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
    """The predecessor's side of an issue, in the successor's own transaction; ``on`` may lie ahead."""
    row = row_of(connection, agency_id, document_id)
    add_event(connection, agency_id, document_id, "superseded", on, reason_class, note, officer_id)
    # Annulled or revoked while its successor was on its way: that weighs more, and its reason stays.
    ended = standing_of(row["state"], _public(connection, row), on) in (Standing.ANNULLED, Standing.REVOKED)
    reason = {} if ended else {"reason_class": reason_class}
    _project(connection, row, superseded_on=on, successor_number=successor_number, **reason)
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


def _to_change(
    connection: Connection, agency_id: str, document_id: str, action: Action
) -> tuple[RowMapping, RowMapping]:
    """The document and its public record, where the table allows ``action``."""
    row = row_of(connection, agency_id, document_id, to_change=True)
    public = _public(connection, row)
    require(standing_of(row["state"], public, _today(row)), action)
    return row, public


def _last_reason(connection: Connection, row: RowMapping, kind: str) -> str | None:
    return connection.scalar(
        select(status_event.c.reason_class)
        .where(
            status_event.c.agency_id == row["agency_id"],
            status_event.c.document_id == row["id"],
            status_event.c.kind == kind,
        )
        .order_by(status_event.c.at.desc())
        .limit(1)
    )


def _public(connection: Connection, row: RowMapping) -> RowMapping:
    query = select(public_record).where(public_record.c.code == row["code"])
    # The row that every change writes: whoever reads it here decides before the next one looks.
    return connection.execute(query.with_for_update()).mappings().one()


def _where(statement: Any, agency_id: str, document_id: str) -> Any:
    return statement.where(document.c.agency_id == agency_id, document.c.id == document_id)


def _today(row: RowMapping) -> date:
    return day_in(row["zone"], datetime.now(UTC))
