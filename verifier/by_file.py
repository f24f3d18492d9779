"""The file half of the public check: is this file what was signed, and by whom?

Pure about the file: no register, no network, nothing written. Every upload is opened by `inspect`
inside the sandbox only. Whatever goes wrong in a library becomes a finding, never a stack trace,
and never a good answer.

1. Recognise what was given: nothing, a picture, a PDF, something else.
2. Open the PDF, with the empty or the given password if it is encrypted.
3. Find the signatures; a file without any may be a scan, whose QR codes are read.
4. Check that each ByteRange covers all but its own Contents.
5. Account for every byte after the outermost signature.
6. Judge what each later revision changed.
7. Check each signature's cryptography.
8. Prove times, from the last time-stamp inwards.
9. Judge each certificate at its proven time.
10. Conclude per signature: level, indication.
11. Read the verification code from the signed document.json.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

from asn1crypto import crl, ocsp, x509
from pyhanko.pdf_utils.crypt.api import AuthStatus
from pyhanko.pdf_utils.decode_limits import DecodeLimits, DocumentDecodeBudget, StreamDecodeLimits
from pyhanko.pdf_utils.misc import PdfDecodeLimitError, PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature, extract_contents

from verifier import scan
from verifier.attachment import has_active_content, read_signed_code
from verifier.certificates import (
    Evidence,
    TrustAnswer,
    is_readable,
    is_revocation_known,
    judge_signer,
    judge_time_stamper,
    load_anchors,
    signer_kind,
    signer_name,
)
from verifier.changes import Aftermath, first_unsigned_byte, judge_aftermath
from verifier.cms import (
    CmsAnswer,
    Token,
    claimed_time,
    has_signing_certificate,
    judge_detached,
    judge_token,
    signature_tokens,
)
from verifier.pdf_structure import (
    SignedRange,
    StructureFault,
    asks_too_much,
    last_end,
    read_signed_range,
)
from verifier.report import FileAnswer, Indication, Kind, Level, Observation, SignatureReport, printable

_MIB = 1024 * 1024
# The library's own limits lie above the sandbox's memory; these stay below.
_LIMITS = DecodeLimits(
    per_stream=StreamDecodeLimits(max_output_size=64 * _MIB),
    document_budget=DocumentDecodeBudget(base_allowance=256 * _MIB, max_ratio=20),
)
_MAXIMUM_SIGNATURES = 200
_MAXIMUM_CONTENTS = 4 * _MIB
_CLOCK_TOLERANCE = timedelta(minutes=5)
_DETACHED = ("/adbe.pkcs7.detached", "/ETSI.CAdES.detached", "/PBAD.PAdES")


_NOT_JUDGED = Aftermath("partial", "forbidden")
_MALFORMED = CmsAnswer("broken", "FORMAT_FAILURE", "BAD_SIGNATURE")
_OPEN = TrustAnswer("undetermined", "GENERIC")


@dataclass
class _Signature:
    """One signature on its way through the steps."""

    field: str
    kind: Kind = "signature"
    embedded: EmbeddedPdfSignature | None = None
    signed: SignedRange | None = None
    aftermath: Aftermath = _NOT_JUDGED
    cms: CmsAnswer = _MALFORMED
    tokens: tuple[Token, ...] = ()
    claimed: datetime | None = None
    proven: datetime | None = None
    trust: TrustAnswer = _OPEN


class _Limit(Exception):
    """The file asks for more than a document ever needs."""


def inspect(
    pdf: bytes, *, anchors: Sequence[bytes], moment: datetime, password: str | None = None
) -> FileAnswer:
    """What a file shows by itself.

    Args:
        pdf: the whole file; anything is accepted, also what is no PDF.
        anchors: trusted certificates, DER or PEM.
        moment: the time of the check, aware.
        password: opens an encrypted file; the empty password is tried first.

    Never raises: whatever is wrong with the file, or with an anchor, is a finding.
    """
    try:
        trusted = load_anchors(anchors)
    except ValueError:
        return FileAnswer.unreadable("BAD_ANCHOR")
    # (1) Recognise what was given.
    if not pdf:
        return FileAnswer.unreadable("EMPTY")
    if scan.is_picture(pdf):
        return _guarded(lambda: _picture_answer(pdf))
    if b"%PDF-" not in pdf[:1024]:
        return FileAnswer.unreadable("NOT_PDF")
    return _guarded(lambda: _inspect_pdf(pdf, trusted, moment, password))


def _guarded(answer: Any) -> FileAnswer:
    """The answer, or a typed one in the place of whatever a hostile file made a library raise."""
    try:
        result: FileAnswer = answer()
    except (MemoryError, PdfDecodeLimitError, _Limit):
        return FileAnswer.unreadable("LIMIT")
    except Exception:  # libraries raise anything on a damaged file
        return FileAnswer.unreadable("DAMAGED")
    return result


def _inspect_pdf(
    pdf: bytes, anchors: tuple[x509.Certificate, ...], moment: datetime, password: str | None
) -> FileAnswer:
    # (2) Open the PDF.
    if asks_too_much(pdf, _MAXIMUM_CONTENTS):
        raise _Limit
    reader, complete = _open(pdf)
    findings: list[Observation] = []
    if reader.encrypted:
        if not _unlock(reader, password):
            return FileAnswer.unreadable("PASSWORD_NEEDED")
        findings.append(Observation("ENCRYPTED"))
    if has_active_content(reader):
        findings.append(Observation("ACTIVE_CONTENT"))
    if reader.xrefs.hybrid_xrefs_present:
        findings.append(Observation("HYBRID_XREF"))

    # (3) Find the signatures.
    signatures = _find_signatures(reader, findings)
    if not signatures:
        if not complete:
            # The broken end may have held the signature.
            return FileAnswer.unreadable("DAMAGED")
        findings.append(Observation("NO_SIGNATURE"))
        if b"/ByteRange" in pdf:
            findings.append(Observation("SIGNATURE_REMOVED"))
        codes = scan.read_codes_of_pdf(pdf)
        return FileAnswer(readable=True, unsigned=True, findings=tuple(findings), qr_codes=codes)

    # (4) Each ByteRange covers all but its own Contents.
    for signature in signatures:
        _read_range(signature, pdf, findings)

    # (5) Every byte after the outermost signature.
    ends = [signature.signed.end for signature in signatures if signature.signed]
    unsigned_from = first_unsigned_byte(pdf, reader, ends) if ends else None
    if unsigned_from is not None:
        findings.append(Observation.of("BYTES_APPENDED", count=len(pdf) - unsigned_from))

    # (6) What each later revision changed.
    for signature in signatures:
        _judge_changes(signature, pdf, findings, tail_explained=unsigned_from is None)

    # (7) Cryptography.
    for signature in signatures:
        _judge_cryptography(signature, pdf, findings)

    # (8) Times, and (9) certificates at those times.
    evidence = _read_evidence(reader, anchors, signatures)
    if not anchors:
        findings.append(Observation("NO_ANCHORS"))
    _prove_times(signatures, evidence, moment, findings)
    for signature in signatures:
        try:
            _judge_trust(signature, evidence, moment, findings)
        except MemoryError:
            raise
        except Exception:
            # A certificate that cannot be read vouches for nobody.
            signature.trust = TrustAnswer("undetermined", "CERTIFICATE_CHAIN_GENERAL_FAILURE")
            findings.append(Observation.of("SIGNER_UNTRUSTED", field=signature.field))

    # (10) Conclude per signature.
    reports = tuple(_conclude(signature, signatures, evidence) for signature in signatures)

    # (11) The code in the signed document.json.
    code = None
    for signature, report in zip(signatures, reports, strict=True):
        if code is None and report.integrity == "intact" and report.covers != "partial":
            code = read_signed_code(reader, _revision(signature))
    return FileAnswer(
        readable=True,
        signatures=reports,
        findings=tuple(findings),
        byte_range_digests=tuple(_digest(s.signed, pdf) for s in signatures if s.signed),
        code=code,
    )


def _open(pdf: bytes) -> tuple[PdfFileReader, bool]:
    """The file, and whether it is complete.

    Where its end is broken it is opened as its last complete revision; what stands behind that one is then
    unsigned and judged in step 5.
    """
    try:
        return PdfFileReader(BytesIO(pdf), strict=False, decode_limits=_LIMITS), True
    except PdfReadError:
        end = last_end(pdf)
        if end is None or end == len(pdf):
            raise
        return PdfFileReader(BytesIO(pdf[:end]), strict=False, decode_limits=_LIMITS), False


def _picture_answer(picture: bytes) -> FileAnswer:
    codes = scan.read_codes_of_picture(picture)
    return FileAnswer(readable=True, unsigned=True, findings=(Observation("NO_SIGNATURE"),), qr_codes=codes)


def _unlock(reader: PdfFileReader, password: str | None) -> bool:
    for attempt in ("", password):
        if attempt is not None and reader.decrypt(attempt).status is not AuthStatus.FAILED:
            return True
    return False


def _find_signatures(reader: PdfFileReader, findings: list[Observation]) -> list[_Signature]:
    """Every filled signature field, in signing order; also those that cannot be read."""
    found: list[_Signature] = []
    for name, value, field in enumerate_sig_fields(reader, filled_status=True):
        if len(found) == _MAXIMUM_SIGNATURES:
            raise _Limit
        signature = _Signature(printable(name))
        found.append(signature)
        try:
            dictionary = value.get_object()
            if dictionary.get("/Type") == "/DocTimeStamp" or dictionary.get("/SubFilter") == "/ETSI.RFC3161":
                signature.kind = "document_timestamp"
            if len(extract_contents(dictionary)) > _MAXIMUM_CONTENTS:
                raise _Limit
            signature.embedded = EmbeddedPdfSignature(reader, field, str(name))
        except _Limit:
            raise
        except Exception:  # a CMS or dictionary that cannot be read is no signature
            # EN 319 102-1, 5.2.2: what cannot be processed for its format has failed.
            findings.append(Observation.of("BAD_SIGNATURE", field=name))
    found.sort(key=lambda signature: _revision(signature))
    return found


def _revision(signature: _Signature) -> int:
    return int(signature.embedded.signed_revision) if signature.embedded is not None else 1 << 30


def _read_range(signature: _Signature, pdf: bytes, findings: list[Observation]) -> None:
    embedded = signature.embedded
    if embedded is None:
        return
    try:
        values = [_plain(value) for value in embedded.byte_range]
        signature.signed = read_signed_range(values, bytes(embedded.pkcs7_content), pdf)
    except StructureFault as fault:
        signature.cms = CmsAnswer("broken", "FORMAT_FAILURE", fault.code)
        findings.append(Observation.of(fault.code, field=signature.field))
    except Exception:  # a ByteRange that is no array
        signature.cms = CmsAnswer("broken", "FORMAT_FAILURE", "BYTE_RANGE_INVALID")
        findings.append(Observation.of("BYTE_RANGE_INVALID", field=signature.field))


def _plain(value: Any) -> object:
    value = value.get_object()
    return int(value) if isinstance(value, int) else value


def _judge_changes(
    signature: _Signature, pdf: bytes, findings: list[Observation], *, tail_explained: bool
) -> None:
    if signature.embedded is None or signature.signed is None:
        return
    try:
        signature.aftermath = judge_aftermath(
            signature.embedded, signature.signed, pdf, tail_explained=tail_explained
        )
    except (MemoryError, PdfDecodeLimitError):
        raise
    except Exception:  # what cannot be judged stays open, and is never good
        signature.aftermath = Aftermath(
            "whole_revision",
            "undetermined",
            (Observation.of("CHANGES_UNDETERMINED", field=signature.field),),
        )
    findings.extend(signature.aftermath.findings)


def _judge_cryptography(signature: _Signature, pdf: bytes, findings: list[Observation]) -> None:
    embedded = signature.embedded
    if embedded is None or signature.signed is None:
        return
    filter_name = str(embedded.sig_object.get("/SubFilter"))
    covered = signature.signed.covered(pdf)
    try:
        if signature.kind == "document_timestamp":
            token = judge_token(embedded.signed_data, covered)
            signature.cms, signature.tokens = token.answer, (token,)
        elif filter_name in _DETACHED:
            signature.cms = judge_detached(embedded.signed_data, covered)
            signature.tokens = tuple(signature_tokens(embedded.signed_data))
            signature.claimed = _claimed_time(embedded)
        else:
            signature.cms = CmsAnswer("undetermined", "GENERIC", "UNSUPPORTED_SIGNATURE", filter_name)
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


def _claimed_time(embedded: EmbeddedPdfSignature) -> datetime | None:
    """When the signer says that he signed: in the CMS, else /M of the dictionary."""
    try:
        claimed = claimed_time(embedded.signed_data) or embedded.self_reported_timestamp
    except Exception:
        # A date that cannot be read proves as little as one that can.
        return None
    if claimed is not None and claimed.tzinfo is None:
        claimed = claimed.replace(tzinfo=UTC)
    return claimed


def _read_evidence(
    reader: PdfFileReader, anchors: tuple[x509.Certificate, ...], signatures: list[_Signature]
) -> Evidence:
    """Certificates and revocation data of the DSS (EN 319 142-1, 5.4.2) and of every CMS."""
    found: list[x509.Certificate] = []
    for signature in signatures:
        found.extend(signature.cms.certificates)
        for token in signature.tokens:
            found.extend(token.answer.certificates)
    certificates = [certificate for certificate in found if is_readable(certificate)]
    try:
        store = DocumentSecurityStore.read_dss(reader)
        certificates.extend(certificate for certificate in store.load_certs() if is_readable(certificate))
        return Evidence(
            anchors, tuple(certificates), tuple(_loaded(store.crls, True)), tuple(_loaded(store.ocsps, False))
        )
    except NoDSSFoundError:
        return Evidence(anchors, tuple(certificates))
    except (MemoryError, PdfDecodeLimitError):
        raise
    except Exception:  # a DSS that cannot be read brings no evidence, which lowers trust by itself
        return Evidence(anchors, tuple(certificates))


def _loaded(streams: Any, are_crls: bool) -> list[Any]:
    load = crl.CertificateList.load if are_crls else ocsp.OCSPResponse.load
    return [load(stream.get_object().data) for stream in streams]


def _prove_times(
    signatures: list[_Signature], evidence: Evidence, moment: datetime, findings: list[Observation]
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


def _judge_trust(
    signature: _Signature, evidence: Evidence, moment: datetime, findings: list[Observation]
) -> None:
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


def _lower_for_weakness(signature: _Signature, findings: list[Observation]) -> None:
    """EN 319 102-1, 5.2.8: an algorithm that is no longer safe leaves the signature undetermined."""
    if signature.cms.weak is not None:
        findings.append(Observation.of("WEAK_ALGORITHM", field=signature.field, what=signature.cms.weak))
        if signature.trust.trust == "trusted":
            signature.trust = TrustAnswer("undetermined", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE")


def _conclude(signature: _Signature, signatures: list[_Signature], evidence: Evidence) -> SignatureReport:
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


def _level(signature: _Signature, signatures: list[_Signature], evidence: Evidence) -> Level:
    """The PAdES baseline level by what is there (EN 319 142-1, 6)."""
    embedded = signature.embedded
    if embedded is None or signature.cms.integrity != "intact" or signature.kind == "document_timestamp":
        return "none"
    if embedded.sig_object.get("/SubFilter") != "/ETSI.CAdES.detached" or not has_signing_certificate(
        embedded.signed_data
    ):
        return "none"
    later = [
        other
        for other in signatures
        if other.kind == "document_timestamp"
        and other.cms.integrity == "intact"
        and _revision(other) > _revision(signature)
    ]
    if not any(token.intact for token in signature.tokens) and not later:
        return "PAdES-B-B"
    if not is_revocation_known(evidence):
        return "PAdES-B-T"
    return "PAdES-B-LTA" if later else "PAdES-B-LT"


def _digest(signed: SignedRange, pdf: bytes) -> str:
    digest = hashlib.sha256()
    for part in signed.covered(pdf):
        digest.update(part)
    return digest.hexdigest()
