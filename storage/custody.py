"""Documents of other issuers that an agency keeps and delivers: written once, in one transaction.

They stand in the register like documents of ours, under their issuer's number, and are ISSUED from the
beginning: there is nothing to sign. A running number of the agency's own (series ``custody/YEAR``) shows that
none is missing. The file lies in the archive before anything is written here.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from storage import audit, code, compare, status
from storage.database import database_time, transaction
from storage.new_document import Accepted
from storage.records import day_in
from storage.register import Register, add_to_outbox, earlier_request, record_request, take_number
from storage.tables import custody, document, document_content, document_file, public_record
from storage.units import Unit
from storage.vocabulary import Conflict, DocumentState, NotFound

MODE = "custody"


@dataclass(frozen=True)
class NewCustody:
    """A file that was handed in, and what was found.

    ``origin`` is who issued it, ``type`` what they call it, ``number`` theirs. ``verdict`` is one of
    `storage.vocabulary.Verdict`, ``findings`` are codes, ``signatures`` as the check told them. ``digest`` is
    the SHA-256 of what the last signature covers, empty without one. ``reason`` is why an officer took it
    although nobody whom we trust vouches for it.
    """

    origin: str
    type: str
    number: str
    holder_name: str
    issued_on: date
    valid_from: date
    valid_until: date | None
    retain_until: date
    sha256: str
    size: int
    digest: str
    level: str
    verdict: str
    findings: Sequence[str]
    signatures: Sequence[Mapping[str, Any]]
    reason: str | None
    officer_id: str | None
    signatory: str


@dataclass(frozen=True)
class Kept:
    """A document in custody as its agency sees it."""

    id: str
    type: str
    number: str
    origin: str
    sha256: str
    size: int
    kept_since: date
    issued_on: date
    valid_until: date | None
    verdict: str
    findings: tuple[str, ...]
    signatures: tuple[Mapping[str, Any], ...]


def receive(
    register: Register,
    agency: Unit,
    regency: Unit,
    client: str,
    idempotency_key: str,
    request_sha256: str,
    new: NewCustody,
) -> str:
    """Record a file that lies in the archive; returns the document's id, the same for a repetition.

    Raises:
        Conflict: the key belongs to another request, the agency keeps this file already, or it is one of
        ours.
    """
    name = compare.digest_name(new.holder_name)
    values = (agency.id, client, idempotency_key, request_sha256)
    try:
        with transaction(register.engine) as connection:
            earlier = earlier_request(connection, *values)
            if earlier is not None:
                return earlier.id
            _refuse_known(connection, agency.id, new.sha256)
            return _insert(connection, register, agency, regency, values, new, name)
    except (IntegrityError, Conflict) as problem:
        # The same key, at the same moment, committed before us: its answer is ours.
        known: Accepted | None = register.earlier_request(*values)
        if known is not None:
            return known.id
        if isinstance(problem, Conflict):
            raise
        raise Conflict("This agency keeps this file already.", code="ALREADY_KEPT") from problem


def read_kept(register: Register, agency_id: str, document_id: str) -> Kept:
    """What the agency keeps under that id.

    Raises:
        NotFound: nothing.
    """
    query = (
        select(
            document,
            custody,
            public_record.c.origin,
            public_record.c.kept_since,
            public_record.c.type_label_id,
        )
        .join(
            custody, (custody.c.agency_id == document.c.agency_id) & (custody.c.document_id == document.c.id)
        )
        .join(public_record, public_record.c.code == document.c.code)
        .where(document.c.agency_id == agency_id, document.c.id == document_id)
    )
    with transaction(register.engine) as connection:
        row = connection.execute(query).mappings().first()
        if row is None:
            raise NotFound("This agency keeps no such document.", code="DOCUMENT_NOT_FOUND")
        signatures = register.vault.decrypt(connection, agency_id, document_id, row["signatures"])
    return Kept(
        id=document_id,
        type=row["type_label_id"],
        number=row["number"],
        origin=row["origin"],
        sha256=row["final_sha256"],
        size=row["final_size"],
        kept_since=row["kept_since"],
        issued_on=row["issued_on"],
        valid_until=row["valid_until"],
        verdict=row["verdict"],
        findings=tuple(json.loads(row["findings"])),
        signatures=tuple(signatures),
    )


def _refuse_known(connection: Connection, agency_id: str, sha256: str) -> None:
    query = (
        select(document_file.c.agency_id, document_file.c.document_id, public_record.c.kept_since)
        .join(public_record, public_record.c.code == document_file.c.code)
        .where(document_file.c.sha256 == sha256)
    )
    for row in connection.execute(query).all():
        if row.kept_since is None:
            raise Conflict(
                "This file is a document that was issued here; it needs no custody.", code="ISSUED_HERE"
            )
        if row.agency_id == agency_id:
            raise Conflict(f"This agency keeps this file already: {row.document_id}.", code="ALREADY_KEPT")


def _insert(
    connection: Connection,
    register: Register,
    agency: Unit,
    regency: Unit,
    request: tuple[str, str, str, str],
    new: NewCustody,
    name: tuple[bytes, bytes],
) -> str:
    document_id, vault = str(uuid.uuid4()), register.vault
    now = database_time(connection)
    today = day_in(agency.zone, datetime.now(UTC))
    series = f"{MODE}/{today.year}"
    sequence = take_number(connection, agency.id, series)
    # Nobody is told this code: the register's rows are tied together by it.
    own_code = code.draw()
    salt, name_digest = name
    holder = vault.keyed_hash(connection, agency.id, MODE, new.origin, new.number)
    connection.execute(
        insert(document),
        {
            "agency_id": agency.id, "id": document_id, "type": MODE, "family": MODE, "template_hash": "",
            "series": series, "sequence": sequence, "number": new.number, "code": own_code, "url": "",
            "zone": agency.zone, "issued_on": new.issued_on, "valid_from": new.valid_from,
            "valid_until": new.valid_until, "specimen": False, "needs_approval": False,
            "retain_until": new.retain_until, "mode": MODE, "state": DocumentState.ISSUED, "slot": 0,
            "slots": 0, "final_sha256": new.sha256, "final_size": new.size, "final_level": new.level,
            "level": new.level, "fence": 0, "lease_until": 0, "attempts": 0, "next_attempt_at": 0,
            "created_at": now, "issued_at": now,
        },
    )  # fmt: skip
    connection.execute(
        insert(document_content),
        {
            "agency_id": agency.id, "document_id": document_id,
            "fields": vault.encrypt(connection, agency.id, document_id, {"nama": new.holder_name}),
            "holder_digest": holder, "place_digest": holder,
        },
    )  # fmt: skip
    connection.execute(
        insert(custody),
        {
            "agency_id": agency.id, "document_id": document_id, "sha256": new.sha256, "verdict": new.verdict,
            "findings": json.dumps(list(new.findings)),
            "signatures": vault.encrypt(connection, agency.id, document_id, list(new.signatures)),
            "reason": (
                vault.encrypt(connection, agency.id, document_id, new.reason) if new.reason else None
            ),
        },
    )  # fmt: skip
    connection.execute(
        insert(public_record),
        {
            "code": own_code, "agency_id": agency.id, "document_id": document_id, "type": MODE,
            "type_label_id": new.type, "type_label_en": new.type, "number": new.number,
            "masked_name": compare.masked_name(new.holder_name), "issued_on": new.issued_on,
            "valid_from": new.valid_from, "valid_until": new.valid_until, "zone": agency.zone,
            "agency_name": agency.name, "regency_name": regency.name, "phone": agency.phone,
            "email": agency.email, "website": agency.website, "signatory": new.signatory, "issued": True,
            "name_salt": salt, "name_digest": name_digest, "specimen": False, "origin": new.origin,
            "kept_since": today, "kept_as": new.verdict,
        },
    )  # fmt: skip
    connection.execute(
        insert(document_file),
        {
            "agency_id": agency.id, "document_id": document_id, "sha256": new.sha256, "code": own_code,
            "byte_range_digest": new.digest, "level": new.level, "reason": "received", "size": new.size,
            "at": now,
        },
    )  # fmt: skip
    status.add_event(connection, agency.id, document_id, "received", today, officer_id=new.officer_id)
    audit.record(
        connection, agency.id, request[1], "custody.received", document_id,
        at=now, sha256=new.sha256, verdict=new.verdict, series=series, n=sequence,
    )  # fmt: skip
    add_to_outbox(connection, agency.id, document_id, "custody.received")
    record_request(connection, *request, document_id, now)
    return document_id
