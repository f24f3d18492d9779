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
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from cryptography.hazmat.primitives.serialization import Encoding

from keys.provider import AnyKey, AttendedKey, HumanSecret, KeyRefused
from keys.software import usable
from signer import levels, signature
from signer.countersignature import VisibleStamp, freeze_countersignature, stamp_page
from signer.cycle import Timestamps
from signer.foreign_signature import check_reply
from signer.key_use import cms_of
from signer.preservation import is_below
from signer.revocation import Revocation
from signer.self_check import SelfCheckFailed
from signer.upload_words import UploadRefused, refusal
from templates.stamp import Stamp, draw_stamp
from verifier.algorithms import Message
from verifier.report import FileAnswer, SignatureReport, is_altered, is_sound
from verifier.sandbox import OpenFile
from verifier.survey_answer import Survey, Wish

_PIECE = 1 << 20
# It goes there and comes back whole, as text, and is compared in this process.
_MOST_BYTES_FOR_A_SERVICE = 50 * 1024 * 1024


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

    ``stamp`` is None for a signature that is not seen; then ``place`` counts for nothing. ``secret`` asks the
    owner of the key for what unlocks it, if it costs a human anything; not before the file is known to be fit
    to be signed.
    """

    key: AnyKey
    level: str
    signer_name: str
    reason: str
    location: str
    at: datetime
    stamp: Stamp | None = None
    place: StampPlace = StampPlace()
    secret: Callable[[], HumanSecret] | None = None


class Witness(Protocol):
    """Keeps, durably, what must not be lost."""

    def intend(self, digest: bytes) -> None:
        """A key is about to be asked for a signature over what has this SHA-256."""
        ...

    def keep(self, reply: bytes) -> None:
        """A service has answered with this file. Nobody has looked at it, and it is not asked for again."""
        ...


@dataclass(frozen=True)
class SignedUpload:
    """What became of the file: its SHA-256 and size, and how it was judged.

    ``intended`` is what `Witness.intend` was told, ``digest`` the SHA-256 over what the new signature covers.
    """

    sha256: str
    size: int
    intended: bytes
    digest: bytes
    signature: SignatureReport
    answer: FileAnswer


@dataclass(frozen=True)
class _Made:
    """A signature that stands in the file now; see `SignedUpload` for the digests."""

    field: str
    cms: bytes
    intended: bytes
    digest: bytes


def sign_upload(tools: UploadTools, file: Path, order: UploadOrder, witness: Witness) -> SignedUpload:
    """Sign the working copy ``file`` in place; of one that was refused, or failed, nothing may be used.

    Args:
        tools: sandbox, time-stamps, revocation.
        file: a copy that nobody else touches.
        order: how to sign it.
        witness: told before a key is used, and of what only a service knows.

    Raises:
        UploadRefused: the file cannot be signed; with the reason and what to do.
        SelfCheckFailed: what was made is not what was meant.
        signer.foreign_signature.ProviderRefused: a service returned something else than was asked for.
        AbsahError: from the key, the time-stamp authorities or the revocation.
    """
    key = order.key
    _require_askable(order)
    usable(key, datetime.now(UTC))
    tools.revocation.refuse_revoked((key.certificate, *key.chain))
    with file.open("r+b") as stream:
        wish = order.place.wish(order.stamp) if order.stamp is not None else None
        survey, before = _look(tools, stream, wish)
        stamp = _draw(order.stamp, wish, survey)
        by = _sign_by_service if key.capability == "pdf" else _sign_in_field
        made = by(tools, stream, order, witness, stamp, signed=survey.signed)
        _prolong(tools, stream, order, made.cms)
        os.fsync(stream.fileno())
        answer = _inspect(tools, OpenFile(stream.fileno()))
        report = _check(before, answer, made.field, order)
        size = stream.seek(0, os.SEEK_END)
        return SignedUpload(_sha256(stream), size, made.intended, made.digest, report, answer)


def _require_askable(order: UploadOrder) -> None:
    key = order.key
    if key.human_cost == "nothing":
        return
    if order.secret is None or cast("AttendedKey", key).by_consent:
        raise KeyRefused(
            f"The owner of key “{key.id}” consents in a browser, which serves documents that are issued here."
            " For a file that was made elsewhere take a key with a passphrase, or one that asks nobody.",
            code="KEY_CAPABILITY",
        )


def _unlocked(order: UploadOrder, digest: bytes) -> AnyKey:
    """The key for that one signature; what its owner types is not kept."""
    if order.key.human_cost == "nothing":
        return order.key
    assert order.secret is not None  # noqa: S101 - `_require_askable`
    return cast("AttendedKey", order.key).unlocked(order.secret(), [digest])


def _sign_in_field(
    tools: UploadTools,
    stream: BinaryIO,
    order: UploadOrder,
    witness: Witness,
    stamp: VisibleStamp | None,
    *,
    signed: bool,
) -> _Made:
    """A field of ours, whose look is the stamp; the key gives a signature or a CMS."""
    key = order.key
    assert key.capability != "pdf"  # noqa: S101 - the caller looked
    with _mapped(stream) as pdf:
        frozen = freeze_countersignature(
            pdf,
            stamp=stamp,
            certify=not signed,
            signer_name=order.signer_name,
            reason=order.reason,
            location=order.location,
            at=order.at,
            reserved=signature.reserved_size(key, _token_size(tools, order.level)),
        )
    update = frozen.update
    witness.intend(update.digest)
    unlocked = _unlocked(order, update.digest)
    assert unlocked.capability != "pdf"  # noqa: S101 - unlocking changes no capability
    _, start, end, _ = update.own_range
    with _mapped(stream) as pdf, memoryview(pdf) as whole:
        covered = Message(whole, update.appended[:start], update.appended[end:])
        cms = cms_of(unlocked, update.digest, covered)
    if not is_below(order.level, "PAdES-B-T") and not levels.is_stamped(cms):
        token = tools.timestamps.stamp_digest(signature.stamped_digest(cms))
        cms = signature.embed_timestamp(cms, token.der)
    _append(stream, signature.assemble(update.appended, update.own_range, cms))
    return _Made(frozen.field, cms, update.digest, update.digest)


def _sign_by_service(
    tools: UploadTools,
    stream: BinaryIO,
    order: UploadOrder,
    witness: Witness,
    stamp: VisibleStamp | None,
    *,
    signed: bool,
) -> _Made:
    """The service signs the whole file, unseen; a stamp is put onto the page before that."""
    key = order.key
    assert key.capability == "pdf"  # noqa: S101 - the caller looked
    if stream.seek(0, os.SEEK_END) > _MOST_BYTES_FOR_A_SERVICE:
        raise refusal("UPLOAD_TOO_LARGE")
    if stamp is not None:
        if signed:
            raise refusal("STAMP_ON_SIGNED")
        with _mapped(stream) as pdf:
            appended = stamp_page(pdf, stamp).appended
        _append(stream, appended)
    stream.seek(0)
    frozen = stream.read()
    intended = hashlib.sha256(frozen).digest()
    witness.intend(intended)
    unlocked = _unlocked(order, intended)
    assert unlocked.capability == "pdf"  # noqa: S101 - unlocking changes no capability
    reply = unlocked.sign_pdf(frozen, reason=order.reason, location=order.location)
    witness.keep(reply)
    checked = check_reply(frozen, reply, key.certificate, partial(_inspect, tools))
    if checked.proven_at is not None:
        usable(key, checked.proven_at)
    _append(stream, reply[len(frozen) :])
    return _Made(checked.field, checked.cms, intended, checked.covered_digest)


def _prolong(tools: UploadTools, stream: BinaryIO, order: UploadOrder, cms: bytes) -> None:
    """What the level asks for beyond the signature itself.

    Asked about is our own signature only: an address that somebody else's names is never asked.
    """
    made = [cms]
    if not is_below(order.level, "PAdES-B-T") and not levels.is_stamped(cms):
        # A signature in a whole PDF can take no time-stamp any more.
        made.append(_add_document_timestamp(tools, stream, levels.ValidationData()))
    if is_below(order.level, "PAdES-B-LT"):
        return
    others = [each.public_bytes(Encoding.DER) for each in order.key.chain]
    data = tools.revocation.collect_for(made, others=others)
    if order.level == "PAdES-B-LTA":
        _add_document_timestamp(tools, stream, data)
        return
    with _mapped(stream) as pdf:
        update = levels.validation_data_update(pdf, data)
    _append(stream, update.appended)


def _token_size(tools: UploadTools, level: str) -> int:
    return 0 if is_below(level, "PAdES-B-T") else tools.timestamps.token_size


def _inspect(tools: UploadTools, file: bytes | OpenFile) -> FileAnswer:
    """The file half of the public check, as of now."""
    return tools.sandbox.inspect_now(file, anchors=tools.anchors, moment=datetime.now(UTC))


def _look(tools: UploadTools, stream: BinaryIO, wish: Wish | None) -> tuple[Survey, FileAnswer]:
    """What the file allows, and its signatures as they are; both told by the sandbox."""
    if os.fstat(stream.fileno()).st_size == 0:
        raise refusal("NOT_PDF")
    file = OpenFile(stream.fileno())
    survey = tools.sandbox.survey_now(file, wish)
    if survey.refused is not None:
        raise refusal(survey.refused)
    before = _inspect(tools, file)
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


def _add_document_timestamp(tools: UploadTools, stream: BinaryIO, data: levels.ValidationData) -> bytes:
    """With the data in the same revision; returns the token."""
    with _mapped(stream) as pdf:
        update = levels.document_timestamp_update(pdf, tools.timestamps.token_size, data)
    token = tools.timestamps.stamp_digest(update.digest).der
    _append(stream, signature.assemble(update.appended, update.own_range, token))
    return token


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
    "Opener", "SignedUpload", "StampPlace", "UploadOrder", "UploadRefused", "UploadTools", "Witness",
    "sign_upload",
]  # fmt: skip
