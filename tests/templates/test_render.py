from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import typst
from fontTools.ttLib import TTFont
from pyhanko.pdf_utils.reader import PdfFileReader

from templates.catalogue import Catalogue
from templates.definition import LAYOUT
from templates.glyphs import FONTS
from templates.render import Renderer, RenderFailed, document_json
from tests.services import missing
from tests.templates.pages import (
    BRAND,
    CODE,
    HEAD,
    LETTERHEAD,
    TYPES,
    catalogue,
    compose,
    draw,
    fingerprint,
    pictures,
    pixel,
    renderer,
    sample,
    squeezed,
    text_of,
)

REPOSITORY = Path(__file__).parents[2]
DOCTOR = "sip-dokter"
FREE_TEXTS = (
    "nama",
    "gelar_belakang",
    "tempat_lahir",
    "alamat",
    "profesi",
    "nomor_str",
    "tempat_praktik",
    "jadwal",
)
HOSTILE = (
    "{{7*7}}",
    "<script>alert(1)</script>",
    '#import "/etc/passwd"',
    "$x$",
    "*a* _b_ = c",
    r"\u{41} #sys",
    "--- ...",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "https://palsu.example/d/1",
)


def attachment(pdf: bytes) -> Any:

    root = PdfFileReader(io.BytesIO(pdf)).root
    (specification,) = root["/AF"]
    specification = specification.get_object()
    assert specification["/UF"] == "document.json"
    assert specification["/AFRelationship"] == "/Data"
    stream = specification["/EF"]["/F"]
    assert stream["/Subtype"] == "/application/json"
    return stream.data


@pytest.mark.parametrize("type_id", TYPES)
def test_every_type_is_one_a4_page_with_what_it_has_to_show(type_id: str) -> None:
    rendered = draw(type_id)
    assert rendered.pdf.startswith(b"%PDF-1.7")
    assert rendered.pdf.endswith(b"%%EOF\n")
    with pypdfium2.PdfDocument(rendered.pdf) as document:
        assert len(document) == 1
        assert document[0].get_size() == pytest.approx((595.28, 841.89), abs=0.01)
        metadata = document.get_metadata_dict()
    assert compose(catalogue().get(type_id)).number in metadata["Title"]
    text = squeezed(text_of(rendered.pdf))
    fields = sample(type_id)
    for shown in (
        fields["nama"],
        fields["nik"],
        "7K3M9-QX2R4-TPXA",
        "Periksa hanya di cek.contoh.go.id",
        HEAD.name,
    ):
        assert squeezed(shown) in text
    assert squeezed("NIP 19750312 200112 2 003") in text
    assert (
        squeezed(
            "UU ITE No. 11 Tahun 2008 Pasal 5 Ayat 1: “Informasi Elektronik dan/atau Dokumen Elektronik "
            "dan/atau hasil cetaknya merupakan alat bukti hukum yang sah.”"
        )
        in text
    )
    assert squeezed("Dibuat 12 Maret 2026 pukul 09.15 WIB") in text
    assert "BSrE" not in text and "pengembangan" not in text and "SPESIMEN" not in text


@pytest.mark.parametrize("type_id", TYPES)
def test_language_tags_and_structure_are_declared(type_id: str) -> None:

    root = PdfFileReader(io.BytesIO(draw(type_id).pdf)).root
    assert str(root["/Lang"]).startswith("id")
    assert root["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in root
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]


def test_the_same_page_is_the_same_bytes_in_another_process() -> None:
    code = f"from tests.templates.pages import fingerprint; print(fingerprint({DOCTOR!r}))"
    other = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=120
    )
    assert other.stdout.strip() == fingerprint(DOCTOR)


def test_another_time_or_number_is_another_file() -> None:
    page = compose(catalogue().get(DOCTOR))
    first = renderer().render(page).pdf
    assert renderer().render(replace(page, created=page.created + timedelta(minutes=1))).pdf != first
    assert renderer().render(replace(page, number="503/029/SIPD/DPMPTSP/III/2026")).pdf != first
    assert renderer().render(page).pdf == first


def test_threads_do_not_mix_pages() -> None:
    pages = [compose(catalogue().get(TYPES[i % 6]), number=f"503/{i:03}/X/2026") for i in range(12)]
    alone = [renderer().render(page).pdf for page in pages]
    with ThreadPoolExecutor(4) as pool:
        assert [rendered.pdf for rendered in pool.map(renderer().render, pages)] == alone


