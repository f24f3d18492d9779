"""Signing sessions: an official types one secret for one batch of documents, and a living worker uses it.

A worker publishes the public half of a key that only its memory holds (`publish`). A session names such a key
and the digest of its batch; the secret comes encrypted to that key and bound to that digest, and is wiped
here when the worker takes it. If the worker dies, nobody can read it any more and the session is ``LOST``:
the official types again. Where the owner of a key consents in a browser instead, see `storage.consents`.

States: ``OPEN`` the secret or the consent is awaited · ``SUBMITTED`` it is there · ``WORKING`` documents are
being signed · ``DONE`` each document has an outcome · ``STOPPED`` it ended before that, the code says why ·
``LOST`` its worker died · ``EXPIRED`` it took longer than `LIFETIME_MS`.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, func, insert, not_, select, update

from storage import audit
from storage.database import reading, transaction
from storage.queue import Claim
from storage.register import Register
from storage.rows import awaits_session, row_of
from storage.status import add_approval
from storage.tables import (
    document,
    now_ms,
    signature,
    signing_session,
    signing_session_document,
    worker_key,
)
from storage.vocabulary import Conflict, NotFound, Unavailable

LIFETIME_MS = 15 * 60_000
ALIVE_MS = 30_000
"""A worker whose last sign of life is older than this counts as dead."""
MOST_DOCUMENTS = 1000
MOST_SEALED_BYTES = 4096
SIGNED = "SIGNED"
WIPED: dict[str, None] = {"sealed": None, "consent_address": None}
"""What a session holds no longer once it is at work or over."""
_UNDER_WAY = ("OPEN", "SUBMITTED", "WORKING")
_FORGET_MS = 3_600_000


@dataclass(frozen=True)
class Waiting:
    """A document that waits for a session: with which key, whose, and what would be signed."""

    agency_id: str
    document_id: str
    number: str
    officer_id: str
    key_id: str
    frozen_sha256: str


@dataclass(frozen=True)
class Outcome:
    """One document of a session; ``outcome`` is `SIGNED`, a code, or None: nothing happened to it."""

    document_id: str
    number: str
    frozen_sha256: str
    outcome: str | None


@dataclass(frozen=True)
class Session:
    """A session; moments are milliseconds since 1970. ``refused_before`` counts sessions with a wrong secret
    since the last one that signed something with this key. ``asks_for`` is "secret" or "consent", None until
    the worker has looked; ``consent_address`` is where the owner's browser has to go, once that is known.
    """

    agency_id: str
    id: str
    officer_id: str
    key_id: str
    batch_digest: str
    worker_key_id: str
    public_key: bytes
    state: str
    code: str | None
    expires_at: int
    documents: tuple[Outcome, ...]
    refused_before: int
    asks_for: str | None
    consent_address: str | None = field(repr=False)

    @property
    def signed(self) -> int:
        """How many of its documents are signed."""
        return sum(each.outcome == SIGNED for each in self.documents)

    @property
    def ended(self) -> bool:
        """Whether nothing more happens in it."""
        return self.state not in _UNDER_WAY


def batch_digest(frozen_sha256s: Iterable[str]) -> str:
    """What a secret is bound to: the SHA-256 over the documents' SHA-256s (hexadecimal), sorted, in lines."""
    lines = "".join(f"{each}\n" for each in sorted(frozen_sha256s))
    return hashlib.sha256(lines.encode("ascii")).hexdigest()


# -- a worker's side


def publish(register: Register, key_id: str, public_key: bytes, signing_keys: Sequence[str]) -> None:
    """Make a worker's public key known, with the signing keys that it can unlock."""
    with transaction(register.engine) as connection:
        connection.execute(
            insert(worker_key).values(
                id=key_id, public_key=public_key, signing_keys=json.dumps(list(signing_keys)), newest=True,
                heartbeat=now_ms(),
            )
        )  # fmt: skip


def beat(register: Register, key_ids: Sequence[str], newest: str) -> None:
    """A worker's sign of life for its keys, of which new sessions take the newest."""
    with transaction(register.engine) as connection:
        for each in key_ids:
            connection.execute(
                update(worker_key)
                .where(worker_key.c.id == each)
                .values(heartbeat=now_ms(), newest=each == newest)
            )


def withdraw(register: Register, key_ids: Sequence[str]) -> None:
    """A worker forgets keys; sessions that hang on them are lost at once."""
    with transaction(register.engine) as connection:
        connection.execute(delete(worker_key).where(worker_key.c.id.in_(key_ids)))
        close_overdue(connection)


