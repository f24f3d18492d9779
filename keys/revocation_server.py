"""The OCSP responder of the development PKI (RFC 6960): each authority answers with its own key.

What is revoked stands in ``revoked.toml`` of the PKI's folder, by serial number in hexadecimal:

    [revoked]
    "1f2e" = 2026-11-01T09:00:00Z
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from keys.development import authorities
from keys.provider import KeyRefused

REQUEST_TYPE = "application/ocsp-request"
REPLY_TYPE = "application/ocsp-response"

_LIFE = timedelta(hours=24)
# A machine whose clock runs behind ours would call an answer of this second one from the future.
_BACKDATED = timedelta(minutes=1)


class DevelopmentOcspResponder:
    """Answers OCSP requests about certificates of the PKI in ``folder``; safe to share between threads."""

    def __init__(self, folder: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._folder, self._clock = folder, clock
        self._authorities = authorities(folder)

    def respond(self, request_der: bytes) -> bytes:
        """The OCSPResponse to an OCSPRequest, both DER. Garbage is answered too; nothing is raised for it."""
        try:
            request = ocsp.load_der_ocsp_request(request_der)
            algorithm = request.hash_algorithm
        except ValueError:
            return _unsuccessful(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
        for authority in self._authorities:
            certificate = authority.path[0]
            if request.issuer_key_hash == _key_hash(certificate, algorithm):
                break
        else:
            return _unsuccessful(ocsp.OCSPResponseStatus.UNAUTHORIZED)
        now = self._clock().astimezone(UTC).replace(microsecond=0)
        since = self._revoked().get(request.serial_number)
        good = since is None or since > now
        builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
            request.issuer_name_hash,
            request.issuer_key_hash,
            request.serial_number,
            algorithm,
            ocsp.OCSPCertStatus.GOOD if good else ocsp.OCSPCertStatus.REVOKED,
            now - _BACKDATED,
            now + _LIFE,
            None if good else since,
            None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, certificate)
        return builder.sign(authority.private, hashes.SHA256()).public_bytes(Encoding.DER)

    def _revoked(self) -> dict[int, datetime]:
        file = self._folder / "revoked.toml"
        if not file.exists():
            return {}
        try:
            listed = tomllib.loads(file.read_text("utf-8"))["revoked"]
            return {int(serial, 16): since for serial, since in listed.items()}
        except (tomllib.TOMLDecodeError, KeyError, ValueError, AttributeError) as problem:
            raise KeyRefused(
                f"{file} is not of the form that it should have.", code="KEY_FOLDER"
            ) from problem


def _key_hash(certificate: x509.Certificate, algorithm: hashes.HashAlgorithm) -> bytes:
    """RFC 6960, 4.1.1: over the key's bits alone."""
    digest = hashes.Hash(algorithm)
    public = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
    if isinstance(algorithm, hashes.SHA1):
        return public.digest  # RFC 5280, 4.2.1.2, method 1 is that very hash
    from asn1crypto.x509 import Certificate

    parsed = Certificate.load(certificate.public_bytes(Encoding.DER))
    digest.update(bytes(parsed.public_key["public_key"]))
    return digest.finalize()


def _unsuccessful(status: ocsp.OCSPResponseStatus) -> bytes:
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)
