"""A progress bar on standard error, for whoever waits at a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_Answer = TypeVar("_Answer")


def with_progress(answers: Iterable[_Answer], count: int, words: str) -> Iterator[_Answer]:
    """The same answers; the bar moves with each and vanishes at the end."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Without a thread of its own: the sandbox for few files forks this process.
    with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as progress:
        task = progress.add_task(words, total=count)
        for answer in answers:
            progress.advance(task)
            progress.refresh()
            yield answer