@pytest.mark.parametrize("hostile", HOSTILE)
def test_markup_in_any_field_is_printed_as_that_text(hostile: str) -> None:
    fields = sample(DOCTOR, **dict.fromkeys(FREE_TEXTS, hostile))
    pdf = draw(DOCTOR, fields).pdf
    page = PdfFileReader(io.BytesIO(pdf)).root["/Pages"]["/Kids"][0]
    assert page["/Type"] == "/Page" and "/Annots" not in page  # nothing to click
    text = squeezed(text_of(pdf))
    assert text.count(squeezed(hostile)) == len(FREE_TEXTS)
    assert "root:" not in text and "49" not in text


def test_markup_in_what_the_agency_sets_is_printed_as_that_text() -> None:
    hostile = '#panic("x") $y$ {{z}}'
    rendered = draw(
        DOCTOR,
        number=hostile,
        check_host="<b>host",
        letterhead=replace(LETTERHEAD, address=hostile),
        signatories=(replace(HEAD, name=hostile, rank=hostile, office=hostile),),
    )
    assert squeezed(text_of(rendered.pdf)).count(squeezed(hostile)) >= 5


def long_fields() -> dict[str, Any]:
    return sample(
        DOCTOR,
        nama=("Raden Mas Panjang Sekali Namanya " * 4)[:120].strip(),
        gelar_belakang="S.Ked., M.Kes., Sp.A., Subsp.Neo.(K), FISQua, M.H.",
        alamat="\n".join(f"Baris alamat ke-{line}, Jalan yang Panjang Nomor {line}" for line in range(1, 9)),
        alamat_praktik="\n".join(f"Gedung {line}, Kawasan Kesehatan Terpadu" for line in range(1, 9)),
        tempat_praktik="T" * 120,
        jadwal="Senin\nSelasa\nRabu\nKamis",
    )


def ink_outside_margins(pdf: bytes) -> int:
    """Dark pixels in the outer 8 mm of the sides, where nothing may be printed."""
    edge = round(8 / 25.4 * 100)
    count = 0
    for picture in pictures(pdf, 100):
        width, height = picture.size
        for box in ((0, 0, edge, height), (width - edge, 0, width, height)):
            count += sum(picture.crop(box).histogram()[:128])
    return count


def test_the_longest_values_stay_on_the_paper_and_are_complete() -> None:
    fields = long_fields()
    rendered = draw(DOCTOR, fields)
    assert ink_outside_margins(rendered.pdf) == 0
    text = squeezed(text_of(rendered.pdf))
    for name in ("nama", "alamat", "alamat_praktik", "tempat_praktik", "gelar_belakang"):
        assert squeezed(fields[name]) in text
    # Signatures never stand alone on a sheet: the last sentence and the running head go with them.
    with pypdfium2.PdfDocument(rendered.pdf) as document:
        assert len(document) == 2
        last = squeezed(document[1].get_textpage().get_text_range())
    assert squeezed("Surat Izin Praktik Dokter (SIPD), lanjutan") in last
    assert squeezed("Izin ini berlaku untuk satu tempat praktik") in last
    assert squeezed("Halaman 2 dari 2") in last
    assert {box.page for box in rendered.boxes} == {1}


def test_ink_outside_the_margins_would_be_seen() -> None:

    overflowing = typst.compile(b'#set page(paper: "a4", margin: 20mm)\n#' + b'"' + b"A" * 200 + b'"')
    assert ink_outside_margins(overflowing) > 0


def test_a_missing_photo_leaves_a_frame_that_says_so() -> None:
    fields = sample(DOCTOR)
    del fields["foto"]
    assert "tidakdilampirkan" in squeezed(text_of(draw(DOCTOR, fields).pdf))
    assert "tidakdilampirkan" not in squeezed(text_of(draw(DOCTOR).pdf))


def test_arabic_is_shaped_by_a_font_that_has_it() -> None:
    pdf = draw(DOCTOR, sample(DOCTOR, nama="عبد الرحمن")).pdf
    assert b"NotoNaskhArabic-Bold" in pdf
    text = text_of(pdf)
    assert all(letter in text for letter in "عبدالرحمن")
    assert b"NotoNaskhArabic" not in draw(DOCTOR).pdf


