"""``verifier.check`` as a library: what the documentation says is run, and importing it costs little."""

from __future__ import annotations

import doctest
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from sample_files import signed_pdf
from small_pki import NOW, Pki

from storage.vocabulary import Verdict
from verifier import Report, check

_ROOT = Path(__file__).parents[2]


def test_the_documented_example_is_true(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(_ROOT)
    result = doctest.testfile(str(_ROOT / "docs" / "operations.md"), module_relative=False, encoding="utf-8")
    assert result.attempted >= 6
    assert result.failed == 0


def test_a_file_is_all_that_it_needs(people: Pki, tmp_path: Path) -> None:
    pdf = signed_pdf(stamped=NOW)
    (tmp_path / "a.pdf").write_bytes(pdf)
    for file in (pdf, tmp_path / "a.pdf", str(tmp_path / "a.pdf")):
        report = check(file)
        assert isinstance(report, Report)
        assert report.verdict is Verdict.UNTRUSTED_SIGNER
        assert report.register is None
        assert {"NO_ANCHORS"} <= {each.code for each in report.findings}
        assert check(file, anchors=[people.root.pem]).verdict is Verdict.VALID
    assert check(str(tmp_path / "a.pdf")).file == str(tmp_path / "a.pdf")
    with pytest.raises(FileNotFoundError):
        check(tmp_path / "none.pdf")


def test_every_argument_is_documented() -> None:
    documented = inspect.getdoc(check) or ""
    for name in inspect.signature(check).parameters:
        assert f"\n    {name}: " in documented, name


def test_importing_it_loads_nothing_that_reads_files() -> None:
    heavy = (
        "pyhanko",
        "asn1crypto",
        "cryptography",
        "lxml",
        "PIL",
        "pypdfium2",
        "sqlalchemy",
        "click",
        "rich",
        "fastapi",
    )
    code = f"import sys, verifier; print([name for name in {heavy!r} if name in sys.modules])"
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=_ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert shown.stdout.strip() == "[]"


def test_a_program_that_uses_it_ends_cleanly(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(signed_pdf())
    program = f"from verifier import check\nprint(check({str(tmp_path / 'a.pdf')!r}).verdict)"
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "untrusted_signer\n", "")
