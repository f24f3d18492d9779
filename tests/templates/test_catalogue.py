from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from storage.vocabulary import InvalidRequest, Misconfigured, NotFound
from templates.catalogue import SHIPPED, Catalogue, UnknownType
from templates.definition import read_type
from templates.numbering import MAX_BYTES, Numbering, NumberTooLong
from templates.render import Renderer
from templates.validity import Validity, anniversary
from tests.templates.pages import HEAD, ISSUED_ON, TYPES, catalogue, compose, text_of

MARCH = date(2026, 3, 12)


def test_the_shipped_types() -> None:
    assert tuple(each.id for each in catalogue().types) == TYPES
    for each in catalogue().types:
        assert re.fullmatch(r"[0-9a-f]{64}", each.template_hash)
        assert set(each.label) == {"id", "en"}
        assert each.folder == SHIPPED / each.id


@pytest.mark.parametrize("type_id", TYPES)
def test_a_shipped_type_reads_the_same_when_nothing_is_taken_for_granted(type_id: str) -> None:
    """At load the meta-schema is asked only about the operator's own types; about ours, here."""
    assert read_type(SHIPPED / type_id) == catalogue().get(type_id)


def test_loading_asks_the_meta_schema_about_the_operators_types_alone(
    stalls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    check = Draft202012Validator.check_schema
    monkeypatch.setattr(Draft202012Validator, "check_schema", lambda it: asked.append(it) or check(it))
    Catalogue.load()
    assert asked == []
    Catalogue.load(stalls.parent)
    assert asked == [json.loads(STALL["fields.json"])]


def test_an_unknown_type_is_not_found() -> None:
    with pytest.raises(UnknownType) as unknown:
        catalogue().get("sip-dukun")
    assert isinstance(unknown.value, NotFound)
    assert unknown.value.code == "UNKNOWN_TYPE"


def test_practice_permits_share_one_family_with_three_in_force_and_one_per_place() -> None:
    permits = [each for each in catalogue().types if each.id.startswith("sip-")]
    assert {each.family for each in permits} == {"sip"}
    for each in permits:
        assert each.limits.holder == ("nik",)
        assert each.limits.max_in_force == 3
        assert each.limits.place == ("tempat_praktik", "alamat_praktik")
        assert each.limits.ordinal == "sip_ke"
        assert not each.approval
    research = catalogue().get("surat-keterangan-penelitian")
    assert research.approval
    assert research.limits.max_in_force is None
    assert research.limits.place == ()


@pytest.mark.parametrize(
    ("type_id", "agency", "number"),
    [
        ("sip-dokter", "DPMPTSP", "503/028/SIPD/DPMPTSP/III/2026"),
        ("sip-apoteker", "DPMPTSP-XXX", "503/028/SIPA/DPMPTSP-XXX/III/2026"),
        ("surat-keterangan-penelitian", "BAKESBANGPOL", "070/028/SKP/BAKESBANGPOL/III/2026"),
    ],
)
def test_numbers(type_id: str, agency: str, number: str) -> None:
    assert catalogue().get(type_id).number(28, MARCH, agency) == number
    assert catalogue().get(type_id).number(1028, MARCH, agency) == number.replace("028", "1028")


def test_a_series_is_one_type_and_one_year() -> None:
    doctor = catalogue().get("sip-dokter")
    assert doctor.series(date(2026, 12, 31)) == "sip-dokter/2026"
    assert doctor.series(date(2027, 1, 1)) == "sip-dokter/2027"


@pytest.mark.parametrize(
    "pattern",
    [
        "503/{sequence}",
        "503/{year}",
        "{sequence}/{year}/{nik}",
        "{sequence:q}/{year}",
        "{sequence}/{year",
        "{}/{year}",
    ],
)
def test_a_pattern_that_could_repeat_a_number_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Numbering(pattern)


def test_hostile_placeholders_reach_no_attribute() -> None:
    with pytest.raises(ValueError, match="unknown placeholder"):
        Numbering("{sequence.__class__}/{year}{sequence}")


@given(st.dates(date(2000, 1, 1), date(2100, 12, 31)), st.integers(1, 10**6), st.integers(1, 10**6))
def test_numbers_of_one_year_differ(day: date, first: int, second: int) -> None:
    numbering = Numbering("503/{sequence:03}/SIPD/{agency}/{month_roman}/{year}")
    same = numbering.number(first, day, "A") == numbering.number(second, day, "A")
    assert same == (first == second)


@pytest.mark.parametrize(
    ("rule", "start", "end"),
    [
        (Validity(years=5), date(2026, 3, 12), date(2031, 3, 11)),
        (Validity(years=5), date(2026, 1, 1), date(2030, 12, 31)),
        (Validity(years=5), date(2024, 2, 29), date(2029, 2, 28)),  # no 29 February 2029: 1 March, less a day
        (Validity(years=4), date(2024, 2, 29), date(2028, 2, 28)),  # there is one
        (Validity(years=5), date(2023, 3, 1), date(2028, 2, 29)),
        (Validity(days=1), date(2026, 3, 12), date(2026, 3, 12)),
        (Validity(days=100), date(2026, 3, 12), date(2026, 6, 19)),
        (Validity(), date(2026, 3, 12), None),
        (Validity(field="sampai"), date(2026, 3, 12), date(2026, 7, 31)),
    ],
)
def test_validity(rule: Validity, start: date, end: date | None) -> None:
    assert rule.period(start, {"sampai": "2026-07-31"}) == (start, end)


@pytest.mark.parametrize("years", [101, -101, 7000])
def test_a_start_beyond_the_horizon_is_refused_at_its_pointer(years: int) -> None:
    doctor = catalogue().get("sip-dokter")
    with pytest.raises(InvalidRequest) as refused:
        doctor.validity(MARCH, date(min(MARCH.year + years, 9999), 12, 31), {})
    assert [problem.pointer for problem in refused.value.problems] == ["/valid_from"]


def test_an_end_beyond_the_horizon_is_refused_at_its_pointer() -> None:
    with pytest.raises(InvalidRequest) as refused:
        Validity(field="sampai").period(MARCH, {"sampai": "9999-12-31"})
    assert [problem.pointer for problem in refused.value.problems] == ["/fields/sampai"]


@pytest.mark.parametrize("rule", [{"years": 101}, {"days": 40_000}])
def test_a_rule_beyond_the_horizon_is_refused_when_it_is_read(rule: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="unlimited"):
        Validity(**rule)


def test_validity_and_retention_round_29_february_alike() -> None:
    doctor = catalogue().get("sip-dokter")
    leap = date(2024, 2, 29)
    assert anniversary(leap, 5) == date(2029, 3, 1)
    assert doctor.validity(leap, None, {})[1] == anniversary(leap, 5) - timedelta(days=1)
    assert doctor.retain_until(leap, leap) == anniversary(leap, 10) == date(2034, 3, 1)
    assert doctor.retain_until(leap, None) == date(2034, 3, 1)


def test_a_number_that_does_not_fit_into_the_qr_code_is_refused() -> None:
    doctor = catalogue().get("sip-dokter")
    longest = "D" * (MAX_BYTES - len("503/001/SIPD//VIII/2026"))
    assert len(doctor.number(1, date(2026, 8, 1), longest)) == MAX_BYTES
    with pytest.raises(NumberTooLong) as refused:
        doctor.number(1, date(2026, 8, 1), longest + "D")
    assert refused.value.code == "NUMBER_TOO_LONG"
    with pytest.raises(ValueError, match="fit into the QR code"):
        Numbering("503/{sequence:03}/{agency}/{month_roman}/{year}/SURAT-IZIN-YANG-PANJANG")


@given(st.dates(date(1990, 1, 1), date(2150, 12, 31)), st.integers(1, 30))
def test_years_end_the_day_before_the_anniversary(start: date, years: int) -> None:
    _, end = Validity(years=years).period(start, {})
    assert end is not None
    following = end + timedelta(days=1)
    assert following.year == start.year + years
    assert (following.month, following.day) in {(start.month, start.day), (3, 1)}


@pytest.mark.parametrize("value", ["2026-03-11", "besok", None])
def test_a_validity_that_ends_before_it_starts_is_refused(value: str | None) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Validity(field="sampai").period(MARCH, {"sampai": value})
    assert [problem.pointer for problem in refused.value.problems] == ["/fields/sampai"]


def test_validity_starts_with_the_issue_unless_told_otherwise() -> None:
    doctor = catalogue().get("sip-dokter")
    assert doctor.validity(MARCH, None, {})[0] == MARCH
    assert doctor.validity(MARCH, date(2026, 5, 1), {}) == (date(2026, 5, 1), date(2031, 4, 30))


STALL = {
    "type.toml": """
id = "izin-lapak"
family = "lapak"
number = "LAPAK-{year}-{month:02}-{sequence:05}"
validity = { days = 30 }
approval = false
holder_name = "pedagang"
retention_years = 2

[label]
id = "Izin Lapak"
en = "Stall permit"

[[slots]]
role = "lurah"
kind = "signature"
label = { id = "Lurah", en = "Head of the village" }

[[slots]]
role = "instansi"
kind = "e_seal"
label = { id = "Segel instansi", en = "Agency seal" }
""",
    "fields.json": json.dumps(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "additionalProperties": False,
            "required": ["pedagang"],
            "properties": {
                "pedagang": {"type": "string", "title": "Pedagang", "x-title-en": "Trader", "maxLength": 80}
            },
        }
    ),
    "document.typ": """
#import "@absah/letter:1.0.0": *
#show: letter.with(title: "Izin Lapak")
#entries("pedagang")
#closing[Berlaku sampai dengan #tanggal(data.valid_until).]
""",
    "sample.json": '{"pedagang": "Melati"}',
}


