"""Signing keys in files: PKCS#12 with a passphrase, or PEM."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

import asn1crypto.pkcs12
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from keys.entry import Entry, secret
from keys.provider import (
    ECDSA_SHA256,
    PSS_SALT_BYTES,
    RSA_PKCS1_SHA256,
    RSA_PSS_SHA256,
    HumanCost,
    Key,
    KeyRefused,
)

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

MINIMUM_RSA_BITS = 2048
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), PSS_SALT_BYTES)
"""The padding of `keys.provider.RSA_PSS_SHA256`."""
_OUTDATED_HASHES = (hashes.MD5, hashes.SHA1)


@dataclass(frozen=True)
class SoftwareKey:
    """A private key held parsed in this process: parsing an RSA key costs more than using it.

    Made by `load_pkcs12` and `load_pem`, which check it; see `SigningKey` for the members. With ``pss``
    an RSA key pads as PSS does, else as PKCS#1 v1.5.
    """

    capability: ClassVar[Literal["raw"]] = "raw"
    human_cost: ClassVar[HumanCost] = "nothing"

    id: str
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    private: PrivateKey = field(repr=False)
    development: bool = False
    pss: bool = False

    @property
    def algorithm(self) -> str:
        """See `SigningKey.algorithm`."""
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            return ECDSA_SHA256
        return RSA_PSS_SHA256 if self.pss else RSA_PKCS1_SHA256

    def sign(self, data: bytes) -> bytes:
        """See `SigningKey.sign`. ECDSA is deterministic (RFC 6979): no random number can leak the key."""
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            return self.private.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        return self.private.sign(data, PSS if self.pss else padding.PKCS1v15(), hashes.SHA256())

    def sign_many(self, data: Sequence[bytes]) -> list[bytes]:
        """See `SigningKey.sign_many`."""
        return [self.sign(each) for each in data]


def open_pkcs12(entry: Entry) -> SoftwareKey:
    """The key of a list's entry: ``pkcs12`` (a file), ``passphrase_file``, perhaps ``algorithm``."""
    path, passphrase = entry.path("pkcs12"), secret(entry.content("passphrase_file"))
    algorithm = _only_algorithm_left(entry)
    return _as_listed(load_pkcs12(path, passphrase, key_id=entry.key_id), algorithm)


def open_pem(entry: Entry) -> SoftwareKey:
    """The key of a list's entry: ``pem`` and ``chain`` (see `load_pem`), perhaps ``algorithm``, and
    ``passphrase_file`` if the file is encrypted.
    """
    passphrase = secret(entry.content("passphrase_file")) if "passphrase_file" in entry else None
    path, chain = entry.path("pem"), entry.path("chain")
    algorithm = _only_algorithm_left(entry)
    return _as_listed(load_pem(path, chain, passphrase, key_id=entry.key_id), algorithm)


def load_pkcs12(path: Path, passphrase: bytes, *, key_id: str, at: datetime | None = None) -> SoftwareKey:
    """The key of a PKCS#12 file (``.p12``, ``.pfx``), checked as in `usable` for ``at`` (default: now).

    Raises:
        KeyRefused: wrong passphrase, not such a file, or a key that must not sign.
    """
    content = _read(path)
    try:
        asn1crypto.pkcs12.Pfx.load(content, strict=True)["version"].native  # noqa: B018 - forces the parse
    except (ValueError, TypeError) as problem:
        raise KeyRefused(f"{path.name} is not a PKCS#12 file.", code="KEY_FILE") from problem
    try:
        store = pkcs12.load_pkcs12(content, passphrase)
    except ValueError as problem:
        raise KeyRefused(
            f"The passphrase does not open {path.name}; check it and start again.", code="KEY_PASSPHRASE"
        ) from problem
    except UnsupportedAlgorithm as problem:
        raise KeyRefused(f"{path.name} is encrypted in a way we cannot read.", code="KEY_FILE") from problem
    if store.key is None or store.cert is None:
        raise KeyRefused(f"{path.name} lacks the private key or its certificate.", code="KEY_FILE")
    others = (each.certificate for each in store.additional_certs)
    return _checked(key_id, store.key, store.cert.certificate, others, at)


