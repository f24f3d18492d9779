"""Signing a file that somebody else made: looked at in the sandbox, signed where it lies, checked before use.

The file is a working copy on a disk, of any size; nothing of it but what our own reader needs comes into this
process, which has the keys. Every signature that it held has to be as valid afterwards as it was before.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from keys.provider import KeyRefused, SigningKey
from keys.software import usable
from signer import levels, signature
from signer.countersignature import VisibleStamp, freeze_countersignature
from signer.cycle import SelfCheckFailed, Timestamps
from signer.preservation import is_below
from signer.revocation import Revocation
from signer.upload_words import UploadRefused, refusal
from templates.stamp import Stamp, draw_stamp
from verifier.report import FileAnswer, SignatureReport, is_altered, is_sound
from verifier.sandbox import OpenFile
from verifier.survey_answer import Survey, Wish

_PIECE = 1 << 20


class Opener(Protocol):
    """What opens a stranger's file: a sandbox without keys."""

    def survey_now(self, pdf: bytes | OpenFile, wish: Wish | None = None) -> Survey:
        """See `verifier.sandbox.Sandbox.survey_now`."""
        ...

    def inspect_now(self, pdf: bytes | OpenFile, *, anchors: Sequence[bytes], moment: datetime) -> FileAnswer:
        """See `verifier.sandbox.Sandbox.inspect_now`."""
        ...


@dataclass(frozen=True)
class UploadTools:
    """What signing an upload works with; ``anchors`` are those of the public check."""

    sandbox: Opener
    anchors: Sequence[bytes]
    timestamps: Timestamps
    revocation: Revocation


@dataclass(frozen=True)
class StampPlace:
    """Where a stamp is wanted: on which page (from 0; None: the last), and in which box there.

    ``box`` is left, bottom, width, height in points on the page as it is displayed; None: wherever it is
    free.
    """

    page: int | None = None
    box: tuple[float, float, float, float] | None = None

    def wish(self, stamp: Stamp) -> Wish:
        """The same as the sandbox is asked."""
        if self.box is None:
            width, height = stamp.size
            return Wish(width, height, self.page)
        left, bottom, width, height = self.box
        return Wish(width, height, self.page, (left, bottom))


@dataclass(frozen=True)
class UploadOrder:
    """How a file is to be signed; ``level`` is one of `storage.vocabulary.LEVELS`, ``at`` is aware.

    ``stamp`` is None for a signature that is not seen; then ``place`` counts for nothing.
    """

    key: SigningKey
    level: str
    signer_name: str
    reason: str
    location: str
    at: datetime
    stamp: Stamp | None = None
    place: StampPlace = StampPlace()


@dataclass(frozen=True)
class SignedUpload:
    """What became of the file: its SHA-256 and size, what the new signature covers, and how it was judged."""

    sha256: str
    size: int
    digest: bytes
    signature: SignatureReport
    answer: FileAnswer


def sign_upload(
    tools: UploadTools, file: Path, order: UploadOrder, intend: Callable[[bytes], None]
) -> SignedUpload:
    """Sign the working copy ``file`` in place; of one that was refused, or failed, nothing may be used.

    Args:
        tools: sandbox, time-stamps, revocation.
        file: a copy that nobody else touches.
        order: how to sign it.
        intend: records, durably, the SHA-256 that is about to be signed; called before the key is.

    Raises:
        UploadRefused: the file cannot be signed; with the reason and what to do.
        SelfCheckFailed: what was made is not what was meant.
        AbsahError: from the key, the time-stamp authorities or the revocation.
    """
    key = order.key
    if key.capability != "raw":
        raise KeyRefused(
            f"Key {key.id} does not give raw signatures, which files of others need.", code="KEY_CAPABILITY"
        )
    usable(key, datetime.now(UTC))
    tools.revocation.refuse_revoked((key.certificate, *key.chain))
    with file.open("r+b") as stream:
        wish = order.place.wish(order.stamp) if order.stamp is not None else None
        survey, before = _look(tools, stream, wish)
        stamp = _draw(order.stamp, wish, survey)
        with _mapped(stream) as pdf:
            frozen = freeze_countersignature(
                pdf,
                stamp=stamp,
                certify=not survey.signed,
                signer_name=order.signer_name,
                reason=order.reason,
                location=order.location,
                at=order.at,
                reserved=signature.reserved_size(key, _token_size(tools, order.level)),
            )
        update = frozen.update
        intend(update.digest)
        cms = signature.sign(update.digest, key)
        if not is_below(order.level, "PAdES-B-T"):
            token = tools.timestamps.stamp_digest(signature.stamped_digest(cms))
            cms = signature.embed_timestamp(cms, token.der)
        _append(stream, signature.assemble(update.appended, update.own_range, cms))
        if not is_below(order.level, "PAdES-B-LT"):
            _add_validation_data(tools, stream, cms)
        if order.level == "PAdES-B-LTA":
            _add_document_timestamp(tools, stream)
        os.fsync(stream.fileno())
        answer = tools.sandbox.inspect_now(
            OpenFile(stream.fileno()), anchors=tools.anchors, moment=datetime.now(UTC)
        )
        made = _check(before, answer, frozen.field, order)
        return SignedUpload(_sha256(stream), stream.seek(0, os.SEEK_END), update.digest, made, answer)


