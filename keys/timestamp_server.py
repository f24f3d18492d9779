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
from typing import Annotated, ClassVar

from cryptography import x509
from cryptography.hazmat import asn1

from keys import revocation_server
from keys.cms import ID_TST_INFO, element, object_identifier, signed_attributes, signed_data
from keys.development import DevelopmentKeyRing
from keys.provider import SigningKey
from keys.revocation_server import DevelopmentOcspResponder

POLICY = "2.999.3161.1"  # under the arc for examples (ITU-T X.660), so that nobody takes it for a real policy
REQUEST_TYPE = "application/timestamp-query"
REPLY_TYPE = "application/timestamp-reply"

_SEQUENCE, _BIT_STRING, _GENERALIZED_TIME = 0x30, 0x03, 0x18
_DIGEST_SIZES = {
    "2.16.840.1.101.3.4.2.1": 32,  # SHA-256
    "2.16.840.1.101.3.4.2.2": 48,  # SHA-384
    "2.16.840.1.101.3.4.2.3": 64,  # SHA-512
}
_ONE = asn1.encode_der(1)
_ACCURACY = element(_SEQUENCE, _ONE)  # to a second
# RFC 3161, 2.4.2: PKIStatus, and the bits of PKIFailureInfo.
_GRANTED, _REJECTION = asn1.encode_der(0), asn1.encode_der(2)
_BAD_ALG, _BAD_REQUEST, _BAD_DATA_FORMAT, _UNACCEPTED_POLICY, _UNACCEPTED_EXTENSION = 0, 2, 5, 15, 16
_MAXIMUM_REQUEST = 16 * 1024
_PATIENCE = 10.0  # seconds for a client to send its request

_log = logging.getLogger(__name__)


class _Rejected(Exception):
    """The request gets a PKIFailureInfo instead of a token (RFC 3161, 2.4.2)."""

    def __init__(self, failure: int) -> None:
        super().__init__(failure)
        self.failure = failure


@asn1.sequence
class _Algorithm:
    """AlgorithmIdentifier of a digest, whose parameters are NULL or missing (RFC 5754, 2)."""

    algorithm: x509.ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class _Imprint:
    """MessageImprint."""

    algorithm: _Algorithm
    digest: bytes


@asn1.sequence
class _Request:
    """TimeStampReq (RFC 3161, 2.4.1)."""

    version: int
    imprint: _Imprint
    policy: x509.ObjectIdentifier | None
    nonce: int | None
    wants_certificates: Annotated[bool, asn1.Default(False)]
    extensions: Annotated[list[asn1.TLV] | None, asn1.Implicit(0)]


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
            return _response(_REJECTION, _failure_info(rejected.failure))
        return _response(_GRANTED, token=token)

    def _token(self, request: _Request) -> bytes:
        # Random, so that numbers stay unique over restarts without anything to remember.
        serial = secrets.randbits(127) | 1 << 126
        time = self._clock().astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode("ascii")
        content = element(
            _SEQUENCE,
            _ONE,
            object_identifier(POLICY),
            asn1.encode_der(request.imprint),
            asn1.encode_der(serial),
            element(_GENERALIZED_TIME, time),
            _ACCURACY,
            b"" if request.nonce is None else asn1.encode_der(request.nonce),
        )
        certificate = self._key.certificate
        attributes = signed_attributes(certificate, ID_TST_INFO, hashlib.sha256(content).digest())
        return signed_data(
            certificate,
            self._key.algorithm,
            attributes,
            self._key.sign(attributes),
            content_type=ID_TST_INFO,
            content=content,
            certificates=(certificate, *self._key.chain) if request.wants_certificates else (),
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


def _parse(request_der: bytes) -> _Request:
    """A request that we can answer."""
    try:
        request = asn1.decode_der(_Request, request_der)
    except ValueError as problem:
        raise _Rejected(_BAD_DATA_FORMAT) from problem
    if request.version != 1:
        raise _Rejected(_BAD_REQUEST)
    size = _DIGEST_SIZES.get(request.imprint.algorithm.algorithm.dotted_string)
    if size is None:
        raise _Rejected(_BAD_ALG)
    if len(request.imprint.digest) != size:
        raise _Rejected(_BAD_DATA_FORMAT)
    if request.policy is not None and request.policy.dotted_string != POLICY:
        raise _Rejected(_UNACCEPTED_POLICY)
    if request.extensions:
        raise _Rejected(_UNACCEPTED_EXTENSION)
    return request


def _failure_info(bit: int) -> bytes:
    """A PKIFailureInfo with that bit, as DER writes named bits: without zeros behind the last one."""
    octets, unused = bit // 8, 7 - bit % 8
    return element(_BIT_STRING, bytes((unused,)) + bytes(octets) + bytes((1 << unused,)))


def _response(status: bytes, failure_info: bytes = b"", token: bytes = b"") -> bytes:
    """TimeStampResp ::= SEQUENCE { status PKIStatusInfo, timeStampToken OPTIONAL }."""
    return element(_SEQUENCE, element(_SEQUENCE, status, failure_info), token)
