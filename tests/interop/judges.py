"""What three validators say of files: ours, EU DSS and poppler's pdfsig. Trust is left aside."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.interop.make import JAR

ROOT = Path(__file__).parents[2]
_BATCH = 200

# Sub-indications by which DSS says that a file is not what was signed (EN 319 102-1, 5.1.3).
_DSS_BAD = {"FORMAT_FAILURE", "HASH_FAILURE", "SIG_CRYPTO_FAILURE", "SIG_CONSTRAINTS_FAILURE"}

# What DSS notices between revisions; by its default policy these are warnings and leave the indication alone.
_DSS_CHANGES = ("overlaps", "page_differences", "undefined_changes")

# A run this short is over before the thorough compiler pays: without it, half the time on 34 files.
_SOON_OVER = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


def _program(name: str) -> str:
    found = shutil.which(name)
    assert found is not None, f"{name} is not installed"
    return found


@dataclass(frozen=True)
class Judgement:
    """``accepted``: every signature and time-stamp is intact and nothing forbidden was changed.

    The rest is what EU DSS tells: ``levels`` and ``indications`` of each signature, ``subindications`` of
    each time-stamp too, and where it found each change that it has no name for.
    """

    accepted: bool
    why: str
    signatures: int = 0
    document_timestamps: int = 0
    levels: tuple[str, ...] = ()
    indications: tuple[str, ...] = ()
    subindications: tuple[str, ...] = ()
    undefined_changes: frozenset[str] = frozenset()


def judge_ours(files: Sequence[Path], root: Path) -> dict[Path, Judgement]:
    """``absah verify --json --offline``, many files a run."""
    found: dict[Path, Judgement] = {}
    for start in range(0, len(files), _BATCH):
        batch = files[start : start + _BATCH]
        command = [
            sys.executable,
            "-m",
            "verifier.cli",
            "--json",
            "--offline",
            "--lang",
            "en",
            "--trust",
            str(root),
        ]
        done = subprocess.run(
            [*command, *map(str, batch)],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
        reports = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(reports) == len(batch), done.stderr[-2000:]
        found |= {file: _of_report(report) for file, report in zip(batch, reports, strict=True)}
    return found


def _of_report(report: dict) -> Judgement:  # type: ignore[type-arg]
    signatures = report["signatures"]
    accepted = (
        bool(signatures)
        and report["verdict"] not in ("altered", "unsigned", "unreadable", "unavailable")
        and all(
            each["integrity"] == "intact"
            and each["changes"] in ("none", "permitted")
            and each["covers"] != "partial"
            for each in signatures
        )
    )
    codes = sorted({each["code"] for each in report["findings"] if each["severity"] == "error"})
    stamps = sum(each["kind"] == "document_timestamp" for each in signatures)
    return Judgement(accepted, " ".join([report["verdict"], *codes]), len(signatures) - stamps, stamps)


def judge_dss(files: Sequence[Path], root: Path) -> dict[Path, Judgement]:
    """EU DSS in one JVM; accepted: intact, not failed, unchanged, whatever it makes of trust."""
    done = subprocess.run(
        [_program("java"), *_SOON_OVER, "-jar", str(JAR), "validate", str(root)],
        input="\n".join(map(str, files)),
        capture_output=True,
        text=True,
        check=True,
    )
    return {Path(answer["file"]): _of_dss(answer) for answer in map(json.loads, done.stdout.splitlines())}


def _of_dss(answer: dict) -> Judgement:  # type: ignore[type-arg]
    if "error" in answer:
        return Judgement(False, answer["error"][:80])
    found = answer["signatures"]
    bad = [
        next((change for change in _DSS_CHANGES if each.get(change)), each["subindication"])
        for each in found
        if not each["intact"]
        or each["indication"] in ("TOTAL_FAILED", "FAILED")
        or each["subindication"] in _DSS_BAD
        or any(each.get(change) for change in _DSS_CHANGES)
    ]
    stamps = sum(each["kind"] == "document_timestamp" for each in found)
    signatures = sum(each["kind"] == "signature" for each in found)
    why = " ".join(sorted(set(bad))) if found else "no signature found"
    own = [each for each in found if each["kind"] == "signature"]
    return Judgement(
        bool(found) and not bad,
        why,
        signatures,
        stamps,
        tuple(each["level"] for each in own),
        tuple(each["indication"] for each in own),
        tuple(each["subindication"] for each in found),
        frozenset(path for each in found for path in each.get("undefined_changes", ())),
    )


def judge_pdfsig(file: Path) -> Judgement:
    """Poppler's pdfsig: every signature valid, and one of them over the whole file."""
    text, exit_code = _pdfsig(file)
    verdicts = _verdicts(text)
    bad = sorted({each for each in verdicts if each != "Signature is Valid."})
    if verdicts and not bad and "  - Total document signed" not in text:
        bad = ["not total document signed"]
    why = " ".join(bad) if verdicts else f"no signature found (exit {exit_code})"
    return Judgement(bool(verdicts) and not bad, why, len(verdicts))


def pdfsig_verdicts(file: Path) -> list[str]:
    """What poppler's pdfsig says of each signature."""
    return _verdicts(_pdfsig(file)[0])


def _verdicts(text: str) -> list[str]:
    return re.findall(r"Signature Validation: (.*)", text)


def _pdfsig(file: Path) -> tuple[str, int]:
    done = subprocess.run(
        [_program("pdfsig"), "-nocert", str(file)],
        capture_output=True,
        check=False,
        timeout=60,
        env={"LANG": "C.UTF-8"},
    )
    return done.stdout.decode(errors="replace"), done.returncode
