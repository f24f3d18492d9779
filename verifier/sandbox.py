"""Where strangers' files are opened: one short-lived, confined process for each.

`Sandbox` keeps a warm fork server, for programs that check many files. `OneShotSandbox` forks the
calling process itself, for the CLI, which checks a few and must start fast. Both have the same walls
(`verifier.confinement`) and the same limits.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from time import monotonic
from typing import Any, TypeVar

from storage.vocabulary import Misconfigured, Unavailable
from verifier.anchor_sets import digest_of, write_set
from verifier.confined_child import (
    MAXIMUM_RESULT_BYTES,
    AnyJob,
    Content,
    Job,
    OpenFile,
    PictureJob,
    SurveyJob,
    load_libraries,
    run_confined,
)
from verifier.confinement import build_filter, load_libc
from verifier.fork_messages import ANCHORS, FORKED, JOB, READY, UNKNOWN, WITHOUT_FILTER
from verifier.page_pictures import PagePair, PagePictures
from verifier.picture_stream import Album
from verifier.report import FileAnswer
from verifier.revocation_exchange import NO_ANSWERS, RevocationAnswers
from verifier.survey_answer import Survey, Wish

__all__ = [
    "PICTURE_SECONDS", "WALL_SECONDS", "OneShotSandbox", "OpenFile", "Sandbox", "SandboxBusy",
]  # fmt: skip

_Result = TypeVar("_Result")

# An answer within ten seconds includes the time around the child.
WALL_SECONDS = 9.0
PICTURE_SECONDS = 5.0
_PAGE_SECONDS = 2.0
_PICTURE_PATIENCE = 1.0
_START_SECONDS = 60.0
_FORK_SECONDS = 5.0
# To look for QR codes on the first pages, once it is known that nothing is signed.
_SCAN_SECONDS = 2.0
# Nearly every file is answered by then.
_SLOW_SECONDS = 1.0
_NO_FILTER_WARNING = "The sandbox runs without its system call filter; for development only."


# Reads a child's answer from a descriptor; the second value ends the child.
_Collect = Callable[[int, Callable[[], None]], _Result | None]


class SandboxBusy(Unavailable):
    """As many files as may be are already being checked or waiting."""

    code = "SANDBOX_BUSY"


class _ServerDied(Exception):
    """The fork server ended; the file is not to blame, so it gets another try."""


class _Place:
    """One of the places where a file is open; whoever keeps it long may have to make room."""

    def __init__(self, taken: threading.BoundedSemaphore, aside: threading.BoundedSemaphore) -> None:
        self._taken, self._aside = taken, aside

    def step_aside(self) -> None:
        """Make room for the next file, if there is a place aside."""
        if self._taken is not self._aside and self._aside.acquire(blocking=False):
            self._taken.release()
            self._taken = self._aside

    def leave(self) -> None:
        """Give up the place, wherever it is."""
        self._taken.release()


class Sandbox:
    """Checks files in confined children of a fork server.

    Use it from any thread. At most ``children`` files are open at once and ``waiting`` more wait, each
    for ``patience`` seconds; others get `SandboxBusy`. A file that takes long steps aside, as many as
    ``children`` at a time, so that slow files do not hold up quick ones: twice as many children run then.
    The server starts with the first file or with `start`.
    """

    def __init__(
        self,
        *,
        children: int = 2,
        waiting: int = 16,
        patience: float = 8.0,
        wall_seconds: float = WALL_SECONDS,
        require_filter: bool = True,
    ) -> None:
        self._line = threading.BoundedSemaphore(children + waiting)
        self._children = threading.BoundedSemaphore(children)
        self._aside = threading.BoundedSemaphore(children)
        self._patience = patience
        self._wall = wall_seconds
        self._require_filter = require_filter
        # One conversation with the server at a time; the children themselves run side by side.
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._threads = ThreadPoolExecutor(children + waiting, thread_name_prefix="sandbox")

    def start(self) -> None:
        """Start the server now, so that the first file does not wait for it.

        Raises:
            Misconfigured: the filter cannot be built here, or the check of a known good file fails.
            Unavailable: the server does not start.
        """
        with self._lock:
            self._running()

    def close(self) -> None:
        """End the server and every child. The sandbox can be started again."""
        with self._lock:
            self._end()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def server_pid(self) -> int | None:
        """The process id of the running server."""
        return self._server.pid if self._server is not None and self._server.poll() is None else None

    async def inspect(
        self,
        pdf: bytes,
        *,
        anchors: Sequence[bytes],
        moment: datetime,
        password: str | None = None,
        in_detail: bool = False,
    ) -> FileAnswer:
        """`inspect_now` for asynchronous programs."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads,
            lambda: self.inspect_now(
                pdf, anchors=anchors, moment=moment, password=password, in_detail=in_detail
            ),
        )

    def inspect_now(
        self,
        pdf: Content,
        *,
        anchors: Sequence[bytes],
        moment: datetime,
        password: str | None = None,
        in_detail: bool = False,
        revocation: RevocationAnswers = NO_ANSWERS,
        seconds: float | None = None,
    ) -> FileAnswer:
        """What a file shows by itself; a file that breaks a limit is unreadable with the finding ``LIMIT``.

        ``revocation`` is judged beside what the file brings; ``seconds`` bounds waiting and check together.

        Raises:
            SandboxBusy: too many files are being checked.
            Misconfigured: the filter cannot be built here.
            Unavailable: the server cannot be started, or died twice.
        """
        end = None if seconds is None else monotonic() + seconds
        with self._place_in_line(None if seconds is None else min(self._patience, seconds)) as place:
            wall = self._wall if end is None else min(self._wall, max(end - monotonic(), 0.0))
            answer = self._run(
                Job.of(pdf, anchors, moment, password, revocation, in_detail=in_detail),
                lambda reading, end_child: _collect(reading, end_child, wall, place.step_aside),
            )
        return answer if answer is not None else FileAnswer.unreadable("LIMIT")

    def survey_now(self, pdf: Content, wish: Wish | None = None) -> Survey:
        """Whether a file may be signed once more, and where the stamp of a ``wish`` fits.

        A file that breaks a limit is refused: ``UPLOAD_LIMIT``.

        Raises:
            SandboxBusy, Misconfigured, Unavailable: as `inspect_now`.
        """
        with self._place_in_line() as place:
            answer = self._run(
                SurveyJob(pdf, wish),
                lambda reading, end_child: _collect(
                    reading, end_child, self._wall, place.step_aside, read=Survey.from_json
                ),
            )
        return answer if answer is not None else Survey(refused="UPLOAD_LIMIT")

    def draw_now(
        self,
        pdf: bytes,
        *,
        field: str,
        password: str | None = None,
        seconds: float = PICTURE_SECONDS,
        keep: Callable[[PagePair], None] | None = None,
    ) -> PagePictures:
        """The pages that look other than in the state that the signature ``field`` covers.

        `verifier.page_pictures.field_to_compare` says which one that should be. A page that takes too long or
        breaks a limit is a finding, and the next one is drawn; after ``seconds`` in all it ends. With
        ``keep``, each page that differs is handed to it as soon as it is drawn, any number of them, and the
        answer has none; what ``keep`` raises ends the drawing.

        Raises:
            SandboxBusy, Misconfigured, Unavailable: as `inspect_now`; a place is waited for one second.
        """
        with self._place_in_line(min(self._patience, _PICTURE_PATIENCE)):
            return _fill_album(pdf, password, seconds, self._run, Album(field, keep))

    @contextmanager
    def _place_in_line(self, patience: float | None = None) -> Iterator[_Place]:
        if not self._line.acquire(blocking=False):
            raise SandboxBusy("Too many files are being checked. Try again in a moment.")
        try:
            if not self._children.acquire(timeout=self._patience if patience is None else patience):
                raise SandboxBusy("Too many files are being checked. Try again in a moment.")
            place = _Place(self._children, self._aside)
            try:
                yield place
            finally:
                place.leave()
        finally:
            self._line.release()

    def _run(self, job: AnyJob, collect: _Collect[_Result]) -> _Result | None:
        """What ``collect`` made of a child's answer; None where the child died of the file."""
        descriptor = job.to_descriptor()
        anchors = job.anchors if isinstance(job, Job) else ()
        descriptors = [descriptor, *([job.pdf.descriptor] if isinstance(job.pdf, OpenFile) else [])]
        try:
            for _ in range(2):
                with suppress(_ServerDied):
                    return self._run_once(descriptors, anchors, collect)
        finally:
            os.close(descriptor)
        raise Unavailable("The sandbox's server ended twice in a row.", code="SANDBOX_UNAVAILABLE")

    def _run_once(
        self, job: Sequence[int], anchors: tuple[bytes, ...], collect: _Collect[_Result]
    ) -> _Result | None:
        reading, writing = os.pipe()
        child: int | None = None
        try:
            try:
                with self._lock:
                    control = self._running()
                    child = _ask_for_child(control, job, writing, anchors)
            except (OSError, _ServerDied) as error:
                with self._lock:
                    self._end()
                raise _ServerDied from error
            finally:
                os.close(writing)
            handle = child

            def end_child() -> None:
                if handle is not None:
                    with suppress(ProcessLookupError):
                        signal.pidfd_send_signal(handle, signal.SIGKILL)

            answer = collect(reading, end_child)
        finally:
            os.close(reading)
            if child is not None:
                os.close(child)
        if answer is None and self.server_pid is None:
            # Its children died with it, whatever the file was.
            raise _ServerDied
        return answer

    def _running(self) -> socket.socket:
        """The socket of a server that runs; called with the lock held."""
        if self._control is not None and self._server is not None and self._server.poll() is None:
            return self._control
        self._end()
        filtered = _filter(required=self._require_filter) is not None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        arguments = [sys.executable, "-I", "-X", "utf8", "-m", "verifier.fork_server"]
        if not filtered:
            arguments.append(WITHOUT_FILTER)
        with theirs:
            self._server = subprocess.Popen(
                arguments,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                close_fds=True,
                start_new_session=True,
            )
        self._control = ours
        ours.settimeout(_START_SECONDS)
        try:
            message = ours.recv(4096)
        except OSError:
            message = b""
        if message == READY:
            ours.settimeout(_FORK_SECONDS)
            return ours
        self._end()
        if message:
            code, _, sentence = message.decode().partition(" ")
            raise Misconfigured(sentence, code=code)
        raise Unavailable("The sandbox's server does not start.", code="SANDBOX_UNAVAILABLE")

    def _end(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None


class OneShotSandbox:
    """Checks each file in a confined fork of this process, which must have no other threads."""

    def __init__(self, *, require_filter: bool = True, wall_seconds: float = WALL_SECONDS) -> None:
        self._wall = wall_seconds
        self._require_filter = require_filter
        self._libc: ctypes.CDLL | None = None
        self._program: bytes | None = None
        self._loaded: set[bool] = set()

    def inspect_now(
        self,
        pdf: bytes,
        *,
        anchors: Sequence[bytes],
        moment: datetime,
        password: str | None = None,
        in_detail: bool = False,
        revocation: RevocationAnswers = NO_ANSWERS,
        seconds: float | None = None,
    ) -> FileAnswer:
        """What a file shows by itself; see `Sandbox.inspect_now`.

        Raises:
            Misconfigured: the filter cannot be built here.
        """
        # A signature dictionary is never compressed (its ByteRange is patched in place), so a file
        # without the word may be a scan, and only that needs the picture libraries.
        # What draws pages is needed for a scan, and to see whether something later covers what was signed.
        self._load(scans=b"/ByteRange" not in pdf or pdf.count(b"%%EOF") > 1)
        answer = self._run(
            Job.of(pdf, anchors, moment, password, revocation, in_detail=in_detail),
            lambda reading, end_child: _collect(reading, end_child, min(self._wall, seconds or self._wall)),
        )
        return answer if answer is not None else FileAnswer.unreadable("LIMIT")

    def draw_now(
        self,
        pdf: bytes,
        *,
        field: str,
        password: str | None = None,
        seconds: float = PICTURE_SECONDS,
        keep: Callable[[PagePair], None] | None = None,
    ) -> PagePictures:
        """The pages that look other than when they were signed; see `Sandbox.draw_now`.

        Raises:
            Misconfigured: the filter cannot be built here.
        """
        self._load(scans=True)
        return _fill_album(pdf, password, seconds, self._run, Album(field, keep))

    def _load(self, *, scans: bool) -> None:
        # Everything is loaded here and not before: a file that the register knows never comes this far.
        self._prepared()
        if scans not in self._loaded:
            load_libraries(scans=scans)
            self._loaded.add(scans)

    def _run(self, job: AnyJob, collect: _Collect[_Result]) -> _Result | None:
        libc = self._prepared()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            # Nothing lives long enough to be collected.
            gc.disable()
            run_confined(job, writing, libc, self._program)
        os.close(writing)
        try:
            return collect(reading, lambda: os.kill(child, signal.SIGKILL))
        finally:
            os.close(reading)
            os.waitpid(child, 0)

    def _prepared(self) -> ctypes.CDLL:
        if self._libc is None:
            libc = load_libc()
            self._program = _filter(required=self._require_filter)
            self._libc = libc
        return self._libc


def _filter(*, required: bool) -> bytes | None:
    """The system call filter; None, with a warning, where it cannot be had and is not required."""
    try:
        return build_filter()
    except Misconfigured:
        if required:
            raise
        warnings.warn(_NO_FILTER_WARNING, RuntimeWarning, stacklevel=4)
        return None


def _ask_for_child(
    control: socket.socket, job: Sequence[int], result: int, anchors: tuple[bytes, ...]
) -> int | None:
    """A descriptor of the child that now works on the job; None where it has ended already.

    A file that the child maps stands behind the job. The job names its anchors by their digest. A server that
    does not know them is told them, once.
    """
    request, sent = JOB + digest_of(anchors), [job[0], result, *job[1:]]
    socket.send_fds(control, [request], sent)
    message, descriptors, _, _ = socket.recv_fds(control, 16, 1)
    if message == UNKNOWN:
        _tell_anchors(control, anchors)
        socket.send_fds(control, [request], sent)
        message, descriptors, _, _ = socket.recv_fds(control, 16, 1)
    if message != FORKED:
        raise _ServerDied
    return descriptors[0] if descriptors else None


def _tell_anchors(control: socket.socket, anchors: tuple[bytes, ...]) -> None:
    told = write_set(anchors)
    try:
        control.settimeout(_START_SECONDS)
        socket.send_fds(control, [ANCHORS], [told])
        if control.recv(16) != READY:
            raise _ServerDied
    finally:
        control.settimeout(_FORK_SECONDS)
        os.close(told)


def _collect(
    reading: int,
    end_child: Callable[[], None],
    wall_seconds: float,
    when_slow: Callable[[], None] = lambda: None,
    *,
    read: Callable[[Any], _Result] = FileAnswer.from_json,  # type: ignore[assignment]
) -> _Result | None:
    """The child's answer, or None where it died, was too slow, or said too much or nonsense.

    The last whole line counts. After the first a child may only go on for as long as the pages of a scan
    take: what stands by then is the answer, whatever becomes of the child.
    ``when_slow`` is called where the answer takes longer than nearly every other.
    """
    started = monotonic()
    slow, deadline = min(_SLOW_SECONDS, wall_seconds) + started, wall_seconds + started
    parts: list[bytes] = []
    size = 0
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    while True:
        left = deadline - monotonic()
        if size > MAXIMUM_RESULT_BYTES:
            end_child()
            return None
        if left <= 0:
            end_child()
            break
        if not poll.poll(1000 * max(0.0, min(left, slow - monotonic()))):
            if slow < deadline:
                when_slow()
            slow = deadline
            continue
        part = os.read(reading, 1 << 16)
        if not part:
            break
        if b"\n" in part and not any(b"\n" in earlier for earlier in parts):
            deadline = min(deadline, monotonic() + _SCAN_SECONDS)
        parts.append(part)
        size += len(part)
    try:
        return read(json.loads(b"".join(parts).rpartition(b"\n")[0].rpartition(b"\n")[2]))
    except (ValueError, KeyError, TypeError):
        return None


def _fill_album(
    pdf: bytes,
    password: str | None,
    seconds: float,
    run: Callable[[PictureJob, _Collect[Album]], Album | None],
    album: Album,
) -> PagePictures:
    """Child after child, each beginning behind the page where the one before paused, or of which it died."""
    deadline = monotonic() + seconds

    def collect(reading: int, end_child: Callable[[], None]) -> Album | None:
        try:
            return _collect_pictures(reading, end_child, album, deadline)
        except BaseException:
            end_child()
            raise

    while not album.complete:
        if run(PictureJob(pdf, album.field, password, album.done), collect) is None:
            album.skip_page()
        if not album.complete and monotonic() >= deadline:
            album.stop()
    return album.pictures()


def _collect_pictures(
    reading: int, end_child: Callable[[], None], album: Album, deadline: float
) -> Album | None:
    """The album with what the child drew; None where the child died of the next page or said nonsense."""
    album.begin()
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    while not (album.complete or album.paused):
        left = deadline - monotonic()
        if left <= 0:
            album.stop()
            break
        if not poll.poll(1000 * min(left, _PAGE_SECONDS)):
            if left <= _PAGE_SECONDS:
                continue
            end_child()
            return None
        part = os.read(reading, 1 << 16)
        if not part:
            return None
        try:
            album.read(part)
        except ValueError:
            end_child()
            return None
    end_child()
    return album
