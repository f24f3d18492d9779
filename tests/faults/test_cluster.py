"""PostgreSQL and S3 instead of files: the whole path, several processes at once, and the database away."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import create_engine, select, text, update
from sqlalchemy.engine import make_url

from signer.requests import IssueRequest
from storage import audit, queue, status, steps, tables
from storage.api_keys import SCOPES, Client
from storage.database import transaction
from storage.status import Change
from storage.vocabulary import AbsahError, ReasonClass
from tests.faults.checking import check_consistency, let_time_pass, rows
from tests.faults.processes import PROCESSES, end_of
from tests.faults.worker import request_many, work_and_sweep
from tests.office import Office

DOCUMENTS = "/api/v1/documents"
AGENCY = "dpmptsp-contoh"


def test_a_document_from_request_to_revocation(large_office: Office) -> None:
    office, agency = large_office, "bakesbangpol-contoh"
    accepted = office.request(office.sample("surat-keterangan-penelitian"), agency)
    path = f"{DOCUMENTS}/{accepted['id']}"
    office.work()
    state = office.state(accepted["id"], agency)
    seen = office.get(f"{path}/prepared", agency).content
    assert hashlib.sha256(seen).hexdigest() == state["prepared_sha256"]
    assert office.post(f"{path}/approve", {"digest": state["prepared_sha256"]}, agency).status_code == 200
    office.work()
    state = office.state(accepted["id"], agency)
    assert (state["state"], state["status"]) == ("ISSUED", "in_force")
    pdf = office.get(f"{path}/pdf", agency).content
    assert hashlib.sha256(pdf).hexdigest() == state["sha256"]
    assert not (office.settings.data / "archive").exists()
    change = {"reason": "registration_revoked", "note": "x"}
    assert office.post(f"{path}/revoke", change, agency).json()["status"] == "revoked"
    check_consistency(office)


def test_an_id_that_no_database_can_hold_is_not_found(large_office: Office) -> None:
    for method, action in (("get", ""), ("get", "/pdf"), ("post", "/revoke")):
        call = (
            large_office.get if method == "get" else lambda path: large_office.post(path, {"reason": "other"})
        )
        answer = call(f"{DOCUMENTS}/%00{action}")
        assert (answer.status_code, answer.json()["code"]) == (404, "DOCUMENT_NOT_FOUND")


def test_several_web_processes_and_workers_at_once(large_office: Office) -> None:
    """Each request reaches two web processes, as after a retry; three workers take what they find."""
    office = large_office
    client = Client("api", AGENCY, None, frozenset(SCOPES))
    bodies = [
        (f"key-{n}", IssueRequest(type="sip-dokter", fields=office.sample(serial=n + 1)["fields"]))
        for n in range(24)
    ]
    halves = [bodies[:16], bodies[8:], bodies[12:] + bodies[:4]]
    web = [PROCESSES.Process(target=request_many, args=(office.settings, client, half)) for half in halves]
    [process.start() for process in web]
    assert [end_of(process) for process in web] == [0, 0, 0]
    workers = [PROCESSES.Process(target=work_and_sweep, args=(office.settings,)) for _ in range(3)]
    [process.start() for process in workers]
    assert [end_of(process) for process in workers] == [0, 0, 0]

    documents = rows(office, tables.document)
    assert sorted(each["sequence"] for each in documents) == list(range(1, 25))
    assert {each["state"] for each in documents} == {"ISSUED"}
    assert len({each["final_sha256"] for each in documents}) == 24
    assert Counter(each["kind"] for each in rows(office, tables.status_event)) == {"issued": 24}
    assert len(rows(office, tables.signature_intent)) == 24, "a key was used twice for one document"
    notices = {path.stem for path in (office.settings.data / "spool").glob("*.json")}
    assert notices == {row["id"] for row in rows(office, tables.outbox)}
    check_consistency(office)


def test_two_sequencers_do_not_chain_the_same_rows(large_office: Office) -> None:
    engine = large_office.desk.register.engine
    with transaction(engine) as first, transaction(engine) as second:
        assert audit.chain(first) > 0
        assert audit.chain(second) == 0
    check_consistency(large_office)


def test_two_officers_who_approve_at_once_are_one_approval(large_office: Office) -> None:
    office, agency = large_office, "bakesbangpol-contoh"
    accepted = office.request(office.sample("surat-keterangan-penelitian"), agency)
    office.work()
    digest = office.state(accepted["id"], agency)["prepared_sha256"]
    path = f"{DOCUMENTS}/{accepted['id']}/approve"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: office.post(path, {"digest": digest}, agency), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(rows(office, tables.approval)) == 1


def test_annulling_while_the_worker_issues_does_not_unmake_the_issue(large_office: Office) -> None:
    """Whoever comes second sees what the first did: issued and then annulled, never voided after it."""
    office, register = large_office, large_office.desk.register
    accepted = office.request()
    held = queue.claim(register, AGENCY, accepted["id"])
    assert held is not None
    with transaction(register.engine) as connection:
        connection.execute(
            update(tables.document).values(state="STORED", final_sha256="a" * 64, final_size=1)
        )
        connection.execute(update(tables.document).values(final_level="PAdES-B-T"))
        connection.execute(update(tables.signature).values(digest="b" * 64))
    change = Change(ReasonClass.ISSUED_IN_ERROR, "x", "kepala-dpmptsp-contoh")
    failures: list[AbsahError] = []

    def annul() -> None:
        try:
            status.annul(register, AGENCY, accepted["id"], change)
        except AbsahError as error:
            failures.append(error)

    thread = threading.Thread(target=annul)
    original = steps.add_to_outbox

    def slow(connection, *more) -> None:
        # The last write of the issuing transaction: the officer's begins before its commit.
        thread.start()
        thread.join(1)
        original(connection, *more)

    steps.add_to_outbox = slow
    try:
        steps.record_issue(register, held.at(held.state.STORED))
    finally:
        steps.add_to_outbox = original
    thread.join(30)
    assert failures == []
    [document] = rows(office, tables.document)
    assert document["state"] == "ISSUED"
    state = office.state(accepted["id"])
    assert (state["status"], [event["kind"] for event in state["events"]]) == (
        "annulled",
        ["issued", "annulled"],
    )


@contextmanager
def closed(url: str) -> Iterator[None]:
    """The database refuses everybody, as during a failover."""
    parts = make_url(url)
    name = parts.database
    administrator = create_engine(parts.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
            {"name": name},
        )
        yield
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    administrator.dispose()


def test_a_database_that_is_away_costs_no_number(large_office: Office) -> None:
    office = large_office
    first = office.request(office.sample(serial=1), key="1")
    with closed(office.settings.database):
        answer = office.post(DOCUMENTS, office.sample(serial=2), key="2")
        assert (answer.status_code, answer.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
        assert int(answer.headers["retry-after"]) > 0
        with pytest.raises(AbsahError, match="does not answer"):
            office.work()
    second = office.request(office.sample(serial=2), key="2")
    assert second["number"] == first["number"].replace("/001/", "/002/")
    office.work()
    assert {each["state"] for each in rows(office, tables.document)} == {"ISSUED"}


def test_a_database_that_goes_away_in_the_middle_of_a_document(large_office: Office) -> None:
    office = large_office
    accepted = office.request()
    real = office.workshop.keys.key("kepala-dpmptsp-contoh")

    class Ring:
        """The connections are cut between the intention and the signature."""

        def key(self, key_id: str) -> Ring:
            return self

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def sign(self, data: bytes) -> bytes:
            with closed(office.settings.database):
                return real.sign(data)

    there = office.workshop
    office.workshop = replace(there, keys=Ring())
    office.work()
    office.workshop = there
    let_time_pass(office)
    office.work()
    state = office.state(accepted["id"])
    assert state["state"] == "ISSUED"
    assert len({each["digest"] for each in rows(office, tables.signature_intent)}) == 1
    check_consistency(office)


def test_nothing_of_the_register_is_lost_in_the_numbers(large_office: Office) -> None:
    """A request that fails after it took its number gives it back."""
    office = large_office
    with transaction(office.desk.register.engine) as connection:
        body = "BEGIN RAISE EXCEPTION $$no$$; END"
        connection.execute(text(f"CREATE FUNCTION fail() RETURNS trigger AS '{body}' LANGUAGE plpgsql"))
        connection.execute(text("CREATE TRIGGER fail BEFORE INSERT ON request EXECUTE FUNCTION fail()"))
    answer = office.post(DOCUMENTS, office.sample())
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    with transaction(office.desk.register.engine) as connection:
        connection.execute(text("DROP TRIGGER fail ON request"))
        assert connection.scalars(select(tables.series.c.next)).all() == []
    assert "/001/" in office.request()["number"]
