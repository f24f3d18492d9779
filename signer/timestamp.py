"""Time-stamps (RFC 3161) that are believed only after we have checked them ourselves.

A signature carries its token for ever. A token over another hash, from an unknown authority or with a
time of its own choosing would be found out only by whoever verifies, years later.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asn1crypto.x509
import httpx
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathBuildingError, ValidationError

from keys.cms import element, object_identifier
from storage.vocabulary import AbsahError, Unavailable
from verifier.algorithms import Message, digest_name
from verifier.ber import BIT_STRING, INTEGER, OCTET_STRING, SEQUENCE, Element, read_whole
from verifier.certificate import EXTENDED_KEY_USAGE, TIME_STAMPING, Certificate, read_certificate
from verifier.cms import ID_TST_INFO, judge, read_signed_data

REQUEST_TYPE = "application/timestamp-query"
REPLY_TYPE = "application/timestamp-reply"

# A P-256 development token takes 2.3 kB; authorities with RSA-4096 and long chains stay under 7 kB.
TOKEN_SIZE = 8 * 1024
TOLERANCE = timedelta(minutes=5)

_MAXIMUM_REPLY = 64 * 1024
_VERSION, _TRUE = asn1.encode_der(1), asn1.encode_der(True)
_SHA256 = element(SEQUENCE, object_identifier("2.16.840.1.101.3.4.2.1"), b"\x05\x00")
_NEVER = datetime.min.replace(tzinfo=UTC)
# RFC 3161, 2.4.2: PKIStatus granted and grantedWithMods, PKIFailureInfo by bit, and which of these are
# failures of the moment, not of our request.
_GRANTED = (0, 1)
_FAILURES = {
    0: "badAlg", 2: "badRequest", 5: "badDataFormat", 14: "timeNotAvailable", 15: "unacceptedPolicy",
    16: "unacceptedExtension", 17: "addInfoNotAvailable", 25: "systemFailure",
}  # fmt: skip
_PASSING_FAILURES = frozenset(("timeNotAvailable", "systemFailure"))
# What may follow a TSTInfo's time, in this order: accuracy, ordering, nonce, tsa, extensions.
_GENERALIZED_TIME, _EXTENSIONS = 0x18, 0xA1
_OPTIONAL = (SEQUENCE, 0x01, INTEGER, 0xA0, _EXTENSIONS)
# Attributes out of order, which many authorities write and every reader accepts.
_HARMLESS = frozenset(("SET OF",))
_BROKEN = {
    "CONTENT_CHANGED": "was changed after signing",
    "SIGNER_CERTIFICATE_MISSING": "lacks the certificate that it names",
    "SIGNER_CERTIFICATE_MISMATCH": "lacks the certificate that it names",
    "SIGNATURE_INVALID": "has a broken signature",
    "BAD_SIGNATURE": "is malformed, or signs something else",
    "CERTIFICATE_CHANGED": "comes with a certificate that was changed",
}


class TimestampUnavailable(Unavailable):
    """The authority does not answer now; the document waits."""

    code = "TSA_UNAVAILABLE"


class TimestampRefused(AbsahError):
    """The authority answered with something that we do not believe.

    ``TSA_INVALID`` is anything but a valid token over our data by an authority we trust; ``TSA_TIME`` is
    such a token whose time is too far from our clock.
    """

    code = "TSA_INVALID"


@dataclass(frozen=True)
class Token:
    """A TimeStampToken (a CMS ContentInfo in DER) and the time that it proves, in UTC.

    ``until`` is when the first certificate on its path ends: until then it has to be renewed.
    """

    der: bytes
    time: datetime
    until: datetime


class TimeStampAuthority:
    """One authority, reached through ``transport``.

    Args:
        transport: takes a TimeStampReq and returns a TimeStampResp, both DER; see `http_transport`.
        anchors: the roots under which the authority's certificate must stand.
        clock: our own time, aware.
        tolerance: how far the authority's time may be from ours.
        token_size: how many bytes a token may take; a signature's place is reserved with it.
        policy: dotted identifier of the policy that is asked for and has to be answered with; None: any.
    """

    def __init__(
        self,
        transport: Callable[[bytes], bytes],
        anchors: Sequence[x509.Certificate],
        *,
        clock: Callable[[], datetime],
        tolerance: timedelta = TOLERANCE,
        token_size: int = TOKEN_SIZE,
        policy: str | None = None,
    ) -> None:
        self.token_size = token_size
        self._transport = transport
        self._anchors = [_reparsed(each) for each in anchors]
        self._clock = clock
        self._tolerance = tolerance
        self._policy = policy
        self._trusted: dict[bytes, tuple[datetime, datetime]] = {}

    def stamp_digest(self, imprint: bytes) -> Token:
        """A checked token over data with this SHA-256: of a signature its raw value, or a file.

        Raises:
            TimestampUnavailable: no answer, or the authority says that it cannot answer now.
            TimestampRefused: an answer that we do not believe.
        """
        nonce = secrets.randbits(63)
        response = self._transport(_request(imprint, nonce, self._policy))
        try:
            return self._believe(response, imprint, nonce)
        except AbsahError:
            raise
        except Exception as problem:
            # The parsers raise ValueError, TypeError, KeyError and more on hostile bytes; all mean the same.
            raise TimestampRefused(f"The time-stamp cannot be read ({type(problem).__name__}).") from problem

    def _believe(self, response: bytes, imprint: bytes, nonce: int) -> Token:
        # (1) Granted, and a token of a size that we reserved room for.
        der = _granted_token(response)
        _require(len(der) <= self.token_size, "is larger than the room reserved for it")

        # (2) A CMS SignedData around a TSTInfo with exactly one signer (RFC 3161, 2.4.2).
        signed_data = read_signed_data(der)
        _require(signed_data.content_type == ID_TST_INFO, "does not hold time-stamp data")
        _require(len(signed_data.signers) == 1, "must have exactly one signer")
        encapsulated = signed_data.content or b""

        # (3) It holds: message digest, content type, the signature over them (RFC 5652, 5.6), and the
        # certificate that the signed attributes name (RFC 5816). Without that attribute, which RFC 3161,
        # 2.4.2 demands, a certificate could be exchanged for another.
        answer = judge(signed_data, Message(encapsulated))
        _require(answer.integrity == "intact", _BROKEN.get(answer.finding or "", "cannot be judged"))
        _require(answer.signed.certificate is not None, "does not name the certificate of its signer")
        _require("sid" not in answer.notes, "names two different signers")
        # Files are read leniently; what we are about to make evidence of may not need that.
        _require(set(answer.notes) <= _HARMLESS, "is not written as the standard demands")
        _require(answer.weakness is None, "is signed with an outdated hash or a short key")
        authority = answer.certificate
        assert authority is not None  # noqa: S101 - what is intact has its signer

        # (4) It is about our data and answers this very request.
        info = _read_info(encapsulated)
        _require(info.algorithm == "sha256", "covers another hash than we asked for")
        _require(hmac.compare_digest(info.imprint, imprint), "covers other data than ours")
        _require(info.nonce == nonce, "answers another request")
        _require(self._policy in (None, info.policy), "was given under another policy than asked for")

        # (5) Its time is near ours. Before the path, which is judged at this time.
        if abs(info.time - self._clock()) > self._tolerance:
            raise TimestampRefused(
                "The time-stamp's time is too far from our clock; check both clocks.", code="TSA_TIME"
            )

        # (6) The authority may stamp, and stands under our anchors at that time (RFC 3161, 2.3).
        others = [each.der for each in signed_data.certificates]
        until = self._check_authority(authority.der, others, info.time)
        return Token(der, info.time, until)

    def _check_authority(self, certificate: bytes, certificates: Sequence[bytes], at: datetime) -> datetime:
        """Returns when the path ends."""
        # The answer depends on the certificates and the time alone, so a path that was good once stays
        # good while all of its certificates are valid. Building it takes three times the rest together.
        since, until = self._trusted.get(certificate, (_NEVER, _NEVER))
        if since <= at <= until:
            return until
        _check_purpose(read_certificate(certificate))
        parsed = asn1crypto.x509.Certificate.load(certificate)
        others = [asn1crypto.x509.Certificate.load(each) for each in certificates if each != certificate]
        context = ValidationContext(
            trust_roots=self._anchors, other_certs=others, moment=at, allow_fetching=False
        )
        try:
            path = asyncio.run(CertificateValidator(parsed, validation_context=context).async_validate_path())
        except (PathBuildingError, ValidationError) as problem:
            raise TimestampRefused(
                "The time-stamp comes from an authority that we do not trust, or no longer."
            ) from problem
        valid = [each["tbs_certificate"]["validity"] for each in path]
        since = max(each["not_before"].native for each in valid)
        until = min(each["not_after"].native for each in valid)
        self._trusted[certificate] = (since, until)
        return until  # type: ignore[no-any-return] # asn1crypto has no annotations


def http_transport(url: str, timeout: float) -> Callable[[bytes], bytes]:
    """Requests over HTTP (RFC 3161, 3.4), each on a connection of its own; redirects are not followed.

    Args:
        url: of the authority.
        timeout: seconds for connecting, for each read, and for the answer as a whole.
    """
    # Made once: loading the trusted roots for TLS takes longer than a time-stamp.
    client = httpx.Client(timeout=timeout, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))

    def send(request: bytes) -> bytes:
        deadline = time.monotonic() + timeout
        try:
            with client.stream("POST", url, content=request, headers={"Content-Type": REQUEST_TYPE}) as reply:
                if reply.status_code != httpx.codes.OK:
                    raise TimestampUnavailable(f"The time-stamp authority answers HTTP {reply.status_code}.")
                kind = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
                if kind != REPLY_TYPE:
                    raise TimestampRefused("The time-stamp authority answers, but not with a token.")
                return _read(reply, deadline)
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as problem:
            raise TimestampUnavailable(
                f"The time-stamp authority does not answer ({type(problem).__name__})."
            ) from problem

    return send


def _read(reply: httpx.Response, deadline: float) -> bytes:
    """The body, unless it is too long or drips in for longer than our patience."""
    body = bytearray()
    for chunk in reply.iter_bytes():
        body += chunk
        if len(body) > _MAXIMUM_REPLY:
            raise TimestampRefused("The time-stamp authority's answer is too long.")
        if time.monotonic() > deadline:
            raise TimestampUnavailable("The time-stamp authority takes too long to answer.")
    return bytes(body)


def _request(imprint: bytes, nonce: int, policy: str | None = None) -> bytes:
    """TimeStampReq (RFC 3161, 2.4.1) over a SHA-256, which asks for the certificates too."""
    return element(
        SEQUENCE,
        _VERSION,
        element(SEQUENCE, _SHA256, element(OCTET_STRING, imprint)),
        b"" if policy is None else object_identifier(policy),
        asn1.encode_der(nonce),
        _TRUE,
    )


def _granted_token(response: bytes) -> bytes:
    """The token of a TimeStampResp (RFC 3161, 2.4.2), as it stands there."""
    parts = read_whole(response).expect(SEQUENCE).children
    status, *more = parts[0].expect(SEQUENCE).children
    if status.expect(INTEGER).integer() not in _GRANTED:
        failures = [_FAILURES.get(bit, str(bit)) for each in more for bit in _bits(each)]
        if _PASSING_FAILURES.intersection(failures):
            raise TimestampUnavailable("The time-stamp authority says that it cannot answer now.")
        reasons = ", ".join(failures) or f"status {status.integer()}"
        raise TimestampRefused(f"The time-stamp authority rejects the request: {reasons}.")
    _require(len(parts) == 2, "is missing from the answer")
    return parts[1].expect(SEQUENCE).raw


def _bits(element: Element) -> list[int]:
    """The numbers of the bits that a BIT STRING sets; nothing of another element."""
    if element.tag != BIT_STRING or element.body == element.body_end:
        return []
    octets = element.content[1:]
    return [8 * at + bit for at, octet in enumerate(octets) for bit in range(8) if octet & 0x80 >> bit]


@dataclass(frozen=True)
class _Info:
    """What a TSTInfo says (RFC 3161, 2.4.2); ``algorithm`` is hashlib's name for that of the imprint."""

    policy: str
    algorithm: str
    imprint: bytes
    time: datetime
    nonce: int | None


