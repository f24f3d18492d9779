"""``absah sign`` and what is under it: files of others, signed once more and checked by three validators."""

from __future__ import annotations

import mmap
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from sqlalchemy import select

from keys.software import SoftwareKey
from signer import signature
from signer.countersignature import freeze_countersignature
from signer.foreign_signature import ProviderRefused
from signer.self_check import SelfCheckFailed
from signer.signature import SignatureRefused
from signer.upload import StampPlace, UploadTools
from signer.upload_words import UploadRefused
from storage.archive import final_key
from storage.database import open_database_to_read, transaction
from storage.lookup import Lookup
from storage.reconcile import discrepancies
from storage.tables import audit_event, document
from storage.vocabulary import Status, Verdict
from templates.stamp import Stamp, StampRefused, draw_stamp
from tests.command_line import absah
from tests.interop.conftest import SAMPLE
from tests.office import URL, Office
from tests.signer.test_levels import write_large
from tests.signer.test_signature import judge_verapdf, rendered
from tests.signer.uploads import AT, ELSEWHERE, STAMP, Bench, open_bench
from tests.verifier import hostile_files
from verifier.by_file import inspect
from verifier.check import check
from verifier.pdf.document import File
from verifier.sandbox import OpenFile
from verifier.survey import survey
from verifier.survey_answer import Wish

GENUINE = SAMPLE / "genuine"
WITH_QR = Stamp(
    "drg. Ahmad Contoh, M.Kes.", "Kepala Dinas Contoh", AT, "Asia/Jakarta",
    "http://cek.example.org/d/7K3M9QX2R4TPXA", "7K3M9QX2R4TPXA", "cek.example.org",
)  # fmt: skip


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with open_bench(tmp_path_factory.mktemp("bench")) as made:
        yield made


def drawn(pdf: bytes, page: int) -> Image.Image:
    import pypdfium2

    opened = pypdfium2.PdfDocument(pdf)
    opened.init_forms()
    picture: Image.Image = opened[page].render(scale=2, may_draw_forms=True).to_pil()
    return picture


@pytest.mark.parametrize("stamp", [None, STAMP])
@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_others_signed_stays_as_valid_as_it_was(bench: Bench, name: str, stamp: Stamp | None) -> None:
    before = (GENUINE / f"{name}.pdf").read_bytes()
    after = bench.sign(before, stamp)
    assert after.startswith(before)
    now = datetime.now(UTC)  # the module is loaded long before in a run of everything
    old, new = (inspect(pdf, anchors=bench.tools.anchors, moment=now) for pdf in (before, after))
    assert len(new.signatures) == len(old.signatures) + 1
    told = {each.field: each for each in new.signatures}
    for each in old.signatures:
        assert told[each.field].changes in ("none", "permitted")
        assert (told[each.field].integrity, told[each.field].trust) == (each.integrity, each.trust)
    assert {each.trust for each in new.signatures} == {"trusted"}


def test_pdf_a_and_pdf_ua_are_kept(bench: Bench, tmp_path: Path) -> None:
    made = {
        "plain": bench.sign(rendered()),
        "stamp": bench.sign(rendered(), STAMP),
        "qr": bench.sign(rendered(), WITH_QR),
        "chosen": bench.sign(rendered(), STAMP, StampPlace(0, (60, 60, 190, 66))),
        "twice": bench.sign(bench.sign(rendered(), STAMP), STAMP),
    }
    judge_verapdf(made, tmp_path)


def test_the_first_signature_certifies_and_a_later_one_does_not(bench: Bench) -> None:
    once = bench.sign(rendered(), STAMP)
    twice = bench.sign(once, STAMP)
    assert once.count(b"/TransformMethod/DocMDP") == twice.count(b"/TransformMethod/DocMDP") == 1
    fields = File(twice).whole()
    names = [fields.get(each, "T") for each in fields.get(fields.catalog, "AcroForm", "Fields")]
    assert names == [b"Signature1", b"Signature2"]


class WritesCms:
    """A key behind a service that writes the CMS itself; ``wrong`` is a digest that it signs instead."""

    capability = "cms"

    def __init__(self, real: SoftwareKey, wrong: bytes | None = None) -> None:
        self._real, self._wrong = real, wrong

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def sign_cms(self, digest: bytes) -> bytes:
        return signature.sign(self._wrong or digest, self._real)


def test_a_service_may_write_the_cms(bench: Bench) -> None:
    real = bench.archiving.key("p256")
    pdf = bench.sign(rendered(), STAMP, key=WritesCms(real))  # type: ignore[arg-type]
    answer = inspect(pdf, anchors=bench.tools.anchors, moment=datetime.now(UTC))
    assert [(each.integrity, each.level) for each in answer.signatures] == [("intact", "PAdES-B-T")]
    with pytest.raises(ProviderRefused, check=lambda problem: problem.code == "PROVIDER_BROKEN"):
        bench.sign(rendered(), key=WritesCms(real, wrong=bytes(32)))  # type: ignore[arg-type]


