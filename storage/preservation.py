"""What was gathered to keep a document's file provable, persisted before it is used.

Each row is written under the claim's fence, so that a retry builds the same file of it. When a file has to be
raised or renewed stands with the document (``extend_at``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, exists, insert, literal, select, update

from storage import audit
from storage.database import database_time, milliseconds, transaction
from storage.queue import LEASE_MS, Claim, FenceLost, advance
from storage.register import Register, add_file
from storage.rows import row_of
from storage.tables import document, document_file, now_ms, preservation
from storage.vocabulary import LEVELS, AbsahError, DocumentState

_PAUSE_MS = 3_600_000


@dataclass(frozen=True)
class Preserved:
    """One row: of which file, the validation data, and the document time-stamp over file and data, if any."""

    base_sha256: str
    evidence: bytes
    digest: str | None = None
    token: bytes | None = None


@dataclass(frozen=True)
class Extension:
    """An issued document whose file has to be raised or renewed, and that file.

    ``ordinal`` counts the files of the document: it names the next one.
    """

    level: str
    reached: str
    sha256: str
    ordinal: int
    retain_until: date
    slots: int


def read(register: Register, held: Claim, ordinal: int) -> Preserved | None:
    """What an earlier attempt gathered for that file."""
    with transaction(register.engine) as connection:
        row = connection.execute(select(preservation).where(_of(held, ordinal))).first()
    return None if row is None else Preserved(row.base_sha256, row.evidence, row.digest, row.token)


def record_evidence(register: Register, held: Claim, ordinal: int, base_sha256: str, evidence: bytes) -> None:
    """Keep validation data for a file that is about to be made of ``base_sha256``.

    Raises:
        FenceLost: another worker took over.
    """
    values = {"base_sha256": base_sha256, "evidence": evidence, "digest": None, "token": None}
    with transaction(register.engine) as connection:
        _hold(connection, held)
        changed = connection.execute(update(preservation).where(_of(held, ordinal)).values(**values))
        if changed.rowcount == 0:
            of = {"agency_id": held.agency_id, "document_id": held.document_id, "ordinal": ordinal}
            connection.execute(insert(preservation), of | values)


def record_token(
    register: Register, held: Claim, ordinal: int, digest: str, token: bytes, at: datetime, until: datetime
) -> None:
    """Keep the document time-stamp over what `record_evidence` noted; checked before.

    Raises:
        FenceLost: another worker took over.
    """
    values = {
        "digest": digest,
        "token": token,
        "token_time": milliseconds(at),
        "token_until": milliseconds(until),
    }
    with transaction(register.engine) as connection:
        _hold(connection, held)
        connection.execute(update(preservation).where(_of(held, ordinal)).values(**values))


def claim_next(
    register: Register, until: datetime | None = None, since: datetime | None = None
) -> Claim | None:
    """Claim an issued document whose file is due now, or until then (work ahead of time); None: none is.

    What was renewed ``since`` a moment is passed over: far ahead of time, a file is due again as soon
    as it is renewed.
    """
    limit = now_ms() if until is None else literal(milliseconds(until), BigInteger())
    with transaction(register.engine) as connection:
        row = connection.execute(
            select(document.c.agency_id, document.c.id, document.c.fence, document.c.slot)
            .where(
                document.c.state == DocumentState.ISSUED,
                document.c.extend_at <= limit,
                document.c.lease_until <= now_ms(),
                document.c.next_attempt_at <= now_ms(),
                *([] if since is None else [~_renewed_since(since)]),
            )
            .order_by(document.c.extend_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).first()
        if row is None:
            return None
        connection.execute(
            update(document)
            .where(document.c.agency_id == row.agency_id, document.c.id == row.id)
            .values(
                fence=row.fence + 1,
                lease_until=now_ms() + LEASE_MS,
                attempts=document.c.attempts + 1,
            )
        )
        return Claim(row.agency_id, row.id, row.fence + 1, DocumentState.ISSUED, row.slot)


def _renewed_since(moment: datetime) -> ColumnElement[bool]:
    return exists().where(
        document_file.c.agency_id == document.c.agency_id,
        document_file.c.document_id == document.c.id,
        document_file.c.reason == "renewed",
        document_file.c.at >= milliseconds(moment),
    )


def read_extension(register: Register, held: Claim) -> Extension:
    """The claimed document's present file."""
    with transaction(register.engine) as connection:
        row = row_of(connection, held.agency_id, held.document_id)
        files = connection.execute(
            select(document_file)
            .where(
                document_file.c.agency_id == held.agency_id,
                document_file.c.document_id == held.document_id,
            )
            .order_by(document_file.c.at)
        ).all()
    present = next(each for each in files if each.sha256 == row["final_sha256"])
    return Extension(
        row["level"], row["final_level"], present.sha256, len(files), row["retain_until"], row["slots"]
    )


