"""A remote signing service as one worker process sees it: HTTP, the access token, and what its answers mean.

Cloud Signature Consortium, “Architectures and protocols for remote signature applications”, versions 1.0.4
and 2.0; section numbers here are those of 2.0. What is asked of a credential stands in `keys.csc`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog

from keys.provider import KeyRefused
from storage.vocabulary import Unavailable

TIMEOUT_SECONDS = 15.0
"""For connecting, for each read, and for an answer as a whole."""
PATIENCE_SECONDS = 20.0
"""How long a request waits in all where the service says that it is asked too often (429)."""
_MOST_BYTES = 256 * 1024
_DEFAULT_LIFETIME = 3600  # section 8.4.4: where an answer does not say how long a token is good
_RENEWED_BEFORE_SECONDS = 30.0

log = structlog.get_logger("worker")


class AnswerLost(Unavailable):
    """The service may have done what it was asked for, but its answer was not received."""

    code = "KEY_SERVICE"


class AuthorisationEnded(KeyRefused):
    """The service says that the authorisation (SAD) is expired or not valid for that: nothing was signed."""

    code = "KEY_AUTHORISATION"


@dataclass(frozen=True)
class Address:
    """Where a service is, by its settings: without ``/`` at the end.

    ``oauth2`` is set where the operator says that the authorisation server is another host.
    """

    base: str
    oauth2: str | None = None


@dataclass(frozen=True)
class _About:
    """What the service says of itself (section 11.1)."""

    version: int
    methods: frozenset[str]
    oauth2: str


@dataclass(frozen=True)
class _Token:
    value: str = field(repr=False)
    ends: float


@dataclass(frozen=True)
class _Reply:
    status: int
    content: Any
    retry_after: str | None


class Service:
    """A service and our account there.

    Args:
        key_id: of the key that is reached by it, for messages.
        address: where it is.
        client_id: our name as an OAuth 2.0 client (RFC 6749, 2.2).
        client_secret: the secret of it, read anew for each token, so that a mended file counts at once.
    """

    def __init__(
        self,
        key_id: str,
        address: Address,
        client_id: str,
        client_secret: Callable[[], str],
    ) -> None:
        self.client_id = client_id
        self._key_id = key_id
        self._address = address
        self._client_secret = client_secret
        self._lock = threading.Lock()
        self._known: _About | None = None
        self._token: _Token | None = None
        # Each request on a connection of its own: one that the service closes while it lies idle would look
        # like a signature whose answer was lost.
        self._http = httpx.Client(
            timeout=TIMEOUT_SECONDS, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    @property
    def version(self) -> int:
        """1 or 2: which form its requests have."""
        return self._about().version

    def offers(self, method: str) -> bool:
        """Whether the service lists that method of the API."""
        return method in self._about().methods

    def oauth2(self, endpoint: str) -> str:
        """The address of ``authorize``, ``pushed_authorize`` or ``token`` (section 8.4)."""
        return f"{self._about().oauth2}/oauth2/{endpoint}"

    def ask(
        self, method: str, question: Mapping[str, object], most_bytes: int = _MOST_BYTES
    ) -> dict[str, Any]:
        """What the service answers to a method of the API.

        A token that has ended before its time is exchanged once; a service that is asked too often is
        waited for. In both cases the service has said that it did nothing. Nothing else is sent twice.

        Raises:
            AnswerLost: no answer, or not a whole one.
            Unavailable: ``KEY_SERVICE``, it says that it cannot answer now.
            AuthorisationEnded: see there.
            KeyRefused: ``KEY_LOGIN``, ``KEY_PIN``, ``KEY_OTP``, ``KEY_DISABLED``, ``KEY_ANSWER``; any other
                refusal is ``KEY_REFUSED``.
        """
        url = f"{self._address.base}/{method}"
        token = self._service_token()
        reply = self._post(url, question, token, most_bytes)
        if reply.status == httpx.codes.UNAUTHORIZED:
            with self._lock:
                if self._token is token:
                    self._token = None
            log.info("csc.token_ended", key=self._key_id)
            reply = self._post(url, question, self._service_token(), most_bytes)
        return self._accepted(reply)

    def redeem(self, form: Mapping[str, str]) -> tuple[str, float]:
        """The access token that the token endpoint gives for ``form``, and for how many seconds.

        Raises as `ask`: ``KEY_LOGIN`` where our account is refused, `AuthorisationEnded` where a code is.
        """
        answer = self.push("token", form)
        token, lifetime = answer.get("access_token"), answer.get("expires_in", _DEFAULT_LIFETIME)
        if not isinstance(token, str) or not token or isinstance(lifetime, bool):
            raise self.not_as_promised("an access token")
        if not isinstance(lifetime, int | float):
            raise self.not_as_promised("an access token with its lifetime in seconds")
        return token, float(lifetime)

    def push(self, endpoint: str, form: Mapping[str, str]) -> dict[str, Any]:
        """What an endpoint of the authorisation server answers to a form of ours; raises as `redeem`."""
        account = {"client_id": self.client_id, "client_secret": self._client_secret()}
        reply = self._post(self.oauth2(endpoint), None, None, _MOST_BYTES, form={**form, **account})
        if reply.status in (httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            if _text(reply.content, "error") == "invalid_grant":
                raise AuthorisationEnded(
                    f"The service no longer accepts the consent for key “{self._key_id}”; ask for it again."
                )
            raise KeyRefused(
                f"The service of key “{self._key_id}” refuses our account; check client_id and"
                " client_secret_file.",
                code="KEY_LOGIN",
            )
        return self._accepted(reply)

    def not_as_promised(self, what: str) -> KeyRefused:
        """The error for an answer that lacks ``what``."""
        return KeyRefused(f"The service of key “{self._key_id}” answers without {what}.", code="KEY_ANSWER")

    def _service_token(self) -> _Token:
        with self._lock:
            if self._token is not None and monotonic() < self._token.ends:
                return self._token
        asked = monotonic()
        value, lifetime = self.redeem({"grant_type": "client_credentials", "scope": "service"})
        # Renewed before it ends; one that lives for seconds is at least used for half of them.
        token = _Token(value, asked + max(lifetime - _RENEWED_BEFORE_SECONDS, lifetime / 2))
        with self._lock:
            self._token = token
        return token

    def _about(self) -> _About:
        with self._lock:
            known = self._known
        if known is None:
            known = self._read_about()
            with self._lock:
                self._known = known
        return known

    def _read_about(self) -> _About:
        answer = self._accepted(self._post(f"{self._address.base}/info", {}, None, _MOST_BYTES))
        methods = answer.get("methods")
        listed = [each for each in methods if isinstance(each, str)] if isinstance(methods, list) else []
        told = _text(answer, "oauth2").rstrip("/")
        if not (told.isascii() and told.isprintable()) or " " in told:
            # People are shown what begins with it, on terminals too.
            raise self.not_as_promised("an address for OAuth 2.0 that is one")
        if self._address.oauth2 is None and told and _origin(told) != _origin(self._address.base):
            # Our secret goes there: no answer may lead it to another host.
            raise KeyRefused(
                f"The service of key “{self._key_id}” names another host for OAuth 2.0; if that is right,"
                " write it as “oauth2” in the key list.",
                code="KEY_LOGIN",
            )
        last = self._address.base.rpartition("/")[2]
        version = last if last in ("v1", "v2") else f"v{_text(answer, 'specs')[:1]}"
        if version not in ("v1", "v2"):
            raise self.not_as_promised("a version of the API that we know (1 or 2)")
        return _About(int(version[1]), frozenset(listed), self._address.oauth2 or told or self._address.base)

    def _post(
        self,
        url: str,
        question: Mapping[str, object] | None,
        token: _Token | None,
        most_bytes: int,
        form: Mapping[str, str] | None = None,
    ) -> _Reply:
        patience = PATIENCE_SECONDS
        while True:
            reply = self._post_once(url, question, token, most_bytes, form)
            if reply.status != httpx.codes.TOO_MANY_REQUESTS:
                return reply
            pause = _pause(reply.retry_after)
            patience -= pause
            if patience < 0:
                raise Unavailable(
                    f"The service of key “{self._key_id}” is asked too often; the document waits.",
                    code="KEY_SERVICE",
                )
            log.info("csc.asked_to_wait", key=self._key_id, seconds=pause)
            sleep(pause)

    def _post_once(
        self,
        url: str,
        question: Mapping[str, object] | None,
        token: _Token | None,
        most_bytes: int,
        form: Mapping[str, str] | None,
    ) -> _Reply:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.value}"
        deadline = monotonic() + TIMEOUT_SECONDS
        # The errors of the library are not chained: their requests hold what must not get into a traceback.
        problem = None
        try:
            with self._http.stream("POST", url, json=question, data=form, headers=headers) as answer:
                body = bytearray()
                # As it comes: what is compressed without having been asked for could fill the memory.
                for chunk in answer.iter_raw():
                    body += chunk
                    if len(body) > most_bytes:
                        raise self._lost("is too long")
                    if monotonic() > deadline:
                        raise self._lost("takes too long")
                return _Reply(answer.status_code, _parsed(bytes(body)), answer.headers.get("Retry-After"))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            # Nothing was sent.
            problem = Unavailable(
                f"The service of key “{self._key_id}” cannot be reached ({type(error).__name__}).",
                code="KEY_SERVICE",
            )
        except (httpx.HTTPError, httpx.StreamError) as error:
            problem = self._lost(f"does not arrive ({type(error).__name__})")
        raise problem

    def _accepted(self, reply: _Reply) -> dict[str, Any]:
        if reply.status == httpx.codes.OK or reply.status == httpx.codes.CREATED:
            if not isinstance(reply.content, dict):
                raise self._lost("is not JSON: something else answers in its place")
            return reply.content
        if reply.status >= httpx.codes.INTERNAL_SERVER_ERROR:
            # Also of a proxy that did not wait for the service.
            raise self._lost(f"is HTTP {reply.status}")
        if reply.status not in (httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            # Also a redirection, which is not followed.
            raise Unavailable(
                f"The service of key “{self._key_id}” answers HTTP {reply.status}.", code="KEY_SERVICE"
            )
        raise self._refusal(reply)

    def _refusal(self, reply: _Reply) -> KeyRefused:
        """What an error of the service means (section 10.2). Its own text is not repeated: it may be ours."""
        error, description = _text(reply.content, "error"), _text(reply.content, "error_description").lower()
        name = f"The service of key “{self._key_id}”"
        if reply.status == httpx.codes.UNAUTHORIZED:
            return KeyRefused(f"{name} refuses the token that it has just given.", code="KEY_LOGIN")
        if "locked" in description:
            return KeyRefused(f"{name} has locked the credential; let it be unlocked.", code="KEY_PIN")
        if error == "invalid_otp":
            return KeyRefused(f"{name} refused the one-time password.", code="KEY_OTP")
        if error in ("invalid_pin", "invalid_authentication_data"):
            return KeyRefused(f"{name} refused the PIN; it is not sent again.", code="KEY_PIN")
        if "disabled" in description or "certificate is expired" in description:
            return KeyRefused(f"{name} says that the credential is disabled.", code="KEY_DISABLED")
        if "sad" in description.split():
            return AuthorisationEnded(f"{name} does not accept the authorisation for these, or not any more.")
        known = error if error.replace("_", "").isalpha() and error.isascii() and len(error) <= 40 else "?"
        return KeyRefused(f"{name} refuses: HTTP {reply.status}, {known}.")

    def _lost(self, how: str) -> AnswerLost:
        return AnswerLost(f"The answer of the service of key “{self._key_id}” {how}.")


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _text(content: Any, name: str) -> str:
    value = content.get(name) if isinstance(content, dict) else None
    return value if isinstance(value, str) else ""


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _pause(retry_after: str | None) -> float:
    """The seconds that a Retry-After (RFC 9110, 10.2.3) asks for; one second where it is missing or wrong."""
    if retry_after is None:
        return 1.0
    if retry_after.isascii() and retry_after.isdigit():
        return max(float(retry_after[:9]), 0.1)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return 1.0
    return max((until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.1)
