"""The development PKI: a root, an issuing CA, officers, e-seals and a time-stamp authority of our own.

It lets a newcomer sign within a minute of cloning. Every name in it begins with ``PENGEMBANGAN –`` or
``DEVELOPMENT –``, so that nobody takes its signatures for legally binding ones.

    root.pem                    the trust anchor, to be given to verifiers
    issuing.pem, tsa.pem        certificates, each followed by those above it
    officers/<key id>.pem
    private/…                   the private keys under the same names; folder 0700, files 0600
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from keys.cms import element, object_identifier
from keys.provider import KeyRefused, SigningKey
from keys.software import PrivateKey, SoftwareKey, load_pem
from storage.vocabulary import NotFound

Algorithm = Literal["p256", "rsa2048", "rsa3072"]
Kind = Literal["signature", "e_seal"]

STRANGER = "stranger"

_INDONESIAN, _ENGLISH = "PENGEMBANGAN – ", "DEVELOPMENT – "
_ORGANISATION = "Absah"
_AUTHORITY_LIFE = timedelta(days=3652)
_OFFICER_LIFE = timedelta(days=730)
_TSA_LIFE = timedelta(days=1826)
# A machine whose clock runs behind ours would call a certificate of this second not yet valid.
_BACKDATED = timedelta(hours=1)
_NAME_LIMIT = 64  # bytes; X.520: upper bound of commonName and organizationName, counted strictly
_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class OfficerSubject:
    """Whom a development certificate names.

    An ``e_seal`` belongs to the organisation: its certificate carries no person's name or office.
    """

    key_id: str
    name: str
    office: str
    organisation: str
    algorithm: Algorithm = "p256"
    kind: Kind = "signature"


@dataclass(frozen=True)
class Authority:
    """A key that issues certificates, with its own certificate and those above it."""

    private: PrivateKey
    path: tuple[x509.Certificate, ...]


def create(
    folder: Path, officers: Sequence[OfficerSubject], *, now: datetime | None = None
) -> tuple[str, ...]:
    """Make the PKI in ``folder``, or add the officers that it lacks; nothing that exists is replaced.

    Args:
        folder: created if missing. Two processes may call this at the same time.
        officers: whoever must have a key afterwards.
        now: when the new certificates begin (default: now).

    Returns:
        The ids of the keys that were added.

    Raises:
        KeyRefused: ``KEY_ID``, an id that is no plain file name; ``KEY_FOLDER``, a private key is gone.
    """
    return _create(folder, officers, "Absah", now or datetime.now(UTC))


def create_stranger(folder: Path, *, now: datetime | None = None) -> SigningKey:
    """A signer under a root that nobody trusts, in a folder of its own: for "signed by a stranger"."""
    subject = OfficerSubject(STRANGER, "Orang Asing", "Tanpa Jabatan", "Tidak Dikenal")
    _create(folder, (subject,), "Orang Asing / Stranger", now or datetime.now(UTC))
    return DevelopmentKeyRing.open(folder).key(STRANGER)


class DevelopmentKeyRing:
    """The keys of a development PKI, read when first asked for and kept parsed."""

    def __init__(self, folder: Path, root: x509.Certificate) -> None:
        self._folder = folder
        self._root = root
        self._opened: dict[str, SoftwareKey] = {}

    @classmethod
    def open(cls, folder: Path) -> DevelopmentKeyRing:
        """The key ring of a folder that `create` made.

        Raises:
            KeyRefused: ``KEY_FOLDER``, there is no development PKI.
        """
        root = folder / "root.pem"
        if not root.is_file():
            raise KeyRefused(f"{folder} holds no development PKI; create one first.", code="KEY_FOLDER")
        return cls(folder, x509.load_pem_x509_certificate(root.read_bytes()))

    def __iter__(self) -> Iterator[str]:
        """The ids of the officers' keys."""
        return iter(sorted(each.stem for each in (self._folder / "officers").glob("*.pem")))

    def key(self, key_id: str) -> SoftwareKey:
        """See `keys.provider.KeyRing.key`. Dates are checked when it is first opened; see `usable`."""
        return self._key(key_id, f"officers/{key_id}.pem")

    def timestamp_key(self) -> SigningKey:
        """The key of the PKI's own time-stamp authority."""
        return self._key("tsa", "tsa.pem")

    def anchors(self) -> list[x509.Certificate]:
        """The roots that a verifier has to trust."""
        return [self._root]

    def _key(self, key_id: str, name: str) -> SoftwareKey:
        opened = self._opened.get(name)
        if opened is None:
            if not _KEY_ID.fullmatch(key_id) or not (self._folder / name).is_file():
                raise NotFound(f"The development PKI has no key {key_id!r}.")
            private, certificates = self._folder / "private" / name, self._folder / name
            opened = load_pem(private, certificates, None, key_id=key_id, development=True)
            self._opened[name] = opened
        return opened


def _create(folder: Path, officers: Sequence[OfficerSubject], label: str, now: datetime) -> tuple[str, ...]:
    for officer in officers:
        if not _KEY_ID.fullmatch(officer.key_id):
            raise KeyRefused(
                f"{officer.key_id!r} is no key id: letters, digits, dot, hyphen and underscore.",
                code="KEY_ID",
            )
    with _locked(folder):
        for private in (folder / "private", folder / "private" / "officers"):
            private.mkdir(mode=0o700, exist_ok=True)
        (folder / "officers").mkdir(exist_ok=True)
        root = _authority(folder, "root.pem", _name(f"Akar / Root {label}"), None, now)
        issuing = _authority(folder, "issuing.pem", _name(f"CA Penerbit / Issuing CA {label}"), root, now)
        _end_entity(folder, "tsa.pem", _timestamp_request(label, now), "p256", issuing, now + _TSA_LIFE)
        return tuple(
            officer.key_id
            for officer in officers
            if _end_entity(
                folder,
                f"officers/{officer.key_id}.pem",
                _officer_request(officer, now),
                officer.algorithm,
                issuing,
                now + _OFFICER_LIFE,
            )
        )


