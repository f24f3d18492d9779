"""Signing keys in a hardware security module or a smart card, through PKCS#11 (OASIS, version 2.40 on).

    [[key]]
    id = "kepala-dpmptsp"
    pkcs11 = "/usr/lib/x86_64-linux-gnu/libp11-kit.so.0"   # the module
    token = "DPMPTSP"                                      # the token's label
    pin_file = "dpmptsp.pin"
    label = "kepala"                                       # the key's CKA_LABEL, or
    object_id = "01af"                                     # its CKA_ID in hexadecimal, or both
    certificate = "kepala.pem"                             # optional; else the token's own
    chain = "chain.pem"                                    # optional; those above it
    algorithm = "rsa-pss-sha256"                           # optional

What is signed is hashed here, so the device sees 32 bytes and needs only the plain mechanisms.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

import pkcs11
from asn1crypto.core import OctetString
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keys.entry import Entry
from keys.pkcs11_token import OpenSession, Token, token_of
from keys.provider import (
    ECDSA_SHA256,
    PSS_SALT_BYTES,
    RSA_PKCS1_SHA256,
    RSA_PSS_SHA256,
    HumanCost,
    KeyRefused,
)
from keys.software import check_usable, fitting_algorithm, ordered_chain, read_certificates

# DigestInfo of SHA-256 up to the hash (RFC 8017, 9.2, note 1).
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
_PSS = (pkcs11.Mechanism.SHA256, pkcs11.MGF.SHA256, PSS_SALT_BYTES)


@dataclass(frozen=True)
class _Opened:
    """What is known of the key once the token was reached."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    algorithm: str


class TokenKey:
    """A private key that never leaves its token; see `keys.provider.SigningKey` for the members.

    Nothing is asked of the token before the key is used. Each member but the id may then raise what
    `keys.pkcs11_token.Token.call` does.
    """

    capability: ClassVar[Literal["raw"]] = "raw"
    human_cost: ClassVar[HumanCost] = "nothing"
    development: ClassVar[bool] = False

    def __init__(
        self,
        key_id: str,
        token: Token,
        *,
        label: str | None,
        object_id: bytes | None,
        certificate_path: Path | None = None,
        chain_path: Path | None = None,
        algorithm: str | None = None,
    ) -> None:
        self.id = key_id
        self._token = token
        self._label, self._object_id = label, object_id
        self._certificate_path = certificate_path
        self._chain_path = chain_path
        self._wanted = algorithm
        self._lock = threading.Lock()
        self._known: _Opened | None = None

    @property
    def certificate(self) -> x509.Certificate:
        """See `keys.provider.Key.certificate`."""
        return self._opened().certificate

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """See `keys.provider.Key.chain`."""
        return self._opened().chain

    @property
    def algorithm(self) -> str:
        """See `keys.provider.SigningKey.algorithm`."""
        return self._opened().algorithm

    def sign(self, data: bytes) -> bytes:
        """See `keys.provider.SigningKey.sign`.

        Asked again after a lost session, it gives another signature over the same hash, which is harmless.
        """
        algorithm, digest = self.algorithm, hashlib.sha256(data).digest()
        return self._token.call(lambda opened: sign_digest(self._private(opened), algorithm, digest))

    def sign_many(self, data: Sequence[bytes]) -> list[bytes]:
        """See `keys.provider.SigningKey.sign_many`."""
        return [self.sign(each) for each in data]

    def _private(self, opened: OpenSession) -> Any:
        searched = self._label, self._object_id
        private = opened.found.get(searched)
        if private is None:
            wanted: dict[pkcs11.Attribute, Any] = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY}
            if self._label is not None:
                wanted[pkcs11.Attribute.LABEL] = self._label
            if self._object_id is not None:
                wanted[pkcs11.Attribute.ID] = self._object_id
            private = opened.the_only(wanted)
            opened.found[searched] = private
        return private

    def _opened(self) -> _Opened:
        with self._lock:
            if self._known is None:
                self._known = self._open()
            return self._known

    def _open(self) -> _Opened:
        on_token = self._token.call(self._read_token)
        if self._certificate_path is not None:
            certificate, *others = read_certificates(self._certificate_path)
        elif on_token.certificate is not None:
            certificate, others = x509.load_der_x509_certificate(on_token.certificate), []
        else:
            raise KeyRefused(
                f"The token holds no certificate beside key “{self.id}”; name its file as “certificate”.",
                code="KEY_FILE",
            )
        if self._chain_path is not None:
            others += read_certificates(self._chain_path)
        if on_token.public not in (None, _public_part(certificate)):
            raise KeyRefused(f"Key “{self.id}” does not belong to its certificate.", code="KEY_MISMATCH")
        chain = ordered_chain(certificate, others)
        check_usable(self.id, certificate, chain, datetime.now(UTC))
        return _Opened(certificate, chain, fitting_algorithm(self.id, certificate, self._wanted))

    def _read_token(self, opened: OpenSession) -> _OnToken:
        private = self._private(opened)
        if _asks_each_time(private):
            raise KeyRefused(
                f"Key “{self.id}” asks for the PIN before every signature (CKA_ALWAYS_AUTHENTICATE); make one"
                " that one login opens.",
                code="KEY_CAPABILITY",
            )
        beside = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE, pkcs11.Attribute.ID: private.id}
        certificates = [each[pkcs11.Attribute.VALUE] for each in opened.session.get_objects(beside)]
        return _OnToken(certificates[0] if certificates else None, _public_on_token(opened, private))


