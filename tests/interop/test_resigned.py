"""A change stays forbidden for the signature before it when whoever made it signs all of the file again."""

from __future__ import annotations

from random import Random

import pytest

from tests.fuzz.oracle import is_accepted, judged
from tests.fuzz.writing import signed_again
from tests.interop import catalogue_changes, field_changes, updates
from tests.interop.attacks import ATTACKS
from tests.interop.conftest import SAMPLE, genuine_sample

_FILES = 2
_SIGNED_ALIKE = {
    "clear-signature": "as a signer may clear what was signed and sign instead; one signature is told",
    "empty-table": "it changes nothing, and the later signer saw it",
}
_CHANGES = [
    name
    for changes in (updates.CHANGES, catalogue_changes.CHANGES, field_changes.CHANGES)
    for name, _, _ in changes
]
_BY_TABLE = [
    "remap-object",
    "free-object",
    "two-numbers-one-offset",
    "repeated-key",
    "hidden-table",
    "other-root",
]
_BY_NAME = {attack.name: attack for attack in ATTACKS}


@pytest.mark.parametrize("name", [each for each in (*_CHANGES, *_BY_TABLE) if each not in _SIGNED_ALIKE])
def test_signing_again_makes_no_change_a_good_one(name: str, seed: int) -> None:
    random = Random(f"{seed} signed again {name}")
    sources = [SAMPLE / "genuine" / each.file for each in genuine_sample() if "encrypt" not in each.file]
    random.shuffle(sources)
    count = 0
    for source in sources:
        changed = _BY_NAME[name].apply(source.read_bytes(), random)
        again = None if changed is None else signed_again(changed, "Lagi")
        if again is None:
            continue
        assert not is_accepted(judged(again)), f"seed {seed} {source.name}"
        count += 1
        if count == _FILES:
            return
    pytest.fail("the attack has to apply to the sample")
