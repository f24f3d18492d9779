"""Genuine files of every kind are accepted, and what was done to them is told right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pyhanko.sign.fields import SigSeedSubFilter
from sample_files import (
    CODE,
    filled_slot,
    plain_pdf,
    signed_pdf,
    with_attachment_swapped,
    with_document_timestamp,
    with_form_filled,
    with_slots,
    with_validation_data,
)
from small_pki import NOW, Pki, revocation_list

from verifier.by_file import inspect
from verifier.report import FileAnswer


def look(pdf: bytes, people: Pki, **options: str) -> FileAnswer:
    return inspect(pdf, anchors=[people.root.pem], moment=NOW, **options)


def whole_path(people: Pki) -> list[bytes]:
    return [revocation_list(people.ca, {}), revocation_list(people.root, {})]


def codes(answer: FileAnswer) -> set[str]:
    return {finding.code for finding in answer.findings}


def test_a_plain_signature_is_intact_and_trusted(people: Pki) -> None:
    answer = look(signed_pdf(plain_pdf(code=CODE)), people)
    (signature,) = answer.signatures
    assert (signature.integrity, signature.changes, signature.covers) == ("intact", "none", "whole_file")
    assert (signature.trust, signature.level, signature.indication) == (
        "trusted",
        "PAdES-B-B",
        "TOTAL-PASSED",
    )
    assert signature.signed_at_source == "claimed"
    assert signature.subindication is None
    assert answer.code == CODE
    assert codes(answer) == {"REVOCATION_NOT_CHECKED", "TIME_CLAIMED"}


def test_a_time_stamped_signature_proves_its_time(people: Pki) -> None:
    answer = look(signed_pdf(stamped=NOW - timedelta(days=3)), people)
    (signature,) = answer.signatures
    assert signature.level == "PAdES-B-T"
    assert (signature.signed_at, signature.signed_at_source) == ("2026-10-29T09:00:00Z", "timestamp")
    assert codes(answer) == {"REVOCATION_NOT_CHECKED"}


def test_two_signatures_one_after_the_other(people: Pki) -> None:
    first = signed_pdf(stamped=NOW)
    answer = look(signed_pdf(first, by=people.seal, field="Segel", stamped=NOW), people)
    assert [s.kind for s in answer.signatures] == ["signature", "e_seal"]
    assert [s.changes for s in answer.signatures] == ["permitted", "none"]
    assert [s.covers for s in answer.signatures] == ["whole_revision", "whole_file"]
    assert len(set(answer.byte_range_digests)) == 2
    assert "FORM_FILLED" not in codes(answer)


def test_a_certified_document_with_two_slots_and_long_term_data(people: Pki) -> None:
    slots = with_slots(plain_pdf(code=CODE), "Kepala", "Segel")
    signed = filled_slot(slots, "Kepala", by=people.officer, certify=True, stamped=NOW)
    signed = filled_slot(signed, "Segel", by=people.seal, certify=False, stamped=NOW)
    answer = look(signed, people)
    assert [s.changes for s in answer.signatures] == ["permitted", "none"]
    assert {s.trust for s in answer.signatures} == {"trusted"}

    archived = with_document_timestamp(with_validation_data(signed, whole_path(people)))
    answer = look(archived, people)
    assert [s.changes for s in answer.signatures] == ["permitted", "permitted", "none"]
    assert [s.level for s in answer.signatures] == ["PAdES-B-LTA", "PAdES-B-LTA", "none"]
    assert answer.signatures[2].kind == "document_timestamp"
    assert answer.code == CODE


def test_validation_data_raises_the_level_and_changes_nothing(people: Pki) -> None:
    signed = signed_pdf(stamped=NOW)
    answer = look(with_validation_data(signed, whole_path(people)), people)
    (signature,) = answer.signatures
    assert (signature.level, signature.changes) == ("PAdES-B-LT", "permitted")
    assert answer.byte_range_digests == look(signed, people).byte_range_digests
    assert codes(answer) == set()


def test_a_form_filled_after_signing_is_told(people: Pki) -> None:
    answer = look(with_form_filled(signed_pdf(stamped=NOW)), people)
    assert answer.signatures[0].changes == "permitted"
    assert "FORM_FILLED" in codes(answer)


@pytest.mark.parametrize("tail", [b"\n", b"\r\n\r\n", b" \t\x00\x0c\n"])
def test_white_space_at_the_end_is_harmless(people: Pki, tail: bytes) -> None:
    (signature,) = look(signed_pdf(stamped=NOW) + tail, people).signatures
    assert (signature.changes, signature.covers) == ("none", "whole_file")


def test_the_older_format_is_intact_but_no_pades(people: Pki) -> None:
    (signature,) = look(signed_pdf(sub_filter=SigSeedSubFilter.ADOBE_PKCS7_DETACHED), people).signatures
    assert (signature.integrity, signature.trust, signature.level) == ("intact", "trusted", "none")


# Trust at the proven time


def test_a_stranger_of_the_same_name_is_not_trusted(people: Pki) -> None:
    answer = look(signed_pdf(by=people.stranger), people)
    (signature,) = answer.signatures
    assert (signature.integrity, signature.trust) == ("intact", "untrusted")
    assert (signature.indication, signature.subindication) == ("INDETERMINATE", "NO_CERTIFICATE_CHAIN_FOUND")
    assert "SIGNER_UNTRUSTED" in codes(answer)


def test_without_anchors_nobody_is_trusted(people: Pki) -> None:
    answer = inspect(signed_pdf(), anchors=[], moment=NOW)
    assert answer.signatures[0].trust == "untrusted"
    assert "NO_ANCHORS" in codes(answer)


def test_an_anchor_that_is_no_certificate_is_told(people: Pki) -> None:
    answer = inspect(signed_pdf(), anchors=[b"\x30\x03\x02\x01\x01"], moment=NOW)
    assert not answer.readable
    assert codes(answer) == {"BAD_ANCHOR"}


def test_an_expired_certificate_needs_a_time_stamp(people: Pki) -> None:
    without = look(signed_pdf(by=people.short_lived), people).signatures[0]
    assert (without.trust, without.subindication) == ("expired", "OUT_OF_BOUNDS_NO_POE")
    stamped = signed_pdf(by=people.short_lived, stamped=datetime(2024, 6, 1, tzinfo=UTC))
    assert look(stamped, people).signatures[0].trust == "trusted"


@pytest.mark.parametrize(
    ("revoked_days_ago", "trust", "finding"),
    [(5, "trusted", "REVOKED_LATER"), (15, "revoked", "SIGNER_REVOKED")],
)
def test_a_revocation_counts_from_its_date(
    people: Pki, revoked_days_ago: int, trust: str, finding: str
) -> None:
    serial = people.officer.certificate.serial_number
    revoked = revocation_list(people.ca, {serial: NOW - timedelta(days=revoked_days_ago)})
    answer = look(with_validation_data(signed_pdf(stamped=NOW - timedelta(days=10)), [revoked]), people)
    assert answer.signatures[0].trust == trust
    assert finding in codes(answer)


def test_a_revocation_without_a_proven_time_counts(people: Pki) -> None:
    serial = people.officer.certificate.serial_number
    revoked = revocation_list(people.ca, {serial: NOW - timedelta(days=5)})
    answer = look(with_validation_data(signed_pdf(), [revoked]), people)
    assert (answer.signatures[0].trust, answer.signatures[0].subindication) == ("revoked", "REVOKED_NO_POE")


def test_a_time_stamp_from_the_future_is_not_believed(people: Pki) -> None:
    answer = look(signed_pdf(stamped=NOW + timedelta(days=3650)), people)
    assert answer.signatures[0].trust == "undetermined"
    assert answer.signatures[0].signed_at_source == "claimed"
    assert "TIMESTAMP_IN_FUTURE" in codes(answer)


def test_a_strange_time_stamper_proves_nothing(people: Pki) -> None:
    answer = look(signed_pdf(stamped=NOW, tsa=people.strange_tsa), people)
    assert answer.signatures[0].signed_at_source == "claimed"
    assert "TIMESTAMP_UNTRUSTED" in codes(answer)


def test_a_short_rsa_key_lowers_trust(people: Pki) -> None:
    answer = look(signed_pdf(by=people.weak), people)
    assert (answer.signatures[0].integrity, answer.signatures[0].trust) == ("intact", "undetermined")
    assert "WEAK_ALGORITHM" in codes(answer)


def test_the_report_leaves_out_the_citizen_number(people: Pki) -> None:
    assert "3509000000000001" not in repr(look(signed_pdf(), people))


def test_the_code_is_read_from_what_was_signed(people: Pki) -> None:
    other = "00000000000000"
    answer = look(with_attachment_swapped(signed_pdf(plain_pdf(code=CODE)), other), people)
    assert answer.code == CODE
    assert answer.signatures[0].changes == "forbidden"


def test_the_code_of_an_unsigned_file_is_not_read(people: Pki) -> None:
    answer = look(plain_pdf(code=CODE), people)
    assert answer.unsigned
    assert answer.code is None


def test_the_answer_survives_its_way_out_of_the_sandbox(people: Pki) -> None:
    import json

    answer = look(signed_pdf(plain_pdf(code=CODE), stamped=NOW), people)
    assert FileAnswer.from_json(json.loads(json.dumps(answer.to_json()))) == answer
