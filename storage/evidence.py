"""Answers about revocation, kept for all workers until they end, and shared over restarts.

Times are milliseconds since 1970-01-01 UTC. What an answer says was judged before it came here
(`signer.revocation`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Engine, bindparam, select, update

from storage.database import inserting, reading, transaction
from storage.tables import revocation_answer as answer

_BY_HASH = select(answer).where(answer.c.certificate_sha256.in_(bindparam("hashes", expanding=True)))


@dataclass(frozen=True)
class Answer:
    """What an authority said of a certificate: an OCSP response or a CRL, in DER.

    ``revoked_at`` is None where the certificate stands. ``issued_at`` and ``until`` are its *thisUpdate* and
    *nextUpdate*.
    """

    certificate: bytes
    issuer: bytes
    kind: Literal["OCSP", "CRL"]
    der: bytes
    issued_at: int
    until: int
    revoked_at: int | None = None

    @property
    def key(self) -> str:
        """Under what it is kept."""
        return hashlib.sha256(self.certificate).hexdigest()


def keep(engine: Engine, told: Answer, now: int) -> None:
    """Keep an answer in the place of an older one; a newer one stays."""
    values = {
        "certificate": told.certificate, "issuer": told.issuer, "kind": told.kind, "der": told.der,
        "issued_at": told.issued_at, "until": told.until, "revoked_at": told.revoked_at, "used_at": now,
    }  # fmt: skip
    with transaction(engine) as connection:
        connection.execute(
            inserting(connection, answer)
            .values(certificate_sha256=told.key, **values)
            .on_conflict_do_update(
                index_elements=["certificate_sha256"],
                set_=values,
                where=answer.c.issued_at <= told.issued_at,
            )
        )


def find(engine: Engine, certificates: Iterable[bytes]) -> dict[bytes, Answer]:
    """The answers about these certificates, by certificate; whether they still hold is the caller's."""
    hashes = [hashlib.sha256(each).hexdigest() for each in certificates]
    with reading(engine) as connection:
        rows = connection.execute(_BY_HASH, {"hashes": hashes}).all()
    return {row.certificate: _answer(row) for row in rows}


def note_use(engine: Engine, certificates: Sequence[bytes], now: int) -> None:
    """Note that answers about these certificates were needed: what nobody needs is not refreshed."""
    hashes = [hashlib.sha256(each).hexdigest() for each in certificates]
    with transaction(engine) as connection:
        connection.execute(update(answer).where(answer.c.certificate_sha256.in_(hashes)).values(used_at=now))


def due(engine: Engine, before: int, used_since: int) -> list[Answer]:
    """Answers that end before a time and were needed lately, the first to end first."""
    query = (
        select(answer)
        .where(answer.c.until < before, answer.c.used_at >= used_since)
        .order_by(answer.c.until)
        .limit(100)
    )
    with reading(engine) as connection:
        return [_answer(row) for row in connection.execute(query)]


def _answer(row: Any) -> Answer:
    return Answer(row.certificate, row.issuer, row.kind, row.der, row.issued_at, row.until, row.revoked_at)