def test_the_qr_code_can_be_scanned_from_the_page(bench: Bench) -> None:
    pdf = bench.sign(rendered(), WITH_QR)
    (found,) = zxingcpp.read_barcodes(drawn(pdf, 1))
    assert found.text == WITH_QR.url


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_stamp_stands_upright_on_a_turned_page(bench: Bench, turn: int) -> None:
    plain = page_of(595, 842, f"/Rotate {turn} /CropBox [20 30 575 812]".encode())
    pdf = bench.sign(plain, WITH_QR, StampPlace(None, (40, 50, 262, 92)))
    picture = drawn(pdf, 0)
    (found,) = zxingcpp.read_barcodes(picture)
    assert found.text == WITH_QR.url
    corner = found.position.top_left
    # 40 and 50 points from the lower left corner of what is displayed, and not mirrored or upside down.
    assert 80 <= corner.x <= 80 + 2 * 50
    assert picture.height - 2 * (50 + 92) <= corner.y <= picture.height - 2 * (50 + 92) + 2 * 30
    assert abs(found.position.top_right.y - corner.y) <= 2


def page_of(width: int, height: int, entries: bytes = b"", content: bytes = b"") -> bytes:
    """A file of one untagged page without a form."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Contents 4 0 R %s>>" % (width, height, entries),
        b"<</Length %d>>\nstream\n%s\nendstream" % (len(content), content),
    ]
    return file_of(objects)


def file_of(objects: list[bytes]) -> bytes:
    """A file of these objects, the first of which is its catalog."""
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    start = len(out)
    size = len(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f\r\n" % size
    out += b"".join(b"%010d 00000 n\r\n" % each for each in places)
    return bytes(out + b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, start))


def test_the_lowest_free_place_is_taken() -> None:
    # Ink over the lower half but for a gap on the right.
    content = b"0 0 595 300 re f 1 g 320 100 250 120 re f"
    found = survey(page_of(595, 842, content=content), Wish(190, 66)).spot
    assert found is not None
    assert 320 <= found.x0 < found.x1 <= 570
    assert 100 <= found.y0 < found.y1 <= 220
    wide = survey(page_of(595, 842, content=content), Wish(400, 66)).spot
    assert wide is not None
    assert wide.y0 >= 300


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (Wish(190, 66), "STAMP_NO_ROOM"),
        (Wish(190, 66, None, (100, 100)), "STAMP_NOT_FREE"),
        (Wish(190, 66, None, (500, 100)), "STAMP_OUTSIDE"),
        (Wish(190, 66, 7), "STAMP_NO_PAGE"),
    ],
)
def test_a_stamp_without_a_place_is_refused(wish: Wish, code: str) -> None:
    assert survey(page_of(595, 842, content=b"0 0 595 842 re f"), wish).refused == code


def test_a_field_needs_a_page_that_is_an_object_of_its_own() -> None:
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>"
    pdf = file_of([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[%s]/Count 1>>" % page])
    with pytest.raises(SignatureRefused) as refusal:
        freeze_countersignature(
            pdf, stamp=None, certify=False, signer_name="Ahmad", reason="", location="", at=AT, reserved=100
        )
    assert refusal.value.code == "PDF_STRUCTURE"


def test_a_stamp_may_lie_on_the_line_that_waits_for_it() -> None:
    line = page_of(595, 842, content=b"100 110 m 300 110 l S")
    assert survey(line, Wish(190, 66, None, (100, 100))).refused is None


def test_a_stamp_that_does_not_fit_or_cannot_be_printed_is_refused() -> None:
    for size in ((100, 30), (60, 200)):
        with pytest.raises(StampRefused, check=lambda problem: problem.code == "STAMP_TOO_SMALL"):
            draw_stamp(STAMP, *size)
    with pytest.raises(StampRefused, check=lambda problem: problem.code == "STAMP_TOO_SMALL"):
        draw_stamp(WITH_QR, 300, 50)
    odd = Stamp("Ahmad \u202e", "", AT, "Asia/Jakarta")
    with pytest.raises(StampRefused, check=lambda problem: problem.code == "STAMP_CHARACTER"):
        draw_stamp(odd, 190, 66)


def hostile() -> dict[str, tuple[bytes, set[str]]]:
    damaged = {"UPLOAD_DAMAGED", "UPLOAD_LIMIT"}
    xfa = page_of(595, 842).replace(b"/Type/Catalog", b"/Type/Catalog/AcroForm<</Fields[]/XFA[]>>")
    return {
        "empty": (b"", {"NOT_PDF"}),
        "zip": (b"PK\x03\x04", {"NOT_PDF"}),
        "cut": (rendered()[:-300], damaged),
        "xfa": (_with_table(xfa), {"UPLOAD_XFA"}),
        "locked": ((GENUINE / "dss-059-sign-permit.pdf").read_bytes(), {"UPLOAD_LOCKED"}),
        "encrypted": ((GENUINE / "pyhanko-023-sign-form-rc4-128.pdf").read_bytes(), {"UPLOAD_ENCRYPTED"}),
        "altered": (
            (GENUINE / "dss-057-field-sign-letter.pdf").read_bytes().replace(b"/MediaBox", b"/MediaBax"),
            {"UPLOAD_ALTERED"},
        ),
        "loop": (hostile_files.previous_loop(), damaged),
        "nested": (hostile_files.deep_nesting(), damaged),
        "bomb": (hostile_files.xref_stream_bomb(), damaged),
        "revisions": (hostile_files.many_revisions(), damaged),
        "itself": (hostile_files.object_stream_of_itself(), damaged),
        "fields": (hostile_files.circular_fields(), damaged),
    }


def _with_table(pdf: bytes) -> bytes:
    """The file with a table that fits, after bytes were put into its first object."""
    start = pdf.index(b"xref\n0 5")
    places = b"".join(b"%010d 00000 n\r\n" % pdf.index(b"%d 0 obj" % number) for number in range(1, 5))
    return (
        pdf[:start]
        + b"xref\n0 5\n0000000000 65535 f\r\n"
        + places
        + b"trailer\n<</Size 5/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % start
    )


@pytest.mark.parametrize("name", hostile())
def test_what_cannot_be_signed_is_refused_with_its_reason(bench: Bench, name: str) -> None:
    pdf, codes = hostile()[name]
    try:
        made = bench.sign(pdf, STAMP)
    except UploadRefused as refusal:
        assert refusal.code in codes
        assert refusal.message.endswith(".")
        assert ";" in refusal.message or "send" in refusal.message
    else:
        # A file may be odd and still be one that our verifier takes after signing, which `sign_upload` asked.
        assert name in ("revisions", "fields")
        assert made.startswith(pdf)


def test_a_page_that_draws_itself_for_ever_costs_no_more_than_the_limit(bench: Bench) -> None:
    with pytest.raises(UploadRefused) as refusal:
        bench.sign(hostile_files.recursive_page(), STAMP)
    assert refusal.value.code in {"UPLOAD_LIMIT", "UPLOAD_DAMAGED", "STAMP_NOT_DRAWN", "STAMP_NO_ROOM"}


def test_a_signer_whom_we_do_not_trust_ourselves_is_not_used(bench: Bench) -> None:
    stranger = UploadTools(
        bench.tools.sandbox,
        [(SAMPLE / "root.pem").read_bytes()],
        bench.tools.timestamps,
        bench.tools.revocation,
    )
    with pytest.raises(SelfCheckFailed):
        Bench(stranger, bench.archiving, bench.folder).sign(rendered())


def test_a_mapped_file_is_judged_like_one_in_memory(bench: Bench, tmp_path: Path) -> None:
    sandbox = bench.tools.sandbox
    files = [*sorted(GENUINE.glob("*.pdf"))[::9], *(tmp_path / name for name in hostile() if name != "empty")]
    for name, (pdf, _) in hostile().items():
        (tmp_path / name).write_bytes(pdf)
    for path in files:
        pdf = path.read_bytes()
        with path.open("rb") as stream:
            mapped = OpenFile(stream.fileno())
            told = [
                sandbox.inspect_now(each, anchors=bench.tools.anchors, moment=datetime.now(UTC))
                for each in (pdf, mapped)
            ]
            assert told[0] == told[1], path.name
            assert sandbox.survey_now(pdf) == sandbox.survey_now(mapped), path.name


def test_200_megabytes_need_no_more_than_300(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "large.pdf"
    write_large(path, 200 * 1024 * 1024)
    done = subprocess.run(
        [sys.executable, "-c", "from tests.signer.large_upload import sign_on_disk; sign_on_disk()",
         str(path), str(bench.archiving.folder)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    own, children = map(int, done.stdout.split())
    print(f"{own} kB, in the sandbox {children} kB")
    assert own <= 300 * 1024
    assert children <= 300 * 1024
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as pdf:
        document = File(pdf).whole()
        assert len(document.get(document.catalog, "AcroForm", "Fields")) == 2


# -- the command


@pytest.fixture
def permit(tmp_path: Path) -> Path:
    path = tmp_path / "surat.pdf"
    path.write_bytes(rendered())
    return path


@pytest.mark.parametrize("level", ["B-B", "B-T", "B-LT", "B-LTA"])
def test_the_command_signs_at_each_level(office: Office, permit: Path, tmp_path: Path, level: str) -> None:
    out = tmp_path / "out.pdf"
    run = absah(
        office.settings.data, "sign", str(permit), "-o", str(out), "--agency", "dpmptsp-contoh",
        "--level", level, "--stamp", "auto", "--reason", "Mengetahui",
    )  # fmt: skip
    assert f"PAdES-{level}" in run.stdout
    assert out.read_bytes().startswith(rendered())
    assert permit.read_bytes() == rendered()
    assert sorted(each.name for each in tmp_path.glob("*.pdf")) == ["out.pdf", "surat.pdf"]
    assert not list(tmp_path.glob(".*.part"))
    with transaction(office.desk.register.engine) as connection:
        told = connection.scalars(audit_event.select().with_only_columns(audit_event.c.canonical)).all()
    assert [each for each in told if '"action":"key.intent"' in each]
    assert [each for each in told if '"action":"upload.signed"' in each]


def test_what_is_refused_leaves_no_file(office: Office, permit: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.pdf"
    shutil.copy(GENUINE / "dss-059-sign-permit.pdf", permit)
    run = absah(office.settings.data, "sign", str(permit), "-o", str(out), code=1)
    assert run.stderr.startswith("UPLOAD_LOCKED: ")
    assert not out.exists()
    assert not list(tmp_path.glob(".*.part"))
    for place, code in (("9", "STAMP_NO_PAGE"), ("1:9000,0,190,66", "STAMP_OUTSIDE")):
        permit.write_bytes(rendered())
        run = absah(office.settings.data, "sign", str(permit), "-o", str(out), "--stamp", place, code=1)
        assert run.stderr.startswith(f"{code}: ")
    for place in ("0", "somewhere", "1:1,2,3", "0:1,1,190,66", "1:1,1,0,66"):
        absah(office.settings.data, "sign", str(permit), "-o", str(out), "--stamp", place, code=2)
    assert not out.exists()


def test_the_key_can_be_chosen(office: Office, permit: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.pdf"
    run = absah(office.settings.data, "sign", str(permit), "-o", str(out), "--key", "no-such-key", code=1)
    assert "no-such-key" in run.stderr


def test_a_registered_file_answers_by_its_code_and_by_its_hash(
    office: Office, permit: Path, tmp_path: Path
) -> None:
    out, data = tmp_path / "out.pdf", office.settings.data
    arguments = ["sign", str(permit), "-o", str(out), "--agency", "dpmptsp-contoh", "--stamp", "auto"]
    absah(data, *arguments, "--number", "400/12/2026", code=2)
    arguments += ["--number", "400/12/2026", "--title", "Surat Tugas", "--holder-name", "Siti Aminah"]
    run = absah(data, *arguments, ABSAH_PUBLIC_URL=URL)
    told = dict(line.split(maxsplit=1) for line in run.stdout.splitlines())
    (found,) = zxingcpp.read_barcodes(drawn(out.read_bytes(), 1))
    assert found.text == told["url"] == f"{URL}/d/{told['code']}"
    register = Lookup(open_database_to_read(office.settings.database))
    record = register.by_code(told["code"])
    assert record is not None
    assert (record.number, record.type_label_id, record.masked_name) == (
        "400/12/2026", "Surat Tugas", "S*** A***",
    )  # fmt: skip
    report = check(out, lookup=register)
    assert (report.verdict, report.original) == (Verdict.VALID, True)
    assert office.workshop.archive.read(final_key("dpmptsp-contoh", told["sha256"])) == out.read_bytes()
    office.work()
    with transaction(office.desk.register.engine) as connection:
        assert list(discrepancies(connection, office.workshop.archive)) == []


def test_a_refused_file_voids_its_number(office: Office, permit: Path, tmp_path: Path) -> None:
    out, data = tmp_path / "out.pdf", office.settings.data
    shutil.copy(GENUINE / "dss-059-sign-permit.pdf", permit)
    arguments = ["--stamp", "auto", "--number", "1", "--title", "Surat Tugas", "--agency", "dpmptsp-contoh"]
    absah(data, "sign", str(permit), "-o", str(out), *arguments, code=1)
    with transaction(office.desk.register.engine) as connection:
        row = connection.execute(select(document).where(document.c.mode == "upload")).mappings().one()
        assert (row["state"], row["state_reason"]) == ("VOID", "UPLOAD_LOCKED")
        assert list(discrepancies(connection, office.workshop.archive)) == []
    record = Lookup(open_database_to_read(office.settings.database)).by_code(row["code"])
    assert record is not None
    assert record.status(AT) is Status.ANNULLED
    assert not out.exists()