def test_a_specimen_and_a_development_signature_say_so() -> None:
    assert "SPESIMEN" not in squeezed(text_of(draw(DOCTOR).pdf))
    picture = pictures(draw(DOCTOR, specimen=True).pdf, 60)[0]
    plain = pictures(draw(DOCTOR).pdf, 60)[0]
    grey = sum(picture.histogram()[215:245]) - sum(plain.histogram()[215:245])
    assert grey > 2000
    assert sum(picture.histogram()[:128]) == pytest.approx(sum(plain.histogram()[:128]), rel=0.02)
    development = squeezed(text_of(draw(DOCTOR, development=True).pdf))
    assert squeezed("Tanda tangan pengembangan, bukan dokumen sah") in development


@pytest.mark.parametrize(
    ("zone", "shown"),
    [("Asia/Makassar", "10.15 WITA"), ("Asia/Jayapura", "11.15 WIT"), ("Asia/Pontianak", "09.15 WIB")],
)
def test_time_is_shown_in_the_agencys_zone(zone: str, shown: str) -> None:
    assert squeezed("pukul " + shown) in squeezed(text_of(draw(DOCTOR, zone=zone).pdf))


def test_the_signature_box_is_where_the_block_is() -> None:
    (box,) = draw(DOCTOR).boxes
    assert box.x1 - box.x0 == pytest.approx(76 / 25.4 * 72, abs=0.1)
    assert 60 < box.y1 - box.y0 < 140
    with pypdfium2.PdfDocument(draw(DOCTOR).pdf) as document:
        inside = document[box.page].get_textpage().get_text_bounded(box.x0, box.y0, box.x1, box.y1)
    assert squeezed(inside).startswith(squeezed("Ditandatangani secara elektronik oleh: Kepala Dinas"))
    assert squeezed(inside).endswith("003")


def test_the_signature_box_lies_on_the_drawn_frame() -> None:
    rendered = draw(DOCTOR)
    (box,) = rendered.boxes
    picture = pictures(rendered.pdf, 144)[0]  # two pixels a point
    middle = round(box.x0 + box.x1)
    for edge in (box.y0, box.y1):
        row = round((841.89 - edge) * 2)
        assert min(pixel(picture, middle, row + shift) for shift in (-1, 0, 1))[0] < 200
        assert min(pixel(picture, middle, row + shift) for shift in (-4, 4))[0] > 240


def test_the_box_grows_with_the_name() -> None:
    long = replace(HEAD, name="Prof. Dr. dr. " + "Nama yang Panjang " * 5, capacity="Plt.")
    (box,) = draw(DOCTOR, signatories=(long,)).boxes
    (short,) = draw(DOCTOR).boxes
    assert box.y1 - box.y0 > short.y1 - short.y0 + 10


@pytest.mark.parametrize("type_id", TYPES)
def test_document_json_is_canonical_and_holds_the_fields(type_id: str) -> None:
    page = compose(catalogue().get(type_id))
    raw = attachment(renderer().render(page).pdf)
    assert raw == document_json(page)
    content = json.loads(raw)
    assert raw == json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    assert set(content) == {
        *("format", "code", "number", "type", "issued_on", "valid_from", "valid_until", "url", "issuer"),
        *("signatories", "template_hash", "fields"),
    }
    assert (content["format"], content["code"], content["type"]) == (1, CODE, type_id)
    assert content["issuer"] == {"agency": LETTERHEAD.agency, "regency": LETTERHEAD.regency}
    assert content["signatories"][0]["name"] == HEAD.name
    assert content["template_hash"] == page.type.template_hash
    expected = dict(page.fields)
    if "foto" in expected:
        expected["foto"] = hashlib.sha256(base64.b64decode(expected["foto"])).hexdigest()
    assert content["fields"] == expected


