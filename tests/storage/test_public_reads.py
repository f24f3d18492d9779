from __future__ import annotations

import threading

from storage.database import open_database_to_read
from storage.lookup import Lookup
from storage.register import Register
from tests.agencies import accept, add_agency


def test_many_threads_read_at_once(database_url: str, register: Register) -> None:
    """A pool that closes other threads' connections ends the process here, not only the test."""
    accepted = accept(register, add_agency(register), "1")
    engine = open_database_to_read(database_url)
    lookup = Lookup(engine)
    numbers: list[str] = []

    def read() -> None:
        for _ in range(100):
            record = lookup.by_code(accepted.code)
            assert record is not None
            numbers.append(record.number)

    threads = [threading.Thread(target=read) for _ in range(24)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    engine.dispose()
    assert numbers == [accepted.number] * 2400
