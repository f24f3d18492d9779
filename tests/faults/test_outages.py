"""A part is down, lies or is full: the document waits in its state or stops with a code, never lost."""

from __future__ import annotations

import errno
import re
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.pool import QueuePool

from keys.development import DevelopmentKeyRing
from keys.timestamp_server import DevelopmentTimeStampAuthority
from signer.timestamp import REPLY_TYPE
from signer.worker import run, sweep, work_on_next
from signer.workshop import open_workshop
from storage import queue, tables
from storage.archive import ArchiveUnavailable
from storage.local import LocalArchive
from storage.s3 import S3Archive, S3Settings
from storage.vocabulary import Unavailable
from tests.faults.checking import check_consistency, check_issued_once, let_time_pass, rows
from tests.faults.effects import EFFECTS, MODULES, install
from tests.keys.serving import serving
from tests.office import Office, open_office
from tests.services import free_port, missing
from tests.signer.test_timestamp import status as tsa_status

DOCUMENTS = "/api/v1/documents"
Answer = tuple[int, str, bytes]


def work(office: Office, attempts: int = 1) -> None:
    """What the worker's loop does, also while the database itself does not answer."""
    for _ in range(attempts):
        let_time_pass(office)
        try:
            while work_on_next(office.workshop):
                pass
            sweep(office.workshop)
        except Unavailable:
            continue


def stands_at(office: Office, accepted: dict[str, Any]) -> tuple[str, str | None]:
    state = office.state(accepted["id"])
    return state["state"], state["state_reason"] or state["waiting_for"]


# --- whatever fails, before or after it had its effect ----------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("effect", [*EFFECTS, "archive:read:1", "archive:read:2", "archive:read:3"])
def test_a_part_that_fails_once_only_delays(office: Office, effect: str, when: str) -> None:
    def fail() -> None:
        raise Unavailable("It does not answer.", code="PART_DOWN")

    accepted = office.request()
    whole = office.workshop
    office.workshop = install(whole, effect, when, fail)
    try:
        work(office)
    finally:
        restore(effect)
    assert rows(office, tables.document)[0]["attempts"] <= 1
    # What was claimed when the database went away is free again once its lease has ended.
    work(office)
    check_issued_once(office, accepted)
    assert rows(office, tables.document)[0]["attempts"] == 0


def restore(effect: str) -> None:
    """Take a wrapper off a module again; those around a part of the workshop go with the workshop."""
    place, name, *_ = effect.split(":")
    module = MODULES.get(place)
    if module is not None:
        setattr(module, name, getattr(module, name).__wrapped__)


# --- the time-stamp authority -----------------------------------------------------------------------------


class Authority:
    """A time-stamp authority over HTTP that answers as it is told."""

    def __init__(self, office: Office) -> None:
        self._key = DevelopmentKeyRing.open(office.settings.keys_folder).timestamp_key()
        self.answer: Callable[[bytes], Answer] = self.honest

    def honest(self, query: bytes) -> Answer:
        return 200, REPLY_TYPE, DevelopmentTimeStampAuthority(self._key).respond(query)

    def wrong_by(self, distance: timedelta) -> Callable[[bytes], Answer]:
        clock = lambda: datetime.now(UTC) + distance  # noqa: E731
        server = DevelopmentTimeStampAuthority(self._key, clock=clock)
        return lambda query: (200, REPLY_TYPE, server.respond(query))

    def replaying(self) -> Callable[[bytes], Answer]:
        """Each answer is the one to the query before."""
        earlier: list[bytes] = []

        def answer(query: bytes) -> Answer:
            earlier.append(query)
            return self.honest(earlier[0])

        return answer


@pytest.fixture
def authority(office: Office) -> Iterator[Authority]:
    made = Authority(office)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            code, kind, body = made.answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        settings = office.settings.model_copy(update={"tsa_url": url, "tsa_timeout": 5.0})
        office.workshop = open_workshop(settings)
        yield made


# RFC 3161, 2.4.2: a rejection, but for a failure of the moment.
SYSTEM_FAILURE = tsa_status(status="rejection", fail_info={"system_failure"})


