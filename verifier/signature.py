"""One signature on its way through the check: its cryptography, its certificate, its result.

Steps 7, 9 and 10 of `verifier.by_file`; RFC 5652, ETSI EN 319 102-1, EN 319 142-1. Step 8: `verifier.times`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from datetime import UTC, datetime

from verifier.algorithms import Message
from verifier.beginnings import Beginnings
from verifier.ber import BerError, read_element, read_time
from verifier.certificate import Certificate, read_certificate
from verifier.certificates import (
    Evidence,
    TrustAnswer,
    is_readable,
    is_revocation_complete,
    is_too_weak,
    judge_signer,
    signer_kind,
    signer_name,
    too_weak,
)
from verifier.changes import Aftermath
from verifier.cms import MALFORMED, CmsAnswer
from verifier.pdf.objects import TooMuch
from verifier.pdf_structure import SignedRange
from verifier.report import Indication, Kind, Level, Observation, SignatureReport
from verifier.revocation import RevocationData
from verifier.revocation_exchange import NO_ANSWERS, RevocationAnswers
from verifier.signature_fields import SignatureField
from verifier.store import Store
from verifier.subfilters import CADES, TIME_STAMP, judge_contents
from verifier.times import Proof
from verifier.times import prove_times as prove_times
from verifier.timestamps import Token

_NOT_JUDGED = Aftermath("partial", "forbidden")
_HARMLESS = ("none", "permitted")
_OPEN = TrustAnswer("undetermined", "GENERIC")
# EN 319 102-1, 5.1.3, table 6; every other sub-indication leaves the matter open.
FAILED = frozenset(
    ("FORMAT_FAILURE", "HASH_FAILURE", "SIG_CRYPTO_FAILURE", "REVOKED", "EXPIRED", "NOT_YET_VALID")
)


@dataclass
class Signature:
    """One signature on its way through the steps.

    ``contents`` is the value of ``/Contents`` with its padding, ``sub_filter`` is ``/SubFilter`` without its
    slash, ``certificate_entry`` is ``/Cert`` and ``claimed_entry`` is ``/M``. ``proven`` is the time by which
    it existed, after ``proven_by``; ``proofs`` says what came of each of its ``tokens``. ``made_after`` is a
    proven time before which it was not made, ``noisy_padding`` says that anything may stand behind the CMS.
    """

    field: str
    kind: Kind = "signature"
    place: SignatureField | None = None
    contents: bytes = b""
    sub_filter: str = ""
    certificate_entry: tuple[bytes, ...] = ()
    claimed_entry: str | None = None
    noisy_padding: bool = False
    signed: SignedRange | None = None
    message: Message | None = None
    aftermath: Aftermath = _NOT_JUDGED
    cms: CmsAnswer = MALFORMED
    tokens: tuple[Token, ...] = ()
    claimed: datetime | None = None
    proven: datetime | None = None
    proven_by: Token | None = None
    proofs: list[Proof] = dataclass_field(default_factory=list)
    made_after: datetime | None = None
    trust: TrustAnswer = _OPEN


def revision_of(signature: Signature) -> int:
    """Where what a signature covers ends, which orders them; one that cannot be read comes last."""
    return signature.signed.end if signature.signed is not None else 1 << 62


def judge_cryptography(
    signature: Signature,
    beginnings: Beginnings,
    findings: list[Observation],
    elsewhere: Callable[[], Iterable[bytes]] = tuple,
) -> None:
    """Step 7: the CMS and its time-stamp tokens.

    ``elsewhere`` gives certificates of the DSS and of other signatures as DER, asked only where the signature
    does not bring its signer's own. ``beginnings`` are those of the file.
    """
    if signature.signed is None:
        return
    name = TIME_STAMP if signature.kind == "document_timestamp" else signature.sub_filter
    signature.message = beginnings.message(signature.signed)
    try:
        judged = judge_contents(
            signature.contents,
            name,
            signature.message,
            certificate_entry=signature.certificate_entry,
            elsewhere=lambda: read_certificates(elsewhere()),
        )
    except (MemoryError, TooMuch):
        raise
    except Exception:  # what a library raises on a hostile CMS has failed for its format
        signature.cms = MALFORMED
        findings.append(Observation.of("BAD_SIGNATURE", field=signature.field))
        return
    signature.cms, signature.tokens = judged.answer, judged.tokens
    if judged.is_time_stamp:
        signature.kind = "document_timestamp"
    else:
        signature.claimed = signature.cms.signed.signing_time or read_pdf_date(signature.claimed_entry)
    _tell(signature, judged.tail, findings)


def _tell(signature: Signature, tail: int, findings: list[Observation]) -> None:
    name, answer = signature.field, signature.cms
    if answer.finding is not None:
        findings.append(Observation.of(answer.finding, field=name, what=answer.what))
    notes = list(answer.notes)
    for token in signature.tokens if signature.kind != "document_timestamp" else ():
        notes.extend(token.answer.notes)
        if token.lacks_certificate:
            findings.append(Observation.of("TIMESTAMP_CERTIFICATE_MISSING", field=name))
        elif token.answer.integrity == "undetermined" and token.answer.finding is not None:
            findings.append(Observation.of(token.answer.finding, field=name, what=token.answer.what))
        elif not token.intact:
            findings.append(Observation.of("TIMESTAMP_BROKEN", field=name))
    if notes:
        findings.append(Observation.of("CMS_IRREGULAR", field=name, what=", ".join(dict.fromkeys(notes))))
    if answer.signed.policy is not None:
        findings.append(Observation.of("SIGNATURE_POLICY", field=name, what=answer.signed.policy))
    if tail and not signature.noisy_padding:
        findings.append(Observation.of("CONTENTS_TAIL", field=name, count=tail))
        signature.aftermath = replace(signature.aftermath, changes="forbidden", undrawn=False)


_PDF_DATE = re.compile(r"D:(\d{4,14})(?:([Zz+-])(?:(\d\d)'?(\d\d)?'?)?)?'?")


def read_pdf_date(text: str | None) -> datetime | None:
    """A date of ISO 32000-2, 7.9.4, taken as UTC where it names no zone; None where it is none."""
    match = _PDF_DATE.match(text) if text else None
    if match is None:
        return None
    digits, sign, hours, minutes = match.groups()
    # From the month on, everything may be left out.
    digits += "0101000000"[len(digits) - 4 :] if len(digits) % 2 == 0 else ""
    zone = f"{sign}{hours}{minutes or '00'}" if sign in ("+", "-") and hours else "Z"
    try:
        return read_time(f"{digits}{zone}".encode("ascii"), short_year=False)
    except (BerError, UnicodeEncodeError):
        return None


def read_certificates(encoded: Iterable[bytes]) -> tuple[Certificate, ...]:
    """Those that are certificates, each once."""
    found: dict[Certificate, None] = {}
    for der in encoded:
        try:
            found[read_certificate(bytes(der))] = None
        except (BerError, IndexError):
            continue  # one that cannot be read vouches for nobody
    return tuple(found)


def read_evidence(
    store: Store,
    anchors: tuple[Certificate, ...],
    signatures: Sequence[Signature],
    *,
    vri_keys: Sequence[str] = (),
    data_end: int | None = None,
    revocation: RevocationAnswers = NO_ANSWERS,
    moment: datetime | None = None,
) -> Evidence:
    """Certificates and revocation data of the DSS (EN 319 142-1, 5.4.2) and of every CMS and token.

    ``vri_keys`` are the keys of its /VRI, ``data_end`` is where the revision ends that first brought it.
    ``revocation`` is what the file does not bring, ``moment`` the time of the check.
    """
    certificates: dict[Certificate, None] = {}
    crls, ocsps = list(store.crls), list(store.ocsps)
    for signature in signatures:
        certificates.update(dict.fromkeys(read_certificates(signature.certificate_entry)))
        for answer in (signature.cms, *(token.answer for token in signature.tokens)):
            certificates.update(dict.fromkeys(answer.certificates))
            certificates.update(dict.fromkeys(read_certificates(answer.unsigned.certificates)))
            crls += [*answer.crls, *answer.signed.crls, *answer.unsigned.crls]
            ocsps += [*answer.ocsps, *answer.signed.ocsps, *answer.unsigned.ocsps]
    certificates.update(dict.fromkeys(read_certificates(store.certificates)))
    readable = tuple(each for each in certificates if is_readable(each))
    return Evidence(
        anchors,
        readable,
        RevocationData(
            tuple(dict.fromkeys(crls)), tuple(dict.fromkeys(ocsps)), revocation.crls, revocation.ocsps,
            certificates=readable, anchors=anchors, now=moment,
        ),
        tuple(vri_keys),
        data_end,
    )  # fmt: skip


def judge_vri(signatures: Sequence[Signature], evidence: Evidence, findings: list[Observation]) -> None:
    """A key of /VRI is the SHA-1 of what it serves (EN 319 142-1, 5.4.2.3); keys of nothing here are odd."""
    if not evidence.vri_keys:
        return
    served = [form for signature in signatures for form in _hashed_for_vri(signature.contents)]
    served += [*evidence.revocation.crls, *evidence.revocation.ocsps]
    served += [stamp for signature in signatures for stamp in signature.cms.unsigned.time_stamps]
    known = {hashlib.sha1(each, usedforsecurity=False).hexdigest().upper() for each in served}
    odd = [key for key in evidence.vri_keys if key.upper() not in known]
    if odd:
        findings.append(Observation.of("VRI_UNRELATED", count=len(odd)))


def _hashed_for_vri(contents: bytes) -> tuple[bytes, ...]:
    """What producers hash of a /Contents.

    "The complete hexadecimal string" (ISO 32000-2, table 262) are the octets that it stands for, with their
    padding; some leave the padding out, and pyHanko hashes the digits where it adds data to a signed file.
    """
    try:
        unpadded = contents[: read_element(contents).end]
    except BerError:
        unpadded = contents.rstrip(b"\0")
    digits = [each.hex().encode() for each in (contents, unpadded)]
    return (contents, unpadded, *digits, *(each.upper() for each in digits))


def judge_trust(
    signature: Signature, evidence: Evidence, moment: datetime, findings: list[Observation]
) -> None:
    """Step 9: the signer's certificate at the proven time, or now where none is proven."""
    certificate = signature.cms.certificate
    if certificate is None:
        return
    if signature.kind == "document_timestamp":
        _lower_for_weakness(signature, moment, findings)
        return
    signature.kind = signer_kind(certificate)
    if signature.trust.subindication == "TIMESTAMP_ORDER_FAILURE" or signature.cms.integrity != "intact":
        # The times contradict each other; or whoever the certificate names did not sign this.
        return
    proven = signature.proven
    signature.trust = trust = judge_signer(
        certificate,
        evidence,
        proven or moment,
        time_proven=proven is not None,
        made_after=signature.made_after,
    )
    name = signature.field
    if trust.finding is not None:
        findings.append(Observation.of(trust.finding, field=name, what=trust.what))
    elif trust.revocation != "known":
        code = "REVOCATION_STALE" if trust.revocation == "stale" else "REVOCATION_NOT_CHECKED"
        findings.append(Observation.of(code, field=name))
    if trust.trust == "trusted" and trust.revoked_at is not None and trust.revoked_at <= moment:
        findings.append(Observation.of("REVOKED_LATER", field=name))
    if proven is None:
        findings.append(Observation.of("TIME_CLAIMED", field=name))
    _lower_for_weakness(signature, moment, findings)


