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
11. Read the verification code from the signed document.json; of a broken file, which one it once was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from typing import Any

from asn1crypto import x509
from pyhanko.pdf_utils.crypt.api import AuthStatus
from pyhanko.pdf_utils.decode_limits import DecodeLimits, DocumentDecodeBudget, StreamDecodeLimits
from pyhanko.pdf_utils.misc import PdfDecodeLimitError, PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature, extract_contents

from verifier import scan, shortcuts
from verifier.attachment import has_active_content, read_signed_code
from verifier.certificates import (
    TrustAnswer,
    load_anchors,
)
from verifier.changes import Aftermath, first_unsigned_byte, judge_aftermath
from verifier.cms import (
    CmsAnswer,
)
from verifier.pdf_structure import (
    SignedRange,
    StructureFault,
    asks_too_much,
    is_white,
    last_end,
    read_signed_range,
    signed_ends,
)
from verifier.report import FileAnswer, Observation, is_altered, printable
from verifier.signature import (
    Signature,
    conclude_signature,
    judge_cryptography,
    judge_trust,
    prove_times,
    read_evidence,
    revision_of,
)
from verifier.traces import find_traces

shortcuts.install()

_MIB = 1024 * 1024
# The library's own limits lie above the sandbox's memory; these stay below.
_LIMITS = DecodeLimits(
    per_stream=StreamDecodeLimits(max_output_size=64 * _MIB),
    document_budget=DocumentDecodeBudget(base_allowance=256 * _MIB, max_ratio=20),
)
_MAXIMUM_SIGNATURES = 200
_MAXIMUM_CONTENTS = 4 * _MIB
_MAXIMUM_ATTEMPTS = 8
# ISO 32000-1, annex H.3.4.4: readers look for the end in the last 1024 bytes, so a short tail breaks nothing.
_SEARCHED_FOR_END = 1024


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
        return replace(FileAnswer.unreadable("NOT_PDF"), traces=find_traces(pdf))
    answer = _guarded(lambda: _inspect_pdf(pdf, trusted, moment, password))
    if answer.readable and not any(is_altered(signature) for signature in answer.signatures):
        # A good file may hold a document of ours as an attachment; it is not that document.
        return answer
    return replace(answer, traces=find_traces(pdf))


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
            wrong = (Observation("PASSWORD_WRONG"),) if password else ()
            return FileAnswer(readable=False, findings=(*wrong, Observation("PASSWORD_NEEDED")))
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
        judge_cryptography(signature, pdf, findings)

    # (8) Times, and (9) certificates at those times.
    evidence = read_evidence(reader, anchors, signatures)
    if not anchors:
        findings.append(Observation("NO_ANCHORS"))
    prove_times(signatures, evidence, moment, findings)
    for signature in signatures:
        try:
            judge_trust(signature, evidence, moment, findings)
        except MemoryError:
            raise
        except Exception:
            # A certificate that cannot be read vouches for nobody.
            signature.trust = TrustAnswer("undetermined", "CERTIFICATE_CHAIN_GENERAL_FAILURE")
            findings.append(Observation.of("SIGNER_UNTRUSTED", field=signature.field))

    # (10) Conclude per signature.
    reports = tuple(conclude_signature(signature, signatures, evidence) for signature in signatures)

    # (11) The code in the signed document.json; the traces of a broken file are read by the caller.
    code = None
    for signature, report in zip(signatures, reports, strict=True):
        if code is None and report.integrity == "intact" and report.covers != "partial":
            code = read_signed_code(reader, revision_of(signature))
    return FileAnswer(
        readable=True,
        signatures=reports,
        findings=tuple(findings),
        byte_range_digests=tuple(_digest(s.signed, pdf) for s in signatures if s.signed),
        code=code,
    )


def _open(pdf: bytes) -> tuple[PdfFileReader, bool]:
    """The file as its last complete revision, and whether that is all of it.

    What stands behind that revision is unsigned and judged in step 5. It is never given to the library,
    which would go through it byte by byte. Where the last end leads nowhere, or back to before a signature as
    that of an appended copy does, the file is opened as a revision that its signatures cover.
    """
    last = last_end(pdf)
    signed = signed_ends(pdf, _MAXIMUM_ATTEMPTS)
    readers: dict[int, PdfFileReader] = {}
    failed: Exception = PdfReadError("No revision is complete.")
    for end in dict.fromkeys([*([last] if last is not None else []), *signed]):
        try:
            reader = PdfFileReader(BytesIO(pdf[:end]), strict=False, decode_limits=_LIMITS)
            _ = reader.root
        except (PdfReadError, ValueError, KeyError, TypeError, AssertionError) as error:
            failed = error
            continue
        readers[end] = reader
        start: int = reader.last_startxref  # type: ignore[assignment]  # set once the file is open
        if not any(start < other < end for other in signed):
            break
    else:
        if not readers:
            raise failed
        end = next(iter(readers))
    return readers[end], len(pdf) - end < _SEARCHED_FOR_END or is_white(pdf, end)


def _picture_answer(picture: bytes) -> FileAnswer:
    codes = scan.read_codes_of_picture(picture)
    return FileAnswer(readable=True, unsigned=True, findings=(Observation("NO_SIGNATURE"),), qr_codes=codes)


def _unlock(reader: PdfFileReader, password: str | None) -> bool:
    for attempt in ("", password):
        if attempt is not None and reader.decrypt(attempt).status is not AuthStatus.FAILED:
            return True
    return False


def _find_signatures(reader: PdfFileReader, findings: list[Observation]) -> list[Signature]:
    """Every filled signature field, in signing order; also those that cannot be read."""
    found: list[Signature] = []
    for name, value, field in enumerate_sig_fields(reader, filled_status=True):
        if len(found) == _MAXIMUM_SIGNATURES:
            raise _Limit
        signature = Signature(printable(name))
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
    found.sort(key=lambda signature: revision_of(signature))
    return found


def _read_range(signature: Signature, pdf: bytes, findings: list[Observation]) -> None:
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
    signature: Signature, pdf: bytes, findings: list[Observation], *, tail_explained: bool
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


def _digest(signed: SignedRange, pdf: bytes) -> str:
    digest = hashlib.sha256()
    for part in signed.covered(pdf):
        digest.update(part)
    return digest.hexdigest()
