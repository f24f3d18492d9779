"""No mutated file is accepted that is not still what was signed, and none takes too much."""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.child import ALL, Case, Child
from tests.fuzz.oracle import faults, is_accepted, judged
from tests.fuzz.sources import names, source

SEED = int(os.environ.get("ABSAH_SEED", "0")) or Random().randrange(1, 10**6)
_EXAMPLES = 60
_NAMES = names(foreign=True)


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    with Child() as made:
        yield made


@pytest.mark.parametrize("mutation", ALL)
def test_a_mutated_file_is_what_was_signed_or_not_accepted(mutation: str, child: Child) -> None:
    @seed(SEED)
    @settings(max_examples=_EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(_NAMES), st.sampled_from(_NAMES), st.integers(0, 2**32 - 1))
    def look(name: str, other: str, number: int) -> None:
        case = Case(name, other, mutation, number)
        assert child.look(case).faults == (), f"ABSAH_SEED={SEED} {case}"

    look()


# Numbered, and not named: every process of a run has to know the same tests.
@pytest.mark.parametrize("number", range(12))
def test_the_genuine_file_passes_the_same_judge(number: int) -> None:
    name = Random(SEED).sample(_NAMES, 12)[number]
    genuine = source(name, 1)
    answer = judged(genuine.pdf)
    assert is_accepted(answer), f"ABSAH_SEED={SEED} {name}"
    assert list(faults([genuine], genuine.pdf, answer)) == []


def test_the_judge_sees_another_page_and_another_signature() -> None:
    """What it would say if the verifier took a changed file for a good one."""
    genuine, other = source("own plain", 1), source("own twice", 1)
    good = judged(genuine.pdf)
    changed = genuine.pdf.replace(b"503/028", b"503/029")
    assert changed != genuine.pdf
    assert set(faults([genuine], changed, good)) >= {
        "signed bytes elsewhere or changed",
        "a page that shows something else",
    }
    assert list(faults([other], genuine.pdf, good)) == ["a signature that nobody made"]
