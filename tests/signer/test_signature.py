from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import ClassVar, Literal

import pytest
import typst
from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

import templates
from keys.development import DevelopmentKeyRing, OfficerSubject, create
from keys.provider import HumanCost, SigningKey
from keys.timestamp_server import DevelopmentTimeStampAuthority
from signer import signature
from signer.signature import Frozen, SignatureField, SignatureRefused
from signer.timestamp import TimeStampAuthority
from tests.services import missing

AT = datetime.now(UTC).replace(microsecond=0)
KEYS = ("p256", "rsa2048", "rsa3072")
FIELDS = (
    SignatureField("Signature1", 1, 70.5, 100, 250, 160, "Tanda tangan elektronik Kepala Dinas"),
    SignatureField("Signature2", 1, 300, 100, 480.25, 160, "Segel elektronik DPMPTSP (Dinas “Contoh”)"),
)

# Two pages, with a heading, a table and a picture, so that the structure tree is not the simplest one.
SOURCE = """
#set document(title: "Surat Izin Praktik", author: "Contoh", date: datetime(year: 2026, month: 7, day: 1))
#set text(font: "Noto Sans", lang: "id")
= Surat Izin Praktik
#table(columns: 2, table.header([Nama], [Nomor]), [dr. Siti], [1])
#rect(width: 2cm)
#pagebreak()
Ditandatangani secara elektronik oleh Kepala Dinas.
"""


@dataclass(frozen=True)
class Pki:
    ring: DevelopmentKeyRing
    stamps: TimeStampAuthority


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    folder = tmp_path_factory.mktemp("pki")
    create(
        folder,
        [
            OfficerSubject("p256", "drg. Ahmad", "Kepala Dinas", "DPMPTSP", "p256"),
            OfficerSubject("rsa2048", "drg. Ahmad", "Kepala Dinas", "DPMPTSP", "rsa2048"),
            OfficerSubject("rsa3072", "drg. Ahmad", "Kepala Dinas", "DPMPTSP", "rsa3072"),
            OfficerSubject("segel", "", "", "DPMPTSP", kind="e_seal"),
        ],
    )
    ring = DevelopmentKeyRing.open(folder)
    authority = DevelopmentTimeStampAuthority(ring.timestamp_key())
    stamps = TimeStampAuthority(authority.respond, ring.anchors(), clock=lambda: datetime.now(UTC))
    return Pki(ring, stamps)


@cache
def rendered() -> bytes:
    fonts = Path(templates.__file__).parent / "fonts"
    made = typst.compile(
        SOURCE.encode(),
        format="pdf",
        pdf_standards=["a-3a", "ua-1"],
        font_paths=typst.Fonts(include_system_fonts=False, font_paths=[fonts]),
    )
    assert isinstance(made, bytes)
    return made + b"\n"


def freeze(
    pdf: bytes,
    key: SigningKey,
    slot: int = 1,
    fields: Sequence[SignatureField] = FIELDS,
    reserved: int | None = None,
) -> Frozen:
    return signature.freeze(
        pdf,
        fields=fields if slot == 1 else (),
        slot=slot,
        certify=slot == 1,
        signer_name="drg. Ahmad",
        reason="Menerbitkan 503/1/2026",
        location="Kabupaten Contoh",
        at=AT,
        reserved=reserved or signature.reserved_size(key, 4096),
    )


def complete(pdf: bytes, key: SigningKey, stamps: TimeStampAuthority, slot: int = 1) -> bytes:
    frozen = freeze(pdf, key, slot)
    made = signature.sign(frozen.digest, key)
    token = stamps.stamp_digest(signature.stamped_digest(made))
    return signature.assemble(frozen.pdf, frozen.byte_range, signature.embed_timestamp(made, token.der))


@pytest.fixture(scope="module")
def signed(pki: Pki) -> dict[str, bytes]:
    """Files with one signature, by the name of the key, and with a second one by the seal."""
    files = {name: complete(rendered(), pki.ring.key(name), pki.stamps) for name in KEYS}
    seal = pki.ring.key("segel")
    return files | {f"{name}+segel": complete(pdf, seal, pki.stamps, 2) for name, pdf in files.items()}


def judge(pdf: bytes, root: x509.Certificate) -> list[PdfSignatureStatus]:
    trusted = ValidationContext(trust_roots=[asn1_x509.Certificate.load(root.public_bytes(Encoding.DER))])
    signatures = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    return [validate_pdf_signature(each, trusted) for each in signatures]


