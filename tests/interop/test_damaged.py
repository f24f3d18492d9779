"""No damaged and no attacked file is accepted, whoever signed it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.attacks import ATTACKS
from tests.interop.conftest import PER_ATTACK, Damaged
from tests.interop.judges import Judgement
from tests.interop.known import ACCEPTED


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            each.name,
            marks=[pytest.mark.xfail(strict=True, reason=ACCEPTED[each.name])]
            if each.name in ACCEPTED
            else [],
        )
        for each in ATTACKS
    ],
)
def test_no_damaged_file_is_accepted(
    name: str, seed: int, damaged: list[Damaged], ours_of_damaged: dict[Path, Judgement]
) -> None:
    mine = [each for each in damaged if each.attack == name]
    assert len(mine) == PER_ATTACK, "the attack has to apply to the sample"
    accepted = [each.source for each in mine if ours_of_damaged[each.path].accepted]
    assert accepted == [], f"seed {seed}"


def test_every_attack_says_what_it_breaks() -> None:
    assert len({each.name for each in ATTACKS}) == len(ATTACKS)
    assert all(each.breaks for each in ATTACKS)
