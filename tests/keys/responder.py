"""An OCSP responder (RFC 6960) for the tests' own authorities, beside the development PKI's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from keys.revocation_server import REPLY_TYPE, DevelopmentOcspResponder
from keys.software import SoftwareKey
from tests.keys.serving import serving


@contextmanager
def answering(authority: SoftwareKey, keys_folder: Path) -> Iterator[str]:
    """The address of a responder to which all certificates of both are good."""
    development = DevelopmentOcspResponder(keys_folder)
    own_key = x509.SubjectKeyIdentifier.from_public_key(authority.certificate.public_key()).digest

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = ocsp.load_der_ocsp_request(body)
            own = request.issuer_key_hash == own_key
            answer = _good(request, authority) if own else development.respond(body)
            self.send_response(200)
            self.send_header("Content-Type", REPLY_TYPE)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing to the terminal."""

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url


def _good(request: ocsp.OCSPRequest, authority: SoftwareKey) -> bytes:
    now = datetime.now(UTC).replace(microsecond=0)
    builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
        request.issuer_name_hash, request.issuer_key_hash, request.serial_number, request.hash_algorithm,
        ocsp.OCSPCertStatus.GOOD, now - timedelta(minutes=1), now + timedelta(hours=24), None, None,
    )  # fmt: skip
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, authority.certificate)
    return builder.sign(authority.private, hashes.SHA256()).public_bytes(Encoding.DER)
