from __future__ import annotations

import mmap
import re
import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signer import levels, signature
from signer.levels import EvidenceUnclear, Link, ValidationData
from signer.revision import RevisionRefused
from signer.signature import SignatureRefused
from signer.timestamp import TOKEN_SIZE
from tests.signer.archiving import Archiving
from tests.signer.test_signature import FIELDS, judge_verapdf, rendered
from verifier.by_file import inspect
from verifier.pdf.document import File
from verifier.report import FileAnswer
from verifier.store import read_store

LEVELS = {
    "b-b": ["PAdES-B-B"],
    "b-t": ["PAdES-B-T"],
    "b-lt": ["PAdES-B-LT"],
    "b-lta": ["PAdES-B-LTA", "none"],
    "b-lta, answers": ["PAdES-B-LTA", "none"],
    "twice, b-lt": ["PAdES-B-LT", "PAdES-B-LT"],
    "twice, b-lta": ["PAdES-B-LTA", "PAdES-B-LTA", "none"],
    "renewed": ["PAdES-B-LTA", "PAdES-B-LTA", "none", "none"],
    "renewed twice": ["PAdES-B-LTA", "PAdES-B-LTA", "none", "none", "none"],
}
# A certificate without a time-stamp proves no time; without data in the file nothing proves its revocation.
EXPECTED_FINDINGS = {"b-b": {"REVOCATION_NOT_CHECKED", "TIME_CLAIMED"}, "b-t": {"REVOCATION_NOT_CHECKED"}}


