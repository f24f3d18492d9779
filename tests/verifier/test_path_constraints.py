"""What each certificate of a path allows the ones below it (RFC 5280, 4.2.1 and 6.1.4), one rule a test."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

import pytest
from cms_maker import KEYS, Maker, certify, wrap
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from small_pki import NOW

from verifier.certificate import read_certificate
from verifier.certificates import Evidence, judge_signer, judge_time_stamper

Extensions = Sequence[tuple[Any, bool]]
_key = functools.cache(lambda number: KEYS["p256"]())
GOOD = ("trusted", None)
BAD = ("untrusted", "CHAIN_CONSTRAINTS_FAILURE")


@functools.cache
def root() -> Maker:
    return certify("Akar Batas", _key(0), None, ca=True)


_KINDS = {"O": NameOID.ORGANIZATION_NAME, "CN": NameOID.COMMON_NAME, "E": NameOID.EMAIL_ADDRESS}


def name(*parts: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(_KINDS[kind], text) for kind, _, text in (part.partition("=") for part in parts)]
    )


def outcome(signer: Maker, *between: Maker, stamping: bool = False) -> tuple[str, str | None]:
    found = tuple(read_certificate(each.der) for each in (signer, *between))
    evidence = Evidence((read_certificate(root().der),), found)
    if stamping:
        answer = judge_time_stamper(found[0], evidence, NOW)
    else:
        answer = judge_signer(found[0], evidence, NOW, time_proven=False)
    return answer.trust, answer.subindication


def usage(*allowed: str) -> tuple[Any, bool]:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{each: each in allowed for each in names}), True


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        (("digital_signature",), GOOD),
        (("content_commitment",), GOOD),
        (("digital_signature", "key_encipherment"), GOOD),
        (("key_encipherment",), BAD),
        (("key_cert_sign", "crl_sign"), BAD),
    ],
)
def test_a_signer_may_sign(allowed: tuple[str, ...], expected: tuple[str, str | None]) -> None:
    assert outcome(certify("Sri", _key(1), root(), extensions=[usage(*allowed)])) == expected
    stamper = certify("TSA", _key(1), root(), extensions=[usage(*allowed)], stamping=True)
    assert outcome(stamper, stamping=True) == expected


def test_a_time_stamper_is_named_as_one() -> None:
    assert outcome(certify("TSA", _key(1), root()), stamping=True) == BAD
    other = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
    assert outcome(certify("TSA", _key(1), root(), extensions=[(other, True)]), stamping=True) == BAD


@pytest.mark.parametrize("critical", [True, False])
@pytest.mark.parametrize("where", ["signer", "authority"])
def test_a_critical_extension_that_nobody_knows(where: str, critical: bool) -> None:
    unknown = [(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\5\0"), critical)]
    above = certify("CA", _key(1), root(), ca=True, extensions=unknown if where == "authority" else ())
    signer = certify("Sri", _key(2), above, extensions=unknown if where == "signer" else ())
    assert outcome(signer, above) == (BAD if critical else GOOD)


def test_a_renewed_authority_makes_no_path_longer() -> None:
    short = certify("CA Pendek", _key(1), root(), ca=True, path_length=0)
    renewed = certify("", _key(2), short, ca=True, subject=short.certificate.subject)
    assert outcome(certify("Sri", _key(3), renewed), short, renewed) == GOOD
    below = certify("CA Bawah", _key(2), short, ca=True)
    assert outcome(certify("Sri", _key(3), below), short, below) == BAD


def constrained(*, permitted: Sequence[Any] | None = None, excluded: Sequence[Any] | None = None) -> Maker:
    limits = x509.NameConstraints(permitted, excluded)
    return certify("", _key(1), root(), ca=True, subject=name("O=CA"), extensions=[(limits, True)])


def alternative(*names: Any) -> Extensions:
    return [(x509.SubjectAlternativeName(names), False)]


OFFICE, OTHER = name("O=Dinas"), name("O=Lain")


@pytest.mark.parametrize(
    ("limits", "subject", "extensions", "expected"),
    [
        ({"permitted": [x509.DirectoryName(OFFICE)]}, ("O=Dinas", "CN=Sri"), (), GOOD),
        # RFC 5280, 7.1: however it is written.
        ({"permitted": [x509.DirectoryName(OFFICE)]}, ("O=DINAS ",), (), GOOD),
        ({"permitted": [x509.DirectoryName(OFFICE)]}, ("O=Dinasti",), (), BAD),
        ({"permitted": [x509.DirectoryName(OFFICE)]}, ("CN=Sri", "O=Dinas"), (), BAD),
        ({"excluded": [x509.DirectoryName(OFFICE)]}, ("O=Dinas",), (), BAD),
        ({"excluded": [x509.DirectoryName(OFFICE)]}, ("O=Lain",), (), GOOD),
        (
            {"permitted": [x509.DirectoryName(OFFICE)]}, ("O=Dinas",),
            alternative(x509.DirectoryName(OTHER)), BAD,
        ),
        ({"permitted": [x509.RFC822Name("dinas.example")]}, ("E=sri@dinas.example",), (), GOOD),
        ({"permitted": [x509.RFC822Name("dinas.example")]}, ("E=sri@lain.example",), (), BAD),
        ({"permitted": [x509.RFC822Name("dinas.example")]}, ("E=sri@a.dinas.example",), (), BAD),
        ({"permitted": [x509.RFC822Name(".dinas.example")]}, ("E=sri@a.dinas.example",), (), GOOD),
        (
            {"excluded": [x509.DNSName("lain.example")]}, ("CN=Sri",),
            alternative(x509.DNSName("www.lain.example")), BAD,
        ),
        (
            {"permitted": [x509.DNSName("dinas.example")]}, ("CN=Sri",),
            alternative(x509.DNSName("bukandinas.example")), BAD,
        ),
        # A kind that we do not compare is refused where it is limited, and no matter where it is not.
        (
            {"permitted": [x509.IPAddress(ip_network("192.0.2.0/24"))]}, ("CN=Sri",),
            alternative(x509.IPAddress(ip_network("192.0.2.7/32").network_address)), BAD,
        ),
        ({"permitted": [x509.IPAddress(ip_network("192.0.2.0/24"))]}, ("CN=Sri",), (), GOOD),
        # A certificate without a subject has no name of that kind.
        (
            {"permitted": [x509.DirectoryName(OFFICE)]}, (),
            alternative(x509.RFC822Name("sri@dinas.example")), GOOD,
        ),
    ],
)  # fmt: skip
def test_names_are_limited(
    limits: dict[str, Any], subject: tuple[str, ...], extensions: Extensions, expected: tuple[str, str | None]
) -> None:
    above = constrained(**limits)
    signer = certify("", _key(2), above, subject=name(*subject), extensions=extensions)
    assert outcome(signer, above) == expected


def test_names_are_limited_all_the_way_down_but_for_a_renewed_authority() -> None:
    above = constrained(permitted=[x509.DirectoryName(OFFICE)])
    signer = functools.partial(certify, "", _key(4), subject=OFFICE)
    outside = certify("CA Lain", _key(2), above, ca=True)
    assert outcome(signer(issuer=outside), above, outside) == BAD
    inside = certify("", _key(2), above, ca=True, subject=name("O=Dinas", "CN=CA"))
    assert outcome(signer(issuer=inside), above, inside) == GOOD
    # 6.1.3 (b): its own name lies outside of what it permits others.
    renewed = certify("", _key(3), above, ca=True, subject=above.certificate.subject)
    assert outcome(signer(issuer=renewed), above, renewed) == GOOD


def test_an_extension_past_reading_vouches_for_nobody() -> None:
    unreadable = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.36"), wrap(0x30, b"\xff\xff\xff"))
    above = certify("CA", _key(1), root(), ca=True, extensions=[(unreadable, True)])
    trust, subindication = outcome(certify("Sri", _key(2), above), above)
    assert (trust, subindication) == ("undetermined", "CERTIFICATE_CHAIN_GENERAL_FAILURE")
