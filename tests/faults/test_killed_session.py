"""A worker is killed in a signing session: what BSrE answered is used, or a human asks for it again."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from storage import queue, sessions, tables
from storage.database import transaction
from storage.vocabulary import Unavailable
from tests.faults.checking import check_issued_once, let_time_pass, rows
from tests.faults.processes import PROCESSES, end_of
from tests.faults.worker import sign_and_die
from tests.keys.attended import (
    AGENCY,
    begun,
    office_at,
    present,
    signed_in_a_session,
    typed,
)
from tests.keys.bsre_server import Bsre
from tests.office import Office
from tests.services import wait_for


@pytest.fixture
def office(bsre: Bsre, empty_office: Office, tmp_path: Path) -> Iterator[Office]:
    with office_at(bsre, empty_office, tmp_path) as made:
        yield made


def killed_in_a_session(office: Office, effect: str, when: str) -> sessions.Session:
    """A session with a worker in a process of its own, which is killed at the effect."""
    worker = PROCESSES.Process(target=sign_and_die, args=(office.settings, effect, when))
    worker.start()
    try:
        begun_there: list[sessions.Session] = []

        def there() -> bool:
            try:
                begun_there.append(begun(office))
            except Unavailable:
                return False
            return True

        wait_for(there, 60)
        typed(office, begun_there[0])
        assert end_of(worker) == -signal.SIGKILL, "the effect was never reached"
        return begun_there[0]
    finally:
        worker.kill()
        worker.join()


def forget_the_dead(office: Office) -> None:
    """As half a minute later, and after the lease."""
    let_time_pass(office)
    with transaction(office.desk.register.engine) as connection:
        connection.execute(update(tables.worker_key).values(heartbeat=1))


# Whether a human has to look before it goes on, how often BSrE signed by then, and in the end.
EFFECTS = {
    ("key:sign_pdf", "before"): (True, 0, 1),
    ("key:sign_pdf", "after"): (True, 1, 2),
    ("archive:put_once:1", "before"): (True, 1, 2),
    ("archive:put_once:1", "after"): (False, 1, 1),
    ("steps:record_reply", "before"): (False, 1, 1),
    ("steps:record_reply", "after"): (False, 1, 1),
    ("steps:record_signed_pdf", "before"): (False, 1, 1),
    ("steps:record_signed_pdf", "after"): (False, 1, 1),
}


@pytest.mark.parametrize(("effect", "when"), EFFECTS)
def test_killed_at(office: Office, bsre: Bsre, effect: str, when: str) -> None:
    needs_human, signed, signed_in_the_end = EFFECTS[effect, when]
    accepted = office.request()
    office.work()
    session = killed_in_a_session(office, effect, when)
    assert bsre.signed == signed
    forget_the_dead(office)
    lost = sessions.read_session(office.desk.register, AGENCY, session.id)
    assert (lost.state, lost.code) == ("LOST", "WORKER_LOST")

    office.work()
    if office.state(accepted["id"])["waiting_for"] == "SIGNING_SESSION":
        signed_in_a_session(office)
    assert bsre.signed == signed, "it was asked again, and no human knew"
    if needs_human:
        assert office.state(accepted["id"])["state_reason"] == "REPLY_LOST@PREPARED"
        assert queue.unblock(office.desk.register, AGENCY, accepted["id"])
        assert signed_in_a_session(office).signed == 1
    check_issued_once(office, accepted)
    assert bsre.signed == signed_in_the_end


def test_two_workers_and_two_sessions_sign_each_document_once(office: Office, bsre: Bsre) -> None:
    accepted = [office.request(office.sample(serial=n), key=f"k{n}") for n in (1, 2, 3)]
    office.work()
    one = present(office)
    first = begun(office)
    two = present(office)
    second = begun(office)
    assert first.worker_key_id != second.worker_key_id
    for each in (first, second):
        typed(office, each)
    assert two.work_on_next()
    assert not two.work_on_next()
    assert one.work_on_next()
    outcomes = [
        [each.outcome for each in sessions.read_session(office.desk.register, AGENCY, session.id).documents]
        for session in (second, first)
    ]
    assert outcomes == [["SIGNED"] * 3, ["NOT_WAITING"] * 3]
    assert bsre.signed == 3
    assert [office.state(each["id"])["state"] for each in accepted] == ["ISSUED"] * 3
    assert len(rows(office, tables.signature_intent)) == 3
