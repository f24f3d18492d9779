"""The leave to sign certain hashes at a remote service: what section 8 of the CSC API calls SAD.

A machine or its owner gets it with a PIN or a one-time password (`authorise`), or the owner by consenting in
a browser to what the service shows there (`ask_consent`, then `redeem`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from keys.consent import Consent
from keys.csc_credential import SHA256_OID, Credential
from keys.csc_service import AuthorisationEnded, Service
from keys.provider import KeyRefused

# Servers commonly take no longer ones; there is no standard for it (RFC 9110, 4.1 recommends 8000 octets).
_LONGEST_ADDRESS = 8000
_DEFAULT_LIFETIME = 3600  # section 11.6


@dataclass(frozen=True)
class Authorisation:
    """The leave to sign exactly these SHA-256 hashes, once, until ``ends`` (monotonic seconds)."""

    digests: tuple[bytes, ...]
    ends: float
    sad: str = field(repr=False)
    _unused: list[None] = field(default_factory=lambda: [None], repr=False, compare=False)

    def take(self, key_id: str) -> str:
        """What the service has to be shown; from now on it is used.

        Raises:
            KeyRefused: ``KEY_AUTHORISATION``, it was used before or has ended.
        """
        try:
            self._unused.pop()
        except IndexError:
            raise KeyRefused(
                f"The authorisation for key “{key_id}” was used before; ask for another.",
                code="KEY_AUTHORISATION",
            ) from None
        if time.monotonic() >= self.ends:
            raise AuthorisationEnded(f"The authorisation for key “{key_id}” has ended; ask for another.")
        return self.sad

    def give_back(self) -> None:
        """Let it count as unused again, since the service did nothing with it."""
        self._unused.append(None)


def hashes(service: Service, digests: Sequence[bytes]) -> dict[str, object]:
    """The hashes as the version of the service wants them in a request."""
    listed = [base64.b64encode(each).decode() for each in digests]
    if service.version == 1:
        return {"hash": listed}
    return {"hashes": listed, "hashAlgorithmOID": SHA256_OID}


def authorise(
    service: Service, credential: Credential, digests: Sequence[bytes], secrets_by_name: Mapping[str, str]
) -> Authorisation:
    """Section 11.6; raises as `Service.ask`."""
    question: dict[str, object] = {
        "credentialID": credential.id, "numSignatures": len(digests), **hashes(service, digests),
    }  # fmt: skip
    if service.version == 1:
        question |= secrets_by_name
    elif secrets_by_name:
        question["authData"] = [{"id": name, "value": value} for name, value in secrets_by_name.items()]
    asked = time.monotonic()
    return _given(service, digests, asked, service.ask("credentials/authorize", question))


def extend(service: Service, credential: Credential, given: Authorisation) -> Authorisation:
    """Another authorisation for the same hashes, in place of an unused one (section 11.9).

    Raises as `Service.ask`, and as `Authorisation.take`.
    """
    question = {"credentialID": credential.id, "SAD": given.take(credential.id)}
    asked = time.monotonic()
    answer = service.ask("credentials/extendTransaction", {**question, **hashes(service, given.digests)})
    return _given(service, given.digests, asked, answer)


def ask_consent(
    service: Service, credential: Credential, digests: Sequence[bytes], redirect_uri: str
) -> Consent:
    """Where the owner has to go (sections 8.4.2 and 8.4.3).

    Raises:
        KeyRefused: ``KEY_TOO_MANY``, the service takes so many hashes in no way; and as `Service.ask`.
    """
    state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
    form = {
        "response_type": "code", "client_id": service.client_id, "redirect_uri": redirect_uri,
        "scope": "credential", "state": state, "credentialID": credential.id,
        "numSignatures": str(len(digests)),
        # RFC 7636; a server of version 1 passes over it (RFC 6749, 3.1).
        "code_challenge": _url_safe(hashlib.sha256(verifier.encode()).digest()),
        "code_challenge_method": "S256",
    }  # fmt: skip
    listed = ",".join(_url_safe(each) for each in digests)
    form |= {"hash": listed} if service.version == 1 else {"hashes": listed, "hashAlgorithmOID": SHA256_OID}
    if service.offers("oauth2/pushed_authorize"):
        pushed = service.push("pushed_authorize", form).get("request_uri")
        if not isinstance(pushed, str):
            raise service.not_as_promised("a request_uri")
        form = {"client_id": service.client_id, "request_uri": pushed}
    address = f"{service.oauth2('authorize')}?{urlencode(form)}"
    if len(address) > _LONGEST_ADDRESS:
        raise KeyRefused(
            f"{len(digests)} hashes are too many for an address, and the service takes them in no other way;"
            " authorise fewer at once.",
            code="KEY_TOO_MANY",
        )
    return Consent(address, tuple(digests), redirect_uri, state, verifier)


def redeem(service: Service, consent: Consent, *, code: str, state: str) -> Authorisation:
    """The authorisation that the owner consented to; ``code`` and ``state`` are what the browser brought.

    Raises:
        AuthorisationEnded: the state answers another consent, or the code is no longer good.
        KeyRefused, storage.vocabulary.Unavailable: as `Service.ask`.
    """
    if not hmac.compare_digest(state.encode(), consent.state.encode()):
        raise AuthorisationEnded("That consent answers another question than ours; ask for it again.")
    asked = time.monotonic()
    sad, lifetime = service.redeem(
        {
            "grant_type": "authorization_code", "code": code, "redirect_uri": consent.redirect_uri,
            "code_verifier": consent.verifier,
        }
    )  # fmt: skip
    return Authorisation(consent.digests, asked + lifetime, sad)


def _given(service: Service, digests: Sequence[bytes], asked: float, answer: dict[str, Any]) -> Authorisation:
    sad, lifetime = answer.get("SAD"), answer.get("expiresIn", _DEFAULT_LIFETIME)
    if not isinstance(sad, str) or not sad or not isinstance(lifetime, int | float):
        raise service.not_as_promised("an authorisation")
    return Authorisation(tuple(digests), asked + lifetime, sad)


def _url_safe(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
