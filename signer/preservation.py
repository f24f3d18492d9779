"""Beyond B-T: validation data and document time-stamps, at issue and again before what proves them ends.

ETSI EN 319 142-1, 5.4 and 6.3. What is gathered is persisted before it is used (`storage.preservation`), and
the file is made of it by the pure functions of `signer.levels`, so that a retry makes the same bytes.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from signer.levels import (
    ValidationData,
    add_validation_data,
    freeze_document_timestamp,
    is_stamped,
    last_timestamp,
    proof_ends,
    signed_data_of,
)
from signer.self_check import SelfCheckFailed, check_file
from signer.signature import assemble
from storage import preservation
from storage.archive import read_final, store_final
from storage.preservation import Extension, Preserved
from storage.queue import Claim
from storage.vocabulary import LEVELS
from verifier.report import FileAnswer

if TYPE_CHECKING:
    from signer.cycle import Workshop

# Before the certificate of the last time-stamp's authority ends: time enough for an outage of months.
_MARGIN = timedelta(days=180)
_LEAST_PAUSE = timedelta(days=1)


def gather(
    workshop: Workshop, pdf: bytes, kept: Preserved | None, *, late: bool = False, renewal: bool = False
) -> ValidationData:
    """What proves that a file's certificates stood: signers', time-stamps', and all above them.

    ``kept`` is what an earlier attempt gathered. ``late`` says that the signatures' time is proven, so that
    an answer “revoked since” is proof, too. For a ``renewal`` only the last time-stamp's are asked about: the
    file holds what proves the others, and of a signer's certificate that ended years ago nobody says anything
    any more.

    Raises:
        CertificateRevoked: a certificate was revoked, and not ``late``.
        RevocationUnavailable: nobody can be asked now.
    """
    if kept is not None and kept.base_sha256 == hashlib.sha256(pdf).hexdigest():
        return ValidationData.from_bytes(kept.evidence)
    signed = signed_data_of(pdf)
    return workshop.revocation.collect_for(
        [last_timestamp(signed)] if renewal else signed, others=workshop.anchors, accept_revoked=late
    )


def with_validation_data(
    workshop: Workshop, held: Claim, pdf: bytes, ordinal: int, data: ValidationData
) -> bytes:
    """The file and what `gather` found."""
    gathered = Preserved(hashlib.sha256(pdf).hexdigest(), data.to_bytes())
    preservation.record(workshop.register, held, ordinal, gathered)
    return add_validation_data(pdf, data)


def with_document_timestamp(
    workshop: Workshop,
    held: Claim,
    pdf: bytes,
    ordinal: int,
    data: ValidationData,
    kept: Preserved | None,
) -> bytes:
    """The file and what `gather` found, under a document time-stamp: the one that is kept, if it fits.

    Raises:
        TimestampUnavailable, TimestampRefused: no authority gives a token that we believe.
    """
    frozen = freeze_document_timestamp(pdf, workshop.timestamps.token_size, data)
    digest = frozen.digest.hex()
    if kept is not None and kept.digest == digest and kept.token is not None:
        return assemble(frozen.pdf, frozen.byte_range, kept.token)
    made = workshop.timestamps.stamp_digest(frozen.digest)
    gathered = Preserved(hashlib.sha256(pdf).hexdigest(), data.to_bytes(), digest, made.der)
    preservation.record(workshop.register, held, ordinal, gathered, at=made.time, until=made.until)
    return assemble(frozen.pdf, frozen.byte_range, made.der)


def reached(answer: FileAnswer) -> str:
    """The level that all signatures of a file have, or the lowest; document time-stamps aside."""
    levels = [each.level for each in answer.signatures if each.kind != "document_timestamp"]
    return min(levels, key=lambda level: LEVELS.index(level) if level in LEVELS else -1)


def lacks_time(promised: str, pdf: bytes) -> bool:
    """Whether a signature that somebody else wrote has no time-stamp although the level asks for one."""
    return not is_below(promised, "PAdES-B-T") and not all(map(is_stamped, signed_data_of(pdf)))


def is_below(level: str, promised: str) -> bool:
    """Whether a level is lower than the promised one."""
    return level not in LEVELS or LEVELS.index(level) < LEVELS.index(promised)


def when_due(pdf: bytes, promised: str, level: str) -> datetime | None:
    """When a file of that level has to be extended: at once where less than promised was reached.

    Otherwise before the certificate of the authority that stamped it last ends; never if no proof is kept.
    """
    if is_below(level, promised):
        return datetime.now(UTC)
    if is_below(promised, "PAdES-B-LT"):
        return None
    return renewal_day(proof_ends(signed_data_of(pdf)), datetime.now(UTC))


def renewal_day(ends: datetime, now: datetime) -> datetime:
    """When to renew what is proven until ``ends``: half a year before it.

    Where that is past already, halfway to the end: as long as the same authority stamps, a renewal at once
    would gain nothing, and be due again as soon as it is made.
    """
    return max(ends - _MARGIN, now + max((ends - now) / 2, _LEAST_PAUSE))


def extend(workshop: Workshop, present: Extension) -> None:
    """Raise the claimed document's file to the promised level, or renew its proof; see `preservation`.

    Raises:
        FenceLost: another worker took over; nothing more was written.
        Unavailable: a part is down; the present file stays.
        AbsahError: the file cannot be extended as it is; a human has to look at it.
    """
    archive, held, kept, ordinal = workshop.archive, present.held, present.kept, present.ordinal
    pdf = read_final(archive, held.agency_id, present.sha256)
    raising = is_below(present.reached, present.level)
    if present.reached == "PAdES-B-B":
        # First the time alone: what proves its authority can be asked about once that is there.
        longer = with_document_timestamp(workshop, held, pdf, ordinal, ValidationData(), kept)
    else:
        data = gather(workshop, pdf, kept, late=True, renewal=not raising)
        if raising and present.level == "PAdES-B-LT":
            longer = with_validation_data(workshop, held, pdf, ordinal, data)
        else:
            longer = with_document_timestamp(workshop, held, pdf, ordinal, data, kept)
    answer = check_file(workshop.inspect, longer, signatures=present.slots)
    level = reached(answer)
    if is_below(level, present.level) and not is_below(present.reached, level):
        raise SelfCheckFailed(f"The extended file reaches {level} only.")
    sha256 = hashlib.sha256(longer).hexdigest()
    store_final(archive, held.agency_id, sha256, longer, present.retain_until)
    preservation.record_file(
        workshop.register,
        held,
        code=present.code,
        sha256=sha256,
        size=len(longer),
        level=level,
        reason="raised" if raising else "renewed",
        byte_range_digest=answer.byte_range_digests[-1],
        extend_at=when_due(longer, present.level, level),
    )
