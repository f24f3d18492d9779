"""A remote signing service that follows the CSC API 1.0.4 and 2.0, and can misbehave.

It imports nothing of the product and signs with PyCryptodome, so that no mistake of ours can hide in it.
Section numbers are those of version 2.0.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import secrets
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from Crypto.Hash import SHA256
from Crypto.PublicKey import ECC, RSA
from Crypto.Signature import DSS, pkcs1_15, pss

CLIENT_ID, CLIENT_SECRET = "absah-penguji", "rahasia-klien-4471"
PIN, OTP = "7361-9024", "482913"
REDIRECT_URI = "https://absah.example.id/consent"
SHA256_OID = "2.16.840.1.101.3.4.2.1"
PKCS1_SHA256, PLAIN_RSA, PSS, ECDSA_SHA256 = (
    "1.2.840.113549.1.1.11", "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.2.840.10045.4.3.2",
)  # fmt: skip
_PIN_TRIES = 3


class Sha256:
    """A hash that was computed elsewhere, as PyCryptodome wants to have it."""

    oid, digest_size, block_size, name = SHA256_OID, 32, 64, "SHA256"

    def __init__(self, digest: bytes) -> None:
        self._digest = digest

    def digest(self) -> bytes:
        return self._digest

    @staticmethod
    def new(data: bytes = b"") -> Any:
        return SHA256.new(data)


@dataclass
class Credential:
    """A key in PEM and its certificates in DER, the signer's first; how it is unlocked, and what it signs."""

    pem: bytes
    certificates: list[bytes]
    algorithms: tuple[str, ...] = (PKCS1_SHA256, PSS, ECDSA_SHA256)
    asks_for: tuple[str, ...] = ("PIN",)
    mode: str = "explicit"
    multisign: int = 1000
    key_status: str = "enabled"
    certificate_status: str = "valid"
    wrong_tries: int = 0

    def sign(self, digest: bytes, algorithm: str) -> bytes:
        hashed: Any = Sha256(digest)
        if algorithm == ECDSA_SHA256:
            return DSS.new(self._parsed, "fips-186-3", encoding="der").sign(_for_dss(digest))
        if algorithm == PSS:
            return pss.new(self._parsed, salt_bytes=32).sign(hashed)
        return pkcs1_15.new(self._parsed).sign(hashed)

    @cached_property
    def _parsed(self) -> Any:
        try:
            return RSA.import_key(self.pem)
        except ValueError:
            return ECC.import_key(self.pem)


def _for_dss(digest: bytes) -> Any:
    """DSS insists on a hash object of the library's own."""
    made = SHA256.new()
    made.digest = lambda: digest
    return made


@dataclass
class Sad:
    """What an authorisation is for."""

    credential_id: str
    hashes: list[str]
    left: int
    ends: float


