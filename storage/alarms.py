"""What stops issuing until a human has looked at it: a revoked certificate, a provider that answers wrongly.

An alarm stands until it is cleared. It names a key or an authority and has a code; nothing personal.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, delete, select

from storage.database import inserting, reading, transaction
from storage.tables import alarm, now_ms

CERTIFICATE_REVOKED = "certificate"
"""Kind: the certificate of the key that is its subject is revoked; it signs no more."""
PROVIDER = "provider"
"""Kind: the key that is its subject answered with something that we did not ask for."""
CLOCK = "clock"
"""Kind: our clock is too far from those of the time-stamp authorities."""
TIMESTAMPS = "timestamps"
"""Kind: no time-stamp authority gives a token that we can believe."""


@dataclass(frozen=True)
class Alarm:
    """One that stands; ``since`` is in milliseconds since 1970."""

    kind: str
    subject: str
    code: str
    since: int


def sound(engine: Engine, kind: str, subject: str, code: str) -> None:
    """Let an alarm stand; one that stands already keeps its time."""
    values = {"kind": kind, "subject": subject[:100], "code": code[:40]}
    with transaction(engine) as connection:
        connection.execute(
            inserting(connection, alarm).values(**values, since=now_ms()).on_conflict_do_nothing()
        )


def clear(engine: Engine, kind: str, subject: str | None = None) -> int:
    """Take back one alarm, or all of a kind; returns how many stood."""
    where = [alarm.c.kind == kind] + ([alarm.c.subject == subject[:100]] if subject is not None else [])
    with transaction(engine) as connection:
        return connection.execute(delete(alarm).where(*where)).rowcount


def standing(engine: Engine) -> list[Alarm]:
    """All of them, oldest first."""
    with reading(engine) as connection:
        rows = connection.execute(
            select(alarm.c.kind, alarm.c.subject, alarm.c.code, alarm.c.since).order_by(alarm.c.since)
        )
        return [Alarm(*row) for row in rows]
