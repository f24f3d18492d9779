"""What was done to a signed file is seen; none of these is ever good."""

from __future__ import annotations

import random
import re
from io import BytesIO

import pytest
from asn1crypto import cms
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from sample_files import (
    CODE,
    byte_range_of,
    plain_pdf,
    signed_pdf,
    with_byte_range,
    with_document_timestamp,
    with_form_filled,
    with_page_overwritten,
    with_validation_data,
)
from small_pki import NOW, Pki, revocation_list

from storage.vocabulary import Verdict
from verifier.by_file import inspect
from verifier.verdict import decide


@pytest.fixture(scope="module")
def genuine() -> bytes:
    return signed_pdf(plain_pdf(code=CODE), stamped=NOW)


def verdict_of(pdf: bytes, people: Pki) -> tuple[Verdict, set[str]]:
    answer = inspect(pdf, anchors=[people.root.pem], moment=NOW)
    verdict = decide(answer, None, known_original=False, register_asked=False)
    return verdict, {finding.code for finding in answer.findings}


def test_the_genuine_file_would_be_accepted(genuine: bytes, people: Pki) -> None:
    assert verdict_of(genuine, people)[0] is Verdict.VALID


def test_any_flipped_byte_of_the_signed_ranges_is_seen(genuine: bytes, people: Pki) -> None:
    _, first, second, length = byte_range_of(genuine)
    places = random.Random(20261101)
    for _ in range(60):
        at = places.choice([places.randrange(first), second + places.randrange(length)])
        flipped = bytearray(genuine)
        flipped[at] ^= 1 << places.randrange(8)
        assert verdict_of(bytes(flipped), people)[0] is not Verdict.VALID, at


def test_a_changed_letter_is_named(genuine: bytes, people: Pki) -> None:
    verdict, found = verdict_of(genuine.replace(b"503/028", b"503/029"), people)
    assert verdict is Verdict.ALTERED
    assert "CONTENT_CHANGED" in found


def essence(pdf: bytes) -> tuple[bytes, bytes, bytes]:
    """What a signature stands on: the signed attributes, the value, the certificate of the signer."""
    _, first, second, _ = byte_range_of(pdf)
    content = cms.ContentInfo.load(bytes.fromhex(pdf[first + 1 : second - 1].decode()))["content"]
    (info,) = content["signer_infos"]
    serial = info["sid"].chosen["serial_number"].native
    certificates = (item.chosen for item in content["certificates"])
    (certificate,) = (item for item in certificates if item.serial_number == serial)
    return info["signed_attrs"].dump(), info["signature"].native, certificate.dump()


def test_any_flipped_byte_of_the_signature_is_seen(genuine: bytes, people: Pki) -> None:
    _, first, second, _ = byte_range_of(genuine)
    used = len(genuine[first:second].rstrip(b">0"))
    places = random.Random(20261102)
    seen = 0
    for _ in range(80):
        at = first + 1 + places.randrange(used - 1)
        changed = bytearray(genuine)
        changed[at] = ord(places.choice("0123456789abcdef"))
        if verdict_of(bytes(changed), people)[0] is Verdict.VALID:
            # Other certificates of the chain are not signed; what the signature stands on is untouched.
            assert essence(bytes(changed)) == essence(genuine), at
        else:
            seen += 1
    assert seen > 40


def test_the_page_overwritten_by_an_incremental_update(genuine: bytes, people: Pki) -> None:
    verdict, found = verdict_of(with_page_overwritten(genuine), people)
    assert verdict is Verdict.ALTERED
    assert "CHANGE_PAGE" in found


@pytest.mark.parametrize(
    "tail",
    [
        b"x",
        b"% a comment\n",
        b"\n%%EOF\n",
        b"\nstartxref\n0\n%%EOF\n",
        b"\n1 0 obj\n<< >>\nendobj\n",
        b"<html>" * 1000,
        b"\n99 0 obj\n<< >>\nendobj\nxref\n0 0\ntrailer\n<< >>\nstartxref\n17\n%%EOF\n",
    ],
)
def test_bytes_after_the_last_signature(genuine: bytes, people: Pki, tail: bytes) -> None:
    verdict, found = verdict_of(genuine + tail, people)
    assert verdict in (Verdict.ALTERED, Verdict.UNREADABLE)
    if verdict is Verdict.ALTERED:
        assert "BYTES_APPENDED" in found


def test_a_tail_behind_a_permitted_revision(genuine: bytes, people: Pki) -> None:
    filled = with_form_filled(genuine)
    assert verdict_of(filled, people)[0] is Verdict.VALID
    assert verdict_of(filled + b"tail", people)[0] is Verdict.ALTERED


def test_bytes_hidden_inside_a_permitted_revision(genuine: bytes, people: Pki) -> None:
    """An object that no cross-reference names, between the others of a later revision."""
    writer = IncrementalPdfFileWriter(BytesIO(genuine))
    field = writer.root["/AcroForm"]["/Fields"][0].get_object()
    field["/V"] = generic.TextStringObject("diisi")
    writer.mark_update(field.container_ref)
    out = BytesIO()
    writer.write(out)
    filled = out.getvalue()
    start = filled.rindex(b"startxref")
    hidden = filled[:start] + b"77 0 obj\n<< /Hidden true >>\nendobj\n" + filled[start:]
    assert verdict_of(hidden, people)[0] is not Verdict.VALID


@pytest.mark.parametrize(
    "values",
    [
        "0 0 0 0",
        "0 1",
        "0 -5 9 9",
        "5 5 20 20",
        "0 9 5 9",
        "0 9 99999999 9",
        "0 1 2 3 4 5",
        "0 /A 2 3",
        "0 1.5 2 3",
        "null",
    ],
)
def test_an_odd_byte_range(genuine: bytes, people: Pki, values: str) -> None:
    verdict, found = verdict_of(with_byte_range(genuine, values), people)
    assert verdict is Verdict.ALTERED
    assert found & {"BYTE_RANGE_INVALID", "CONTENTS_GAP"}


