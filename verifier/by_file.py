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

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from verifier import scan
from verifier.attachment import has_active_content, read_signed_code
from verifier.beginnings import Beginnings
from verifier.certificate import Certificate
from verifier.certificates import (
    Evidence,
    TrustAnswer,
    load_anchors,
)
from verifier.changes import Aftermath, first_unsigned_byte, judge_aftermath, was_signature_removed
from verifier.cms import (
    CmsAnswer,
)
from verifier.details import Details
from verifier.inventory import take_inventory
from verifier.pdf.crossref import header_of
from verifier.pdf.document import Document, File
from verifier.pdf.encryption import PasswordNeeded, UnknownEncryption
from verifier.pdf.objects import Damaged, TooMuch
from verifier.pdf_structure import (
    StructureFault,
    is_white,
    last_end,
    read_signed_range,
    signed_ends,
)
from verifier.recognise import recognise
from verifier.report import FileAnswer, Observation, is_altered, printable
from verifier.revocation_exchange import NO_ANSWERS, RevocationAnswers
from verifier.revocation_needs import find_needs
from verifier.signature import (
    Signature,
    conclude_signature,
    judge_cryptography,
    judge_trust,
    judge_vri,
    prove_times,
    read_evidence,
    revision_of,
)
from verifier.signature_fields import find_signatures, has_usage_rights, text
from verifier.store import Store, has_store, read_store
from verifier.traces import find_traces

_MIB = 1024 * 1024
_MAXIMUM_CONTENTS = 4 * _MIB
_MAXIMUM_ATTEMPTS = 8
# ISO 32000-1, annex H.3.4.4: readers look for the end in the last 1024 bytes, so a short tail breaks nothing.
_SEARCHED_FOR_END = 1024


