from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from templates.catalogue import DocumentType
from tests.templates.pages import ISSUED_ON, TYPES, catalogue, sample

DOCTOR = "sip-dokter"


def problems(fields: object, type_id: str = DOCTOR) -> set[tuple[str, str]]:
    _, found = catalogue().get(type_id).read(fields, issued_on=ISSUED_ON)
    for problem in found:
        assert problem.pointer.startswith("/fields")
        json.dumps([problem.pointer, problem.message]).encode()
    return {(problem.pointer, problem.code) for problem in found}


@pytest.mark.parametrize("type_id", TYPES)
def test_the_sample_has_no_problem(type_id: str) -> None:
    assert problems(sample(type_id), type_id) == set()


def test_all_problems_are_told_at_once() -> None:
    fields = sample(DOCTOR, nik="123", sip_ke=4, tanggal_lahir="1985-02-30", bogus=1, alamat="")
    del fields["nama"]
    assert problems(fields) == {
        ("/fields/nik", "NIK_INVALID"),
        ("/fields/sip_ke", "FIELD_VALUE"),
        ("/fields/tanggal_lahir", "FIELD_DATE"),
        ("/fields/bogus", "FIELD_UNKNOWN"),
        ("/fields/alamat", "FIELD_REQUIRED"),
        ("/fields/nama", "FIELD_REQUIRED"),
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"nama": 7}, ("/fields/nama", "FIELD_TYPE")),
        ({"nama": ["x"]}, ("/fields/nama", "FIELD_TYPE")),
        ({"nama": "x" * 121}, ("/fields/nama", "FIELD_LENGTH")),
        ({"nama": "Budi\nSantoso"}, ("/fields/nama", "FIELD_CHARACTER")),
        ({"alamat": "\n".join("12345678x")}, ("/fields/alamat", "FIELD_LENGTH")),
        ({"sip_ke": "1"}, ("/fields/sip_ke", "FIELD_TYPE")),
        ({"sip_ke": True}, ("/fields/sip_ke", "FIELD_TYPE")),
        ({"sip_ke": 1.5}, ("/fields/sip_ke", "FIELD_TYPE")),
        ({"sip_ke": 0}, ("/fields/sip_ke", "FIELD_VALUE")),
        ({"sip_ke": float("nan")}, ("/fields/sip_ke", "FIELD_NUMBER")),
        ({"sip_ke": 10**400}, ("/fields/sip_ke", "FIELD_NUMBER")),
        ({"jenis_kelamin": "P"}, ("/fields/jenis_kelamin", "FIELD_VALUE")),
        ({"nik": 1234567890123456}, ("/fields/nik", "FIELD_TYPE")),
        ({"nik": 9901015403850001}, ("/fields/nik", "FIELD_NUMBER")),  # its digits may be lost already
        ({"nik": "9901015403850000"}, ("/fields/nik", "NIK_INVALID")),
        ({"nik": "9901013203850001"}, ("/fields/nik", "NIK_DATE_IMPOSSIBLE")),
        ({"nik": "9901011403850001"}, ("/fields/nik", "NIK_BIRTH_MISMATCH")),
        ({"tanggal_lahir": "1985-03-15"}, ("/fields/nik", "NIK_BIRTH_MISMATCH")),
        ({"tanggal_lahir": "20260312"}, ("/fields/tanggal_lahir", "FIELD_DATE")),
        ({"tanggal_lahir": "12-03-1985"}, ("/fields/tanggal_lahir", "FIELD_DATE")),
        ({"masa_str": "selamanya"}, ("/fields/masa_str", "FIELD_VALUE")),
        ({"masa_str": "2026-03-11"}, ("/fields/masa_str", "FIELD_DATE")),
        ({"tanggal_rekomendasi": "2026-03-13"}, ("/fields/tanggal_rekomendasi", "FIELD_DATE")),
        ({"foto": "aGFsbG8="}, ("/fields/foto", "FIELD_PHOTO")),
        ({"nomor_rekomendasi": None}, ("/fields/nomor_rekomendasi", "FIELD_REQUIRED")),  # for its date
    ],
)
def test_one_wrong_value(changes: dict[str, Any], expected: tuple[str, str]) -> None:
    assert expected in problems(sample(DOCTOR, **changes))
    assert len(problems(sample(DOCTOR, **changes))) == 1


def test_a_birth_after_the_issue_is_refused() -> None:
    assert ("/fields/tanggal_lahir", "FIELD_DATE") in problems(sample(DOCTOR, tanggal_lahir="2026-03-13"))


@pytest.mark.parametrize(
    "character",
    ["\0", "\x1b", "\t", "\u202e", "\u2066", "\u200b", "\ufeff", "\ud800", "\ue000", "😀", "漢", "\u0378"],
)
@pytest.mark.parametrize("name", ["nama", "alamat", "gelar_belakang"])
def test_a_character_that_cannot_be_printed_honestly_is_named(character: str, name: str) -> None:
    _, found = catalogue().get(DOCTOR).read(sample(DOCTOR, **{name: f"a{character}b"}), issued_on=ISSUED_ON)
    assert [(problem.pointer, problem.code) for problem in found] == [(f"/fields/{name}", "FIELD_CHARACTER")]
    assert f"U+{ord(character):04X}" in found[0].message
    assert character not in found[0].message
    found[0].message.encode()


