"""The independent look: do numbers, intentions, signatures and archive tell the same story?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from sqlalchemy import Connection, and_, exists, func, not_, select

from storage.archive import Archive, ObjectMissing, final_key
from storage.tables import document, document_file, series, signature, signature_intent
from storage.vocabulary import DocumentState


def discrepancies(connection: Connection, archive: Archive) -> Iterator[str]:
    """One sentence for each thing that does not fit; ids and numbers only."""
    yield from _gaps(connection)
    yield from _signatures_without_intent(connection)
    yield from _missing_objects(connection, archive)


def _gaps(connection: Connection) -> Iterator[str]:
    """Every number of a series is a document, whatever became of it (a VOID one keeps its number)."""
    rows = connection.execute(
        select(
            series.c.agency_id,
            series.c.name,
            series.c.next,
            func.count(document.c.id),
            func.max(document.c.sequence),
        )
        .select_from(series)
        .outerjoin(
            document, and_(document.c.agency_id == series.c.agency_id, document.c.series == series.c.name)
        )
        .group_by(series.c.agency_id, series.c.name, series.c.next)
    )
    for agency_id, name, following, count, highest in rows:
        if count != following - 1 or (highest or 0) != following - 1:
            yield f"Series {agency_id}/{name} gave {following - 1} numbers, the register holds {count}."


def _signatures_without_intent(connection: Connection) -> Iterator[str]:
    intended = exists().where(
        signature_intent.c.agency_id == signature.c.agency_id,
        signature_intent.c.document_id == signature.c.document_id,
        signature_intent.c.ordinal == signature.c.ordinal,
        signature_intent.c.digest == signature.c.digest,
    )
    rows = connection.execute(
        select(signature.c.document_id, signature.c.ordinal).where(
            signature.c.cms.is_not(None) | signature.c.reply_sha256.is_not(None), not_(intended)
        )
    )
    for document_id, ordinal in rows:
        yield f"Signature {ordinal} of document {document_id} was made without a recorded intention."


def _missing_objects(connection: Connection, archive: Archive) -> Iterator[str]:
    rows = connection.execute(
        select(document.c.agency_id, document.c.id, document_file.c.sha256)
        .outerjoin(
            document_file,
            and_(
                document_file.c.agency_id == document.c.agency_id,
                document_file.c.document_id == document.c.id,
            ),
        )
        .where(document.c.state == DocumentState.ISSUED)
    )
    for agency_id, document_id, sha256 in rows:
        if sha256 is None:
            yield f"Document {document_id} is issued, but no file of it is registered."
            continue
        try:
            stored = archive.read(final_key(agency_id, sha256))
        except ObjectMissing:
            yield f"The file of document {document_id} is missing from the archive."
            continue
        if hashlib.sha256(stored).hexdigest() != sha256:
            yield f"The archive's file of document {document_id} is not the registered one."