@pytest.mark.parametrize(
    "answer",
    [(503, "text/plain", b"later"), (500, "text/html", b"<h1>"), (200, REPLY_TYPE, SYSTEM_FAILURE)],
    ids=["503", "500", "system failure"],
)
def test_an_authority_that_cannot_answer_is_waited_for(
    office: Office, authority: Authority, answer: Answer
) -> None:
    accepted = office.request()
    authority.answer = lambda query: answer
    work(office, attempts=queue.MAX_ATTEMPTS + 2)
    assert stands_at(office, accepted) == ("SIGNED", "TSA_UNAVAILABLE")
    assert office.get(f"{DOCUMENTS}/{accepted['id']}/pdf").json()["code"] == "NOT_ISSUED"
    authority.answer = authority.honest
    work(office)
    check_issued_once(office, accepted)
    assert len(rows(office, tables.signature_intent)) == 1, "the key was used again for a time-stamp"


def test_an_authority_that_is_not_there_is_waited_for(office: Office) -> None:
    accepted = office.request()
    there = office.workshop
    settings = office.settings.model_copy(update={"tsa_url": f"http://127.0.0.1:{free_port()}/"})
    office.workshop = open_workshop(settings)
    work(office, attempts=queue.MAX_ATTEMPTS + 2)
    assert stands_at(office, accepted) == ("SIGNED", "TSA_UNAVAILABLE")
    office.workshop = there
    work(office)
    check_issued_once(office, accepted)


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        (lambda authority: lambda query: (200, REPLY_TYPE, b"\x30\x03\x02\x01\x00"), "TSA_INVALID"),
        (lambda authority: lambda query: (200, REPLY_TYPE, b"garbage" * 100), "TSA_INVALID"),
        (lambda authority: lambda query: (200, "text/html", b"<html>Log in first</html>"), "TSA_INVALID"),
        (lambda authority: lambda query: (200, REPLY_TYPE, b""), "TSA_INVALID"),
        (lambda authority: authority.wrong_by(timedelta(hours=1)), "TSA_TIME"),
        (lambda authority: authority.wrong_by(timedelta(hours=-1)), "TSA_TIME"),
        (lambda authority: authority.wrong_by(timedelta(days=3650)), "TSA_TIME"),
    ],
    ids=["no token", "garbage", "a page", "nothing", "an hour ahead", "an hour behind", "ten years ahead"],
)
def test_an_authority_that_lies_is_not_believed_and_waited_for(
    office: Office, authority: Authority, lie: Callable[[Authority], Callable[[bytes], Answer]], code: str
) -> None:
    accepted = office.request()
    authority.answer = lie(authority)
    work(office, attempts=queue.MAX_ATTEMPTS + 2)
    assert stands_at(office, accepted) == ("SIGNED", code)
    assert rows(office, tables.document_file) == []
    authority.answer = authority.honest
    work(office)
    check_issued_once(office, accepted)
    assert len(rows(office, tables.signature_intent)) == 1


def test_an_old_answer_is_no_use_for_another_document(office: Office, authority: Authority) -> None:
    authority.answer = authority.replaying()
    first = office.request(office.sample(serial=1), key="1")
    work(office)
    second = office.request(office.sample(serial=2), key="2")
    work(office)
    assert stands_at(office, second) == ("SIGNED", "TSA_INVALID")
    authority.answer = authority.honest
    third = office.request(office.sample(serial=3), key="3")
    work(office)
    assert stands_at(office, first) == ("ISSUED", None)
    assert stands_at(office, second) == ("ISSUED", None)
    assert stands_at(office, third) == ("ISSUED", None)
    check_consistency(office)


# --- the archive ------------------------------------------------------------------------------------------


