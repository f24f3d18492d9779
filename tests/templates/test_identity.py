from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from templates import identity

BIRTHS = st.dates(date(1920, 1, 1), date(2026, 1, 1))


def nik_of(born: date, female: bool, serial: int, region: str = "990101") -> str:
    day = born.day + (40 if female else 0)
    return f"{region}{day:02}{born.month:02}{born.year % 100:02}{serial:04}"


@pytest.mark.parametrize(
    ("number", "good"),
    [
        ("9901015403850001", True),
        ("9171010101900001", True),  # beyond 2^53: a float would lose its end
        ("990101540385000", False),
        ("99010154038500011", False),
        ("0000000000000000", False),
        ("9901015403850000", False),
        ("99010154O3850001", False),
        ("٩٩٠١٠١٥٤٠٣٨٥٠٠٠١", False),
        ("9901-15403850001", False),
        ("", False),
    ],
)
def test_form_of_a_nik(number: str, good: bool) -> None:
    assert identity.is_nik(number) is good


@pytest.mark.parametrize(
    ("digits", "possible"),
    [
        ("310190", True),
        ("320190", False),
        ("000190", False),
        ("400190", False),  # a woman's day 0
        ("710190", True),
        ("720190", False),
        ("150090", False),
        ("151390", False),
        ("290200", True),  # 2000 was a leap year, 1900 was not
        ("290204", True),
        ("290203", False),
        ("700201", False),  # a woman's 30 February
    ],
)
def test_date_inside_a_nik(digits: str, possible: bool) -> None:
    assert identity.nik_date_possible(f"990101{digits}0001") is possible


@given(BIRTHS, st.booleans(), st.integers(1, 9999))
def test_a_nik_agrees_with_its_own_birth_and_sex_and_with_no_other(
    born: date, female: bool, serial: int
) -> None:
    nik = nik_of(born, female, serial)
    assert identity.is_nik(nik)
    assert identity.nik_date_possible(nik)
    assert identity.nik_agrees(nik, born, female)
    assert identity.nik_agrees(nik, None, None)
    assert not identity.nik_agrees(nik, born, not female)
    assert not identity.nik_agrees(nik, date.fromordinal(born.toordinal() + 1), female)


@pytest.mark.parametrize(
    ("number", "good"),
    [
        ("197503122001122003", True),
        ("199001012022211001", True),  # PPPK: year and contract code
        ("197513122001122003", False),
        ("197502302001122003", False),
        ("197503122001002003", False),
        ("197503121970122003", False),  # in service before birth
        ("197503122001123003", False),
        ("197503122001122000", False),
        ("19750312200112200", False),
        ("", False),
    ],
)
def test_form_of_a_nip(number: str, good: bool) -> None:
    assert identity.is_nip(number) is good


@given(BIRTHS, st.integers(18, 40), st.integers(1, 30), st.sampled_from("12"), st.integers(1, 999))
def test_every_well_made_nip_passes(born: date, age: int, code: int, sex: str, serial: int) -> None:
    assert identity.is_nip(f"{born:%Y%m%d}{born.year + age}{code:02}{sex}{serial:03}")


@given(st.text(max_size=40))
def test_no_text_breaks_the_checks(text: str) -> None:
    bare = identity.strip_spaces(text)
    assert isinstance(identity.is_nip(bare), bool)
    if identity.is_nik(bare):
        assert isinstance(identity.nik_date_possible(bare), bool)


def test_spaces_are_for_reading() -> None:
    assert identity.strip_spaces(" 19750312 200112\u00a02 003 ") == "197503122001122003"
