"""Documents of other issuers that an agency keeps and delivers: written once, in one transaction.

They are ISSUED from the beginning: there is nothing to sign (see `storage.foreign`). The file lies in the
archive before anything is written here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from storage import audit, compare, status
from storage.database import reading, transaction
from storage.foreign import ForeignDocument, Mode, add_foreign, draw_entry
from storage.new_document import Accepted
from storage.register import Register, add_file, add_to_outbox, earlier_request, record_request
from storage.tables import custody, document, document_file, public_record
from storage.units import Unit
from storage.vocabulary import Conflict, DocumentState, NotFound

MODE: Mode = "custody"


@dataclass(frozen=True)
class NewCustody:
    """A file that was handed in, and what was found.

    ``verdict`` is one of `storage.vocabulary.Verdict`, ``findings`` are codes, ``signatures`` as the check
    told them. ``digest`` is the SHA-256 of what the last signature covers, empty without one. ``reason`` is
    why it was taken although nobody whom we trust vouches for it.
    """

    document: ForeignDocument
    sha256: str
    size: int
    digest: str
    verdict: str
    findings: Sequence[str]
    signatures: Sequence[Mapping[str, Any]]
    reason: str | None
    officer_id: str | None


@dataclass(frozen=True)
class Kept:
    """A document in custody as its agency sees it."""

    id: str
    type: str
    number: str
    origin: str
    sha256: str
    size: int
    kept_since: date
    issued_on: date
    valid_until: date | None
    verdict: str
    findings: tuple[str, ...]
    signatures: tuple[Mapping[str, Any], ...]


def receive(
    register: Register,
    agency: Unit,
    regency: Unit,
    client: str,
    idempotency_key: str,
    request_sha256: str,
    new: NewCustody,
) -> str:
    """Record a file that lies in the archive; returns the document's id, the same for a repetition.

    Raises:
        Conflict: the key belongs to another request, the agency keeps this file already, or it is one of
        ours.
    """
    name = compare.digest_name(new.document.holder_name)
    values = (agency.id, client, idempotency_key, request_sha256)
    try:
        with transaction(register.engine) as connection:
            earlier = earlier_request(connection, *values)
            if earlier is not None:
                return earlier.id
            _refuse_known(connection, agency.id, new.sha256)
            return _insert(connection, register, agency, regency, values, new, name)
    except (IntegrityError, Conflict) as problem:
        # The same key, at the same moment, committed before us: its answer is ours.
        known: Accepted | None = register.earlier_request(*values)
        if known is not None:
            return known.id
        if isinstance(problem, Conflict):
            raise
        raise Conflict("This agency keeps this file already.", code="ALREADY_KEPT") from problem


def read_kept(register: Register, agency_id: str, document_id: str) -> Kept:
    """What the agency keeps under that id.

    Raises:
        NotFound: nothing.
    """
    query = (
        select(
            document,
            custody,
            public_record.c.origin,
            public_record.c.kept_since,
            public_record.c.type_label_id,
        )
        .join(
            custody, (custody.c.agency_id == document.c.agency_id) & (custody.c.document_id == document.c.id)
        )
        .join(public_record, public_record.c.code == document.c.code)
        .where(document.c.agency_id == agency_id, document.c.id == document_id)
    )
    with reading(register.engine) as connection:
        row = connection.execute(query).mappings().first()
        if row is None:
            raise NotFound("This agency keeps no such document.", code="DOCUMENT_NOT_FOUND")
        signatures = register.vault.decrypt(connection, agency_id, document_id, row["signatures"])
    return Kept(
        id=document_id,
        type=row["type_label_id"],
        number=row["number"],
        origin=row["origin"],
        sha256=row["final_sha256"],
        size=row["final_size"],
        kept_since=row["kept_since"],
        issued_on=row["issued_on"],
        valid_until=row["valid_until"],
        verdict=row["verdict"],
        findings=tuple(json.loads(row["findings"])),
        signatures=tuple(signatures),
    )


def _refuse_known(connection: Connection, agency_id: str, sha256: str) -> None:
    query = (
        select(document_file.c.agency_id, document_file.c.document_id, public_record.c.kept_since)
        .join(public_record, public_record.c.code == document_file.c.code)
        .where(document_file.c.sha256 == sha256)
    )
    for row in connection.execute(query).all():
        if row.kept_since is None:
            raise Conflict(
                "This file is a document that was issued here; it needs no custody.", code="ISSUED_HERE"
            )
        if row.agency_id == agency_id:
            raise Conflict(f"This agency keeps this file already: {row.document_id}.", code="ALREADY_KEPT")


def _insert(
    connection: Connection,
    register: Register,
    agency: Unit,
    regency: Unit,
    request: tuple[str, str, str, str],
    new: NewCustody,
    name: tuple[bytes, bytes],
) -> str:
    vault, entry = register.vault, draw_entry(connection, agency, MODE)
    document_id = entry.document_id
    add_foreign(
        connection, vault, agency, regency, MODE, entry, new.document, name, kept_as=new.verdict,
        state=DocumentState.ISSUED, final_sha256=new.sha256, final_size=new.size,
        final_level=new.document.level, issued_at=entry.at,
    )  # fmt: skip
    connection.execute(
        insert(custody),
        {
            "agency_id": agency.id, "document_id": document_id, "sha256": new.sha256, "verdict": new.verdict,
            "findings": json.dumps(list(new.findings)),
            "signatures": vault.encrypt(connection, agency.id, document_id, list(new.signatures)),
            "reason": (
                vault.encrypt(connection, agency.id, document_id, new.reason) if new.reason else None
            ),
        },
    )  # fmt: skip
    add_file(
        connection, agency.id, document_id, code=entry.code, sha256=new.sha256, byte_range_digest=new.digest,
        level=new.document.level, reason="received", size=new.size, at=entry.at,
    )  # fmt: skip
    status.add_event(connection, agency.id, document_id, "received", entry.today, officer_id=new.officer_id)
    audit.record(
        connection, agency.id, request[1], "custody.received", document_id,
        at=entry.at, sha256=new.sha256, verdict=new.verdict, series=entry.series, n=entry.sequence,
    )  # fmt: skip
    add_to_outbox(connection, agency.id, document_id, "custody.received")
    record_request(connection, *request, document_id, entry.at)
    return document_id
