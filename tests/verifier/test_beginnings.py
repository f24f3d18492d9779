"""Each byte hashed once gives the digests that hashing all of them each time gives."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest

from verifier.algorithms import Message, UnknownAlgorithm
from verifier.beginnings import Beginnings

DATA = bytes(range(256)) * 40


@pytest.mark.parametrize("name", ["sha1", "sha256", "sha3_384", "shake_128"])
@pytest.mark.parametrize("cuts", [(0, 17, 4000, 4000, 9000), (9000, 4000, 1), (10240,)])
def test_digests_are_those_of_the_parts(name: str, cuts: tuple[int, ...]) -> None:
    beginnings = Beginnings(DATA)
    for cut in cuts:
        parts = DATA[:cut], DATA[cut + 5 :]
        assert Message(*parts, beginnings=beginnings).digest(name) == Message(*parts).digest(name)


def test_who_goes_on_with_a_state_changes_no_other() -> None:
    beginnings = Beginnings(DATA)
    for start, end in pairwise(range(0, 5000, 1000)):
        beginnings.state("sha256", start).update(b"of somebody else")
        assert beginnings.state("sha256", end).digest() == hashlib.sha256(DATA[:end]).digest()


def test_an_algorithm_that_is_none_is_told() -> None:
    with pytest.raises(UnknownAlgorithm):
        Message(DATA, b"", beginnings=Beginnings(DATA)).digest("md77")
