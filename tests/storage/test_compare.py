from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.compare import digest_name, masked_name, normal_name, normal_number, same_name

SAME = [
    ("Siti Aminah", "SITI  AMINAH"),
    ("Siti Aminah", "sitiaminah"),
    ("Siti Aminah", "St. Aminah"),
    ("Muhammad Yusuf", "Muh. Yusuf"),
    ("Muhammad Yusuf", "Moh Yusuf"),
    ("Muhammad Yusuf", "M. Yusuf"),
    ("Mochamad Ridwan", "Muhammad Ridwan"),
    ("Abdul Rahman", "Abd. Rahman"),
    ("Ahmad Fauzi", "Achmad Fauzi"),
    ("dr. Ratna Dewi, Sp.A.", "Ratna Dewi"),
    ("Drs. H. Bambang Prasetya, M.A.P.", "Bambang Prasetya"),
    ("Prof. Dr. Ir. Sri Wahyuni", "Sri Wahyuni"),
    ("Rina Kartika S.Kep., Ns.", "Rina Kartika"),
    ("Rina Kartika A.Md.Keb.", "rina kartika"),
    ("apt. Dewi Lestari, S.Farm.", "Dewi Lestari"),
    ("Zoë Café", "Zoe Cafe"),
    ("Nur'aini", "Nuraini"),
    ("Nur\u2019aini", "Nur'aini"),
    ("Anne-Marie", "Anne Marie"),
    ("A.A. Gede Raka", "AA Gede Raka"),
    ("Siti\u00a0Aminah", "Siti Aminah"),
    ("\uff33iti Aminah", "Siti Aminah"),
]
DIFFERENT = [
    ("Siti Aminah", "Siti Aminuh"),
    ("Siti Aminah", "Siti"),
    ("Siti Aminah", ""),
    ("Muhammad Yusuf", "Yusuf"),
    ("Abdul Rahman", "Abdul Rahim"),
    ("Dewi", "dr. Dewa"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_ways_to_write_one_name(one: str, other: str) -> None:
    assert normal_name(one) == normal_name(other)
    assert same_name(other, *digest_name(one))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_two_names(one: str, other: str) -> None:
    assert not same_name(other, *digest_name(one))


@pytest.mark.parametrize("title", ["H", "Ir", "Dr.", "Ns"])
def test_a_title_alone_is_a_name(title: str) -> None:
    assert normal_name(title) != ""


def test_the_same_name_has_another_digest_in_each_record() -> None:
    assert digest_name("Siti Aminah")[1] != digest_name("Siti Aminah")[1]


def test_a_mask_tells_neither_length_nor_letters() -> None:
    assert masked_name("Siti Aminah") == "S*** A***"
    assert masked_name("Bo Li") == "B*** L***"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("503/001/SIPD/DPMPTSP/III/2026", "503 001 sipd dpmptsp iii 2026", True),
        ("503/001/SIPD/DPMPTSP/III/2026", "503.001.SIPD-DPMPTSP_III_2026", True),
        ("503/001/SIPD/DPMPTSP/III/2026", "503/010/SIPD/DPMPTSP/III/2026", False),
    ],
)
def test_numbers(one: str, other: str, same: bool) -> None:
    assert (normal_number(one) == normal_number(other)) is same


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_any_text_has_a_normal_form_that_is_stable_under_case(name: str) -> None:
    # Upper case changes what a character is in some scripts, back and forth does not.
    assert normal_name(name.casefold()) == normal_name(name.casefold().casefold())
    assert " " not in normal_name(name)
