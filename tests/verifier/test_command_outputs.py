"""The forms in which ``absah verify`` answers: table, CSV, page; and how it ends."""

from __future__ import annotations

import csv
import io
import os
import pty
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hostile_files import xref_stream_bomb
from sample_files import plain_pdf, signed_pdf
from small_pki import NOW, Pki

from storage.vocabulary import Verdict
from verifier.commands.page import Page
from verifier.commands.spreadsheet import COLUMNS, Spreadsheet
from verifier.commands.table import Overview
from verifier.commands.words import describe, plain_time
from verifier.report import Finding, Report, SignatureReport

_SIGNATURE = SignatureReport(
    field="A", kind="signature", signer="CN=Siti Contoh, O=Dinas", integrity="intact", changes="none",
    covers="whole_file", trust="trusted", level="PAdES-B-T", indication="TOTAL-PASSED", subindication=None,
    signed_at="2026-11-01T09:00:00+00:00", signed_at_source="timestamp",
)  # fmt: skip
_REPORT = Report(
    file="a.pdf", sha256="ab" * 32, verdict=Verdict.ALTERED, summary="S.", signatures=(_SIGNATURE,),
    register=None, findings=(Finding("BYTES_APPENDED", "error", "Ditambahkan."),), elapsed_ms=1.5, lang="id",
    checked_at=datetime(2026, 11, 1, tzinfo=UTC),
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, people: Pki) -> Path:
    (tmp_path / "data" / "trust").mkdir(parents=True)
    (tmp_path / "data" / "trust" / "root.pem").write_bytes(people.root.pem)
    (tmp_path / "good.pdf").write_bytes(signed_pdf(stamped=NOW))
    (tmp_path / "plain.pdf").write_bytes(plain_pdf())
    return tmp_path


def environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONWARNINGS": "error::ResourceWarning"}


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "verifier.cli", *arguments],
        cwd=folder, env=environment(), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def rows(*reports: Report) -> list[dict[str, str]]:
    out = io.StringIO(newline="")
    sheet = Spreadsheet(out)
    for report in reports:
        sheet.add(report)
    return list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))


def test_csv_has_a_header_and_one_row_per_file(folder: Path) -> None:
    found = run(folder, "good.pdf", "plain.pdf", "none.pdf", "--csv")
    parsed = list(csv.DictReader(io.StringIO(found.stdout, newline="")))
    assert tuple(parsed[0]) == COLUMNS
    assert [(each["file"], each["verdict"]) for each in parsed] == [
        ("good.pdf", "valid"), ("plain.pdf", "unsigned"), ("none.pdf", "unreadable"),
    ]  # fmt: skip
    assert "CN=Siti Contoh" in parsed[0]["signers"]
    assert found.returncode == 2


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "\n=1"])
def test_csv_holds_nothing_that_a_spreadsheet_would_calculate(name: str) -> None:
    signature = replace(_SIGNATURE, signer=name)
    [row] = rows(replace(_REPORT, file=name, signatures=(signature,)))
    for cell in (row["file"], row["signers"]):
        assert cell[0] == "'"
        assert cell[1:] == name
    assert rows(replace(_REPORT, file='a "b", c.pdf'))[0]["file"] == 'a "b", c.pdf'


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_stands_alone_and_shows_every_file(folder: Path) -> None:
    done = run(folder, "good.pdf", "plain.pdf", "--html", "answers.html", "--lang", "en")
    assert done.returncode == 1
    page = (folder / "answers.html").read_text()
    elements = _Elements()
    elements.feed(page)
    tags = [tag for tag, _ in elements.found]
    assert not {"script", "link", "img", "iframe", "object"} & set(tags)
    assert not any(
        name in ("src", "href") or name.startswith("on") for _, attrs in elements.found for name in attrs
    )
    assert tags.count("article") == 2
    assert tags.count("h1") == 1
    assert dict(elements.found)["html"] == {"lang": "en"}
    assert "No electronic signature in this file" in page
    assert "Siti Contoh" in page
    assert "Absah" not in page
    assert list(folder.glob(".answers*")) == []


