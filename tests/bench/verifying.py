"""The rows about verifying: ours beside EU DSS and pyHanko, on files of our own. No register, no network."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from io import BytesIO
from pathlib import Path

from asn1crypto import pem, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import dss as pyhanko_dss
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko_certvalidator import ValidationContext

from templates.render import Rendered
from tests.bench import archived
from tests.bench.dss import Dss, missing
from tests.bench.row import Row, interleave
from tests.interop import authority
from verifier.by_file import inspect
from verifier.page_pictures import field_to_compare
from verifier.sandbox import Sandbox

_MANY = 500
_SAMPLING_SECONDS = 0.005
# The JVM goes on working for 30 to 50 ms behind an answer, and the sandbox makes its next child ready.
_REST = 0.15
_INTACT = ("TOTAL-PASSED", "TOTAL-PASSED")


class Verifying:
    """The files, and the measures on them."""

    def __init__(self, folder: Path, seconds: float, render: Callable[[], Rendered]) -> None:
        self._folder, self._seconds, self._render = folder, seconds, render

    def measures(self) -> dict[str, Callable[[str], Row | None]]:
        """By name; None where a peer is missing."""
        return {
            "verify B-LTA, DSS": self._beside_dss,
            "verify B-LTA, pyHanko": self._beside_pyhanko,
            "verify and compare pages": self._with_pages,
            "verify and draw a changed page": self._changed_page,
            "sandbox adds": self._sandbox_adds,
            "verify a scan of 100 pages": self._scan,
            "verify 500 files": self._many,
            "verify 200 MB": self._large,
        }

    # -- the files, each made when it is first needed

    @cached_property
    def _authority(self) -> Path:
        folder = self._folder / "authority"
        authority.create(folder)
        return folder

    @cached_property
    def _root(self) -> Path:
        return self._authority / "root.pem"

    @cached_property
    def _archived(self) -> Path:
        return self._keep("archived", archived.archived(self._render(), self._authority))

    def _keep(self, name: str, content: bytes) -> Path:
        file = self._folder / f"{name}.pdf"
        file.write_bytes(content)
        return file

    # -- rows

    def _beside_dss(self, name: str) -> Row | None:
        with self._dss(name) as dss, Sandbox() as sandbox:
            if dss is None:
                return None
            file = self._archived
            self._expect(dss.warm(file, visual=False), "visual_differences", 0)
            return interleave(self._seconds,
                name, self._inspect(sandbox, file), "EU DSS, no visual comparison",
                lambda: dss.validate(file, visual=False), rest=_REST,
            )  # fmt: skip

    def _beside_pyhanko(self, name: str) -> Row:
        content = self._archived.read_bytes()
        root = x509.Certificate.load(pem.unarmor(self._root.read_bytes())[2])

        def theirs() -> float:
            began = time.perf_counter()
            reader = PdfFileReader(BytesIO(content))
            settings = {"trust_roots": [root], "allow_fetching": False, "revocation_mode": "soft-fail"}
            store = pyhanko_dss.DocumentSecurityStore.read_dss(reader)
            for each in reader.embedded_regular_signatures:
                told = validate_pdf_signature(each, store.as_validation_context(settings))
                assert told.bottom_line, told.summary()
            for each in reader.embedded_timestamp_signatures:
                told = validate_pdf_timestamp(each, ValidationContext(**settings))
                assert told.valid and told.trusted, told.summary()
            return time.perf_counter() - began

        with Sandbox() as sandbox:
            return interleave(
                self._seconds,
                name,
                self._inspect(sandbox, self._archived),
                "pyHanko, difference analysis",
                theirs,
            )

    def _with_pages(self, name: str) -> Row | None:
        """What is archived draws nothing on the page, which DSS finds out by drawing it."""
        return self._compared(name, self._archived, differences=0)

    def _changed_page(self, name: str) -> Row | None:
        """A box of white over the page: both sides draw it twice."""
        file = self._keep("changed", archived.changed(self._archived.read_bytes()))
        return self._compared(name, file, differences=1)

    def _compared(self, name: str, file: Path, differences: int) -> Row | None:
        with self._dss(name) as dss, Sandbox() as sandbox:
            if dss is None:
                return None
            content, anchors = file.read_bytes(), [self._root.read_bytes()]
            self._expect(dss.warm(file, visual=True), "visual_differences", differences)

            def ours() -> float:
                began = time.perf_counter()
                answer = sandbox.inspect_now(content, anchors=anchors, moment=datetime.now(UTC))
                field = field_to_compare(answer.signatures)
                assert field is not None
                pairs = () if field in answer.undrawn else sandbox.draw_now(content, field=field).pairs
                took = time.perf_counter() - began
                assert len(pairs) == differences
                return took

            return interleave(
                self._seconds,
                name,
                ours,
                "EU DSS, its default",
                lambda: dss.validate(file, visual=True),
                rest=_REST,
            )

    def _sandbox_adds(self, name: str) -> Row:
        """Milliseconds more than `inspect` in this process, medians of alternate runs."""
        content, anchors = self._archived.read_bytes(), [self._root.read_bytes()]

        def bare() -> float:
            began = time.perf_counter()
            answer = inspect(content, anchors=anchors, moment=datetime.now(UTC))
            assert answer.readable
            return time.perf_counter() - began

        with Sandbox() as sandbox:
            row = interleave(
                self._seconds, name, self._inspect(sandbox, self._archived), "the same in this process", bare
            )
        assert row.theirs is not None
        return Row(name, row.ours - row.theirs, f"of {row.ours:.1f} ms in all", None, row.cpu_ms, row.runs)

    def _scan(self, name: str) -> Row:
        file = self._keep("scan", archived.scan(self._authority))
        with Sandbox() as sandbox:
            ours = self._inspect(sandbox, file, signatures=5)
            return interleave(self._seconds, name, ours, None, None)

    def _many(self, name: str) -> Row:
        """``absah verify --jobs 2`` from start to end, its own start included."""
        folder = self._folder / "many"
        folder.mkdir()
        content = self._archived.read_bytes()
        for number in range(_MANY):
            # Another hash for each: white space behind the end changes nothing else.
            (folder / f"{number}.pdf").write_bytes(content + b"\n" * number)
        rates, cpu = [], []
        for _ in range(3):
            began, before = time.perf_counter(), os.times()
            subprocess.run(
                [*self._command(), "--jobs", "2", "--json", str(folder)], capture_output=True, check=True
            )
            after = os.times()
            rates.append(_MANY / (time.perf_counter() - began))
            spent = after.children_user + after.children_system
            cpu.append((spent - before.children_user - before.children_system) / _MANY * 1e3)
        return Row(
            name, statistics.median(rates), None, None, statistics.median(cpu), len(rates), unit="per_s"
        )

    def _large(self, name: str) -> Row:
        """The most memory at one time, in MB, of the command and the process that it forks.

        Proportional set size: what the two share counts once.
        """
        file = self._keep("large", archived.large(self._authority))
        most, cpu = [], os.times()
        for _ in range(3):
            process = subprocess.Popen([*self._command(), str(file)], stdout=subprocess.DEVNULL)
            most.append(_peak(process))
            assert process.returncode == 0
        spent = os.times()
        seconds = spent.children_user + spent.children_system - cpu.children_user - cpu.children_system
        return Row(name, max(most), None, None, seconds / 3 * 1e3, 3, unit="mb")

    # -- how

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "signer", "verify", "--offline", "--trust", str(self._root)]

    def _inspect(self, sandbox: Sandbox, file: Path, signatures: int = 2) -> Callable[[], float]:
        content, anchors = file.read_bytes(), [self._root.read_bytes()]

        def run() -> float:
            began = time.perf_counter()
            answer = sandbox.inspect_now(content, anchors=anchors, moment=datetime.now(UTC))
            took = time.perf_counter() - began
            assert [each.indication for each in answer.signatures] == ["TOTAL-PASSED"] * signatures
            return took

        return run

    @contextmanager
    def _dss(self, name: str) -> Iterator[Dss | None]:
        reason = missing()
        if reason is not None:
            print(f"{name}: left out, {reason}", file=sys.stderr)
            yield None
            return
        dss = Dss(self._root)
        try:
            yield dss
        finally:
            dss.close()

    @staticmethod
    def _expect(answer: dict[str, object], key: str, least: int) -> None:
        """What is measured has to be the validation that is meant: passed, with what DSS has to see."""
        signatures = answer["signatures"]
        assert isinstance(signatures, list)
        first = signatures[0]
        assert first["indication"] == "TOTAL_PASSED", first
        assert first[key] >= least if least else first[key] == 0, first


def _peak(process: subprocess.Popen[bytes]) -> float:
    most = 0
    while process.poll() is None:
        most = max(most, sum(_proportional(pid) for pid in _family(process.pid)))
        time.sleep(_SAMPLING_SECONDS)
    return most / 1024


def _family(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                continue
    return found


def _proportional(pid: int) -> int:
    """Proportional set size in kB; nothing of a process that has ended."""
    try:
        found = re.search(r"^Pss: +(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0