@pytest.mark.parametrize("name", KEYS)
def test_one_signature_is_valid_at_level_t(pki: Pki, signed: dict[str, bytes], name: str) -> None:
    (status,) = judge(signed[name], pki.ring.anchors()[0])
    assert status.bottom_line, status.summary()
    assert status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    assert status.docmdp_ok
    assert status.timestamp_validity is not None
    assert status.timestamp_validity.trusted
    assert status.signer_reported_dt == AT


@pytest.mark.parametrize("name", KEYS)
def test_a_second_signature_leaves_the_first_valid(pki: Pki, signed: dict[str, bytes], name: str) -> None:
    first, second = judge(signed[f"{name}+segel"], pki.ring.anchors()[0])
    for status in (first, second):
        assert status.bottom_line, status.summary()
        assert status.timestamp_validity is not None
        assert status.timestamp_validity.trusted
    assert first.coverage is SignatureCoverageLevel.ENTIRE_REVISION
    assert second.coverage is SignatureCoverageLevel.ENTIRE_FILE
    assert first.docmdp_ok


def test_a_pss_signature_is_valid_and_names_its_parameters(pki: Pki) -> None:
    key = replace(pki.ring.key("rsa2048"), pss=True)
    pdf = complete(rendered(), key, pki.stamps)
    (status,) = judge(pdf, pki.ring.anchors()[0])
    assert status.bottom_line, status.summary()
    made = signature.sign(bytes(32), key)
    (signer_info,) = cms.ContentInfo.load(made, strict=True)["content"]["signer_infos"]
    # RFC 4055, 3.1: the hash within has NULL for parameters, and the salt is as long as the hash.
    sha256 = {"algorithm": "sha256", "parameters": None}
    assert signer_info["signature_algorithm"].native == {
        "algorithm": "rsassa_pss",
        "parameters": {
            "hash_algorithm": sha256,
            "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": sha256},
            "salt_length": 32,
            "trailer_field": "trailer_field_bc",
        },
    }
    assert signer_info["signature_algorithm"]["parameters"]["hash_algorithm"].dump().endswith(b"\x05\x00")


def test_a_stranger_does_not_trust_it(signed: dict[str, bytes], tmp_path: Path) -> None:
    create(tmp_path, [])
    (status,) = judge(signed["p256"], DevelopmentKeyRing.open(tmp_path).anchors()[0])
    assert status.intact
    assert not status.trusted


def test_the_first_signature_certifies_and_allows_further_ones(signed: dict[str, bytes]) -> None:
    first, second = PdfFileReader(io.BytesIO(signed["p256+segel"])).embedded_signatures
    (reference,) = first.sig_object["/Reference"]
    assert reference["/TransformMethod"] == "/DocMDP"
    assert reference["/TransformParams"]["/P"] == 2
    assert "/Reference" not in second.sig_object
    assert first.sig_object["/SubFilter"] == second.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    assert first.sig_object["/Reason"] == "Menerbitkan 503/1/2026"


def test_the_signed_attributes_are_those_of_a_pades_baseline(pki: Pki, signed: dict[str, bytes]) -> None:
    for name in KEYS:
        (embedded,) = PdfFileReader(io.BytesIO(signed[name])).embedded_signatures
        info = embedded.signer_info
        kinds = [each["type"].native for each in info["signed_attrs"]]
        assert sorted(kinds) == ["content_type", "message_digest", "signing_certificate_v2"]
        assert [each["type"].native for each in info["unsigned_attrs"]] == ["signature_time_stamp_token"]
        assert len(embedded.signed_data["certificates"]) == 3
        # X.690, 11.6: what is not sorted is not DER.
        encoded = [each.dump() for each in info["signed_attrs"]]
        assert encoded == sorted(encoded)


def test_poppler_agrees(signed: dict[str, bytes], tmp_path: Path) -> None:
    if shutil.which("pdfsig") is None:
        missing("pdfsig", "apt install poppler-utils")
    for name, pdf in signed.items():
        path = tmp_path / "a.pdf"
        path.write_bytes(pdf)
        # It does not know our root and must not ask; only the signature itself is its subject here.
        answer = subprocess.run(["pdfsig", "-nocert", path], capture_output=True, text=True, check=False)  # noqa: S607
        count = 2 if "+" in name else 1
        assert answer.stdout.count("Signature is Valid.") == count, answer.stdout + answer.stderr
        assert answer.stdout.count("- Total document signed") == 1
        assert answer.stdout.count("ETSI.CAdES.detached") == count


def test_verapdf_agrees(signed: dict[str, bytes], tmp_path: Path) -> None:
    judge_verapdf({"unsigned": rendered(), **signed}, tmp_path)


