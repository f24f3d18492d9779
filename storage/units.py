"""Agencies, their officers and the keys by which their systems call us."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update

from storage import audit
from storage.tables import api_key, now_ms, officer, unit
from storage.vocabulary import AbsahError, Conflict, NotFound

SCOPES = ("issue", "approve", "status", "read")
"""What an API key may do: request documents, approve prepared ones, change their status, read."""


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


class Unauthenticated(AbsahError):
    """No API key, or one that does not exist, was revoked or is misspelt; the answer is the same."""

    code = "UNAUTHENTICATED"


class Forbidden(AbsahError):
    """The API key is good but lacks the scope, or no officer stands behind it."""

    code = "FORBIDDEN"


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


@dataclass(frozen=True)
class Client:
    """Who calls: an API key bound to one agency and, where it may decide, to one officer."""

    id: str
    agency_id: str
    officer_id: str | None
    scopes: frozenset[str]

    def require(self, scope: str) -> None:
        """Refuse a caller without ``scope``."""
        if scope not in self.scopes:
            raise Forbidden(
                f"This API key lacks the scope “{scope}”. Ask the administrator for a key that has it."
            )

    @property
    def officer(self) -> str:
        """The officer who answers for what this caller decides.

        Raises:
            Forbidden: the key is a system's, not an officer's.
        """
        if self.officer_id is None:
            raise Forbidden("This needs an officer's API key; this key belongs to a system.")
        return self.officer_id


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


def new_api_key(
    connection: Connection, agency_id: str, scopes: tuple[str, ...], officer_id: str | None = None
) -> str:
    """A new key for an agency; the only time that its secret is seen."""
    if unknown := set(scopes) - set(SCOPES):
        raise Conflict(f"There is no scope {', '.join(sorted(unknown))}; there are {', '.join(SCOPES)}.")
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    connection.execute(
        insert(api_key).values(
            id=key_id,
            agency_id=agency_id,
            officer_id=officer_id,
            secret_sha256=_digest(secret),
            scopes=json.dumps(scopes),
            created_at=now_ms(),
        )
    )
    audit.record(connection, agency_id, "operator", "api_key.created", key_id, scopes=list(scopes))
    return f"absah_{key_id}_{secret}"


def revoke_api_key(connection: Connection, agency_id: str, key_id: str) -> None:
    """End a key at once."""
    changed = connection.execute(
        update(api_key)
        .where(api_key.c.agency_id == agency_id, api_key.c.id == key_id, api_key.c.revoked_at.is_(None))
        .values(revoked_at=now_ms())
    )
    if changed.rowcount != 1:
        raise NotFound("This agency has no such API key in use.")
    audit.record(connection, agency_id, "operator", "api_key.revoked", key_id)


def authenticate(connection: Connection, presented: str) -> Client:
    """Who presents this API key.

    Raises:
        Unauthenticated: nobody we know; one answer for every reason.
    """
    prefix, _, rest = presented.partition("_")
    key_id, _, secret = rest.partition("_")
    row = connection.execute(
        select(api_key).where(api_key.c.id == key_id, api_key.c.revoked_at.is_(None))
    ).first()
    expected = row.secret_sha256 if row is not None else _digest("")
    # Compared even without a row, so that an unknown key takes as long as a wrong secret.
    if not hmac.compare_digest(_digest(secret), expected) or row is None or prefix != "absah":
        raise Unauthenticated("Send a valid API key as “Authorization: Bearer KEY”.")
    return Client(row.id, row.agency_id, row.officer_id, frozenset(json.loads(row.scopes)))


def _digest(secret: str) -> str:
    # The secret has 256 random bits: a plain hash is enough, a slow one would only slow every call.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
