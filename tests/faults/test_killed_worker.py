"""A worker is killed before and after each effect; whoever comes next finishes the document, once."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from sqlalchemy import update

from signer.staging import sweep_staging
from signer.worker import run, sweep, work_on, work_on_next
from storage import status, steps, tables
from storage.archive import final_key
from storage.database import transaction
from storage.status import Change
from storage.vocabulary import ReasonClass
from tests.faults.checking import check_issued_once, let_time_pass, rows
from tests.faults.effects import EFFECTS
from tests.faults.processes import PROCESSES, end_of
from tests.faults.worker import work
from tests.office import Office

# See test_mutations.py: the same tests, run on a product without one of its safeguards.
MUTATION: str | None = None


def run_worker(office: Office, effect: str, when: str, *, pauses: bool = False) -> ForkServerProcess:
    process = PROCESSES.Process(target=work, args=(office.settings, effect, when, pauses, MUTATION))
    process.start()
    return process


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("effect", EFFECTS)
def test_killed_at(office: Office, effect: str, when: str) -> None:
    accepted = office.request()
    killed = run_worker(office, effect, when)
    assert end_of(killed) == -signal.SIGKILL, "the effect was never reached"
    frozen = rows(office, tables.document)[0]["prepared_sha256"]

    let_time_pass(office)
    office.work()
    sweep(office.workshop)
    check_issued_once(office, accepted)
    if frozen is not None:
        # What was frozen before the crash is what was signed after it.
        assert rows(office, tables.document)[0]["prepared_sha256"] == frozen
    uses = rows(office, tables.signature_intent)
    asked_twice = effect == "steps:record_intent" and when == "after"
    asked_twice |= effect in ("key:sign",) or (effect == "steps:record_cms" and when == "before")
    assert len(uses) == (2 if asked_twice else 1)


def test_what_a_killed_worker_left_in_staging_is_swept_once_it_is_old(office: Office) -> None:
    office.request()
    killed = run_worker(office, "steps:record_issue", "after")
    assert end_of(killed) == -signal.SIGKILL
    accepted = office.request(office.sample("surat-keterangan-penelitian"), "bakesbangpol-contoh")
    office.work()
    archive = office.settings.data / "archive"
    [left] = archive.glob("dpmptsp-contoh/staging/*/*.pdf")
    [waiting] = archive.glob("bakesbangpol-contoh/staging/*/*.pdf")
    assert waiting.parent.name == accepted["id"]
    assert sweep_staging(office.workshop) == 0, "somebody may still be at it"

    for file in (left, waiting):
        os.utime(file, (time.time() - 3700, time.time() - 3700))
    stop = threading.Event()
    worker = threading.Thread(target=run, args=(office.workshop, stop, time.monotonic, 2))
    worker.start()
    deadline = time.monotonic() + 30
    while left.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    stop.set()
    worker.join()
    assert not left.parent.exists()
    assert waiting.exists(), "it is still to be approved, and then signed"

    change = Change(ReasonClass.ISSUED_IN_ERROR, "", "kepala-bakesbangpol-contoh")
    status.annul(office.desk.register, "bakesbangpol-contoh", accepted["id"], change)
    assert sweep_staging(office.workshop) == 1
    assert not waiting.exists()


def test_a_zombie_wakes_up_after_its_lease_and_changes_nothing(office: Office) -> None:
    accepted = office.request()
    zombie = run_worker(office, "key:sign", "after", pauses=True)
    try:
        deadline = time.monotonic() + 60
        while Path(f"/proc/{zombie.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "T":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        let_time_pass(office)
        office.work()
        check_issued_once(office, accepted)
        before = (
            rows(office, tables.document),
            rows(office, tables.signature),
            rows(office, tables.document_file),
        )
        os.kill(zombie.pid, signal.SIGCONT)
        assert end_of(zombie) == 0
        after = (
            rows(office, tables.document),
            rows(office, tables.signature),
            rows(office, tables.document_file),
        )
        assert after == before
        check_issued_once(office, accepted)
    finally:
        zombie.kill()
        zombie.join()


def test_five_workers_on_one_document_issue_it_once(office: Office) -> None:
    accepted = office.request()
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda _: work_on(office.workshop, "dpmptsp-contoh", accepted["id"]), range(5)))
    check_issued_once(office, accepted)
    assert len(rows(office, tables.signature_intent)) == 1


def test_the_intention_is_committed_before_the_key_is_called(office: Office) -> None:
    """Removing `record_intent`, or calling the key first, fails here."""
    office.request()
    seen = []
    key = office.workshop.keys.key("kepala-dpmptsp-contoh")

    class Watching:
        def __getattr__(self, name: str):
            return getattr(key, name)

        def sign(self, data: bytes) -> bytes:
            # Another connection sees only what is committed.
            seen.append([row["digest"] for row in rows(office, tables.signature_intent)])
            return key.sign(data)

    class Ring:
        def key(self, key_id: str) -> Watching:
            return Watching()

    assert work_on_next(replace(office.workshop, keys=Ring()))
    [signature] = rows(office, tables.signature)
    assert seen == [[signature["digest"]]]


def test_what_was_frozen_is_what_is_signed_whatever_changes_meanwhile(office: Office) -> None:
    """Removing the freeze (rendering again after a crash) fails here."""
    office.request()
    killed = run_worker(office, "steps:record_freeze", "after")
    assert end_of(killed) == -signal.SIGKILL
    [path] = (office.settings.data / "archive").glob("*/staging/*/*.pdf")
    frozen = path.read_bytes()
    with transaction(office.desk.register.engine) as connection:
        connection.execute(update(tables.officer).values(name="Orang Lain", office="Jabatan Lain"))
    let_time_pass(office)
    office.work()
    [document] = rows(office, tables.document)
    issued = office.workshop.archive.read(final_key(document["agency_id"], document["final_sha256"]))
    start = rows(office, tables.signature)[0]["byte_range"]
    _, gap, behind, _ = (int(each) for each in start.strip("[]").split(","))
    # As hashes: a difference of a hundred thousand bytes is nothing to print.
    assert sha256(issued[:gap]) == sha256(frozen[:gap])
    assert sha256(issued[behind : len(frozen)]) == sha256(frozen[behind:])


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_payload_changed_after_approval_is_never_signed(office: Office) -> None:
    agency = "bakesbangpol-contoh"
    accepted = office.request(office.sample("surat-keterangan-penelitian"), agency)
    office.work()
    state = office.state(accepted["id"], agency)
    path = f"/api/v1/documents/{accepted['id']}/approve"
    assert office.post(path, {"digest": state["prepared_sha256"]}, agency).status_code == 200
    [staged] = (office.settings.data / "archive").glob("*/staging/*/*.pdf")
    content = bytearray(staged.read_bytes())
    content[2000] ^= 1
    staged.chmod(0o600)
    staged.write_bytes(content)
    office.work()
    state = office.state(accepted["id"], agency)
    assert (state["state"], state["state_reason"]) == ("BLOCKED", "NOT_APPROVED@PREPARED")
    assert rows(office, tables.signature_intent) == []
    assert steps.unsent(office.desk.register, accepted["id"]) != []
