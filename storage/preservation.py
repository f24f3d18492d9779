"""What was gathered to keep a document's file provable, persisted before it is used.

Each row is written under the claim's fence, so that a retry builds the same file of it. When a file has to be
raised or renewed stands with the document (``extend_at``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, CursorResult, and_, bindparam, exists, func, select, update

from storage import audit
from storage.database import database_time, inserting, milliseconds, reading, transaction
from storage.queue import LEASE_MS, Claim, FenceLost, advance
from storage.register import Register, add_file
from storage.tables import document, document_file, now_ms, preservation
from storage.vocabulary import LEVELS, AbsahError, DocumentState

_PAUSE_MS = 3_600_000

# Built once: building a statement costs more than running it.
_OF = and_(document.c.agency_id == bindparam("of_agency"), document.c.id == bindparam("of_document"))
_HELD = and_(_OF, document.c.fence == bindparam("of_fence"))
_CLAIMABLE = (
    select(document.c.agency_id, document.c.id)
    .where(
        document.c.state == DocumentState.ISSUED,
        document.c.lease_until <= now_ms(),
        document.c.next_attempt_at <= now_ms(),
    )
    .order_by(document.c.extend_at)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_DUE = _CLAIMABLE.where(document.c.extend_at <= now_ms())
_DUE_UNTIL = _CLAIMABLE.where(document.c.extend_at <= bindparam("of_until", type_=BigInteger()))
_RENEWED_SINCE = exists().where(
    document_file.c.agency_id == document.c.agency_id,
    document_file.c.document_id == document.c.id,
    document_file.c.reason == "renewed",
    document_file.c.at >= bindparam("of_since", type_=BigInteger()),
)
_CLAIM = (
    update(document)
    .where(_OF)
    .values(
        fence=document.c.fence + 1, lease_until=now_ms() + LEASE_MS, attempts=document.c.attempts + 1
    )
    .returning(
        document.c.agency_id, document.c.id, document.c.fence, document.c.slot, document.c.level,
        document.c.final_level, document.c.code, document.c.final_sha256, document.c.retain_until,
        document.c.slots,
    )
)  # fmt: skip
_FILES = select(func.count()).where(
    document_file.c.agency_id == bindparam("of_agency"),
    document_file.c.document_id == bindparam("of_document"),
)
_KEPT = select(
    preservation.c.base_sha256, preservation.c.evidence, preservation.c.digest, preservation.c.token
).where(
    preservation.c.agency_id == bindparam("of_agency"),
    preservation.c.document_id == bindparam("of_document"),
    preservation.c.ordinal == bindparam("of_ordinal"),
)
_HOLD = update(document).where(_HELD).values(lease_until=now_ms() + LEASE_MS, attempts=0, last_error=None)
_GIVE_BACK = (
    update(document).where(_HELD).values(lease_until=0, next_attempt_at=0, attempts=0, last_error=None)
)
_POSTPONE = update(document).where(_HELD).values(lease_until=0, next_attempt_at=now_ms() + _PAUSE_MS)


@dataclass(frozen=True)
class Preserved:
    """One row: of which file, the validation data, and the document time-stamp over file and data, if any."""

    base_sha256: str
    evidence: bytes
    digest: str | None = None
    token: bytes | None = None


@dataclass(frozen=True)
class Extension:
    """An issued document that is claimed since its file has to be raised or renewed, and that file.

    ``ordinal`` counts the files of the document: it names the next one. ``kept`` is what an earlier attempt
    gathered for that.
    """

    held: Claim
    level: str
    reached: str
    code: str
    sha256: str
    retain_until: date
    slots: int
    ordinal: int
    kept: Preserved | None


def read(register: Register, held: Claim, ordinal: int) -> Preserved | None:
    """What an earlier attempt gathered for that file."""
    with reading(register.engine) as connection:
        return _read(connection, held, ordinal)


def record(
    register: Register,
    held: Claim,
    ordinal: int,
    gathered: Preserved,
    *,
    at: datetime | None = None,
    until: datetime | None = None,
) -> None:
    """Keep what was gathered for a file, before that is made of it.

    ``at`` and ``until`` are the time of its token, and when the certificate of its authority ends.

    Raises:
        FenceLost: another worker took over.
    """
    values = asdict(gathered) | {
        "token_time": None if at is None else milliseconds(at),
        "token_until": None if until is None else milliseconds(until),
    }
    of = {"agency_id": held.agency_id, "document_id": held.document_id, "ordinal": ordinal}
    with transaction(register.engine) as connection:
        _hold(connection, held)
        connection.execute(
            inserting(connection, preservation)
            .values(of | values)
            .on_conflict_do_update(index_elements=list(of), set_=values)
        )


def claim_next(
    register: Register, until: datetime | None = None, since: datetime | None = None
) -> Extension | None:
    """Claim an issued document whose file is due now, or until then (work ahead of time); None: none is.

    What was renewed ``since`` a moment is passed over: far ahead of time, a file is due again as soon
    as it is renewed.
    """
    due = _DUE if until is None else _DUE_UNTIL
    if since is not None:
        due = due.where(~_RENEWED_SINCE)
    moments = {
        name: milliseconds(moment)
        for name, moment in (("of_until", until), ("of_since", since))
        if moment is not None
    }
    with transaction(register.engine) as connection:
        found = connection.execute(due, moments).first()
        if found is None:
            return None
        row = connection.execute(_CLAIM, {"of_agency": found.agency_id, "of_document": found.id}).one()
        held = Claim(row.agency_id, row.id, row.fence, DocumentState.ISSUED, row.slot)
        ordinal = connection.execute(_FILES, _named(held)).scalar_one()
        return Extension(
            held, row.level, row.final_level, row.code, row.final_sha256, row.retain_until, row.slots,
            ordinal, _read(connection, held, ordinal),
        )  # fmt: skip


def record_file(
    register: Register,
    held: Claim,
    *,
    code: str,
    sha256: str,
    size: int,
    level: str,
    reason: str,
    byte_range_digest: str,
    extend_at: datetime | None,
) -> None:
    """The document has a further file, which is delivered from now on; all earlier hashes keep verifying.

    Raises:
        FenceLost: another worker took over.
    """
    with transaction(register.engine) as connection:
        at = database_time(connection)
        present = {
            "final_sha256": sha256,
            "final_size": size,
            "final_level": level,
            "extend_at": None if extend_at is None else milliseconds(extend_at),
        }
        _require(connection.execute(_GIVE_BACK, _named(held) | present))
        add_file(
            connection, held.agency_id, held.document_id, code=code, sha256=sha256,
            byte_range_digest=byte_range_digest, level=level, reason=reason, size=size, at=at,
        )  # fmt: skip
        audit.record(
            connection, held.agency_id, "worker", f"document.{reason}", held.document_id, at=at,
            sha256=sha256, level=level,
        )  # fmt: skip


def postpone(register: Register, held: Claim, error: AbsahError) -> None:
    """Give the document back for an hour: its file could not be extended now."""
    with transaction(register.engine) as connection:
        connection.execute(_POSTPONE, _named(held) | {"last_error": error.code})


def planned(register: Register, until: datetime | None = None) -> list[Mapping[str, Any]]:
    """How many files have to be raised (below the promised level) or renewed, by month (UTC) of when."""
    query = select(document.c.extend_at, document.c.final_level, document.c.level).where(
        document.c.state == DocumentState.ISSUED, document.c.extend_at.is_not(None)
    )
    if until is not None:
        query = query.where(document.c.extend_at <= milliseconds(until))
    counts: dict[tuple[str, str], int] = {}
    with reading(register.engine) as connection:
        now = database_time(connection)
        for due, reached, promised in connection.execute(query):
            month = "due" if due <= now else datetime.fromtimestamp(due / 1000, UTC).strftime("%Y-%m")
            key = (month, "raise" if LEVELS.index(reached) < LEVELS.index(promised) else "renew")
            counts[key] = counts.get(key, 0) + 1
    ordered = sorted(counts, key=lambda key: (key[0] != "due", key))
    return [{"when": when, "what": what, "documents": counts[when, what]} for when, what in ordered]


def _hold(connection: Connection, held: Claim) -> None:
    if held.state == DocumentState.ISSUED:
        # `advance` would be the same with attempts set to nothing; a renewal that fails has to count them.
        _require(connection.execute(_HOLD, _named(held)))
    else:
        advance(connection, held, held.state)


def _require(changed: CursorResult[Any]) -> None:
    if changed.rowcount != 1:
        raise FenceLost("Another worker has taken over this document.")


def _read(connection: Connection, held: Claim, ordinal: int) -> Preserved | None:
    row = connection.execute(_KEPT, _named(held) | {"of_ordinal": ordinal}).first()
    return None if row is None else Preserved(*row)


def _named(held: Claim) -> dict[str, Any]:
    return {"of_agency": held.agency_id, "of_document": held.document_id, "of_fence": held.fence}
