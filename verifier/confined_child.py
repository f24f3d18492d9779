"""One file, one process: what a child of the sandbox does between its birth and its end."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import signal
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from verifier.confinement import confine, die_with_parent
from verifier.report import FileAnswer

MAXIMUM_RESULT_BYTES = 4 * 1024 * 1024
_HEADER = struct.Struct("!Q")


@dataclass(frozen=True)
class Job:
    """A file and what is needed to judge it. ``anchors`` are certificates in DER or PEM."""

    pdf: bytes
    anchors: tuple[bytes, ...]
    moment: datetime
    password: str | None

    @classmethod
    def of(cls, pdf: bytes, anchors: Sequence[bytes], moment: datetime, password: str | None) -> Job:
        """A job, with the anchors copied."""
        return cls(pdf, tuple(anchors), moment, password)

    def to_descriptor(self) -> int:
        """A memory file with this job, for passing to another process. The caller closes it."""
        header = json.dumps(
            {
                "anchors": [anchor.hex() for anchor in self.anchors],
                "moment": self.moment.isoformat(),
                "password": self.password,
            }
        ).encode()
        descriptor = os.memfd_create("job")
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(_HEADER.pack(len(header)))
            file.write(header)
            file.write(self.pdf)
        return descriptor

    @classmethod
    def from_descriptor(cls, descriptor: int) -> Job:
        """The inverse of `to_descriptor`; closes the descriptor."""
        with os.fdopen(descriptor, "rb") as file:
            file.seek(0)
            (length,) = _HEADER.unpack(file.read(_HEADER.size))
            header: dict[str, Any] = json.loads(file.read(length))
            return cls(
                file.read(),
                tuple(bytes.fromhex(anchor) for anchor in header["anchors"]),
                datetime.fromisoformat(header["moment"]),
                header["password"],
            )


def load_libraries(*, scans: bool) -> None:
    """Import all that a child needs, since it cannot open a file; ``scans`` also what reads pictures."""
    from verifier import by_file, preload, scan

    # Warnings of the libraries about strangers' files are findings, not log lines.
    for name in ("pyhanko", "pyhanko_certvalidator"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    preload.load_lazy_modules()
    if scans:
        scan.preload()
    _ = by_file


def run_confined(job: Job | int, result: int, libc: ctypes.CDLL, program: bytes | None) -> NoReturn:
    """Judge one file behind the walls, write the answer as JSON to ``result``, and end.

    Never returns: it runs in a process forked for it. A job may be a descriptor made by
    `Job.to_descriptor`. The file reaches no code that parses it before the walls are up.
    """
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        die_with_parent(libc)
        ready = Job.from_descriptor(job) if isinstance(job, int) else job
        _close_all_but(result)
        confine(libc, program)
        os.write(result, b"")
        _write(result, _judge(ready))
    except BaseException:  # whatever happens in here must not run the parent's code
        os._exit(1)
    os._exit(0)


def _judge(job: Job) -> bytes:
    from verifier.by_file import inspect

    try:
        answer = inspect(job.pdf, anchors=job.anchors, moment=job.moment, password=job.password)
        encoded = json.dumps(answer.to_json()).encode()
    except (MemoryError, RecursionError):
        encoded = b""
    if not 0 < len(encoded) <= MAXIMUM_RESULT_BYTES:
        encoded = json.dumps(FileAnswer.unreadable("LIMIT").to_json()).encode()
    return encoded


def _close_all_but(keep: int) -> None:
    os.closerange(0, keep)
    os.closerange(keep + 1, os.sysconf("SC_OPEN_MAX"))


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
