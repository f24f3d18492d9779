"""What the register knows of signing keys: their certificates, and what each may sign. Never key material.

A key of production signs only what somebody has permitted (`permit`), and nothing once it is retired. A key
of the development PKI needs no permission.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

from sqlalchemy import Connection, Engine, func, insert, select, update

from storage import audit
from storage.database import inserting, reading, transaction
from storage.tables import (
    document,
    key_permission,
    now_ms,
    officer,
    signature,
    signature_intent,
    signing_key,
)
from storage.vocabulary import AbsahError, Conflict, NotFound

EVERY_TYPE = "*"
State = Literal["seen", "active", "retired"]
EXPIRY_DAYS = (60, 14)
"""How many days before its certificate ends a key is told of, the first time and more urgently."""


class KeyNotPermitted(AbsahError):
    """The register does not let this key sign that; nothing was signed.

    ``KEY_NOT_ACTIVE`` nobody permitted it anything · ``KEY_NOT_PERMITTED`` not this type, agency or day ·
    ``KEY_RETIRED`` it signs nothing any more.
    """

    code = "KEY_NOT_PERMITTED"


@dataclass(frozen=True)
class Permission:
    """What a key may sign: ``type`` is a document type or `EVERY_TYPE`; both days count."""

    agency_id: str
    type: str
    valid_from: date
    valid_until: date | None


@dataclass(frozen=True)
class RegisteredKey:
    """A key as the register knows it; times in milliseconds since 1970, ``certificate`` in DER."""

    id: str
    certificate: bytes
    not_before: int
    not_after: int
    state: State
    human_cost: str
    development: bool
    permissions: tuple[Permission, ...]
    uses: int


@dataclass(frozen=True)
class Seen:
    """What a worker tells of a key that it has opened."""

    id: str
    certificate: bytes
    not_before: int
    not_after: int
    human_cost: str
    development: bool


def note(engine: Engine, seen: Seen) -> None:
    """Remember a key and its certificate of today; what it may sign stays as it is."""
    values = dict(vars(seen))
    told = {name: value for name, value in values.items() if name != "id"}
    with transaction(engine) as connection:
        connection.execute(
            inserting(connection, signing_key)
            .values(**values, state="seen", changed_at=now_ms())
            .on_conflict_do_update(
                index_elements=["id"], set_=told, where=signing_key.c.certificate != seen.certificate
            )
        )


def registered(engine: Engine) -> list[RegisteredKey]:
    """Every key, by id, with how often it was about to be used."""
    counted = select(signature_intent.c.key_id, func.count()).group_by(signature_intent.c.key_id)
    with reading(engine) as connection:
        uses = {row[0]: row[1] for row in connection.execute(counted)}
        permissions = _permissions(connection)
        return [
            RegisteredKey(
                row.id, row.certificate, row.not_before, row.not_after, row.state, row.human_cost,
                row.development, tuple(permissions.get(row.id, ())), uses.get(row.id, 0),
            )
            for row in connection.execute(select(signing_key).order_by(signing_key.c.id))
        ]  # fmt: skip


def expiring(engine: Engine, now: datetime | None = None) -> dict[str, int]:
    """The keys in use whose certificates end within `EXPIRY_DAYS`, with the days that are left."""
    now = now or datetime.now(UTC)
    found = {}
    for key in registered(engine):
        left = (datetime.fromtimestamp(key.not_after / 1000, UTC) - now).days
        if key.state != "retired" and left <= EXPIRY_DAYS[0]:
            found[key.id] = left
    return found


def require_permission(
    engine: Engine, key_id: str, agency_id: str, type_id: str, on: date, *, unless_new: bool = False
) -> None:
    """Check that a key may sign a document of that type for that agency on that day.

    ``unless_new`` lets a key sign that nobody has permitted anything yet.

    Raises:
        KeyNotPermitted: it may not; the message says how an operator permits it.
    """
    with reading(engine) as connection:
        key = connection.execute(select(signing_key).where(signing_key.c.id == key_id)).first()
        given = _permissions(connection, key_id).get(key_id, [])
    if key is not None and key.state == "retired":
        raise KeyNotPermitted(f"The key “{key_id}” is retired and signs nothing.", code="KEY_RETIRED")
    if key is None or key.state != "active":
        if unless_new:
            return
        raise KeyNotPermitted(
            f"The key “{key_id}” is not active; run: absah keys activate {key_id} --agency {agency_id}",
            code="KEY_NOT_ACTIVE",
        )
    if not any(_covers(each, agency_id, type_id, on) for each in given):
        raise KeyNotPermitted(
            f"The key “{key_id}” may not sign “{type_id}” for {agency_id} on {on}; see: absah keys list"
        )


def permit(engine: Engine, key_id: str, given: Sequence[Permission]) -> None:
    """Let a key sign, and make it active; a permission for the same agency and type is replaced.

    Raises:
        NotFound: no worker has opened such a key, and nobody registered it.
        Conflict: it is retired.
    """
    with transaction(engine) as connection:
        _require(connection, key_id)
        for each in given:
            values = {
                "agency_id": each.agency_id, "key_id": key_id, "type": each.type,
                "valid_from": each.valid_from, "valid_until": each.valid_until,
            }  # fmt: skip
            changed = connection.execute(
                update(key_permission)
                .where(
                    key_permission.c.agency_id == each.agency_id,
                    key_permission.c.key_id == key_id,
                    key_permission.c.type == each.type,
                )
                .values(valid_from=each.valid_from, valid_until=each.valid_until)
            )
            if changed.rowcount == 0:
                connection.execute(insert(key_permission).values(**values))
            audit.record(
                connection, each.agency_id, "operator", "key.permitted", key_id, type=each.type,
                valid_from=each.valid_from.isoformat(),
                valid_until=each.valid_until.isoformat() if each.valid_until else None,
            )  # fmt: skip
        connection.execute(
            update(signing_key).where(signing_key.c.id == key_id).values(state="active", changed_at=now_ms())
        )


def rotate(engine: Engine, old: str, new: str, on: date, last: date) -> int:
    """Let ``new`` sign from a day on what ``old`` may sign, which ends with the day before (``last``).

    Officers who sign with ``old`` sign with ``new`` from now on; what was requested before keeps its key.
    Returns how many officers changed.

    Raises:
        NotFound, Conflict: as `permit`; or the old one may sign nothing.
    """
    with transaction(engine) as connection:
        given = _permissions(connection, old).get(old, [])
    open_ended = [each for each in given if each.valid_until is None or each.valid_until >= on]
    if not open_ended:
        raise Conflict(f"The key “{old}” may sign nothing that could go on.", code="KEY_NOT_ACTIVE")
    permit(engine, new, [Permission(each.agency_id, each.type, on, each.valid_until) for each in open_ended])
    permit(engine, old, [Permission(each.agency_id, each.type, each.valid_from, last) for each in open_ended])
    with transaction(engine) as connection:
        changed = connection.execute(
            update(officer)
            .where(officer.c.key_id == old, officer.c.agency_id.in_({each.agency_id for each in open_ended}))
            .values(key_id=new)
            .returning(officer.c.agency_id, officer.c.id)
        ).all()
        for agency_id, officer_id in changed:
            audit.record(connection, agency_id, "operator", "key.rotated", officer_id, old=old, new=new)
    return len(changed)


def retire(engine: Engine, key_id: str) -> int:
    """Let a key sign nothing any more; returns how many unfinished documents wait for it in vain.

    Raises:
        NotFound: there is no such key.
    """
    with transaction(engine) as connection:
        _require(connection, key_id, retired_too=True)
        connection.execute(
            update(signing_key).where(signing_key.c.id == key_id).values(state="retired", changed_at=now_ms())
        )
        agencies = connection.scalars(
            select(key_permission.c.agency_id).where(key_permission.c.key_id == key_id).distinct()
        ).all()
        for agency_id in agencies:
            audit.record(connection, agency_id, "operator", "key.retired", key_id)
        waiting = connection.scalar(
            select(func.count())
            .select_from(signature)
            .join(
                document,
                (document.c.agency_id == signature.c.agency_id) & (document.c.id == signature.c.document_id),
            )
            .where(
                signature.c.key_id == key_id,
                signature.c.cms.is_(None),
                document.c.state.not_in(("ISSUED", "VOID")),
            )
        )
    return int(waiting or 0)


def _require(connection: Connection, key_id: str, *, retired_too: bool = False) -> None:
    state = connection.scalar(select(signing_key.c.state).where(signing_key.c.id == key_id))
    if state is None:
        raise NotFound(
            f"No key “{key_id}” is known; start a worker that has it in its list, or: absah keys import",
            code="UNKNOWN_KEY",
        )
    if state == "retired" and not retired_too:
        raise Conflict(f"The key “{key_id}” is retired; configure another one.", code="KEY_RETIRED")


def _permissions(connection: Connection, key_id: str | None = None) -> dict[str, list[Permission]]:
    query = select(key_permission).order_by(key_permission.c.agency_id, key_permission.c.type)
    if key_id is not None:
        query = query.where(key_permission.c.key_id == key_id)
    found: dict[str, list[Permission]] = {}
    for row in connection.execute(query):
        given = Permission(row.agency_id, row.type, row.valid_from, row.valid_until)
        found.setdefault(row.key_id, []).append(given)
    return found


def _covers(given: Permission, agency_id: str, type_id: str, on: date) -> bool:
    return (
        given.agency_id == agency_id
        and given.type in (EVERY_TYPE, type_id)
        and given.valid_from <= on
        and (given.valid_until is None or on <= given.valid_until)
    )