@pytest.fixture(scope="module")
def archiving(tmp_path_factory: pytest.TempPathFactory) -> Archiving:
    return Archiving.create(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def files(archiving: Archiving) -> dict[str, bytes]:
    return archiving.files(rendered(), FIELDS)


def check(pdf: bytes, archiving: Archiving) -> FileAnswer:
    return inspect(pdf, anchors=[archiving.root], moment=datetime.now(UTC))


@pytest.mark.parametrize("name", LEVELS)
def test_our_verifier_tells_the_level(archiving: Archiving, files: dict[str, bytes], name: str) -> None:
    answer = check(files[name], archiving)
    assert [each.level for each in answer.signatures] == LEVELS[name]
    assert {each.indication for each in answer.signatures} == {"TOTAL-PASSED"}
    assert {each.changes for each in answer.signatures} <= {"none", "permitted"}
    assert {each.code for each in answer.findings} == EXPECTED_FINDINGS.get(name, set())
    kinds = [each.kind for each in answer.signatures]
    assert kinds.count("document_timestamp") == LEVELS[name].count("none")


def test_every_level_stays_pdf_a_and_pdf_ua(files: dict[str, bytes], tmp_path: Path) -> None:
    judge_verapdf({name.replace(", ", "-"): pdf for name, pdf in files.items()}, tmp_path)


def test_earlier_bytes_are_never_touched(files: dict[str, bytes]) -> None:
    for shorter, longer in (
        ("b-t", "b-lt"), ("b-t", "b-lta"), ("b-t", "twice, b-lt"), ("b-t", "twice, b-lta"),
        ("twice, b-lta", "renewed"), ("renewed", "renewed twice"),
    ):  # fmt: skip
        assert files[longer].startswith(files[shorter])


def test_the_same_arguments_give_the_same_bytes(archiving: Archiving, files: dict[str, bytes]) -> None:
    data = archiving.data("p256", "tsa")
    assert levels.add_validation_data(files["b-t"], data) == files["b-lt"]
    frozen = levels.freeze_document_timestamp(files["b-lt"], TOKEN_SIZE)
    assert frozen == levels.freeze_document_timestamp(files["b-lt"], TOKEN_SIZE)
    assert frozen == levels.freeze_document_timestamp(files["b-lt"], TOKEN_SIZE, data)
    assert signature.covered_digest(frozen.pdf, frozen.byte_range) == frozen.digest


def test_what_the_store_holds_is_not_added_again(archiving: Archiving, files: dict[str, bytes]) -> None:
    data = archiving.data("p256", "tsa")
    assert levels.add_validation_data(files["b-lt"], data) == files["b-lt"]
    more = ValidationData((*data.certificates, b"more", b"more"), crls=data.crls)
    grown = levels.add_validation_data(files["b-lt"], more)
    store = read_store(File(grown).whole())
    assert store.certificates == (*data.certificates, b"more")
    assert store.crls == data.crls


def test_a_token_too_large_for_its_place_is_refused(files: dict[str, bytes]) -> None:
    frozen = levels.freeze_document_timestamp(files["b-lt"], 100)
    with pytest.raises(SignatureRefused, check=lambda problem: problem.code == "RESERVED_TOO_SMALL"):
        signature.assemble(frozen.pdf, frozen.byte_range, bytes(101))


def test_needed_evidence_is_all_below_the_root(archiving: Archiving, files: dict[str, bytes]) -> None:
    def links(name: str) -> set[Link]:
        pem = (archiving.folder / f"{name}.chain.pem").read_bytes()
        ders = [each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(pem)]
        return {Link(*pair) for pair in pairwise(ders)}

    assert set(levels.needed_evidence(levels.signed_data_of(files["b-b"]))) == links("rsa2048")
    both = links("p256") | links("rsa3072") | links("tsa")
    for name in ("twice, b-lt", "renewed twice"):
        assert set(levels.needed_evidence(levels.signed_data_of(files[name]))) == both
    last = levels.signed_data_of(files["renewed"])[-1]
    assert set(levels.needed_evidence([last])) == links("tsa")
    # An authority that answers by itself is on the way already.
    answers = archiving.data("tsa", lists=False).ocsps
    assert set(levels.needed_evidence([last], answers)) == links("tsa")


def test_unclear_evidence_is_told(archiving: Archiving, files: dict[str, bytes]) -> None:
    (cms,) = levels.signed_data_of(files["b-b"])
    for wrong in (b"", b"\x30\x00", cms[:200], cms.replace(b"Interop Issuing", b"Interop Issuinh")):
        with pytest.raises(EvidenceUnclear):
            levels.needed_evidence([wrong])
    with pytest.raises(EvidenceUnclear):
        levels.needed_evidence([], [b"no answer"])


def test_what_cannot_take_a_revision_is_refused(archiving: Archiving) -> None:
    for wrong in (b"", b"%PDF-1.7\n", rendered()[:-200]):
        with pytest.raises(RevisionRefused, check=lambda problem: problem.code == "PDF_DAMAGED"):
            levels.freeze_document_timestamp(wrong, TOKEN_SIZE)
        with pytest.raises(RevisionRefused, check=lambda problem: problem.code == "PDF_DAMAGED"):
            levels.add_validation_data(wrong, archiving.data("tsa"))


def test_200_megabytes_need_no_more_than_250(archiving: Archiving, tmp_path: Path) -> None:
    path = tmp_path / "large.pdf"
    write_large(path, 200 * 1024 * 1024)
    done = subprocess.run(
        [sys.executable, "-c", f"from {__name__} import lift_on_disk; lift_on_disk()",
         str(path), str(archiving.folder)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(done.stdout) <= 250 * 1024
    with path.open("rb") as stream, mapped(stream) as pdf:
        document = File(pdf).whole()
        assert len(document.get(document.catalog, "AcroForm", "Fields")) == 2
        assert read_store(document).crls == archiving.data("tsa").crls
    answer = check(path.read_bytes(), archiving)
    assert [each.level for each in answer.signatures] == LEVELS["b-lta"]
    assert {each.indication for each in answer.signatures} == {"TOTAL-PASSED"}


def write_large(path: Path, size: int) -> None:
    """A page with an empty signature field, and a stream of that many bytes beside it."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>/Large 5 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots[4 0 R]>>",
        b"<</Type/Annot/Subtype/Widget/FT/Sig/T(Signature1)/Rect[0 0 0 0]/F 132/P 3 0 R>>",
        b"<</Length %d>>\nstream\n" % size,
    ]
    with path.open("wb") as stream:
        stream.write(b"%PDF-1.7\n")
        places = []
        for number, content in enumerate(objects, 1):
            places.append(stream.tell())
            stream.write(b"%d 0 obj\n" % number + content)
            if number == len(objects):
                for _ in range(size // 1024**2):
                    stream.write(b"x" * 1024**2)
                stream.write(b"\nendstream")
            stream.write(b"\nendobj\n")
        start = stream.tell()
        stream.write(b"xref\n0 6\n0000000000 65535 f\r\n")
        stream.writelines(b"%010d 00000 n\r\n" % place for place in places)
        stream.write(b"trailer\n<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % start)


def lift_on_disk() -> None:
    """In a process of its own: sign, add data and stamp a file where it lies; print the peak in kB."""
    path, archiving = Path(sys.argv[1]), Archiving(Path(sys.argv[2]))
    key = archiving.key("p256")
    with path.open("r+b") as stream:
        with mapped(stream) as pdf:
            update = signature.freeze_update(
                pdf, fields=(), slot=1, certify=True, signer_name="Penanda Uji", reason="Uji",
                location="Contoh", at=datetime.now(UTC), reserved=signature.reserved_size(key, TOKEN_SIZE),
            )  # fmt: skip
        made = signature.sign(update.digest, key)
        token = archiving.stamps.stamp_digest(signature.stamped_digest(made))
        made = signature.embed_timestamp(made, token.der)
        append(stream, signature.assemble(update.appended, update.own_range, made))
        with mapped(stream) as pdf:
            addition = levels.validation_data_update(pdf, archiving.data("p256", "tsa"))
        append(stream, addition.appended)
        with mapped(stream) as pdf:
            update = levels.document_timestamp_update(pdf, TOKEN_SIZE)
        token = archiving.stamps.stamp_digest(update.digest)
        append(stream, signature.assemble(update.appended, update.own_range, token.der))
    # Not getrusage, which tells of whoever forked this process too.
    print(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])  # type: ignore[index]


def mapped(stream: BinaryIO) -> mmap.mmap:
    return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)


def append(stream: BinaryIO, content: bytes) -> None:
    stream.seek(0, 2)
    stream.write(content)
    stream.flush()
