"""Reading documents back on the issuing side: whole for the cycle, as an overview for the agency."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, func, select

from storage.database import reading
from storage.lookup import record_from_row
from storage.register import Register
from storage.rows import awaits_approval, row_of
from storage.tables import document, document_content, public_record, signature, status_event
from storage.units import Officer, Unit, get_officer, get_unit, regency_of
from storage.vocabulary import DocumentState, Status

# The document's own columns, handed on as they are.
_COPIED = (
    "id", "type", "template_hash", "number", "code", "url", "zone", "issued_on", "valid_from",
    "valid_until", "retain_until", "specimen", "needs_approval", "prepared_sha256", "created_at", "level",
    "outage",
)  # fmt: skip


# Built once: building a statement costs more than running it.
_FIELDS = select(document_content.c.fields).where(
    document_content.c.agency_id == bindparam("of_agency"),
    document_content.c.document_id == bindparam("of_document"),
)
_SLOTS = (
    select(signature)
    .where(
        signature.c.agency_id == bindparam("of_agency"), signature.c.document_id == bindparam("of_document")
    )
    .order_by(signature.c.ordinal)
)


@dataclass(frozen=True)
class FrozenSlot:
    """What was frozen for one slot, and what has been gathered for it since."""

    frozen_sha256: str
    digest: bytes
    byte_range: tuple[int, int, int, int]
    cms: bytes | None = None
    token: bytes | None = None
    asked_at: int | None = None
    """Since when (milliseconds) a key that signs whole PDFs was asked, and its answer is not here."""
    reply_sha256: str | None = None
    """The SHA-256 of such a key's first answer, which lies in the staging area."""
    covered_digest: str | None = None
    """What the signature in that answer covers, once it was checked."""


@dataclass(frozen=True)
class Slot:
    """A signature slot with its officer; ``frozen`` is None before step 3 of the cycle."""

    ordinal: int
    role: str
    kind: str
    key_id: str
    officer: Officer
    frozen: FrozenSlot | None


@dataclass(frozen=True)
class Document:
    """An accepted document with its plain fields: only ever inside the issuing side."""

    agency: Unit
    regency: Unit
    id: str
    type: str
    template_hash: str
    number: str
    code: str
    url: str
    zone: str
    issued_on: date
    valid_from: date
    valid_until: date | None
    retain_until: date
    specimen: bool
    needs_approval: bool
    prepared_sha256: str | None
    created_at: int
    level: str
    outage: str
    fields: Mapping[str, Any]
    slots: tuple[Slot, ...]


@dataclass(frozen=True)
class Overview:
    """Where a document stands, for its agency."""

    id: str
    type: str
    number: str
    code: str
    url: str
    state: DocumentState
    state_reason: str | None
    waiting_for: str | None
    status: Status
    issued_on: date
    valid_from: date
    valid_until: date | None
    prepared_sha256: str | None
    sha256: str | None
    successor_number: str | None
    events: tuple[Mapping[str, Any], ...]


def read_document(register: Register, agency_id: str, document_id: str) -> Document:
    """The document with its fields decrypted."""
    with reading(register.engine) as connection:
        row = row_of(connection, agency_id, document_id)
        agency = get_unit(connection, agency_id)
        of = {"of_agency": agency_id, "of_document": document_id}
        content = connection.execute(_FIELDS, of).scalar_one()
        slots = connection.execute(_SLOTS, of).mappings()
        return Document(
            agency=agency,
            regency=regency_of(connection, agency),
            fields=register.vault.decrypt(connection, agency_id, document_id, content),
            slots=tuple(
                Slot(
                    ordinal=slot["ordinal"],
                    role=slot["role"],
                    kind=slot["kind"],
                    key_id=slot["key_id"],
                    officer=get_officer(connection, agency_id, slot["officer_id"]),
                    frozen=_frozen(slot),
                )
                for slot in slots.all()
            ),
            **{name: row[name] for name in _COPIED},
        )


def read_overview(register: Register, agency_id: str, document_id: str, now: datetime) -> Overview:
    """State, status and history of a document.

    Raises:
        NotFound: the agency has no such document.
    """
    with reading(register.engine) as connection:
        row = row_of(connection, agency_id, document_id)
        public = (
            connection.execute(select(public_record).where(public_record.c.code == row["code"]))
            .mappings()
            .one()
        )
        events = (
            connection.execute(
                select(status_event)
                .where(status_event.c.agency_id == agency_id, status_event.c.document_id == document_id)
                .order_by(status_event.c.at, status_event.c.id)
            )
            .mappings()
            .all()
        )
        return Overview(
            id=row["id"],
            type=row["type"],
            number=row["number"],
            code=row["code"],
            url=row["url"],
            state=DocumentState(row["state"]),
            state_reason=row["state_reason"],
            waiting_for=_waiting_for(connection, row),
            status=record_from_row(public).status(now),
            issued_on=row["issued_on"],
            valid_from=row["valid_from"],
            valid_until=row["valid_until"],
            prepared_sha256=row["prepared_sha256"],
            sha256=row["final_sha256"] if row["state"] == DocumentState.ISSUED else None,
            successor_number=public["successor_number"],
            events=tuple(
                {
                    "kind": event["kind"],
                    "effective_on": event["effective_on"],
                    "reason": event["reason_class"],
                    "officer": event["officer_id"],
                }
                for event in events
            ),
        )


def final_documents(connection: Connection, agency_id: str, ids: Iterable[str]) -> set[str]:
    """Those of the agency's documents ``ids`` whose cycle is over for good: issued or void."""
    query = select(document.c.id).where(
        document.c.agency_id == agency_id,
        document.c.id.in_(ids),
        document.c.state.in_((DocumentState.ISSUED, DocumentState.VOID)),
    )
    return set(connection.scalars(query))


def _frozen(slot: RowMapping) -> FrozenSlot | None:
    if slot["frozen_sha256"] is None:
        return None
    first, second, third, fourth = json.loads(slot["byte_range"])
    return FrozenSlot(
        slot["frozen_sha256"],
        bytes.fromhex(slot["digest"]),
        (first, second, third, fourth),
        slot["cms"],
        slot["token"],
        asked_at=slot["asked_at"],
        reply_sha256=slot["reply_sha256"],
        covered_digest=slot["covered_digest"],
    )


def _waiting_for(connection: Connection, row: RowMapping) -> str | None:
    """Why an unfinished document does not move: session, approval, or the part that failed last."""
    if row["state"] in (DocumentState.ISSUED, DocumentState.VOID):
        return None
    if row["awaits_session"] and row["state"] == DocumentState.PREPARED:
        return "SIGNING_SESSION"
    waits = connection.scalar(
        select(func.count())
        .select_from(document)
        .where(document.c.agency_id == row["agency_id"], document.c.id == row["id"], awaits_approval())
    )
    return "APPROVAL" if waits else row["last_error"]