@pytest.fixture
def stalls(tmp_path: Path) -> Path:
    folder = tmp_path / "types" / "izin-lapak"
    folder.mkdir(parents=True)
    for name, content in STALL.items():
        (folder / name).write_text(content, "utf-8")
    return folder


def test_a_type_from_outside_the_package_numbers_validates_and_draws(stalls: Path) -> None:
    loaded = Catalogue.load(stalls.parent)
    assert len(loaded.types) == len(TYPES) + 1
    stall = loaded.get("izin-lapak")
    assert stall.number(7, ISSUED_ON, "KEL") == "LAPAK-2026-03-00007"
    assert stall.read({}, issued_on=ISSUED_ON)[1][0].pointer == "/fields/pedagang"
    seal = replace(HEAD, name="Kelurahan Contoh", office="Segel elektronik", nip="", rank="")
    rendered = Renderer(loaded).render(
        compose(stall, number=stall.number(7, ISSUED_ON, "KEL"), signatories=(HEAD, seal))
    )
    text = text_of(rendered.pdf)
    assert "LAPAK-2026-03-00007" in text
    assert "10\u00a0April\u00a02026" in text or "10 April 2026" in text
    assert "Melati" in text
    first, second = rendered.boxes
    assert (first.ordinal, second.ordinal) == (1, 2)
    assert first.y0 - second.y1 == pytest.approx(2 / 25.4 * 72, abs=0.1)  # one below the other, 2 mm apart


