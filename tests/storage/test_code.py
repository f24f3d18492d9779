from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from storage.code import CROCKFORD, LENGTH, draw, is_well_formed, normalise, printed

CODES = st.builds(draw)


@given(CODES)
def test_a_drawn_code_is_well_formed_and_survives_being_printed(code: str) -> None:
    assert len(code) == LENGTH
    assert set(code) <= set(CROCKFORD)
    assert is_well_formed(code)
    assert normalise(printed(code)) == code


@settings(max_examples=30)
@given(CODES)
def test_every_single_typo_is_recognised(code: str) -> None:
    for place in range(LENGTH):
        for other in CROCKFORD:
            if other != code[place]:
                assert not is_well_formed(code[:place] + other + code[place + 1 :])
        assert not is_well_formed(code[:place] + code[place + 1 :])
        assert not is_well_formed(code[:place] + "0" + code[place:])


def test_neighbours_in_the_wrong_order_are_nearly_always_recognised() -> None:
    swapped = [
        code[:place] + code[place + 1] + code[place] + code[place + 2 :]
        for code in (draw() for _ in range(500))
        for place in range(LENGTH - 1)
        if code[place] != code[place + 1]
    ]
    missed = sum(map(is_well_formed, swapped))
    assert missed / len(swapped) < 0.02


@pytest.mark.parametrize(
    "typed",
    [
        "{code}",
        "  {lower}\r\n",
        "{printed}",
        "{spaced}",
        "https://cek.example.go.id/d/{code}",
        "HTTPS://CEK.EXAMPLE.GO.ID/D/{code}",
        "cek.example.go.id/d/{lower}",
        "http://cek.example.go.id/d/{code}/",
        "http://cek.example.go.id:8000/d/{code}?x=1#part",
        "/d/{code}",
        "{code}#part",
        "{dashes}",
    ],
)
@settings(max_examples=20)
@given(code=CODES)
def test_what_people_and_scanners_type_is_understood(typed: str, code: str) -> None:
    text = typed.format(
        code=code,
        lower=code.lower(),
        printed=printed(code),
        spaced=" ".join(code),
        dashes="\u2013".join((code[:5], code[5:])),
    )
    assert normalise(text) == code


@given(CODES)
def test_letters_that_are_never_printed_are_read_as_digits(code: str) -> None:
    misread = code.replace("0", "O").replace("1", "l")
    assert normalise(misread) == code


@given(st.text())
@example("/[")
@example("https://cek.example.org]/d/7K3M9QX2R4TPXA")
def test_nothing_typed_is_an_error(typed: str) -> None:
    assert is_well_formed(normalise(typed)) in (True, False)
