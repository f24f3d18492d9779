"""Signing keys at a remote service that speaks the API of the Cloud Signature Consortium, version 1 or 2.

    [[key]]
    id = "segel-dpmptsp"
    csc = "https://tsp.example.id/csc/v1"      # the base URI of the service
    credential = "GX0112348"                   # optional where our account has only one
    client_id = "absah"
    client_secret_file = "tsp.secret"
    pin_file = "segel.pin"                     # only for a credential that a machine may use
    oauth2 = "https://login.example.id"        # optional; where the authorisation server is another host
    chain = "chain.pem"                        # optional; what the service does not tell of it
    algorithm = "rsa-pss-sha256"               # optional

Only hashes leave this machine. An authorisation (“signature activation data”, SAD) is bound to the hashes
that it was given for, and used once. What happens when an answer is lost, see `RemoteKey.sign_many`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Literal
from urllib.parse import urlsplit

import structlog
from cryptography import x509

from keys import csc_authorisation
from keys.cms import ID_DATA, signed_attributes
from keys.consent import Consent, ConsentCode
from keys.csc_authorisation import Authorisation
from keys.csc_credential import SHA256_OID, Credential, Means, read_credential
from keys.csc_service import Address, AnswerLost, AuthorisationEnded, Service
from keys.entry import CountedSecret, Entry
from keys.provider import HumanCost, HumanSecret, KeyRefused
from keys.software import read_certificates
from storage.vocabulary import Unavailable

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
# A signature by RSA-4096 in base64, with room for what else is in the answer.
_BYTES_PER_SIGNATURE, _BYTES_BESIDE = 1024, 64 * 1024
_REMEMBERED = 10_000

log = structlog.get_logger("worker")


class RemoteKey:
    """A private key at a service; see `keys.provider.SigningKey` for the members.

    Nothing is asked of the service before the key is used. Each member but the id may then raise what
    `keys.csc_service.Service.ask` does. ``pin`` reads the PIN and tells which state of its file that was;
    None where no machine may have it.
    """

    capability: ClassVar[Literal["raw"]] = "raw"
    development: ClassVar[bool] = False

    def __init__(
        self,
        key_id: str,
        service: Service,
        *,
        credential_id: str | None,
        pin: CountedSecret | None = None,
        chain_path: Path | None = None,
        algorithm: str | None = None,
    ) -> None:
        self.id = key_id
        self._service = service
        self._credential_id = credential_id
        self._pin = pin
        self._chain_path = chain_path
        self._wanted = algorithm
        self._lock = threading.Lock()
        self._known: Credential | None = None
        self._unanswered: dict[bytes, None] = {}

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

    @property
    def human_cost(self) -> HumanCost:
        """Nothing where a PIN of our own or none at all unlocks the credential, else once for each batch."""
        # With a PIN of ours the service is not asked: `_open` refuses it where it would not be enough.
        return "nothing" if self._pin is not None or self._opened().silent else "once_per_batch"

    @property
    def most_at_once(self) -> int:
        """How many hashes one authorisation may have (``multisign``)."""
        return self._opened().most_at_once

    @property
    def by_consent(self) -> bool:
        """Whether a human authorises in a browser (`consent`), not with a PIN or OTP (`authorise`)."""
        return self._opened().by_consent

    def sign(self, data: bytes) -> bytes:
        """See `keys.provider.SigningKey.sign`, and `sign_many`."""
        return self.sign_many([data])[0]

    def sign_many(self, data: Sequence[bytes]) -> list[bytes]:
        """See `keys.provider.SigningKey.sign_many`: one authorisation for up to `most_at_once` of them.

        Nothing is signed twice blindly. An authorisation that the service calls expired has signed nothing
        and is asked for once more. Where an answer is lost (`AnswerLost`) the service may have signed; we
        stop, and the document waits. When its turn comes again its hash is the same, because it was frozen
        before: a second signature over it says nothing that the first did not, but it costs an authorisation,
        which is why the log tells of it (``csc.authorised_again``) and the cycle records another intention.

        Raises:
            KeyRefused: ``KEY_AUTHORISATION``, a human has to authorise (`authorise`); and as `Service.ask`.
            storage.vocabulary.Unavailable: as `Service.ask`.
        """
        if self.human_cost != "nothing":
            raise KeyRefused(
                f"Key “{self.id}” signs when its owner has authorised the hashes; let them do that first.",
                code="KEY_AUTHORISATION",
            )
        digests = [hashlib.sha256(each).digest() for each in data]
        signatures: list[bytes] = []
        for start in range(0, len(digests), self.most_at_once):
            signatures += self._sign_unattended(digests[start : start + self.most_at_once])
        return signatures

    def authorise(
        self, digests: Sequence[bytes], *, pin: str | None = None, otp: str | None = None
    ) -> Authorisation:
        """The leave to sign these hashes: SHA-256 over what `keys.cms.signed_attributes` gives.

        ``pin`` and ``otp`` are what the owner typed; neither is kept, and neither is sent twice.

        Raises:
            KeyRefused: ``KEY_PIN`` or ``KEY_OTP``, the service refused it; ``KEY_AUTHORISATION``, it is
                missing; ``KEY_TOO_MANY`` hashes at once; ``KEY_CAPABILITY``, the owner has to give consent.
            storage.vocabulary.Unavailable: as `Service.ask`; whether a PIN was counted is then unknown.
        """
        known = self._opened()
        self._check_number(digests)
        if known.by_consent:
            raise KeyRefused(f"The owner of key “{self.id}” authorises in a browser.", code="KEY_CAPABILITY")
        typed: dict[Means, str | None] = {"pin": pin, "otp": otp}
        answers = {name: value for name, means in known.asked_for if (value := typed[means]) is not None}
        if len(answers) != len(known.asked_for):
            names = " and ".join(name for name, _ in known.asked_for)
            raise KeyRefused(f"To authorise key “{self.id}” takes {names}.", code="KEY_AUTHORISATION")
        self._tell_of_repetition(digests)
        return csc_authorisation.authorise(self._service, known, digests, answers)

    def ask_consent(self, digests: Sequence[bytes], *, redirect_uri: str) -> Consent:
        """As `authorise`, where the owner consents in a browser; `redeem` follows when they come back."""
        self._check_number(digests)
        self._tell_of_repetition(digests)
        return csc_authorisation.ask_consent(self._service, self._opened(), digests, redirect_uri)

    def redeem(self, consent: Consent, *, code: str, state: str) -> Authorisation:
        """See `keys.csc_authorisation.redeem`."""
        return csc_authorisation.redeem(self._service, consent, code=code, state=state)

    def extend(self, authorisation: Authorisation) -> Authorisation:
        """See `keys.csc_authorisation.extend`: for one that would end before its documents' turn."""
        return csc_authorisation.extend(self._service, self._opened(), authorisation)

    def sign_authorised(self, authorisation: Authorisation) -> list[bytes]:
        """The raw signatures over the hashes of an authorisation, in their order; it is used up by that.

        Unless the service has certainly not signed: then its owner need not be asked again.

        Raises:
            KeyRefused: ``KEY_AUTHORISATION``, it was used, has ended or is not for these hashes;
                ``KEY_ANSWER``, what came back are not so many signatures.
            AnswerLost: the service may have signed.
            storage.vocabulary.Unavailable: it has not signed.
        """
        known, digests = self._opened(), authorisation.digests
        question: dict[str, object] = {
            "credentialID": known.id, "SAD": authorisation.take(self.id), "signAlgo": known.algorithm_oid,
            **csc_authorisation.hashes(self._service, digests),
        }  # fmt: skip
        if self._service.version == 1:
            question["hashAlgo"] = SHA256_OID
        if known.parameters is not None:
            question["signAlgoParams"] = known.parameters
        try:
            answer = self._service.ask(
                "signatures/signHash", question, _BYTES_BESIDE + _BYTES_PER_SIGNATURE * len(digests)
            )
        except AnswerLost:
            self._remember(digests)
            log.warning("csc.answer_lost", key=self.id, hashes=len(digests))
            raise
        except Unavailable:
            authorisation.give_back()
            raise
        return self._signatures(answer.get("signatures"), len(digests))

    def unlocked(self, secret: HumanSecret, digests: Sequence[bytes]) -> AuthorisedKey:
        """See `keys.provider.AttendedKey`: a passphrase is the PIN, a TOTP the one-time password.

        Raises as `authorise` does; a batch is no larger than `most_at_once`.
        """
        typed = {"pin" if secret.kind == "passphrase" else "otp": secret.value}
        return self.authorised(self.authorise(self._hashes(digests), **typed))

    def consent_to(self, digests: Sequence[bytes], *, redirect_uri: str) -> Consent:
        """See `keys.consent.ConsentKey`."""
        return self.ask_consent(self._hashes(digests), redirect_uri=redirect_uri)

    def unlocked_by_consent(self, consent: Consent, answer: ConsentCode) -> AuthorisedKey:
        """See `keys.consent.ConsentKey`."""
        return self.authorised(self.redeem(consent, code=answer.code, state=answer.state))

    def authorised(self, authorisation: Authorisation) -> AuthorisedKey:
        """A key for the cycle that signs what the authorisation is for, and nothing else."""
        return AuthorisedKey(self, authorisation)

    def _sign_unattended(self, digests: Sequence[bytes]) -> list[bytes]:
        try:
            return self.sign_authorised(self._authorise_unattended(digests))
        except AuthorisationEnded as error:
            log.warning("csc.authorisation_ended", key=self.id, code=error.code)
        try:
            return self.sign_authorised(self._authorise_unattended(digests))
        except AuthorisationEnded as error:
            raise Unavailable(
                f"The service of key “{self.id}” does not accept the authorisations that it gives.",
                code="KEY_SERVICE",
            ) from error

    def _authorise_unattended(self, digests: Sequence[bytes]) -> Authorisation:
        with self._own_pin() as pin:
            return self.authorise(digests, pin=pin)

    @contextmanager
    def _own_pin(self) -> Iterator[str | None]:
        """The PIN of our own; None where the credential asks for none."""
        if self._pin is None or not self._opened().asked_for:
            yield None
            return
        with self._pin.in_hand() as pin:
            if pin is None:
                raise KeyRefused(
                    f"The service of key “{self.id}” has refused the PIN; it is sent again when its file has"
                    " changed.",
                    code="KEY_PIN",
                )
            try:
                yield pin
            except KeyRefused as error:
                if error.code == "KEY_PIN":
                    self._pin.refuse()
                    log.error("csc.pin_refused", key=self.id, code=error.code)
                raise

    def _opened(self) -> Credential:
        with self._lock:
            if self._known is None:
                self._known = self._open()
            return self._known

    def _open(self) -> Credential:
        chosen = self._credential_id or self._only_credential()
        question: dict[str, object] = {
            "credentialID": chosen, "certificates": "chain", "certInfo": True, "authInfo": True,
        }  # fmt: skip
        others = read_certificates(self._chain_path) if self._chain_path is not None else []
        told = self._service.ask("credentials/info", question)
        known = read_credential(self.id, chosen, told, others, self._wanted)
        attended = known.by_consent or any(means != "pin" for _, means in known.asked_for)
        if self._pin is not None and attended:
            raise KeyRefused(
                f"Key “{self.id}” needs a human for each batch; leave “pin_file” out of its entry.",
                code="KEY_CAPABILITY",
            )
        return known

    def _only_credential(self) -> str:
        listed = self._service.ask("credentials/list", {}).get("credentialIDs")
        if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
            raise self._service.not_as_promised("a list of credentials")
        if len(listed) != 1:
            raise KeyRefused(
                f"Our account has {len(listed)} credentials at the service of key “{self.id}”; name one as"
                " “credential”.",
                code="KEY_MISSING",
            )
        return str(listed[0])

    def _hashes(self, digests: Sequence[bytes]) -> list[bytes]:
        """What the service signs for documents with these digests."""
        return [
            hashlib.sha256(signed_attributes(self.certificate, ID_DATA, digest)).digest()
            for digest in digests
        ]

    def _check_number(self, digests: Sequence[bytes]) -> None:
        if not 1 <= len(digests) <= self.most_at_once or any(len(each) != 32 for each in digests):
            raise KeyRefused(
                f"Key “{self.id}” takes 1 to {self.most_at_once} hashes of SHA-256 in one authorisation.",
                code="KEY_TOO_MANY",
            )

    def _signatures(self, listed: object, number: int) -> list[bytes]:
        if not isinstance(listed, list) or len(listed) != number:
            raise self._service.not_as_promised(f"{number} signatures")
        try:
            return [base64.b64decode(each, validate=True) for each in listed]
        except (binascii.Error, ValueError, TypeError) as problem:
            raise self._service.not_as_promised("signatures in base64") from problem

    def _tell_of_repetition(self, digests: Sequence[bytes]) -> None:
        if again := sum(each in self._unanswered for each in digests):
            log.warning("csc.authorised_again", key=self.id, hashes=again)

    def _remember(self, digests: Sequence[bytes]) -> None:
        self._unanswered |= dict.fromkeys(digests)
        for each in list(itertools.islice(self._unanswered, max(len(self._unanswered) - _REMEMBERED, 0))):
            self._unanswered.pop(each, None)


