"""Our validation reports are what the schema of ETSI TS 119 102-2 demands, by EU DSS's own reader."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from report_files import KINDS
from small_pki import NOW, pki

from tests.interop.conftest import SAMPLE, Damaged, genuine_sample
from tests.interop.make import JAR
from verifier.check import check
from verifier.etsi_report import write_etsi_report
from verifier.sandbox import Sandbox


def read_by_dss(files: Sequence[Path]) -> list[dict[str, Any]]:
    java = shutil.which("java")
    assert java is not None, "java is not installed"
    done = subprocess.run(
        [java, "-jar", str(JAR), "report"],
        input="\n".join(map(str, files)), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def named(uri: str | None) -> str | None:
    """DSS reads the URNs into names of its own; what it does not know becomes null."""
    return None if uri is None else uri.replace("_", "-").lower()


def test_our_reports_are_valid(jvm: None, tmp_path: Path) -> None:
    people, expected = pki(), {}
    with Sandbox() as sandbox:
        for name, (make, outcome) in KINDS.items():
            report = check(make(), anchors=[people.root.pem], sandbox=sandbox, now=NOW, in_detail=True)
            file = tmp_path / f"{name}.xml"
            file.write_bytes(write_etsi_report(report))
            expected[str(file)] = outcome
            plain = tmp_path / f"{name} plain.xml"
            plain.write_bytes(write_etsi_report(check(make(), sandbox=sandbox, now=NOW)))
            expected[str(plain)] = ()
        root = (SAMPLE / "root.pem").read_bytes()
        for each in genuine_sample():
            report = check(SAMPLE / "genuine" / each.file, anchors=[root], sandbox=sandbox, in_detail=True)
            assert report.details is not None, each.file
            file = tmp_path / f"{each.file}.xml"
            file.write_bytes(write_etsi_report(report))
            expected[str(file)] = ()
    answers = read_by_dss([Path(file) for file in expected])
    assert [each["file"] for each in answers] == list(expected)
    assert {each["file"]: each["error"] for each in answers if "error" in each} == {}
    for answer in answers:
        outcome = expected[answer["file"]]
        found = [(named(each["indication"]), each["subindications"]) for each in answer["signatures"]]
        assert None not in [indication for indication, _ in found]
        if outcome:
            assert found == [(indication, [below] if below else []) for indication, below in outcome]
        assert "null" not in answer["objects"]


def test_no_report_calls_a_damaged_file_good(
    jvm: None, seed: int, damaged: list[Damaged], tmp_path: Path
) -> None:
    root, verdicts = (SAMPLE / "root.pem").read_bytes(), {}
    with Sandbox() as sandbox:
        for each in damaged:
            report = check(each.path, anchors=[root], sandbox=sandbox, in_detail=True)
            assert "DETAILS_MISSING" not in {finding.code for finding in report.findings}, each.path.name
            file = tmp_path / f"{each.path.name}.xml"
            file.write_bytes(write_etsi_report(report))
            verdicts[str(file)] = report.verdict
    answers = read_by_dss([Path(file) for file in verdicts])
    assert len(answers) == len(damaged)
    assert [each for each in answers if "error" in each] == [], f"seed {seed}"
    good = [
        each["file"]
        for each in answers
        if all(found["indication"] == "TOTAL_PASSED" for found in each["signatures"])
    ]
    assert {Path(file).name: verdicts[file] for file in good} == {}, f"seed {seed}"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("MainIndication>", "MainIndicatio>"),
        ('VOReference="C-', 'VOReference="X-'),
        ("<HashOnly>false</HashOnly>", ""),
        ("T09:00:00Z", "T9Z"),
    ],
)
def test_its_reader_tells_a_wrong_report(jvm: None, tmp_path: Path, right: str, wrong: str) -> None:
    with Sandbox() as sandbox:
        report = check(KINDS["B-T"][0](), anchors=[pki().root.pem], sandbox=sandbox, now=NOW, in_detail=True)
    good = write_etsi_report(report).decode()
    assert right in good
    file = tmp_path / "wrong.xml"
    file.write_text(good.replace(right, wrong))
    (answer,) = read_by_dss([file])
    assert "error" in answer
