"""Certificates of every kind for the tests, good and bad, made on the spot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from asn1crypto import algos
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from keys.software import PrivateKey, SoftwareKey

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def certificate(
    private: PrivateKey,
    *,
    issuer: SoftwareKey | None = None,
    name: str = "Penguji",
    authority: bool = False,
    usage: tuple[str, ...] = ("digital_signature", "content_commitment"),
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    begins: datetime = NOW - DAY,
    ends: datetime = NOW + DAY,
) -> x509.Certificate:
    """A certificate for that key, by ``issuer`` or by itself."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    bits = {
        each: each in usage
        for each in (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        )
    }
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), True)
        .add_extension(x509.KeyUsage(**bits), True)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer.private if issuer else private, hashes.SHA256())


def root(name: str = "Akar Penguji") -> SoftwareKey:
    private = p256()
    made = certificate(
        private, name=name, authority=True, usage=("key_cert_sign", "crl_sign"), ends=NOW + 5000 * DAY
    )
    return SoftwareKey("root", made, (), private)


def signed_with_sha1(made: x509.Certificate, issuer: SoftwareKey) -> x509.Certificate:
    """The same certificate as an authority of 2010 would have signed it; no builder does that any more."""
    parsed = asn1_x509.Certificate.load(made.public_bytes(Encoding.DER)).copy()
    algorithm = algos.SignedDigestAlgorithm({"algorithm": "sha1_ecdsa"})
    parsed["tbs_certificate"]["signature"] = algorithm
    parsed["signature_algorithm"] = algorithm
    private = issuer.private
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    parsed["signature_value"] = private.sign(
        parsed["tbs_certificate"].dump(force=True),
        ec.ECDSA(hashes.SHA1()),  # noqa: S303 - the point of it
    )
    return x509.load_der_x509_certificate(parsed.dump(force=True))
