"""One signature on its way through the check: its cryptography, its proven time, its certificate, its result.

Steps 7 to 10 of `verifier.by_file`; RFC 5652, RFC 3161, ETSI EN 319 102-1 and EN 319 142-1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from asn1crypto import cms as asn1_cms
from asn1crypto import crl, ocsp, x509

from verifier.certificates import (
    Evidence,
    TrustAnswer,
    is_readable,
    is_revocation_known,
    judge_signer,
    judge_time_stamper,
    signer_kind,
    signer_name,
)
from verifier.changes import Aftermath
from verifier.cms import (
    CmsAnswer,
    Token,
    claimed_time,
    has_signing_certificate,
    judge_detached,
    judge_token,
    signature_tokens,
)
from verifier.pdf_structure import SignedRange
from verifier.report import Indication, Kind, Level, Observation, SignatureReport
from verifier.signature_fields import SignatureField
from verifier.store import Store

_CLOCK_TOLERANCE = timedelta(minutes=5)
_DETACHED = ("adbe.pkcs7.detached", "ETSI.CAdES.detached", "PBAD.PAdES")

_NOT_JUDGED = Aftermath("partial", "forbidden")
_MALFORMED = CmsAnswer("broken", "FORMAT_FAILURE", "BAD_SIGNATURE")
_OPEN = TrustAnswer("undetermined", "GENERIC")


@dataclass
class Signature:
    """One signature on its way through the steps."""

    field: str
    kind: Kind = "signature"
    place: SignatureField | None = None
    contents: bytes = b""
    sub_filter: str = ""
    signed: SignedRange | None = None
    aftermath: Aftermath = _NOT_JUDGED
    cms: CmsAnswer = _MALFORMED
    tokens: tuple[Token, ...] = ()
    claimed: datetime | None = None
    proven: datetime | None = None
    trust: TrustAnswer = _OPEN

    @cached_property
    def signed_data(self) -> asn1_cms.SignedData:
        """The CMS of /Contents, the zeros behind it left out.

        Raises:
            ValueError: there is none.
        """
        content = asn1_cms.ContentInfo.load(self.contents)
        return content["content"]


def revision_of(signature: Signature) -> int:
    """Where what a signature covers ends, which orders them; one that cannot be read comes last."""
    return signature.signed.end if signature.signed is not None else 1 << 62


def judge_cryptography(signature: Signature, pdf: bytes, findings: list[Observation]) -> None:
    """Step 7: the CMS and its time-stamp tokens."""
    if signature.signed is None:
        return
    covered = signature.signed.covered(pdf)
    try:
        if signature.kind == "document_timestamp":
            token = judge_token(signature.signed_data, covered)
            signature.cms, signature.tokens = token.answer, (token,)
        elif signature.sub_filter in _DETACHED:
            signature.cms = judge_detached(signature.signed_data, covered)
            signature.tokens = tuple(signature_tokens(signature.signed_data))
            signature.claimed = _claimed_time(signature)
        else:
            signature.cms = CmsAnswer(
                "undetermined", "GENERIC", "UNSUPPORTED_SIGNATURE", signature.sub_filter
            )
    except MemoryError:
        raise
    except Exception:  # a CMS that cannot be processed has failed for its format
        signature.cms = _MALFORMED
    if signature.cms.finding is not None:
        findings.append(Observation.of(signature.cms.finding, field=signature.field, what=signature.cms.what))
    if signature.kind == "document_timestamp":
        return
    for token in signature.tokens:
        if not token.intact:
            findings.append(Observation.of("TIMESTAMP_BROKEN", field=signature.field))


def _claimed_time(signature: Signature) -> datetime | None:
    """When the signer says that he signed: in the CMS, else /M of the dictionary."""
    try:
        claimed = claimed_time(signature.signed_data)
    except Exception:
        # A date that cannot be read proves as little as one that can.
        return None
    if claimed is not None and claimed.tzinfo is None:
        claimed = claimed.replace(tzinfo=UTC)
    return claimed


def read_evidence(
    store: Store, anchors: tuple[x509.Certificate, ...], signatures: list[Signature]
) -> Evidence:
    """Certificates and revocation data of the DSS (EN 319 142-1, 5.4.2) and of every CMS."""
    found: list[x509.Certificate] = []
    for signature in signatures:
        found.extend(signature.cms.certificates)
        for token in signature.tokens:
            found.extend(token.answer.certificates)
    try:
        found.extend(x509.Certificate.load(each) for each in store.certificates)
        return Evidence(
            anchors,
            tuple(_distinct(found)),
            tuple(crl.CertificateList.load(each) for each in store.crls),
            tuple(ocsp.OCSPResponse.load(each) for each in store.ocsps),
        )
    except MemoryError:
        raise
    except Exception:  # a DSS that cannot be read brings no evidence, which lowers trust by itself
        return Evidence(anchors, tuple(_distinct(found)))


def _distinct(found: list[x509.Certificate]) -> list[x509.Certificate]:
    """Each readable certificate once: signatures and time-stamps mostly bring the same authorities."""
    by_encoding: dict[bytes, x509.Certificate] = {}
    for certificate in found:
        by_encoding.setdefault(certificate.dump(), certificate)
    return [certificate for certificate in by_encoding.values() if is_readable(certificate)]


def prove_times(
    signatures: list[Signature], evidence: Evidence, moment: datetime, findings: list[Observation]
) -> None:
    """From the last signature inwards: a trusted time-stamp proves that all before it existed by then."""
    horizon = moment
    for signature in reversed(signatures):
        signature.proven = horizon if horizon < moment else None
        for token in signature.tokens:
            certificate = token.answer.certificate
            if not token.intact or token.time is None or certificate is None:
                continue
            if token.time > moment + _CLOCK_TOLERANCE:
                findings.append(Observation.of("TIMESTAMP_IN_FUTURE", field=signature.field))
                signature.trust = TrustAnswer("undetermined", "TIMESTAMP_ORDER_FAILURE")
                continue
            try:
                stamper = judge_time_stamper(certificate, evidence, horizon)
            except MemoryError:
                raise
            except Exception:
                # A certificate that cannot be read proves no time.
                stamper = TrustAnswer("undetermined", "CERTIFICATE_CHAIN_GENERAL_FAILURE")
            if signature.kind == "document_timestamp":
                signature.trust = stamper
            if stamper.trust != "trusted":
                findings.append(Observation.of("TIMESTAMP_UNTRUSTED", field=signature.field))
                continue
            signature.proven = min(signature.proven or token.time, token.time)
        if signature.kind == "document_timestamp" and signature.proven is not None:
            horizon = min(horizon, signature.proven)


def judge_trust(
    signature: Signature, evidence: Evidence, moment: datetime, findings: list[Observation]
) -> None:
    """Step 9: the signer's certificate at the proven time, or now where none is proven."""
    certificate = signature.cms.certificate
    if certificate is None:
        return
    if signature.kind == "document_timestamp":
        _lower_for_weakness(signature, findings)
        return
    signature.kind = signer_kind(certificate)
    if signature.trust.subindication == "TIMESTAMP_ORDER_FAILURE":
        return
    if signature.cms.integrity != "intact":
        # Whoever the certificate names did not sign this.
        return
    proven = signature.proven
    signature.trust = judge_signer(certificate, evidence, proven or moment, time_proven=proven is not None)
    field = signature.field
    if signature.trust.finding is not None:
        findings.append(Observation.of(signature.trust.finding, field=field, what="CA"))
    elif not is_revocation_known(evidence):
        findings.append(Observation.of("REVOCATION_NOT_CHECKED", field=field))
    elif proven is not None:
        today = judge_signer(certificate, evidence, moment, time_proven=True)
        if today.trust == "revoked":
            findings.append(Observation.of("REVOKED_LATER", field=field))
    if proven is None:
        findings.append(Observation.of("TIME_CLAIMED", field=field))
    _lower_for_weakness(signature, findings)


