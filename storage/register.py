"""The register's first write: accepting a document, in one transaction.

What a document is (type, number, code, dates, fields, signers) is fixed here for good. How it
moves on is in `storage.steps`, how its status changes after issue in `storage.status`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    and_,
    bindparam,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from storage import audit, code, compare
from storage.confidential import Vault
from storage.database import database_time, reading, transaction
from storage.limits import check_limits, check_predecessor
from storage.new_document import Accepted, NewDocument
from storage.tables import (
    document,
    document_content,
    document_file,
    document_relation,
    now_ms,
    outbox,
    public_record,
    recipient,
    request,
    series,
    signature,
)
from storage.units import Unit
from storage.vocabulary import Conflict, DocumentState, InvalidRequest

# Built once: building a statement costs more than running it. For the same reason values go beside an
# insert, not into it.
_EARLIER = (
    select(request.c.request_sha256, document.c.id, document.c.number, document.c.code, document.c.url)
    .join(document, and_(document.c.agency_id == request.c.agency_id, document.c.id == request.c.document_id))
    .where(
        request.c.agency_id == bindparam("of_agency"),
        request.c.client == bindparam("of_client"),
        request.c.idempotency_key == bindparam("of_key"),
    )
)
_TAKE_NUMBER = (
    update(series)
    .where(series.c.agency_id == bindparam("of_agency"), series.c.name == bindparam("of_name"))
    .values(next=series.c.next + 1)
    .returning(series.c.next - 1)
)
_ADD_NOTICE = insert(outbox).values(created_at=now_ms())
_ADD_FILE = insert(document_file)


class Register:
    """The writing side of the register. Every method takes the agency whose document it is."""

    def __init__(self, engine: Engine, vault: Vault) -> None:
        self.engine = engine
        self.vault = vault

    def earlier_request(
        self, agency_id: str, client: str, idempotency_key: str, request_sha256: str
    ) -> Accepted | None:
        """The answer that this key got before; None when it is new.

        Raises:
            Conflict: the key was used for another request.
        """
        with reading(self.engine) as connection:
            return earlier_request(connection, agency_id, client, idempotency_key, request_sha256)

    def accept(
        self,
        agency: Unit,
        regency: Unit,
        client: str,
        idempotency_key: str,
        request_sha256: str,
        new: NewDocument,
    ) -> Accepted:
        """Record a validated document and give it its number: the one transaction of step 1.

        Raises:
            Conflict: the idempotency key belongs to another request, or the holder may not have
                another document of this family. Nothing is recorded and no number consumed.
            InvalidRequest: a doubtful ordinal that no officer confirmed; the same holds.
        """
        # Slow on purpose, so not while everybody else waits for the write lock.
        name = compare.digest_name(new.holder_name)
        try:
            with transaction(self.engine) as connection:
                earlier = earlier_request(connection, agency.id, client, idempotency_key, request_sha256)
                return earlier or self._insert(
                    connection, agency, regency, client, idempotency_key, request_sha256, new, name
                )
        except (IntegrityError, Conflict, InvalidRequest):
            # The same key, at the same moment, committed before us: its answer is ours. Without a look
            # at the key, its document would count as another one of the same holder.
            earlier = self.earlier_request(agency.id, client, idempotency_key, request_sha256)
            if earlier is None:
                raise
            return earlier

    def _insert(
        self,
        connection: Connection,
        agency: Unit,
        regency: Unit,
        client: str,
        idempotency_key: str,
        request_sha256: str,
        new: NewDocument,
        name: tuple[bytes, bytes],
    ) -> Accepted:
        document_id = str(uuid.uuid4())
        holder = self.vault.keyed_hash(connection, agency.id, "holder", *new.holder)
        place = self.vault.keyed_hash(connection, agency.id, "place", *new.holder, *new.place)
        if new.predecessor is not None:
            check_predecessor(connection, agency.id, new.predecessor.document_id, new.type, holder)

        def read_fields(other_id: str, stored: bytes) -> Mapping[str, Any]:
            fields: Mapping[str, Any] = self.vault.decrypt(connection, agency.id, other_id, stored)
            return fields

        check_limits(connection, agency.id, new, holder, place, read_fields)
        sequence = take_number(connection, agency.id, new.series)
        now = database_time(connection)
        accepted = Accepted(document_id, new.number(sequence), code.draw(), "")
        accepted = Accepted(accepted.id, accepted.number, accepted.code, new.url(accepted.code))
        connection.execute(
            insert(document),
            {
                "agency_id": agency.id,
                "id": document_id,
                "type": new.type,
                "family": new.family,
                "template_hash": new.template_hash,
                "series": new.series,
                "sequence": sequence,
                "number": accepted.number,
                "code": accepted.code,
                "url": accepted.url,
                "zone": agency.zone,
                "issued_on": new.issued_on,
                "valid_from": new.valid_from,
                "valid_until": new.valid_until,
                "specimen": new.specimen,
                "needs_approval": new.needs_approval,
                "retain_until": new.retain_until,
                "level": new.level,
                "outage": new.outage,
                "state": DocumentState.ALLOCATED,
                "slot": 1,
                "slots": len(new.slots),
                "fence": 0,
                "lease_until": 0,
                "attempts": 0,
                "next_attempt_at": 0,
                "created_at": now,
            },
        )
        connection.execute(
            insert(document_content),
            {
                "agency_id": agency.id,
                "document_id": document_id,
                "fields": self.vault.encrypt(connection, agency.id, document_id, dict(new.fields)),
                "overrides": self.vault.encrypt(
                    connection, agency.id, document_id, [override.__dict__ for override in new.overrides]
                ),
                "holder_digest": holder,
                "place_digest": place,
            },
        )
        for ordinal, slot in enumerate(new.slots, start=1):
            connection.execute(
                insert(signature),
                {
                    "agency_id": agency.id,
                    "document_id": document_id,
                    "ordinal": ordinal,
                    "role": slot.role,
                    "kind": slot.kind,
                    "officer_id": slot.officer.id,
                    "key_id": slot.officer.key_id,
                },
            )
        if new.recipient is not None:
            address = self.vault.encrypt(connection, agency.id, document_id, new.recipient)
            connection.execute(
                insert(recipient), {"agency_id": agency.id, "document_id": document_id, "address": address}
            )
        if new.predecessor is not None:
            note = self.vault.encrypt(connection, agency.id, document_id, new.predecessor.note)
            connection.execute(
                insert(document_relation),
                {
                    "agency_id": agency.id,
                    "document_id": document_id,
                    "kind": "supersedes",
                    "other_id": new.predecessor.document_id,
                    "reason_class": new.predecessor.reason_class,
                    "note": note,
                    "officer_id": new.predecessor.officer_id,
                },
            )
        salt, name_digest = name
        connection.execute(
            insert(public_record),
            {
                "code": accepted.code,
                "agency_id": agency.id,
                "document_id": document_id,
                "type": new.type,
                "type_label_id": new.type_label["id"],
                "type_label_en": new.type_label["en"],
                "number": accepted.number,
                "masked_name": compare.masked_name(new.holder_name),
                "issued_on": new.issued_on,
                "valid_from": new.valid_from,
                "valid_until": new.valid_until,
                "zone": agency.zone,
                "agency_name": agency.name,
                "regency_name": regency.name,
                "phone": agency.phone,
                "email": agency.email,
                "website": agency.website,
                "signatory": new.slots[-1].officer.office,
                "issued": False,
                "name_salt": salt,
                "name_digest": name_digest,
                "specimen": new.specimen,
            },
        )
        audit.record(
            connection,
            agency.id,
            client,
            "document.accepted",
            document_id,
            at=now,
            series=new.series,
            n=sequence,
        )
        add_to_outbox(connection, agency.id, document_id, "document.accepted")
        record_request(connection, agency.id, client, idempotency_key, request_sha256, document_id, now)
        return accepted


def record_request(
    connection: Connection,
    agency_id: str,
    client: str,
    idempotency_key: str,
    request_sha256: str,
    document_id: str,
    now: int,
) -> None:
    """Tie a client's key to its request and the document that came of it, for good."""
    connection.execute(
        insert(request),
        {
            "agency_id": agency_id,
            "client": client,
            "idempotency_key": idempotency_key,
            "request_sha256": request_sha256,
            "document_id": document_id,
            "created_at": now,
        },
    )


