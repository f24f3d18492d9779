"""The web process is killed while it accepts a request: the client's retry makes one document, one number."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from storage import tables
from tests.faults.checking import check_issued_once, rows
from tests.faults.processes import PROCESSES, end_of
from tests.faults.worker import serve_and_die
from tests.office import Office
from tests.services import answers, free_port, wait_for


@contextmanager
def web(office: Office, dies: str) -> Iterator[tuple[str, object]]:
    port = free_port()
    process = PROCESSES.Process(target=serve_and_die, args=(office.settings, port, dies))
    process.start()
    try:
        wait_for(lambda: answers(port))
        yield f"http://127.0.0.1:{port}/api/v1/documents", process
    finally:
        process.kill()
        process.join()


def post(office: Office, url: str, key: str = "key") -> httpx.Response:
    headers = {"Authorization": f"Bearer {office.keys['dpmptsp-contoh']}", "Idempotency-Key": key}
    return httpx.post(url, json=office.sample(), headers=headers, trust_env=False, timeout=30)


@pytest.mark.parametrize(("dies", "documents"), [("before", 0), ("after", 1)])
def test_a_web_process_killed_around_its_commit(office: Office, dies: str, documents: int) -> None:
    with web(office, dies) as (url, process):
        with pytest.raises(httpx.HTTPError):
            post(office, url)
        assert end_of(process) == -signal.SIGKILL
    recorded = rows(office, tables.document)
    assert len(recorded) == documents
    with web(office, "never") as (url, _):
        first, second = post(office, url), post(office, url)
    assert (first.status_code, second.content) == (202, first.content)
    accepted = first.json()
    assert "/001/" in accepted["number"]
    if recorded:
        assert recorded[0]["number"] == accepted["number"]
    office.work()
    check_issued_once(office, accepted)
