"""An OCSP responder over HTTP for any authorities, which can be told to misbehave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from keys.software import SoftwareKey
from tests.keys.serving import serving


@dataclass
class Responder:
    """Answers for ``authorities``; ``url`` is where. ``answer`` replaces what it says."""

    authorities: Sequence[SoftwareKey]
    url: str = ""
    life: timedelta = timedelta(hours=2)
    revoked: dict[int, datetime] = field(default_factory=dict)
    asked: int = 0
    answer: Callable[[bytes], tuple[int, bytes]] | None = None

    def respond(self, request_der: bytes) -> tuple[int, bytes]:
        self.asked += 1
        if self.answer is not None:
            return self.answer(request_der)
        return 200, self.honest(request_der)

    def honest(self, request_der: bytes, *, now: datetime | None = None) -> bytes:
        request = ocsp.load_der_ocsp_request(request_der)
        for authority in self.authorities:
            key = x509.SubjectKeyIdentifier.from_public_key(authority.certificate.public_key())
            if key.digest == request.issuer_key_hash:
                break
        else:
            return ocsp.OCSPResponseBuilder.build_unsuccessful(
                ocsp.OCSPResponseStatus.UNAUTHORIZED
            ).public_bytes(Encoding.DER)
        now = (now or datetime.now(UTC)).replace(microsecond=0) - timedelta(seconds=1)
        since = self.revoked.get(request.serial_number)
        return (
            ocsp.OCSPResponseBuilder()
            .add_response_by_hash(
                request.issuer_name_hash, request.issuer_key_hash, request.serial_number,
                request.hash_algorithm, ocsp.OCSPCertStatus.REVOKED if since else ocsp.OCSPCertStatus.GOOD,
                now, now + self.life, since, None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, authority.certificate)
            .sign(authority.private, hashes.SHA256())
            .public_bytes(Encoding.DER)
        )  # fmt: skip


@contextmanager
def responder(*authorities: SoftwareKey) -> Iterator[Responder]:
    made = Responder(authorities)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            code, body = made.respond(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(code)
            self.send_header("Content-Type", "application/ocsp-response")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        made.url = url
        yield made