def test_the_template_hash_follows_every_file_that_is_drawn(stalls: Path) -> None:
    before = Catalogue.load(stalls.parent).get("izin-lapak").template_hash
    (stalls / "sample.json").write_text('{"pedagang": "Mawar"}')
    assert Catalogue.load(stalls.parent).get("izin-lapak").template_hash == before
    (stalls / "document.typ").write_text(STALL["document.typ"] + "\n")
    assert Catalogue.load(stalls.parent).get("izin-lapak").template_hash != before


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text("utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new), "utf-8")

    return change


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "no template": (lambda folder: (folder / "document.typ").unlink(), "document.typ"),
    "no schema": (lambda folder: (folder / "fields.json").unlink(), "fields.json"),
    "no sample": (lambda folder: (folder / "sample.json").unlink(), "sample.json"),
    "no label": (edit("type.toml", 'en = "Stall permit"', ""), "'en' is missing"),
    "no number": (edit("type.toml", "number =", "nomor ="), "unknown setting 'nomor'"),
    "broken toml": (edit("type.toml", "[label]", "[label"), "TOML"),
    "number repeats": (edit("type.toml", "{year}-", ""), "{year} is missing"),
    "other id": (edit("type.toml", '"izin-lapak"', '"izin-kios"'), "folder's name"),
    "unknown holder": (edit("type.toml", '"pedagang"', '"nama"'), "'nama'"),
    "two validities": (edit("type.toml", "days = 30", "days = 30, years = 1"), "exclude"),
    "no validity": (edit("type.toml", "days = 30", ""), "exactly one"),
    "unknown validity": (edit("type.toml", "days = 30", "weeks = 3"), "weeks"),
    "validity of no field": (edit("type.toml", "days = 30", 'field = "akhir"'), "'akhir'"),
    "limit of nobody": (edit("type.toml", "[label]", "[limits]\nmax_in_force = 3\n[label]"), "holder"),
    "limit of none": (
        edit("type.toml", "[label]", '[limits]\nholder = ["pedagang"]\nmax_in_force = 0\n[label]'),
        "counts from 1",
    ),
    "misspelt limit": (edit("type.toml", "[label]", "[limits]\nmax_in_forse = 3\n[label]"), "max_in_forse"),
    "unknown slot": (edit("type.toml", '"e_seal"', '"stamp"'), "kind"),
    "approval as text": (edit("type.toml", "approval = false", 'approval = "no"'), "true or false"),
    "broken json": (
        edit(
            "fields.json",
            "{",
            "",
        ),
        "JSON",
    ),
    "open schema": (
        edit("fields.json", '"additionalProperties": false', '"additionalProperties": true'),
        "additional",
    ),
    "wrong schema": (edit("fields.json", '"maxLength": 80', '"maxLength": "x"'), "JSON Schema"),
    "unlabelled field": (edit("fields.json", '"x-title-en"', '"x-judul"'), "x-title-en"),
    "unknown format": (edit("fields.json", '"maxLength": 80', '"format": "npwp"'), "unknown format"),
    "foreign package": (
        edit("document.typ", "#closing", '#import "@preview/tablex:0.0.9": *\n#closing'),
        "@preview",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_folder_is_refused_with_file_and_remedy(name: str, stalls: Path) -> None:
    change, named = BROKEN[name]
    change(stalls)
    with pytest.raises(Misconfigured) as refused:
        Catalogue.load(stalls.parent)
    assert str(stalls) in refused.value.message
    assert named in refused.value.message


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="does not exist"):
        Catalogue.load(tmp_path / "nowhere")


def test_one_type_cannot_be_defined_twice(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "sip-dokter", tmp_path / "sip-dokter")
    with pytest.raises(Misconfigured, match="defined twice"):
        Catalogue.load(tmp_path)


def test_two_types_cannot_share_one_numbering(stalls: Path) -> None:
    twin = stalls.parent / "izin-lapak-dua"
    shutil.copytree(stalls, twin)
    edit("type.toml", '"izin-lapak"', '"izin-lapak-dua"')(twin)
    with pytest.raises(Misconfigured, match="same pattern"):
        Catalogue.load(stalls.parent)
