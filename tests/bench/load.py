"""A small closed-loop load on the loopback interface: 32 connections in a process of their own."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services import answers, free_port, wait_for

_CONNECTIONS = 32


@contextmanager
def server(data: Path) -> Iterator[int]:
    """The web process of `absah serve` on a free port."""
    port = free_port()
    environment = {**os.environ, "ABSAH_DATA": str(data)}
    # It logs a line for each check, which would stand between the rows of the table.
    process = subprocess.Popen(
        [sys.executable, "-m", "signer", "web", "--port", str(port)],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: answers(port), 60)
        yield port
    finally:
        process.terminate()
        process.wait()


def measure(port: int, path: str, seconds: float) -> tuple[float, float, int]:
    """Requests a second, CPU milliseconds of the caller a request, requests."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        count, elapsed, cpu = pool.apply(_run, (port, path, seconds))
    return count / elapsed, cpu / count * 1e3, count


def _run(port: int, path: str, seconds: float) -> tuple[int, float, float]:
    return asyncio.run(_load(port, path, seconds))


async def _load(port: int, path: str, seconds: float) -> tuple[int, float, float]:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\r\n".encode()
    began, cpu = time.perf_counter(), time.process_time()
    until = began + seconds

    async def connection() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        count = 0
        while time.perf_counter() < until:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.split(b"\r\n")[0].decode())
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            count += 1
        writer.close()
        return count

    counts = await asyncio.gather(*(connection() for _ in range(_CONNECTIONS)))
    return sum(counts), time.perf_counter() - began, time.process_time() - cpu
