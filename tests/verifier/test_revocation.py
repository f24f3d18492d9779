"""Lists and answers about revocation, each rule of RFC 5280, 6.3 and RFC 6960 with what breaks it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from asn1crypto import core, ocsp
from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cms_maker import KEYS, Maker, certify, sign, wrap
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from small_pki import NOW
from test_trust import DAY, GOOD, crl, evidence, issuer, outcome, person, points, root, serial, trust, usage

from verifier.certificate import read_certificate
from verifier.certificates import Evidence, TrustAnswer
from verifier.revocation import RevocationData
from verifier.revocation_list import read_revocation_list

HOLD, REMOVED = x509.ReasonFlags.certificate_hold, x509.ReasonFlags.remove_from_crl
REVOKED = ("revoked", "REVOKED_NO_POE")
SUSPENDED = ("undetermined", "TRY_LATER")


def unknown(oid: str = "1.2.3.4", value: bytes = b"\5\0") -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)


def entry(number: int, when: datetime, *extensions: tuple[Any, bool]) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(when)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.build()


def reason(flag: x509.ReasonFlags) -> tuple[x509.CRLReason, bool]:
    return x509.CRLReason(flag), False


def about(maker: Maker) -> tuple[x509.CertificateIssuer, bool]:
    """An entry extension: from here on, entries are about certificates of that issuer."""
    return x509.CertificateIssuer([x509.DirectoryName(maker.certificate.subject)]), True


def make(
    by: Maker,
    *entries: x509.RevokedCertificate,
    issued: datetime = NOW - DAY,
    days: int = 7,
    extensions: Sequence[tuple[Any, bool]] = (),
    old_digest: bool = False,
) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(by.certificate.subject)
        .last_update(issued)
        .next_update(issued + days * DAY)
    )
    for each in entries:
        builder = builder.add_revoked_certificate(each)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    made = builder.sign(by.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    return signed_by_sha1(made, by) if old_digest else made


def signed_by_sha1(der: bytes, by: Maker) -> bytes:
    """The same list, signed as the library refuses to."""
    whole = asn1_crl.CertificateList.load(der)
    algorithm = {"algorithm": "sha1_ecdsa"}
    whole["tbs_cert_list"]["signature"] = algorithm
    whole["signature_algorithm"] = algorithm
    whole["signature"] = sign(by.key, "ecdsa", "sha1", whole["tbs_cert_list"].dump(force=True))
    return bytes(whole.dump(force=True))


def given(
    *crls: bytes,
    ocsps: Sequence[bytes] = (),
    others: Sequence[Maker] = (),
    anchors: Sequence[Maker] = (),
    now: datetime = NOW,
) -> Evidence:
    """The root's own list is always there, so that a path stands or falls with the person's."""
    certificates = tuple(read_certificate(each.der) for each in (issuer(), *others))
    trusted = tuple(read_certificate(each.der) for each in (root(), *anchors))
    data = RevocationData((*crls, crl(root())), ocsps, certificates=certificates, anchors=trusted, now=now)
    return Evidence(trusted, certificates, data)


def known(answer: TrustAnswer) -> tuple[tuple[str, str | None], str]:
    return outcome(answer), answer.revocation


def test_the_plain_case_is_as_before() -> None:
    assert known(trust(person(), given(crl(issuer())))) == (GOOD, "known")
    listed = make(issuer(), entry(1, NOW - 9 * DAY), entry(serial(person()), NOW - 5 * DAY))
    assert outcome(trust(person(), given(listed))) == REVOKED


# Which certificates a list is for


@functools.cache
def registrar() -> Maker:
    """Somebody else, whom the issuer lets sign lists."""
    return certify("Daftar Pencabutan", KEYS["p256"](), root(), extensions=[(usage(crl_sign=True), True)])


@functools.cache
def delegated() -> Maker:
    """A person whose certificate says that the registrar's list counts (RFC 5280, 4.2.1.13, cRLIssuer)."""
    point = x509.DistributionPoint(None, None, None, [x509.DirectoryName(registrar().certificate.subject)])
    return certify(
        "Sri Titipan", KEYS["p256"](), issuer(), extensions=[(x509.CRLDistributionPoints([point]), False)]
    )


