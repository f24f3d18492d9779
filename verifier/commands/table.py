"""Tables at a terminal, cut at its width; whole where nobody looks, so that a pipe loses nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from storage.vocabulary import Verdict
from verifier.commands.words import LABELS, MARKS, common_name, plain_time, signers
from verifier.report import Report, printable

_COLOURS = {"green": "green", "yellow": "yellow", "red": "red", "grey": "bright_black"}
_MOST_REASONS = 20
# Where the output is no terminal.
_WIDE = 1000
_LONGEST_NAME = 60


class Overview:
    """A row for each file, and how often each verdict came; only the rows are kept, not the reports."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, str, str, str, str]] = []
        self._verdicts: Counter[tuple[str, str]] = Counter()
        self._reasons: list[str] = []
        self._lang = "id"

    def add(self, report: Report) -> None:
        """One more file."""
        self._lang = report.lang
        colour = _COLOURS[report.colour]
        self._verdicts[report.heading, colour] += 1
        if report.verdict in (Verdict.UNREADABLE, Verdict.UNAVAILABLE) and len(self._reasons) < _MOST_REASONS:
            told = " ".join(f"{each.message} [{each.code}]" for each in report.findings)
            self._reasons.append(f"{printable(report.file, 400)}: {told}")
        first = next(iter(signers(report)), None)
        others = f" +{len(signers(report)) - 1}" if len(signers(report)) > 1 else ""
        at = first.signed_at if first is not None else None
        self._rows.append(
            (
                printable(report.file, 400),
                f"{MARKS[report.colour]} {report.heading}",
                common_name(first.signer) + others if first is not None else "—",
                plain_time(at) if at is not None else "—",
                colour,
            )
        )

    def show(self) -> None:
        """The table, the sums below it, and where the details are."""
        labels = LABELS[self._lang]
        console = _console()
        table = _table([labels[each] for each in ("file", "verdict", "signer", "time")])
        if console.is_terminal:
            # A long name must not take the room of what it is about; of the time, the date is what counts.
            left = console.width - 16
            for column, share in zip(table.columns, (0.34, 0.40, 0.26), strict=False):
                column.max_width = max(8, int(left * share) - 1)
            table.columns[3].min_width = 10
            # The verdict is what the table is for: it is told in full, on two lines if it must be.
            for column in table.columns[1:]:
                column.overflow, column.no_wrap = "fold", False
        longest = table.columns[0].max_width or _LONGEST_NAME
        for file, verdict, signer, at, colour in self._rows:
            # As Text, because a file's name may look like markup.
            table.add_row(Text(_short(file, longest)), Text(verdict, style=colour), Text(signer), Text(at))
        console.print(table)
        # What could not be checked at all says at once what it is and what to do instead.
        for reason in self._reasons:
            console.print(Text(reason))
        console.print(Text(labels["files"].format(count=len(self._rows)), style="bold"))
        for (heading, colour), count in self._verdicts.most_common():
            console.print(Text(f"{count:>6}  {heading}", style=colour))
        console.print(Text(labels["more"]))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, whole: Sequence[int]) -> None:
    """A plain table; the columns numbered in ``whole`` are never cut, but folded."""
    table = _table(columns)
    for position in whole:
        table.columns[position].overflow, table.columns[position].no_wrap = "fold", False
    for row in rows:
        table.add_row(*(Text(printable(cell, 400)) for cell in row))
    _console().print(table)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=_WIDE)


def _table(columns: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name, overflow="ellipsis", no_wrap=True)
    return table


def _short(name: str, longest: int) -> str:
    """A path whose end, which tells files apart, is seen also in a narrow column."""
    return name if len(name) <= longest else "…" + name[1 - longest :]
