"""New key pairs and requests for their certificates (PKCS#10, RFC 2986), in a file or on a token.

The certificate comes from the agency's authority; what is made here is only the key and the question.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pkcs11
import pkcs11.util.ec
import pkcs11.util.rsa
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from keys.cms import SIGNATURE_ALGORITHMS, element, object_identifier
from keys.entry import secret
from keys.pkcs11 import sign_digest
from keys.provider import ECDSA_SHA256, RSA_PKCS1_SHA256, KeyRefused
from storage.vocabulary import Misconfigured, Unavailable

Algorithm = Literal["p256", "rsa2048", "rsa3072"]

_SEQUENCE, _BIT_STRING, _ATTRIBUTES = 0x30, 0x03, 0xA0
_VERSION_1 = b"\x02\x01\x00"


@dataclass(frozen=True)
class KeyPair:
    """A key that can ask for its certificate: ``public`` is its SubjectPublicKeyInfo in DER.

    ``algorithm`` is one of `keys.cms.SIGNATURE_ALGORITHMS`.
    """

    public: bytes
    algorithm: str
    sign: Callable[[bytes], bytes]


@dataclass(frozen=True)
class TokenPlace:
    """Where a key lies on a PKCS#11 token, as in a key list."""

    module: Path
    token: str
    pin_file: Path
    label: str


def new_software_key(folder: Path, key_id: str, algorithm: Algorithm) -> tuple[Path, Path]:
    """Make a key in ``folder``: its PEM, encrypted, and the file with its passphrase, which is drawn.

    Returns:
        Both paths; nobody else can read them.

    Raises:
        Misconfigured: one of them exists already, or the folder cannot be written.
    """
    private: Any
    if algorithm == "p256":
        private = ec.generate_private_key(ec.SECP256R1())
    else:
        private = rsa.generate_private_key(65537, int(algorithm.removeprefix("rsa")))
    passphrase = secrets.token_urlsafe(32).encode()
    encrypted = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))
    paths = folder / f"{key_id}.key.pem", folder / f"{key_id}.passphrase"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            if path.exists():
                raise Misconfigured(f"{path} exists already; nothing was made.", code="KEY_EXISTS")
        for path, content in zip(paths, (encrypted, passphrase + b"\n"), strict=True):
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
    except OSError as error:
        raise Misconfigured(f"{folder} cannot be written ({error.strerror}).", code="OUTPUT") from error
    return paths


def new_token_key(place: TokenPlace, algorithm: Algorithm) -> None:
    """Make a key on a token: it never leaves it (CKA_SENSITIVE, not CKA_EXTRACTABLE).

    Raises:
        Misconfigured: a key of that label is there already.
        Unavailable: the token does not do it.
    """
    identifier = secrets.token_bytes(8)
    common = {"id": identifier, "label": place.label, "store": True}

    def make(session: Any) -> None:
        if list(session.get_objects({pkcs11.Attribute.LABEL: place.label})):
            raise Misconfigured(
                f"The token “{place.token}” holds a “{place.label}” already.", code="KEY_EXISTS"
            )
        if algorithm == "p256":
            curve = session.create_domain_parameters(
                pkcs11.KeyType.EC,
                {pkcs11.Attribute.EC_PARAMS: pkcs11.util.ec.encode_named_curve_parameters("secp256r1")},
                local=True,
            )
            curve.generate_keypair(**common)
        else:
            session.generate_keypair(pkcs11.KeyType.RSA, int(algorithm.removeprefix("rsa")), **common)

    _with_token(place, make, writing=True)


