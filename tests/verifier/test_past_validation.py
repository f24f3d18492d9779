"""ETSI EN 319 102-1, 5.5 and 5.6, on whole files: what was true at the proven time counts, not what is now.

Whatever a certificate, a list or an anchor says: it moves ``trust`` and never ``integrity``.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sample_files import (
    plain_pdf,
    signed_pdf,
    with_document_timestamp,
    with_validation_data,
)
from small_pki import NOW, Identity, Pki, issue, revocation_list

from verifier.by_file import inspect
from verifier.report import FileAnswer, SignatureReport
from verifier.trust.terms import Terms

DAY = timedelta(days=1)
END = datetime(2025, 1, 1, tzinfo=UTC)  # of the short-lived certificates


@dataclass(frozen=True)
class Cast:
    """Who appears in more than one case; ``old_*`` had their time before 2014."""

    old_root: Identity
    old_signer: Identity
    old_tsa: Identity
    old_weak_tsa: Identity
    short_tsa: Identity
    short_ca: Identity
    below_short_ca: Identity
    future: Identity


@functools.cache
def cast(people: Pki) -> Cast:
    begin = datetime(2008, 1, 1, tzinfo=UTC)
    old_root = issue("Akar Lama", None, ca=True, start=begin)
    short_ca = issue("CA Singkat", people.root, ca=True, end=END)
    return Cast(
        old_root=old_root,
        old_signer=issue("Lama Contoh", old_root, given_name="Lama", start=begin, rsa_bits=1024),
        old_tsa=issue("TSA Kuat", old_root, start=begin, time_stamping=True, rsa_bits=2048),
        old_weak_tsa=issue("TSA Lemah", old_root, start=begin, time_stamping=True, rsa_bits=1024),
        short_tsa=issue("TSA Singkat", people.ca, time_stamping=True, rsa_bits=2048, end=END),
        short_ca=short_ca,
        below_short_ca=issue("Tini Contoh", short_ca, given_name="Tini"),
        future=issue("Esok Contoh", people.ca, given_name="Esok", start=NOW + DAY),
    )


def judged(pdf: bytes, *anchors: bytes, moment: datetime = NOW) -> tuple[SignatureReport, set[str]]:
    """The first signature of a person, and the codes of all findings."""
    answer: FileAnswer = inspect(pdf, anchors=anchors, moment=moment)
    signature = next(each for each in answer.signatures if each.kind != "document_timestamp")
    assert signature.integrity == "intact"
    return signature, {each.code for each in answer.findings}


def outcome(signature: SignatureReport) -> tuple[str, str, str | None]:
    return signature.trust, signature.indication, signature.subindication


PASSED = ("trusted", "TOTAL-PASSED", None)


# Validity of the signer's certificate


@pytest.mark.parametrize(
    ("stamped", "after", "expected"),
    [
        (None, None, ("expired", "INDETERMINATE", "OUT_OF_BOUNDS_NO_POE")),
        (END - DAY, None, PASSED),
        # It existed after the end; nothing says that it had not been made before.
        (END + DAY, None, ("expired", "INDETERMINATE", "OUT_OF_BOUNDS_NO_POE")),
        # A time-stamp over what was signed, from after the end: it was made later still.
        (END + 9 * DAY, END + DAY, ("expired", "TOTAL-FAILED", "EXPIRED")),
    ],
)
def test_a_certificate_that_expired(
    people: Pki, stamped: datetime | None, after: datetime | None, expected: tuple[str, str, str | None]
) -> None:
    base = with_document_timestamp(plain_pdf(), after) if after else plain_pdf()
    signature, codes = judged(signed_pdf(base, by=people.short_lived, stamped=stamped), people.root.pem)
    assert outcome(signature) == expected
    assert ("SIGNER_EXPIRED" in codes) == (expected is not PASSED)


def test_a_later_document_time_stamp_is_proof_enough(people: Pki) -> None:
    pdf = with_document_timestamp(signed_pdf(by=people.short_lived), END - DAY)
    signature, _ = judged(pdf, people.root.pem)
    assert outcome(signature) == PASSED
    late = with_document_timestamp(signed_pdf(by=people.short_lived), END + DAY)
    assert judged(late, people.root.pem)[0].subindication == "OUT_OF_BOUNDS_NO_POE"


def test_a_certificate_that_was_not_valid_yet(people: Pki) -> None:
    future = cast(people).future
    signature, codes = judged(signed_pdf(by=future), people.root.pem)
    assert outcome(signature) == ("untrusted", "INDETERMINATE", "OUT_OF_BOUNDS_NO_POE")
    assert "SIGNER_NOT_YET_VALID" in codes
    # Proven to be older than its certificate: it can never have been good.
    signature, _ = judged(signed_pdf(by=future, stamped=NOW), people.root.pem, moment=NOW + 9 * DAY)
    assert outcome(signature) == ("untrusted", "TOTAL-FAILED", "NOT_YET_VALID")
    signature, _ = judged(signed_pdf(by=future), people.root.pem, moment=NOW + 9 * DAY)
    assert outcome(signature) == PASSED


def test_the_whole_path_is_judged_at_the_proven_time(people: Pki) -> None:
    by = cast(people).below_short_ca
    signature, _ = judged(signed_pdf(by=by, stamped=END - DAY), people.root.pem)
    assert outcome(signature) == PASSED
    signature, _ = judged(signed_pdf(by=by), people.root.pem)
    assert outcome(signature) == ("expired", "INDETERMINATE", "OUT_OF_BOUNDS_NO_POE")


# Revocation


def revoked(people: Pki, at: datetime, *, authority: bool = False) -> list[bytes]:
    by, who = (people.root, people.ca) if authority else (people.ca, people.officer)
    return [revocation_list(by, {who.certificate.serial_number: at})]


@pytest.mark.parametrize(
    ("stamped", "after", "expected", "finding"),
    [
        (None, None, ("revoked", "INDETERMINATE", "REVOKED_NO_POE"), "SIGNER_REVOKED"),
        (NOW - 6 * DAY, None, PASSED, "REVOKED_LATER"),
        (NOW - 4 * DAY, None, ("revoked", "INDETERMINATE", "REVOKED_NO_POE"), "SIGNER_REVOKED"),
        (NOW - 3 * DAY, NOW - 4 * DAY, ("revoked", "TOTAL-FAILED", "REVOKED"), "SIGNER_REVOKED"),
        (NOW - 3 * DAY, NOW - 9 * DAY, ("revoked", "INDETERMINATE", "REVOKED_NO_POE"), "SIGNER_REVOKED"),
    ],
)
def test_a_certificate_that_was_revoked_five_days_ago(
    people: Pki,
    stamped: datetime | None,
    after: datetime | None,
    expected: tuple[str, str, str | None],
    finding: str,
) -> None:
    base = with_document_timestamp(plain_pdf(), after) if after else plain_pdf()
    pdf = with_validation_data(signed_pdf(base, stamped=stamped), revoked(people, NOW - 5 * DAY))
    signature, codes = judged(pdf, people.root.pem)
    assert outcome(signature) == expected
    assert finding in codes


def test_an_authority_that_was_revoked_five_days_ago(people: Pki) -> None:
    lists = revoked(people, NOW - 5 * DAY, authority=True)
    # Its own time-stamper hangs on the same authority: only one that does not is a proof.
    elsewhere = issue("TSA Akar", people.root, time_stamping=True, rsa_bits=2048)
    pdf = with_validation_data(signed_pdf(stamped=NOW - 9 * DAY, tsa=elsewhere), lists)
    assert outcome(judged(pdf, people.root.pem)[0]) == PASSED
    pdf = with_validation_data(signed_pdf(stamped=NOW - 9 * DAY), lists)
    signature, codes = judged(pdf, people.root.pem)
    assert outcome(signature) == ("revoked", "INDETERMINATE", "REVOKED_CA_NO_POE")
    assert "TIMESTAMP_REVOKED" in codes


@pytest.mark.parametrize(
    ("issued", "finding"),
    [
        (NOW - DAY, None),
        # From before the signature, but not replaced before it was proven to exist.
        (NOW - 14 * DAY, None),
        (NOW - 60 * DAY, "REVOCATION_STALE"),
        (None, "REVOCATION_NOT_CHECKED"),
    ],
)
def test_missing_or_stale_revocation_data_is_told_and_demanded_of_nobody(
    people: Pki, issued: datetime | None, finding: str | None
) -> None:
    lists = [revocation_list(by, {}, issued=issued) for by in (people.ca, people.root)] if issued else []
    signed = signed_pdf(stamped=NOW - 10 * DAY)
    signature, codes = judged(with_validation_data(signed, lists) if lists else signed, people.root.pem)
    # Where a policy demanded fresh data, EN 319 102-1, 5.2.5 would say TRY_LATER; ours does not.
    assert outcome(signature) == PASSED
    assert codes & {"REVOCATION_STALE", "REVOCATION_NOT_CHECKED"} == ({finding} if finding else set())


# The time-stamp's own certificate


@pytest.mark.parametrize(
    ("later", "source"),
    [
        (None, "claimed"),
        (END - DAY, "timestamp"),
        # After its end: whoever got hold of the key by then could have made it.
        (END + DAY, "claimed"),
    ],
)
def test_an_expired_time_stamper_needs_a_time_stamp_from_before(
    people: Pki, later: datetime | None, source: str
) -> None:
    pdf = signed_pdf(stamped=END - 9 * DAY, tsa=cast(people).short_tsa)
    pdf = with_document_timestamp(pdf, later) if later else pdf
    signature, codes = judged(pdf, people.root.pem)
    assert signature.signed_at_source == source
    assert ("TIMESTAMP_EXPIRED" in codes) == (source == "claimed")
    assert outcome(signature) == PASSED


@pytest.mark.parametrize(("later", "source"), [(NOW - 6 * DAY, "timestamp"), (NOW - 4 * DAY, "claimed")])
def test_a_revoked_time_stamper_needs_one_from_before(people: Pki, later: datetime, source: str) -> None:
    elsewhere = issue("TSA Akar", people.root, time_stamping=True, rsa_bits=2048)
    stamped = signed_pdf(stamped=NOW - 9 * DAY)
    lists = [revocation_list(people.ca, {people.tsa.certificate.serial_number: NOW - 5 * DAY})]
    pdf = with_document_timestamp(with_validation_data(stamped, lists), later, tsa=elsewhere)
    signature, codes = judged(pdf, people.root.pem)
    assert (signature.signed_at_source, "TIMESTAMP_REVOKED" in codes) == (source, source == "claimed")


@pytest.mark.parametrize(
    ("later", "source"),
    [
        (None, "claimed"),
        (datetime(2013, 6, 1, tzinfo=UTC), "timestamp"),
        (datetime(2020, 6, 1, tzinfo=UTC), "claimed"),
    ],
)
def test_a_weak_time_stamper_needs_one_from_before_that(
    people: Pki, later: datetime | None, source: str
) -> None:
    old = cast(people)
    pdf = signed_pdf(stamped=datetime(2012, 6, 1, tzinfo=UTC), tsa=old.old_weak_tsa)
    pdf = with_document_timestamp(pdf, later, tsa=old.old_tsa) if later else pdf
    signature, _ = judged(pdf, people.root.pem, old.old_root.pem)
    assert signature.signed_at_source == source


def test_a_weak_key_counts_from_when_it_was_weak(people: Pki) -> None:
    old = cast(people)
    for year, expected in (
        (2012, PASSED),
        (2020, ("undetermined", "INDETERMINATE", "CRYPTO_CONSTRAINTS_FAILURE")),
    ):
        stamped = datetime(year, 6, 1, tzinfo=UTC)
        pdf = signed_pdf(by=old.old_signer, stamped=stamped, tsa=old.old_tsa)
        assert outcome(judged(pdf, old.old_root.pem)[0]) == expected
    signature, _ = judged(signed_pdf(by=old.old_signer), old.old_root.pem)
    assert signature.subindication == "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"


# The anchor


def test_an_anchor_that_is_no_longer_trusted_vouches_for_what_is_proven_from_before(people: Pki) -> None:
    ended = Terms(end=NOW - 5 * DAY).encode() + people.root.pem
    signature, _ = judged(signed_pdf(), ended)
    assert outcome(signature) == ("untrusted", "INDETERMINATE", "NO_CERTIFICATE_CHAIN_FOUND_NO_POE")
    stamps = issue("TSA Akar Lain", None, ca=False, time_stamping=True, rsa_bits=2048)
    before = signed_pdf(stamped=NOW - 6 * DAY, tsa=stamps)
    assert outcome(judged(before, ended, stamps.pem)[0]) == PASSED
    after = signed_pdf(stamped=NOW - 4 * DAY, tsa=stamps)
    assert judged(after, ended, stamps.pem)[0].subindication == "NO_CERTIFICATE_CHAIN_FOUND"


# Trust and integrity are two questions


def test_nothing_about_trust_moves_integrity(people: Pki) -> None:
    signed = signed_pdf(stamped=NOW - 10 * DAY)
    impostor = issue("CA Uji", None, ca=True)
    everything: Sequence[list[bytes]] = [
        revoked(people, NOW - 50 * DAY),
        revoked(people, NOW - 50 * DAY, authority=True),
        [revocation_list(impostor, {people.officer.certificate.serial_number: NOW - 50 * DAY})],
        [revocation_list(people.ca, {}, issued=NOW + 900 * DAY)],
    ]
    found = set()
    for lists in everything:
        for anchors in ([], [people.root.pem], [people.stranger.pem], [impostor.pem]):
            signature, _ = judged(with_validation_data(signed, lists), *anchors)
            assert (signature.integrity, signature.changes, signature.covers) == (
                "intact", "permitted", "whole_revision",
            )  # fmt: skip
            found.add(signature.trust)
    assert found == {"trusted", "untrusted", "revoked"}
