"""Taking a document of another issuer into custody: checked, kept and delivered byte for byte, never stamped.

Nothing here can reach a key: a file in custody is not signed by us, and carries no code of ours.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from storage.api_keys import Client
from storage.archive import Archive, read_final, store_final
from storage.custody import Kept, NewCustody, read_kept, receive
from storage.database import transaction
from storage.foreign import ForeignDocument
from storage.records import day_in
from storage.register import Register
from storage.units import Unit, get_officer, get_unit, regency_of
from storage.vocabulary import FieldProblem, InvalidRequest, Verdict
from templates.validity import anniversary
from verifier.inspection import Inspector, inspect_asking
from verifier.report import FileAnswer, SignatureReport, subject_parts
from verifier.verdict import decide

_REFUSED = {
    Verdict.UNREADABLE: (
        "CUSTODY_UNREADABLE",
        "This file cannot be checked: it is no PDF, damaged or encrypted. Ask its issuer for the original.",
    ),
    Verdict.ALTERED: (
        "CUSTODY_ALTERED",
        "This file was changed after it was signed; ask its issuer for the original.",
    ),
    Verdict.REVOKED_SIGNER: (
        "CUSTODY_REVOKED_SIGNER",
        "The certificate that signed this file was revoked; ask its issuer for a new original.",
    ),
    Verdict.UNSIGNED: (
        "CUSTODY_UNSIGNED",
        "This file carries no signature; ask for the signed original, or say why it is taken without"
        " (accept_unsigned).",
    ),
    Verdict.UNTRUSTED_SIGNER: (
        "CUSTODY_UNTRUSTED_SIGNER",
        "Nobody whom this installation trusts vouches for the signer; add the issuer's root (absah trust), or"
        " say why the file is taken nevertheless (accept_untrusted).",
    ),
}


class CustodyRefused(InvalidRequest):
    """A file cannot be taken into custody as it is; the code says what was found."""

    code = "CUSTODY_UNREADABLE"


@dataclass(frozen=True)
class CustodyRequest:
    """What is said of a file: ``issuer``, ``number`` and ``type`` are its own, never ours.

    Without ``issued_on`` the day on which it was signed counts. ``accept_unsigned`` and ``accept_untrusted``
    are reasons to take a file without a signature, or with one for which nobody vouches.
    """

    issuer: str
    number: str
    type: str
    holder_name: str = ""
    issued_on: date | None = None
    valid_until: date | None = None
    accept_unsigned: str | None = None
    accept_untrusted: str | None = None
    officer: str | None = None


@dataclass(frozen=True)
class CustodyDesk:
    """What custody needs; ``anchors`` are those of the public check, ``retention_years`` how long to keep."""

    register: Register
    archive: Archive
    sandbox: Inspector
    anchors: Sequence[bytes]
    retention_years: int = 10
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


def keep(
    desk: CustodyDesk, client: Client, idempotency_key: str, file: bytes, request: CustodyRequest
) -> Kept:
    """Check a file, put it into the archive as it is, and record it under its issuer's number.

    Raises:
        CustodyRefused: what was found in it, and what to do.
        Conflict: the key was used for another request, or the file is in the register already.
        Unavailable: the sandbox, the archive or the register.
    """
    sha256 = hashlib.sha256(file).hexdigest()
    fingerprint = _fingerprint(sha256, request)
    earlier = desk.register.earlier_request(client.agency_id, client.id, idempotency_key, fingerprint)
    if earlier is not None:
        return read_kept(desk.register, client.agency_id, earlier.id)
    with transaction(desk.register.engine) as connection:
        agency = get_unit(connection, client.agency_id)
        regency = regency_of(connection, agency)
        officer = request.officer or client.officer_id
        if officer is not None:
            get_officer(connection, agency.id, officer)
    now = desk.clock()
    answer = inspect_asking(desk.sandbox, file, None, anchors=desk.anchors, moment=now, password=None)
    verdict = decide(answer, None, known_original=False, register_asked=False)
    reason = _accept(verdict, request)
    new = _describe(desk, agency, request, answer, verdict, reason, officer, sha256, len(file), now)
    store_final(desk.archive, agency.id, sha256, file, new.document.retain_until)
    document_id = receive(desk.register, agency, regency, client.id, idempotency_key, fingerprint, new)
    return read_kept(desk.register, agency.id, document_id)


def read_file(desk: CustodyDesk, agency_id: str, document_id: str) -> tuple[Kept, bytes]:
    """What is kept, and its bytes as they were handed in.

    Raises:
        NotFound: the agency keeps no such document.
        AbsahError: the archive has other bytes (``ARCHIVE_CORRUPT``), or none.
    """
    kept = read_kept(desk.register, agency_id, document_id)
    return kept, read_final(desk.archive, agency_id, kept.sha256)


def _accept(verdict: Verdict, request: CustodyRequest) -> str | None:
    """Why a file is taken for which nobody vouches; None where somebody does."""
    if verdict is Verdict.VALID:
        return None
    reasons = {
        Verdict.UNSIGNED: request.accept_unsigned,
        Verdict.UNTRUSTED_SIGNER: request.accept_untrusted,
    }
    reason = reasons.get(verdict)
    if reason is None or not any(character.isalnum() for character in reason):
        code, message = _REFUSED[verdict]
        raise CustodyRefused(message, (FieldProblem("/file", code, message),), code=code)
    return reason


def _describe(
    desk: CustodyDesk,
    agency: Unit,
    request: CustodyRequest,
    answer: FileAnswer,
    verdict: Verdict,
    reason: str | None,
    officer: str | None,
    sha256: str,
    size: int,
    now: datetime,
) -> NewCustody:
    today = day_in(agency.zone, now)
    signers = [each for each in answer.signatures if each.kind != "document_timestamp"]
    issued_on = request.issued_on or _day_signed(signers, agency.zone) or today
    if issued_on > today:
        raise _wrong_day("/issued_on", "The day of issue lies ahead; give the one that the document names.")
    if request.valid_until is not None and request.valid_until < issued_on:
        raise _wrong_day("/valid_until", "The document would end before it was issued.")
    return NewCustody(
        document=ForeignDocument(
            origin=request.issuer,
            type=request.type,
            number=request.number,
            holder_name=request.holder_name,
            issued_on=issued_on,
            valid_from=issued_on,
            valid_until=request.valid_until,
            retain_until=anniversary(max(request.valid_until or today, today), desk.retention_years),
            level=min((each.level for each in signers), default="none"),
            signatory=_signatory(signers),
        ),
        sha256=sha256,
        size=size,
        digest=answer.byte_range_digests[-1] if answer.byte_range_digests else "",
        verdict=verdict,
        findings=tuple(dict.fromkeys(each.code for each in answer.findings)),
        signatures=tuple(asdict(each) for each in answer.signatures),
        reason=reason,
        officer_id=officer,
    )


def _day_signed(signers: Sequence[SignatureReport], zone: str) -> date | None:
    if not signers or signers[0].signed_at is None:
        return None
    return datetime.fromisoformat(signers[0].signed_at).astimezone(ZoneInfo(zone)).date()


def _signatory(signers: Sequence[SignatureReport]) -> str:
    """Whose office, or else whose organisation, signed last: the public is told no person's name."""
    if not signers:
        return "–"
    subject = subject_parts(signers[-1].signer)
    return subject.get("T") or subject.get("O") or "–"


def _wrong_day(pointer: str, message: str) -> InvalidRequest:
    return InvalidRequest(
        "The dates cannot be right; nothing was recorded.",
        (FieldProblem(pointer, "FIELD_DATE", message),),
        code="FIELDS_INVALID",
    )


def _fingerprint(sha256: str, request: CustodyRequest) -> str:
    """SHA-256 over the meaning of a request, the file included."""
    content = {"custody": sha256, **asdict(request)}
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