def test_the_page_shows_what_a_stranger_wrote_as_text(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\"'&"
    page = Page(tmp_path / "a.html", "id", 1)
    page.add(
        replace(
            _REPORT,
            file=evil,
            signatures=(replace(_SIGNATURE, signer=evil),),
            findings=(Finding("X", "error", evil),),
        )
    )
    page.finish()
    content = (tmp_path / "a.html").read_text()
    assert "<script" not in content
    assert content.count("&lt;script&gt;") == 3


def test_a_page_that_cannot_be_written_is_one_sentence(folder: Path) -> None:
    done = run(folder, "good.pdf", "--html", "no/such/folder.html")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_an_abandoned_page_leaves_nothing(tmp_path: Path) -> None:
    page = Page(tmp_path / "a.html", "id", 1)
    page.add(_REPORT)
    page.abandon()
    assert list(tmp_path.iterdir()) == []


def test_the_table_loses_nothing_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    overview = Overview()
    overview.add(replace(_REPORT, file="[red]not markup[/red].pdf"))
    overview.add(replace(_REPORT, file="b\x1b[31m.pdf", signatures=()))
    overview.show()
    shown = capsys.readouterr().out
    assert "[red]not markup[/red].pdf" in shown
    assert "\x1b" not in shown
    assert "File berubah setelah ditandatangani" in shown
    assert "Siti Contoh" in shown
    assert "2026-11-01 09:00" in shown
    assert re.search(r"\b2\s+File berubah", shown)


def test_the_table_says_why_a_file_could_not_be_checked(folder: Path) -> None:
    (folder / "surat.p7s").write_bytes(b"-----BEGIN PKCS7-----\nMAAA\n")
    shown = run(folder, "good.pdf", "surat.p7s", "none.pdf", "--lang", "en").stdout
    assert "surat.p7s: This is not a PDF" in shown
    assert "detached CMS signature" in shown
    assert "none.pdf: There is no such file. [FILE_NOT_FOUND]" in shown
    assert "good.pdf: " not in shown


def at_terminal(folder: Path, *arguments: str, columns: int) -> tuple[str, int]:
    """What a person sees in a terminal of so many columns, progress included."""
    control, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "verifier.cli", *arguments], cwd=folder, stdin=terminal, stdout=terminal,
        stderr=terminal, env={**environment(), "TERM": "xterm", "COLUMNS": str(columns)},
    )  # fmt: skip
    os.close(terminal)
    shown = bytearray()
    while True:
        try:
            part = os.read(control, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(control)
    return shown.decode(), process.wait(60)


def test_a_terminal_shows_progress_and_a_table_of_its_width(folder: Path) -> None:
    (folder / ("panjang-" * 20 + ".pdf")).write_bytes(plain_pdf())
    shown, status = at_terminal(folder, ".", columns=70)
    assert status == 1
    assert "Memeriksa" in shown
    assert "3/3" in shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    table = plain[plain.index("File ") :]
    assert "Siti" in table
    assert "2026-11-01" in table
    # The end of a name tells files apart, and a verdict is told to its last word.
    assert "panjang-.pdf" in table
    assert "file ini" in table
    assert max(len(line.rstrip("\r")) for line in table.split("\n")) <= 70


def test_one_file_has_no_progress_bar(folder: Path) -> None:
    shown, status = at_terminal(folder, "good.pdf", columns=70)
    assert status == 0
    assert "Memeriksa" not in shown
    assert "1/1" not in shown


def test_an_interrupt_ends_without_a_stack_trace(folder: Path) -> None:
    slow = folder / "slow"
    slow.mkdir()
    for number in range(40):
        (slow / f"{number}.pdf").write_bytes(signed_pdf() if number == 0 else xref_stream_bomb())
    process = subprocess.Popen(
        [sys.executable, "-m", "verifier.cli", "slow", "--json", "--jobs", "2", "--html", "a.html"],
        cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith("{")
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert time.monotonic() - started < 3
    assert process.returncode == 130
    assert error.split() == ["Dihentikan."]
    assert not list(folder.glob("*.html"))
    assert not list(folder.glob(".a.html*"))


def test_json_and_csv_exclude_each_other(folder: Path) -> None:
    assert run(folder, "good.pdf", "--json", "--csv").returncode == 2


def test_a_signer_is_named_as_people_do() -> None:
    assert describe("CN=Drs. A, M.Si., O=Dinas A, B, T=Kepala, C=ID") == "Drs. A, M.Si., Kepala, Dinas A, B"
    # A seal often has one name for both.
    assert describe("CN=Dinas A, O=Dinas A") == "Dinas A"
    assert describe("2.5.4.5=7") == "2.5.4.5=7"
    assert plain_time("2026-11-01T09:00:59Z") == "2026-11-01 09:00 UTC"
