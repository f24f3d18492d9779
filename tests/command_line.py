"""Calling ``absah`` in a process of its own, forked where everything is imported: a call takes a moment."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import signer.commands.issue
import signer.commands.keys
import signer.commands.operate
import signer.commands.processes
import signer.commands.serve
import signer.commands.specimens
import signer.workshop  # noqa: F401 - what the commands import when they are called
from signer.cli import main

Run = subprocess.CompletedProcess[str]


def absah(data: Path, *arguments: str, code: int = 0, **environment: str) -> Run:
    """The finished command; it must end with ``code`` and never with a stack trace."""
    from tests.faults.processes import PROCESSES

    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = {**kept, "ABSAH_DATA": str(data), **environment}
    with tempfile.TemporaryDirectory() as folder:
        out, error = Path(folder) / "out", Path(folder) / "err"
        process = PROCESSES.Process(target=_call, args=(arguments, environment, out, error))
        process.start()
        process.join(120)
        ended = -1 if process.exitcode is None else process.exitcode
        run = Run(arguments, ended, out.read_text(), error.read_text())
    process.kill()
    assert run.returncode == code, run.stdout + run.stderr
    assert "Traceback" not in run.stderr, run.stderr
    return run


def _call(arguments: tuple[str, ...], environment: dict[str, str], out: Path, error: Path) -> None:
    for number, file in ((1, out), (2, error)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["absah", *arguments]
    main()
