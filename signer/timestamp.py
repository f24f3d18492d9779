"""Time-stamps (RFC 3161) that are believed only after we have checked them ourselves.

A signature carries its token for ever. A token over another hash, from an unknown authority or with a
time of its own choosing would be found out only by whoever verifies, years later.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import ClassVar

import asn1crypto.x509
import httpx
from asn1crypto import cms, core, tsp
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.general import find_unique_cms_attribute, match_issuer_serial
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathBuildingError, ValidationError

from keys.cms import element, object_identifier
from storage.vocabulary import AbsahError, Unavailable
from verifier.algorithms import Message, check_signature, read_mechanism
from verifier.ber import read_whole

REQUEST_TYPE = "application/timestamp-query"
REPLY_TYPE = "application/timestamp-reply"

# A P-256 development token takes 2.3 kB; authorities with RSA-4096 and long chains stay under 7 kB.
TOKEN_SIZE = 8 * 1024
TOLERANCE = timedelta(minutes=5)

_MAXIMUM_REPLY = 64 * 1024
_SEQUENCE, _OCTETS, _NULL = 0x30, 0x04, b"\x05\x00"
_ID_SHA256 = object_identifier("2.16.840.1.101.3.4.2.1")
_NEVER = datetime.min.replace(tzinfo=UTC)
_HASHES = {"sha256", "sha384", "sha512"}
# RFC 3161, 2.4.2: failures of the moment, not of our request.
_PASSING_FAILURES = {"time_not_available", "system_failure"}


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
        token = _granted_token(response)
        der: bytes = token.dump()
        _require(len(der) <= self.token_size, "is larger than the room reserved for it")

        # (2) A CMS SignedData around a TSTInfo with exactly one signer (RFC 3161, 2.4.2).
        _require(token["content_type"].native == "signed_data", "is not a signed token")
        signed_data = token["content"]
        content = signed_data["encap_content_info"]
        _require(content["content_type"].native == "tst_info", "does not hold time-stamp data")
        _require(len(signed_data["signer_infos"]) == 1, "must have exactly one signer")
        signer_info = signed_data["signer_infos"][0]
        # Taken before anything else looks into them: asn1crypto may encode anew what was read.
        # RFC 5652, 5.4: the signature covers the attributes as a SET OF, not under their context tag.
        signed = b"\x31" + signer_info["signed_attrs"].dump()[1:]

        # (3) The signer's certificate is there, and the signed attributes name it (RFC 5816).
        certificates = [each.chosen.dump() for each in signed_data["certificates"] or ()]
        certificate = _named_certificate(signer_info, certificates)

        # (4) Message digest over the TSTInfo, content type, and the signature over them (RFC 5652, 5.6).
        encapsulated = bytes(content["content"])
        _check_signature(signer_info, signed, certificate, encapsulated)

        # (5) It is about our data and answers this very request.
        info = tsp.TSTInfo.load(encapsulated, strict=True).native
        _require(info["version"] == "v1", "is of an unknown version")
        stamped = info["message_imprint"]
        _require(stamped["hash_algorithm"]["algorithm"] == "sha256", "covers another hash than we asked for")
        _require(hmac.compare_digest(stamped["hashed_message"], imprint), "covers other data than ours")
        _require(info["nonce"] == nonce, "answers another request")
        _require(self._policy in (None, info["policy"]), "was given under another policy than asked for")
        critical = [each for each in info["extensions"] or () if each["critical"]]
        _require(not critical, "has an extension that we do not know")

        # (6) Its time is near ours. Before the path, which is judged at this time.
        _require(info["gen_time"].tzinfo is not None, "does not say in which zone its time is")
        stamped_at = info["gen_time"].astimezone(UTC)
        if abs(stamped_at - self._clock()) > self._tolerance:
            raise TimestampRefused(
                "The time-stamp's time is too far from our clock; check both clocks.", code="TSA_TIME"
            )

        # (7) The authority may stamp, and stands under our anchors at that time (RFC 3161, 2.3).
        until = self._check_authority(certificate, certificates, stamped_at)
        return Token(der, stamped_at, until)

    def _check_authority(self, certificate: bytes, certificates: Sequence[bytes], at: datetime) -> datetime:
        """Returns when the path ends."""
        # The answer depends on the certificates and the time alone, so a path that was good once stays
        # good while all of its certificates are valid. Building it takes three times the rest together.
        since, until = self._trusted.get(certificate, (_NEVER, _NEVER))
        if since <= at <= until:
            return until
        parsed = _parsed(certificate)
        _check_purpose(parsed)
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


class _Response(core.Sequence):  # type: ignore[misc] # asn1crypto has no annotations
    """TimeStampResp; asn1crypto's own insists on the token that a rejection does not have."""

    _fields: ClassVar[list[tuple[object, ...]]] = [
        ("status", tsp.PKIStatusInfo),
        ("time_stamp_token", cms.ContentInfo, {"optional": True}),
    ]


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
        _SEQUENCE,
        asn1.encode_der(1),
        element(_SEQUENCE, element(_SEQUENCE, _ID_SHA256, _NULL), element(_OCTETS, imprint)),
        b"" if policy is None else object_identifier(policy),
        asn1.encode_der(nonce),
        asn1.encode_der(True),
    )


