"""Real servers for tests, started on loopback and stopped with the session."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def missing(part: str, remedy: str) -> None:
    """Skip what needs ``part``; in CI everything has to be there, so it fails."""
    sentence = f"{part} is missing: {remedy}"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(ready: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError("the server did not become ready")
        time.sleep(0.05)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A PostgreSQL cluster; yields the URL of its superuser's database."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb")
    binaries = programs[0] if programs else Path(found).parent if found else None
    if binaries is None:
        missing("PostgreSQL", "apt install postgresql")
        raise AssertionError
    # PostgreSQL refuses to run as root.
    as_user = (
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
    )
    if as_user:
        for each in (folder, *folder.parents):
            if each == Path("/tmp"):  # noqa: S108
                break
            each.chmod(0o755)
        shutil.chown(folder, "postgres", "postgres")
    port, cluster = free_port(), folder / "cluster"
    run = lambda *command: subprocess.run(  # noqa: E731
        [*as_user, *map(str, command)], check=True, capture_output=True, cwd="/"
    )
    run(binaries / "initdb", "-D", cluster, "-U", "absah", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    run(binaries / "pg_ctl", "-D", cluster, "-o", options, "-l", folder / "log", "-w", "start")
    try:
        yield f"postgresql+psycopg://absah@127.0.0.1:{port}/postgres"
    finally:
        run(binaries / "pg_ctl", "-D", cluster, "-m", "immediate", "stop")


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """A SeaweedFS S3 server; yields host:port. Keys are ``absah`` and ``absah-secret``."""
    program = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        missing("SeaweedFS (weed)", "make setup-test")
        raise AssertionError
    identities = folder / "s3.json"
    identities.write_text(
        '{"identities":[{"name":"absah","credentials":[{"accessKey":"absah","secretKey":"absah-secret"}],'
        '"actions":["Admin","Read","Write","List","Tagging"]}]}'
    )
    port = free_port()
    others = ("master.port", "volume.port", "filer.port", "s3.port.iceberg", "iam.port")
    arguments = [f"-{name}={free_port()}" for name in others]
    arguments += [f"-{name}.port.grpc={free_port()}" for name in ("master", "volume", "filer", "s3")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                program, "server", "-master.telemetry=false", f"-dir={folder}",
                "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", f"-s3.port={port}",
                "-s3.port.lance=0",  # fixed by default: two runs on one machine would fight for it
                "-master.volumeSizeLimitMB=64", "-volume.max=300", f"-s3.config={identities}", *arguments,
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            wait_for(lambda: answers(port), 60)
            yield f"127.0.0.1:{port}"
        finally:
            server.kill()
            server.wait()
