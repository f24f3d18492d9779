"""Real processes, started in a moment: a server that has everything imported forks each of them."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerProcess

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.faults.worker", "tests.command_line"])


def end_of(process: ForkServerProcess) -> int | None:
    process.join(60)
    return process.exitcode
