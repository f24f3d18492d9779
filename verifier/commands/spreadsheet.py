"""The answers as CSV (RFC 4180): a header, stable columns, and nothing that a spreadsheet would calculate."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import TextIO

from verifier.commands.words import signers
from verifier.report import Report

COLUMNS = (
    "file", "sha256", "verdict", "summary", "signatures", "signers", "signed_at", "signed_at_source", "trust",
    "level", "register_status", "number", "type", "findings", "elapsed_ms",
)  # fmt: skip
# What makes a spreadsheet take a cell for a formula; a tab or line end before it is skipped by some.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class Spreadsheet:
    """Rows on ``out``, the header first."""

    def __init__(self, out: TextIO) -> None:
        self._writer = csv.writer(out, lineterminator="\r\n")
        self._writer.writerow(COLUMNS)

    def add(self, report: Report) -> None:
        """One file. Where several signed, the latest time and the values of each, in signing order."""
        people = signers(report)
        register = report.register
        self._writer.writerow(
            _harmless(cell)
            for cell in (
                report.file,
                report.sha256,
                str(report.verdict),
                report.summary,
                str(len(report.signatures)),
                "; ".join(each.signer for each in people),
                next((each.signed_at for each in reversed(people) if each.signed_at), ""),
                people[-1].signed_at_source if people else "",
                _each(each.trust for each in people),
                _each(each.level for each in people),
                str(register.status) if register is not None and register.status is not None else "",
                (register.number or "") if register is not None else "",
                (register.type or "") if register is not None else "",
                " ".join(finding.code for finding in report.findings),
                f"{report.elapsed_ms}",
            )
        )


def _each(values: Iterable[str]) -> str:
    return "; ".join(values)


def _harmless(cell: str | None) -> str:
    """A cell that is shown as it is: an apostrophe before what would be calculated."""
    text = (cell or "").replace("\0", "")
    return f"'{text}" if text.startswith(_FORMULA) or text.lstrip(" ").startswith(_FORMULA) else text
