"""The cryptographic half of one signature: the CMS, what it signs, and its time-stamps.

RFC 5652 (CMS), RFC 3161 and 5816 (time-stamps), ETSI EN 319 122-1 (CAdES attributes).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import cms, core, tsp, x509
from pyhanko.sign.general import (
    CMSStructuralError,
    extract_signer_info,
    match_issuer_serial,
)
from pyhanko.sign.validation import generic_cms
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko_certvalidator.errors import AlgorithmNotSupported
from pyhanko_certvalidator.sig_validate import DefaultSignatureValidator

from verifier.report import Integrity

_WEAK_DIGESTS = frozenset({"md2", "md5", "sha1"})
_WEAK_RSA_BITS = 2048
_DIGESTS: dict[str, Callable[..., Any]] = {
    name: getattr(hashlib, name)
    for name in (
        "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_224", "sha3_256", "sha3_384", "sha3_512",
    )
}  # fmt: skip


class _Unsupported(Exception):
    """An algorithm that we cannot compute, which is not the same as a signature that does not match."""


class _Validator(DefaultSignatureValidator):
    """pyHanko's validator, telling "cannot" from "does not match"."""

    def validate_signature(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().validate_signature(*args, **kwargs)
        except AlgorithmNotSupported as error:
            raise _Unsupported(str(error)) from error


@dataclass(frozen=True)
class CmsAnswer:
    """Whether the bytes are what the holder of ``certificate`` signed.

    ``finding`` names the reason where ``integrity`` is not ``intact``; ``weak`` names an algorithm that
    can be forged today.
    """

    integrity: Integrity
    subindication: str | None = None
    finding: str | None = None
    what: str = ""
    certificate: x509.Certificate | None = None
    certificates: tuple[x509.Certificate, ...] = ()
    weak: str | None = None


@dataclass(frozen=True)
class Token:
    """A time-stamp: its CMS judged, its stated time, and whether it stamps what it should."""

    answer: CmsAnswer
    time: datetime | None

    @property
    def intact(self) -> bool:
        """Whether the token is unbroken and stamps the right thing."""
        return self.answer.integrity == "intact" and self.time is not None


def digest_of(name: str, *parts: bytes | memoryview) -> bytes:
    """The digest of all parts in a row.

    Raises:
        KeyError: the algorithm is none that signatures use.
    """
    digest = _DIGESTS[name]()
    for part in parts:
        digest.update(part)
    return bytes(digest.digest())


def judge_detached(signed_data: cms.SignedData, parts: tuple[bytes | memoryview, ...]) -> CmsAnswer:
    """A PDF signature: a CMS over bytes that it does not hold."""
    if signed_data["encap_content_info"]["content"].native is not None:
        return CmsAnswer("broken", "FORMAT_FAILURE", "BAD_SIGNATURE")
    return _judge(signed_data, parts)


def judge_token(signed_data: cms.SignedData, parts: tuple[bytes | memoryview, ...]) -> Token:
    """A time-stamp token over ``parts``: its own signature, and that its imprint is theirs."""
    content = signed_data["encap_content_info"]["content"]
    info = content.parsed if isinstance(content, core.ParsableOctetString) else None
    if not isinstance(info, tsp.TSTInfo):
        return Token(CmsAnswer("broken", "FORMAT_FAILURE", "TIMESTAMP_BROKEN"), None)
    answer = _judge(signed_data, (bytes(content),))
    imprint = info["message_imprint"]
    algorithm = imprint["hash_algorithm"]["algorithm"].native
    try:
        expected = digest_of(algorithm, *parts)
    except KeyError:
        return Token(CmsAnswer("undetermined", "GENERIC", "UNSUPPORTED_SIGNATURE", algorithm), None)
    if imprint["hashed_message"].native != expected:
        answer = CmsAnswer("broken", "HASH_FAILURE", "TIMESTAMP_BROKEN", certificate=answer.certificate)
    return Token(answer, info["gen_time"].native)


def signature_tokens(signed_data: cms.SignedData) -> list[Token]:
    """Every signature time-stamp of a signature, judged (CAdES, 5.3)."""
    signer_info = extract_signer_info(signed_data)
    signature = signer_info["signature"].native
    tokens = []
    for token in generic_cms.extract_tst_data_iter(signer_info, signed=False):
        try:
            tokens.append(judge_token(token, (signature,)))
        except Exception as error:  # any fault of a hostile token means: broken
            tokens.append(
                Token(CmsAnswer("broken", "FORMAT_FAILURE", "TIMESTAMP_BROKEN", _kind(error)), None)
            )
    return tokens


def has_signing_certificate(signed_data: cms.SignedData) -> bool:
    """Whether the signature names its certificate in the signed part, as every CAdES must."""
    attributes = extract_signer_info(signed_data)["signed_attrs"]
    if not isinstance(attributes, cms.CMSAttributes):
        return False
    return generic_cms.get_signing_cert_attr(attributes) is not None


def claimed_time(signed_data: cms.SignedData) -> datetime | None:
    """The time that the signer states in the signed attributes."""
    value = generic_cms.extract_self_reported_ts(extract_signer_info(signed_data))
    return value if isinstance(value, datetime) else None


def _judge(signed_data: cms.SignedData, parts: tuple[bytes | memoryview, ...]) -> CmsAnswer:
    """RFC 5652, 5.6: message digest, then the signature over the signed attributes."""
    try:
        signer_info = extract_signer_info(signed_data)
    except CMSStructuralError:
        # ISO 32000-2, 12.8.3.3: exactly one signer. Two make room for a certificate swap.
        return CmsAnswer("broken", "FORMAT_FAILURE", "BAD_SIGNATURE")
    certificate, others = _signer_and_others(signed_data, signer_info)
    if certificate is None:
        return CmsAnswer(
            "undetermined", "NO_SIGNING_CERTIFICATE_FOUND", "UNSUPPORTED_SIGNATURE", "certificate"
        )
    algorithm = signer_info["digest_algorithm"]["algorithm"].native
    try:
        digest = digest_of(algorithm, *parts)
    except KeyError:
        return CmsAnswer(
            "undetermined", "GENERIC", "UNSUPPORTED_SIGNATURE", str(algorithm), certificate, others
        )
    try:
        intact, valid = generic_cms.validate_sig_integrity(
            signer_info,
            certificate,
            expected_content_type=signed_data["encap_content_info"]["content_type"].native,
            actual_digest=digest,
            sig_validator=_Validator(),
        )
    except _Unsupported as error:
        return CmsAnswer("undetermined", "GENERIC", "UNSUPPORTED_SIGNATURE", str(error), certificate, others)
    except (SignatureValidationError, CMSStructuralError):
        return CmsAnswer("broken", "FORMAT_FAILURE", "BAD_SIGNATURE", "", certificate, others)
    if not intact:
        return CmsAnswer("broken", "HASH_FAILURE", "CONTENT_CHANGED", "", certificate, others)
    if not valid:
        return CmsAnswer("broken", "SIG_CRYPTO_FAILURE", "SIGNATURE_INVALID", "", certificate, others)
    return CmsAnswer("intact", None, None, "", certificate, others, _weakness(algorithm, certificate))


def _signer_and_others(
    signed_data: cms.SignedData, signer_info: cms.SignerInfo
) -> tuple[x509.Certificate | None, tuple[x509.Certificate, ...]]:
    """The certificate that the signer's identifier names (RFC 5652, 5.3), and the other certificates.

    pyHanko does the same, but compares the issuers' names first, which takes long, and the serial numbers
    only then. Where several fit, the last one is taken and the earlier are dropped, as there.
    """
    identifier = signer_info["sid"]
    signer, others = None, []
    for choice in signed_data["certificates"]:
        if choice.name != "certificate":
            continue
        certificate = choice.chosen.untag()
        if identifier.name == "subject_key_identifier":
            fits = certificate.key_identifier == identifier.chosen.native
        else:
            fits = identifier.chosen["serial_number"] == certificate["tbs_certificate"][
                "serial_number"
            ] and match_issuer_serial(identifier.chosen, certificate)
        if fits:
            signer = certificate
        else:
            others.append(certificate)
    return signer, tuple(others)


def _weakness(digest: str, certificate: x509.Certificate) -> str | None:
    """The algorithm that can be forged today, if any (ETSI TS 119 312)."""
    if digest in _WEAK_DIGESTS:
        return digest.upper()
    key = certificate.public_key
    if key.algorithm == "rsa" and key.bit_size < _WEAK_RSA_BITS:
        return f"RSA-{key.bit_size}"
    return None


def _kind(error: Exception) -> str:
    return type(error).__name__