def load_pem(
    key_path: Path,
    chain_path: Path,
    passphrase: bytes | None,
    *,
    key_id: str,
    at: datetime | None = None,
    development: bool = False,
) -> SoftwareKey:
    """The key of a PEM file; ``chain_path`` holds its certificate first, then those above in any order.

    Raises:
        KeyRefused: wrong or missing passphrase, not such a file, or a key that must not sign.
    """
    content = _read(key_path)
    try:
        private = load_pem_private_key(content, passphrase)
    except TypeError as problem:  # encrypted without a passphrase, or a passphrase where none belongs
        raise KeyRefused(
            f"{key_path.name} and its passphrase setting do not fit: {problem}.", code="KEY_PASSPHRASE"
        ) from problem
    except (ValueError, UnsupportedAlgorithm) as problem:
        encrypted = passphrase is not None and b"ENCRYPTED" in content
        raise KeyRefused(
            f"The passphrase does not open {key_path.name}; check it and start again."
            if encrypted
            else f"{key_path.name} is not a private key in PEM form.",
            code="KEY_PASSPHRASE" if encrypted else "KEY_FILE",
        ) from problem
    certificates = read_certificates(chain_path)
    return _checked(key_id, private, certificates[0], certificates[1:], at, development=development)


def read_certificates(path: Path) -> list[x509.Certificate]:
    """The certificates of a PEM file, at least one.

    Raises:
        KeyRefused: ``KEY_FILE``, it cannot be read or holds none.
    """
    try:
        return x509.load_pem_x509_certificates(_read(path))
    except ValueError as problem:
        raise KeyRefused(f"{path.name} holds no certificate in PEM form.", code="KEY_FILE") from problem


