"""The certificate authority of the foreign corpus: made anew at every run, fictional, valid for long.

root.pem, root.crl, issuing.crl            the trust anchor and the revocation lists
NAME.chain.pem, NAME.key.pem, NAME.p12     every signer, ``tsa`` among them; the passphrase is ``interop``
NAME.ocsp                                  a good answer about every certificate below the root
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

PASSPHRASE = "interop"
_LIFE = timedelta(days=30 * 365)
_PLACE = "http://interop.example"  # reserved: RFC 2606, 3

_RSA, _EC = rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey
Key = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | dsa.DSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)

SIGNERS = {
    "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
    "rsa3072": lambda: rsa.generate_private_key(65537, 3072),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "brainpool256": lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
    "dsa2048": lambda: dsa.generate_private_key(2048),
}


@dataclass(frozen=True)
class _Member:
    key: Key
    path: tuple[x509.Certificate, ...]

    @property
    def certificate(self) -> x509.Certificate:
        return self.path[0]


def create(folder: Path, *, now: datetime | None = None) -> None:
    """Make the authority in ``folder``, with revocation data of one minute before ``now``."""
    folder.mkdir(parents=True, exist_ok=True)
    now = (now or datetime.now(UTC)).replace(microsecond=0)
    root = _issue("Uji Interop Root", rsa.generate_private_key(65537, 3072), None, now, ca=True)
    issuing = _issue("Uji Interop Issuing", rsa.generate_private_key(65537, 3072), root, now, ca=True)
    (folder / "root.pem").write_bytes(root.certificate.public_bytes(Encoding.PEM))
    (folder / "root.crl").write_bytes(_revocation_list(root, now))
    (folder / "issuing.crl").write_bytes(_revocation_list(issuing, now))
    (folder / "issuing.ocsp").write_bytes(_good(issuing.certificate, root, now))
    members = {name: _issue(f"Penanda Uji {name}", make(), issuing, now) for name, make in SIGNERS.items()}
    members["tsa"] = _issue(
        "Uji Interop TSA",
        rsa.generate_private_key(65537, 2048),
        issuing,
        now,
        usage=ExtendedKeyUsageOID.TIME_STAMPING,
    )
    for name, member in members.items():
        _write(folder, name, member)
        (folder / f"{name}.ocsp").write_bytes(_good(member.certificate, issuing, now))


def _issue(
    name: str,
    key: Key,
    issuer: _Member | None,
    now: datetime,
    *,
    ca: bool = False,
    usage: x509.ObjectIdentifier | None = None,
) -> _Member:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "ID"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Uji Interop"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    public = key.public_key()
    signing_key = issuer.key if issuer else key
    assert isinstance(signing_key, _RSA | _EC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + _LIFE - timedelta(days=0 if ca else 365))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not ca,
                content_commitment=not ca and usage is None,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=ca,
                crl_sign=ca,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False
        )
    )
    if issuer is not None:
        builder = builder.add_extension(_where_revocations_are(issuer), critical=False).add_extension(
            x509.AuthorityInformationAccess(
                [
                    x509.AccessDescription(
                        AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(f"{_PLACE}/ocsp")
                    )
                ]
            ),
            critical=False,
        )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    certificate = builder.sign(signing_key, hashes.SHA256())
    return _Member(key, (certificate, *(issuer.path if issuer else ())))


def _where_revocations_are(issuer: _Member) -> x509.CRLDistributionPoints:
    """Addresses that nobody serves: EU DSS takes a CRL from a file only where the certificate names one."""
    name = "issuing" if len(issuer.path) > 1 else "root"
    address = x509.UniformResourceIdentifier(f"{_PLACE}/{name}.crl")
    return x509.CRLDistributionPoints([x509.DistributionPoint([address], None, None, None)])


def _revocation_list(issuer: _Member, now: datetime) -> bytes:
    assert isinstance(issuer.key, _RSA)
    return (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now - timedelta(minutes=1))
        .next_update(now + _LIFE)
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False
        )
        .sign(issuer.key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


def _good(certificate: x509.Certificate, issuer: _Member, now: datetime) -> bytes:
    assert isinstance(issuer.key, _RSA)
    return (
        ocsp.OCSPResponseBuilder()
        .add_response(
            certificate,
            issuer.certificate,
            hashes.SHA1(),  # noqa: S303 - what CertID is made with everywhere (RFC 6960, 4.1.1)
            ocsp.OCSPCertStatus.GOOD,
            now - timedelta(minutes=1),
            now + _LIFE,
            None,
            None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, issuer.certificate)
        .certificates([issuer.certificate])
        .sign(issuer.key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


def _write(folder: Path, name: str, member: _Member) -> None:
    chain = b"".join(each.public_bytes(Encoding.PEM) for each in member.path)
    (folder / f"{name}.chain.pem").write_bytes(chain)
    key = member.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / f"{name}.key.pem").write_bytes(key)
    if isinstance(member.key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        return
    (folder / f"{name}.p12").write_bytes(
        pkcs12.serialize_key_and_certificates(
            name.encode(),
            member.key,
            member.certificate,
            list(member.path[1:]),
            BestAvailableEncryption(PASSPHRASE.encode()),
        )
    )
