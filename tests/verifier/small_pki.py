"""A small PKI for the tests: root, issuing CA, people, an e-seal, a time-stamper, and strangers."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.signers import SimpleSigner
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

NOW = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Identity:
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    certificate: x509.Certificate
    issuers: tuple[x509.Certificate, ...]

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def asn1(self) -> asn1_x509.Certificate:
        return as_asn1(self.certificate)

    @property
    def asn1_key(self) -> asn1_keys.PrivateKeyInfo:
        return asn1_keys.PrivateKeyInfo.load(
            self.key.private_bytes(
                serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def store(self) -> SimpleCertificateStore:
        store = SimpleCertificateStore()
        store.register_multiple(as_asn1(issuer) for issuer in self.issuers)
        return store

    def signer(self) -> SimpleSigner:
        return SimpleSigner(
            signing_cert=self.asn1, signing_key=self.asn1_key, cert_registry=self.store(), embed_roots=False
        )

    def time_stamper(self, at: datetime) -> DummyTimeStamper:
        return DummyTimeStamper(
            tsa_cert=self.asn1, tsa_key=self.asn1_key, certs_to_embed=self.store(), fixed_dt=at
        )


def as_asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))


def issue(
    name: str,
    issuer: Identity | None,
    *,
    ca: bool = False,
    organisation: str = "Kabupaten Contoh",
    given_name: str | None = None,
    start: datetime = datetime(2024, 1, 1, tzinfo=UTC),
    end: datetime = datetime(2034, 1, 1, tzinfo=UTC),
    time_stamping: bool = False,
    rsa_bits: int | None = None,
) -> Identity:
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    key = rsa.generate_private_key(65537, rsa_bits) if rsa_bits else ec.generate_private_key(ec.SECP256R1())
    attributes = [
        x509.NameAttribute(NameOID.COMMON_NAME, name),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
        x509.NameAttribute(NameOID.COUNTRY_NAME, "ID"),
    ]
    if given_name:
        attributes.append(x509.NameAttribute(NameOID.GIVEN_NAME, given_name))
        attributes.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, "3509000000000001"))
    subject = x509.Name(attributes)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(
            x509.KeyUsage(not ca, not ca, False, False, False, ca, ca, False, False), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.CRLDistributionPoints(
                [
                    x509.DistributionPoint(
                        [x509.UniformResourceIdentifier("http://127.0.0.1:9/never.crl")], None, None, None
                    )
                ]
            ),
            critical=False,
        )
    )
    if issuer:
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False
        )
    if time_stamping:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True
        )
    certificate = builder.sign((issuer.key if issuer else key), hashes.SHA256())
    issuers = (issuer.certificate, *issuer.issuers) if issuer else ()
    return Identity(key, certificate, issuers)


def revocation_list(
    issuer: Identity, revoked: dict[int, datetime], *, issued: datetime = NOW - timedelta(hours=1)
) -> bytes:
    """A CRL in DER: serial number to date of revocation."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(issued)
        .next_update(issued + timedelta(days=7))
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False
        )
        .add_extension(x509.CRLNumber(1), critical=False)
    )
    for serial, date in revoked.items():
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(date)
        entry = entry.add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@dataclass(frozen=True)
class Pki:
    root: Identity
    ca: Identity
    officer: Identity
    second_officer: Identity
    seal: Identity
    tsa: Identity
    short_lived: Identity
    stranger: Identity
    strange_tsa: Identity
    weak: Identity


@functools.cache
def pki() -> Pki:
    root = issue("Akar Uji", None, ca=True)
    ca = issue("CA Uji", root, ca=True)
    strange_root = issue("Akar Lain", None, ca=True)
    return Pki(
        root=root,
        ca=ca,
        officer=issue("Siti Contoh", ca, given_name="Siti"),
        second_officer=issue("Budi Contoh", ca, given_name="Budi"),
        seal=issue("Segel Elektronik DPMPTSP", ca, organisation="DPMPTSP Kabupaten Contoh"),
        tsa=issue("TSA Uji", ca, time_stamping=True, rsa_bits=2048),
        short_lived=issue(
            "Ani Contoh", ca, given_name="Ani",
            start=datetime(2024, 1, 1, tzinfo=UTC), end=datetime(2025, 1, 1, tzinfo=UTC),
        ),
        stranger=issue("Siti Contoh", strange_root, given_name="Siti"),
        strange_tsa=issue("TSA Lain", strange_root, time_stamping=True, rsa_bits=2048),
        weak=issue("Lama Contoh", ca, given_name="Lama", rsa_bits=1024),
    )  # fmt: skip
