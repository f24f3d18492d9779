"""Whom a certificate names, and whether a path leads from it to a trusted anchor at a given time."""

from __future__ import annotations

import re
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

from asn1crypto import crl, ocsp, pem, x509
from pyhanko.sign.ades.report import AdESIndeterminate
from pyhanko.sign.validation.generic_cms import validate_cert_usage
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import CertificateRegistry, SimpleTrustManager

from verifier.report import Kind, Trust, printable

# RFC 4514, section 3, and the few more that Indonesian certificates carry.
_SHORT = {
    "common_name": "CN",
    "organization_name": "O",
    "organizational_unit_name": "OU",
    "country_name": "C",
    "locality_name": "L",
    "state_or_province_name": "ST",
    "title": "T",
    "given_name": "GN",
    "surname": "SN",
    "organization_identifier": "organizationIdentifier",
}
# The subject's serial number can be a citizen number, so a report leaves it out, like e-mail addresses.
_SEAL_MARK = re.compile(r"\b(segel elektronik|e-?seal|electronic seal)\b", re.IGNORECASE)
_QC_STATEMENTS = "1.3.6.1.5.5.7.1.3"
# id-etsi-qct-eseal, 0.4.0.1862.1.6.2 (EN 319 412-5, 4.2.3), as DER.
_QCT_ESEAL = bytes.fromhex("060704008e46010602")

_SIGNING = KeyUsageConstraints(key_usage={"non_repudiation", "digital_signature"})
# RFC 5280, 4.2.1.3: a certificate without the extension may be used for anything.
_SIGNING_UNRESTRICTED = KeyUsageConstraints(key_usage=set())
_TIME_STAMPING = KeyUsageConstraints(key_usage=set(), extd_key_usage={"time_stamping"})


@dataclass(frozen=True)
class Evidence:
    """What helps to judge certificates: the anchors we trust, and what the file itself brings."""

    anchors: tuple[x509.Certificate, ...]
    certificates: tuple[x509.Certificate, ...] = ()
    crls: tuple[crl.CertificateList, ...] = ()
    ocsps: tuple[ocsp.OCSPResponse, ...] = ()

    @cached_property
    def trust_manager(self) -> SimpleTrustManager:
        """The anchors, indexed once for all questions about this file."""
        return SimpleTrustManager.build(trust_roots=list(self.anchors))

    @cached_property
    def registry(self) -> CertificateRegistry:
        """The file's own certificates, indexed likewise."""
        built: CertificateRegistry = CertificateRegistry.build(self.certificates)
        return built


@dataclass(frozen=True)
class TrustAnswer:
    """Whether a certificate was to be trusted; ``subindication`` is that of EN 319 102-1, None if it was."""

    trust: Trust
    subindication: str | None = None
    finding: str | None = None


def load_anchors(encoded: Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    """Certificates in DER or PEM; a PEM may hold several.

    Raises:
        ValueError: one of them is not a certificate.
    """
    anchors: list[x509.Certificate] = []
    for data in encoded:
        if pem.detect(data):
            ders = [der for kind, _, der in pem.unarmor(data, multiple=True) if kind == "CERTIFICATE"]
        else:
            ders = [data]
        anchors.extend(_load_anchor(der) for der in ders)
    return tuple(anchors)


@lru_cache(maxsize=64)
def _load_anchor(der: bytes) -> x509.Certificate:
    # Remembered with all that has been read of it: anchors come from our settings, never from a file.
    certificate = x509.Certificate.load(der)
    _ = certificate.subject.native  # a surface-level parse: fail here, not while judging
    return certificate


def is_readable(certificate: x509.Certificate) -> bool:
    """Whether a certificate can be read to its last field; asn1crypto reads late, and only then raises."""
    try:
        _ = certificate.native
        _ = certificate.public_key.bit_size
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError):
        return False
    return True


def signer_name(certificate: x509.Certificate) -> str:
    """The subject, ``CN=…, O=…``, without serial numbers and addresses."""
    parts = []
    for rdn in certificate.subject.chosen:
        for attribute in rdn:
            short = _SHORT.get(attribute["type"].native)
            if short is not None:
                parts.append(f"{short}={printable(attribute['value'].native)}")
    parts.sort(key=lambda part: not part.startswith("CN="))
    return ", ".join(parts) or "—"


