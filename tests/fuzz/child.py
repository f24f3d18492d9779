"""A process of its own in which mutated files are looked at, under the limits of the sandbox.

A file that makes it die, or takes longer than the sandbox would wait, is a fault like any other.
"""

from __future__ import annotations

import multiprocessing
import resource
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from random import Random
from types import TracebackType

from tests.fuzz.mutations import MUTATIONS
from tests.fuzz.oracle import faults, is_accepted, judged
from tests.fuzz.revisions import REVISIONS
from tests.fuzz.sources import source

_ADDRESS_SPACE = 1 << 30
_SECONDS = 8  # of processor time, what the sandbox gives a file
ALL = {**MUTATIONS, **REVISIONS}


@dataclass(frozen=True)
class Case:
    """One mutated file: what it was made of, by which mutation, and the seed that makes it again."""

    source: str
    other: str
    mutation: str
    seed: int

    def make(self) -> bytes:
        """The file."""
        return ALL[self.mutation](source(self.source, 1), source(self.other, 1), Random(self.seed))


@dataclass(frozen=True)
class Result:
    """What came of a case; ``faults`` is empty where all is well."""

    accepted: bool
    verdict: str
    faults: tuple[str, ...]


class Child:
    """Looks at one case after the other; started anew after one that it did not survive."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._start()

    def _start(self) -> None:
        self._pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def look(self, case: Case) -> Result:
        """Make the file and judge it."""
        self._pipe.send(case)
        try:
            answer = self._pipe.recv()
        except EOFError:
            self._process.join()
            code = self._process.exitcode
            self._start()
            return Result(False, "died", (f"the process ended with {code}",))
        assert isinstance(answer, Result)
        return answer

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._pipe.close()
        self._process.join(timeout=_SECONDS)


def _serve(pipe: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        try:
            case = pipe.recv()
        except EOFError:
            return
        pipe.send(_look(case))


def _look(case: Case) -> Result:
    try:
        pdf = case.make()
    except Exception as error:  # a source that the mutation cannot be applied to
        return Result(False, f"not made: {error!r}"[:200], ())
    signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)  # its signal ends the process
    try:
        answer = judged(pdf)
    except BaseException as error:
        return Result(False, "raised", (repr(error)[:300],))
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    sources = [source(name, 1) for name in (case.source, case.other)]
    found = faults(sources, pdf, answer, may_add=case.mutation == "signed again")
    return Result(is_accepted(answer), _named(answer), tuple(found))


def _named(answer: object) -> str:
    codes = [finding.code for finding in getattr(answer, "findings", ())]
    return " ".join(dict.fromkeys(codes))[:300]
