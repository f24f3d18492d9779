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

import base64
import binascii
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

import httpx
from cryptography import x509

from keys.entry import Entry, secret
from keys.provider import HumanCost, HumanSecret, KeyRefused, ReplyLost
from keys.software import check_usable, ordered_chain, read_certificates
from storage.vocabulary import Unavailable

_CONNECT_SECONDS = 5.0
_PATIENCE_SECONDS = 60.0  # for one document with all that is asked; a lease lasts 90
_MOST_ADDED = 2 * 1024 * 1024  # by one signature with its validation data
_MOST_BYTES_OF_WORDS = 64 * 1024
_FETCHES = 3

# `status_code` of a refusal (HTTP 400).
_NOT_REGISTERED, _WRONG_PASSPHRASE = 2011, 2031


class ProviderUnavailable(Unavailable):
    """The service does not answer, and was not asked to sign: nothing can have been signed."""

    code = "KEY_PROVIDER"


@dataclass(frozen=True)
class _Account:
    """Where the service is, and whom to name to it. The NIK is a secret as the password is."""

    url: str
    version: int
    username: str
    password: str = field(repr=False)
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
        with _Service(self.account) as service:
            if not self._asked:
                service.require_active()
                self._asked.append(True)
            if self.account.version == 1:
                return service.sign_first(pdf, self.secret, reason, location)
            return service.sign_second(pdf, self.secret, reason, location)


def open_bsre(entry: Entry) -> BsreKey:
    """The key of a list's entry, as above; its certificate is checked now, the service is not asked."""
    url = entry.text("bsre").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or "@" in parts.netloc:
        raise entry.refusal("needs an address such as http://10.0.0.5 as “bsre”")
    version = entry.number("version", range(1, 3))
    nik = secret(entry.content("nik_file")).decode("ascii", "replace") if "nik_file" in entry else None
    email = entry.text_or_none("email")
    if nik is not None and not re.fullmatch(r"[0-9]{16}", nik):
        raise entry.refusal("names a “nik_file” that does not hold 16 digits and nothing else")
    if (nik is None) == (email is None) or (version == 1 and nik is None):
        raise entry.refusal("needs “nik_file” (for version 2, “nik_file” or “email”)")
    account = _Account(
        url,
        version,
        entry.text("username"),
        secret(entry.content("password_file")).decode("utf-8", "replace"),
        nik,
        email,
    )
    certificate, *others = read_certificates(entry.path("certificate"))
    if (chain_path := entry.path_or_none("chain")) is not None:
        others += read_certificates(chain_path)
    chain = ordered_chain(certificate, others)
    check_usable(entry.key_id, certificate, chain, datetime.now(UTC))
    return BsreKey(entry.key_id, certificate, chain, account)