INDIRECT = (points(indirect_crl=True), True)


def test_an_indirect_list_is_read_by_issuer_and_number() -> None:
    mine = serial(delegated())
    listed = make(
        registrar(), entry(5, NOW - 9 * DAY, about(issuer())), entry(mine, NOW - 5 * DAY),
        extensions=[INDIRECT],
    )  # fmt: skip
    assert outcome(trust(delegated(), given(listed, others=[registrar()]))) == REVOKED
    # The same number, but of certificates of another.
    strange = make(registrar(), entry(mine, NOW - 5 * DAY), extensions=[INDIRECT])
    assert known(trust(delegated(), given(strange, others=[registrar()]))) == (GOOD, "known")
    later = make(
        registrar(), entry(5, NOW - 9 * DAY, about(issuer())), entry(6, NOW, about(root())),
        entry(mine, NOW - 5 * DAY), extensions=[INDIRECT],
    )  # fmt: skip
    assert known(trust(delegated(), given(later, others=[registrar()]))) == (GOOD, "known")


def test_an_indirect_list_of_nobody_says_nothing() -> None:
    listed = entry(serial(delegated()), NOW - 5 * DAY, about(issuer()))
    whole = make(registrar(), listed, extensions=[INDIRECT])
    strangers_root = certify("Akar Asing", KEYS["p256"](), None, ca=True)
    name = registrar().certificate.subject
    may = [(usage(crl_sign=True), True)]
    impostor = certify("", KEYS["p256"](), strangers_root, subject=name, extensions=may)
    signs_documents = certify(
        "", KEYS["p256"](), root(), subject=name, extensions=[(usage(digital_signature=True), True)]
    )
    ended = certify("", KEYS["p256"](), root(), subject=name, extensions=may, end=NOW - 9 * DAY)
    forged = {
        "without its certificate": given(whole),
        "not said to be indirect": given(make(registrar(), listed), others=[registrar()]),
        "of a root that is not ours": given(
            make(impostor, listed, extensions=[INDIRECT]), others=[impostor, strangers_root]
        ),
        # RFC 5280, 6.3.3 (f): the same anchor, not just any that is trusted.
        "of another root of ours": given(
            make(impostor, listed, extensions=[INDIRECT]), others=[impostor], anchors=[strangers_root]
        ),
        "by a key for documents": given(
            make(signs_documents, listed, extensions=[INDIRECT]), others=[signs_documents]
        ),
        "by an expired certificate": given(make(ended, listed, extensions=[INDIRECT]), others=[ended]),
        "by a revoked certificate": given(
            whole, make(root(), entry(serial(registrar()), NOW - 9 * DAY)), others=[registrar()]
        ),
    }
    for case, data in forged.items():
        assert known(trust(delegated(), data)) == (GOOD, "unknown"), case
    # Whoever points at nobody is not listed by the registrar.
    plain = make(registrar(), entry(serial(person()), NOW, about(issuer())), extensions=[INDIRECT])
    assert known(trust(person(), given(plain, others=[registrar()]))) == (GOOD, "unknown")


def test_an_authority_may_sign_lists_with_another_key() -> None:
    other_key = certify(
        "CA Kepercayaan", KEYS["p256"](), root(), ca=True,
        extensions=[(usage(key_cert_sign=True, crl_sign=True), True)],
    )  # fmt: skip
    listed = crl(other_key, {serial(person()): NOW - 5 * DAY})
    assert outcome(trust(person(), given(listed, others=[other_key]))) == REVOKED
    assert known(trust(person(), given(listed))) == (GOOD, "unknown")