def close_ended(register: Register) -> int:
    """End sessions that ran out of time or lost their worker, and wipe what they hold; returns how many."""
    with transaction(register.engine) as connection:
        connection.execute(delete(worker_key).where(worker_key.c.heartbeat < now_ms() - _FORGET_MS))
        return close_overdue(connection)


def take(register: Register, key_ids: Sequence[str]) -> tuple[Session, bytes] | None:
    """The next session whose secret is encrypted to one of a worker's keys, and the secret, wiped here."""
    with transaction(register.engine) as connection:
        row = (
            connection.execute(
                select(signing_session)
                .where(
                    signing_session.c.state == "SUBMITTED",
                    signing_session.c.worker_key_id.in_(key_ids),
                    signing_session.c.expires_at > now_ms(),
                )
                .order_by(signing_session.c.created_at)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
            .mappings()
            .first()
        )
        if row is None:
            return None
        _set(connection, row["agency_id"], row["id"], state="WORKING", **WIPED)
        return read_in(connection, row["agency_id"], row["id"]), row["sealed"]


def is_open(register: Register, session: Session) -> bool:
    """Whether the session may still use its secret."""
    with reading(register.engine) as connection:
        found = connection.execute(
            select(signing_session.c.id).where(
                _of(session.agency_id, session.id),
                signing_session.c.state == "WORKING",
                signing_session.c.expires_at > now_ms(),
            )
        )
        return found.first() is not None


def is_what_was_shown(register: Register, held: Claim, frozen_sha256: str) -> bool:
    """Whether what the claimed document would have signed is what the batch's digest names."""
    return bool(_slot(register, held).frozen_sha256 == frozen_sha256)


def covered_digests(register: Register, session: Session) -> list[bytes]:
    """What the signatures of a session's documents will cover, of those that still are what was shown."""
    shown = {each.document_id: each.frozen_sha256 for each in session.documents}
    with reading(register.engine) as connection:
        rows = connection.execute(
            select(signature.c.document_id, signature.c.frozen_sha256, signature.c.digest).where(
                signature.c.agency_id == session.agency_id,
                signature.c.document_id.in_(shown),
                signature.c.key_id == session.key_id,
                signature.c.cms.is_(None),
            )
        )
        return [bytes.fromhex(row.digest) for row in rows if row.frozen_sha256 == shown[row.document_id]]


def was_signed(register: Register, held: Claim) -> bool:
    """Whether the slot that was claimed has its signature, checked."""
    slot = _slot(register, held)
    return slot.cms is not None or slot.covered_digest is not None


def record_outcome(register: Register, session: Session, document_id: str, outcome: str) -> None:
    """What became of one document."""
    with transaction(register.engine) as connection:
        connection.execute(
            update(signing_session_document)
            .where(
                signing_session_document.c.agency_id == session.agency_id,
                signing_session_document.c.session_id == session.id,
                signing_session_document.c.document_id == document_id,
            )
            .values(outcome=outcome[:40])
        )


def finish(register: Register, session: Session, code: str | None) -> None:
    """The session is over: done, or stopped for the reason ``code``."""
    with transaction(register.engine) as connection:
        state = "DONE" if code is None else "STOPPED"
        changed = connection.execute(
            update(signing_session)
            .where(_of(session.agency_id, session.id), signing_session.c.state == "WORKING")
            .values(state=state, code=code and code[:40], **WIPED)
        )
        if changed.rowcount:
            audit.record(
                connection, session.agency_id, "worker", f"session.{state.lower()}", session.id,
                key=session.key_id, code=code,
            )  # fmt: skip


# -- the official's side


def waiting(register: Register, agency_id: str | None = None) -> list[Waiting]:
    """What waits for a session, of one agency or of all, oldest first."""
    with reading(register.engine) as connection:
        return _waiting(connection, () if agency_id is None else (document.c.agency_id == agency_id,))


def open_session(
    register: Register,
    agency_id: str,
    *,
    opened_by: str,
    key_id: str | None = None,
    officer_id: str | None = None,
    document_ids: Sequence[str] | None = None,
) -> Session:
    """Begin a session for documents that wait: those named, or all of that key or officer.

    Raises:
        NotFound: the agency has no such document.
        Conflict: ``NOT_WAITING`` one of them waits for no session · ``NOTHING_TO_SIGN`` none waits ·
            ``SEVERAL_KEYS`` they need different keys or officers · ``TOO_MANY_DOCUMENTS`` name fewer.
        Unavailable: ``NO_WORKER``, none lives that could unlock the key.
    """
    with transaction(register.engine) as connection:
        documents = _waiting(connection, (document.c.agency_id == agency_id,))
        if document_ids is not None:
            for each in document_ids:
                row_of(connection, agency_id, each)
            known = {each.document_id: each for each in documents}
            if missing := [each for each in document_ids if each not in known]:
                raise Conflict(
                    f"Document {missing[0]} waits for no signing session (any more); leave it out.",
                    code="NOT_WAITING",
                )
            documents = [known[each] for each in dict.fromkeys(document_ids)]
        documents = [
            each
            for each in documents
            if key_id in (None, each.key_id) and officer_id in (None, each.officer_id)
        ]
        if not documents:
            raise Conflict("No document waits for a signing session of this officer.", code="NOTHING_TO_SIGN")
        if len({(each.key_id, each.officer_id) for each in documents}) > 1:
            raise Conflict("These documents need several keys; name one of them.", code="SEVERAL_KEYS")
        if len(documents) > MOST_DOCUMENTS:
            raise Conflict(
                f"A session takes at most {MOST_DOCUMENTS} documents; name fewer.", code="TOO_MANY_DOCUMENTS"
            )
        key_id, officer_id = documents[0].key_id, documents[0].officer_id
        worker = _living_worker(connection, key_id)
        session_id = str(uuid.uuid4())
        digest = batch_digest(each.frozen_sha256 for each in documents)
        connection.execute(
            insert(signing_session).values(
                agency_id=agency_id, id=session_id, officer_id=officer_id, key_id=key_id, opened_by=opened_by,
                batch_digest=digest, worker_key_id=worker["id"], public_key=worker["public_key"],
                state="OPEN", created_at=now_ms(), expires_at=now_ms() + LIFETIME_MS,
            )
        )  # fmt: skip
        connection.execute(
            insert(signing_session_document),
            [
                {"agency_id": agency_id, "session_id": session_id, "document_id": each.document_id,
                 "frozen_sha256": each.frozen_sha256}
                for each in documents
            ],
        )  # fmt: skip
        audit.record(
            connection, agency_id, opened_by, "session.opened", session_id,
            officer=officer_id, key=key_id, batch=digest, documents=len(documents),
        )  # fmt: skip
        return read_in(connection, agency_id, session_id)


def submit(register: Register, agency_id: str, session_id: str, officer_id: str, sealed: bytes) -> Session:
    """Hand the encrypted secret over. It is also the officer's approval of what the batch's digest names.

    Raises:
        NotFound: this officer has no such session.
        Conflict: ``SESSION_ENDED``, it takes no secret (any more) · ``CONSENT_NEEDED``, it takes none at all.
    """
    with transaction(register.engine) as connection:
        close_overdue(connection)
        session = read_in(connection, agency_id, session_id)
        if session.officer_id != officer_id:
            raise NotFound("This officer has no such signing session.", code="SESSION_NOT_FOUND")
        if session.asks_for == "consent" and not session.ended:
            raise Conflict(
                "This key takes no secret: its owner consents in a browser, at the session's address.",
                code="CONSENT_NEEDED",
            )
        submit_in(connection, session, sealed)
        return read_in(connection, agency_id, session_id)


def submit_in(connection: Connection, session: Session, sealed: bytes) -> None:
    """Let the session's worker have what is sealed to it, and note the officer's approval of its documents.

    Raises:
        Conflict: ``SESSION_ENDED``, the session awaits nothing (any more).
    """
    changed = connection.execute(
        update(signing_session)
        .where(_of(session.agency_id, session.id), signing_session.c.state == "OPEN")
        .values(state="SUBMITTED", **{**WIPED, "sealed": sealed})
    )
    if changed.rowcount != 1:
        raise Conflict(
            "This signing session takes no secret (any more); begin a new one.", code="SESSION_ENDED"
        )
    for each in session.documents:
        row = row_of(connection, session.agency_id, each.document_id, to_change=True)
        if row["needs_approval"] and row["prepared_sha256"] == each.frozen_sha256:
            add_approval(connection, row, session.officer_id)
    audit.record(connection, session.agency_id, session.officer_id, "session.submitted", session.id)


def read_session(
    register: Register, agency_id: str, session_id: str, officer_id: str | None = None
) -> Session:
    """A session as it stands now; of that officer only, where one is given.

    Raises:
        NotFound: there is none.
    """
    with transaction(register.engine) as connection:
        close_overdue(connection)
        session = read_in(connection, agency_id, session_id)
    if officer_id not in (None, session.officer_id):
        raise NotFound("This officer has no such signing session.", code="SESSION_NOT_FOUND")
    return session


def _waiting(connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> list[Waiting]:
    query = (
        select(
            document.c.agency_id, document.c.id, document.c.number, signature.c.officer_id,
            signature.c.key_id, signature.c.frozen_sha256,
        )
        .join(
            signature,
            and_(
                signature.c.agency_id == document.c.agency_id,
                signature.c.document_id == document.c.id,
                signature.c.ordinal == document.c.slot,
            ),
        )
        .where(awaits_session(), *conditions)
        .order_by(document.c.created_at, document.c.id)
    )  # fmt: skip
    return [Waiting(*row) for row in connection.execute(query)]


def _living_worker(connection: Connection, key_id: str) -> RowMapping:
    rows = connection.execute(
        select(worker_key).where(_alive(), worker_key.c.newest).order_by(worker_key.c.heartbeat.desc())
    ).mappings()
    for row in rows:
        if key_id in json.loads(row["signing_keys"]):
            return row
    raise Unavailable(
        "No worker is running that could use this key; start one, then begin the session again.",
        code="NO_WORKER",
    )


def _alive() -> ColumnElement[bool]:
    return worker_key.c.heartbeat > now_ms() - ALIVE_MS


def close_overdue(connection: Connection) -> int:
    """See `close_ended`."""
    alive = select(worker_key.c.id).where(_alive())
    under_way = signing_session.c.state.in_(_UNDER_WAY)
    lost = connection.execute(
        update(signing_session)
        .where(under_way, not_(signing_session.c.worker_key_id.in_(alive)))
        .values(state="LOST", code="WORKER_LOST", **WIPED)
    )
    expired = connection.execute(
        update(signing_session)
        .where(under_way, signing_session.c.expires_at <= now_ms())
        .values(state="EXPIRED", code="SESSION_EXPIRED", **WIPED)
    )
    return lost.rowcount + expired.rowcount


def read_in(connection: Connection, agency_id: str, session_id: str) -> Session:
    """See `read_session`."""
    # PostgreSQL knows no NUL in texts and calls it an error; no id has one.
    query = select(signing_session).where(_of(agency_id, session_id))
    row = None if "\0" in session_id else connection.execute(query).mappings().first()
    if row is None:
        raise NotFound("This agency has no such signing session.", code="SESSION_NOT_FOUND")
    documents = connection.execute(
        select(
            signing_session_document.c.document_id, document.c.number,
            signing_session_document.c.frozen_sha256, signing_session_document.c.outcome,
        )
        .join(
            document,
            and_(
                document.c.agency_id == signing_session_document.c.agency_id,
                document.c.id == signing_session_document.c.document_id,
            ),
        )
        .where(
            signing_session_document.c.agency_id == agency_id,
            signing_session_document.c.session_id == session_id,
        )
        .order_by(document.c.created_at, document.c.id)
    )  # fmt: skip
    return Session(
        **{
            name: row[name]
            for name in (
                "agency_id", "id", "officer_id", "key_id", "batch_digest", "worker_key_id", "public_key",
                "state", "code", "expires_at", "asks_for", "consent_address",
            )
        },
        documents=tuple(Outcome(*each) for each in documents),
        refused_before=_refused(connection, row),
    )  # fmt: skip


def _refused(connection: Connection, row: RowMapping) -> int:
    """Sessions of this key with a wrong secret, since the last one that came to an end, before this one."""
    earlier = and_(
        signing_session.c.agency_id == row["agency_id"],
        signing_session.c.key_id == row["key_id"],
        signing_session.c.created_at <= row["created_at"],
        signing_session.c.id != row["id"],
    )
    last = connection.scalar(
        select(func.max(signing_session.c.created_at)).where(earlier, signing_session.c.state == "DONE")
    )
    return (
        connection.scalar(
            select(func.count()).where(
                earlier,
                signing_session.c.code == "KEY_PASSPHRASE",
                signing_session.c.created_at > (last or 0),
            )
        )
        or 0
    )


def _slot(register: Register, held: Claim) -> Any:
    columns = (signature.c.frozen_sha256, signature.c.cms, signature.c.covered_digest)
    with reading(register.engine) as connection:
        return connection.execute(
            select(*columns).where(
                signature.c.agency_id == held.agency_id,
                signature.c.document_id == held.document_id,
                signature.c.ordinal == held.slot,
            )
        ).one()


def _set(connection: Connection, agency_id: str, session_id: str, **values: Any) -> None:
    connection.execute(update(signing_session).where(_of(agency_id, session_id)).values(**values))


def _of(agency_id: str, session_id: str) -> ColumnElement[bool]:
    return and_(signing_session.c.agency_id == agency_id, signing_session.c.id == session_id)
