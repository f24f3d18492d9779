"""Which files a command line names: files, folders, a pipe; and what cannot be checked at all."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from verifier.report import Observation

# As large as a file may be here; a check holds it in memory.
MAXIMUM_BYTES = 500_000_000
STANDARD_INPUT = "-"


@dataclass(frozen=True)
class Input:
    """One file to check: its name as it was given, and why it cannot be, where that is known already.

    ``content`` is that of a pipe which was read already.
    """

    name: str
    path: Path | None
    problem: tuple[Observation, ...] = ()
    content: bytes | None = None


class NotChecked(Exception):
    """A file cannot be read; the observations say why."""

    def __init__(self, *observations: Observation) -> None:
        super().__init__(observations[0].code)
        self.observations = observations


def gather(names: Sequence[str]) -> tuple[list[Input], int]:
    """The files that ``names`` stand for, in order, and how many other files lie in the folders among them.

    A folder stands for every PDF in it and below, whatever the case of its suffix; links to folders in it
    are not followed, so that no circle is walked.
    """
    inputs: list[Input] = []
    passed_over = 0
    for given in names:
        if given == STANDARD_INPUT:
            inputs.append(Input(STANDARD_INPUT, None))
            continue
        if not given:
            # As a path it would be the folder that one happens to be in.
            inputs.append(Input("", None, (Observation("FILE_NOT_FOUND"),)))
            continue
        name = Path(given)
        try:
            is_folder = name.is_dir()
        except (OSError, ValueError):
            is_folder = False  # what it is instead is told when it is opened
        if not is_folder:
            inputs.append(Input(str(name), name))
            continue
        found, others = _walk(name)
        passed_over += others
        inputs += [Input(str(file), file) for file in found]
        if not found:
            problem = (Observation("FILE_IS_DIRECTORY"), Observation("FOLDER_WITHOUT_PDF"))
            inputs.append(Input(str(name), name, problem))
    return inputs, passed_over


def _walk(folder: Path) -> tuple[list[Path], int]:
    found: list[Path] = []
    others = 0
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            if name.lower().endswith(".pdf"):
                found.append(Path(place) / name)
            else:
                others += 1
    return found, others


def read(item: Input) -> bytes:
    """The bytes of a file, whatever it is.

    Raises:
        NotChecked: it is missing, cannot be read, or is too large.
    """
    if item.problem:
        raise NotChecked(*item.problem)
    if item.content is not None:
        return item.content
    if item.path is None:
        return _of_pipe()
    try:
        # Without waiting: to open a pipe that nobody writes to would take for ever.
        descriptor = os.open(item.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise NotChecked(*_why_not(error)) from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise NotChecked(Observation("FILE_NOT_READABLE"), Observation("INPUT_PIPE"))
        if status.st_size > MAXIMUM_BYTES:
            raise NotChecked(_too_large())
        try:
            return file.read(MAXIMUM_BYTES)
        except OSError as error:
            raise NotChecked(Observation("FILE_NOT_READABLE")) from error


def read_pipe(item: Input) -> Input:
    """The same with its content if it is a pipe, so that it can be read more than once."""
    if item.path is not None or item.problem:
        return item
    try:
        return replace(item, content=_of_pipe())
    except NotChecked as error:
        return replace(item, problem=error.observations)


def _of_pipe() -> bytes:
    data = sys.stdin.buffer.read(MAXIMUM_BYTES + 1)
    if len(data) > MAXIMUM_BYTES:
        raise NotChecked(_too_large())
    return data


def _too_large() -> Observation:
    return Observation.of("TOO_LARGE", limit=MAXIMUM_BYTES // 1_000_000)


def _why_not(error: OSError | ValueError) -> Iterator[Observation]:
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOENT, errno.ENOTDIR):
        yield Observation("FILE_NOT_FOUND")
        return
    yield Observation("FILE_NOT_READABLE")
    if number in (errno.EACCES, errno.EPERM):
        yield Observation("INPUT_NO_PERMISSION")
    elif number == errno.ELOOP:
        yield Observation("INPUT_LINK_LOOP")
    elif number == errno.ENXIO:
        yield Observation("INPUT_PIPE")