def test_a_byte_range_that_stops_early(genuine: bytes, people: Pki) -> None:
    _, first, second, length = byte_range_of(genuine)
    verdict, found = verdict_of(with_byte_range(genuine, f"0 {first} {second} {length - 90}"), people)
    assert verdict is Verdict.ALTERED
    assert "COVERAGE_PARTIAL" in found


def test_signature_wrapping(genuine: bytes, people: Pki) -> None:
    """The covered second stretch is moved behind inserted content; the ByteRange follows it."""
    _, first, second, length = byte_range_of(genuine)
    inserted = b"\n9 0 obj\n<< /Evil true >>\nendobj\n"
    wrapped = genuine[:second] + inserted + genuine[second:]
    moved = with_byte_range(wrapped, f"0 {first} {second + len(inserted)} {length}")
    verdict, found = verdict_of(moved, people)
    assert verdict is not Verdict.VALID
    assert found & {"CONTENTS_GAP", "BYTE_RANGE_INVALID"} or verdict is Verdict.UNREADABLE


@pytest.mark.parametrize("contents", [b"", b"00" * 50, b"3000", b"3080" + b"ff" * 40, b"zz"])
def test_contents_without_a_signature(genuine: bytes, people: Pki, contents: bytes) -> None:
    _, first, second, _ = byte_range_of(genuine)
    room = second - first - 2
    changed = genuine[: first + 1] + contents.ljust(room, b"0") + genuine[second - 1 :]
    verdict, found = verdict_of(changed, people)
    assert verdict is Verdict.ALTERED
    assert found & {"BAD_SIGNATURE", "CONTENTS_GAP"}


def test_the_signature_of_another_file(genuine: bytes, people: Pki) -> None:
    other = signed_pdf(plain_pdf("SIP 999/999", code=CODE), stamped=NOW)
    _, first, second, _ = byte_range_of(other)
    _, ours_first, ours_second, _ = byte_range_of(genuine)
    contents = other[first + 1 : second - 1].rstrip(b"0")
    room = ours_second - ours_first - 2
    mixed = genuine[: ours_first + 1] + contents.ljust(room, b"0")[:room] + genuine[ours_second - 1 :]
    assert verdict_of(mixed, people)[0] is Verdict.ALTERED


def test_a_time_stamp_over_another_signature_is_broken(people: Pki) -> None:
    """Two files, their unsigned time-stamp tokens exchanged: both tokens are genuine, and wrong here."""

    def parts(pdf: bytes) -> tuple[int, int, cms.ContentInfo]:
        _, first, second, _ = byte_range_of(pdf)
        return first, second, cms.ContentInfo.load(bytes.fromhex(pdf[first + 1 : second - 1].decode()))

    one, two = signed_pdf(stamped=NOW), signed_pdf(stamped=NOW)
    first, second, content = parts(one)
    _, _, foreign = parts(two)
    content["content"]["signer_infos"][0]["unsigned_attrs"] = foreign["content"]["signer_infos"][0][
        "unsigned_attrs"
    ]
    encoded = content.dump(force=True).hex().encode()
    room = second - first - 2
    mixed = one[: first + 1] + encoded.ljust(room, b"0") + one[second - 1 :]
    verdict, found = verdict_of(mixed, people)
    assert verdict is Verdict.ALTERED
    assert "TIMESTAMP_BROKEN" in found


def test_a_broken_document_time_stamp_counts(genuine: bytes, people: Pki) -> None:
    archived = with_document_timestamp(with_validation_data(genuine, [revocation_list(people.ca, {})]))
    assert verdict_of(archived, people)[0] is Verdict.VALID
    end = len(genuine)
    at = archived.index(b"/CRLs", end)
    changed = archived[:at] + b"/CRLz" + archived[at + 5 :]
    assert verdict_of(changed, people)[0] is Verdict.ALTERED


def test_a_signature_that_only_its_page_shows_is_judged(genuine: bytes, people: Pki) -> None:
    writer = IncrementalPdfFileWriter(BytesIO(genuine))
    writer.root["/AcroForm"]["/Fields"] = generic.ArrayObject()
    writer.update_root()
    out = BytesIO()
    writer.write(out)
    verdict, found = verdict_of(out.getvalue(), people)
    assert verdict is Verdict.ALTERED
    assert "CHANGE_FIELD_REMOVED" in found


def test_the_signature_removed_is_told(genuine: bytes, people: Pki) -> None:
    writer = IncrementalPdfFileWriter(BytesIO(genuine))
    writer.root["/AcroForm"]["/Fields"] = generic.ArrayObject()
    writer.update_root()
    page = writer.find_page_for_modification(0)[0].get_object()
    page["/Annots"] = generic.ArrayObject()
    writer.update_container(page)
    out = BytesIO()
    writer.write(out)
    verdict, found = verdict_of(out.getvalue(), people)
    assert verdict is Verdict.UNSIGNED
    assert "SIGNATURE_REMOVED" in found


def test_another_name_for_the_way_of_signing_does_not_hide_the_change(genuine: bytes, people: Pki) -> None:
    # The name is inside the signed bytes, so that exchanging it is a change like any other.
    for name in (b"/adbe.x509.rsa_sha1  ", b"/adbe.pkcs7.sha1     ", b"/Anything.else       "):
        changed = re.sub(rb"/ETSI\.CAdES\.detached", name, genuine)
        verdict, found = verdict_of(changed, people)
        assert verdict is Verdict.ALTERED
        assert "CONTENT_CHANGED" in found