def test_issuers_of_lists_that_vouch_for_each_other_vouch_for_nobody() -> None:
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"Daftar {n}")]) for n in range(6)]
    makers = [
        certify(
            "", KEYS["p256"](), root(), subject=name,
            extensions=[
                (usage(crl_sign=True), True),
                (x509.CRLDistributionPoints([x509.DistributionPoint(None, None, None, [
                    x509.DirectoryName(names[(n + 1) % 6])])]), False),
            ],
        )
        for n, name in enumerate(names)
    ]  # fmt: skip
    lists = [make(each, entry(7, NOW, about(root())), extensions=[INDIRECT]) for each in makers]
    assert known(trust(person(), given(*lists, others=makers))) == (GOOD, "unknown")


def at(url: str, **flags: Any) -> tuple[x509.IssuingDistributionPoint, bool]:
    return points(full_name=[x509.UniformResourceIdentifier(url)], **flags), True


@functools.cache
def partitioned(**flags: Any) -> Maker:
    point = x509.DistributionPoint([x509.UniformResourceIdentifier("http://a/1.crl")], None, None, None)
    return certify(
        "Sri Bagian", KEYS["p256"](), issuer(), extensions=[(x509.CRLDistributionPoints([point]), False)]
    )


def test_a_list_of_one_distribution_point_is_for_its_certificates() -> None:
    for url, expected in (("http://a/1.crl", "known"), ("http://a/2.crl", "unknown")):
        assert trust(partitioned(), given(make(issuer(), extensions=[at(url)]))).revocation == expected
    # A certificate that names no point may be listed anywhere.
    assert trust(person(), given(make(issuer(), extensions=[at("http://a/1.crl")]))).revocation == "unknown"
    own = points(full_name=[x509.DirectoryName(issuer().certificate.subject)]), True
    assert trust(person(), given(make(issuer(), extensions=[own]))).revocation == "known"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"only_contains_user_certs": True}, "known"), ({"only_contains_ca_certs": True}, "unknown"),
        ({"only_contains_attribute_certs": True}, "unknown"), ({"indirect_crl": True}, "known"),
    ],
)  # fmt: skip
def test_a_list_for_some_certificates(flags: dict[str, bool], expected: str) -> None:
    assert trust(person(), given(make(issuer(), extensions=[(points(**flags), True)]))).revocation == expected


ALL = set(x509.ReasonFlags) - {x509.ReasonFlags.unspecified, REMOVED}
COMPROMISE = {x509.ReasonFlags.key_compromise, x509.ReasonFlags.ca_compromise, x509.ReasonFlags.aa_compromise}


def for_reasons(reasons: set[x509.ReasonFlags], *entries: x509.RevokedCertificate) -> bytes:
    return make(issuer(), *entries, extensions=[(points(only_some_reasons=frozenset(reasons)), True)])


def test_lists_for_some_reasons_say_all_only_together() -> None:
    some, rest = for_reasons(COMPROMISE), for_reasons(ALL - COMPROMISE)
    assert trust(person(), given(some)).revocation == "unknown"
    assert trust(person(), given(some, rest)).revocation == "known"
    old = make(
        issuer(), issued=NOW - 60 * DAY,
        extensions=[(points(only_some_reasons=frozenset(ALL - COMPROMISE)), True)],
    )  # fmt: skip
    assert trust(person(), given(some, old)).revocation == "stale"
    assert (
        outcome(trust(person(), given(for_reasons(COMPROMISE, entry(serial(person()), NOW - DAY)))))
        == REVOKED
    )


# Deltas and holds


USERS = (points(only_contains_user_certs=True), True)


def number(value: int) -> tuple[x509.CRLNumber, bool]:
    return x509.CRLNumber(value), False


def delta_of(value: int) -> tuple[x509.DeltaCRLIndicator, bool]:
    return x509.DeltaCRLIndicator(value), True


