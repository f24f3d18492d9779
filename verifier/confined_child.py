"""One file, one process: what a child of the sandbox does between its birth and its end."""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import signal
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NoReturn

from verifier.confinement import confine, die_with_parent
from verifier.report import FileAnswer, Observation
from verifier.revocation_exchange import NO_ANSWERS, RevocationAnswers
from verifier.survey_answer import Survey, Wish

MAXIMUM_RESULT_BYTES = 4 * 1024 * 1024
_HEADER = struct.Struct("!Q")


@dataclass(frozen=True)
class OpenFile:
    """A regular file, open for reading, that a child maps: so a large one lies nowhere twice.

    Whoever asks keeps it as it is until the answer is there.
    """

    descriptor: int

    def mapped(self) -> mmap.mmap:
        """Its bytes; what a library writes into them stays in this process."""
        return mmap.mmap(self.descriptor, 0, access=mmap.ACCESS_COPY)


Content = bytes | OpenFile


@dataclass(frozen=True)
class Job:
    """A file and what is needed to judge it; ``in_detail`` as in `verifier.by_file.inspect`.

    ``anchors`` are certificates in DER or PEM, ``revocation`` is what addresses of certification
    authorities answered.
    """

    pdf: Content
    anchors: tuple[bytes, ...]
    moment: datetime
    password: str | None
    in_detail: bool = False
    revocation: RevocationAnswers = NO_ANSWERS

    @classmethod
    def of(
        cls,
        pdf: Content,
        anchors: Sequence[bytes],
        moment: datetime,
        password: str | None,
        revocation: RevocationAnswers = NO_ANSWERS,
        *,
        in_detail: bool = False,
    ) -> Job:
        """A job, with the anchors copied."""
        return cls(pdf, tuple(anchors), moment, password, in_detail, revocation)

    def to_descriptor(self) -> int:
        """A memory file with this job, its anchors left out, for another process. The caller closes it."""
        header = {
            "moment": self.moment.isoformat(),
            "password": self.password,
            "in_detail": self.in_detail,
            "crls": [len(each) for each in self.revocation.crls],
            "ocsps": [len(each) for each in self.revocation.ocsps],
        }
        return _write_job(header, *self.revocation.crls, *self.revocation.ocsps, *_copied(self.pdf))


@dataclass(frozen=True)
class PictureJob:
    """A file whose pages are compared with what the signature ``field`` covers; ``done`` of them are."""

    pdf: bytes
    field: str
    password: str | None
    done: int

    def to_descriptor(self) -> int:
        """As that of `Job`."""
        header = {"field": self.field, "password": self.password, "done": self.done}
        return _write_job(header, self.pdf)


@dataclass(frozen=True)
class SurveyJob:
    """A file that is to be signed: whether it may be, and where a stamp fits."""

    pdf: Content
    wish: Wish | None

    def to_descriptor(self) -> int:
        """As that of `Job`."""
        return _write_job({"wish": self.wish and self.wish.to_json()}, *_copied(self.pdf))


AnyJob = Job | PictureJob | SurveyJob


def _copied(pdf: Content) -> tuple[bytes, ...]:
    # An open file travels beside the job.
    return (pdf,) if isinstance(pdf, bytes) else ()


def _write_job(header: dict[str, Any], *parts: bytes) -> int:
    encoded = json.dumps(header).encode()
    descriptor = os.memfd_create("job")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(_HEADER.pack(len(encoded)))
        file.write(encoded)
        for part in parts:
            file.write(part)
    return descriptor


def _read_job(descriptor: int, anchors: tuple[bytes, ...], file: int | None) -> AnyJob:
    """What `to_descriptor` wrote; closes the descriptor."""
    try:
        (length,) = _HEADER.unpack(os.pread(descriptor, _HEADER.size, 0))
        header: dict[str, Any] = json.loads(_read_at(descriptor, length, _HEADER.size))
        start = _HEADER.size + length
        evidence: dict[str, tuple[bytes, ...]] = {}
        for key in ("crls", "ocsps"):
            parts = []
            for size in header.get(key, ()):
                parts.append(_read_at(descriptor, size, start))
                start += size
            evidence[key] = tuple(parts)
        pdf: Any = OpenFile(file) if file is not None else None
        if pdf is None:
            pdf = _read_at(descriptor, os.fstat(descriptor).st_size - start, start)
    finally:
        os.close(descriptor)
    if "field" in header:
        return PictureJob(pdf, header["field"], header["password"], header["done"])
    if "wish" in header:
        return SurveyJob(pdf, header["wish"] and Wish.from_json(header["wish"]))
    return Job(
        pdf,
        anchors,
        datetime.fromisoformat(header["moment"]),
        header["password"],
        header["in_detail"],
        RevocationAnswers(evidence["crls"], evidence["ocsps"]),
    )


