"""``absah verify --report etsi``: where the reports go, and what is refused before any file is looked at."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree
from sample_files import plain_pdf, signed_pdf
from small_pki import NOW, Pki

_ROOT_TAG = "{http://uri.etsi.org/19102/v1.4.1#}ValidationReport"


@pytest.fixture
def folder(tmp_path: Path, people: Pki) -> Path:
    (tmp_path / "data" / "trust").mkdir(parents=True)
    (tmp_path / "data" / "trust" / "root.pem").write_bytes(people.root.pem)
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "izin.pdf").write_bytes(signed_pdf(stamped=NOW))
    (tmp_path / "a" / "b" / "izin.pdf").write_bytes(plain_pdf())
    return tmp_path


def run(folder: Path, *arguments: str, pipe: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "verifier.cli", *arguments],
        cwd=folder, env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}, capture_output=True, check=False,
        timeout=60, input=pipe,
    )  # fmt: skip


def test_one_file_is_answered_on_standard_output(folder: Path) -> None:
    done = run(folder, "a/izin.pdf", "--report", "etsi", "--offline")
    assert (done.returncode, done.stderr) == (0, b"")
    root = etree.fromstring(done.stdout)
    assert root.tag == _ROOT_TAG
    assert b"mainindication:total-passed" in done.stdout
    assert b"validationObject:timestamp" in done.stdout
    # The exit status stays that of the answer.
    assert run(folder, "a/b/izin.pdf", "--report", "etsi", "--offline").returncode == 1
    missing = run(folder, "none.pdf", "--report", "etsi")
    assert missing.returncode == 2
    assert etree.fromstring(missing.stdout).tag == _ROOT_TAG


def test_several_files_get_one_report_each_beside_the_usual_answer(folder: Path) -> None:
    done = run(folder, "a", "--report", "etsi", "--report-dir", "laporan/baru", "--json", "--offline")
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 2
    written = sorted((folder / "laporan" / "baru").iterdir())
    assert [each.name for each in written] == ["izin.pdf.2.etsi.xml", "izin.pdf.etsi.xml"]
    indications = [b"total-passed" in each.read_bytes() for each in written]
    assert sorted(indications) == [False, True]
    again = run(folder, "a", "--report", "etsi", "--report-dir", "laporan/baru")
    assert (again.returncode, again.stdout) == (2, b"")
    assert b"is there already" in again.stderr
    assert len(again.stderr.splitlines()) == 1


def test_a_pipe_has_a_name_too(folder: Path) -> None:
    pdf = (folder / "a" / "izin.pdf").read_bytes()
    run(folder, "-", "--report", "etsi", "--report-dir", "laporan", pipe=pdf)
    assert [each.name for each in (folder / "laporan").iterdir()] == ["stdin.etsi.xml"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("a", "--report", "etsi"), b"--report-dir"),
        (("a/izin.pdf", "--report", "etsi", "--json"), b"--report-dir"),
        (("a/izin.pdf", "--report", "etsi", "--csv"), b"--report-dir"),
        (("a/izin.pdf", "--report-dir", "laporan"), b"needs --report etsi"),
        (("a/izin.pdf", "--report", "pdf"), b"etsi"),
        (("a/izin.pdf", "--report", "etsi", "--report-dir", "a/izin.pdf"), b"cannot be written"),
    ],
)
def test_what_cannot_be_is_one_sentence(folder: Path, arguments: tuple[str, ...], sentence: bytes) -> None:
    done = run(folder, *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert sentence in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_folder_without_permission_is_told(folder: Path) -> None:
    # The system refuses to make anything there, whoever asks.
    done = run(folder, "a/izin.pdf", "--report", "etsi", "--report-dir", "/proc/laporan")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"cannot be written" in done.stderr
