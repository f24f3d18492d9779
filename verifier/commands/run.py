"""Checking many files at once, in the order in which they were named, each with its own answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, TypeVar

from storage.vocabulary import Misconfigured
from verifier.check import Lookup, check
from verifier.commands.inputs import Input, NotChecked, read
from verifier.commands.pictures import Drawing, PictureFolder
from verifier.inspection import Inspector
from verifier.report import FileAnswer, Finding, Observation, Report
from verifier.verdict import conclude, findings_of
from verifier.words import Lang

if TYPE_CHECKING:
    from verifier.revocation_source import RevocationSource

# Up to so many files, a fork of this process is quicker than the start of a server that forks for them.
_FEW = 3

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")


class Box(Inspector, Drawing, Protocol):
    """What opens and draws strangers' files."""


@dataclass(frozen=True)
class Conditions:
    """What is the same for every file; ``complain`` is told what the operator has to mend.

    ``in_detail`` as in `verifier.check.check`. ``revocation`` is None where no address may be asked.
    """

    lookup: Lookup | None
    anchors: tuple[bytes, ...]
    hosts: tuple[str, ...]
    lang: Lang
    password: str | None
    more: tuple[Observation, ...]
    complain: Callable[[str], None]
    in_detail: bool = False
    revocation: RevocationSource | None = None


class Workers:
    """The sandbox for a number of files, and the hands that use it, ``jobs`` at a time.

    ``threads`` says that this process has others, so that it must not be forked.
    """

    def __init__(self, count: int, jobs: int, *, threads: bool = False) -> None:
        # Late: loaded for the first file, not for the help.
        from verifier.sandbox import OneShotSandbox, Sandbox

        self._jobs = jobs
        self._end = ExitStack()
        self._sandbox: Box
        self._hands: ThreadPoolExecutor | None = None
        if count <= _FEW and not threads:
            self._sandbox = OneShotSandbox()
            return
        many = Sandbox(children=jobs, waiting=jobs, patience=60.0)
        self._sandbox = many
        self._end.callback(many.close)
        # The last that is noted down ends first: nobody uses a sandbox that is closed.
        self._hands = self._end.enter_context(ThreadPoolExecutor(jobs, thread_name_prefix="check"))

    def each(self, work: Callable[[_Item, Box], _Answer], items: Iterable[_Item]) -> Iterator[_Answer]:
        """What ``work`` makes of each item, in their order.

        No more than twice as many answers are held as there are jobs: memory does not grow with the files.
        """
        if self._hands is None:
            for item in items:
                yield work(item, self._sandbox)
            return
        under_way: deque[Future[_Answer]] = deque()
        try:
            for item in items:
                under_way.append(self._hands.submit(work, item, self._sandbox))
                if len(under_way) >= 2 * self._jobs:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # An interrupt ends the process: then nobody waits for the files that are open.
        if kind is None or issubclass(kind, Exception):
            self._end.close()


def check_all(inputs: Iterable[Input], conditions: Conditions, workers: Workers) -> Iterator[Report]:
    """One report for each input, in their order."""
    return workers.each(lambda item, sandbox: _check(item, conditions, sandbox), inputs)


def check_and_draw_all(
    inputs: Iterable[Input], conditions: Conditions, workers: Workers, folder: PictureFolder
) -> Iterator[Report]:
    """As `check_all`, each with what there is to tell of its pages, which are drawn by then."""

    def work(item: Input, sandbox: Box) -> Report:
        report = _check(item, conditions, sandbox)
        return replace(report, findings=(*report.findings, *_draw(item, report, conditions, sandbox, folder)))

    return workers.each(work, inputs)


def draw_all(
    checked: Iterable[tuple[Input, Report]], conditions: Conditions, workers: Workers, folder: PictureFolder
) -> Iterator[tuple[Report, tuple[Finding, ...]]]:
    """The pages of files that were checked already: each report with what there is to tell of its pages."""

    def work(item: tuple[Input, Report], sandbox: Box) -> tuple[Report, tuple[Finding, ...]]:
        return item[1], _draw(*item, conditions, sandbox, folder)

    return workers.each(work, checked)


def _draw(
    item: Input, report: Report, conditions: Conditions, sandbox: Box, folder: PictureFolder
) -> tuple[Finding, ...]:
    try:
        told = folder.draw(item, report, sandbox, conditions.password)
    except Exception as error:  # pictures are for people: whatever fails, the answer about the file is given
        conditions.complain(f"{item.name}: {type(error).__name__}")
        told = (Observation("PAGE_PICTURES_IMPOSSIBLE"),)
    return findings_of(told, report.lang)


def _check(item: Input, conditions: Conditions, sandbox: Inspector) -> Report:
    """Every file gets its answer, also when one of them finds an error of ours."""
    started = perf_counter()
    try:
        return check(
            read(item),
            lookup=conditions.lookup,
            anchors=conditions.anchors,
            sandbox=sandbox,
            revocation=conditions.revocation,
            now=datetime.now(UTC),
            lang=conditions.lang,
            password=conditions.password,
            hosts=conditions.hosts,
            name=item.name,
            more=conditions.more,
            in_detail=conditions.in_detail,
        )
    except NotChecked as error:
        return _failed(item, error.observations, conditions.lang, started)
    except Misconfigured as error:
        conditions.complain(error.message)
        return _failed(item, (Observation("SANDBOX_UNAVAILABLE"),), conditions.lang, started, ours=True)
    except Exception as error:
        conditions.complain(f"{item.name}: {type(error).__name__}")
        return _failed(item, (Observation("INTERNAL"),), conditions.lang, started, ours=True)


def _failed(
    item: Input,
    reasons: Sequence[Observation],
    lang: Lang,
    started: float,
    *,
    ours: bool = False,
) -> Report:
    """The report about a file that was not opened: through its fault (unreadable) or ours (unavailable)."""
    return conclude(
        None if ours else FileAnswer(readable=False, findings=tuple(reasons)),
        None,
        known_original=False,
        register_asked=False,
        now=datetime.now(UTC),
        lang=lang,
        name=item.name,
        sha256="",
        more=tuple(reasons) if ours else (),
        elapsed_ms=round((perf_counter() - started) * 1000, 2),
    )
