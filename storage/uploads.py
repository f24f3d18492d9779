"""A file of somebody else's that we sign and register, so that the QR code of its stamp leads somewhere.

`reserve` gives it its code before it is signed, `complete` issues it, `abandon` voids what failed. Until it
is issued the public is told “not issued yet”, and where a program died in between an officer annuls it.
"""

from __future__ import annotations

import uuid

from sqlalchemy import insert, update

from storage import audit, compare, status
from storage.database import database_time, transaction
from storage.foreign import Entry, ForeignDocument, Mode, add_foreign, draw_entry
from storage.register import Register, add_file, add_to_outbox
from storage.tables import document, now_ms, public_record, signature_intent
from storage.units import Unit
from storage.vocabulary import DocumentState

MODE: Mode = "upload"


def reserve(
    register: Register, agency: Unit, regency: Unit, actor: str, new: ForeignDocument, url: str
) -> Entry:
    """Record a file that is about to be signed; ``url`` is what stands before its code in the QR code."""
    name = compare.digest_name(new.holder_name)
    with transaction(register.engine) as connection:
        entry = draw_entry(connection, agency, MODE, url)
        add_foreign(
            connection, register.vault, agency, regency, MODE, entry, new, name, state=DocumentState.PREPARED
        )
        audit.record(
            connection, agency.id, actor, "upload.accepted", entry.document_id,
            at=entry.at, series=entry.series, n=entry.sequence,
        )  # fmt: skip
    return entry


def record_intent(register: Register, agency_id: str, entry: Entry, digest: bytes, key_id: str) -> None:
    """Before the key is used: who is about to sign what."""
    with transaction(register.engine) as connection:
        connection.execute(
            insert(signature_intent).values(at=now_ms()),
            {
                "agency_id": agency_id, "id": str(uuid.uuid4()), "document_id": entry.document_id,
                "ordinal": 1, "fence": 0, "digest": digest.hex(), "key_id": key_id,
            },
        )  # fmt: skip


def complete(
    register: Register,
    agency_id: str,
    actor: str,
    entry: Entry,
    *,
    sha256: str,
    size: int,
    digest: bytes,
    level: str,
) -> None:
    """The signed file lies in the archive: from now on its code and its hash are answered."""
    with transaction(register.engine) as connection:
        at = database_time(connection)
        connection.execute(
            update(document)
            .where(document.c.agency_id == agency_id, document.c.id == entry.document_id)
            .values(
                state=DocumentState.ISSUED, final_sha256=sha256, final_size=size, final_level=level,
                issued_at=at,
            )
        )  # fmt: skip
        add_file(
            connection, agency_id, entry.document_id, code=entry.code, sha256=sha256,
            byte_range_digest=digest.hex(), level=level, reason="issued", size=size, at=at,
        )  # fmt: skip
        connection.execute(
            update(public_record).where(public_record.c.code == entry.code).values(issued=True)
        )
        status.add_event(connection, agency_id, entry.document_id, "issued", entry.today)
        audit.record(connection, agency_id, actor, "document.issued", entry.document_id, at=at, sha256=sha256)
        add_to_outbox(connection, agency_id, entry.document_id, "document.issued")


def abandon(register: Register, agency_id: str, actor: str, entry: Entry, code: str) -> None:
    """It could not be signed; its number stays in the register and is never used again."""
    with transaction(register.engine) as connection:
        connection.execute(
            update(document)
            .where(document.c.agency_id == agency_id, document.c.id == entry.document_id)
            .values(state=DocumentState.VOID, state_reason=code[:40])
        )
        connection.execute(
            update(public_record).where(public_record.c.code == entry.code).values(annulled_on=entry.today)
        )
        audit.record(connection, agency_id, actor, "upload.abandoned", entry.document_id, code=code)
