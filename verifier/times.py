"""Step 8 of the check: which times are proven, and what they prove (EN 319 102-1, 5.5 and 5.6.2).

A time-stamp over a signature proves that it existed by then (its proof of existence); one over the document
before it was signed, or over a revision that the signature covers, proves that it was made after.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from verifier.certificates import Evidence, TrustAnswer, is_too_weak, judge_time_stamper
from verifier.report import Observation
from verifier.timestamps import Token

if TYPE_CHECKING:
    from verifier.signature import Signature

# Two clocks that are kept well; RFC 3161 asks for no more than that they be told apart.
CLOCK_TOLERANCE = timedelta(minutes=5)
_OUT_OF_ORDER = TrustAnswer("undetermined", "TIMESTAMP_ORDER_FAILURE")
_REASONS = {"expired": "TIMESTAMP_EXPIRED", "revoked": "TIMESTAMP_REVOKED"}


def prove_times(
    signatures: Sequence[Signature], evidence: Evidence, moment: datetime, findings: list[Observation]
) -> None:
    """From the last signature inwards: a trusted time-stamp proves that all before it existed by then."""
    horizon = moment
    trusted: dict[int, list[datetime]] = {}
    for position, signature in reversed(list(enumerate(signatures))):
        signature.proven = horizon if horizon < moment else None
        trusted[position] = []
        for token in signature.tokens:
            time = _believed(signature, token, evidence, moment, horizon, findings)
            if time is None:
                continue
            if token.role == "content":
                signature.made_after = max(signature.made_after or time, time)
                continue
            if time > horizon + CLOCK_TOLERANCE:
                _contradict(signature, findings)
            signature.proven = min(signature.proven or time, time)
            trusted[position].append(time)
        if signature.kind == "document_timestamp" and signature.proven is not None:
            horizon = min(horizon, signature.proven)
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
) -> datetime | None:
    """The time of a token, if it proves one; why it does not is told."""
    certificate = token.answer.certificate
    if not token.intact or token.time is None or certificate is None:
        return None
    if token.time > moment + CLOCK_TOLERANCE:
        findings.append(Observation.of("TIMESTAMP_IN_FUTURE", field=signature.field))
        signature.trust = _OUT_OF_ORDER
        return None
    proven = horizon < moment
    stamper = judge_time_stamper(certificate, evidence, horizon, time_proven=proven)
    if signature.kind == "document_timestamp":
        signature.trust = stamper
    if stamper.trust != "trusted":
        code = _REASONS.get(stamper.trust, "TIMESTAMP_UNTRUSTED")
        findings.append(Observation.of(code, field=signature.field))
        return None
    if is_too_weak(token.answer.weakness, horizon, time_proven=proven):
        # What anybody could have made yesterday proves nothing of ten years ago.
        what = token.answer.weakness.name if token.answer.weakness is not None else ""
        if signature.kind != "document_timestamp":
            findings.append(Observation.of("WEAK_ALGORITHM", field=signature.field, what=what))
        return None
    return token.time


def _contradict(signature: Signature, findings: list[Observation]) -> None:
    findings.append(Observation.of("TIMESTAMP_ORDER", field=signature.field))
    signature.trust = _OUT_OF_ORDER
