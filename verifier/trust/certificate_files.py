"""Certificates out of the files that authorities hand out: PEM, DER, PKCS#7.

Nothing is judged here, and of a certificate only its outer form is looked at: what it says is read where it
is needed, in the sandbox or when an operator adds it.
"""

from __future__ import annotations

import base64
import binascii
import re
import textwrap
from dataclasses import dataclass

from storage.vocabulary import AbsahError
from verifier.trust.terms import Terms, read_terms

SUFFIXES = (".pem", ".crt", ".cer", ".der", ".p7b", ".p7c")
_PEM = re.compile(
    rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([A-Za-z0-9+/=\s]+)"
    rb"-----END (?:X509 |TRUSTED )?CERTIFICATE-----"
)
_PKCS7_PEM = re.compile(rb"-----BEGIN (?:PKCS7|CMS)-----([A-Za-z0-9+/=\s]+)-----END (?:PKCS7|CMS)-----")
# signedData, 1.2.840.113549.1.7.2, which a certificate cannot begin with.
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")


class NotACertificate(AbsahError):
    """A file that was named as a certificate holds none."""

    code = "NOT_A_CERTIFICATE"


@dataclass(frozen=True)
class Found:
    """A certificate (DER) and the terms that stand in front of it."""

    der: bytes
    terms: Terms


def read_certificates(content: bytes) -> list[Found]:
    """Every certificate in a file.

    Raises:
        NotACertificate: there is none, or one is damaged.
    """
    try:
        found, before = [], 0
        for match in _PEM.finditer(content):
            found.append(
                Found(_outermost(base64.b64decode(match[1])), read_terms(content[before : match.start()]))
            )
            before = match.end()
        if found:
            return found
        if pkcs7 := _PKCS7_PEM.search(content):
            return _of_pkcs7(base64.b64decode(pkcs7[1]))
        if content[:1] != b"\x30":
            raise NotACertificate("It holds no certificate (PEM, DER or PKCS#7).")
        return _of_pkcs7(content) if _SIGNED_DATA in content[:24] else [Found(_outermost(content), Terms())]
    except (ValueError, binascii.Error) as error:
        raise NotACertificate("It holds a damaged certificate.") from error


def to_pem(der: bytes) -> bytes:
    """A certificate as PEM (RFC 7468, 5)."""
    lines = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n".encode()


def _of_pkcs7(content: bytes) -> list[Found]:
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates

    certificates = load_der_pkcs7_certificates(content)
    if not certificates:
        raise NotACertificate("It holds no certificate.")
    return [Found(each.public_bytes(Encoding.DER), Terms()) for each in certificates]


def _outermost(der: bytes) -> bytes:
    """The bytes of the one SEQUENCE; line ends behind it, and OpenSSL's own additions, are left out."""
    if len(der) < 4 or der[0] != 0x30:
        raise ValueError("no SEQUENCE")
    length, start = der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
    if not 0 < length <= len(der) - start:
        raise ValueError("cut off")
    return der[: start + length]