def judge_verapdf(files: dict[str, bytes], folder: Path) -> None:
    """Each file is PDF/A-3a and PDF/UA-1."""
    jar = os.environ.get("ABSAH_VERAPDF")
    if not jar:
        missing("veraPDF", "set ABSAH_VERAPDF to the path of its jar")
    for name, pdf in files.items():
        (folder / f"{name}.pdf").write_bytes(pdf)
    paths = sorted(folder.glob("*.pdf"))
    command = [
        "java",
        # Over before the thorough compiler pays: half the time on 34 files.
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-cp",
        jar,
        "org.verapdf.apps.GreenfieldCliWrapper",
        "-f",
        "0",
        "--format",
        "text",
        *map(str, paths),
    ]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    passed = sorted(line for line in answer.stdout.splitlines() if line.startswith("PASS"))
    assert passed == sorted(f"PASS {path} {flavour}" for path in paths for flavour in ("3a", "ua1")), (
        answer.stdout
    )


def test_freezing_and_assembling_again_gives_the_same_bytes(pki: Pki) -> None:
    for slot, key_id in ((1, "rsa2048"), (2, "segel")):
        key = pki.ring.key(key_id)
        pdf = rendered() if slot == 1 else complete(rendered(), pki.ring.key("p256"), pki.stamps)
        frozen = freeze(pdf, key, slot)
        assert frozen == freeze(pdf, key, slot)
        assert frozen.sha256 == hashlib.sha256(frozen.pdf).hexdigest()
        made = signature.sign(frozen.digest, key)
        assert made == signature.sign(frozen.digest, key)
        token = pki.stamps.stamp_digest(signature.stamped_digest(made)).der
        first, again = (
            signature.assemble(frozen.pdf, frozen.byte_range, signature.embed_timestamp(made, token))
            for _ in range(2)
        )
        assert first == again
        start, end = frozen.byte_range[1:3]
        assert (first[:start], first[end:]) == (frozen.pdf[:start], frozen.pdf[end:])
        assert first.startswith(pdf)


def test_other_arguments_give_another_identity(pki: Pki) -> None:
    key = pki.ring.key("p256")
    moved = (replace(FIELDS[0], x0=71.0), FIELDS[1])
    identities = {
        bytes(PdfFileReader(io.BytesIO(each.pdf)).trailer["/ID"][1].original_bytes)
        for each in (
            freeze(rendered(), key),
            freeze(rendered(), key, fields=moved),
            freeze(rendered(), key, reserved=9000),
        )
    }
    assert len(identities) == 3


def test_the_digest_is_over_all_but_the_signature(pki: Pki) -> None:
    frozen = freeze(rendered(), pki.ring.key("p256"))
    _, start, end, rest = frozen.byte_range
    assert end + rest == len(frozen.pdf)
    assert frozen.digest == hashlib.sha256(frozen.pdf[:start] + frozen.pdf[end:]).digest()
    assert signature.covered_digest(frozen.pdf, frozen.byte_range) == frozen.digest


def test_altered_frozen_bytes_are_not_signed_or_assembled(pki: Pki) -> None:
    frozen = freeze(rendered(), pki.ring.key("p256"))
    origin, start, end, rest = frozen.byte_range
    filled = frozen.pdf[: start + 10] + b"1" + frozen.pdf[start + 11 :]
    wrong = [
        (frozen.pdf + b"\n", frozen.byte_range),
        (frozen.pdf[:-1], frozen.byte_range),
        (filled, frozen.byte_range),
        (frozen.pdf, (1, start, end, rest)),
        (frozen.pdf, (origin, start - 1, end, rest)),
        (frozen.pdf, (origin, start, end - 2, rest + 2)),
        (frozen.pdf, (origin, start, start, len(frozen.pdf) - start)),
        (frozen.pdf, (origin, 0, end, rest)),
    ]
    for pdf, byte_range in wrong:
        with pytest.raises(SignatureRefused, check=lambda problem: problem.code == "FROZEN_ALTERED"):
            signature.covered_digest(pdf, byte_range)
        with pytest.raises(SignatureRefused, check=lambda problem: problem.code == "FROZEN_ALTERED"):
            signature.assemble(pdf, byte_range, b"cms")


@pytest.mark.parametrize("name", [*KEYS, "segel"])
def test_the_reserved_place_is_enough_and_not_wasteful(pki: Pki, name: str) -> None:
    key = pki.ring.key(name)
    for number in range(20):
        made = signature.sign(hashlib.sha256(bytes([number])).digest(), key)
        token = pki.stamps.stamp_digest(signature.stamped_digest(made)).der
        spare = signature.reserved_size(key, len(token)) - len(signature.embed_timestamp(made, token))
        assert 0 <= spare < 64


