"""How many time-stamps each authority with a quota has given today, counted for all workers together."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine

from storage.database import inserting, transaction
from storage.tables import tsa_use


def take(engine: Engine, name: str, most: int) -> bool:
    """Count one use of today (UTC); False, and nothing counted, where the day's quota is used up."""
    today = datetime.now(UTC).date()
    if most < 1:
        return False
    with transaction(engine) as connection:
        counted = connection.execute(
            inserting(connection, tsa_use)
            .values(name=name[:100], day=today, used=1)
            .on_conflict_do_update(
                index_elements=["name", "day"], set_={"used": tsa_use.c.used + 1}, where=tsa_use.c.used < most
            )
            .returning(tsa_use.c.used)
        )
        return counted.first() is not None
