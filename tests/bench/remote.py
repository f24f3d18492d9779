"""The row about a thousand hashes that a remote signing service signs for one authorisation."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.row import Row
from tests.keys.certificates import certificate, p256, root
from tests.keys.csc_place import remote_place

_HASHES = 1000
_RUNS = 5


class Remote:
    """A service on loopback, which signs in this process: its time is taken off, so that ours remains."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "remote"

    def measures(self) -> dict[str, Callable[[str], Row | None]]:
        """By the names of the rows."""
        return {"1000 hashes, CSC": self._sign_many}

    def _sign_many(self, name: str) -> Row:
        """Milliseconds a hash, from the bytes to sign to their raw signatures, HTTP included."""
        self._folder.mkdir()
        private, authority = p256(), root()
        chain = [certificate(private, issuer=authority), authority.certificate]
        mine, cpu = [], []
        with remote_place(self._folder, private, chain, 2) as place:
            key, server = place.key(), place.server
            for run in range(_RUNS + 1):
                data = [f"{run} {each}".encode() for each in range(_HASHES)]
                busy, processor = server.busy, server.processor
                began, cpu_began = time.perf_counter(), time.process_time()
                assert len(key.sign_many(data)) == _HASHES
                mine.append(time.perf_counter() - began - (server.busy - busy))
                cpu.append(time.process_time() - cpu_began - (server.processor - processor))
            assert server.counts["credentials/authorize"] == _RUNS + 1
            assert server.counts["signatures"] == (_RUNS + 1) * _HASHES
        # The first run also asks for the token and what the credential is.
        each = 1e3 / _HASHES
        return Row(
            name, statistics.median(mine[1:]) * each, None, None, statistics.median(cpu[1:]) * each, _RUNS
        )