def authorities(folder: Path) -> tuple[Authority, ...]:
    """The two that issue certificates in a PKI that `create` made: they answer about revocation too.

    Raises:
        KeyRefused: ``KEY_FOLDER``, one of their keys is gone.
    """
    found = []
    for name in ("issuing.pem", "root.pem"):
        if not (folder / name).is_file():
            raise KeyRefused(f"{folder} holds no development PKI; create one first.", code="KEY_FOLDER")
        path = tuple(x509.load_pem_x509_certificates((folder / name).read_bytes()))
        found.append(Authority(_private_key(folder, name, "p256"), path))
    return tuple(found)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One creator at a time: a server and a command line may both be starting for the first time."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _authority(
    folder: Path, name: str, subject: x509.Name, above: Authority | None, now: datetime
) -> Authority:
    """The CA of that name: as it stands in the folder, or made now."""
    private = _private_key(folder, name, "p256")
    if not (folder / name).exists():
        builder = (
            _request(subject, now)
            .public_key(private.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None if above is None else 0), True)
            .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), True)
        )
        issuer = above or Authority(private, ())
        certificate = _sign(builder, subject, private, issuer, now + _AUTHORITY_LIFE)
        _write(folder / name, _pem((certificate, *issuer.path)), 0o644)
    return Authority(private, tuple(x509.load_pem_x509_certificates((folder / name).read_bytes())))


def _end_entity(
    folder: Path,
    name: str,
    builder: x509.CertificateBuilder,
    algorithm: Algorithm,
    issuing: Authority,
    not_after: datetime,
) -> bool:
    """Make that key and certificate unless the folder has them; returns whether it did."""
    if (folder / name).exists() and (folder / "private" / name).exists():
        return False
    private = _private_key(folder, name, algorithm)
    with_key = builder.public_key(private.public_key())
    certificate = _sign(with_key, issuing.path[0].subject, private, issuing, not_after)
    _write(folder / name, _pem((certificate, *issuing.path)), 0o644)
    return True


def _officer_request(officer: OfficerSubject, now: datetime) -> x509.CertificateBuilder:
    if officer.kind == "e_seal":
        subject = _name(f"Segel / Seal {officer.organisation}", officer.organisation)
    else:
        subject = _name(officer.name, officer.organisation, officer.office)
    return (
        _request(subject, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(_key_usage(digital_signature=True, content_commitment=True), True)
        .add_extension(_certificate_type(officer.kind), False)
    )


def _timestamp_request(label: str, now: datetime) -> x509.CertificateBuilder:
    return (
        _request(_name(f"TSA {label}"), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(_key_usage(digital_signature=True), True)
        # RFC 3161, 2.3: exactly this purpose, and critical.
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True)
    )


def _request(subject: x509.Name, now: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
    )


def _sign(
    builder: x509.CertificateBuilder,
    issuer_name: x509.Name,
    private: PrivateKey,
    issuer: Authority,
    not_after: datetime,
) -> x509.Certificate:
    return (
        builder.issuer_name(issuer.path[0].subject if issuer.path else issuer_name)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.private.public_key()), False)
        .sign(issuer.private, hashes.SHA256())
    )


def _certificate_type(kind: Kind) -> x509.UnrecognizedExtension:
    """ETSI EN 319 412-5, 4.2.3: a QcType statement, which tells a seal from a person's signature."""
    qc_type = {"signature": "0.4.0.1862.1.6.1", "e_seal": "0.4.0.1862.1.6.2"}[kind]
    sequence = 0x30
    statement = element(
        sequence, object_identifier("0.4.0.1862.1.6"), element(sequence, object_identifier(qc_type))
    )
    return x509.UnrecognizedExtension(
        x509.ObjectIdentifier("1.3.6.1.5.5.7.1.3"), element(sequence, statement)
    )


def _key_usage(
    *,
    digital_signature: bool = False,
    content_commitment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=content_commitment,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str, organisation: str = _ORGANISATION, title: str | None = None) -> x509.Name:
    attributes = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "ID"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, _shortened(_ENGLISH + organisation)),
        x509.NameAttribute(NameOID.COMMON_NAME, _shortened(_INDONESIAN + common)),
    ]
    if title is not None:
        attributes.append(x509.NameAttribute(NameOID.TITLE, _shortened(_ENGLISH + title)))
    return x509.Name(attributes)


def _shortened(text: str) -> str:
    encoded = text.encode()
    if len(encoded) <= _NAME_LIMIT:
        return text
    return encoded[: _NAME_LIMIT - len("…".encode())].decode(errors="ignore") + "…"


def _private_key(folder: Path, name: str, algorithm: Algorithm) -> PrivateKey:
    """The private key of that name; made only where its certificate was never issued."""
    path = folder / "private" / name
    if path.exists():
        private = load_pem_private_key(path.read_bytes(), None)
        assert isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)  # noqa: S101 - we wrote it
        return private
    if (folder / name).exists():
        raise KeyRefused(
            f"{folder} has the certificate {name} but not its private key; restore it or start a new folder.",
            code="KEY_FOLDER",
        )
    made = _generate(algorithm)
    _write(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    return made


def _generate(algorithm: Algorithm) -> PrivateKey:
    match algorithm:
        case "p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "rsa2048":
            return rsa.generate_private_key(65537, 2048)
        case "rsa3072":
            return rsa.generate_private_key(65537, 3072)


def _pem(certificates: Sequence[x509.Certificate]) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by others even for a moment."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.rename(path)