def software_pair(path: Path, passphrase: bytes | None) -> KeyPair:
    """The key of a PEM file.

    Raises:
        KeyRefused: ``KEY_PASSPHRASE`` or ``KEY_FILE``; ``KEY_ALGORITHM``, it is neither P-256 nor RSA.
    """
    try:
        private = load_pem_private_key(path.read_bytes(), passphrase)
    except OSError as error:
        raise KeyRefused(f"{path} cannot be read: {error.strerror}.", code="KEY_FILE") from error
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise KeyRefused(
            f"The passphrase does not open {path.name}, or it is no private key.", code="KEY_PASSPHRASE"
        ) from error
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(private.curve, ec.SECP256R1):
        curve_key = private
        return KeyPair(public, ECDSA_SHA256, lambda data: curve_key.sign(data, ec.ECDSA(hashes.SHA256())))
    if isinstance(private, rsa.RSAPrivateKey):
        rsa_key = private
        return KeyPair(
            public, RSA_PKCS1_SHA256, lambda data: rsa_key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        )
    raise KeyRefused("Only P-256 and RSA keys sign documents.", code="KEY_ALGORITHM")


def token_pair(place: TokenPlace) -> KeyPair:
    """The key on a token; each signature opens a session of its own.

    Raises:
        KeyRefused: ``KEY_PIN`` or ``KEY_MISSING``.
        Unavailable: ``KEY_DEVICE``.
    """

    def read(session: Any) -> KeyPair:
        private = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=place.label)
        public = session.get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, label=place.label)
        if private.key_type == pkcs11.KeyType.RSA:
            spki = _rsa_information(pkcs11.util.rsa.encode_rsa_public_key(public))
            return KeyPair(spki, RSA_PKCS1_SHA256, partial(sign, RSA_PKCS1_SHA256))
        encoded: bytes = pkcs11.util.ec.encode_ec_public_key(public)
        return KeyPair(encoded, ECDSA_SHA256, partial(sign, ECDSA_SHA256))

    def sign(algorithm: str, data: bytes) -> bytes:
        def work(session: Any) -> bytes:
            private = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=place.label)
            return sign_digest(private, algorithm, hashlib.sha256(data).digest())

        return bytes(_with_token(place, work))

    pair: KeyPair = _with_token(place, read)
    return pair


def _rsa_information(pkcs1: bytes) -> bytes:
    """A SubjectPublicKeyInfo around an RSAPublicKey (RFC 8017, A.1.1)."""
    algorithm = element(_SEQUENCE, object_identifier("1.2.840.113549.1.1.1"), b"\x05\x00")
    return element(_SEQUENCE, algorithm, element(_BIT_STRING, b"\x00", pkcs1))


def certificate_request(pair: KeyPair, subject: x509.Name) -> bytes:
    """The request for a certificate about ``subject``, in PEM (RFC 2986, 4; RFC 7468, 7)."""
    information = element(_SEQUENCE, _VERSION_1, subject.public_bytes(), pair.public, element(_ATTRIBUTES))
    der = element(
        _SEQUENCE,
        information,
        SIGNATURE_ALGORITHMS[pair.algorithm],
        element(_BIT_STRING, b"\x00", pair.sign(information)),
    )
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n".encode()


def _with_token(place: TokenPlace, work: Callable[[Any], Any], *, writing: bool = False) -> Any:
    """What ``work`` makes of a session of the token, opened for this alone: an operator sits before it."""
    try:
        pin = secret(place.pin_file.read_bytes()).decode()
        token = pkcs11.lib(str(place.module)).get_token(token_label=place.token)
        with token.open(rw=writing, user_pin=pin) as session:
            return work(session)
    except OSError as error:
        raise Misconfigured(
            f"{place.pin_file} cannot be read ({error.strerror}).", code="PIN_FILE"
        ) from error
    except (pkcs11.PinIncorrect, pkcs11.PinLocked, pkcs11.PinInvalid, pkcs11.PinLenRange) as error:
        raise KeyRefused(
            f"The token “{place.token}” refused the PIN ({type(error).__name__}); it is not sent again.",
            code="KEY_PIN",
        ) from error
    except (pkcs11.NoSuchKey, pkcs11.MultipleObjectsReturned) as error:
        raise KeyRefused(
            f"The token “{place.token}” does not hold exactly one key “{place.label}”.", code="KEY_MISSING"
        ) from error
    except (pkcs11.PKCS11Error, RuntimeError) as error:
        raise Unavailable(
            f"The token “{place.token}” does not answer ({type(error).__name__}); check module and device.",
            code="KEY_DEVICE",
        ) from error