def _read_info(encapsulated: bytes) -> _Info:
    """Read it as strictly as the standard has it: every field in its place, and none that we do not know."""
    version, policy, imprint, serial, time, *optional = read_whole(encapsulated).expect(SEQUENCE).children
    _require(version.expect(INTEGER).integer() == 1, "is of an unknown version")
    serial.expect(INTEGER)
    algorithm, hashed = imprint.expect(SEQUENCE).children
    stated = time.expect(_GENERALIZED_TIME).octets()
    _require(stated.endswith(b"Z"), "does not say in which zone its time is")
    given = {each.tag: each for each in optional}
    in_order = sorted(given, key=_OPTIONAL.index)
    _require([each.tag for each in optional] == in_order, "has fields twice or out of order")
    if _EXTENSIONS in given:
        _require(
            not any(map(_is_critical, given[_EXTENSIONS].children)), "has an extension that we do not know"
        )
    return _Info(
        policy.oid(),
        digest_name(algorithm.expect(SEQUENCE).children[0].oid()),
        hashed.expect(OCTET_STRING).octets(),
        time.time(),
        given[INTEGER].integer() if INTEGER in given else None,
    )


def _is_critical(extension: Element) -> bool:
    """RFC 5280, 4.2: an extension whose second of three parts is true."""
    parts = extension.expect(SEQUENCE).children
    return len(parts) > 2 and parts[1].content != b"\x00"


def _check_purpose(certificate: Certificate) -> None:
    """RFC 3161, 2.3: one extended key usage, timeStamping, and critical."""
    critical, _ = certificate.extensions.get(EXTENDED_KEY_USAGE, (False, b""))
    _require(
        critical and certificate.extended_key_usage == frozenset((TIME_STAMPING,)),
        "comes from a certificate that is not made for time-stamps alone",
    )


def _require(holds: object, otherwise: str) -> None:
    if not holds:
        raise TimestampRefused(f"The time-stamp {otherwise}.")


def _reparsed(certificate: x509.Certificate) -> asn1crypto.x509.Certificate:
    return asn1crypto.x509.Certificate.load(certificate.public_bytes(Encoding.DER))
