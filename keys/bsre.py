"""Signing keys at BSrE (Balai Sertifikasi Elektronik) through its eSign Client Service, version 1 or 2.

    [[key]]
    id = "kepala-dpmptsp"
    bsre = "http://10.0.0.5"                # the service in the agency's network
    version = 1                             # or 2
    nik_file = "kepala.nik"                 # the official's NIK; version 2 also takes
    email = "kepala@example.go.id"          # this instead
    username = "absah"                      # HTTP Basic
    password_file = "bsre.password"
    certificate = "kepala.pem"              # the official's certificate, and
    chain = "bsre.pem"                      # those above it

The service signs whole PDFs, invisibly here, and only with the passphrase or TOTP that the official types
once for a batch (`BsreKey.unlocked`). After “Petunjuk Teknis Penggunaan API Esign Client Service” 2.2.1.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import httpx
from cryptography import x509

from keys.bsre_service import (
    Login,
    Service,
    decoded,
    is_pdf,
    limit_of,
    lost,
    read_login,
    read_signer,
    unavailable,
    unknown_user,
    words,
)
from keys.entry import Entry, secret
from keys.provider import HumanCost, HumanSecret, KeyRefused

_FETCHES = 3


@dataclass(frozen=True)
class _Account:
    """Whose account it is, and whom to name there. The NIK is a secret as the password is."""

    login: Login
    version: int
    nik: str | None = field(repr=False)
    email: str | None = field(repr=False)

    @property
    def official(self) -> dict[str, str]:
        """Who signs, as the service wants it: always text, since a NIK is longer than a double is exact."""
        return {"nik": self.nik} if self.nik is not None else {"email": self.email or ""}


@dataclass(frozen=True)
class BsreKey:
    """An official's key at BSrE; see `keys.provider.PdfKey` for the members.

    Locked (without a secret) it is only a certificate. One object is used by one thread at a time.
    """

    capability: ClassVar[Literal["pdf"]] = "pdf"
    development: ClassVar[bool] = False
    by_consent: ClassVar[bool] = False

    id: str
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    account: _Account = field(repr=False)
    secret: HumanSecret | None = field(default=None, repr=False)
    _asked: list[bool] = field(default_factory=list, repr=False, compare=False)

    @property
    def human_cost(self) -> HumanCost:
        """A passphrase for each batch; nothing once it was typed."""
        return "once_per_batch" if self.secret is None else "nothing"

    def unlocked(self, secret: HumanSecret, digests: Sequence[bytes] = ()) -> BsreKey:
        """See `keys.provider.AttendedKey`. It holds the secret in memory; the service binds it to nothing.

        Raises:
            KeyRefused: ``KEY_CAPABILITY``, a TOTP for version 1, which knows passphrases only.
        """
        if secret.kind == "totp" and self.account.version == 1:
            raise KeyRefused(
                "Version 1 of the service takes no TOTP; give the passphrase.", code="KEY_CAPABILITY"
            )
        return replace(self, secret=secret, _asked=[])

    def sign_pdf(self, pdf: bytes, *, reason: str, location: str) -> bytes:
        """See `keys.provider.PdfKey`. The official's status is asked before the first document of a batch.

        Raises:
            KeyRefused: ``KEY_LOCKED``, ``KEY_PASSPHRASE`` (which counts at BSrE: it is not sent again),
                ``KEY_USER``, ``KEY_USER_STATUS``, ``PROVIDER_REFUSED``.
            ReplyLost: the service may have signed.
            ProviderUnavailable: it cannot be reached.
        """
        if self.secret is None:
            raise KeyRefused(
                f"Key {self.id} signs once its official has typed the passphrase; see “absah sign-batch”.",
                code="KEY_LOCKED",
            )
        with Service(self.account.login) as service:
            if not self._asked:
                _require_active(service, self.account)
                self._asked.append(True)
            sign = _sign_first if self.account.version == 1 else _sign_second
            return sign(service, self.account, pdf, self.secret, reason, location)


def open_bsre(entry: Entry) -> BsreKey:
    """The key of a list's entry, as above; its certificate is checked now, the service is not asked."""
    login = read_login(entry, "bsre")
    version = entry.number("version", range(1, 3))
    nik = secret(entry.content("nik_file")).decode("ascii", "replace") if "nik_file" in entry else None
    email = entry.text_or_none("email")
    if nik is not None and not re.fullmatch(r"[0-9]{16}", nik):
        raise entry.refusal("names a “nik_file” that does not hold 16 digits and nothing else")
    if (nik is None) == (email is None) or (version == 1 and nik is None):
        raise entry.refusal("needs “nik_file” (for version 2, “nik_file” or “email”)")
    certificate, chain = read_signer(entry)
    account = _Account(login, version, nik, email)
    return BsreKey(entry.key_id, certificate, chain, account)


def _require_active(service: Service, account: _Account) -> None:
    """Refuse unless the service says that the official may sign now (``ISSUE``).

    Raises:
        KeyRefused: ``KEY_USER`` or ``KEY_USER_STATUS``.
        ProviderUnavailable: it does not say.
    """
    if account.version == 1:
        status, answer = service.question("GET", f"/api/user/status/{account.nik}")
    else:
        status, answer = service.question("POST", "/api/v2/user/check/status", json=account.official)
    said = answer.get("status")
    if status != httpx.codes.OK or not isinstance(said, str):
        raise unavailable(f"HTTP {status} instead of the official's status")
    if said.casefold() == "not_registered":
        raise unknown_user()
    if said.upper() != "ISSUE":
        word = said.upper() if re.fullmatch(r"[A-Za-z_]{1,30}", said) else "another status"
        raise KeyRefused(
            f"BSrE says “{word}” of the official's certificate, and signs with ISSUE only; the official"
            " has to settle that with BSrE.",
            code="KEY_USER_STATUS",
        )


def _sign_first(
    service: Service, account: _Account, pdf: bytes, secret: HumanSecret, reason: str, location: str
) -> bytes:
    """Version 1: a form with the file; the answer is the PDF, JSON around it, or where to fetch it."""
    form = {
        "nik": account.nik or "",
        "passphrase": secret.value,
        "tampilan": "invisible",
        "reason": reason,
        "location": location,
    }
    files = {"file": ("dokumen.pdf", pdf, "application/pdf")}
    limit = limit_of(pdf)
    headers, body = service.sign("/api/sign/pdf", limit, data=form, files=files)
    if is_pdf(body):
        return body
    answer = words(body)
    if isinstance(answer.get("base64_signed_file"), str):
        return decoded(answer["base64_signed_file"])
    identifier = answer.get("id_dokumen") or headers.get("id_dokumen")
    if isinstance(identifier, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,100}", identifier):
        return _fetch(service, identifier, limit)
    raise lost("with neither a PDF nor where to fetch it")


def _sign_second(
    service: Service, account: _Account, pdf: bytes, secret: HumanSecret, reason: str, location: str
) -> bytes:
    who = {**account.official, secret.kind: secret.value}
    return service.sign_file("/api/v2/sign/pdf", pdf, who, reason, location)


def _fetch(service: Service, identifier: str, limit: int) -> bytes:
    """The signed document, which the service hands out once."""
    for attempt in range(_FETCHES):
        try:
            status, _, body = service.ask("GET", f"/api/sign/download/{identifier}", limit)
        except httpx.HTTPError:
            status, body = 0, b""
        if status == httpx.codes.OK and is_pdf(body):
            return body
        if status:
            break
        time.sleep(0.2 * attempt)
    raise lost("that it signed, and does not hand the document out (any more)")
