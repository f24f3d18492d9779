from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.place import normal_place

REGENCY = "Kabupaten Contoh"
ADDRESS = "Jalan Melati Nomor 1, RT 003/RW 005, Kecamatan Contoh Kota, Kabupaten Contoh"


@pytest.mark.parametrize(
    "spelling",
    [
        ADDRESS + ".",
        ADDRESS.upper(),
        "Jalan  Melati   Nomor 1, RT 003/RW 005,  Kecamatan Contoh Kota, Kabupaten Contoh",
        "Jl. Melati No. 1, RT 003/RW 005, Kec. Contoh Kota, Kab. Contoh",
        "Jln Melati No.1 RT.3 RW.5 Kec Contoh Kota Kab Contoh",
        "Jalan Melati 1, RT 3 / RW 5, Kecamatan Contoh Kota",
        "Jalan Melati Nomor 1\nRT 003/RW 005\nKecamatan Contoh Kota\nKabupaten Contoh 12345",
        "Jalan Melati Nomor 1, RT 003/RW 005, Kecamatan Contoh Kota, Kabupaten Contoh, Kode Pos 12345",
        ADDRESS + ", Provinsi Jawa Tengah",
        ADDRESS + ", Prov. Jawa Tengah 12345.",
        "Jalan Mélati Nomor 1, RT 003/RW 005, Kecamatan Contoh Kota, Kabupaten Contoh",
    ],
)
def test_spellings_of_one_place_match(spelling: str) -> None:
    assert normal_place(spelling, REGENCY) == normal_place(ADDRESS, REGENCY)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Jalan Melati 1", "Jalan Melati 11"),
        ("Jalan Melati 1", "Jalan Melati 10"),
        ("Jalan Melati 1", "Jalan Melati 1A"),
        ("Jalan Melati 1 RT 1", "Jalan Melati 11 RT"),
        ("Jalan Melati 1/2", "Jalan Melati 12"),
        ("Jalan Melati 1", "Gang Melati 1"),
        ("Jalan Melati 1, Kelurahan A", "Jalan Melati 1, Kelurahan B"),
        ("Jalan Melati 1, Kecamatan A", "Jalan Melati 1, Kecamatan B"),
        ("Jalan Melati 1, RT 1/RW 2", "Jalan Melati 1, RT 2/RW 1"),
        ("Jalan Kabupaten 1", "Jalan Kabupaten 2"),
        ("Jalan Provinsi 1", "Jalan Provinsi 2"),
        ("Jalan Melati 12345", "Jalan Melati 1"),
        ("Jalan Melati 1, Kabupaten Contoh", "Jalan Melati 1, Kabupaten Teladan"),
        ("Klinik Sehat", "Klinik Sehat Dua"),
        ("!!!", "???"),
    ],
)
def test_different_places_differ(one: str, other: str) -> None:
    assert normal_place(one, REGENCY) != normal_place(other, REGENCY)


def test_a_place_named_for_its_regency_alone_keeps_its_name() -> None:
    assert normal_place("Kabupaten Contoh", REGENCY) == "kabupaten contoh"
    assert normal_place("RSUD Kab. Contoh", REGENCY) == normal_place("RSUD", REGENCY)


@given(st.text(max_size=80))
def test_any_text_has_a_normal_form_that_depends_on_no_case_and_no_blank_ends(text: str) -> None:
    assert normal_place(f"  {text} ", REGENCY) == normal_place(text, REGENCY)
    assert normal_place(text.casefold(), REGENCY) == normal_place(text, REGENCY)