@dataclass
class Refusal(Exception):
    status: int
    error: str
    description: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class CscServer(ThreadingHTTPServer):
    """``/csc/v1`` and ``/csc/v2`` with the same credentials.

    ``bad`` is the mode of misbehaviour, or None; ``counts`` counts requests by method, and ``signatures``;
    ``busy`` is how many seconds were spent on answering, ``processor`` how many of the processor's; ``seen``
    are all requests as text.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, credentials: dict[str, Credential], *, scal: str = "2") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.credentials, self.scal = credentials, scal
        self.impostor: Credential | None = None
        self.bad: str | None = None
        self.counts: Counter[str] = Counter()
        self.busy = self.processor = 0.0
        self.seen: list[str] = []
        self.token_seconds = self.sad_seconds = 3600
        self.pushed_requests = True
        self.oauth2: str | None = None
        self.redirect_uri = REDIRECT_URI
        self.owner_agrees = True
        self.released = threading.Event()
        self.tokens: dict[str, float] = {}
        self.sads: dict[str, Sad] = {}
        self.codes: dict[str, tuple[dict[str, str], Sad]] = {}
        self.pushed: dict[str, dict[str, str]] = {}
        self.lock = threading.Lock()

    def url(self, version: int, name: str = "v") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/csc/{name}{version}"

    def consent(self, address: str) -> dict[str, str]:
        """What the owner's browser brings back after they have decided at that address (section 8.4.2)."""
        asked = dict(parse_qsl(urlsplit(address).query))
        if "request_uri" in asked:
            asked = self.pushed.pop(asked["request_uri"])
        assert asked["response_type"] == "code" and asked["scope"] == "credential"
        assert asked["redirect_uri"] == self.redirect_uri and asked["client_id"] == CLIENT_ID
        listed = asked["hashes"] if "hashes" in asked else asked["hash"]
        hashes = [_standard(each) for each in listed.split(",")]
        sad = Sad(asked["credentialID"], hashes, int(asked["numSignatures"]), time.monotonic() + 300)
        if not self.owner_agrees:
            return {"error": "access_denied", "state": asked["state"]}
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked, sad
        self.counts["consent"] += 1
        return {"code": code, "state": asked["state"]}

    # The methods of the API; each takes the version and the request, and returns the answer.

    def info(self, version: int, asked: dict[str, Any]) -> dict[str, Any]:
        methods = ["auth/login", "credentials/list", "credentials/info", "credentials/authorize",
                   "credentials/extendTransaction", "signatures/signHash", "oauth2/token"]  # fmt: skip
        if self.pushed_requests:
            methods.append("oauth2/pushed_authorize")
        return {
            "specs": "1.0.4.0" if version == 1 else "2.0.0.2", "name": "Penguji", "region": "ID",
            "authType": ["basic", "oauth2client"], "methods": methods, "description": "", "lang": "en-US",
            "oauth2": self.oauth2 or self.url(version),
        }  # fmt: skip

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            raise Refusal(401, "invalid_client")
        if form["grant_type"] == "client_credentials":
            return self._new_token()
        try:
            asked, sad = self.codes.pop(form["code"])
        except KeyError:
            raise Refusal(400, "invalid_grant", "Invalid parameter code") from None
        challenge = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() != asked["code_challenge"]:
            raise Refusal(400, "invalid_grant", "PKCE")
        if form["redirect_uri"] != asked["redirect_uri"]:
            raise Refusal(400, "invalid_grant", "redirect_uri parameter does not match")
        return {"access_token": self._new_sad(sad), "token_type": "SAD", "expires_in": 300}

    def login(self, authorization: str) -> dict[str, Any]:
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if authorization != f"Basic {expected}":
            raise Refusal(400, "authentication_error", "An error occurred during authentication process")
        return self._new_token()

    def credentials_list(self, version: int, asked: dict[str, Any]) -> dict[str, Any]:
        return {"credentialIDs": list(self.credentials)}

    def credentials_info(self, version: int, asked: dict[str, Any]) -> dict[str, Any]:
        held = self._credential(asked)
        number = {"none": 0, "single": 1, "chain": None}[asked.get("certificates", "single")]
        told: dict[str, Any] = {
            "key": {"status": held.key_status, "algo": list(held.algorithms), "len": 2048},
            "cert": {
                "status": held.certificate_status,
                "certificates": [base64.b64encode(each).decode() for each in held.certificates[:number]],
            },
            "SCAL": self.scal, "multisign": held.multisign, "lang": "en-US",
        }  # fmt: skip
        if version == 1:
            told["authMode"] = held.mode
            for name in ("PIN", "OTP"):
                told[name] = {"presence": "true" if name in held.asks_for else "false", "format": "A"}
        else:
            told["auth"] = {"mode": held.mode}
            if held.mode == "explicit":
                told["auth"]["expression"] = " AND ".join(held.asks_for)
                told["auth"]["objects"] = [
                    {"type": "Password", "id": each, "format": "A", "label": each}
                    | ({"generator": "totp"} if each == "OTP" else {})
                    for each in held.asks_for
                ]
        return told

    def credentials_authorize(self, version: int, asked: dict[str, Any]) -> dict[str, Any]:
        held = self._credential(asked)
        if held.mode == "oauth2code":
            raise Refusal(400, "unauthorized_client")
        hashes = self._hashes(version, asked)
        if not 1 <= asked["numSignatures"] <= held.multisign:
            raise Refusal(400, "invalid_request", "Numbers of signatures is too high")
        if version == 1:
            secret = {name: asked.get(name) for name in ("PIN", "OTP")}
        else:
            secret = {each["id"]: each["value"] for each in asked.get("authData", [])}
        self._unlock(version, held, secret)
        ends = time.monotonic() + (-1 if self.bad == "expired_sad" else self.sad_seconds)
        sad = self._new_sad(Sad(asked["credentialID"], hashes, asked["numSignatures"], ends))
        return {"SAD": sad, "expiresIn": self.sad_seconds}

    def credentials_extendTransaction(self, version: int, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        with self.lock:
            sad = self.sads.pop(asked["SAD"], None)
        if sad is None or sad.ends < time.monotonic():
            raise Refusal(400, "invalid_request", "Invalid parameter SAD")
        ends = time.monotonic() + 3600
        again = Sad(sad.credential_id, self._hashes(version, asked), sad.left, ends)
        return {"SAD": self._new_sad(again), "expiresIn": 3600}

    def signatures_signHash(self, version: int, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        held, hashes, algorithm = self._credential(asked), self._hashes(version, asked), asked["signAlgo"]
        if algorithm not in held.algorithms:
            raise Refusal(400, "invalid_request", "Invalid parameter signAlgo")
        hashed = asked.get("hashAlgo" if version == 1 else "hashAlgorithmOID")
        if algorithm in (PLAIN_RSA, PSS) and hashed != SHA256_OID:
            raise Refusal(400, "invalid_request", "Invalid parameter hashAlgo")
        if algorithm == PSS and not asked.get("signAlgoParams"):
            raise Refusal(400, "invalid_request", "Missing (or invalid type) string parameter signAlgoParams")
        with self.lock:
            sad = self.sads.get(asked["SAD"])
            if sad is None or sad.credential_id != asked["credentialID"]:
                raise Refusal(400, "invalid_request", "Invalid parameter SAD")
            if sad.ends < time.monotonic():
                raise Refusal(400, "invalid_request", "SAD expired")
            unknown = self.scal == "2" and not set(hashes) <= set(sad.hashes)
            if unknown or sad.left < len(hashes):
                raise Refusal(400, "invalid_request", "Hash is not authorized by the SAD")
            sad.left -= len(hashes)
            if not sad.left:
                del self.sads[asked["SAD"]]
            self.counts["signatures"] += len(hashes)
        signer = self.impostor if self.bad == "wrong_key" and self.impostor else held
        digests = [base64.b64decode(each) for each in hashes]
        if self.bad == "other_hash":
            digests = [hashlib.sha256(each).digest() for each in digests]
        if self.bad == "fewer":
            digests = digests[:-1]
        made = [base64.b64encode(signer.sign(each, algorithm)).decode() for each in digests]
        if self.bad == "no_base64":
            made = ["*" * 8 for _ in made]
        return {"signatures": made}

    def _unlock(self, version: int, held: Credential, secret: dict[str, Any]) -> None:
        if held.key_status != "enabled":
            raise Refusal(400, "invalid_request", "The credential identified by credentialID is disabled")
        if held.wrong_tries >= _PIN_TRIES:
            raise Refusal(400, "invalid_request", "PIN locked" if version == 1 else "Credential locked")
        for name, right in (("PIN", PIN), ("OTP", OTP)):
            if name in held.asks_for and secret.get(name) != right:
                held.wrong_tries += 1
                if version == 2:
                    raise Refusal(400, "invalid_authentication_data", "The authentication data is invalid")
                raise Refusal(400, f"invalid_{name.lower()}", f"The {name} is invalid")
        held.wrong_tries = 0

    def _credential(self, asked: dict[str, Any]) -> Credential:
        held = self.credentials.get(asked.get("credentialID", ""))
        if held is None:
            raise Refusal(400, "invalid_request", "Invalid parameter credentialID")
        return held

    def _hashes(self, version: int, asked: dict[str, Any]) -> list[str]:
        hashes = asked.get("hash" if version == 1 else "hashes")
        if not isinstance(hashes, list) or not hashes:
            raise Refusal(400, "invalid_request", "Empty hash array")
        if any(len(base64.b64decode(each, validate=True)) != 32 for each in hashes):
            raise Refusal(400, "invalid_request", "Invalid digest value length")
        return hashes

    def _new_token(self) -> dict[str, Any]:
        token = secrets.token_urlsafe(24)
        lifetime = 0 if self.bad == "expired_token" else self.token_seconds
        self.tokens[token] = time.monotonic() + lifetime
        return {"access_token": token, "token_type": "Bearer", "expires_in": self.token_seconds}

    def _new_sad(self, sad: Sad) -> str:
        token = secrets.token_urlsafe(24)
        self.sads[token] = sad
        return token


class _Handler(BaseHTTPRequestHandler):
    server: CscServer

    def do_GET(self) -> None:
        """The page where the owner decides, which they do at once."""
        if not urlsplit(self.path).path.endswith("/oauth2/authorize"):
            self._send(404, {}, b"{}", slow=False)
            return
        brought = urlencode(self.server.consent(self.path))
        self._send(302, {"Location": f"{self.server.redirect_uri}?{brought}"}, b"{}", slow=False)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        began, processor_began = time.monotonic(), time.thread_time()
        _, _, version, method = urlsplit(self.path).path.split("/", 3)
        server = self.server
        server.counts[method] += 1
        server.seen.append(f"{self.path}\n{self.headers}\n{body.decode()}")
        headers: dict[str, str] = {}
        try:
            status, answer = 200, self._answer(int(version[-1]), method, body)
        except Refusal as refusal:
            status, headers = refusal.status, refusal.headers
            answer = {"error": refusal.error, "error_description": refusal.description}
        content = json.dumps(answer).encode()
        if method == "oauth2/pushed_authorize" and status == 200:
            status = 201
        server.busy += time.monotonic() - began
        server.processor += time.thread_time() - processor_began
        if method == "signatures/signHash" and status == 200:
            if server.bad == "hang":
                server.released.wait()
                return
            if server.bad == "garbage":
                content = b"<html>Sedang dipelihara</html>"
            if server.bad == "huge":
                content = b'{"signatures": ["' + b"A" * 1_000_000 + b'"]}'
            if server.bad == "gateway":
                status = 504
            if server.bad == "compressed":
                headers, content = {"Content-Encoding": "gzip"}, gzip.compress(content)
            if server.bad == "redirect":
                status, headers = 307, {"Location": server.url(1) + "/elsewhere"}
        self._send(status, headers, content, slow=server.bad == "slow" and method == "signatures/signHash")

    def _answer(self, version: int, method: str, body: bytes) -> dict[str, Any]:
        server = self.server
        if method in ("oauth2/token", "oauth2/pushed_authorize"):
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            if method == "oauth2/token":
                return server.token(form)
            name = f"urn:penguji:{secrets.token_urlsafe(8)}"
            server.pushed[name] = form
            return {"request_uri": name, "expires_in": 90}
        if method == "auth/login":
            return server.login(self.headers.get("Authorization", ""))
        if method != "info":
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            if server.tokens.get(token, 0) < time.monotonic():
                raise Refusal(401, "invalid_token", "The access token is not valid")
        if server.bad in ("busy_once", "busy") and method == "signatures/signHash":
            if server.bad == "busy_once":
                server.bad = None
            raise Refusal(429, "too_many_requests", headers={"Retry-After": "3"})
        return getattr(server, method.replace("/", "_"))(version, json.loads(body))

    def _send(self, status: int, headers: dict[str, str], content: bytes, *, slow: bool) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json;charset=UTF-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        try:
            if not slow:
                self.wfile.write(content)
                return
            for octet in content:
                self.wfile.write(bytes((octet,)))
                if self.server.released.wait(0.05):
                    return
        except OSError:
            return  # whoever asked has given up

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing to the terminal."""


def _standard(url_safe: str) -> str:
    decoded = base64.urlsafe_b64decode(url_safe + "=" * (-len(url_safe) % 4))
    return base64.b64encode(decoded).decode()
