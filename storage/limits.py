"""Who may have which document: rules that need the register to answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, or_, select

from storage.new_document import NewDocument
from storage.records import day_in
from storage.rows import row_of
from storage.standing import Action, refuse_second_successor, require, standing_of
from storage.tables import document, document_content, public_record
from storage.vocabulary import Conflict, DocumentState, FieldProblem, InvalidRequest

ORDINAL_IN_USE = "ORDINAL_IN_USE"
"""The code of the warning about an ordinal that another document in force already has."""

DOUBTFUL = "Some values may be wrong; correct them, or confirm each in “overrides” with an officer's reason."

ReadFields = Callable[[str, bytes], Mapping[str, Any]]
"""Decrypts the fields of a document: its id, and what is stored."""

# Built once: building a statement costs more than running it.
_ALIVE = (
    select(
        document.c.id,
        document.c.valid_from,
        document_content.c.place_digest,
        document_content.c.fields,
        public_record.c.superseded_on,
    )
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
        or_(public_record.c.superseded_on.is_(None), public_record.c.superseded_on > bindparam("begins")),
        or_(public_record.c.revoked_from.is_(None), public_record.c.revoked_from > bindparam("on")),
        or_(document.c.valid_until.is_(None), document.c.valid_until >= bindparam("on")),
    )
)


def check_limits(
    connection: Connection,
    agency_id: str,
    new: NewDocument,
    holder: str,
    place: str,
    read_fields: ReadFields,
) -> None:
    """Refuse what the holder may not have: more than the type allows, two for one place or of one ordinal.

    Raises:
        Conflict: with the remedy; nothing is recorded.
        InvalidRequest: the ordinal is in use and no officer accepted that; or one did without need.
    """
    if new.max_in_force is None and not new.one_per_place and new.ordinal is None:
        return
    if connection.dialect.name == "postgresql":
        # Two requests for one holder at the same moment must see each other's document.
        connection.execute(select(func.pg_advisory_xact_lock(int(holder[:15], 16))))
    alive = _ALIVE
    if new.predecessor is not None:
        alive = alive.where(document.c.id != new.predecessor.document_id)
    begins = max(new.issued_on, new.valid_from)
    of = {"of_agency": agency_id, "of_holder": holder, "of_family": new.family}
    others = connection.execute(alive, {**of, "on": new.issued_on, "begins": begins}).all()
    if new.one_per_place and place in [other.place_digest for other in others]:
        raise Conflict(
            "The holder already has such a document for the same place. Revoke or replace that one first.",
            code="SAME_PLACE",
        )
    in_force = _most_at_once(others, begins)
    if new.max_in_force is not None and in_force >= new.max_in_force:
        raise Conflict(
            f"The holder already has {in_force} such documents in force; {new.max_in_force} are allowed."
            " Revoke or replace one first.",
            code="TOO_MANY_IN_FORCE",
        )
    if new.ordinal is not None:
        given = new.fields[new.ordinal]
        repeated = any(read_fields(other.id, other.fields).get(new.ordinal) == given for other in others)
        _check_ordinal(new, new.ordinal, repeated)


def _most_at_once(others: Sequence[Any], begins: date) -> int:
    """How many of the holder's documents are in force on one day, at most, from ``begins`` on.

    A document and the successor that is to follow it are never in force together, and count as one.
    """
    days = {begins, *(other.valid_from for other in others if other.valid_from > begins)}

    def in_force(other: Any, day: date) -> bool:
        return bool(other.valid_from <= day) and (other.superseded_on is None or day < other.superseded_on)

    return max(len([other for other in others if in_force(other, day)]) for day in days)


def _check_ordinal(new: NewDocument, field: str, repeated: bool) -> None:
    """A repeated ordinal can be genuine (who has two professions counts each from 1): a warning."""
    accepted = [n for n, override in enumerate(new.overrides) if override.code == ORDINAL_IN_USE]
    if repeated and not accepted:
        problem = FieldProblem(
            f"/fields/{field}",
            ORDINAL_IN_USE,
            "The holder has a document in force with this ordinal; correct it, or confirm it with a reason.",
            overridable=True,
        )
        raise InvalidRequest(
            DOUBTFUL,
            (problem,),
            code="FIELDS_DOUBTFUL",
        )
    if accepted and not repeated:
        raise unneeded_override(accepted[0])


def unneeded_override(index: int) -> InvalidRequest:
    """The refusal of an override for which nothing in the request is doubtful; ``index`` from 0."""
    message = "Nothing in this request is doubtful in this way; remove this override."
    return InvalidRequest(
        "An override confirms what is not doubtful; nothing was recorded.",
        (FieldProblem(f"/overrides/{index}/code", "OVERRIDE_NOT_NEEDED", message),),
    )


def same_holder(connection: Connection, agency_id: str, one: str, other: str) -> bool:
    """Whether two documents of the agency belong to one holder, by the keyed digest that limits count by."""
    digests = connection.scalars(
        select(document_content.c.holder_digest).where(
            document_content.c.agency_id == agency_id, document_content.c.document_id.in_((one, other))
        )
    ).all()
    return len(set(digests)) == 1


def check_predecessor(
    connection: Connection, agency_id: str, document_id: str, document_type: str, holder: str
) -> None:
    """Refuse to replace what cannot be replaced now, is another holder's or of another type.

    Raises:
        Conflict: with the remedy; nothing is recorded.
    """
    row = row_of(connection, agency_id, document_id, to_change=True)
    if row["type"] != document_type:
        raise Conflict("A document is superseded by one of the same type.", code="OTHER_TYPE")
    public = (
        connection.execute(select(public_record).where(public_record.c.code == row["code"])).mappings().one()
    )
    require(standing_of(row["state"], public, day_in(row["zone"], datetime.now(UTC))), Action.SUPERSEDE)
    refuse_second_successor(connection, agency_id, document_id)
    digest = connection.scalar(
        select(document_content.c.holder_digest).where(
            document_content.c.agency_id == agency_id, document_content.c.document_id == document_id
        )
    )
    if digest != holder:
        raise Conflict(
            "The document to be replaced belongs to another holder; annul it and request a new one.",
            code="OTHER_HOLDER",
        )