def test_a_failing_template_says_where_and_not_what(tmp_path: Path) -> None:

    folder = tmp_path / "sip-gagal"
    shutil.copytree(catalogue().get(DOCTOR).folder, folder)
    settings = (
        (folder / "type.toml").read_text().replace('"sip-dokter"', '"sip-gagal"').replace("/SIPD/", "/GAGAL/")
    )
    (folder / "type.toml").write_text(settings)
    (folder / "document.typ").write_text('#import "@absah/letter:1.0.0": *\n#panic(field("nama"))\n')
    loaded = Catalogue.load(tmp_path)
    with pytest.raises(RenderFailed) as failed:
        Renderer(loaded).render(compose(loaded.get("sip-gagal")))
    assert "Anindya" not in failed.value.message
    assert "sip-gagal" in failed.value.message
    (folder / "document.typ").write_text('#import "@absah/letter:1.0.0": *\n#show: letter.with(title: "x")\n')
    loaded = Catalogue.load(tmp_path)
    with pytest.raises(RenderFailed, match="slot"):
        Renderer(loaded).render(compose(loaded.get("sip-gagal")))


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../etc/passwd", "../sip-bidan/sample.json"])
def test_a_template_reads_nothing_outside_its_folder(tmp_path: Path, path: str) -> None:

    folder = tmp_path / "sip-ingin-tahu"
    shutil.copytree(catalogue().get(DOCTOR).folder, folder)
    settings = (folder / "type.toml").read_text().replace('"sip-dokter"', '"sip-ingin-tahu"')
    (folder / "type.toml").write_text(settings.replace("/SIPD/", "/TAHU/"))
    (folder / "document.typ").write_text(
        f'#import "@absah/letter:1.0.0": *\n#show: letter.with(title: "x")\n#read("{path}")'
    )
    loaded = Catalogue.load(tmp_path)
    with pytest.raises(RenderFailed):
        Renderer(loaded).render(compose(loaded.get("sip-ingin-tahu")))


def test_the_fonts_are_open_and_have_1000_units_per_em() -> None:
    files = sorted(FONTS.glob("*.ttf"))
    assert len(files) == 5
    for file in files:
        with TTFont(file) as font:
            assert font["head"].unitsPerEm == 1000
            assert "Open Font License" in font["name"].getDebugName(13)
    assert "SIL OPEN FONT LICENSE" in (FONTS / "OFL.txt").read_text("utf-8")


def test_the_two_regencies_have_their_own_arms() -> None:
    first, second = (
        draw(
            DOCTOR, letterhead=replace(LETTERHEAD, logo_svg=(BRAND / f"kabupaten-{name}.svg").read_bytes())
        ).pdf
        for name in ("contoh", "teladan")
    )
    assert first != second
    assert len(draw(DOCTOR, letterhead=replace(LETTERHEAD, logo_svg=b"")).boxes) == 1


def test_the_layout_folder_holds_what_templates_import() -> None:
    assert (LAYOUT / "absah" / "letter" / "1.0.0" / "letter.typ").is_file()


def test_verapdf_agrees_with_pdf_a_3a_and_pdf_ua_1(tmp_path: Path) -> None:
    jar = os.environ.get("ABSAH_VERAPDF")
    if jar is None:
        missing("veraPDF", "set ABSAH_VERAPDF to the path of its jar")
    fields = long_fields()
    files = {type_id: draw(type_id) for type_id in TYPES}
    without_photo = {name: value for name, value in fields.items() if name != "foto"}
    files["long"] = draw(DOCTOR, fields, specimen=True, development=True)
    files["bare"] = draw(
        DOCTOR, {**without_photo, "nama": "عبد الرحمن"}, letterhead=replace(LETTERHEAD, logo_svg=b"")
    )
    for name, rendered in files.items():
        (tmp_path / f"{name}.pdf").write_bytes(rendered.pdf)
    command = ["java", "-cp", jar, "org.verapdf.apps.GreenfieldCliWrapper", "-f", "0", "--format", "json"]
    answer = subprocess.run(
        [*command, *map(str, sorted(tmp_path.glob("*.pdf")))], capture_output=True, text=True, timeout=300
    )
    results = [
        (job["itemDetails"]["name"].rpartition("/")[2], result["profileName"].split()[0], result["compliant"])
        for job in json.loads(answer.stdout)["report"]["jobs"]
        for result in job["validationResult"]
    ]
    assert len(results) == 2 * len(files)
    assert [result for result in results if not result[2]] == []
    assert {profile for _, profile, _ in results} == {"PDF/A-3a", "PDF/UA-1"}