def test_an_archive_folder_that_is_gone_is_waited_for(office: Office) -> None:
    issued = office.issue(office.sample(serial=1), key="1")
    accepted = office.request(office.sample(serial=2), key="2")
    archive = office.settings.data / "archive"
    away = office.settings.data / "archive-away"
    archive.rename(away)
    archive.write_text("a file where the folder should be")  # no permission stops root, but this does
    work(office, attempts=queue.MAX_ATTEMPTS + 2)
    assert stands_at(office, accepted) == ("ALLOCATED", "ARCHIVE_UNAVAILABLE")
    answer = office.get(f"{DOCUMENTS}/{issued['id']}/pdf")
    assert (answer.status_code, answer.json()["code"]) == (503, "ARCHIVE_UNAVAILABLE")
    assert int(answer.headers["retry-after"]) > 0
    # Requests need no archive: the citizen at the counter gets a number.
    third = office.request(office.sample(serial=3), key="3")
    archive.unlink()
    away.rename(archive)
    work(office)
    assert {stands_at(office, each) for each in (accepted, third)} == {("ISSUED", None)}
    check_consistency(office)


def test_an_s3_server_that_is_gone_is_waited_for(office: Office) -> None:
    accepted = office.request()
    there = office.workshop
    gone = S3Settings(f"127.0.0.1:{free_port()}", "absah", "key", "secret", "us-east-1", False)
    office.workshop = replace(there, archive=S3Archive(gone))
    work(office, attempts=queue.MAX_ATTEMPTS + 2)
    assert stands_at(office, accepted) == ("ALLOCATED", "ARCHIVE_UNAVAILABLE")
    office.workshop = there
    work(office)
    check_issued_once(office, accepted)


