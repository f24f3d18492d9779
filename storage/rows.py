"""Rows and conditions of a document that several writers share."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, bindparam, exists, not_, select

from storage.tables import approval, document
from storage.vocabulary import DocumentState, NotFound

# Built once: building a statement costs more than running it.
_DOCUMENT = select(document).where(
    document.c.agency_id == bindparam("of_agency"), document.c.id == bindparam("of_document")
)
_DOCUMENT_TO_CHANGE = _DOCUMENT.with_for_update()


def row_of(
    connection: Connection, agency_id: str, document_id: str, *, to_change: bool = False
) -> RowMapping:
    """The document's row; ``to_change`` keeps others from changing it before this transaction ends.

    Raises:
        NotFound: the agency has no such document; another agency's answers the same.
    """
    # Unlocked, two officers at once (or an officer and the worker) decide on what the other just ended.
    query = _DOCUMENT_TO_CHANGE if to_change else _DOCUMENT
    of = {"of_agency": agency_id, "of_document": document_id}
    # PostgreSQL knows no NUL in texts and calls it an error; no id has one.
    row = None if "\0" in document_id else connection.execute(query, of).mappings().first()
    if row is None:
        raise NotFound("This agency has no such document.", code="DOCUMENT_NOT_FOUND")
    return row


def awaits_approval() -> ColumnElement[bool]:
    """A prepared document whose type asks for an approval that has not been given for these bytes."""
    approved = exists().where(
        approval.c.agency_id == document.c.agency_id,
        approval.c.document_id == document.c.id,
        approval.c.prepared_sha256 == document.c.prepared_sha256,
    )
    return and_(document.c.needs_approval, document.c.state == DocumentState.PREPARED, not_(approved))


def awaits_session() -> ColumnElement[bool]:
    """A prepared document whose key asks for a human's secret."""
    return and_(document.c.awaits_session, document.c.state == DocumentState.PREPARED)