def test_a_delta_counts_with_a_list_that_it_continues() -> None:
    base = make(issuer(), extensions=[number(5)], issued=NOW - 20 * DAY)
    mine = entry(serial(person()), NOW - 5 * DAY)
    assert trust(person(), given(base)).revocation == "stale"
    fresh = make(issuer(), extensions=[number(7), delta_of(4)])
    assert known(trust(person(), given(base, fresh))) == (GOOD, "known")
    listed = make(issuer(), mine, extensions=[number(7), delta_of(5)])
    assert outcome(trust(person(), given(base, listed))) == REVOKED
    assert outcome(trust(person(), given(make(issuer(), mine, extensions=[number(5)]), fresh))) == REVOKED
    for case in (
        given(listed),
        given(base, make(issuer(), mine, extensions=[number(7), delta_of(6)])),
        given(base, make(issuer(), mine, extensions=[number(5), delta_of(4)])),
        given(base, make(issuer(), mine, extensions=[number(7), delta_of(5), USERS])),
        given(make(issuer(), issued=NOW - 20 * DAY), listed),
    ):
        assert outcome(trust(person(), case)) == GOOD


def test_a_suspension_leaves_the_matter_open_until_it_is_lifted() -> None:
    mine = serial(person())
    held = make(
        issuer(), entry(mine, NOW - 5 * DAY, reason(HOLD)), extensions=[number(5)], issued=NOW - 4 * DAY
    )
    answer = trust(person(), given(held))
    assert (outcome(answer), answer.finding) == (SUSPENDED, "CERTIFICATE_ON_HOLD")
    # Before it began, nothing was wrong, and that is no later revocation either.
    before = trust(person(), given(held), NOW - 6 * DAY, proven=True)
    assert (outcome(before), before.revoked_at) == (GOOD, None)
    released = make(issuer(), issued=NOW - DAY)
    assert known(trust(person(), given(held, released))) == (GOOD, "known")
    assert known(trust(person(), given(released, held))) == (GOOD, "known")
    lifted = make(issuer(), entry(mine, NOW - 2 * DAY, reason(REMOVED)), extensions=[number(7), delta_of(5)])
    assert known(trust(person(), given(held, lifted))) == (GOOD, "known")
    # What comes of it may also be the end.
    ended = make(issuer(), entry(mine, NOW - 5 * DAY))
    assert outcome(trust(person(), given(held, ended))) == REVOKED
    # A revocation is never lifted by a later list without it.
    revoked = make(issuer(), entry(mine, NOW - 5 * DAY), issued=NOW - 4 * DAY)
    assert outcome(trust(person(), given(revoked, released))) == REVOKED


def test_an_authority_on_hold_takes_all_with_it() -> None:
    held = make(root(), entry(serial(issuer()), NOW - 5 * DAY, reason(HOLD)), issued=NOW)
    assert outcome(trust(person(), given(crl(issuer()), held))) == SUSPENDED
    # Revoked is the stronger word, wherever on the path it stands.
    gone = crl(issuer(), {serial(person()): NOW - 5 * DAY})
    assert outcome(trust(person(), given(gone, held))) == REVOKED


# What makes nothing current


def test_a_list_with_an_unknown_critical_extension_is_not_used() -> None:
    mine = entry(serial(person()), NOW - 5 * DAY)
    assert known(trust(person(), given(make(issuer(), mine, extensions=[(unknown(), True)])))) == (
        GOOD,
        "unknown",
    )
    assert outcome(trust(person(), given(make(issuer(), mine, extensions=[(unknown(), False)])))) == REVOKED
    # Of an entry too, also of one about another certificate (5.3).
    other = make(issuer(), mine, entry(4, NOW, (unknown(), True)))
    assert known(trust(person(), given(other))) == (GOOD, "unknown")
    assert outcome(trust(person(), given(make(issuer(), mine, entry(4, NOW, (unknown(), False)))))) == REVOKED


@functools.cache
def expired() -> Maker:
    return certify("Sri Lama", KEYS["p256"](), issuer(), end=NOW - 20 * DAY)


def kept_since(when: datetime) -> tuple[x509.UnrecognizedExtension, bool]:
    return unknown("2.5.29.60", core.GeneralizedTime(when).dump()), False


def test_of_an_expired_certificate_silence_says_nothing() -> None:
    proven = NOW - 30 * DAY
    cases = [
        ([], "unknown"), ([kept_since(NOW - 25 * DAY)], "known"), ([kept_since(NOW - 10 * DAY)], "unknown"),
    ]  # fmt: skip
    for extensions, expected in cases:
        data = given(make(issuer(), extensions=extensions))
        assert known(trust(expired(), data, proven, proven=True)) == (GOOD, expected)
    listed = given(make(issuer(), entry(serial(expired()), NOW - 40 * DAY)))
    assert outcome(trust(expired(), listed, proven, proven=True)) == REVOKED


