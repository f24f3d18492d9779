"""Reading the public record: the only part of the register that the verifier can see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, RowMapping, bindparam, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from storage.database import check_version, open_database_to_read, sqlite_url
from storage.records import Issuer, PublicRecord
from storage.tables import document_file, public_record
from storage.vocabulary import Unavailable

# Built once: compiling a statement costs more than running it.
_BY_CODE = select(public_record).where(public_record.c.code == bindparam("value"))
_BY_SHA256 = (
    select(public_record)
    .join(document_file, document_file.c.code == public_record.c.code)
    .where(document_file.c.sha256 == bindparam("value"))
)
_BY_BYTE_RANGE_DIGEST = (
    select(public_record)
    .join(document_file, document_file.c.code == public_record.c.code)
    .where(document_file.c.byte_range_digest == bindparam("value"))
    .limit(1)
)


class Lookup:
    """Finds public records. Every method raises `Unavailable` when the database does not answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def by_code(self, code: str) -> PublicRecord | None:
        """The record of a bare verification code."""
        return self._one(_BY_CODE, code)

    def by_sha256(self, sha256: str) -> PublicRecord | None:
        """The record of the document that is this file, byte for byte."""
        return self._one(_BY_SHA256, sha256)

    def by_byte_range_digest(self, digest: str) -> PublicRecord | None:
        """The record of the document whose last signature covers exactly these bytes."""
        return self._one(_BY_BYTE_RANGE_DIGEST, digest)

    def ping(self) -> None:
        """Raise `Unavailable` unless the register answers."""
        self._one(_BY_CODE, "")

    def _one(self, statement: Any, value: str) -> PublicRecord | None:
        try:
            with self._engine.connect() as connection:
                row = connection.execute(statement, {"value": value}).mappings().first()
        except (DBAPIError, NoFreeConnection) as error:
            raise Unavailable("The register does not answer.", code="REGISTER_UNAVAILABLE") from error
        return record_from_row(row) if row is not None else None


def open_lookup(data: Path) -> Lookup | None:
    """The register in a data folder, read-only; None where the folder has none.

    Raises:
        Misconfigured: it is the register of another version, in which this program could misread a status.
    """
    file = data / "register.db"
    if not file.exists():
        return None
    engine = open_database_to_read(sqlite_url(file))
    check_version(engine)
    return Lookup(engine)


def record_from_row(row: RowMapping) -> PublicRecord:
    """A row of ``public_record`` as a value."""
    values = {
        name: row[name]
        for name in (
            "code", "type", "type_label_id", "type_label_en", "number", "masked_name", "issued_on",
            "valid_from", "valid_until", "zone", "signatory", "issued", "annulled_on", "revoked_from",
            "suspended_since", "superseded_on", "successor_number", "reason_class", "name_salt",
            "name_digest", "specimen", "origin", "kept_since", "kept_as",
        )
    }  # fmt: skip
    issuer = Issuer(
        agency=row["agency_name"],
        regency=row["regency_name"],
        phone=row["phone"],
        email=row["email"],
        website=row["website"],
    )
    return PublicRecord(issuer=issuer, **values)
