"""The contract of a signing key, wherever it lives."""

from __future__ import annotations

from typing import Protocol

from cryptography import x509

from storage.vocabulary import AbsahError

ECDSA_SHA256 = "ecdsa-sha256"
RSA_PKCS1_SHA256 = "rsa-pkcs1-sha256"


class KeyRefused(AbsahError):
    """A key or its certificate must not sign; the code says why.

    ``KEY_PASSPHRASE`` wrong passphrase · ``KEY_FILE`` not a file of that kind · ``KEY_MISMATCH`` key and
    certificate do not belong together · ``KEY_WEAK`` RSA under 2048 bits · ``KEY_ALGORITHM`` neither P-256
    nor RSA · ``CERTIFICATE_WEAK`` SHA-1 or older · ``KEY_USAGE`` not made for signing documents ·
    ``KEY_CHAIN`` the chain does not lead upwards · ``KEY_EXPIRED`` and ``KEY_NOT_YET_VALID`` · ``KEY_ID``
    not an id · ``KEY_FOLDER`` the folder of a development PKI is incomplete.
    """

    code = "KEY_REFUSED"


class SigningKey(Protocol):
    """A private key that signs bytes, with the certificates that vouch for it.

    Whoever uses a key still checks what it answers: a device or a service can hold another key than we think.
    """

    @property
    def id(self) -> str:
        """The name under which settings and the register know the key."""
        ...

    @property
    def certificate(self) -> x509.Certificate:
        """The signer's certificate."""
        ...

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """The certificates above it, its issuer first and the root last; a signature carries them."""
        ...

    @property
    def algorithm(self) -> str:
        """`ECDSA_SHA256` or `RSA_PKCS1_SHA256`."""
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
            KeyRefused: the key is there but must not sign.
        """
        ...