def test_what_is_dated_ahead_makes_nothing_current() -> None:
    ahead = make(issuer(), issued=NOW + DAY)
    assert trust(person(), given(ahead)).revocation == "unknown"
    assert trust(person(), given(ahead, now=NOW + DAY)).revocation == "known"
    listed = make(issuer(), entry(serial(person()), NOW - 5 * DAY), issued=NOW + DAY)
    assert outcome(trust(person(), given(listed))) == REVOKED


def test_a_list_signed_with_an_old_algorithm_proves_no_innocence() -> None:
    assert trust(person(), given(make(issuer(), old_digest=True))).revocation == "unknown"
    listed = make(issuer(), entry(serial(person()), NOW - 5 * DAY), old_digest=True)
    assert outcome(trust(person(), given(listed))) == REVOKED
    past = datetime(2012, 6, 1, tzinfo=UTC)
    contemporary = given(make(issuer(), issued=past, old_digest=True), crl(root(), issued=past))
    assert trust(person(), contemporary, past, proven=True).revocation == "known"
    broken = bytearray(crl(issuer()))
    broken[-1] ^= 1
    assert trust(person(), given(bytes(broken))).revocation == "unknown"


# Reading


def long_list(count: int, *more: bytes) -> bytes:
    """A list with ever more entries, which the library's builder takes minutes for."""
    small = asn1_crl.CertificateList.load(make(issuer(), entry(5, NOW - 9 * DAY)))
    template = small["tbs_cert_list"]["revoked_certificates"].contents
    entries = [
        template.replace(b"\2\1\5", b"\2\4" + (0x10000000 + n).to_bytes(4, "big")) for n in range(count)
    ]
    grown = [bytes([0x30, each[1] + 3]) + each[2:] for each in entries]
    fields = [small["tbs_cert_list"][name] for name in ("version", "signature", "issuer")]
    times = [small["tbs_cert_list"][name] for name in ("this_update", "next_update")]
    content = wrap(0x30, *(each.dump() for each in (*fields, *times)), wrap(0x30, *grown, *more))
    value = sign(issuer().key, "ecdsa", "sha256", content)
    return wrap(0x30, content, small["signature_algorithm"].dump(), wrap(3, b"\0", value))


def test_a_list_of_a_hundred_thousand_entries() -> None:
    small = asn1_crl.CertificateList.load(make(issuer(), entry(serial(person()), NOW - 5 * DAY)))
    mine = small["tbs_cert_list"]["revoked_certificates"].contents
    assert outcome(trust(person(), given(long_list(100_000, mine)))) == REVOKED
    assert known(trust(person(), given(long_list(100_000)))) == (GOOD, "known")
    assert len(x509.load_der_x509_crl(long_list(1000, mine))) == 1001


@pytest.mark.parametrize("value", [1, 127, 128, 255, 256, 0x80 << 64, 1 << 140])
def test_numbers_are_compared_and_not_their_digits(value: int) -> None:
    """A number that contains the other's octets is another one."""
    longer = (value << 8) + 5
    for listed, expected in ((value, REVOKED), (longer, GOOD), (value + 1, GOOD)):
        maker = certify("Sri Nomor", KEYS["p256"](), issuer())
        certificate = read_certificate(maker.der)
        certificate.serial_number = value
        source = read_revocation_list(make(issuer(), entry(listed, NOW - 5 * DAY)))
        status = source.status(certificate, read_certificate(issuer().der))
        assert status is not None
        assert (status.revoked_at is None) is (expected == GOOD)


def test_a_list_in_pem_is_read() -> None:
    der = make(issuer(), entry(serial(person()), NOW - 5 * DAY))
    pem = x509.load_der_x509_crl(der).public_bytes(serialization.Encoding.PEM)
    assert outcome(trust(person(), given(pem))) == REVOKED