def inspect(
    pdf: bytes,
    *,
    anchors: Sequence[bytes],
    moment: datetime,
    password: str | None = None,
    in_detail: bool = False,
    revocation: RevocationAnswers = NO_ANSWERS,
    tell: Callable[[FileAnswer], None] = lambda _: None,
) -> FileAnswer:
    """What a file shows by itself.

    Args:
        pdf: the whole file; anything is accepted, also what is no PDF.
        anchors: trusted certificates, DER or PEM.
        moment: the time of the check, aware.
        password: opens an encrypted file; the empty password is tried first.
        in_detail: also what a validation report tells, `FileAnswer.details`.
        revocation: what addresses of certification authorities answered; judged like what the file brings.
        tell: is given the answer as it stands before pages of an unsigned file are drawn, of which this
            process may die, and after each of them.

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
    what = recognise(pdf)
    if what is not None or b"%PDF-" not in pdf[:1024]:
        reasons = (Observation("NOT_PDF"), *((what,) if what is not None else ()))
        return FileAnswer(readable=False, findings=reasons, traces=find_traces(pdf))
    answer = _guarded(
        lambda: _inspect_pdf(pdf, trusted, moment, password, revocation, tell, in_detail=in_detail)
    )
    if answer.readable and not any(is_altered(signature) for signature in answer.signatures):
        # A good file may hold a document of ours as an attachment; it is not that document.
        return answer
    return replace(answer, traces=find_traces(pdf))


def _guarded(answer: Any) -> FileAnswer:
    """The answer, or a typed one in the place of whatever a hostile file made a library raise."""
    try:
        result: FileAnswer = answer()
    except (MemoryError, RecursionError, TooMuch):
        return FileAnswer.unreadable("LIMIT")
    except Exception:  # libraries raise anything on a damaged file
        return FileAnswer.unreadable("DAMAGED")
    return result


def _inspect_pdf(
    pdf: bytes,
    anchors: tuple[Certificate, ...],
    moment: datetime,
    password: str | None,
    revocation: RevocationAnswers,
    tell: Callable[[FileAnswer], None],
    *,
    in_detail: bool,
) -> FileAnswer:
    # (2) Open the PDF.
    try:
        claimed = signed_ends(pdf, _MAXIMUM_ATTEMPTS)
        document, complete = _open(pdf, password, claimed)
    except PasswordNeeded:
        wrong = (Observation("PASSWORD_WRONG"),) if password else ()
        return FileAnswer(readable=False, findings=(*wrong, Observation("PASSWORD_NEEDED")))
    except UnknownEncryption:
        return FileAnswer.unreadable("ENCRYPTION_UNKNOWN")
    findings: list[Observation] = []
    if document.encrypted:
        findings.append(Observation("ENCRYPTED"))
    if {"REBUILT", "PREV_WRONG", "OBJECT_MISPLACED"} & set(document.doubts):
        findings.append(Observation("FILE_REPAIRED"))
    if has_active_content(document):
        findings.append(Observation("ACTIVE_CONTENT"))
    front = header_of(pdf, len(pdf))
    if front and pdf[:front].strip():
        findings.append(Observation.of("BYTES_IN_FRONT", count=front))
    if any(section.hidden_start is not None for section in document.chain.sections):
        findings.append(Observation("HYBRID_XREF"))

    # (3) Find the signatures.
    signatures = _find_signatures(document, findings)
    if not signatures:
        if not complete or {"REBUILT", "PREV_LOOP"} & set(document.doubts):
            # What is broken may have held the signature.
            return FileAnswer.unreadable("DAMAGED")
        findings.append(Observation("NO_SIGNATURE"))
        if has_usage_rights(document):
            findings.append(Observation("USAGE_RIGHTS"))
        elif pdf.find(b"/ByteRange") >= 0:
            findings.append(Observation("SIGNATURE_REMOVED"))
        unsigned = FileAnswer(readable=True, unsigned=True, findings=tuple(findings))
        return _with_codes(unsigned, scan.read_codes_of_pdf(pdf, document.password), tell)

    # (4) Each ByteRange covers all but its own Contents.
    for signature in signatures:
        _read_range(signature, document, pdf, findings)
    signatures.sort(key=revision_of)

    # (5) Every byte after the outermost signature.
    ends = [signature.signed.end for signature in signatures if signature.signed]
    unsigned_from = first_unsigned_byte(document, ends) if ends else None
    if unsigned_from is not None:
        findings.append(Observation.of("BYTES_APPENDED", count=len(pdf) - unsigned_from))

    # (6) What each later revision changed.
    for signature in signatures:
        _judge_changes(signature, document, findings, unsigned_from is None, max(ends, default=0))
    if was_signature_removed(document, ends, claimed):
        findings.append(Observation("SIGNATURE_REMOVED"))
        for signature in signatures:
            signature.aftermath = replace(signature.aftermath, changes="forbidden", undrawn=False)

    # (7) Cryptography.
    store = read_store(document)
    beginnings = Beginnings(pdf)
    for signature in signatures:
        judge_cryptography(signature, beginnings, findings, lambda: _certificates(store, signatures))

    # (8) Times, and (9) certificates at those times.
    evidence = read_evidence(
        store,
        anchors,
        signatures,
        vri_keys=store.vri_keys,
        data_end=next((end for end in sorted(ends) if _has_store(document.file, end)), None),
        revocation=revocation,
        moment=moment,
    )
    judge_vri(signatures, evidence, findings)
    if not anchors:
        findings.append(Observation("NO_ANCHORS"))
    prove_times(signatures, evidence, moment, findings)
    for signature in signatures:
        try:
            judge_trust(signature, evidence, moment, findings)
        except (MemoryError, TooMuch):
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
        if code is None and signature.signed and report.integrity == "intact" and report.covers != "partial":
            code = read_signed_code(document.file.until(signature.signed.end))
    details = None
    if in_detail:
        details = _details(signatures, evidence, document, moment, findings)
    return FileAnswer(
        readable=True,
        signatures=reports,
        findings=tuple(findings),
        byte_range_digests=tuple(each.message.digest("sha256").hex() for each in signatures if each.message),
        code=code,
        details=details,
        revocation_needs=find_needs(evidence.doubtful),
        revocation_used=tuple((name, until.isoformat()) for name, until in evidence.revocation.used.items()),
        undrawn=_undrawn(signatures),
    )


def _undrawn(signatures: Sequence[Signature]) -> tuple[str, ...]:
    drawn = {each.field for each in signatures if not each.aftermath.undrawn}
    return tuple(each.field for each in signatures if each.field not in drawn)


def _details(
    signatures: Sequence[Signature],
    evidence: Evidence,
    document: Document,
    moment: datetime,
    findings: list[Observation],
) -> Details | None:
    """What a report tells beyond the answer; the answer stands also where a hostile file prevents that."""
    try:
        return take_inventory(signatures, evidence, document, moment, findings)
    except Exception:  # libraries raise anything on a damaged file
        findings.append(Observation("DETAILS_MISSING"))
        return None


def _open(pdf: bytes, password: str | None, signed: Sequence[int]) -> tuple[Document, bool]:
    """The document that the file shows, and whether its last revision is all of it.

    ``signed`` is where signed revisions seem to end.

    What stands behind that revision is unsigned and judged in step 5. Where the last end leads nowhere,
    or back to before a signature as that of an appended copy does, the file is opened as a revision that its
    signatures cover.
    """
    file = File(pdf, password)
    last = last_end(pdf)
    ends = tuple(dict.fromkeys([*([last] if last is not None else []), *signed, len(pdf)]))
    document = _first_whole(file, ends, signed) or _first_repaired(file, ends)
    return document, len(pdf) - document.end < _SEARCHED_FOR_END or is_white(pdf, document.end)


def _first_whole(file: File, ends: Sequence[int], signed: Sequence[int]) -> Document | None:
    """The first state that needs no repair and does not lead back to before a signature."""
    opened: list[Document] = []
    for end in ends:
        try:
            document = file.until(end, repair=False)
        except (Damaged, TooMuch):
            continue
        opened.append(document)
        if not any(document.chain.sections[0].start < other < end for other in signed):
            return document
    return opened[0] if opened else None


def _first_repaired(file: File, ends: Sequence[int]) -> Document:
    failed: Exception = Damaged("no revision is complete")
    for end in ends:
        try:
            return file.until(end)
        except (Damaged, TooMuch) as error:
            failed = error
    raise failed


def _picture_answer(picture: bytes) -> FileAnswer:
    codes = scan.read_codes_of_picture(picture)
    return FileAnswer(readable=True, unsigned=True, findings=(Observation("NO_SIGNATURE"),), qr_codes=codes)


def _with_codes(
    answer: FileAnswer, pages: Iterator[tuple[str, ...]], tell: Callable[[FileAnswer], None]
) -> FileAnswer:
    """The answer about an unsigned file, with the QR codes of its pages as far as they can be drawn."""
    codes: dict[str, None] = {}
    so_far = replace(answer, findings=(*answer.findings, Observation("CODES_NOT_READ")))
    tell(so_far)
    try:
        for found in pages:
            codes.update(dict.fromkeys(found))
            so_far = replace(so_far, qr_codes=tuple(codes))
            tell(so_far)
    except Exception:  # the libraries raise anything on an odd page; the file is unsigned either way
        return so_far
    return replace(answer, qr_codes=tuple(codes))


def _find_signatures(document: Document, findings: list[Observation]) -> list[Signature]:
    """Every filled signature field; also those that cannot be read."""
    found: list[Signature] = []
    for place in find_signatures(document):
        signature = Signature(printable(place.name), place=place)
        found.append(signature)
        dictionary = place.dictionary
        kind, sub_filter = (document.resolve(dictionary.get(key)) for key in ("Type", "SubFilter"))
        if kind == "DocTimeStamp" or sub_filter == "ETSI.RFC3161":
            signature.kind = "document_timestamp"
        contents = document.resolve(dictionary.get("Contents"))
        if not isinstance(contents, bytes):
            # EN 319 102-1, 5.2.2: what cannot be processed for its format has failed.
            findings.append(Observation.of("BAD_SIGNATURE", field=signature.field))
            continue
        if len(contents) > _MAXIMUM_CONTENTS:
            raise TooMuch("a CMS of megabytes")
        signature.contents = contents
        signature.sub_filter = str(sub_filter or "")
        signature.claimed_entry = text(document.resolve(dictionary.get("M"))) or None
        entry = document.resolve_all(dictionary.get("Cert"))
        entries = entry if isinstance(entry, list) else [entry]
        signature.certificate_entry = tuple(each for each in entries if isinstance(each, bytes))
        # Some producers encrypt the room that they keep for a CMS, so that what is left of it is noise.
        signature.noisy_padding = document.encrypted
    return found


def _has_store(file: File, end: int) -> bool:
    try:
        return has_store(file.until(end))
    except Damaged:
        return False


def _certificates(store: Store, signatures: Sequence[Signature]) -> list[bytes]:
    """Every certificate that the file brings outside of one signature."""
    others = (each.der for signature in signatures for each in signature.cms.certificates)
    return [*store.certificates, *others]


def _read_range(signature: Signature, document: Document, pdf: bytes, findings: list[Observation]) -> None:
    if signature.place is None or not signature.contents:
        return
    values = document.resolve_all(signature.place.dictionary.get("ByteRange"))
    try:
        signature.signed = read_signed_range(
            values if isinstance(values, list) else [], signature.contents, pdf, header_of(pdf, len(pdf))
        )
    except StructureFault as fault:
        signature.cms = CmsAnswer("broken", "FORMAT_FAILURE", fault.code)
        findings.append(Observation.of(fault.code, field=signature.field))


def _judge_changes(
    signature: Signature,
    document: Document,
    findings: list[Observation],
    tail_explained: bool,
    covered_until: int,
) -> None:
    if signature.place is None or signature.signed is None:
        return
    try:
        signature.aftermath = judge_aftermath(
            document,
            signature.place,
            signature.signed,
            tail_explained=tail_explained,
            covered_until=covered_until,
        )
    except (MemoryError, TooMuch):
        raise
    except Exception:  # what cannot be judged stays open, and is never good
        signature.aftermath = Aftermath(
            "whole_revision",
            "undetermined",
            (Observation.of("CHANGES_UNDETERMINED", field=signature.field),),
        )
    findings.extend(signature.aftermath.findings)