def test_one_value_gets_one_problem() -> None:
    assert problems(sample(DOCTOR, nik="99010154\x1b0385")) == {("/fields/nik", "FIELD_CHARACTER")}
    assert problems(sample(DOCTOR, nik="9" * 41)) == {("/fields/nik", "FIELD_LENGTH")}


def test_unknown_characters_inside_a_list_are_pointed_at() -> None:
    fields = sample("surat-keterangan-penelitian", anggota=["Budi", "Si\u202eti"])
    assert problems(fields, "surat-keterangan-penelitian") == {("/fields/anggota/1", "FIELD_CHARACTER")}


@pytest.mark.parametrize("text", ["عبد الرحمن", "Đặng Ngọc", "Дмитрий", "Åsa Öström", "½ × 2 – “x”", "Ḥasan"])
def test_scripts_that_the_fonts_have_pass(text: str) -> None:
    assert problems(sample(DOCTOR, nama=text)) == set()


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("NIK_BIRTH_MISMATCH", {"nik": "9901011403850001"}),
        ("NIK_DATE_IMPOSSIBLE", {"nik": "9901013203850001"}),
    ],
)
def test_what_can_be_genuine_is_a_warning_and_nothing_else(code: str, changes: dict[str, Any]) -> None:
    _, found = catalogue().get(DOCTOR).read(sample(DOCTOR, **changes), issued_on=ISSUED_ON)
    assert [(problem.code, problem.overridable) for problem in found] == [(code, True)]
    _, found = catalogue().get(DOCTOR).read(sample(DOCTOR, nik="1"), issued_on=ISSUED_ON)
    assert [(problem.code, problem.overridable) for problem in found] == [("NIK_INVALID", False)]


def test_no_message_repeats_the_nik_or_the_name() -> None:
    fields = sample(
        DOCTOR, nik="9901015403850000", nama="Anindya\nLarasati", alamat="Anindya" * 100, sip_ke="Anindya"
    )
    for problem in catalogue().get(DOCTOR).read(fields, issued_on=ISSUED_ON)[1]:
        assert "Anindya" not in problem.message
        assert "99010154" not in problem.message


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "fields",
    [
        None,
        [],
        "fields",
        7,
        float("inf"),
        {},
        {"nama": nested(100_000)},
        {"x": [[]] * 3000},
        {"a" * 1000: 1, "\ud800": 2, "a/b~c": 3, "\u202e": 4},
        {"nama": {"nama": {"nama": {}}}, "nik": {}, "foto": [], "jenis_kelamin": [], "tanggal_lahir": {}},
        {"nama": "x" * 10_000_000},
    ],
    ids=lambda value: type(value).__name__,
)
def test_nothing_that_json_can_say_breaks_the_check(fields: object) -> None:
    assert problems(fields)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(TYPES), st.data())
def test_any_value_in_any_field_gets_an_answer(type_id: str, data: st.DataObject) -> None:
    document_type = catalogue().get(type_id)
    name = data.draw(st.sampled_from(sorted(document_type.schema["properties"])))
    fields = sample(type_id, **{name: data.draw(JSON)})
    problems(fields, type_id)


def test_clean_brings_values_into_one_spelling() -> None:
    messy = sample(
        DOCTOR,
        nama=unicodedata.normalize("NFD", "  Rén\u00a0 é   Larasati "),
        nik=" 990101 540385 0001 ",
        alamat="  Jalan A \r\n Desa B\n",
        jadwal="",
        gelar_depan=None,
        sip_ke=1.0,
    )
    assert problems(messy) == set()
    clean, _ = catalogue().get(DOCTOR).read(messy, issued_on=ISSUED_ON)
    assert clean == catalogue().get(DOCTOR).clean(messy)
    assert clean["nama"] == "Rén é Larasati"
    assert clean["nik"] == "9901015403850001"
    assert clean["alamat"] == "Jalan A\nDesa B"
    assert clean["sip_ke"] == 1 and isinstance(clean["sip_ke"], int)
    assert "jadwal" not in clean and "gelar_depan" not in clean


@pytest.mark.parametrize("type_id", TYPES)
def test_cleaned_fields_pass_the_check_again(type_id: str) -> None:
    document_type: DocumentType = catalogue().get(type_id)
    assert problems(document_type.clean(document_type.sample), type_id) == set()


def test_the_end_of_research_may_not_be_before_its_start() -> None:
    fields = sample("surat-keterangan-penelitian", waktu_selesai="2026-01-31")
    assert problems(fields, "surat-keterangan-penelitian") == {("/fields/waktu_selesai", "FIELD_DATE")}


def test_a_photo_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    open_image = Image.open
    monkeypatch.setattr(Image, "open", lambda *of, **by: decoded.append(1) or open_image(*of, **by))
    cleaned, found = catalogue().get(DOCTOR).read(sample(DOCTOR), issued_on=ISSUED_ON)
    assert (len(decoded), list(found)) == (1, [])
    assert cleaned["foto"] != sample(DOCTOR)["foto"]


@pytest.mark.parametrize("size", [3_000_000, 4_000_000], ids=["beyond 2 MB", "beyond any text"])
def test_a_photo_that_is_too_large_says_what_to_do_with_a_photo(size: int) -> None:
    _, [problem] = catalogue().get(DOCTOR).read(sample(DOCTOR, foto="A" * size * 2), issued_on=ISSUED_ON)
    assert (problem.pointer, problem.code) == ("/fields/foto", "FIELD_PHOTO")
    assert "JPEG" in problem.message