@contextmanager
def s3_answering(status: int, body: bytes = b"") -> Iterator[str]:
    """An S3 server that has the bucket and refuses each upload."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(status, body)

        def do_GET(self) -> None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

        def _answer(self, code: int, content: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url.removeprefix("http://").rstrip("/")


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (507, b"<Error><Code>XMinioStorageFull</Code></Error>", "STORAGE_FULL"),
        (403, b"<Error><Code>QuotaExceeded</Code></Error>", "STORAGE_FULL"),
        (500, b"<Error><Code>InternalError</Code></Error>", "ARCHIVE_UNAVAILABLE"),
        (503, b"<Error><Code>SlowDown</Code></Error>", "ARCHIVE_UNAVAILABLE"),
        # Another upload of the same key is under way; the object is not there yet.
        (409, b"<Error><Code>ConditionalRequestConflict</Code></Error>", "ARCHIVE_UNAVAILABLE"),
    ],
)
def test_an_s3_server_that_refuses_is_waited_for(office: Office, status: int, body: bytes, code: str) -> None:
    accepted = office.request()
    there = office.workshop
    with s3_answering(status, body) as endpoint:
        settings = S3Settings(endpoint, "absah", "key", "secret", "us-east-1", False)
        office.workshop = replace(there, archive=S3Archive(settings))
        work(office, attempts=queue.MAX_ATTEMPTS + 2)
    assert stands_at(office, accepted) == ("ALLOCATED", code)
    office.workshop = there
    work(office)
    check_issued_once(office, accepted)


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[None]:
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder],  # noqa: S607
        capture_output=True,
        check=False,
    )
    if made.returncode != 0:
        missing("A small disk", "mounting one needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)  # noqa: S607


def test_a_full_disk_is_waited_for(office: Office) -> None:
    accepted = office.request()
    archive = office.settings.data / "archive"
    shutil.rmtree(archive)
    archive.mkdir()
    with small_disk(archive, 256):
        office.workshop = replace(office.workshop, archive=LocalArchive(archive))
        filler = archive / "something-else"
        with pytest.raises(OSError, match=re.escape(f"[Errno {errno.ENOSPC}]")), filler.open("wb") as stream:
            while True:
                stream.write(bytes(4096))
                stream.flush()
        work(office, attempts=queue.MAX_ATTEMPTS + 2)
        assert stands_at(office, accepted) == ("ALLOCATED", "STORAGE_FULL")
        assert [path for path in archive.rglob("*") if path.is_file()] == [filler]
        filler.unlink()
        work(office)
        check_issued_once(office, accepted)


class Corrupting:
    """An archive whose reads come back with one bit flipped, for keys that contain a word."""

    def __init__(self, real: Any, word: str) -> None:
        self._real, self._word = real, word

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def read(self, key: str) -> bytes:
        content = bytearray(self._real.read(key))
        if self._word in key:
            content[len(content) // 3] ^= 1
        return bytes(content)


@pytest.mark.parametrize(
    ("word", "reason"),
    [("/staging/", "NOT_APPROVED@PREPARED"), ("/final/", "ARCHIVE_CORRUPT@TIMESTAMPED")],
)
def test_an_archive_that_returns_other_bytes_stops_the_document(
    office: Office, word: str, reason: str
) -> None:
    accepted = office.request()
    there = office.workshop
    office.workshop = replace(there, archive=Corrupting(there.archive, word))
    work(office)
    assert stands_at(office, accepted) == ("BLOCKED", reason)
    assert rows(office, tables.document_file) == []
    office.workshop = there
    assert queue.unblock(office.desk.register, "dpmptsp-contoh", accepted["id"])
    work(office)
    check_issued_once(office, accepted)


def test_one_documents_archive_trouble_holds_up_no_other(office: Office) -> None:
    first = office.request(office.sample(serial=1), key="1")
    second = office.request(office.sample(serial=2), key="2")

    class Picky:
        def __getattr__(self, name: str) -> Any:
            return getattr(office_archive, name)

        def put_once(self, key: str, data: bytes, **more: Any) -> None:
            if first["id"] in key:
                raise ArchiveUnavailable("This disk is away.")
            office_archive.put_once(key, data, **more)

    office_archive = office.workshop.archive
    office.workshop = replace(office.workshop, archive=Picky())
    work(office)
    assert stands_at(office, first) == ("ALLOCATED", "ARCHIVE_UNAVAILABLE")
    assert stands_at(office, second) == ("ISSUED", None)


# --- notices ----------------------------------------------------------------------------------------------


def test_notices_wait_for_their_folder_and_the_audit_chain_does_not(office: Office) -> None:
    spool = office.settings.data / "spool"
    shutil.rmtree(spool)
    spool.write_text("a file where the folder should be")
    accepted = office.request()
    stop = threading.Event()
    worker = threading.Thread(target=run, args=(office.workshop, stop, lambda: 0.0, 2))
    worker.start()
    try:
        wait_until(lambda: stands_at(office, accepted) == ("ISSUED", None))
        wait_until(lambda: any(row["sequence"] for row in rows(office, tables.audit_event)))
    finally:
        stop.set()
        worker.join()
    assert not any(row["sent_at"] for row in rows(office, tables.outbox))
    spool.unlink()
    spool.mkdir()
    sweep(office.workshop)
    check_issued_once(office, accepted)


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = datetime.now(UTC) + timedelta(seconds=seconds)
    while not true():
        assert datetime.now(UTC) < deadline, "it did not happen in time"
        threading.Event().wait(0.02)


# --- the database (PostgreSQL: see test_cluster.py) --------------------------------------------------------


def test_a_locked_database_costs_no_number(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process holds the write lock for longer than anybody waits."""
    monkeypatch.setattr("storage.database._WAIT_FOR_WRITER_MS", 200)
    office = open_office(office.settings, office.keys)
    first = office.request(office.sample(serial=1), key="1")
    with closing(sqlite3.connect(office.settings.data / "register.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = office.post(DOCUMENTS, office.sample(serial=2), key="2")
        assert (answer.status_code, answer.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
        assert int(answer.headers["retry-after"]) > 0
        with pytest.raises(Unavailable):
            work_on_next(office.workshop)
        other.execute("ROLLBACK")
    second = office.request(office.sample(serial=2), key="2")
    assert second["number"] == first["number"].replace("/001/", "/002/")
    work(office)
    assert {stands_at(office, each) for each in (first, second)} == {("ISSUED", None)}


def test_exhausted_connections_cost_no_number(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.database._WAIT_FOR_CONNECTION_SECONDS", 0.2)
    office = open_office(office.settings, office.keys)
    pool = office.desk.register.engine.pool
    assert isinstance(pool, QueuePool)
    held = [office.desk.register.engine.connect() for _ in range(pool.size() + pool._max_overflow)]
    answer = office.post(DOCUMENTS, office.sample())
    assert (answer.status_code, answer.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert int(answer.headers["retry-after"]) > 0
    for connection in held:
        connection.close()
    assert "/001/" in office.request()["number"]
