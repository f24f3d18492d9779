"""The contract of a signing key, wherever it lives."""

from __future__ import annotations

from typing import Protocol

from cryptography import x509


class SigningKey(Protocol):
    """A private key that signs bytes, with the certificates that vouch for it.

    `certificate` and `chain` (issuer first, root last) are what a signature carries.
    """

    id: str
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    @property
    def algorithm(self) -> str:
        """``ecdsa-sha256`` or ``rsa-pkcs1-sha256``."""
        ...

    @property
    def development(self) -> bool:
        """Whether the key comes from the development PKI, which production refuses."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The raw signature over ``data`` (hashed with SHA-256 here): DER for ECDSA, PKCS#1 v1.5 for RSA."""
        ...


class KeyRing(Protocol):
    """Every key that this worker may open."""

    def key(self, key_id: str) -> SigningKey:
        """The key of that id.

        Raises:
            storage.vocabulary.NotFound: no such key is configured here.
        """
        ...
