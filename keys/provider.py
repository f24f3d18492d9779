"""The contract of a signing key, wherever it lives.

A key has one of three capabilities: it signs bytes that we lay out (`SigningKey`), it answers with a
whole CMS (`CmsKey`), or it is given a PDF and returns it signed (`PdfKey`). It also says what a signature
costs a human.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from cryptography import x509

from storage.vocabulary import AbsahError

ECDSA_SHA256 = "ecdsa-sha256"
RSA_PKCS1_SHA256 = "rsa-pkcs1-sha256"
RSA_PSS_SHA256 = "rsa-pss-sha256"
"""RSASSA-PSS (RFC 8017, 8.1) with SHA-256, MGF1 with SHA-256 and `PSS_SALT_BYTES` of salt."""
PSS_SALT_BYTES = 32

HumanCost = Literal["nothing", "once_per_batch", "once_per_document"]
"""How often somebody has to type something before the key signs."""


class KeyRefused(AbsahError):
    """A key or its certificate must not sign; the code says why.

    ``KEY_PASSPHRASE`` wrong passphrase · ``KEY_FILE`` not a file of that kind · ``KEY_MISMATCH`` key and
    certificate do not belong together · ``KEY_WEAK`` RSA under 2048 bits · ``KEY_ALGORITHM`` neither P-256
    nor RSA · ``CERTIFICATE_WEAK`` SHA-1 or older · ``KEY_USAGE`` not made for signing documents ·
    ``KEY_CHAIN`` the chain does not lead upwards · ``KEY_EXPIRED`` and ``KEY_NOT_YET_VALID`` · ``KEY_ID``
    not an id · ``KEY_FOLDER`` the folder of a development PKI is incomplete · ``KEY_CAPABILITY`` the key
    cannot make the signature that is needed · ``KEY_OFFICER`` the certificate is another official's ·
    ``KEY_PIN`` the token or service refused the PIN, which is not sent again · ``KEY_MISSING`` it lacks the
    key · ``KEY_OTP`` a one-time password was refused · ``KEY_AUTHORISATION`` the owner has not authorised
    this, or not any more · ``KEY_TOO_MANY`` hashes for one
    authorisation · ``KEY_LOGIN`` the service refuses our account · ``KEY_DISABLED`` it says that the
    key or its certificate must not be used · ``KEY_ANSWER`` it answers without what it was asked for ·
    ``KEY_LOCKED`` somebody has to type a secret first · ``KEY_USER`` the provider does not know the
    official · ``KEY_USER_STATUS`` it knows them, and lets them sign nothing now · ``PROVIDER_REFUSED`` the
    provider said no for another reason.
    """

    code = "KEY_REFUSED"


class ReplyLost(KeyRefused):
    """The provider may have signed, and its answer did not reach us: only a human decides to ask again."""

    code = "REPLY_LOST"


@dataclass(frozen=True)
class HumanSecret:
    """What an official types: never printed, logged, or kept longer than one batch takes."""

    kind: Literal["passphrase", "totp"]
    value: str = field(repr=False)


class Key(Protocol):
    """What all keys have in common: an id, and the certificates that vouch for it.

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
    def development(self) -> bool:
        """Whether the key comes from the development PKI, which production refuses."""
        ...

    @property
    def human_cost(self) -> HumanCost:
        """See `HumanCost`."""
        ...


class SigningKey(Key, Protocol):
    """A private key that signs bytes: we write the CMS around its answer."""

    @property
    def capability(self) -> Literal["raw"]:
        """What tells the three kinds of `AnyKey` apart."""
        ...

    @property
    def algorithm(self) -> str:
        """`ECDSA_SHA256`, `RSA_PKCS1_SHA256` or `RSA_PSS_SHA256`."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The raw signature over ``data`` (hashed with SHA-256 here): DER for ECDSA, one block for RSA.

        Raises:
            KeyRefused: the key must not sign, and asking again does not help.
            storage.vocabulary.Unavailable: what holds the key cannot be reached now.
        """
        ...

    def sign_many(self, data: Sequence[bytes]) -> list[bytes]:
        """The raw signature over each of ``data``, in their order.

        One authorisation for all where the key needs one; else the same as `sign` one after the other. Where
        it raises (as `sign` does), no signature was returned and all of them have to be asked for again.
        """
        ...


class CmsKey(Key, Protocol):
    """A key behind a service that writes the CMS itself."""

    @property
    def capability(self) -> Literal["cms"]:
        """See `SigningKey.capability`."""
        ...

    def sign_cms(self, digest: bytes) -> bytes:
        """The CMS SignedData (DER, detached, PAdES baseline) over a document's SHA-256.

        Raises as `SigningKey.sign` does.
        """
        ...


class PdfKey(Key, Protocol):
    """A key behind a service that takes a PDF and gives it back signed."""

    @property
    def capability(self) -> Literal["pdf"]:
        """See `SigningKey.capability`."""
        ...

    def sign_pdf(self, pdf: bytes, *, reason: str, location: str) -> bytes:
        """``pdf`` with one more signature, as an incremental update: the answer has to begin with ``pdf``.

        The answer is persisted before anything else, and asking twice may count twice. ``reason`` and
        ``location`` are those of the signature dictionary (ISO 32000-2, table 255).

        Raises:
            ReplyLost: whether it signed is unknown.
            KeyRefused, storage.vocabulary.Unavailable: as `SigningKey.sign`; nothing was signed.
        """
        ...


AnyKey = SigningKey | CmsKey | PdfKey
"""A key of any capability; ``key.capability`` tells which."""


class AttendedKey(Key, Protocol):
    """A key whose ``human_cost`` is more than nothing: it signs only once somebody has typed a secret.

    Or has consented in a browser, see `keys.consent.ConsentKey`.
    """

    @property
    def by_consent(self) -> bool:
        """Whether its owner consents in a browser; such a key takes no secret."""
        ...

    def unlocked(self, secret: HumanSecret, digests: Sequence[bytes]) -> AnyKey:
        """The same key for one batch. It costs nobody anything more.

        ``digests`` are the documents' (SHA-256 over what each signature will cover): a key that can binds its
        leave to them, and signs nothing else.
        """
        ...


class KeyRing(Protocol):
    """Every key that this worker may open."""

    def key(self, key_id: str) -> AnyKey:
        """The key of that id.

        Raises:
            storage.vocabulary.NotFound: no such key is configured here.
            KeyRefused: the key is there but must not sign.
        """
        ...