def signer_kind(certificate: x509.Certificate) -> Kind:
    """Whether a certificate is a person's (``signature``) or an organisation's (``e_seal``).

    In this order: the certificate says so itself (QcType, EN 319 412-5); it names a person (given name or
    surname); it names an organisation with a seal's mark: an organisationIdentifier (EN 319 412-3), the
    organisation as its common name, or the words for an e-seal in its name. Otherwise a signature.
    """
    for extension in certificate["tbs_certificate"]["extensions"]:
        if extension["extn_id"].dotted == _QC_STATEMENTS and _QCT_ESEAL in extension["extn_value"].contents:
            return "e_seal"
    subject = certificate.subject.native
    if subject.get("given_name") or subject.get("surname"):
        return "signature"
    organisations = _texts(subject.get("organization_name"))
    names = _texts(subject.get("common_name"))
    if not organisations:
        return "signature"
    marked = any(_SEAL_MARK.search(text) for text in names + _texts(subject.get("organizational_unit_name")))
    same = {text.casefold() for text in names} & {text.casefold() for text in organisations}
    return "e_seal" if marked or same or subject.get("organization_identifier") else "signature"


def judge_signer(
    certificate: x509.Certificate, evidence: Evidence, moment: datetime, *, time_proven: bool
) -> TrustAnswer:
    """Whether a signer's certificate led to an anchor at ``moment``.

    ``time_proven`` says that a time-stamp proves ``moment``; without it an expired or revoked certificate
    only leaves open when the signature was made.
    """
    usage = _SIGNING if certificate.key_usage_value is not None else _SIGNING_UNRESTRICTED
    return _judge(certificate, evidence, moment, usage, time_proven)


def judge_time_stamper(certificate: x509.Certificate, evidence: Evidence, moment: datetime) -> TrustAnswer:
    """Whether a time-stamping authority's certificate leads to an anchor at ``moment``."""
    return _judge(certificate, evidence, moment, _TIME_STAMPING, time_proven=False)


def is_revocation_known(evidence: Evidence) -> bool:
    """Whether the file brings any revocation data."""
    return bool(evidence.crls or evidence.ocsps)


def _judge(
    certificate: x509.Certificate,
    evidence: Evidence,
    moment: datetime,
    usage: KeyUsageConstraints,
    time_proven: bool,
) -> TrustAnswer:
    # Soft-fail: revocation data is used where the file brings it. It was usually issued after the proven
    # time, hence retroactive; the revocation's own date is compared with the time.
    context = ValidationContext(
        trust_manager=evidence.trust_manager,
        certificate_registry=evidence.registry,
        crls=list(evidence.crls),
        ocsps=list(evidence.ocsps),
        moment=moment,
        allow_fetching=False,
        revocation_mode="soft-fail",
        retroactive_revinfo=True,
    )
    result = run_to_end(
        validate_cert_usage(
            certificate,
            context,
            key_usage_settings=usage,
            paths=context.path_builder.async_build_paths_lazy(certificate),
        )
    )
    problem = result.error_subindic
    if problem is None:
        return TrustAnswer("trusted")
    name = str(problem.standard_name)
    if problem in (AdESIndeterminate.REVOKED_NO_POE, AdESIndeterminate.REVOKED_CA_NO_POE):
        certain = time_proven and problem is AdESIndeterminate.REVOKED_NO_POE
        return TrustAnswer("revoked", "REVOKED" if certain else name, "SIGNER_REVOKED")
    if problem is AdESIndeterminate.OUT_OF_BOUNDS_NO_POE:
        return TrustAnswer("expired", "EXPIRED" if time_proven else name, "SIGNER_EXPIRED")
    if problem in (
        AdESIndeterminate.CRYPTO_CONSTRAINTS_FAILURE,
        AdESIndeterminate.CRYPTO_CONSTRAINTS_FAILURE_NO_POE,
    ):
        return TrustAnswer("undetermined", name, "WEAK_ALGORITHM")
    if problem is AdESIndeterminate.CHAIN_CONSTRAINTS_FAILURE:
        return TrustAnswer("untrusted", name, "SIGNER_UNSUITABLE")
    if problem is AdESIndeterminate.TRY_LATER:
        return TrustAnswer("undetermined", name, "SIGNER_UNTRUSTED")
    return TrustAnswer("untrusted", name, "SIGNER_UNTRUSTED")


def run_to_end(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never waits.

    pyHanko's validation is asynchronous only for the sake of fetching, which is off. An event loop would
    open descriptors, and the sandbox allows none.

    Raises:
        RuntimeError: it waited for something after all.
    """
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise RuntimeError("validation waited although fetching is off")


def _texts(value: object) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]
