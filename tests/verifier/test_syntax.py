"""What the parser makes of damaged values."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from verifier.pdf.objects import Damaged, Name, Reference, Stream
from verifier.pdf.syntax import Parser


def kinds(value: Any) -> set[type]:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {type(value)}.union(*map(kinds, parts))


def test_what_closes_nothing_is_no_value() -> None:
    value, _ = Parser(b"<< /Length]60 /Type /Page >>").value(0)
    assert value == {"Length": None, "Type": Name("Page")}


@pytest.mark.parametrize("seed", range(300))
def test_only_values_come_out_of_damaged_ones(seed: int) -> None:
    random = Random(seed)
    tokens = [*b"<< >> [ ] ( ) /A /B 1 <41> true endobj".split(), b"2 0 R", b"%\n"]
    text = b"<< " + b" ".join(random.choices(tokens, k=12))
    try:
        value, _ = Parser(text).value(0)
    except Damaged:
        return
    assert kinds(value) <= {dict, list, bytes, int, float, bool, Name, Reference, Stream, type(None)}, text
