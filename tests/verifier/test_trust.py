"""Paths, revocation and proven times, each way of failing with its sub-indication of EN 319 102-1."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cms_maker import (
    CONTENT,
    KEYS,
    Maker,
    attribute,
    authority,
    certify,
    der_of,
    make_cms,
    make_token,
    signer,
    signing_certificate,
    stamped,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from small_pki import NOW

from verifier.beginnings import Beginnings
from verifier.certificate import read_certificate
from verifier.certificates import Evidence, TrustAnswer, judge_signer, judge_time_stamper
from verifier.changes import Aftermath
from verifier.pdf_structure import SignedRange
from verifier.report import Observation, SignatureReport
from verifier.revocation import RevocationData
from verifier.signature import (
    Signature,
    conclude_signature,
    judge_cryptography,
    judge_trust,
    judge_vri,
    read_evidence,
    read_pdf_date,
)
from verifier.store import Store
from verifier.times import prove_times

DAY = timedelta(days=1)
ROOT = read_certificate(der_of(authority().issuers[-1]))


@functools.cache
def root() -> Maker:
    """Another root, with its key at hand."""
    return certify("Akar Kepercayaan", KEYS["p256"](), None, ca=True)


@functools.cache
def issuer() -> Maker:
    return certify("CA Kepercayaan", KEYS["p256"](), root(), ca=True)


@functools.cache
def person() -> Maker:
    return certify("Sri Contoh", KEYS["p256"](), issuer(), end=NOW + 300 * DAY)


def crl(
    by: Maker, revoked: dict[int, datetime] | None = None, *, issued: datetime = NOW - DAY, days: int = 7,
    signed_by: Maker | None = None, points: Any = None, delta: bool = False,
) -> bytes:  # fmt: skip
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(by.certificate.subject)
        .last_update(issued)
        .next_update(issued + days * DAY)
    )
    for serial, date in (revoked or {}).items():
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(date).build()
        builder = builder.add_revoked_certificate(entry)
    if points is not None:
        builder = builder.add_extension(points, critical=True)
    if delta:
        builder = builder.add_extension(x509.DeltaCRLIndicator(1), critical=True)
    made = builder.sign((signed_by or by).key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.DER)


def reply(
    about: Maker, by: Maker, *, revoked: datetime | None = None, responder: Maker | None = None,
    embed: Sequence[x509.Certificate] = (), issued: datetime = NOW - DAY,
) -> bytes:  # fmt: skip
    answering = responder or by
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=about.certificate, issuer=by.certificate, algorithm=hashes.SHA1(),  # noqa: S303  # RFC 6960's
            cert_status=ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
            this_update=issued, next_update=issued + 7 * DAY, revocation_time=revoked, revocation_reason=None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, answering.certificate)
    )  # fmt: skip
    if embed:
        builder = builder.certificates(list(embed))
    return builder.sign(answering.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def evidence(
    *more: Maker, crls: Sequence[bytes] = (), ocsps: Sequence[bytes] = (), anchor: Maker | None = None
) -> Evidence:
    others = tuple(read_certificate(each.der) for each in (issuer(), *more))
    return Evidence(
        (read_certificate((anchor or root()).der),), others, RevocationData(tuple(crls), tuple(ocsps))
    )


def trust(
    maker: Maker, given: Evidence, moment: datetime = NOW, *, proven: bool = False,
    made_after: datetime | None = None,
) -> TrustAnswer:  # fmt: skip
    return judge_signer(read_certificate(maker.der), given, moment, time_proven=proven, made_after=made_after)


def outcome(answer: TrustAnswer) -> tuple[str, str | None]:
    return answer.trust, answer.subindication


def serial(maker: Maker) -> int:
    return maker.certificate.serial_number


GOOD = ("trusted", None)


# Paths


def test_a_path_leads_to_the_anchor_or_nowhere() -> None:
    assert outcome(trust(person(), evidence())) == GOOD
    assert outcome(trust(root(), evidence())) == GOOD
    without = Evidence((read_certificate(root().der),))
    assert outcome(trust(person(), without)) == ("untrusted", "NO_CERTIFICATE_CHAIN_FOUND")
    strange = evidence(anchor=authority())
    assert outcome(trust(person(), strange)) == ("untrusted", "NO_CERTIFICATE_CHAIN_FOUND")


def test_a_namesake_of_the_authority_issues_nothing() -> None:
    namesake = certify("CA Kepercayaan", KEYS["p256"](), root(), ca=True)
    assert outcome(trust(person(), Evidence((read_certificate(namesake.der),)))) == (
        "untrusted", "NO_CERTIFICATE_CHAIN_FOUND",
    )  # fmt: skip
    # Beside the right one it does no harm, whichever comes first.
    assert outcome(trust(person(), evidence(namesake))) == GOOD


def usage(**allowed: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in names})


def excluded(organisation: str) -> x509.NameConstraints:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, organisation)])
    return x509.NameConstraints(None, [x509.DirectoryName(name)])


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0")


@pytest.mark.parametrize(
    "between",
    [
        {"ca": False},
        {"ca": True, "extensions": [(usage(digital_signature=True), True)]},
        {"ca": True, "extensions": [(excluded("Sri Contoh"), True)]},
        {"ca": True, "extensions": [(UNKNOWN, True)]},
    ],
    ids=["no authority", "no certificate signing", "names", "unknown and critical"],
)  # fmt: skip
def test_who_may_not_issue_vouches_for_nobody(between: dict[str, Any]) -> None:
    middle = certify("CA Antara", KEYS["p256"](), issuer(), **between)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sri Contoh")])
    below = certify("", KEYS["p256"](), middle, subject=subject)
    assert outcome(trust(below, evidence(middle))) == ("untrusted", "CHAIN_CONSTRAINTS_FAILURE")
    allowed = certify("CA Antara", KEYS["p256"](), issuer(), ca=True, extensions=[(excluded("Lain"), True)])
    assert outcome(trust(certify("", KEYS["p256"](), allowed, subject=subject), evidence(allowed))) == GOOD


def test_the_length_of_a_path_is_limited() -> None:
    short = certify("CA Pendek", KEYS["p256"](), root(), ca=True, path_length=0)
    below = certify("CA Bawah", KEYS["p256"](), short, ca=True)
    assert outcome(trust(certify("Sri", KEYS["p256"](), short), evidence(short))) == GOOD
    answer = trust(certify("Sri", KEYS["p256"](), below), evidence(short, below))
    assert outcome(answer) == ("untrusted", "CHAIN_CONSTRAINTS_FAILURE")


def test_a_certificate_for_something_else_signs_nothing() -> None:
    cipher = certify("Sri", KEYS["p256"](), issuer(), extensions=[(usage(key_agreement=True), True)])
    assert outcome(trust(cipher, evidence())) == ("untrusted", "CHAIN_CONSTRAINTS_FAILURE")
    tsa = certify("TSA", KEYS["p256"](), issuer(), stamping=True)
    assert judge_time_stamper(read_certificate(tsa.der), evidence(), NOW).trust == "trusted"
    assert judge_time_stamper(read_certificate(person().der), evidence(), NOW).trust == "untrusted"


def test_old_algorithms_on_the_way_count_unless_proven_from_before() -> None:
    small = certify("CA Kecil", KEYS["rsa1024"](), root(), ca=True)
    below = certify("Sri", KEYS["p256"](), small)
    answer = trust(below, evidence(small))
    assert outcome(answer) == ("undetermined", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE")
    assert (answer.finding, answer.what) == ("WEAK_ALGORITHM", "RSA-1024")
    past, since = datetime(2013, 6, 1, tzinfo=UTC), datetime(2014, 6, 1, tzinfo=UTC)
    assert outcome(trust(below, evidence(small), past, proven=True)) == GOOD
    assert outcome(trust(below, evidence(small), since, proven=True))[1] == "CRYPTO_CONSTRAINTS_FAILURE"


# Validity


def test_validity_is_that_of_the_proven_time() -> None:
    end = person().certificate.not_valid_after_utc
    assert outcome(trust(person(), evidence(), end + DAY)) == ("expired", "OUT_OF_BOUNDS_NO_POE")
    assert outcome(trust(person(), evidence(), end - DAY, proven=True)) == GOOD
    after = trust(person(), evidence(), end + DAY, proven=True, made_after=end + DAY / 2)
    assert outcome(after) == ("expired", "EXPIRED")
    late = crl(issuer(), issued=end, days=30)
    answer = trust(person(), evidence(crls=[late]), end + DAY)
    assert outcome(answer) == ("expired", "OUT_OF_BOUNDS_NOT_REVOKED")
    early = datetime(1999, 1, 1, tzinfo=UTC)
    assert outcome(trust(person(), evidence(), early, proven=True)) == ("untrusted", "NOT_YET_VALID")
    old = certify("CA Lama", KEYS["p256"](), root(), ca=True, end=NOW - DAY)
    answer = trust(certify("Sri", KEYS["p256"](), old), evidence(old))
    assert outcome(answer) == ("expired", "OUT_OF_BOUNDS_NO_POE")


# Revocation


@pytest.mark.parametrize("source", ["crl", "ocsp", "delegate"])
def test_revocation_counts_from_its_date(source: str) -> None:
    delegate = certify(
        "OCSP", KEYS["p256"](), issuer(),
        extensions=[(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)],
    )  # fmt: skip
    when = NOW - 5 * DAY
    given = {
        "crl": lambda: evidence(crls=[crl(issuer(), {serial(person()): when})]),
        "ocsp": lambda: evidence(ocsps=[reply(person(), issuer(), revoked=when)]),
        "delegate": lambda: evidence(
            ocsps=[reply(person(), issuer(), revoked=when, responder=delegate, embed=[delegate.certificate])]
        ),
    }[source]()
    assert outcome(trust(person(), given)) == ("revoked", "REVOKED_NO_POE")
    assert outcome(trust(person(), given, when + DAY, proven=True)) == ("revoked", "REVOKED_NO_POE")
    answer = trust(person(), given, when + DAY, proven=True, made_after=when + DAY / 2)
    assert outcome(answer) == ("revoked", "REVOKED")
    before = trust(person(), given, when - DAY, proven=True)
    assert (outcome(before), before.revoked_at) == (GOOD, when)


def test_an_authority_that_was_revoked_takes_all_with_it() -> None:
    given = evidence(crls=[crl(root(), {serial(issuer()): NOW - 5 * DAY})])
    answer = trust(person(), given)
    assert (outcome(answer), answer.finding) == (("revoked", "REVOKED_CA_NO_POE"), "ISSUER_REVOKED")
    assert outcome(trust(person(), given, NOW - 6 * DAY, proven=True)) == GOOD


def points(**flags: Any) -> x509.IssuingDistributionPoint:
    names = (
        "full_name", "relative_name", "only_contains_user_certs", "only_contains_ca_certs",
        "only_some_reasons", "indirect_crl", "only_contains_attribute_certs",
    )  # fmt: skip
    return x509.IssuingDistributionPoint(
        **{name: flags.get(name, None if index in (0, 1, 4) else False) for index, name in enumerate(names)}
    )


def test_lists_and_answers_of_others_say_nothing() -> None:
    revoked = {serial(person()): NOW - DAY}
    impostor = certify("CA Kepercayaan", KEYS["p256"](), None, ca=True)
    delegate = certify("OCSP palsu", KEYS["p256"](), issuer())
    for given in (
        evidence(crls=[crl(root(), revoked)]),
        evidence(impostor, crls=[crl(impostor, revoked)]),
        evidence(crls=[crl(issuer(), revoked, points=points(only_contains_ca_certs=True))]),
        evidence(crls=[crl(issuer(), revoked, delta=True)]),
        evidence(crls=[b"\x30\x00", b"garbage", b""], ocsps=[b"\x30\x03\x0a\x01\x06", b"\xff", b""]),
        evidence(
            ocsps=[reply(person(), issuer(), revoked=NOW, responder=delegate, embed=[delegate.certificate])]
        ),
        evidence(ocsps=[reply(signer(), authority(), revoked=NOW - DAY)]),
    ):
        answer = trust(person(), given)
        assert (outcome(answer), answer.revocation) == (GOOD, "unknown")
    user = evidence(crls=[crl(issuer(), revoked, points=points(only_contains_user_certs=True))])
    assert trust(person(), user).trust == "revoked"


def test_revocation_data_has_to_be_whole_and_fresh() -> None:
    ca = crl(root())
    whole = evidence(crls=[crl(issuer()), ca])
    assert trust(person(), whole).revocation == "known"
    assert trust(person(), evidence(ocsps=[reply(person(), issuer())], crls=[ca])).revocation == "known"
    assert trust(person(), evidence(crls=[crl(issuer())])).revocation == "unknown"
    stale = evidence(crls=[crl(issuer(), issued=NOW - 60 * DAY), ca])
    assert trust(person(), stale).revocation == "stale"
    assert trust(person(), stale, NOW - 70 * DAY, proven=True).revocation == "known"


# Signatures and their times


def report(
    *contents: tuple[bytes, str],
    store: Store | None = None,
    moment: datetime = NOW,
    **options: Any,
) -> tuple[list[SignatureReport], dict[str, str]]:
    """Signatures one behind the other, each over CONTENT, through steps 7 to 10."""
    found: list[Observation] = []
    signatures = [
        Signature(f"S{number}", contents=data, sub_filter=name, aftermath=Aftermath("whole_file", "none"))
        for number, (data, name) in enumerate(contents)
    ]
    for signature in signatures:
        part = CONTENT[:5] + b"<" + CONTENT[5:]
        signature.signed = SignedRange(5, 6, len(part))
        judge_cryptography(signature, Beginnings(part), found)
        signature.signed = SignedRange(5, 6, 100 * signatures.index(signature) + 100)
    given = read_evidence(store or Store(), (ROOT,), signatures, **options)
    judge_vri(signatures, given, found)
    prove_times(signatures, given, moment, found)
    for signature in signatures:
        judge_trust(signature, given, moment, found)
    reports = [conclude_signature(signature, signatures, given) for signature in signatures]
    return reports, {each.code: dict(each.values).get("what", "") for each in found}


CADES = "ETSI.CAdES.detached"
STAMP = "ETSI.RFC3161"


def cades(*, token: datetime | None = None, **options: Any) -> bytes:
    more = [signing_certificate(options.get("maker") or signer()), *options.pop("more", ())]
    if token is None:
        return make_cms(more=more, **options)
    return stamped(lambda value: [make_token(value, token)], more=more, **options)


def test_levels_say_what_is_there() -> None:
    (plain,), _ = report((cades(), CADES))
    assert (plain.level, plain.indication) == ("PAdES-B-B", "TOTAL-PASSED")
    (timed,), found = report((cades(token=NOW - DAY), CADES))
    assert (timed.level, timed.signed_at_source) == ("PAdES-B-T", "timestamp")
    assert "REVOCATION_NOT_CHECKED" in found
    (named_otherwise,), _ = report((cades(), "adbe.pkcs7.detached"))
    assert named_otherwise.level == "none"
    # The list of the signer's issuer alone leaves the issuer itself open.
    half = Store(crls=(crl(authority()),))
    (timed,), _ = report((cades(token=NOW - DAY), CADES), store=half)
    assert timed.level == "PAdES-B-T"


def test_a_later_document_time_stamp_proves_what_came_before() -> None:
    later = (make_token(CONTENT, NOW - DAY), STAMP)
    (first, stamp), found = report((cades(), CADES), later, moment=NOW)
    assert (first.level, stamp.level, stamp.kind) == ("PAdES-B-T", "none", "document_timestamp")
    assert "TIME_CLAIMED" not in found
    gone = NOW + 5000 * DAY
    (first, stamp), found = report((cades(), CADES), later, moment=gone)
    assert {first.trust, stamp.trust} == {"expired"}
    assert "TIMESTAMP_EXPIRED" in found


def test_times_that_contradict_each_other_prove_nothing() -> None:
    early = (make_token(CONTENT, NOW - 20 * DAY), STAMP)
    (late, _), found = report((cades(token=NOW - DAY), CADES), early)
    assert (late.trust, late.subindication) == ("undetermined", "TIMESTAMP_ORDER_FAILURE")
    assert "TIMESTAMP_ORDER" in found
    (_, signed), _ = report((make_token(CONTENT, NOW - DAY), STAMP), (cades(token=NOW - 9 * DAY), CADES))
    assert signed.subindication == "TIMESTAMP_ORDER_FAILURE"
    (ahead,), found = report((cades(token=NOW + 3650 * DAY), CADES))
    assert (ahead.trust, ahead.signed_at_source) == ("undetermined", "claimed")
    assert "TIMESTAMP_IN_FUTURE" in found


def test_a_content_time_stamp_says_that_the_signature_came_later() -> None:
    inside = attribute("1.2.840.113549.1.9.16.2.20", make_token(CONTENT, NOW - 2 * DAY))
    (good,), _ = report((cades(token=NOW - DAY, more=[inside]), CADES))
    assert good.indication == "TOTAL-PASSED"
    (wrong,), _ = report((cades(token=NOW - 9 * DAY, more=[inside]), CADES))
    assert wrong.subindication == "TIMESTAMP_ORDER_FAILURE"


def test_weak_signatures_are_read_and_their_trust_lowered() -> None:
    (weak,), found = report((cades(digest="sha1"), CADES))
    assert (weak.integrity, weak.trust, weak.indication) == ("intact", "undetermined", "INDETERMINATE")
    assert weak.subindication == "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
    assert found["WEAK_ALGORITHM"] == "SHA1"
    (old,), found = report((cades(digest="sha1", token=datetime(2012, 1, 1, tzinfo=UTC)), CADES))
    assert (old.trust, "WEAK_ALGORITHM" in found) == ("trusted", False)


def test_failures_have_their_indication() -> None:
    (broken,), _ = report((make_cms(CONTENT + b" "), CADES))
    assert (broken.indication, broken.subindication) == ("TOTAL-FAILED", "HASH_FAILURE")
    (garbage,), _ = report((b"\x30\x00", CADES))
    assert (garbage.indication, garbage.subindication) == ("TOTAL-FAILED", "FORMAT_FAILURE")
    (missing,), _ = report((make_cms(certificates=[]), CADES))
    assert (missing.integrity, missing.indication) == ("undetermined", "INDETERMINATE")
    assert missing.subindication == "NO_SIGNING_CERTIFICATE_FOUND"
    (tail,), found = report((cades() + b"\0\0hidden", CADES))
    assert (tail.integrity, tail.changes) == ("intact", "forbidden")
    assert "CONTENTS_TAIL" in found
    (stranger,), _ = report((make_cms(maker=person()), CADES))
    assert (stranger.trust, stranger.indication) == ("untrusted", "INDETERMINATE")


def test_validation_data_for_no_signature_is_told() -> None:
    data = cades()
    own = hashlib.sha1(data, usedforsecurity=False).hexdigest().upper()
    assert "VRI_UNRELATED" not in report((data, CADES), vri_keys=[own])[1]
    assert "VRI_UNRELATED" not in report((data + bytes(9), CADES), vri_keys=[own.lower()])[1]
    assert "VRI_UNRELATED" in report((data, CADES), vri_keys=[own, "00" * 20])[1]
    # pyHanko's add_validation_info hashes the digits of the padded /Contents, not what they stand for.
    padded = data + bytes(9)
    for digits in (padded.hex(), padded.hex().upper(), data.hex()):
        key = hashlib.sha1(digits.encode(), usedforsecurity=False).hexdigest().upper()
        assert "VRI_UNRELATED" not in report((padded, CADES), vri_keys=[key])[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("D:20261101090000Z", datetime(2026, 11, 1, 9, tzinfo=UTC)),
        ("D:20261101160000+07'00'", datetime(2026, 11, 1, 9, tzinfo=UTC)),
        ("D:20261101160000+07'00", datetime(2026, 11, 1, 9, tzinfo=UTC)),
        ("D:20261101090000", datetime(2026, 11, 1, 9, tzinfo=UTC)),
        ("D:202611", datetime(2026, 11, 1, tzinfo=UTC)),
        ("D:2026", datetime(2026, 1, 1, tzinfo=UTC)),
        ("D:20261345", None), ("kemarin", None), ("", None), (None, None), ("D:99999999999999+99'99'", None),
    ],
)  # fmt: skip
def test_dates_of_a_signature_dictionary(text: str | None, expected: datetime | None) -> None:
    assert read_pdf_date(text) == expected


def test_the_time_stamper_is_judged_like_everybody() -> None:
    ended = certify("TSA Lama", KEYS["p256"](), authority(), stamping=True, end=NOW - 10 * DAY)
    data = stamped(
        lambda value: [make_token(value, NOW - 20 * DAY, ended)], more=[signing_certificate(signer())]
    )
    (report_,), found = report((data, CADES))
    assert (report_.trust, report_.signed_at_source) == ("trusted", "claimed")
    assert "TIMESTAMP_EXPIRED" in found
    # A later time-stamp from before that end keeps it alive (EN 319 102-1, 5.6.2.2).
    (report_, _), found = report((data, CADES), (make_token(CONTENT, NOW - 15 * DAY), STAMP))
    assert report_.signed_at_source == "timestamp"
    assert "TIMESTAMP_EXPIRED" not in found


def test_long_term_levels_need_data_for_the_whole_way_and_a_time_stamp_over_it() -> None:
    tsa = certify("TSA", KEYS["p256"](), issuer(), stamping=True)
    data = stamped(
        lambda value: [make_token(value, NOW - DAY, tsa)],
        maker=person(),
        more=[signing_certificate(person())],
    )
    whole = Store(crls=(crl(issuer()), crl(root())))
    later = (make_token(CONTENT, NOW - DAY, tsa), STAMP)
    for store, level in ((Store(), "T"), (Store(crls=whole.crls[:1]), "T"), (whole, "LT")):
        (signed,), _ = report((data, CADES), store=store)
        assert signed.level == f"PAdES-B-{level}"
    for data_end, level in ((100, "LTA"), (200, "LTA"), (201, "LT"), (None, "LTA")):
        (signed, _), _ = report((data, CADES), later, store=whole, data_end=data_end)
        assert signed.level == f"PAdES-B-{level}"


def test_a_broken_time_stamp_counts_in_the_conclusion() -> None:
    (signed,), found = report((stamped(lambda value: [make_token(value + b"!")]), CADES))
    assert (signed.integrity, signed.subindication) == ("broken", "HASH_FAILURE")
    assert signed.indication == "TOTAL-FAILED"
    assert "TIMESTAMP_BROKEN" in found


def test_a_weak_time_stamp_proves_no_time() -> None:
    weak = stamped(lambda value: [make_token(value, NOW - DAY, digest="sha1")])
    (signed,), found = report((weak, CADES))
    assert (signed.integrity, signed.signed_at_source) == ("intact", "claimed")
    assert found["WEAK_ALGORITHM"] == "SHA1"
