"""A document that was made elsewhere, as a row of the register: in custody, or signed here and registered.

It has its maker's number. A running number of the agency's own (series ``custody/YEAR`` or ``upload/YEAR``)
shows that none is missing.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

from sqlalchemy import Connection, insert

from storage import code, compare
from storage.confidential import Vault
from storage.database import database_time
from storage.records import day_in
from storage.register import take_number
from storage.tables import document, document_content, public_record
from storage.units import Unit
from storage.vocabulary import DocumentState

Mode = Literal["custody", "upload"]


@dataclass(frozen=True)
class ForeignDocument:
    """What is said of it. ``origin`` is who issued it, None where that is the agency itself."""

    origin: str | None
    type: str
    number: str
    holder_name: str
    issued_on: date
    valid_from: date
    valid_until: date | None
    retain_until: date
    level: str
    signatory: str


@dataclass(frozen=True)
class Entry:
    """Its place in the register; ``at`` is the database's time in milliseconds."""

    document_id: str
    code: str
    url: str
    series: str
    sequence: int
    at: int
    today: date


def draw_entry(connection: Connection, agency: Unit, mode: Mode, url: str | None = None) -> Entry:
    """The next running number, an id and a code; ``url`` is what stands before the code in an address."""
    today = day_in(agency.zone, datetime.now(UTC))
    series = f"{mode}/{today.year}"
    own_code = code.draw()
    return Entry(
        document_id=str(uuid.uuid4()),
        code=own_code,
        url="" if url is None else url + own_code,
        series=series,
        sequence=take_number(connection, agency.id, series),
        at=database_time(connection),
        today=today,
    )


def add_foreign(
    connection: Connection,
    vault: Vault,
    agency: Unit,
    regency: Unit,
    mode: Mode,
    entry: Entry,
    new: ForeignDocument,
    name: tuple[bytes, bytes],
    kept_as: str | None = None,
    **values: Any,
) -> None:
    """Insert its rows; ``name`` is `compare.digest_name` of the holder's, ``values`` say where it stands.

    One that is handed in is ISSUED with them, and ``kept_as`` is the verdict on it; one that is to be signed
    is neither yet.
    """
    issued = values.get("state") == DocumentState.ISSUED
    salt, name_digest = name
    holder = vault.keyed_hash(connection, agency.id, mode, new.origin or "", new.number)
    connection.execute(
        insert(document),
        {
            "agency_id": agency.id, "id": entry.document_id, "type": mode, "family": mode,
            "template_hash": "", "series": entry.series, "sequence": entry.sequence, "number": new.number,
            "code": entry.code, "url": entry.url, "zone": agency.zone, "issued_on": new.issued_on,
            "valid_from": new.valid_from, "valid_until": new.valid_until, "specimen": False,
            "needs_approval": False, "retain_until": new.retain_until, "mode": mode, "slot": 0, "slots": 0,
            "level": new.level, "fence": 0, "lease_until": 0, "attempts": 0, "next_attempt_at": 0,
            "created_at": entry.at, **values,
        },
    )  # fmt: skip
    connection.execute(
        insert(document_content),
        {
            "agency_id": agency.id, "document_id": entry.document_id,
            "fields": vault.encrypt(connection, agency.id, entry.document_id, {"nama": new.holder_name}),
            "holder_digest": holder, "place_digest": holder,
        },
    )  # fmt: skip
    connection.execute(
        insert(public_record),
        {
            "code": entry.code, "agency_id": agency.id, "document_id": entry.document_id, "type": mode,
            "type_label_id": new.type, "type_label_en": new.type, "number": new.number,
            "masked_name": compare.masked_name(new.holder_name), "issued_on": new.issued_on,
            "valid_from": new.valid_from, "valid_until": new.valid_until, "zone": agency.zone,
            "agency_name": agency.name, "regency_name": regency.name, "phone": agency.phone,
            "email": agency.email, "website": agency.website, "signatory": new.signatory, "issued": issued,
            "name_salt": salt, "name_digest": name_digest, "specimen": False, "origin": new.origin,
            "kept_since": kept_as and entry.today, "kept_as": kept_as,
        },
    )  # fmt: skip