def add_to_outbox(connection: Connection, agency_id: str, document_id: str, kind: str) -> None:
    """Announce ``kind`` about a document once this transaction commits: ids only, nothing personal."""
    connection.execute(
        _ADD_NOTICE,
        {"id": str(uuid.uuid4()), "agency_id": agency_id, "document_id": document_id, "kind": kind},
    )


def add_file(
    connection: Connection,
    agency_id: str,
    document_id: str,
    *,
    code: str,
    sha256: str,
    byte_range_digest: str,
    level: str,
    reason: str,
    size: int,
    at: int,
) -> None:
    """The document has this file from ``at`` on (milliseconds since 1970): its code and its hash find it.

    ``byte_range_digest`` is the SHA-256 of what its last signature covers, empty without one.
    """
    connection.execute(
        _ADD_FILE,
        {
            "agency_id": agency_id, "document_id": document_id, "code": code, "sha256": sha256,
            "byte_range_digest": byte_range_digest, "level": level, "reason": reason, "size": size, "at": at,
        },
    )  # fmt: skip


def earlier_request(
    connection: Connection, agency_id: str, client: str, idempotency_key: str, request_sha256: str
) -> Accepted | None:
    """As `Register.earlier_request`, within a transaction."""
    row = connection.execute(
        _EARLIER, {"of_agency": agency_id, "of_client": client, "of_key": idempotency_key}
    ).first()
    if row is None:
        return None
    if row.request_sha256 != request_sha256:
        raise Conflict(
            "This Idempotency-Key was used for another request, whose result stands. Use a new key.",
            code="IDEMPOTENCY_KEY_REUSED",
        )
    return Accepted(row.id, row.number, row.code, row.url)


def take_number(connection: Connection, agency_id: str, name: str) -> int:
    """Take the next number; it is given back if the transaction rolls back."""
    number = connection.scalar(_TAKE_NUMBER, {"of_agency": agency_id, "of_name": name})
    if number is None:
        # Two first requests of a year: one inserts, the other finds the row after its own conflict.
        connection.execute(
            text(
                "INSERT INTO series (agency_id, name, next) VALUES (:agency_id, :name, 1)"
                " ON CONFLICT (agency_id, name) DO NOTHING"
            ),
            {"agency_id": agency_id, "name": name},
        )
        number = connection.scalar(_TAKE_NUMBER, {"of_agency": agency_id, "of_name": name})
        assert number is not None  # noqa: S101 - the row is there now, whoever made it
    return int(number)
