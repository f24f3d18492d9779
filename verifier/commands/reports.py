"""Validation reports as files: ``--report etsi``, on standard output or one beside the other in a folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from storage.vocabulary import Misconfigured
from verifier.commands.inputs import STANDARD_INPUT, Input
from verifier.report import Report

_SUFFIX = ".etsi.xml"


class ReportFolder:
    """A folder that gets ``NAME.etsi.xml`` for each file; nothing that is there is ever written over."""

    def __init__(self, folder: Path, inputs: Sequence[Input]) -> None:
        """Make the folder, and see that all can be written.

        Raises:
            Misconfigured: it cannot be a folder, cannot be written to, or has one of the reports already.
        """
        self._folder = folder
        self._names = _file_names(inputs)
        self._next = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _refused(folder, error) from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise Misconfigured(f"{folder} cannot be written to (Permission denied).", code="OUTPUT")
        there = next((name for name in self._names if os.path.lexists(folder / name)), None)
        if there is not None:
            raise Misconfigured(f"{folder / there} is there already; name another folder.", code="OUTPUT")

    def add(self, report: Report) -> None:
        """The report about the next input.

        Raises:
            Misconfigured: it could not be written.
        """
        from verifier.etsi_report import write_etsi_report

        file = self._folder / self._names[self._next]
        self._next += 1
        try:
            # Exclusively: whatever came in between is not ours to replace.
            with file.open("xb") as out:
                out.write(write_etsi_report(report))
        except OSError as error:
            raise _refused(file, error) from error


def print_report(report: Report) -> None:
    """The report about the only file, on standard output."""
    from verifier.etsi_report import write_etsi_report

    sys.stdout.buffer.write(write_etsi_report(report) + b"\n")


def _refused(place: Path, error: OSError) -> Misconfigured:
    return Misconfigured(f"{place} cannot be written ({error.strerror}).", code="OUTPUT")


def _file_names(inputs: Sequence[Input]) -> list[str]:
    """One name for each input, in order; files of the same name in two folders are numbered."""
    names: list[str] = []
    taken: set[str] = set()
    for item in inputs:
        stem = "stdin" if item.name == STANDARD_INPUT else Path(item.name).name or "folder"
        name, number = stem + _SUFFIX, 2
        while name.casefold() in taken:
            name, number = f"{stem}.{number}{_SUFFIX}", number + 1
        taken.add(name.casefold())
        names.append(name)
    return names
