"""The keys by which agencies' systems and officers call us: made, presented, listed, revoked.

A secret is seen once, when its key is made; only its hash is kept.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select, update

from storage import audit
from storage.tables import api_key, now_ms
from storage.vocabulary import AbsahError, Conflict, NotFound

SCOPES = ("issue", "approve", "status", "read")
"""What an API key may do: request documents, approve prepared ones, change their status, read."""


class Unauthenticated(AbsahError):
    """No API key, or one that does not exist, was revoked or is misspelt; the answer is the same."""

    code = "UNAUTHENTICATED"


class Forbidden(AbsahError):
    """The API key is good but lacks the scope, or no officer stands behind it."""

    code = "FORBIDDEN"


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


@dataclass(frozen=True)
class ApiKey:
    """What is known of a key; it begins with ``absah_{id}_``. Moments are aware, in UTC."""

    id: str
    agency_id: str
    officer_id: str | None
    scopes: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None


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


def list_api_keys(connection: Connection, agency_id: str | None = None) -> list[ApiKey]:
    """Every key, of one agency or of all, in the order in which they were made; revoked ones too."""
    query = select(
        api_key.c.id,
        api_key.c.agency_id,
        api_key.c.officer_id,
        api_key.c.scopes,
        api_key.c.created_at,
        api_key.c.revoked_at,
    ).order_by(api_key.c.agency_id, api_key.c.created_at, api_key.c.id)
    if agency_id is not None:
        query = query.where(api_key.c.agency_id == agency_id)
    return [
        ApiKey(
            row.id,
            row.agency_id,
            row.officer_id,
            tuple(json.loads(row.scopes)),
            _moment(row.created_at),
            None if row.revoked_at is None else _moment(row.revoked_at),
        )
        for row in connection.execute(query)
    ]


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _digest(secret: str) -> str:
    # The secret has 256 random bits: a plain hash is enough, a slow one would only slow every call.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
