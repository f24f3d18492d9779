"""An agency's electronic seal (segel elektronik) at BSrE, through its eSign Client Service, version 2.

    [[key]]
    id = "segel-dpmptsp"
    bsre_seal = "http://10.0.0.5"           # the service in the agency's network
    subscriber_file = "segel.id"            # the agency's idSubscriber
    activation_file = "segel.totp"          # the TOTP that BSrE sent when the seal was activated
    username = "absah"                      # HTTP Basic
    password_file = "bsre.password"
    certificate = "segel.pem"               # the seal's certificate, and
    chain = "bsre.pem"                      # those above it

A seal asks nobody: with the TOTP of its activation the service gives another one for each document. It signs
whole PDFs, invisibly here, as a key of an official does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import httpx
import structlog
from cryptography import x509

from keys.bsre_service import Login, Service, read_login, read_signer, unavailable
from keys.entry import CountedSecret, Entry
from keys.provider import HumanCost, KeyRefused
from storage.vocabulary import Unavailable

_ACTIVATION = "activation_file"

log = structlog.get_logger("worker")


class SealNotActivated(Unavailable):
    """BSrE does not accept the TOTP of the seal's activation (any more): documents wait for another one."""

    code = "KEY_ACTIVATION"


@dataclass(frozen=True)
class BsreSeal:
    """An agency's seal at BSrE; see `keys.provider.PdfKey` for the members.

    Safe to share between threads. ``activation`` is the TOTP with which the seal was activated.
    """

    capability: ClassVar[Literal["pdf"]] = "pdf"
    development: ClassVar[bool] = False
    human_cost: ClassVar[HumanCost] = "nothing"

    id: str
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    login: Login = field(repr=False)
    subscriber: str = field(repr=False)
    activation: CountedSecret = field(repr=False)

    def sign_pdf(self, pdf: bytes, *, reason: str, location: str) -> bytes:
        """See `keys.provider.PdfKey`.

        Raises:
            SealNotActivated: nothing was signed. The TOTP is sent again when its file has changed.
            KeyRefused: ``PROVIDER_REFUSED``.
            ReplyLost: the service may have signed.
            keys.bsre_service.ProviderUnavailable: it cannot be reached.
        """
        with Service(self.login) as service:
            who = {"idSubscriber": self.subscriber, "totp": self._totp(service)}
            return service.sign_file("/api/v2/seal/pdf", pdf, who, reason, location)

    def _totp(self, service: Service) -> str:
        """One for one document."""
        with self.activation.in_hand() as activation:
            if activation is None:
                raise _not_activated(self.id)
            status, answer = self._asked(service, activation)
            # Some versions wrap the answer, and some write booleans as numbers.
            inner = answer.get("data")
            told: dict[str, object] = inner if isinstance(inner, dict) else answer
            totp = told.get("totp")
            if status == httpx.codes.OK and isinstance(totp, str) and totp and told.get("result", True):
                return totp
            if status >= httpx.codes.INTERNAL_SERVER_ERROR:
                raise unavailable(f"HTTP {status} instead of a TOTP for the seal")
            raise self._not_sent_again()

    def _asked(self, service: Service, activation: str) -> tuple[int, dict[str, object]]:
        question = {"idSubscriber": self.subscriber, "totp": activation, "data": "1"}
        try:
            return service.question("POST", "/api/v2/seal/get/totp", json=question)
        except KeyRefused as refusal:
            if refusal.code == "KEY_PASSPHRASE":
                raise self._not_sent_again() from None
            raise

    def _not_sent_again(self) -> SealNotActivated:
        self.activation.refuse()
        log.error("bsre.activation_refused", key=self.id, code=SealNotActivated.code)
        return _not_activated(self.id)


def open_bsre_seal(entry: Entry) -> BsreSeal:
    """The key of a list's entry, as above; its certificate is checked now, the service is not asked."""
    login = read_login(entry, "bsre_seal")
    subscriber = entry.secret_text("subscriber_file")
    activation = CountedSecret(entry, _ACTIVATION)
    certificate, chain = read_signer(entry)
    return BsreSeal(entry.key_id, certificate, chain, login, subscriber, activation)


def _not_activated(key_id: str) -> SealNotActivated:
    return SealNotActivated(
        f"BSrE does not accept the activation of the seal “{key_id}” (any more). Have it activated anew, and"
        f" write the TOTP that BSrE sends into the file that the key list names as “{_ACTIVATION}”; documents"
        " go on by themselves."
    )