def _lower_for_weakness(signature: Signature, moment: datetime, findings: list[Observation]) -> None:
    """EN 319 102-1, 5.2.8: an algorithm that is no longer safe leaves the signature undetermined."""
    weakness, proven = signature.cms.weakness, signature.proven
    if weakness is None or not is_too_weak(weakness, proven or moment, time_proven=proven is not None):
        return
    if signature.kind == "document_timestamp" and signature.cms.integrity != "intact":
        return
    findings.append(Observation.of("WEAK_ALGORITHM", field=signature.field, what=weakness.name))
    if signature.trust.trust == "trusted":
        answer = too_weak(time_proven=proven is not None)
        signature.trust = replace(signature.trust, trust=answer.trust, subindication=answer.subindication)


def conclude_signature(
    signature: Signature, signatures: Sequence[Signature], evidence: Evidence
) -> SignatureReport:
    """Step 10: what is told of one signature, given all of them."""
    certificate = signature.cms.certificate
    integrity, subindication = signature.cms.integrity, signature.cms.subindication
    broken = sorted(
        (token.answer for token in signature.tokens if not (token.intact or token.lacks_certificate)),
        key=lambda answer: answer.integrity != "broken",
    )
    if integrity == "intact" and broken:
        # A broken time-stamp means that the file is not as it was made, whatever else holds.
        integrity, subindication = broken[0].integrity, broken[0].subindication
    if integrity == "intact":
        subindication = signature.trust.subindication
    indication: Indication
    if integrity == "intact" and signature.trust.trust == "trusted":
        indication = "TOTAL-PASSED"
        if signature.aftermath.covers == "partial" or signature.aftermath.changes not in _HARMLESS:
            # EN 319 102-1, 5.2.8: the signature holds, but not for the file that it is presented in.
            indication, subindication = "INDETERMINATE", "SIG_CONSTRAINTS_FAILURE"
    else:
        indication = "TOTAL-FAILED" if subindication in FAILED else "INDETERMINATE"
    when = signature.proven or signature.claimed
    own_time = any(proof.time is not None and proof.token.role != "content" for proof in signature.proofs)
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


def _level(signature: Signature, signatures: Sequence[Signature], evidence: Evidence) -> Level:
    """The PAdES baseline level by what is there (EN 319 142-1, 6.3)."""
    answer = signature.cms
    if (
        answer.integrity != "intact"
        or signature.kind == "document_timestamp"
        or signature.sub_filter != CADES
        or answer.signed.certificate is None
    ):
        return "none"
    later = [
        other
        for other in signatures
        if other.kind == "document_timestamp"
        and other.cms.integrity == "intact"
        and revision_of(other) > revision_of(signature)
    ]
    stamps = [token for token in signature.tokens if token.intact and token.role == "signature"]
    if not stamps and not later:
        return "PAdES-B-B"
    # What proves the time is the signature's own time-stamp, else the first one after it.
    proof = stamps or [token for token in later[0].tokens if token.intact]
    if not is_revocation_complete(
        (answer.certificate, *(token.answer.certificate for token in proof)), evidence
    ):
        return "PAdES-B-T"
    since = evidence.data_end
    covered = [other for other in later if since is None or revision_of(other) >= since]
    return "PAdES-B-LTA" if covered else "PAdES-B-LT"
