"""The time-stamp authority of the development PKI (RFC 3161), in its own process and over HTTP.

Its server answers about revocation too (`keys.revocation_server`): one process holds the PKI's keys.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from asn1crypto import tsp
from cryptography.hazmat import asn1

from keys import revocation_server
from keys.cms import ID_TST_INFO, element, object_identifier, signed_attributes, signed_data
from keys.development import DevelopmentKeyRing
from keys.provider import SigningKey
from keys.revocation_server import DevelopmentOcspResponder

POLICY = "2.999.3161.1"  # under the arc for examples (ITU-T X.660), so that nobody takes it for a real policy
REQUEST_TYPE = "application/timestamp-query"
REPLY_TYPE = "application/timestamp-reply"

_SEQUENCE, _GENERALIZED_TIME = 0x30, 0x18
_DIGEST_SIZES = {"sha256": 32, "sha384": 48, "sha512": 64}
_MAXIMUM_REQUEST = 16 * 1024
_PATIENCE = 10.0  # seconds for a client to send its request

_log = logging.getLogger(__name__)


class _Rejected(Exception):
    """The request gets a PKIFailureInfo instead of a token (RFC 3161, 2.4.2)."""

    def __init__(self, failure: str) -> None:
        super().__init__(failure)
        self.failure = failure


class DevelopmentTimeStampAuthority:
    """Answers time-stamp requests with tokens signed by ``key``; safe to share between threads."""

    def __init__(self, key: SigningKey, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._key = key
        self._clock = clock

    def respond(self, request_der: bytes) -> bytes:
        """The TimeStampResp to a TimeStampReq, both DER: a token, or a rejection that says why.

        Garbage is answered with a rejection too; nothing is raised for it.
        """
        try:
            token = self._token(_parse(request_der))
        except _Rejected as rejected:
            return _response({"status": "rejection", "fail_info": {rejected.failure}})
        return _response({"status": "granted"}, token)

    def _token(self, request: tsp.TimeStampReq) -> bytes:
        # Random, so that numbers stay unique over restarts without anything to remember.
        serial = secrets.randbits(127) | 1 << 126
        time = self._clock().astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode("ascii")
        nonce = request["nonce"].native
        content = element(
            _SEQUENCE,
            asn1.encode_der(1),
            object_identifier(POLICY),
            request["message_imprint"].dump(),
            asn1.encode_der(serial),
            element(_GENERALIZED_TIME, time),
            element(_SEQUENCE, asn1.encode_der(1)),  # accurate to a second
            b"" if nonce is None else asn1.encode_der(nonce),
        )
        certificate = self._key.certificate
        attributes = signed_attributes(certificate, ID_TST_INFO, hashlib.sha256(content).digest())
        return signed_data(
            self._key,
            attributes,
            self._key.sign(attributes),
            content_type=ID_TST_INFO,
            content=content,
            certificates=(certificate, *self._key.chain) if request["cert_req"].native else (),
        )


def server(folder: Path, host: str, port: int) -> ThreadingHTTPServer:
    """The HTTP server of the PKI in ``folder``, bound but not yet serving; port 0 takes a free one."""
    authority = DevelopmentTimeStampAuthority(DevelopmentKeyRing.open(folder).timestamp_key())
    responder = DevelopmentOcspResponder(folder)

    class Handler(_Handler):
        services: ClassVar = {
            REQUEST_TYPE: (authority.respond, REPLY_TYPE),
            revocation_server.REQUEST_TYPE: (responder.respond, revocation_server.REPLY_TYPE),
        }

    return _Server((host, port), Handler)


def serve(folder: Path, host: str, port: int) -> None:
    """Serve until the process ends."""
    with server(folder, host, port) as listening:
        listening.serve_forever()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """One line for our own faults; the library prints a traceback also for a client that went away."""
        if not isinstance(error := sys.exc_info()[1], ConnectionError):
            _log.error("A time-stamp request failed: %s", type(error).__name__)


class _Handler(BaseHTTPRequestHandler):
    """RFC 3161, 3.4, and RFC 6960, A.1: the request and the reply are the bodies of one POST."""

    timeout = _PATIENCE
    services: ClassVar[dict[str, tuple[Callable[[bytes], bytes], str]]]

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        service = self.services.get(self.headers.get_content_type())
        if service is None:
            self.send_error(415)
        elif not (length.isascii() and length.isdigit()):
            self.send_error(411)
        elif int(length) > _MAXIMUM_REQUEST:
            self.send_error(413)
        else:
            respond, kind = service
            reply = respond(self.rfile.read(int(length)))
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

    def log_message(self, format: str, *args: object) -> None:
        _log.debug(format, *args)


def _parse(request_der: bytes) -> tsp.TimeStampReq:
    """A request that we can answer."""
    try:
        request = tsp.TimeStampReq.load(request_der, strict=True)
        known = request.native  # forces the whole parse
        algorithm = known["message_imprint"]["hash_algorithm"]["algorithm"]
        digest = known["message_imprint"]["hashed_message"]
    except Exception as problem:
        # asn1crypto raises ValueError, TypeError, KeyError and more on hostile bytes; all mean the same.
        raise _Rejected("bad_data_format") from problem
    if known["version"] != "v1":
        raise _Rejected("bad_request")
    if algorithm not in _DIGEST_SIZES:
        raise _Rejected("bad_alg")
    if len(digest) != _DIGEST_SIZES[algorithm]:
        raise _Rejected("bad_data_format")
    if known["req_policy"] not in (None, POLICY):
        raise _Rejected("unaccepted_policy")
    if known["extensions"]:
        raise _Rejected("unaccepted_extensions")
    return request


def _response(status: dict[str, object], token: bytes = b"") -> bytes:
    """TimeStampResp ::= SEQUENCE { status PKIStatusInfo, timeStampToken OPTIONAL }."""
    return element(_SEQUENCE, tsp.PKIStatusInfo(status).dump(), token)
