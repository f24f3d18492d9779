"""The walls hold: nothing a file does reaches further than its own short life."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import qrcode
from hostile_files import HOSTILE, slow_form, xref_stream_bomb
from hostile_pages import DRAWN
from paged_files import pages_of
from sample_files import encrypted_pdf, plain_pdf, signed_pdf
from small_pki import NOW, Pki

from storage.vocabulary import Misconfigured
from verifier import rehearsal
from verifier.by_file import inspect
from verifier.confined_child import load_libraries
from verifier.confinement import build_filter, confine, load_libc
from verifier.report import FileAnswer
from verifier.sandbox import OneShotSandbox, Sandbox, SandboxBusy, _collect


def codes(answer: FileAnswer) -> set[str]:
    return {finding.code for finding in answer.findings}


def test_the_sandbox_answers_as_the_function_does(sandbox: Sandbox, people: Pki) -> None:
    pdf = signed_pdf(stamped=NOW)
    inside = sandbox.inspect_now(pdf, anchors=[people.root.pem], moment=NOW)
    assert inside == inspect(pdf, anchors=[people.root.pem], moment=NOW)
    assert inside.signatures[0].trust == "trusted"


@pytest.mark.parametrize("name", HOSTILE)
def test_every_hostile_file_gets_a_typed_answer(sandbox: Sandbox, people: Pki, name: str) -> None:
    make, expected = HOSTILE[name]
    pdf = make()
    server = sandbox.server_pid
    started = time.monotonic()
    answer = sandbox.inspect_now(pdf, anchors=[people.root.pem], moment=NOW)
    assert time.monotonic() - started < 11
    assert codes(answer) & expected, codes(answer)
    assert sandbox.server_pid == server


def qr_drawing(text: str) -> bytes:
    symbol = qrcode.QRCode(border=4)
    symbol.add_data(text)
    return b"".join(
        b"%d %d 4 4 re f " % (100 + 4 * x, 500 - 4 * y)
        for y, row in enumerate(symbol.get_matrix())
        for x, dark in enumerate(row)
        if dark
    )


def test_a_page_that_is_never_drawn_hides_no_code_before_it_and_no_answer(sandbox: Sandbox) -> None:
    code = qr_drawing("7K3M9-QX2R4-TPXA")
    one_shot = OneShotSandbox()
    for box in (sandbox, one_shot):
        answer = box.inspect_now(pages_of(code, DRAWN["operators"][0]), anchors=[], moment=NOW)
        assert answer.unsigned
        assert answer.qr_codes == ("7K3M9-QX2R4-TPXA",)
        assert codes(answer) == {"NO_SIGNATURE", "CODES_NOT_READ"}
        whole = box.inspect_now(pages_of(code, b"", code), anchors=[], moment=NOW)
        assert whole.qr_codes == ("7K3M9-QX2R4-TPXA",)
        assert codes(whole) == {"NO_SIGNATURE"}


def test_half_a_line_of_a_child_is_no_answer() -> None:
    first, second = (
        json.dumps(replace(FileAnswer(readable=True, unsigned=True), qr_codes=texts).to_json()).encode()
        for texts in ((), ("A",))
    )
    for said, expected in (
        (first + b"\n" + second + b"\n", ("A",)),
        (first + b"\n" + second[:-1], ()),
        (first, None),
        (b"\n", None),
        (b"", None),
    ):
        reading, writing = os.pipe()
        os.write(writing, said)
        os.close(writing)
        answer = _collect(reading, lambda: None, 5)
        os.close(reading)
        assert (None if answer is None else answer.qr_codes) == expected


def test_the_server_outlives_twenty_bombs_at_once(people: Pki) -> None:
    bomb = slow_form()
    with Sandbox(children=4, waiting=30, patience=60, wall_seconds=1) as box:
        server = box.server_pid
        with ThreadPoolExecutor(20) as threads:
            answers = list(
                threads.map(lambda _: box.inspect_now(bomb, anchors=[people.root.pem], moment=NOW), range(20))
            )
        assert all(codes(answer) <= {"LIMIT", "DAMAGED"} for answer in answers)
        assert box.server_pid == server
        assert box.inspect_now(signed_pdf(), anchors=[people.root.pem], moment=NOW).signatures


def test_a_server_that_died_is_started_again(people: Pki) -> None:
    with Sandbox() as box:
        first = box.server_pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        assert box.inspect_now(signed_pdf(), anchors=[people.root.pem], moment=NOW).signatures
        assert box.server_pid != first


def test_a_server_that_dies_during_a_file_is_started_again(people: Pki) -> None:
    with Sandbox(wall_seconds=3) as box:
        with ThreadPoolExecutor(1) as threads:
            running = threads.submit(box.inspect_now, slow_form(), anchors=[people.root.pem], moment=NOW)
            time.sleep(0.5)
            assert box.server_pid is not None
            os.kill(box.server_pid, signal.SIGKILL)
            assert codes(running.result()) <= {"LIMIT", "DAMAGED"}
        assert box.inspect_now(plain_pdf(), anchors=[], moment=NOW).unsigned


def test_the_server_has_no_environment_and_no_files(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Path(f"/proc/{sandbox.server_pid}")
    assert (server / "environ").read_bytes() == b""
    targets = {str(link.readlink()) for link in (server / "fd").iterdir()}
    assert all(target == "/dev/null" or target.startswith("socket:") for target in targets), targets


def test_more_files_than_places_are_refused(people: Pki) -> None:
    bomb = slow_form()
    with Sandbox(children=1, waiting=1, patience=0.2, wall_seconds=1.5) as box:
        with ThreadPoolExecutor(6) as threads:
            running = [threads.submit(box.inspect_now, bomb, anchors=[], moment=NOW) for _ in range(6)]
            outcomes = [future.exception() for future in running]
        refused = [error for error in outcomes if isinstance(error, SandboxBusy)]
        assert len(refused) == 5
        assert refused[0].code == "SANDBOX_BUSY"
        # The places are free again.
        assert box.inspect_now(plain_pdf(), anchors=[], moment=NOW).unsigned


def test_a_slow_file_makes_room_for_a_quick_one() -> None:
    with Sandbox(children=1, waiting=2) as box, ThreadPoolExecutor(1) as threads:
        running = threads.submit(
            box.inspect_now, HOSTILE["drawn: form of itself"][0](), anchors=[], moment=NOW
        )
        time.sleep(0.3)
        assert box.inspect_now(plain_pdf(), anchors=[], moment=NOW).unsigned
        assert not running.done()
        # Both places are given back, the one aside and the other.
        assert codes(running.result()) == {"NO_SIGNATURE", "CODES_NOT_READ"}
        for _ in range(3):
            assert box.inspect_now(plain_pdf(), anchors=[], moment=NOW).unsigned


def test_asynchronous_programs_are_not_held_up(sandbox: Sandbox, people: Pki) -> None:
    pdf = signed_pdf()

    async def many() -> list[FileAnswer]:
        return list(
            await asyncio.gather(
                *(sandbox.inspect(pdf, anchors=[people.root.pem], moment=NOW) for _ in range(6))
            )
        )

    assert all(answer.signatures for answer in asyncio.run(many()))


def test_the_one_shot_sandbox_answers_the_same(people: Pki) -> None:
    box = OneShotSandbox(wall_seconds=2)
    pdf = signed_pdf(stamped=NOW)
    assert box.inspect_now(pdf, anchors=[people.root.pem], moment=NOW) == inspect(
        pdf, anchors=[people.root.pem], moment=NOW
    )
    assert codes(box.inspect_now(xref_stream_bomb(), anchors=[], moment=NOW)) == {"LIMIT"}


def test_where_the_filter_cannot_be_had_it_refuses_or_warns(
    people: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> bytes:
        raise Misconfigured("The sandbox needs libseccomp.")

    monkeypatch.setattr("verifier.sandbox.build_filter", missing)
    with pytest.raises(Misconfigured):
        OneShotSandbox().inspect_now(plain_pdf(), anchors=[], moment=NOW)
    box = OneShotSandbox(require_filter=False)
    with pytest.warns(RuntimeWarning, match="without its system call filter"):
        assert box.inspect_now(plain_pdf(), anchors=[], moment=NOW).unsigned


# The walls themselves


def _in_confined_child(attempt: Callable[[], None]) -> int:
    """The exit status of a confined fork: 0 where ``attempt`` was refused with EPERM, 7 where it was not."""
    libc, program = load_libc(), build_filter()
    child = os.fork()
    if child == 0:
        try:
            confine(libc, program)
            attempt()
            os._exit(7)
        except PermissionError:
            os._exit(0)
        except BaseException:
            os._exit(8)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _open_socket() -> None:
    socket.socket().connect(("127.0.0.1", 9))


def _raise_a_limit() -> None:
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
    except ValueError as error:  # how the module says EPERM
        raise PermissionError from error


ATTEMPTS: dict[str, Callable[[], object]] = {
    "socket": _open_socket,
    "unix socket": lambda: socket.socket(socket.AF_UNIX),
    "open for reading": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "open for writing": lambda: os.open("/tmp/absah-wall", os.O_WRONLY | os.O_CREAT),  # noqa: S108
    "list a folder": lambda: list(Path("/").iterdir()),
    "run a program": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606
    "fork": os.fork,
    "memory file": lambda: os.memfd_create("x"),
    "signal another process": lambda: os.kill(os.getppid(), signal.SIGTERM),
    "remove a file": lambda: Path("/tmp/absah-wall").unlink(),  # noqa: S108
    "raise a limit": _raise_a_limit,
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_the_filter_refuses(name: str) -> None:
    assert _in_confined_child(lambda: ATTEMPTS[name]() and None) == 0


def test_memory_may_not_become_code() -> None:
    import mmap

    assert _in_confined_child(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC) and None) == 0


def test_memory_is_limited() -> None:
    def grow() -> None:
        try:
            bytearray(3 << 30)
        except MemoryError:
            raise PermissionError from None

    assert _in_confined_child(grow) == 0


def test_computing_time_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verifier.confinement.CPU_SECONDS", 1)

    def spin() -> None:
        while True:
            pass

    started = time.monotonic()
    assert _in_confined_child(spin) in (-signal.SIGXCPU, -signal.SIGKILL)
    assert time.monotonic() - started < 8


def test_nothing_is_imported_or_opened_for_a_file(tmp_path: Path, people: Pki) -> None:
    """A child cannot import: whatever a file needs must have been loaded before."""
    from sample_files import with_document_timestamp, with_form_filled, with_validation_data
    from small_pki import revocation_list

    signed = signed_pdf(stamped=NOW)
    lists = [revocation_list(people.ca, {})]
    files = {
        "plain": plain_pdf(),
        "signed": signed,
        "filled": with_form_filled(signed),
        "archived": with_document_timestamp(with_validation_data(signed, lists)),
        "weak": signed_pdf(by=people.weak),
        "locked": encrypted_pdf("rahasia"),
        "unlocked": encrypted_pdf(""),
        "scan": plain_pdf() + b" ",
    }
    for name, content in files.items():
        (tmp_path / f"{name}.pdf").write_bytes(content)
    (tmp_path / "root.pem").write_bytes(people.root.pem)
    program = """
