"""Each byte hashed once gives the digests that hashing all of them each time gives."""

from __future__ import annotations

import pytest

from verifier.algorithms import Message, UnknownAlgorithm
from verifier.beginnings import Beginnings
from verifier.pdf_structure import SignedRange

DATA = bytes(range(256)) * 40


@pytest.mark.parametrize("name", ["sha1", "sha256", "sha3_384", "shake_128"])
@pytest.mark.parametrize("cuts", [(17, 4000, 4000, 9000), (9000, 4000, 1), (10_200,)])
@pytest.mark.parametrize("start", [0, 1])
def test_digests_are_those_of_the_parts(name: str, cuts: tuple[int, ...], start: int) -> None:
    beginnings = Beginnings(DATA)
    for cut in cuts:
        signed = SignedRange(cut, cut + 5, len(DATA) - 3, start)
        expected = Message(DATA[start:cut], DATA[cut + 5 : -3]).digest(name)
        assert beginnings.message(signed).digest(name) == expected
        assert beginnings.message(signed).digest(name) == expected


def test_an_algorithm_that_is_none_is_told() -> None:
    with pytest.raises(UnknownAlgorithm):
        Beginnings(DATA).message(SignedRange(10, 20, 30)).digest("md77")