def test_a_signature_too_large_for_its_place_is_refused(pki: Pki) -> None:
    key = pki.ring.key("p256")
    frozen = freeze(rendered(), key, reserved=1000)
    made = signature.sign(frozen.digest, key)
    with pytest.raises(SignatureRefused, check=lambda problem: problem.code == "RESERVED_TOO_SMALL"):
        signature.assemble(frozen.pdf, frozen.byte_range, made)


@dataclass(frozen=True)
class Impostor:
    """A key that announces one certificate and answers with another key, as a mixed-up device would."""

    announced: SigningKey
    answering: SigningKey
    algorithm: str

    @property
    def id(self) -> str:
        return self.announced.id

    @property
    def certificate(self) -> x509.Certificate:
        return self.announced.certificate

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        return self.announced.chain

    capability: ClassVar[Literal["raw"]] = "raw"
    human_cost: ClassVar[HumanCost] = "nothing"

    @property
    def development(self) -> bool:
        return True

    def sign(self, data: bytes) -> bytes:
        return self.answering.sign(data)

    def sign_many(self, data: Sequence[bytes]) -> list[bytes]:
        return [self.sign(each) for each in data]


def test_the_answer_of_another_key_is_refused(pki: Pki) -> None:
    p256, rsa, seal = (pki.ring.key(each) for each in ("p256", "rsa2048", "segel"))
    for announced, answering in ((p256, seal), (p256, rsa), (rsa, p256), (rsa, pki.ring.key("rsa3072"))):
        mixed_up = Impostor(announced, answering, announced.algorithm)
        with pytest.raises(SignatureRefused, check=lambda problem: problem.code == "KEY_ANSWER"):
            signature.sign(bytes(32), mixed_up)
    for announced, answers_with_pss in (("rsa-pkcs1-sha256", True), ("rsa-pss-sha256", False)):
        other_padding = Impostor(rsa, replace(rsa, pss=answers_with_pss), announced)
        with pytest.raises(SignatureRefused, check=lambda problem: problem.code == "KEY_ANSWER"):
            signature.sign(bytes(32), other_padding)
    for algorithm in ("rsa-pkcs1-sha256", "rsa-pss-sha256", "ecdsa-sha512"):
        with pytest.raises(SignatureRefused, check=lambda problem: problem.code == "KEY_ALGORITHM"):
            signature.sign(bytes(32), Impostor(p256, p256, algorithm))


def test_a_pdf_that_cannot_take_the_field_is_refused(pki: Pki) -> None:
    key = pki.ring.key("p256")
    untagged = typst.compile(b"Polos", format="pdf", ignore_system_fonts=True)
    assert isinstance(untagged, bytes)
    plain = untagged.replace(b"/StructTreeRoot", b"/StructTreeNone")
    untidy = rendered().replace(b"/K[20 0 R]", b"/K[<<>>  ]")
    assert untidy != rendered()
    for pdf, slot in ((plain, 1), (untidy, 1), (rendered(), 2)):
        with pytest.raises(SignatureRefused, check=lambda problem: problem.code == "PDF_STRUCTURE"):
            freeze(pdf, key, slot)
    twice = complete(complete(rendered(), key, pki.stamps), key, pki.stamps, 2)
    with pytest.raises(SignatureRefused, check=lambda problem: problem.code == "PDF_STRUCTURE"):
        freeze(twice, key, 2)


def test_what_is_no_signature_is_called_so(pki: Pki) -> None:
    for wrong in (b"", b"<html>", b"\x30\x00", cms.ContentInfo({"content_type": "data"}).dump()):
        with pytest.raises(SignatureRefused, check=lambda problem: problem.code == "NOT_CMS"):
            signature.stamped_digest(wrong)


def test_later_tokens_stand_beside_the_first(pki: Pki) -> None:
    made = signature.sign(bytes(32), pki.ring.key("p256"))
    tokens = [pki.stamps.stamp_digest(signature.stamped_digest(made)).der for _ in range(2)]
    both = signature.embed_timestamp(signature.embed_timestamp(made, tokens[0]), tokens[1])
    (signer_info,) = cms.ContentInfo.load(both, strict=True)["content"]["signer_infos"]
    assert sorted(each["values"][0].dump() for each in signer_info["unsigned_attrs"]) == sorted(tokens)
    assert signature.stamped_digest(both) == signature.stamped_digest(made)