class AuthorisedKey:
    """A remote key together with an authorisation; see `keys.provider.SigningKey` for the members.

    All hashes are signed in one request when the first is needed. A refusal or a lost answer ends the
    authorisation, and with it this key; a service that is away does not.
    """

    capability: ClassVar[Literal["raw"]] = "raw"
    human_cost: ClassVar[HumanCost] = "nothing"
    development: ClassVar[bool] = False

    def __init__(self, key: RemoteKey, authorisation: Authorisation) -> None:
        self.id, self.algorithm = key.id, key.algorithm
        self.certificate, self.chain = key.certificate, key.chain
        self._key, self._authorisation = key, authorisation
        self._lock = threading.Lock()
        self._signatures: dict[bytes, bytes] | None = None

    def sign(self, data: bytes) -> bytes:
        """See `keys.provider.SigningKey.sign`; ``KEY_AUTHORISATION`` for data that was not authorised."""
        digest = hashlib.sha256(data).digest()
        if digest not in self._authorisation.digests:
            raise KeyRefused(
                f"The owner of key “{self.id}” has authorised other bytes than these.",
                code="KEY_AUTHORISATION",
            )
        with self._lock:
            if self._signatures is None:
                made = self._key.sign_authorised(self._authorisation)
                self._signatures = dict(zip(self._authorisation.digests, made, strict=True))
            return self._signatures[digest]

    def sign_many(self, data: Sequence[bytes]) -> list[bytes]:
        """See `keys.provider.SigningKey.sign_many`."""
        return [self.sign(each) for each in data]


def open_csc(entry: Entry) -> RemoteKey:
    """The key of a list's entry, as this module describes it; the service is not asked.

    Raises:
        Misconfigured: an entry is missing or wrong, or a file cannot be read.
    """
    address = Address(
        _base(entry, "csc", entry.text("csc")),
        None if (oauth2 := entry.text_or_none("oauth2")) is None else _base(entry, "oauth2", oauth2),
    )

    def client_secret() -> str:
        return entry.secret_text("client_secret_file")

    client_secret()
    return RemoteKey(
        entry.key_id,
        Service(entry.key_id, address, entry.text("client_id"), client_secret),
        credential_id=entry.text_or_none("credential"),
        pin=CountedSecret(entry, "pin_file") if "pin_file" in entry else None,
        chain_path=entry.path_or_none("chain"),
        algorithm=entry.text_or_none("algorithm"),
    )


def _base(entry: Entry, name: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise entry.refusal(f"has an address as “{name}” that is none") from error
    secure = parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    if not secure or not host or parts.query or parts.fragment or parts.username:
        raise entry.refusal(f"needs an https address as “{name}”, without account and parameters")
    return url.rstrip("/")
