"""The independent look: do numbers, intentions, signatures and archive tell the same story?"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, and_, func, select

from storage.archive import Archive, ObjectMissing, final_key, hash_of
from storage.key_uses import mistaken
from storage.tables import document, document_file, series
from storage.vocabulary import DocumentState


def discrepancies(connection: Connection, archive: Archive) -> Iterator[str]:
    """One sentence for each thing that does not fit; ids and numbers only."""
    yield from _gaps(connection)
    yield from mistaken(connection)
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
            stored = hash_of(archive.pieces(final_key(agency_id, sha256)))
        except ObjectMissing:
            yield f"The file of document {document_id} is missing from the archive."
            continue
        if stored != sha256:
            yield f"The archive's file of document {document_id} is not the registered one."