def ordered_chain(
    certificate: x509.Certificate, others: Iterable[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """Files hold the upper certificates in any order; a signature carries them upwards."""
    remaining = list(others)
    chain: list[x509.Certificate] = []
    below = certificate
    while below.issuer != below.subject:
        above = next((each for each in remaining if each.subject == below.issuer), None)
        if above is None:
            break
        remaining.remove(above)
        chain.append(above)
        below = above
    return tuple(chain)


def fitting_algorithm(key_id: str, certificate: x509.Certificate, wanted: str | None) -> str:
    """The algorithm of a key with that certificate: the ``wanted`` one, or by default PKCS#1 v1.5 for RSA.

    Raises:
        KeyRefused: ``KEY_ALGORITHM``, no key of that kind signs so.
    """
    is_rsa = isinstance(certificate.public_key(), rsa.RSAPublicKey)
    fitting = (RSA_PKCS1_SHA256, RSA_PSS_SHA256) if is_rsa else (ECDSA_SHA256,)
    if wanted is not None and wanted not in fitting:
        raise KeyRefused(
            f"Key “{key_id}” cannot sign as “{wanted}”; its certificate allows {' or '.join(fitting)}.",
            code="KEY_ALGORITHM",
        )
    return wanted or fitting[0]


def usable(key: Key, at: datetime) -> None:
    """Check that a key may sign a document at that (aware) time: before each use, since keys stay open.

    Raises:
        KeyRefused: the code tells which rule it breaks.
    """
    check_usable(key.id, key.certificate, key.chain, at)


def check_usable(
    key_id: str, certificate: x509.Certificate, chain: tuple[x509.Certificate, ...], at: datetime
) -> None:
    """As `usable`, where there is no key yet."""
    try:
        _check_certificates((certificate, *chain))
    except KeyRefused as problem:
        raise KeyRefused(f"Key “{key_id}” must not sign: {problem.message}", code=problem.code) from problem
    if at < certificate.not_valid_before_utc:
        raise KeyRefused(
            f"The certificate of key “{key_id}” is not valid before"
            f" {certificate.not_valid_before_utc:%Y-%m-%d}; start again then, or list another one.",
            code="KEY_NOT_YET_VALID",
        )
    if at > certificate.not_valid_after_utc:
        raise KeyRefused(
            f"The certificate of key “{key_id}” expired on {certificate.not_valid_after_utc:%Y-%m-%d};"
            " configure its successor.",
            code="KEY_EXPIRED",
        )


def _only_algorithm_left(entry: Entry) -> str | None:
    """The last entry. One that is misspelt is told before what its absence does to the file."""
    algorithm = entry.text_or_none("algorithm")
    entry.finish()
    return algorithm


def _as_listed(key: SoftwareKey, wanted: str | None) -> SoftwareKey:
    algorithm = fitting_algorithm(key.id, key.certificate, wanted)
    return replace(key, pss=algorithm == RSA_PSS_SHA256)


def _checked(
    key_id: str,
    private: object,
    certificate: x509.Certificate,
    others: Iterable[x509.Certificate],
    at: datetime | None,
    *,
    development: bool = False,
) -> SoftwareKey:
    if not isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise KeyRefused(
            f"Key “{key_id}” must not sign: only P-256 and RSA keys sign documents.", code="KEY_ALGORITHM"
        )
    if private.public_key() != certificate.public_key():
        raise KeyRefused(f"The private key {key_id} does not belong to its certificate.", code="KEY_MISMATCH")
    key = SoftwareKey(key_id, certificate, ordered_chain(certificate, others), private, development)
    usable(key, at or datetime.now(UTC))
    return key


@lru_cache(maxsize=64)
def _check_certificates(path: tuple[x509.Certificate, ...]) -> None:
    """What does not depend on the time, and so holds for good once it held; a refusal is not remembered."""
    _check_strength(path[0])
    _check_usage(path[0])
    _check_chain(path)


def _check_strength(certificate: x509.Certificate) -> None:
    public = certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        if public.key_size < MINIMUM_RSA_BITS:
            raise KeyRefused(
                f"an RSA key of {public.key_size} bits is too short; make one of {MINIMUM_RSA_BITS} or more.",
                code="KEY_WEAK",
            )
    elif not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise KeyRefused("only P-256 and RSA keys sign documents; make another one.", code="KEY_ALGORITHM")


def _check_usage(certificate: x509.Certificate) -> None:
    """RFC 5280, 4.2.1.3: a key usage extension without either signing bit forbids signing documents."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as problem:
        raise KeyRefused(
            "its certificate does not say what it is for; ask its authority for one for signing documents.",
            code="KEY_USAGE",
        ) from problem
    if not (usage.digital_signature or usage.content_commitment):
        raise KeyRefused(
            "its certificate is not made for signing documents (neither digitalSignature nor nonRepudiation);"
            " ask its authority for one that is.",
            code="KEY_USAGE",
        )


def _check_chain(path: tuple[x509.Certificate, ...]) -> None:
    own, *above = path
    # Nobody relies on the signature of a root over itself.
    for certificate in (own, *(each for each in above if each.issuer != each.subject)):
        if isinstance(certificate.signature_hash_algorithm, _OUTDATED_HASHES):
            raise KeyRefused(
                "its certificate or one above it is signed with an outdated hash"
                " (SHA-1 or older); ask its authority for one with SHA-256.",
                code="CERTIFICATE_WEAK",
            )
    for certificate, issuer in itertools.pairwise(path):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as problem:
            raise KeyRefused(
                "the certificates above its own did not issue it; list those of its authority.",
                code="KEY_CHAIN",
            ) from problem


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise KeyRefused(f"{path} cannot be read: {problem.strerror}.", code="KEY_FILE") from problem
