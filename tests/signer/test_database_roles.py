"""The worker and the agencies' side as members of the role that the migrations make for them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from storage import alarms, signing_keys, tables
from storage.database import transaction
from storage.signing_keys import EVERY_TYPE, Permission
from tests.conftest import new_database
from tests.office import Office, make_office, open_office

AGENCY = "dpmptsp-contoh"
# What was recorded stays as it is.
_NEVER_CHANGED = {"document_file", "status_event", "signature_intent", "approval", "custody"}
_FORGOTTEN = {"worker_key", "alarm"}


@pytest.fixture
def office(postgresql_url: str, tmp_path: Path) -> Iterator[Office]:
    """One whose programs log in as a member of ``absah_signer``, which owns nothing."""
    with new_database(postgresql_url) as url:
        made = make_office(tmp_path / "data", database_url=url)
        with made.desk.register.engine.begin() as connection:
            connection.execute(
                text(
                    "DO $$ BEGIN CREATE ROLE issuing_side LOGIN IN ROLE absah_signer;"
                    " EXCEPTION WHEN duplicate_object THEN NULL; END $$"
                )
            )
        made.desk.register.engine.dispose()
        made.workshop.register.engine.dispose()
        settings = made.settings.model_copy(update={"database_url": url.replace("absah@", "issuing_side@")})
        opened = open_office(settings, made.keys)
        yield opened
        opened.desk.register.engine.dispose()
        opened.workshop.register.engine.dispose()


def test_the_issuing_side_may_use_every_table_and_forget_little(office: Office) -> None:
    kinds = ("SELECT", "INSERT", "UPDATE", "DELETE")
    with office.desk.register.engine.connect() as connection:
        given = {
            name: {
                kind
                for kind in kinds
                if connection.scalar(
                    text("SELECT has_table_privilege('absah_signer', :name, :kind)"),
                    {"name": name, "kind": kind},
                )
            }
            for name in tables.metadata.tables
        }
    expected = {
        name: {"SELECT", "INSERT"}
        | (set() if name in _NEVER_CHANGED else {"UPDATE"})
        | ({"DELETE"} if name in _FORGOTTEN else set())
        for name in tables.metadata.tables
    }
    assert given == expected


def test_documents_are_issued_and_keys_managed_with_that_role(office: Office) -> None:
    engine = office.workshop.register.engine
    key_id = f"kepala-{AGENCY}"
    today = datetime.now(UTC).date()
    signing_keys.permit(engine, key_id, [Permission(AGENCY, EVERY_TYPE, today, None)])
    office.issue()
    alarms.sound(engine, alarms.PROVIDER, key_id, "KEY_ANSWER")
    assert alarms.clear(engine, alarms.PROVIDER) == 1
    with transaction(engine) as connection:
        assert connection.scalar(text("SELECT current_user")) == "issuing_side"
