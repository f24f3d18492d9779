"""``absah renew`` and ``absah alarms`` as an operator calls them."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import update

from storage import alarms, tables
from storage.database import transaction
from tests.command_line import absah
from tests.faults.checking import rows
from tests.office import Office, make_office


def office_with(tmp_path: Path, documents: int) -> Office:
    office = make_office(tmp_path / "data")
    for serial in range(1, documents + 1):
        office.issue(office.sample(serial=serial), key=str(serial))
    return office


def test_what_is_due_is_renewed_by_several_processes_once_each(tmp_path: Path) -> None:
    office = office_with(tmp_path, 6)
    data = office.settings.data
    planned = absah(data, "renew", "--dry-run").stdout
    assert "time-stamp renewed" in planned
    assert " 6  " in planned
    assert absah(data, "renew", "--jobs", "2").stdout == "extended  0\n"
    with transaction(office.workshop.register.engine) as connection:
        connection.execute(update(tables.document).values(extend_at=1))
    assert "due" in absah(data, "renew", "--dry-run").stdout
    assert absah(data, "renew", "--jobs", "2").stdout == "extended  6\n"
    reasons = [each["reason"] for each in rows(office, tables.document_file)]
    assert (reasons.count("issued"), reasons.count("renewed")) == (6, 6)
    assert absah(data, "renew").stdout == "extended  0\n"
    # Ahead of time, before the authority changes: each once, though it is due again before that day.
    assert absah(data, "renew", "--until", "2099-12-31", "--jobs", "1").stdout == "extended  6\n"


def test_what_cannot_be_renewed_is_told(tmp_path: Path) -> None:
    office = office_with(tmp_path, 1)
    data = office.settings.data
    with transaction(office.workshop.register.engine) as connection:
        connection.execute(update(tables.document).values(extend_at=1))
    [file] = (data / "archive").rglob("final/**/*.pdf")
    file.chmod(0o600)
    file.write_bytes(b"%PDF-1.7 anything else")
    run = absah(data, "renew", "--jobs", "1", code=1)
    assert run.stdout.startswith("extended  0\nfailed    1;")
    assert "ARCHIVE_CORRUPT" in run.stderr
    assert absah(data, "renew", "--jobs", "1").stdout == "extended  0\n", "it is tried again in an hour"


def test_alarms_are_listed_and_taken_back(tmp_path: Path) -> None:
    office = office_with(tmp_path, 0)
    data, engine = office.settings.data, office.workshop.register.engine
    assert absah(data, "alarms").stdout == "No alarm stands.\n"
    alarms.sound(engine, alarms.PROVIDER, "kunci", "PROVIDER_ALTERED")
    assert "provider  kunci  PROVIDER_ALTERED" in absah(data, "alarms").stdout
    wrong = absah(data, "alarms", "--clear", "clock", code=1).stderr
    assert "standing: provider" in wrong
    assert absah(data, "alarms", "--clear", "provider").stdout.startswith("Taken back: 1.")
