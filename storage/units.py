"""Agencies and their officers."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select

from storage import audit
from storage.tables import officer, unit
from storage.vocabulary import Conflict, NotFound

# Built once: building a statement costs more than running it.
_UNIT = select(unit).where(unit.c.id == bindparam("of_unit"))
_OFFICER = select(officer).where(
    officer.c.agency_id == bindparam("of_agency"), officer.c.id == bindparam("of_officer")
)
_SIGNATORIES = select(officer).where(
    officer.c.agency_id == bindparam("of_agency"),
    officer.c.role == bindparam("of_role"),
    officer.c.active,
    officer.c.key_id.is_not(None),
)


@dataclass(frozen=True)
class Unit:
    """A node of the tree province → regency → agency, with what stands on its letterhead."""

    id: str
    parent_id: str | None
    level: str
    name: str
    abbreviation: str
    zone: str
    address: str = ""
    phone: str = ""
    email: str = ""
    website: str = ""
    logo_svg: bytes | None = None
    types: tuple[str, ...] = ()


@dataclass(frozen=True)
class Officer:
    """A person with authority in an agency; ``key_id`` is the signing key that only they command."""

    agency_id: str
    id: str
    name: str
    office: str
    nip: str
    rank: str
    capacity: str
    role: str
    key_id: str | None
    active: bool = True


def add_unit(connection: Connection, new: Unit) -> None:
    """Add a unit below its parent."""
    values = {**new.__dict__, "types": json.dumps(new.types)}
    connection.execute(insert(unit).values(**values))


def add_officer(connection: Connection, new: Officer) -> None:
    """Add an officer to an agency."""
    connection.execute(insert(officer).values(**new.__dict__))
    audit.record(connection, new.agency_id, "operator", "officer.added", new.id, key=new.key_id)


def get_unit(connection: Connection, unit_id: str) -> Unit:
    """One unit.

    Raises:
        NotFound: there is none of that id.
    """
    row = connection.execute(_UNIT, {"of_unit": unit_id}).mappings().first()
    if row is None:
        raise NotFound(f"There is no agency “{unit_id}”.", code="UNKNOWN_AGENCY")
    return Unit(**{**row, "types": tuple(json.loads(row["types"]))})


def agencies(connection: Connection) -> list[Unit]:
    """Every agency, in the order of their ids."""
    ids = connection.scalars(select(unit.c.id).where(unit.c.level == "agency").order_by(unit.c.id))
    return [get_unit(connection, unit_id) for unit_id in ids.all()]


def regency_of(connection: Connection, agency: Unit) -> Unit:
    """The regency above an agency; the agency itself where nothing stands above it."""
    above = agency
    while above.parent_id is not None and above.level != "regency":
        above = get_unit(connection, above.parent_id)
    return above


def get_officer(connection: Connection, agency_id: str, officer_id: str) -> Officer:
    """One officer of the agency.

    Raises:
        NotFound: the agency has none of that id.
    """
    of = {"of_agency": agency_id, "of_officer": officer_id}
    row = connection.execute(_OFFICER, of).mappings().first()
    if row is None:
        raise NotFound(f"This agency has no officer “{officer_id}”.", code="UNKNOWN_OFFICER")
    return Officer(**row)


def officer_for_role(connection: Connection, agency_id: str, role: str) -> Officer:
    """The active officer who signs in ``role`` today.

    Raises:
        Conflict: nobody, or more than one; the agency's administrator has to settle it.
    """
    rows = connection.execute(_SIGNATORIES, {"of_agency": agency_id, "of_role": role}).mappings().all()
    if len(rows) != 1:
        raise Conflict(
            f"The role “{role}” needs exactly one active officer with a key; the agency has {len(rows)}.",
            code="NO_SIGNATORY",
        )
    return Officer(**rows[0])


def officer_of_key(connection: Connection, agency_id: str, key_id: str) -> Officer | None:
    """The agency's active officer to whom a key belongs; None where it is nobody's, or not of one alone."""
    query = select(officer).where(
        officer.c.agency_id == agency_id, officer.c.key_id == key_id, officer.c.active
    )
    rows = connection.execute(query).mappings().all()
    return Officer(**rows[0]) if len(rows) == 1 else None