# Answers


def reply(
    about: Maker, by: Maker, *, status: str = "good", when: datetime = NOW - 5 * DAY, on_hold: bool = False,
    issued: datetime = NOW - DAY, until: datetime | None = NOW + DAY, responder: Maker | None = None,
    extensions: Sequence[dict[str, Any]] = (), of_entry: Sequence[dict[str, Any]] = (),
    produced: datetime | None = None,
) -> bytes:  # fmt: skip
    """A BasicOCSPResponse from its parts, as the library's builder makes none of the rarer ones."""
    signer = responder or by
    key_hash = x509.SubjectKeyIdentifier.from_public_key(by.key.public_key()).digest
    states = {
        "good": ocsp.CertStatus("good", core.Null()), "unknown": ocsp.CertStatus("unknown", core.Null()),
        "revoked": ocsp.CertStatus("revoked", {
            "revocation_time": when, **({"revocation_reason": "certificate_hold"} if on_hold else {}),
        }),
    }  # fmt: skip
    name = asn1_x509.Name.load(by.certificate.subject.public_bytes())
    digest = hashes.Hash(hashes.SHA1())  # noqa: S303  # RFC 6960's
    digest.update(name.dump())
    single: dict[str, Any] = {
        "cert_id": {
            "hash_algorithm": {"algorithm": "sha1"}, "issuer_name_hash": digest.finalize(),
            "issuer_key_hash": key_hash, "serial_number": serial(about),
        },
        "cert_status": states[status],
        "this_update": issued,
    }  # fmt: skip
    if until is not None:
        single["next_update"] = until
    if of_entry:
        single["single_extensions"] = list(of_entry)
    data: dict[str, Any] = {
        "responder_id": ocsp.ResponderId("by_key", key_hash), "produced_at": produced or issued,
        "responses": [single],
    }  # fmt: skip
    if extensions:
        data["response_extensions"] = list(extensions)
    signed = ocsp.ResponseData(data)
    value = sign(signer.key, "ecdsa", "sha256", signed.dump())
    basic = {
        "tbs_response_data": signed, "signature_algorithm": {"algorithm": "sha256_ecdsa"}, "signature": value,
        "certs": [signer.asn1] if responder else [],
    }  # fmt: skip
    return bytes(ocsp.BasicOCSPResponse(basic).dump())


def extension(oid: str, value: bytes, *, critical: bool = False) -> dict[str, Any]:
    return {"extn_id": oid, "critical": critical, "extn_value": core.ParsableOctetString(value)}


def test_answers_are_read_like_lists() -> None:
    assert known(trust(person(), given(ocsps=[reply(person(), issuer())]))) == (GOOD, "known")
    assert outcome(trust(person(), given(ocsps=[reply(person(), issuer(), status="revoked")]))) == REVOKED
    assert trust(person(), given(ocsps=[reply(person(), issuer(), status="unknown")])).revocation == "unknown"
    held = reply(person(), issuer(), status="revoked", on_hold=True, issued=NOW - 4 * DAY)
    assert outcome(trust(person(), given(ocsps=[held]))) == SUSPENDED
    assert outcome(trust(person(), given(ocsps=[held, reply(person(), issuer())]))) == GOOD


def test_an_answer_without_an_end_counts_for_a_day() -> None:
    for hours, expected in ((20, "known"), (30, "stale")):
        answer = reply(person(), issuer(), issued=NOW - hours * DAY / 24, until=None)
        assert trust(person(), given(ocsps=[answer])).revocation == expected


def test_a_certificate_that_was_never_issued_is_not_on_hold() -> None:
    never = datetime(1970, 1, 1, tzinfo=UTC)
    extended = extension("1.3.6.1.5.5.7.48.1.9", core.Null().dump())
    said = reply(person(), issuer(), status="revoked", when=never, on_hold=True, extensions=[extended])
    assert outcome(trust(person(), given(ocsps=[said]))) == REVOKED
    plain = reply(person(), issuer(), status="revoked", when=never, on_hold=True)
    assert outcome(trust(person(), given(ocsps=[plain]))) == SUSPENDED


