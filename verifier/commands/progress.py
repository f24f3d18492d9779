"""A progress bar on standard error, for whoever waits at a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from verifier.report import Report


def with_progress(reports: Iterable[Report], count: int, words: str) -> Iterator[Report]:
    """The same reports; the bar moves with each and vanishes at the end."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Without a thread of its own: the sandbox for few files forks this process.
    with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as progress:
        task = progress.add_task(words, total=count)
        for report in reports:
            progress.advance(task)
            progress.refresh()
            yield report
