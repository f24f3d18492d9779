"""Step 8 of the check: which times are proven, and what they prove (EN 319 102-1, 5.5 and 5.6.2).

A time-stamp over a signature proves that it existed by then (its proof of existence); one over the document
before it was signed, or over a revision that the signature covers, proves that it was made after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from verifier.certificates import Evidence, TrustAnswer, is_too_weak, judge_time_stamper, too_weak
from verifier.report import Observation
from verifier.timestamps import Token

if TYPE_CHECKING:
    from verifier.signature import Signature

# Two clocks that are kept well; RFC 3161 asks for no more than that they be told apart.
CLOCK_TOLERANCE = timedelta(minutes=5)
_OPEN = TrustAnswer("undetermined", "GENERIC")
_OUT_OF_ORDER = TrustAnswer("undetermined", "TIMESTAMP_ORDER_FAILURE")
_REASONS = {"expired": "TIMESTAMP_EXPIRED", "revoked": "TIMESTAMP_REVOKED"}


@dataclass(frozen=True)
class Proof:
    """What came of one time-stamp: whom its maker's certificate leads to, and the time that it proves.

    ``time`` is None where it is not believed. ``moment`` is the time at which its certificate was judged: the
    next proven time after it, or that of the check.
    """

    token: Token
    trust: TrustAnswer
    time: datetime | None
    moment: datetime


def prove_times(
    signatures: Sequence[Signature], evidence: Evidence, moment: datetime, findings: list[Observation]
) -> None:
    """From the last signature inwards: a trusted time-stamp proves that all before it existed by then."""
    horizon, beyond = moment, None
    trusted: dict[int, list[datetime]] = {}
    for position, signature in reversed(list(enumerate(signatures))):
        signature.proven, signature.proven_by = (horizon, beyond) if horizon < moment else (None, None)
        trusted[position] = []
        for token in signature.tokens:
            proof = _believed(signature, token, evidence, moment, horizon, findings)
            signature.proofs.append(proof)
            time = proof.time
            if time is None:
                continue
            if token.role == "content":
                signature.made_after = max(signature.made_after or time, time)
                continue
            if time > horizon + CLOCK_TOLERANCE:
                _contradict(signature, findings)
            if signature.proven is None or time < signature.proven:
                signature.proven, signature.proven_by = time, token
            trusted[position].append(time)
        proven = signature.proven
        if signature.kind == "document_timestamp" and proven is not None and proven < horizon:
            horizon, beyond = proven, signature.proven_by
    reached: datetime | None = None
    for position, signature in enumerate(signatures):
        if reached is not None and signature.cms.integrity == "intact":
            signature.made_after = max(signature.made_after or reached, reached)
        if (
            signature.made_after is not None
            and signature.proven is not None
            and signature.made_after > signature.proven + CLOCK_TOLERANCE
        ):
            _contradict(signature, findings)
        for time in trusted[position]:
            reached = max(reached or time, time)


def _believed(
    signature: Signature,
    token: Token,
    evidence: Evidence,
    moment: datetime,
    horizon: datetime,
    findings: list[Observation],
) -> Proof:
    """What a token proves, if anything; why it proves nothing is told."""
    certificate = token.answer.certificate
    if not token.intact or token.time is None or certificate is None:
        return Proof(token, _OPEN, None, horizon)
    if token.time > moment + CLOCK_TOLERANCE:
        findings.append(Observation.of("TIMESTAMP_IN_FUTURE", field=signature.field))
        signature.trust = _OUT_OF_ORDER
        return Proof(token, _OUT_OF_ORDER, None, horizon)
    proven = horizon < moment
    stamper = judge_time_stamper(certificate, evidence, horizon, time_proven=proven)
    if signature.kind == "document_timestamp":
        signature.trust = stamper
    if stamper.trust != "trusted":
        code = _REASONS.get(stamper.trust, "TIMESTAMP_UNTRUSTED")
        findings.append(Observation.of(code, field=signature.field))
        return Proof(token, stamper, None, horizon)
    if is_too_weak(token.answer.weakness, horizon, time_proven=proven):
        # What anybody could have made yesterday proves nothing of ten years ago.
        what = token.answer.weakness.name if token.answer.weakness is not None else ""
        if signature.kind != "document_timestamp":
            findings.append(Observation.of("WEAK_ALGORITHM", field=signature.field, what=what))
        return Proof(token, too_weak(time_proven=proven), None, horizon)
    return Proof(token, stamper, token.time, horizon)


def _contradict(signature: Signature, findings: list[Observation]) -> None:
    findings.append(Observation.of("TIMESTAMP_ORDER", field=signature.field))
    signature.trust = _OUT_OF_ORDER
