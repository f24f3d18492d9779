"""What each step of the issuing cycle commits (docs/issue-cycle.md); the numbers are the cycle's.

Each function is one transaction under the claim's fence. What a step has committed is never
changed by a later attempt, which is why an interrupted cycle can simply be run again.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Protocol

from sqlalchemy import Connection, RowMapping, and_, bindparam, insert, select, update

from storage import audit, status
from storage.database import database_time, milliseconds, reading, transaction
from storage.queue import Claim, advance
from storage.records import day_in
from storage.register import Register, add_file, add_to_outbox
from storage.rows import row_of
from storage.tables import (
    approval,
    document_relation,
    now_ms,
    outbox,
    public_record,
    signature,
    signature_intent,
)
from storage.vocabulary import AbsahError, DocumentState

# Built once: building a statement costs more than running it.
_OF_SLOT = and_(
    signature.c.agency_id == bindparam("of_agency"),
    signature.c.document_id == bindparam("of_document"),
    signature.c.ordinal == bindparam("of_ordinal"),
)
_SLOT = select(signature).where(_OF_SLOT)
_FREEZE_SLOT = update(signature).where(_OF_SLOT, signature.c.frozen_sha256.is_(None))
_FILL_SLOT = update(signature).where(_OF_SLOT)
_APPROVAL = select(approval.c.id, approval.c.prepared_sha256).where(
    approval.c.agency_id == bindparam("of_agency"), approval.c.document_id == bindparam("of_document")
)
_ASK = update(signature).where(_OF_SLOT)
_KEEP_REPLY = update(signature).where(_OF_SLOT, signature.c.reply_sha256.is_(None))
_ADD_INTENT = insert(signature_intent).values(at=now_ms())
_PUBLISH = update(public_record).where(public_record.c.code == bindparam("of_code")).values(issued=True)
_UNSENT = (
    select(outbox.c.id, outbox.c.agency_id, outbox.c.document_id, outbox.c.kind)
    .where(outbox.c.sent_at.is_(None))
    .order_by(outbox.c.created_at)
    .limit(bindparam("at_most"))
)
_UNSENT_OF_ONE = _UNSENT.where(outbox.c.document_id == bindparam("of_document"))
_MARK_SENT = update(outbox).where(outbox.c.id == bindparam("of_notice")).values(sent_at=now_ms())
_SUPERSEDED = select(document_relation).where(
    document_relation.c.agency_id == bindparam("of_agency"),
    document_relation.c.document_id == bindparam("of_document"),
    document_relation.c.kind == "supersedes",
)


class NotApproved(AbsahError):
    """The bytes about to be signed are not the bytes that an officer approved."""

    code = "NOT_APPROVED"


@dataclass(frozen=True)
class Notice:
    """One outbox row: the kind of event, about which document. Its id makes delivery idempotent."""

    id: str
    agency_id: str
    document_id: str
    kind: str


def record_freeze(
    register: Register,
    held: Claim,
    ordinal: int,
    frozen_sha256: str,
    digest: bytes,
    byte_range: tuple[int, int, int, int],
) -> Claim:
    """3. Prepare: the exact bytes to be signed are fixed, for this slot and for good."""
    with transaction(register.engine) as connection:
        values = {"prepared_sha256": frozen_sha256} if ordinal == 1 else {}
        advanced = advance(connection, held, DocumentState.PREPARED, ordinal, **values)
        frozen = {
            "frozen_sha256": frozen_sha256, "digest": digest.hex(), "byte_range": json.dumps(byte_range),
        }  # fmt: skip
        changed = connection.execute(_FREEZE_SLOT, _named(held, ordinal) | frozen)
        if changed.rowcount != 1:
            raise AbsahError("This slot is already frozen; the first freeze wins.", code="ALREADY_FROZEN")
        audit.record(
            connection,
            held.agency_id,
            "worker",
            "document.prepared",
            held.document_id,
            slot=ordinal,
            sha256=frozen_sha256,
        )
        return advanced


def record_intent(
    register: Register, held: Claim, ordinal: int, frozen_sha256: str, digest: bytes, *, once: bool = False
) -> None:
    """4. Sign, before the key: who is about to sign what, with which key, on whose approval.

    ``once`` notes that the key was asked, so that nobody asks it again before `record_reply` or
    `record_refusal`.

    Raises:
        NotApproved: the type asks for an approval, and none was given for exactly these bytes.
        FenceLost: another worker took over.
    """
    with transaction(register.engine) as connection:
        advance(connection, held, held.state)
        row = row_of(connection, held.agency_id, held.document_id)
        slot = connection.execute(_SLOT, _named(held, ordinal)).mappings().one()
        given = connection.execute(_APPROVAL, _named(held)).first()
        if row["needs_approval"] and (given is None or given.prepared_sha256 != row["prepared_sha256"]):
            raise NotApproved("No officer has approved these bytes.")
        if slot["digest"] != digest.hex() or slot["frozen_sha256"] != frozen_sha256:
            raise NotApproved("What is to be signed is not what was frozen.")
        connection.execute(
            _ADD_INTENT,
            {
                "agency_id": held.agency_id,
                "id": str(uuid.uuid4()),
                "document_id": held.document_id,
                "ordinal": ordinal,
                "fence": held.fence,
                "digest": digest.hex(),
                "key_id": slot["key_id"],
                "approval_id": given.id if given else None,
            },
        )
        if once:
            connection.execute(_ASK.values(asked_at=now_ms()), _named(held, ordinal))
        audit.record(
            connection, held.agency_id, "worker", "key.intent", held.document_id,
            slot=ordinal, key=slot["key_id"], digest=digest.hex(), fence=held.fence,
        )  # fmt: skip


def record_cms(register: Register, held: Claim, ordinal: int, cms: bytes) -> Claim:
    """4. Sign, after the key: keep what it answered, so that it is not asked again."""
    with transaction(register.engine) as connection:
        advanced = advance(connection, held, DocumentState.SIGNED)
        connection.execute(_FILL_SLOT, _named(held, ordinal) | {"cms": cms, "fence": held.fence})
        audit.record(connection, held.agency_id, "worker", "document.signed", held.document_id, slot=ordinal)
        return advanced


def record_refusal(register: Register, held: Claim, ordinal: int, code: str) -> None:
    """4. Sign: the key said no, so that nothing was signed and it may be asked again."""
    with transaction(register.engine) as connection:
        advance(connection, held, held.state)
        connection.execute(_ASK.values(asked_at=None), _named(held, ordinal))
        audit.record(
            connection, held.agency_id, "worker", "key.refused", held.document_id, slot=ordinal, code=code
        )


def record_reply(register: Register, held: Claim, ordinal: int, sha256: str) -> Claim:
    """4. Sign: the first answer of a key that signs whole PDFs lies in staging; it is not asked again."""
    with transaction(register.engine) as connection:
        advanced = advance(connection, held, held.state, awaits_session=False)
        kept = {"reply_sha256": sha256, "asked_at": None, "fence": held.fence}
        if connection.execute(_KEEP_REPLY, _named(held, ordinal) | kept).rowcount != 1:
            raise AbsahError("This slot has an answer already; the first one counts.", code="ALREADY_REPLIED")
        audit.record(
            connection, held.agency_id, "worker", "document.replied", held.document_id,
            slot=ordinal, sha256=sha256,
        )  # fmt: skip
        return advanced


def record_signed_pdf(
    register: Register, held: Claim, ordinal: int, covered_digest: bytes, proven_at: datetime | None
) -> Claim:
    """4. Sign: that answer was checked, and is what was asked for.

    ``proven_at`` is the time of the time-stamp in it, None where it has none.
    """
    with transaction(register.engine) as connection:
        advanced = advance(connection, held, DocumentState.SIGNED)
        # The signature itself is in the file; an empty CMS says that there is one.
        proven = None if proven_at is None else milliseconds(proven_at)
        values = {"covered_digest": covered_digest.hex(), "cms": b"", "token_time": proven}
        connection.execute(_FILL_SLOT, _named(held, ordinal) | values)
        audit.record(connection, held.agency_id, "worker", "document.signed", held.document_id, slot=ordinal)
        return advanced


class CheckedToken(Protocol):
    """A time-stamp token and the time that it proves; see `signer.timestamp.Token`."""

    @property
    def der(self) -> bytes:
        """The TimeStampToken."""
        ...

    @property
    def time(self) -> datetime:
        """What it proves, aware."""
        ...


def record_token(register: Register, held: Claim, ordinal: int, token: CheckedToken | None) -> Claim:
    """5. Timestamp: keep the token, checked before; None where the signature goes without one."""
    with transaction(register.engine) as connection:
        advanced = advance(connection, held, DocumentState.TIMESTAMPED)
        if token is not None:
            stamped = {"token": token.der, "token_time": milliseconds(token.time)}
            connection.execute(_FILL_SLOT, _named(held, ordinal) | stamped)
        return advanced


def record_stored(
    register: Register, held: Claim, sha256: str, size: int, level: str, extend_at: datetime | None
) -> Claim:
    """6. Store: the object is in the archive, read back and found to be what was assembled.

    ``extend_at`` is when the file has to be raised or renewed, None: never.
    """
    with transaction(register.engine) as connection:
        return advance(
            connection, held, DocumentState.STORED, final_sha256=sha256, final_size=size, final_level=level,
            extend_at=None if extend_at is None else milliseconds(extend_at),
        )  # fmt: skip


def record_issue(register: Register, held: Claim) -> Claim:
    """7. Issue: the only commit point. Before it, nothing can be downloaded or is registered as issued."""
    with transaction(register.engine) as connection:
        row = row_of(connection, held.agency_id, held.document_id)
        last = connection.execute(_SLOT, _named(held, row["slots"])).mappings().one()
        at = database_time(connection)
        advanced = advance(connection, held, DocumentState.ISSUED, issued_at=at)
        add_file(
            connection, held.agency_id, held.document_id, code=row["code"], sha256=row["final_sha256"],
            byte_range_digest=last["covered_digest"] or last["digest"], level=row["final_level"],
            reason="issued", size=row["final_size"], at=at,
        )  # fmt: skip
        today = day_in(row["zone"], datetime.now(UTC))
        status.add_event(connection, held.agency_id, held.document_id, "issued", row["issued_on"])
        connection.execute(_PUBLISH, {"of_code": row["code"]})
        _supersede_predecessor(connection, row, today)
        audit.record(
            connection,
            held.agency_id,
            "worker",
            "document.issued",
            held.document_id,
            at=at,
            sha256=row["final_sha256"],
        )
        add_to_outbox(connection, held.agency_id, held.document_id, "document.issued")
        return advanced


def unsent(register: Register, document_id: str | None = None, limit: int = 100) -> list[Notice]:
    """8. Notify: what the outbox still has to say, oldest first; of one document or of all."""
    query, of = (_UNSENT, {}) if document_id is None else (_UNSENT_OF_ONE, {"of_document": document_id})
    with reading(register.engine) as connection:
        rows = connection.execute(query, of | {"at_most": limit}).all()
    return [Notice(row.id, row.agency_id, row.document_id, row.kind) for row in rows]


def mark_sent(register: Register, notices: Sequence[Notice]) -> None:
    """8. Notify: delivered; a crash before this line delivers the same ids again."""
    with transaction(register.engine) as connection:
        connection.execute(_MARK_SENT, [{"of_notice": notice.id} for notice in notices])


def _supersede_predecessor(connection: Connection, row: RowMapping, today: date) -> None:
    of = {"of_agency": row["agency_id"], "of_document": row["id"]}
    relation = connection.execute(_SUPERSEDED, of).mappings().first()
    if relation is None:
        return
    status.mark_superseded(
        connection,
        row["agency_id"],
        relation["other_id"],
        successor_number=row["number"],
        # Not before the successor begins, or on the days between neither would be in force.
        on=max(today, row["valid_from"]),
        reason_class=relation["reason_class"],
        note=None,
        officer_id=relation["officer_id"],
    )


def _named(held: Claim, ordinal: int | None = None) -> dict[str, Any]:
    """The parameters that name the claimed document, and one of its slots."""
    of = {"of_agency": held.agency_id, "of_document": held.document_id}
    return of if ordinal is None else {**of, "of_ordinal": ordinal}
