"""The API keys that exist, for whoever administers them. A secret cannot be listed: only its hash is kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from storage.tables import api_key


@dataclass(frozen=True)
class ApiKey:
    """What is known of a key; it begins with ``absah_{id}_``. Moments are aware, in UTC."""

    id: str
    agency_id: str
    officer_id: str | None
    scopes: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None


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
