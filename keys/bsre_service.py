"""BSrE's eSign Client Service over HTTP: what keys of officials and seals of agencies have in common.

After “Petunjuk Teknis Penggunaan API Esign Client Service” 2.2.1. Nothing of an address, a body or an error
is told: they hold NIKs and secrets.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from cryptography import x509

from keys.entry import Entry, secret
from keys.provider import KeyRefused, ReplyLost
from keys.software import check_usable, ordered_chain, read_certificates
from storage.vocabulary import Unavailable

_CONNECT_SECONDS = 5.0
_PATIENCE_SECONDS = 60.0  # for one document with all that is asked; a lease lasts 90
_MOST_ADDED = 2 * 1024 * 1024  # by one signature with its validation data
MOST_BYTES_OF_WORDS = 64 * 1024

# `status_code` of a refusal (HTTP 400).
_NOT_REGISTERED, _WRONG_PASSPHRASE = 2011, 2031


class ProviderUnavailable(Unavailable):
    """The service does not answer, and was not asked to sign: nothing can have been signed."""

    code = "KEY_PROVIDER"


@dataclass(frozen=True)
class Login:
    """Where the service is, and our account there (HTTP Basic)."""

    url: str
    username: str
    password: str = field(repr=False)


def read_login(entry: Entry, kind: str) -> Login:
    """The address under ``kind``, with ``username`` and ``password_file``.

    Raises:
        Misconfigured: one of them is missing or wrong.
    """
    url = entry.text(kind).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or "@" in parts.netloc:
        raise entry.refusal(f"needs an address such as http://10.0.0.5 as “{kind}”")
    password = secret(entry.content("password_file")).decode("utf-8", "replace")
    return Login(url, entry.text("username"), password)


def read_signer(entry: Entry) -> tuple[x509.Certificate, tuple[x509.Certificate, ...]]:
    """The only certificate that may sign, and those above it: ``certificate`` and ``chain``, checked.

    Raises:
        KeyRefused, Misconfigured: they cannot be read, or must not sign.
    """
    certificate, *others = read_certificates(entry.path("certificate"))
    if (chain_path := entry.path_or_none("chain")) is not None:
        others += read_certificates(chain_path)
    chain = ordered_chain(certificate, others)
    check_usable(entry.key_id, certificate, chain, datetime.now(UTC))
    return certificate, chain


class Service:
    """The service on one connection, for one document."""

    def __init__(self, login: Login) -> None:
        self._deadline = time.monotonic() + _PATIENCE_SECONDS
        self._client = httpx.Client(
            base_url=login.url,
            auth=httpx.BasicAuth(login.username, login.password),
            trust_env=False,
            follow_redirects=False,
        )

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def question(self, method: str, path: str, **content: Any) -> tuple[int, dict[str, Any]]:
        """Status and words of an answer to a request that signs nothing.

        Raises:
            KeyRefused: the account is refused, or the official unknown.
            ProviderUnavailable: it does not answer.
        """
        try:
            status, _, body = self.ask(method, path, MOST_BYTES_OF_WORDS, **content)
        except httpx.HTTPError as problem:
            # `from None`: what the library says may hold the address, and with it the NIK.
            raise unavailable(type(problem).__name__) from None
        answer = words(body)
        refuse_named(status, answer)
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise KeyRefused(
                "The eSign service of BSrE refuses the user name or password of the key list.",
                code="PROVIDER_REFUSED",
            )
        return status, answer

    def sign_file(self, path: str, pdf: bytes, who: Mapping[str, str], reason: str, location: str) -> bytes:
        """Version 2: JSON both ways, here with one file, signed unseen; ``who`` signs, and with what.

        Raises as `sign`.
        """
        body = {
            **who,
            "signatureProperties": [{"tampilan": "INVISIBLE", "reason": reason, "location": location}],
            "file": [base64.b64encode(pdf).decode("ascii")],
        }
        _, content = self.sign(path, limit_of(pdf), json=body)
        return only_file(content)

    def sign(self, path: str, limit: int, **content: Any) -> tuple[httpx.Headers, bytes]:
        """The answer to a request to sign.

        Raises:
            KeyRefused: it says no in words.
            ProviderUnavailable: no request was sent.
            ReplyLost: anything else.
        """
        try:
            status, headers, body = self.ask("POST", path, limit, **content)
        except (httpx.ConnectError, httpx.ConnectTimeout) as problem:
            raise unavailable(type(problem).__name__) from None
        except httpx.HTTPError as problem:
            # `from None`: what the library says may hold the address, and with it the NIK.
            raise lost(f"not at all ({type(problem).__name__})") from None
        if 400 <= status < 500:
            refuse_named(status, words(body))
            raise KeyRefused(f"BSrE refuses the request (HTTP {status}).", code="PROVIDER_REFUSED")
        if status != httpx.codes.OK:
            raise lost(f"HTTP {status}")
        return headers, body

    def ask(self, method: str, path: str, limit: int, **content: Any) -> tuple[int, httpx.Headers, bytes]:
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


def limit_of(pdf: bytes) -> int:
    """How long an answer may be: base64 takes a third more."""
    return (len(pdf) + _MOST_ADDED) * 3 // 2


def is_pdf(body: bytes) -> bool:
    """Whether an answer is a document, and not words."""
    return body.startswith(b"%PDF-")


def words(body: bytes) -> dict[str, Any]:
    """The JSON object of an answer; empty where it is something else, such as a page to log in."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def only_file(content: bytes) -> bytes:
    """The signed document of an answer of version 2 to one file.

    Raises:
        ReplyLost: there is not exactly one.
    """
    files = words(content).get("file")
    if not isinstance(files, list) or len(files) != 1 or not isinstance(files[0], str):
        raise lost("without exactly one file")
    return decoded(files[0])


def decoded(text: str) -> bytes:
    """A document in base64.

    Raises:
        ReplyLost: it is something else.
    """
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise lost("with something that is not base64") from None


def refuse_named(status: int, answer: dict[str, Any]) -> None:
    """Raise for a refusal whose `status_code` we know; it comes as a number or as text."""
    if status != httpx.codes.BAD_REQUEST:
        return
    code = str(answer.get("status_code"))
    if code == str(_NOT_REGISTERED):
        raise unknown_user()
    if code == str(_WRONG_PASSPHRASE):
        raise KeyRefused(
            "BSrE says that the passphrase or TOTP is wrong, and counts that; check it before the next try.",
            code="KEY_PASSPHRASE",
        )
    if re.fullmatch(r"[0-9]{1,6}", code):
        raise KeyRefused(f"BSrE refuses to sign (error {code}).", code="PROVIDER_REFUSED")


def unknown_user() -> KeyRefused:
    """Error 2011."""
    return KeyRefused(
        "BSrE does not know this official; check the NIK or e-mail address in the key list, and the"
        " registration at BSrE.",
        code="KEY_USER",
    )


def unavailable(how: str) -> ProviderUnavailable:
    """It was not asked to sign."""
    return ProviderUnavailable(f"The eSign service of BSrE does not answer ({how}); try again.")


def lost(how: str) -> ReplyLost:
    """It was asked to sign, and the document is not here."""
    return ReplyLost(
        f"BSrE was asked to sign and answered {how}, so it may have signed. Look into its own list of signed"
        " documents before you have it sign again; a document that is issued here then goes on with"
        " “absah unblock”."
    )