def record_file(
    register: Register,
    held: Claim,
    *,
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
        row = row_of(connection, held.agency_id, held.document_id)
        at = database_time(connection)
        _hold(
            connection, held, final_sha256=sha256, final_size=size, final_level=level, lease_until=0,
            next_attempt_at=0, extend_at=None if extend_at is None else milliseconds(extend_at),
        )  # fmt: skip
        add_file(
            connection, held.agency_id, held.document_id, code=row["code"], sha256=sha256,
            byte_range_digest=byte_range_digest, level=level, reason=reason, size=size, at=at,
        )  # fmt: skip
        audit.record(
            connection, held.agency_id, "worker", f"document.{reason}", held.document_id, at=at,
            sha256=sha256, level=level,
        )  # fmt: skip


def postpone(register: Register, held: Claim, error: AbsahError) -> None:
    """Give the document back for an hour: its file could not be extended now."""
    with transaction(register.engine) as connection:
        connection.execute(
            update(document)
            .where(
                document.c.agency_id == held.agency_id,
                document.c.id == held.document_id,
                document.c.fence == held.fence,
            )
            .values(lease_until=0, next_attempt_at=now_ms() + _PAUSE_MS, last_error=error.code)
        )


def planned(register: Register, until: datetime | None = None) -> list[Mapping[str, Any]]:
    """How many files have to be raised (below the promised level) or renewed, by month (UTC) of when."""
    query = select(document.c.extend_at, document.c.final_level, document.c.level).where(
        document.c.state == DocumentState.ISSUED, document.c.extend_at.is_not(None)
    )
    if until is not None:
        query = query.where(document.c.extend_at <= milliseconds(until))
    counts: dict[tuple[str, str], int] = {}
    with transaction(register.engine) as connection:
        now = database_time(connection)
        for due, reached, promised in connection.execute(query):
            month = "due" if due <= now else datetime.fromtimestamp(due / 1000, UTC).strftime("%Y-%m")
            key = (month, "raise" if LEVELS.index(reached) < LEVELS.index(promised) else "renew")
            counts[key] = counts.get(key, 0) + 1
    ordered = sorted(counts, key=lambda key: (key[0] != "due", key))
    return [{"when": when, "what": what, "documents": counts[when, what]} for when, what in ordered]


def _hold(connection: Any, held: Claim, **values: Any) -> None:
    if held.state == DocumentState.ISSUED:
        # `advance` would be the same with attempts set to nothing; a renewal that fails has to count them.
        changed = connection.execute(
            update(document)
            .where(
                document.c.agency_id == held.agency_id,
                document.c.id == held.document_id,
                document.c.fence == held.fence,
            )
            .values(**{"lease_until": now_ms() + LEASE_MS, "attempts": 0, "last_error": None} | values)
        )
        if changed.rowcount != 1:
            raise FenceLost("Another worker has taken over this document.")
    else:
        advance(connection, held, held.state, **values)


def _of(held: Claim, ordinal: int) -> Any:
    return and_(
        preservation.c.agency_id == held.agency_id,
        preservation.c.document_id == held.document_id,
        preservation.c.ordinal == ordinal,
    )
