"""Checking many files at once, in the order in which they were named, each with its own answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter

from storage.vocabulary import Misconfigured
from verifier.check import Inspector, Lookup, check
from verifier.commands.inputs import Input, NotChecked, read
from verifier.report import FileAnswer, Observation, Report
from verifier.verdict import conclude
from verifier.words import Lang

# Up to so many files, a fork of this process is quicker than the start of a server that forks for them.
_FEW = 3


@dataclass(frozen=True)
class Conditions:
    """What is the same for every file; ``complain`` is told what the operator has to mend."""

    lookup: Lookup | None
    anchors: tuple[bytes, ...]
    hosts: tuple[str, ...]
    lang: Lang
    password: str | None
    more: tuple[Observation, ...]
    complain: Callable[[str], None]


def check_all(inputs: Sequence[Input], conditions: Conditions, jobs: int) -> Iterator[Report]:
    """One report for each input, in their order; ``jobs`` files are open at a time.

    No more than twice as many answers are held as there are jobs: memory does not grow with the files.
    """
    from verifier.sandbox import OneShotSandbox, Sandbox

    if len(inputs) <= _FEW:
        one_shot = OneShotSandbox()
        for item in inputs:
            yield _check(item, conditions, one_shot)
        return
    sandbox = Sandbox(children=jobs, waiting=jobs, patience=60.0)
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="check")
    under_way: deque[Future[Report]] = deque()
    try:
        for item in inputs:
            under_way.append(pool.submit(_check, item, conditions, sandbox))
            if len(under_way) >= 2 * jobs:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        for future in under_way:
            future.cancel()
        pool.shutdown(wait=True)
        sandbox.close()


def _check(item: Input, conditions: Conditions, sandbox: Inspector) -> Report:
    """Every file gets its answer, also when one of them finds an error of ours."""
    started = perf_counter()
    try:
        return check(
            read(item),
            lookup=conditions.lookup,
            anchors=conditions.anchors,
            sandbox=sandbox,
            now=datetime.now(UTC),
            lang=conditions.lang,
            password=conditions.password,
            hosts=conditions.hosts,
            name=item.name,
            more=conditions.more,
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
