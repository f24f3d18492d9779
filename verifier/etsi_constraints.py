"""What was evaluated of one signature, step by step, as the constraints of ETSI TS 119 102-2, 4.2.4.

The steps are those of docs/verify-cycle.md. A constraint's indication is that of the step alone; step 10
makes one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from verifier.details import SignatureDetails
from verifier.report import SignatureReport

Evaluation = Literal["applied", "disabled", "overridden"]


@dataclass(frozen=True)
class Constraint:
    """One step: whether it was applied, and what came of it (None where it was not).

    ``overridden``: applied, but what it says does not count, because our policy does not demand it.
    """

    step: str
    status: Evaluation
    indication: Literal["passed", "indeterminate", "failed"] | None = None
    subindication: str | None = None


_TIMES = ("TIMESTAMP_ORDER_FAILURE",)
_ALGORITHMS = ("CRYPTO_CONSTRAINTS_FAILURE", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE")


def constraints_of(signature: SignatureReport, detail: SignatureDetails | None) -> tuple[Constraint, ...]:
    """The steps 4 to 9 for one signature."""
    found = [_byte_range(signature), _changes(signature), _cryptography(signature)]
    if signature.integrity != "intact":
        # Whoever a broken signature names did not make it: steps 8 and 9 are not gone on with.
        rest = ("8:times", "9:certificate", "9:revocation", "9:algorithms")
        return (*found, *(Constraint(step, "disabled") for step in rest))
    return (
        *found,
        _times(signature, detail),
        _certificate(signature),
        _revocation(signature, detail),
        _algorithms(signature),
    )


def _byte_range(signature: SignatureReport) -> Constraint:
    if signature.covers == "partial":
        return Constraint("4:byte-range", "applied", "failed", "FORMAT_FAILURE")
    return Constraint("4:byte-range", "applied", "passed")


def _changes(signature: SignatureReport) -> Constraint:
    if signature.changes in ("none", "permitted"):
        return Constraint("6:changes", "applied", "passed")
    return Constraint("6:changes", "applied", "indeterminate", "SIG_CONSTRAINTS_FAILURE")


def _cryptography(signature: SignatureReport) -> Constraint:
    if signature.integrity == "intact":
        return Constraint("7:cryptography", "applied", "passed")
    indication: Literal["failed", "indeterminate"] = (
        "failed" if signature.integrity == "broken" else "indeterminate"
    )
    return Constraint("7:cryptography", "applied", indication, signature.subindication)


def _times(signature: SignatureReport, detail: SignatureDetails | None) -> Constraint:
    if signature.subindication in _TIMES:
        return Constraint("8:times", "applied", "indeterminate", signature.subindication)
    proven = detail.existence.by is not None if detail is not None else False
    if proven or signature.signed_at_source == "timestamp":
        return Constraint("8:times", "applied", "passed")
    return Constraint("8:times", "disabled")


def _certificate(signature: SignatureReport) -> Constraint:
    if signature.trust == "trusted" or signature.subindication in _ALGORITHMS:
        return Constraint("9:certificate", "applied", "passed")
    if signature.subindication in _TIMES:
        return Constraint("9:certificate", "disabled")
    failed = signature.indication == "TOTAL-FAILED"
    return Constraint(
        "9:certificate", "applied", "failed" if failed else "indeterminate", signature.subindication
    )


def _revocation(signature: SignatureReport, detail: SignatureDetails | None) -> Constraint:
    if detail is None or detail.chain is None or not detail.chain.anchored:
        return Constraint("9:revocation", "disabled")
    if signature.trust == "revoked":
        failed = signature.indication == "TOTAL-FAILED"
        return Constraint(
            "9:revocation", "applied", "failed" if failed else "indeterminate", signature.subindication
        )
    if detail.chain.known == "known":
        return Constraint("9:revocation", "applied", "passed")
    return Constraint("9:revocation", "overridden", "indeterminate", "TRY_LATER")


def _algorithms(signature: SignatureReport) -> Constraint:
    if signature.subindication in _ALGORITHMS:
        return Constraint("9:algorithms", "applied", "indeterminate", signature.subindication)
    return Constraint("9:algorithms", "applied", "passed")