def _lower_for_weakness(signature: Signature, findings: list[Observation]) -> None:
    """EN 319 102-1, 5.2.8: an algorithm that is no longer safe leaves the signature undetermined."""
    if signature.cms.weak is not None:
        findings.append(Observation.of("WEAK_ALGORITHM", field=signature.field, what=signature.cms.weak))
        if signature.trust.trust == "trusted":
            signature.trust = TrustAnswer("undetermined", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE")


def conclude_signature(
    signature: Signature, signatures: list[Signature], evidence: Evidence
) -> SignatureReport:
    """Step 10: what is told of one signature, given all of them."""
    certificate = signature.cms.certificate
    broken_token = next((token for token in signature.tokens if not token.intact), None)
    integrity, subindication = signature.cms.integrity, signature.cms.subindication
    if integrity == "intact" and broken_token is not None:
        # A broken time-stamp means that the file is not as it was made, whatever else holds.
        integrity, subindication = broken_token.answer.integrity, broken_token.answer.subindication
    indication: Indication
    if integrity == "broken" or signature.trust.subindication == "REVOKED":
        indication = "TOTAL-FAILED"
    elif integrity == "undetermined" or signature.trust.trust != "trusted":
        indication = "INDETERMINATE"
    else:
        indication = "TOTAL-PASSED"
    if integrity == "intact":
        subindication = signature.trust.subindication
    when = signature.proven or signature.claimed
    own_time = any(token.intact for token in signature.tokens)
    proven = signature.proven is not None
    if proven and not own_time and signature.claimed is not None:
        # A later document time-stamp bounds the time; the signer's own statement is closer to it.
        when, proven = signature.claimed, False
    return SignatureReport(
        field=signature.field,
        kind=signature.kind,
        signer=signer_name(certificate) if certificate is not None else "—",
        integrity=integrity,
        changes=signature.aftermath.changes,
        covers=signature.aftermath.covers,
        trust=signature.trust.trust,
        level=_level(signature, signatures, evidence),
        indication=indication,
        subindication=subindication,
        signed_at=when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if when is not None else None,
        signed_at_source="timestamp" if proven else "claimed",
    )


def _level(signature: Signature, signatures: list[Signature], evidence: Evidence) -> Level:
    """The PAdES baseline level by what is there (EN 319 142-1, 6)."""
    if signature.cms.integrity != "intact" or signature.kind == "document_timestamp":
        return "none"
    if signature.sub_filter != "ETSI.CAdES.detached" or not has_signing_certificate(signature.signed_data):
        return "none"
    later = [
        other
        for other in signatures
        if other.kind == "document_timestamp"
        and other.cms.integrity == "intact"
        and revision_of(other) > revision_of(signature)
    ]
    if not any(token.intact for token in signature.tokens) and not later:
        return "PAdES-B-B"
    if not is_revocation_known(evidence):
        return "PAdES-B-T"
    return "PAdES-B-LTA" if later else "PAdES-B-LT"
