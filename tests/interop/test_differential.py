"""Where EU DSS and poppler's pdfsig judge otherwise than we do, and why (docs/interop.md)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.interop.conftest import SAMPLE, Damaged, genuine_sample
from tests.interop.judges import Judgement, judge_dss, judge_pdfsig
from tests.interop.known import DSS_ACCEPTS_ATTACKS, DSS_REJECTS, PDFSIG_REJECTS, REJECTED, reason_for
from tests.services import missing


def test_every_genuine_file_that_dss_rejects_is_explained(dss_of_sample: dict[str, Judgement]) -> None:
    unexplained = {
        each.file: dss_of_sample[each.file].why
        for each in genuine_sample()
        if not dss_of_sample[each.file].accepted and reason_for(each, DSS_REJECTS) is None
    }
    assert unexplained == {}


def test_dss_agrees_about_what_we_reject(
    dss_of_sample: dict[str, Judgement], ours_of_sample: dict[str, Judgement]
) -> None:
    """A genuine file that only we reject would be a fault of ours; each is named with its reason."""
    alone = {
        name
        for name, judgement in ours_of_sample.items()
        if not judgement.accepted and dss_of_sample[name].accepted
    }
    assert alone <= set(REJECTED)


def test_every_genuine_file_that_pdfsig_rejects_is_explained() -> None:

    if shutil.which("pdfsig") is None:
        missing("pdfsig", "apt install poppler-utils")
    unexplained = {}
    for each in genuine_sample():
        judgement = judge_pdfsig(SAMPLE / "genuine" / each.file)
        if not judgement.accepted and reason_for(each, PDFSIG_REJECTS) is None:
            unexplained[each.file] = judgement.why
    assert unexplained == {}


@pytest.fixture(scope="session")
def dss_of_damaged(jvm: None, damaged: list[Damaged]) -> dict[Path, Judgement]:
    few = [each.path for number, each in enumerate(damaged) if number % 3 == 0]
    return judge_dss(few, SAMPLE / "root.pem")


def test_every_attack_that_dss_accepts_is_explained(
    seed: int, damaged: list[Damaged], dss_of_damaged: dict[Path, Judgement]
) -> None:
    accepted = {
        each.attack for each in damaged if each.path in dss_of_damaged and dss_of_damaged[each.path].accepted
    }
    assert accepted <= set(DSS_ACCEPTS_ATTACKS), f"seed {seed}"