@dataclass(frozen=True)
class _OnToken:
    """A certificate (DER), and the modulus or the point of the key where the token tells them."""

    certificate: bytes | None
    public: bytes | None


def open_pkcs11(entry: Entry) -> TokenKey:
    """The key of a list's entry, as this module describes it; the token is not touched."""
    label, object_id = entry.text_or_none("label"), entry.text_or_none("object_id")
    if label is None and object_id is None:
        raise entry.refusal("needs “label” or “object_id”")
    try:
        identifier = None if object_id is None else bytes.fromhex(object_id)
    except ValueError as error:
        raise entry.refusal("has an “object_id” that is not hexadecimal") from error
    return TokenKey(
        entry.key_id,
        token_of(entry.path("pkcs11"), entry.text("token"), entry.path("pin_file")),
        label=label,
        object_id=identifier,
        certificate_path=entry.path_or_none("certificate"),
        chain_path=entry.path_or_none("chain"),
        algorithm=entry.text_or_none("algorithm"),
    )


def _asks_each_time(private: Any) -> bool:
    try:
        return bool(private[pkcs11.Attribute.ALWAYS_AUTHENTICATE])
    except pkcs11.AttributeTypeInvalid:
        return False  # a token from before PKCS#11 2.20


def _public_part(certificate: x509.Certificate) -> bytes | None:
    """What `_public_on_token` would tell of the certificate's key."""
    public = certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        return public.public_numbers().n.to_bytes(public.key_size // 8, "big")
    if isinstance(public, ec.EllipticCurvePublicKey):
        return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return None


def _public_on_token(opened: OpenSession, private: Any) -> bytes | None:
    """The modulus, or the uncompressed point (SEC 1, 2.3.3) of the public key beside it, if there is one.

    Told early, a mixed-up certificate stops the start; the answer of each signature is checked in any case.
    """
    if private.key_type == pkcs11.KeyType.RSA:
        return bytes(private[pkcs11.Attribute.MODULUS]).lstrip(b"\x00")
    beside = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PUBLIC_KEY, pkcs11.Attribute.ID: private.id}
    for public in list(opened.session.get_objects(beside)):
        point = bytes(public[pkcs11.Attribute.EC_POINT])
        # PKCS#11 2.40, 2.3.3: a DER OCTET STRING around the point; some tokens leave that out.
        return bytes(OctetString.load(point)) if point[:1] == b"\x04" and point[1:2] == b"\x41" else point
    return None


def sign_digest(private: Any, algorithm: str, digest: bytes) -> bytes:
    """The signature of a token's key object over a SHA-256, as a CMS or a certificate has it."""
    if algorithm == ECDSA_SHA256:
        # PKCS#11 answers r and s side by side, each as long as the order; a CMS wants DER (RFC 5480).
        answer = private.sign(digest, mechanism=pkcs11.Mechanism.ECDSA)
        half = len(answer) // 2
        return encode_dss_signature(
            int.from_bytes(answer[:half], "big"), int.from_bytes(answer[half:], "big")
        )
    if algorithm == RSA_PSS_SHA256:
        return bytes(private.sign(digest, mechanism=pkcs11.Mechanism.RSA_PKCS_PSS, mechanism_param=_PSS))
    assert algorithm == RSA_PKCS1_SHA256  # noqa: S101 - there are three
    return bytes(private.sign(_DIGEST_INFO + digest, mechanism=pkcs11.Mechanism.RSA_PKCS))
