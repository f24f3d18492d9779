"""A CMS SignedData with one signer (RFC 5652), written as DER.

Only what a PAdES baseline signature (ETSI EN 319 142-1, 6.3) and a time-stamp token (RFC 3161, 2.4.2)
need. The structure is known beforehand, so it is concatenated: 30 times faster than through an object
model, and each function reads like the ASN.1 it writes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import asn1crypto.x509
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.serialization import Encoding

from keys.provider import ECDSA_SHA256, PSS_SALT_BYTES, RSA_PKCS1_SHA256, RSA_PSS_SHA256

_SEQUENCE, _SET, _OCTETS = 0x30, 0x31, 0x04
_EXPLICIT_0 = _IMPLICIT_SET_0 = 0xA0
_EXPLICIT_1, _EXPLICIT_2 = 0xA1, 0xA2
_DIRECTORY_NAME = 0xA4  # GeneralName ::= CHOICE { ... directoryName [4] Name ... }, RFC 5280, 4.2.1.6


def element(tag: int, *content: bytes) -> bytes:
    """One DER element: tag, definite length, the concatenated content (X.690, 8.1 and 10.1)."""
    body = b"".join(content)
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


@lru_cache(maxsize=256)
def object_identifier(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER in DER."""
    return asn1.encode_der(x509.ObjectIdentifier(dotted))


_VERSION_1, _VERSION_3 = asn1.encode_der(1), asn1.encode_der(3)
_SIGNED_DATA = object_identifier("1.2.840.113549.1.7.2")
_CONTENT_TYPE = object_identifier("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = object_identifier("1.2.840.113549.1.9.4")
_SIGNING_CERTIFICATE_V2 = object_identifier("1.2.840.113549.1.9.16.2.47")

# RFC 5754: SHA-2 and ECDSA identifiers without parameters, RSA with NULL.
_ID_SHA256 = object_identifier("2.16.840.1.101.3.4.2.1")
_SHA256 = element(_SEQUENCE, _ID_SHA256)
# RFC 4055, 2.1 and 3.1: inside the parameters of PSS the hash algorithm has NULL.
_PSS_HASH = element(_SEQUENCE, _ID_SHA256, b"\x05\x00")
_PSS_PARAMETERS = element(
    _SEQUENCE,
    element(_EXPLICIT_0, _PSS_HASH),
    element(_EXPLICIT_1, element(_SEQUENCE, object_identifier("1.2.840.113549.1.1.8"), _PSS_HASH)),
    element(_EXPLICIT_2, asn1.encode_der(PSS_SALT_BYTES)),
)
SIGNATURE_ALGORITHMS = {
    ECDSA_SHA256: element(_SEQUENCE, object_identifier("1.2.840.10045.4.3.2")),
    RSA_PKCS1_SHA256: element(_SEQUENCE, object_identifier("1.2.840.113549.1.1.11"), b"\x05\x00"),
    RSA_PSS_SHA256: element(_SEQUENCE, object_identifier("1.2.840.113549.1.1.10"), _PSS_PARAMETERS),
}

ID_DATA = "1.2.840.113549.1.7.1"
ID_TST_INFO = "1.2.840.113549.1.9.16.1.4"


def signed_attributes(certificate: x509.Certificate, content_type: str, digest: bytes) -> bytes:
    """What the signature value is computed over: a DER SET OF Attribute (RFC 5652, 5.4).

    Content type, message digest and signing-certificate-v2 (RFC 5035); no signing-time, which PAdES keeps
    in the signature dictionary instead. ``digest`` is the SHA-256 of the content.
    """
    attributes = (
        _attribute(_CONTENT_TYPE, object_identifier(content_type)),
        _attribute(_MESSAGE_DIGEST, element(_OCTETS, digest)),
        _signing_certificate(certificate),
    )
    return element(_SET, *sorted(attributes))  # X.690, 11.6: a SET OF is sorted in DER


def signed_data(
    certificate: x509.Certificate,
    algorithm: str,
    attributes: bytes,
    signature: bytes,
    *,
    content_type: str,
    content: bytes | None,
    certificates: Sequence[x509.Certificate],
) -> bytes:
    """The ContentInfo around one signature.

    Args:
        certificate: the signer's.
        algorithm: as in `keys.provider.SigningKey.algorithm`.
        attributes: from `signed_attributes`.
        signature: the key's answer over ``attributes``.
        content_type: dotted OID of the content.
        content: the content itself, or None where the signature is detached.
        certificates: what the reader is given to build a path.
    """
    issuer, serial = _issuer_and_serial(certificate)
    signer_info = element(
        _SEQUENCE,
        _VERSION_1,
        element(_SEQUENCE, issuer, serial),
        _SHA256,
        bytes((_IMPLICIT_SET_0,)) + attributes[1:],
        SIGNATURE_ALGORITHMS[algorithm],
        element(_OCTETS, signature),
    )
    encapsulated = [object_identifier(content_type)]
    if content is not None:
        encapsulated.append(element(_EXPLICIT_0, element(_OCTETS, content)))
    body = element(
        _SEQUENCE,
        _VERSION_1 if content_type == ID_DATA else _VERSION_3,  # RFC 5652, 5.1
        element(_SET, _SHA256),
        element(_SEQUENCE, *encapsulated),
        _certificates(tuple(certificates)),
        element(_SET, signer_info),
    )
    return element(_SEQUENCE, _SIGNED_DATA, element(_EXPLICIT_0, body))


def _attribute(kind: bytes, value: bytes) -> bytes:
    return element(_SEQUENCE, kind, element(_SET, value))


# A worker signs with the same few certificates all day.
@lru_cache(maxsize=64)
def _encoded(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


@lru_cache(maxsize=64)
def _certificates(certificates: tuple[x509.Certificate, ...]) -> bytes:
    """The ``certificates`` of a SignedData; left out where there are none."""
    encoded = sorted({_encoded(each) for each in certificates})
    return element(_IMPLICIT_SET_0, *encoded) if encoded else b""


@lru_cache(maxsize=64)
def _signing_certificate(certificate: x509.Certificate) -> bytes:
    """The attribute that binds the certificate: an ESSCertIDv2 with its default hash algorithm, SHA-256."""
    issuer, serial = _issuer_and_serial(certificate)
    certificate_id = element(
        _SEQUENCE,
        element(_OCTETS, hashlib.sha256(_encoded(certificate)).digest()),
        element(_SEQUENCE, element(_SEQUENCE, element(_DIRECTORY_NAME, issuer)), serial),
    )
    return _attribute(_SIGNING_CERTIFICATE_V2, element(_SEQUENCE, element(_SEQUENCE, certificate_id)))


@lru_cache(maxsize=64)
def _issuer_and_serial(certificate: x509.Certificate) -> tuple[bytes, bytes]:
    """The issuer's name exactly as the certificate spells it: readers compare it byte for byte."""
    parsed = asn1crypto.x509.Certificate.load(_encoded(certificate))
    return parsed["tbs_certificate"]["issuer"].dump(), asn1.encode_der(certificate.serial_number)