def test_an_answer_with_an_unknown_critical_extension_is_not_used() -> None:
    strange = extension("1.2.3.4", core.Null().dump(), critical=True)
    for options in ({"extensions": [strange]}, {"of_entry": [strange]}):
        said = reply(person(), issuer(), status="revoked", **options)
        assert known(trust(person(), given(ocsps=[said]))) == (GOOD, "unknown")
    nonce = extension("1.3.6.1.5.5.7.48.1.2", core.OctetString(b"12345678").dump(), critical=True)
    said = reply(person(), issuer(), extensions=[nonce])
    assert trust(person(), given(ocsps=[said])).revocation == "known"


def test_of_an_expired_certificate_good_needs_an_archive() -> None:
    proven = NOW - 30 * DAY
    for cutoff, expected in ((None, "unknown"), (NOW - 25 * DAY, "known"), (NOW - 10 * DAY, "unknown")):
        more = [extension("1.3.6.1.5.5.7.48.1.6", core.GeneralizedTime(cutoff).dump())] if cutoff else []
        said = reply(expired(), issuer(), of_entry=more)
        assert trust(expired(), given(ocsps=[said]), proven, proven=True).revocation == expected


def responder(*extensions: tuple[Any, bool], **options: Any) -> Maker:
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False
    return certify("OCSP", KEYS["p256"](), issuer(), extensions=[purpose, *extensions], **options)


def test_a_responder_that_was_revoked_says_nothing_unless_it_is_not_to_be_asked_about() -> None:
    plain, unchecked = responder(), responder((x509.OCSPNoCheck(), False))
    for by, expected in ((plain, "unknown"), (unchecked, "known")):
        said = reply(person(), issuer(), responder=by)
        assert trust(person(), given(ocsps=[said])).revocation == "known"
        named = make(issuer(), entry(serial(by), NOW - 5 * DAY), issued=NOW - 60 * DAY)
        answer = trust(person(), given(named, ocsps=[said]))
        assert answer.revocation == ("stale" if expected == "unknown" else "known")
        later = make(issuer(), entry(serial(by), NOW), issued=NOW - 60 * DAY)
        assert trust(person(), given(later, ocsps=[said])).revocation == "known"


def test_a_responder_counts_within_its_own_time_and_for_its_own_issuer() -> None:
    over = responder(end=NOW - 2 * DAY)
    assert trust(person(), given(ocsps=[reply(person(), issuer(), responder=over)])).revocation == "unknown"
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False
    strange = certify("OCSP", KEYS["p256"](), root(), extensions=[purpose])
    assert (
        trust(person(), given(ocsps=[reply(person(), issuer(), responder=strange)])).revocation == "unknown"
    )


def test_what_is_no_list_and_no_answer_is_left_out() -> None:
    whole = crl(issuer())
    bad = [whole[:cut] for cut in range(0, len(whole), 7)] + [
        bytes([0x30, 0x80]) + whole[2:],
        b"-----BEGIN X509 CRL-----",
    ]
    answer = reply(person(), issuer())
    cut = [answer[:at] for at in range(0, len(answer), 7)]
    assert known(trust(person(), given(*bad, ocsps=cut))) == (GOOD, "unknown")
    assert known(trust(person(), given(*bad, whole, ocsps=cut))) == (GOOD, "known")


def test_evidence_that_is_not_the_files_own_raises_no_level() -> None:
    data = RevocationData(fetched_crls=(crl(issuer()),))
    certificate, by = read_certificate(person().der), read_certificate(issuer().der)
    assert [each.fetched for each in data.statuses(certificate, by)] == [True]
    assert not data.is_covered(certificate, by)
    assert list(data.used.values()) == [NOW + 6 * DAY]
    both = RevocationData((crl(issuer()),), fetched_crls=(crl(issuer(), issued=NOW),))
    assert both.is_covered(certificate, by)
    assert evidence(crls=[crl(issuer())]).revocation.is_covered(certificate, by)