import sys
from datetime import datetime
from pathlib import Path
from verifier.confined_child import load_libraries
load_libraries(scans=True)
from verifier.by_file import inspect
folder = Path(sys.argv[1])
files = [path.read_bytes() for path in sorted(folder.glob("*.pdf"))]
root = (folder / "root.pem").read_bytes()
moment = datetime.fromisoformat(sys.argv[2])
touched = []
def note(event, values):
    if event in ("open", "import"):
        touched.append((event, values[0]))
sys.addaudithook(note)
for pdf in files:
    inspect(pdf, anchors=[root], moment=moment, password="rahasia")
print(touched)
"""
    result = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), NOW.isoformat()],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "[]"


def test_neither_an_http_client_nor_what_signs_is_loaded() -> None:
    program = (
        "import verifier.fork_server;"
        "from verifier.confined_child import load_libraries; load_libraries(scans=True);"
        "import sys; unwanted = ('aiohttp', 'requests', 'httpx', 'urllib3', 'pyhanko', 'asn1crypto');"
        "print([name for name in sys.modules if name.startswith(unwanted)])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_rehearsal_fails_where_the_check_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal.rehearse()
    monkeypatch.setattr(rehearsal, "inspect", lambda pdf, **_: inspect(pdf, anchors=[], moment=NOW))
    with pytest.raises(Misconfigured, match="check of a good file failed"):
        rehearsal.rehearse()


def test_libraries_can_be_loaded_twice() -> None:
    load_libraries(scans=True)
    load_libraries(scans=True)