class _Service:
    """The service on one connection, for one document. Nothing of an address, a body or an error is told."""

    def __init__(self, account: _Account) -> None:
        self._account = account
        self._deadline = time.monotonic() + _PATIENCE_SECONDS
        self._client = httpx.Client(
            base_url=account.url,
            auth=httpx.BasicAuth(account.username, account.password),
            trust_env=False,
            follow_redirects=False,
        )

    def __enter__(self) -> _Service:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def require_active(self) -> None:
        """Refuse unless the service says that the official may sign now (``ISSUE``).

        Raises:
            KeyRefused: ``KEY_USER`` or ``KEY_USER_STATUS``.
            ProviderUnavailable: it does not say.
        """
        account = self._account
        try:
            if account.version == 1:
                status, _, body = self._ask("GET", f"/api/user/status/{account.nik}", _MOST_BYTES_OF_WORDS)
            else:
                status, _, body = self._ask(
                    "POST", "/api/v2/user/check/status", _MOST_BYTES_OF_WORDS, json=account.official
                )
        except httpx.HTTPError as problem:
            raise _unavailable(type(problem).__name__) from None
        answer = _words(body)
        _refuse_named(status, answer)
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise KeyRefused(
                "The eSign service of BSrE refuses the user name or password of the key list.",
                code="PROVIDER_REFUSED",
            )
        said = answer.get("status")
        if status != httpx.codes.OK or not isinstance(said, str):
            raise _unavailable(f"HTTP {status} instead of the official's status")
        if said.casefold() == "not_registered":
            raise _unknown_user()
        if said.upper() != "ISSUE":
            word = said.upper() if re.fullmatch(r"[A-Za-z_]{1,30}", said) else "another status"
            raise KeyRefused(
                f"BSrE says “{word}” of the official's certificate, and signs with ISSUE only; the official"
                " has to settle that with BSrE.",
                code="KEY_USER_STATUS",
            )

    def sign_first(self, pdf: bytes, secret: HumanSecret, reason: str, location: str) -> bytes:
        """Version 1: a form with the file; the answer is the PDF, JSON around it, or where to fetch it."""
        form = {
            "nik": self._account.nik or "",
            "passphrase": secret.value,
            "tampilan": "invisible",
            "reason": reason,
            "location": location,
        }
        files = {"file": ("dokumen.pdf", pdf, "application/pdf")}
        limit = _limit(pdf)
        headers, body = self._sign("/api/sign/pdf", limit, data=form, files=files)
        if _is_pdf(body):
            return body
        answer = _words(body)
        if isinstance(answer.get("base64_signed_file"), str):
            return _decoded(answer["base64_signed_file"])
        identifier = answer.get("id_dokumen") or headers.get("id_dokumen")
        if isinstance(identifier, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,100}", identifier):
            return self._fetch(identifier, limit)
        raise _lost("with neither a PDF nor where to fetch it")

    def sign_second(self, pdf: bytes, secret: HumanSecret, reason: str, location: str) -> bytes:
        """Version 2: JSON both ways, here with one file."""
        body = {
            **self._account.official,
            secret.kind: secret.value,
            "signatureProperties": [{"tampilan": "INVISIBLE", "reason": reason, "location": location}],
            "file": [base64.b64encode(pdf).decode("ascii")],
        }
        _, content = self._sign("/api/v2/sign/pdf", _limit(pdf), json=body)
        files = _words(content).get("file")
        if not isinstance(files, list) or len(files) != 1 or not isinstance(files[0], str):
            raise _lost("without exactly one file")
        return _decoded(files[0])

    def _sign(self, path: str, limit: int, **content: Any) -> tuple[httpx.Headers, bytes]:
        """The answer to a request to sign.

        Raises:
            KeyRefused: it says no in words.
            ProviderUnavailable: no request was sent.
            ReplyLost: anything else.
        """
        try:
            status, headers, body = self._ask("POST", path, limit, **content)
        except (httpx.ConnectError, httpx.ConnectTimeout) as problem:
            raise _unavailable(type(problem).__name__) from None
        except httpx.HTTPError as problem:
            # `from None`: what the library says may hold the address, and with it the NIK.
            raise _lost(f"not at all ({type(problem).__name__})") from None
        if 400 <= status < 500:
            _refuse_named(status, _words(body))
            raise KeyRefused(f"BSrE refuses the request (HTTP {status}).", code="PROVIDER_REFUSED")
        if status != httpx.codes.OK:
            raise _lost(f"HTTP {status}")
        return headers, body

    def _fetch(self, identifier: str, limit: int) -> bytes:
        """The signed document, which the service hands out once."""
        for attempt in range(_FETCHES):
            try:
                status, _, body = self._ask("GET", f"/api/sign/download/{identifier}", limit)
            except httpx.HTTPError:
                status, body = 0, b""
            if status == httpx.codes.OK and _is_pdf(body):
                return body
            if status:
                break
            time.sleep(0.2 * attempt)
        raise _lost("that it signed, and does not hand the document out (any more)")

    def _ask(self, method: str, path: str, limit: int, **content: Any) -> tuple[int, httpx.Headers, bytes]:
        """Status, headers and body; the body bounded in size, and all of it in time."""
        left = max(self._deadline - time.monotonic(), 0.001)
        timeout = httpx.Timeout(left, connect=min(_CONNECT_SECONDS, left))
        body = bytearray()
        with self._client.stream(method, path, timeout=timeout, **content) as reply:
            for chunk in reply.iter_bytes():
                body += chunk
                if len(body) > limit:
                    raise httpx.DecodingError("the answer is too long")
                if time.monotonic() > self._deadline:
                    raise httpx.ReadTimeout("the answer takes too long")
            return reply.status_code, reply.headers, bytes(body)


def _limit(pdf: bytes) -> int:
    """How long an answer may be: base64 takes a third more."""
    return (len(pdf) + _MOST_ADDED) * 3 // 2


def _is_pdf(body: bytes) -> bool:
    return body.startswith(b"%PDF-")


def _words(body: bytes) -> dict[str, Any]:
    """The JSON object of an answer; empty where it is something else, such as a page to log in."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise _lost("with something that is not base64") from None


def _refuse_named(status: int, answer: dict[str, Any]) -> None:
    """Raise for a refusal whose `status_code` we know; it comes as a number or as text."""
    if status != httpx.codes.BAD_REQUEST:
        return
    code = str(answer.get("status_code"))
    if code == str(_NOT_REGISTERED):
        raise _unknown_user()
    if code == str(_WRONG_PASSPHRASE):
        raise KeyRefused(
            "BSrE says that the passphrase or TOTP is wrong, and counts that; check it before the next try.",
            code="KEY_PASSPHRASE",
        )
    if re.fullmatch(r"[0-9]{1,6}", code):
        raise KeyRefused(f"BSrE refuses to sign (error {code}).", code="PROVIDER_REFUSED")


def _unknown_user() -> KeyRefused:
    return KeyRefused(
        "BSrE does not know this official; check the NIK or e-mail address in the key list, and the"
        " registration at BSrE.",
        code="KEY_USER",
    )


def _unavailable(how: str) -> ProviderUnavailable:
    return ProviderUnavailable(f"The eSign service of BSrE does not answer ({how}); try again.")


def _lost(how: str) -> ReplyLost:
    return ReplyLost(
        f"BSrE was asked to sign and answered {how}, so it may have signed. Look into its own list of signed"
        " documents; then let the document go on with “absah unblock”, and sign again."
    )