def _token_size(tools: UploadTools, level: str) -> int:
    return 0 if is_below(level, "PAdES-B-T") else tools.timestamps.token_size


def _look(tools: UploadTools, stream: BinaryIO, wish: Wish | None) -> tuple[Survey, FileAnswer]:
    """What the file allows, and its signatures as they are; both told by the sandbox."""
    if os.fstat(stream.fileno()).st_size == 0:
        raise refusal("NOT_PDF")
    file = OpenFile(stream.fileno())
    survey = tools.sandbox.survey_now(file, wish)
    if survey.refused is not None:
        raise refusal(survey.refused)
    before = tools.sandbox.inspect_now(file, anchors=tools.anchors, moment=datetime.now(UTC))
    if not before.readable:
        codes = {each.code for each in before.findings}
        raise refusal("UPLOAD_LIMIT" if "LIMIT" in codes else "UPLOAD_DAMAGED")
    if any(is_altered(each) for each in before.signatures):
        raise refusal("UPLOAD_ALTERED")
    return survey, before


def _draw(stamp: Stamp | None, wish: Wish | None, survey: Survey) -> VisibleStamp | None:
    if stamp is None or wish is None:
        return None
    if survey.spot is None:
        raise SelfCheckFailed("The sandbox told no place for the stamp.")
    tooltip = f"Tanda tangan elektronik {stamp.office or stamp.name}"
    return VisibleStamp(draw_stamp(stamp, wish.width, wish.height), survey.spot, tooltip)


def _add_validation_data(tools: UploadTools, stream: BinaryIO, cms: bytes) -> None:
    """Of our own signature only: an address that somebody else's names is never asked."""
    data = tools.revocation.collect_for((cms,))
    with _mapped(stream) as pdf:
        update = levels.validation_data_update(pdf, data)
    _append(stream, update.appended)


def _add_document_timestamp(tools: UploadTools, stream: BinaryIO) -> None:
    with _mapped(stream) as pdf:
        update = levels.document_timestamp_update(pdf, tools.timestamps.token_size)
    token = tools.timestamps.stamp_digest(update.digest)
    _append(stream, signature.assemble(update.appended, update.own_range, token.der))


def _check(before: FileAnswer, after: FileAnswer, field: str, order: UploadOrder) -> SignatureReport:
    """The file half of the public check: the new signature as promised, the earlier ones as they were."""
    by_field = {each.field: each for each in after.signatures}
    for old in before.signatures:
        new = by_field.get(old.field)
        if new is None or is_altered(new) or new.integrity != old.integrity or _is_worse(old, new):
            raise refusal("UPLOAD_SIGNATURE_HARMED" if order.stamp is None else "STAMP_HARMS_SIGNATURE")
    made = by_field.get(field)
    if not after.readable or made is None or not is_sound(made) or is_below(made.level, order.level):
        told = "unreadable" if made is None else f"{made.integrity}, {made.trust}, {made.level}"
        raise SelfCheckFailed(f"Our own check refused the signed file: {told}.")
    return made


def _is_worse(old: SignatureReport, new: SignatureReport) -> bool:
    return new.changes not in ("none", "permitted", old.changes) or (
        old.trust == "trusted" and new.trust != "trusted"
    )


@contextmanager
def _mapped(stream: BinaryIO) -> Iterator[mmap.mmap]:
    with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as pdf:
        yield pdf


def _append(stream: BinaryIO, content: bytes) -> None:
    stream.seek(0, os.SEEK_END)
    stream.write(content)
    stream.flush()


def _sha256(stream: BinaryIO) -> str:
    stream.seek(0)
    found = hashlib.sha256()
    while piece := stream.read(_PIECE):
        found.update(piece)
    return found.hexdigest()


__all__ = [
    "Opener", "SignedUpload", "StampPlace", "UploadOrder", "UploadRefused", "UploadTools", "sign_upload",
]  # fmt: skip