def _read_at(descriptor: int, size: int, start: int) -> bytes:
    """So many bytes at once: a reader that grows its buffer holds a large file twice."""
    found = os.pread(descriptor, size, start)
    while len(found) < size and (more := os.pread(descriptor, size - len(found), start + len(found))):
        found += more
    return found


def load_libraries(*, scans: bool) -> None:
    """Import all that a child needs, since it cannot open a file; ``scans`` also what reads pictures."""
    from verifier import by_file, font_codes, page_pictures, picture_stream, preload, scan, survey

    preload.load_lazy_modules()
    if scans:
        scan.preload()
        page_pictures.preload()
        font_codes.preload()
    _ = by_file, picture_stream, survey


def run_confined(
    job: AnyJob | int,
    result: int,
    libc: ctypes.CDLL,
    program: bytes | None,
    anchors: tuple[bytes, ...] = (),
    file: int | None = None,
) -> NoReturn:
    """Judge or draw one file behind the walls, write the answer to ``result``, and end.

    Never returns: it runs in a process forked for it. A job may be a descriptor made by its
    ``to_descriptor``; then ``anchors`` are its anchors, and ``file`` is that of an `OpenFile`. A verdict is a
    line of JSON, of which a later one takes the place, a survey is one; pictures are the messages of
    `picture_stream`. The file reaches no code that parses it before the walls are up.
    """
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        die_with_parent(libc)
        ready = _read_job(job, anchors, file) if isinstance(job, int) else job
        pdf: Any = ready.pdf.mapped() if isinstance(ready.pdf, OpenFile) else ready.pdf
        _close_all_but(result)
        confine(libc, program)
        os.write(result, b"")
        if isinstance(ready, PictureJob):
            _draw(result, ready)
        elif isinstance(ready, SurveyJob):
            _write(result, json.dumps(_survey(pdf, ready.wish).to_json()).encode() + b"\n")
        else:
            _write(result, _judge(pdf, ready, lambda answer: _write(result, _encoded(answer))))
        # Said before the memory is given back, which takes longer than to read the answer.
        os.close(result)
    except BaseException:  # whatever happens in here must not run the parent's code
        os._exit(1)
    os._exit(0)


def _draw(result: int, job: PictureJob) -> None:
    from verifier.picture_stream import send

    send(lambda message: _write(result, message), job.pdf, job.field, job.password, job.done)


def _survey(pdf: Any, wish: Wish | None) -> Survey:
    from verifier.survey import survey

    return survey(pdf, wish)


def _judge(pdf: Any, job: Job, tell: Callable[[FileAnswer], None]) -> bytes:
    from verifier.by_file import inspect

    try:
        answer = inspect(
            pdf,
            anchors=job.anchors,
            moment=job.moment,
            password=job.password,
            in_detail=job.in_detail,
            revocation=job.revocation,
            tell=tell,
        )
        encoded = _encoded(answer)
        if answer.details is not None and len(encoded) > MAXIMUM_RESULT_BYTES:
            findings = (*answer.findings, Observation("DETAILS_MISSING"))
            encoded = _encoded(replace(answer, details=None, findings=findings))
    except (MemoryError, RecursionError):
        encoded = b""
    if not 0 < len(encoded) <= MAXIMUM_RESULT_BYTES:
        encoded = _encoded(FileAnswer.unreadable("LIMIT"))
    return encoded


def _encoded(answer: FileAnswer) -> bytes:
    return json.dumps(answer.to_json()).encode() + b"\n"


def _close_all_but(keep: int) -> None:
    os.closerange(0, keep)
    os.closerange(keep + 1, os.sysconf("SC_OPEN_MAX"))


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
