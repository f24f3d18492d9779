"""Who may have which document: rules that need the register to answer."""

from __future__ import annotations

from sqlalchemy import Connection, and_, bindparam, func, or_, select

from storage.new_document import NewDocument
from storage.rows import row_of
from storage.tables import document, document_content, document_relation, public_record
from storage.vocabulary import Conflict, DocumentState

# Built once: building a statement costs more than running it.
_ALIVE = (
    select(document_content.c.place_digest)
    .join(
        document,
        and_(
            document.c.agency_id == document_content.c.agency_id,
            document.c.id == document_content.c.document_id,
        ),
    )
    .join(public_record, public_record.c.code == document.c.code)
    .where(
        document_content.c.agency_id == bindparam("of_agency"),
        document_content.c.holder_digest == bindparam("of_holder"),
        document.c.family == bindparam("of_family"),
        document.c.state != DocumentState.VOID,
        public_record.c.annulled_on.is_(None),
        public_record.c.superseded_on.is_(None),
        or_(public_record.c.revoked_from.is_(None), public_record.c.revoked_from > bindparam("on")),
        or_(document.c.valid_until.is_(None), document.c.valid_until >= bindparam("on")),
    )
)


def check_limits(connection: Connection, agency_id: str, new: NewDocument, holder: str, place: str) -> None:
    """Refuse what the holder may not have: more than the type allows, or two for one place.

    Raises:
        Conflict: with the remedy; nothing is recorded.
    """
    if new.max_in_force is None and not new.one_per_place:
        return
    if connection.dialect.name == "postgresql":
        # Two requests for one holder at the same moment must see each other's document.
        connection.execute(select(func.pg_advisory_xact_lock(int(holder[:15], 16))))
    alive = _ALIVE
    if new.predecessor is not None:
        alive = alive.where(document.c.id != new.predecessor.document_id)
    of = {"of_agency": agency_id, "of_holder": holder, "of_family": new.family, "on": new.issued_on}
    places = connection.scalars(alive, of).all()
    if new.one_per_place and place in places:
        raise Conflict(
            "The holder already has such a document for the same place. Revoke or replace that one first.",
            code="SAME_PLACE",
        )
    if new.max_in_force is not None and len(places) >= new.max_in_force:
        raise Conflict(
            f"The holder already has {len(places)} such documents in force; {new.max_in_force} are allowed."
            " Revoke or replace one first.",
            code="TOO_MANY_IN_FORCE",
        )


def check_predecessor(connection: Connection, agency_id: str, document_id: str, document_type: str) -> None:
    """Refuse to replace what is not issued, not of this type, or already being replaced.

    Raises:
        Conflict: with the remedy; nothing is recorded.
    """
    row = row_of(connection, agency_id, document_id)
    if row["state"] != DocumentState.ISSUED:
        raise Conflict("Only an issued document can be superseded.", code="NOT_ISSUED")
    if row["type"] != document_type:
        raise Conflict("A document is superseded by one of the same type.", code="OTHER_TYPE")
    public = (
        connection.execute(select(public_record).where(public_record.c.code == row["code"])).mappings().one()
    )
    if public["superseded_on"] is not None or public["annulled_on"] is not None:
        raise Conflict("This document is already superseded or annulled.", code="ALREADY_ENDED")
    pending = connection.execute(
        select(document.c.number)
        .join(
            document_relation,
            and_(
                document_relation.c.agency_id == document.c.agency_id,
                document_relation.c.document_id == document.c.id,
            ),
        )
        .where(
            document_relation.c.agency_id == agency_id,
            document_relation.c.other_id == document_id,
            document_relation.c.kind == "supersedes",
            document.c.state != DocumentState.VOID,
        )
    ).first()
    if pending is not None:
        raise Conflict(
            f"Document {pending.number} is already on its way to replace this one.", code="ALREADY_ENDED"
        )