def _granted_token(response: bytes) -> cms.ContentInfo:
    parsed = _Response.load(response, strict=True)
    status = parsed["status"]["status"].native
    if status not in ("granted", "granted_with_mods"):
        failures = parsed["status"]["fail_info"].native or set()
        if failures & _PASSING_FAILURES:
            raise TimestampUnavailable("The time-stamp authority says that it cannot answer now.")
        reasons = ", ".join(sorted(failures)) or str(status)
        raise TimestampRefused(f"The time-stamp authority rejects the request: {reasons}.")
    token = parsed["time_stamp_token"]
    _require(isinstance(token, cms.ContentInfo), "is missing from the answer")
    return token


def _named_certificate(signer_info: cms.SignerInfo, certificates: Sequence[bytes]) -> bytes:
    """The certificate that the signed attributes name by its hash, and the signer's identifier as well.

    RFC 3161, 2.4.2 demands the attribute: without it a certificate could be exchanged for another.
    """
    attributes = signer_info["signed_attrs"]
    kinds = {each["type"].native for each in attributes}
    if "signing_certificate_v2" in kinds:
        identifier = find_unique_cms_attribute(attributes, "signing_certificate_v2")["certs"][0]
        algorithm = identifier["hash_algorithm"]["algorithm"].native
    else:
        identifier = find_unique_cms_attribute(attributes, "signing_certificate")["certs"][0]
        algorithm = "sha1"  # RFC 2634: the first version knows no other; a second preimage is out of reach
    expected = identifier["cert_hash"].native
    named = [each for each in certificates if hashlib.new(algorithm, each).digest() == expected]
    _require(len(named) == 1, "lacks the certificate that it names")
    certificate = _parsed(named[0])
    identity = signer_info["sid"]
    if identity.name == "subject_key_identifier":
        _require(identity.chosen.native == certificate.key_identifier, "names two different signers")
    else:
        _require(match_issuer_serial(identity.chosen, certificate), "names two different signers")
    return named[0]


def _check_signature(
    signer_info: cms.SignerInfo, signed: bytes, certificate: bytes, encapsulated: bytes
) -> None:
    digest_algorithm = signer_info["digest_algorithm"]["algorithm"].native
    attributes = signer_info["signed_attrs"]
    _require(digest_algorithm in _HASHES, "is signed with an outdated hash")
    _require(
        find_unique_cms_attribute(attributes, "content_type").native == "tst_info", "signs something else"
    )
    digest = hashlib.new(digest_algorithm, encapsulated).digest()
    _require(
        find_unique_cms_attribute(attributes, "message_digest").native == digest, "was changed after signing"
    )
    used = check_signature(
        _parsed(certificate).public_key.dump(),
        read_mechanism(read_whole(signer_info["signature_algorithm"].dump())),
        signer_info["signature"].native,
        Message(signed),
        digest_algorithm,  # plain rsaEncryption leaves the hash to it (RFC 3370, 3.2)
    )
    _require(used is not None, "has a broken signature")
    _require(used in _HASHES, "is signed with an outdated hash")


def _check_purpose(certificate: asn1crypto.x509.Certificate) -> None:
    """RFC 3161, 2.3: one extended key usage, timeStamping, and critical."""
    usage = [
        extension
        for extension in certificate["tbs_certificate"]["extensions"]
        if extension["extn_id"].native == "extended_key_usage"
    ]
    _require(
        len(usage) == 1
        and usage[0]["critical"].native
        and usage[0]["extn_value"].parsed.native == ["time_stamping"],
        "comes from a certificate that is not made for time-stamps alone",
    )


def _require(holds: object, otherwise: str) -> None:
    if not holds:
        raise TimestampRefused(f"The time-stamp {otherwise}.")


# An authority signs with the same certificate for years.
@lru_cache(maxsize=64)
def _parsed(certificate: bytes) -> asn1crypto.x509.Certificate:
    return asn1crypto.x509.Certificate.load(certificate)


def _reparsed(certificate: x509.Certificate) -> asn1crypto.x509.Certificate:
    return asn1crypto.x509.Certificate.load(certificate.public_bytes(Encoding.DER))
