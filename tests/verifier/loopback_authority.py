"""A certification authority on the loopback: issues certificates that name its addresses, and serves them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cms_maker import KEYS, Maker, certify
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID
from small_pki import NOW, Identity, revocation_list

DAY = timedelta(days=1)
Handler = Callable[["_Request"], None]


class _Request(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, _Server)
        server.asked.append(self.path)
        server.answers.get(self.path, _missing)(self)

    def do_POST(self) -> None:
        self.do_GET()

    def reply(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def log_message(self, *_: object) -> None:
        pass


def _missing(request: _Request) -> None:
    request.reply(b"", 404)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.answers: dict[str, Handler] = {}
        self.asked: list[str] = []
        self.connections = 0

    def process_request(self, *arguments: object) -> None:
        self.connections += 1
        super().process_request(*arguments)  # type: ignore[arg-type]

    def handle_error(self, *_: object) -> None:
        """Whoever asked has gone, as is meant in these tests."""


@dataclass
class Authority:
    """An authority, its root, and the server of its addresses.

    The certificate of ``officer`` names addresses of both kinds, that of ``stamper`` a list.
    """

    server: _Server
    root: Maker
    ca: Maker
    officer: Identity
    stamper: Identity
    revoked: dict[int, datetime] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def anchor(self) -> bytes:
        return self.root.certificate.public_bytes(serialization.Encoding.PEM)

    def answer_ocsp(self, request: _Request) -> None:
        """What RFC 6960 asks for, from the request alone."""
        asked = ocsp.load_der_ocsp_request(request.body())
        by = Identity(self.ca.key, self.ca.certificate, self.ca.issuers)
        assert asked.issuer_key_hash == _key_hash(by)
        since = self.revoked.get(asked.serial_number)
        answer = (
            ocsp.OCSPResponseBuilder()
            .add_response_by_hash(
                asked.issuer_name_hash, asked.issuer_key_hash, asked.serial_number, asked.hash_algorithm,
                ocsp.OCSPCertStatus.REVOKED if since else ocsp.OCSPCertStatus.GOOD,
                NOW - timedelta(minutes=1), NOW + DAY, since, None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, self.ca.certificate)
            .sign(self.ca.key, hashes.SHA256())
        )  # fmt: skip
        request.reply(answer.public_bytes(serialization.Encoding.DER))

    def answer_ca_list(self, request: _Request) -> None:
        request.reply(self.list_of(self.ca, self.revoked))

    def answer_root_list(self, request: _Request) -> None:
        request.reply(self.list_of(self.root, {}))

    @staticmethod
    def list_of(maker: Maker, revoked: dict[int, datetime]) -> bytes:
        return revocation_list(Identity(maker.key, maker.certificate, maker.issuers), revoked)


def _key_hash(identity: Identity) -> bytes:
    return x509.SubjectKeyIdentifier.from_public_key(identity.key.public_key()).digest


def points_at(url: str) -> tuple[x509.CRLDistributionPoints, bool]:
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)
    return x509.CRLDistributionPoints([point]), False


def answered_at(url: str) -> tuple[x509.AuthorityInformationAccess, bool]:
    access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url))
    return x509.AuthorityInformationAccess([access]), False


@contextmanager
def authority() -> Iterator[Authority]:
    """A new one, so that every test has addresses and serial numbers of its own."""
    with _Server() as server:
        url = f"http://127.0.0.1:{server.server_port}"
        root = certify("Akar Alamat", KEYS["p256"](), None, ca=True)
        ca = certify(
            "CA Alamat", KEYS["p256"](), root, ca=True, extensions=[points_at(f"{url}/lists/root.crl")]
        )
        officer = certify(
            "Siti Alamat", KEYS["p256"](), ca,
            extensions=[answered_at(f"{url}/ocsp"), points_at(f"{url}/lists/ca.crl")],
        )  # fmt: skip
        stamper = certify(
            "TSA Alamat", KEYS["rsa2048"](), ca, stamping=True, extensions=[points_at(f"{url}/lists/ca.crl")]
        )
        made = Authority(
            server, root, ca,
            Identity(officer.key, officer.certificate, officer.issuers),
            Identity(stamper.key, stamper.certificate, stamper.issuers),
        )  # fmt: skip
        server.answers = {
            "/ocsp": made.answer_ocsp,
            "/lists/ca.crl": made.answer_ca_list,
            "/lists/root.crl": made.answer_root_list,
        }
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
