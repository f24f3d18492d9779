"""What every test of faults looks at in the end: the register's rows, and that a document was issued once."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import RowMapping, Table, select, update

from storage import audit, tables
from storage.archive import final_key
from storage.database import transaction
from storage.reconcile import discrepancies
from tests.office import Office


def rows(office: Office, table: Table) -> list[RowMapping]:
    with transaction(office.desk.register.engine) as connection:
        return list(connection.execute(select(table)).mappings().all())


def let_time_pass(office: Office) -> None:
    """As after the longest lease and the longest pause between two attempts."""
    with transaction(office.desk.register.engine) as connection:
        connection.execute(update(tables.document).values(lease_until=0, next_attempt_at=0))


def check_consistency(office: Office) -> None:
    """The audit chain holds, and numbers, intentions, signatures and archive agree."""
    with transaction(office.desk.register.engine) as connection:
        while audit.chain(connection):
            pass
        assert [*audit.verify_chain(connection), *discrepancies(connection, office.workshop.archive)] == []


def check_issued_once(office: Office, accepted: dict[str, Any]) -> None:
    """One document, one number, one hash; every signature intended; nothing half done."""
    [document] = rows(office, tables.document)
    assert (document["state"], document["number"]) == ("ISSUED", accepted["number"])
    [file] = rows(office, tables.document_file)
    stored = office.workshop.archive.read(final_key(document["agency_id"], file["sha256"]))
    assert hashlib.sha256(stored).hexdigest() == file["sha256"] == document["final_sha256"]
    finals = list((office.settings.data / "archive").glob("*/final/*/*.pdf"))
    assert [path.stem for path in finals] == [file["sha256"]]
    assert [event["kind"] for event in rows(office, tables.status_event)] == ["issued"]
    [signature] = rows(office, tables.signature)
    assert {intent["digest"] for intent in rows(office, tables.signature_intent)} == {signature["digest"]}
    notices = {path.stem for path in (office.settings.data / "spool").glob("*.json")}
    assert notices == {row["id"] for row in rows(office, tables.outbox)}
    assert all(row["sent_at"] for row in rows(office, tables.outbox))
    check_consistency(office)
