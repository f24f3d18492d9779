"""Step 4 of the issuing cycle for keys of each capability: the intention, the question, the answer.

What a key answers is persisted before anything else is done with it. A key that signs whole PDFs is asked
once: while it is unknown whether it has signed, or once its answer is here, only a human lets it be asked
again.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from keys.provider import CmsKey, KeyRefused, PdfKey, ReplyLost, SigningKey
from keys.software import usable
from signer import signature
from signer.foreign_signature import check_cms, check_reply
from storage import steps
from storage.archive import read_staged, staging_key
from storage.queue import Claim
from storage.reading import Document, FrozenSlot, Slot
from storage.vocabulary import Unavailable
from verifier.algorithms import Message

if TYPE_CHECKING:
    from signer.cycle import Workshop

# Between attempts to keep an answer that there is no second of.
_PAUSES = (0.2, 1.0, 3.0, 10.0)
_CLOCKS_DIFFER = timedelta(seconds=5)


def ask_for_cms(
    workshop: Workshop,
    held: Claim,
    slot: Slot,
    frozen: FrozenSlot,
    key: SigningKey | CmsKey,
    frozen_pdf: bytes,
) -> tuple[Claim, FrozenSlot]:
    """Record the intention, have the frozen bytes signed, and keep the CMS.

    Raises:
        signer.foreign_signature.ProviderRefused: a service wrote another CMS than was asked for.
        NotApproved, SignatureRefused, KeyRefused, Unavailable: as `storage.steps` and the key do.
    """
    _check_prepared_for(key, frozen)
    digest = signature.covered_digest(frozen_pdf, frozen.byte_range)
    frozen_sha256 = hashlib.sha256(frozen_pdf).hexdigest()
    steps.record_intent(workshop.register, held, slot.ordinal, frozen_sha256, digest)
    _, start, end, _ = frozen.byte_range
    view = memoryview(frozen_pdf)
    cms = cms_of(key, digest, Message(view[:start], view[end:]))
    held = steps.record_cms(workshop.register, held, slot.ordinal, cms)
    return held, replace(frozen, cms=cms)


def cms_of(key: SigningKey | CmsKey, digest: bytes, covered: Message) -> bytes:
    """The CMS over what is covered, which has that SHA-256: written here, or by the service and then checked.

    Raises:
        signer.foreign_signature.ProviderRefused: a service wrote another CMS than was asked for.
        SignatureRefused, KeyRefused, Unavailable: as the key does.
    """
    if key.capability == "raw":
        return signature.sign(digest, key)
    cms = key.sign_cms(digest)
    check_cms(cms, covered, key.certificate)
    return cms


def ask_for_pdf(
    workshop: Workshop,
    document: Document,
    held: Claim,
    slot: Slot,
    frozen: FrozenSlot,
    key: PdfKey,
    frozen_pdf: bytes,
) -> tuple[Claim, FrozenSlot]:
    """Record the intention, have the whole frozen PDF signed, and keep the answer, unread.

    Raises:
        ReplyLost: it is unknown whether the key has signed, now or at an earlier attempt.
        NotApproved, KeyRefused, Unavailable: nothing was signed.
    """
    _check_prepared_for(key, frozen)
    if frozen.asked_at is not None:
        if (kept := _left_in_staging(workshop, held, frozen, frozen_pdf)) is not None:
            held = steps.record_reply(workshop.register, held, slot.ordinal, kept)
            return held, replace(frozen, reply_sha256=kept)
        raise ReplyLost(
            "The provider was asked to sign this document before, and its answer was lost. Look into its own"
            " list of signed documents; then let the document go on with “absah unblock”, and sign again."
        )
    # An answer that could not be kept would be lost.
    workshop.archive.ping()
    sha256 = hashlib.sha256(frozen_pdf).hexdigest()
    digest = hashlib.sha256(frozen_pdf).digest()
    steps.record_intent(workshop.register, held, slot.ordinal, sha256, digest, once=True)
    try:
        reply = key.sign_pdf(
            frozen_pdf, reason=f"Menerbitkan {document.number}", location=document.regency.name
        )
    except ReplyLost:
        raise
    except (KeyRefused, Unavailable) as refusal:
        steps.record_refusal(workshop.register, held, slot.ordinal, refusal.code)
        raise
    reply_sha256 = hashlib.sha256(reply).hexdigest()
    _keep(workshop, staged(held, reply_sha256), reply)
    held = steps.record_reply(workshop.register, held, slot.ordinal, reply_sha256)
    return held, replace(frozen, reply_sha256=reply_sha256)


def check_signed_pdf(
    workshop: Workshop, held: Claim, slot: Slot, frozen: FrozenSlot, key: PdfKey | SigningKey | CmsKey
) -> tuple[Claim, FrozenSlot]:
    """Check the answer that was kept, and take it for the signature.

    Raises:
        signer.foreign_signature.ProviderRefused: it is not what was asked for; it stays in the staging area.
        KeyRefused: the certificate was not valid when it was made.
    """
    assert frozen.reply_sha256 is not None  # noqa: S101 - the caller has it
    checked = check_reply(
        read_staged(workshop.archive, staged(held, frozen.frozen_sha256)),
        read_staged(workshop.archive, staged(held, frozen.reply_sha256)),
        key.certificate,
        workshop.inspect,
    )
    if checked.proven_at is not None:
        usable(key, checked.proven_at)
    held = steps.record_signed_pdf(
        workshop.register, held, slot.ordinal, checked.covered_digest, checked.proven_at
    )
    return held, replace(frozen, covered_digest=checked.covered_digest.hex())


def staged(held: Claim, sha256: str) -> str:
    """The key under which the claimed document's staging area has what has this SHA-256."""
    return staging_key(held.agency_id, held.document_id, sha256)


def _check_prepared_for(key: PdfKey | SigningKey | CmsKey, frozen: FrozenSlot) -> None:
    """What was frozen has room for a signature of ours, or leaves nothing open: it fits one kind of key.

    Raises:
        KeyRefused: ``KEY_CAPABILITY``, the key list gave the key another kind since.
    """
    _, start, end, _ = frozen.byte_range
    if (key.capability == "pdf") != (start == end):
        raise KeyRefused(
            f"The document was prepared for another kind of key than “{key.id}” is now; annul it, and request"
            " it anew.",
            code="KEY_CAPABILITY",
        )


def _left_in_staging(workshop: Workshop, held: Claim, frozen: FrozenSlot, frozen_pdf: bytes) -> str | None:
    """The SHA-256 of an answer that an attempt kept and could not record any more; None without one."""
    assert frozen.asked_at is not None  # noqa: S101 - the caller has it
    # Earlier than the question are answers that were refused; the two clocks may differ a little.
    since = datetime.fromtimestamp(frozen.asked_at / 1000, UTC) - _CLOCKS_DIFFER
    for each in workshop.archive.list_staging(held.agency_id):
        name = PurePosixPath(each.key).stem
        if each.document_id != held.document_id or name == frozen.frozen_sha256 or each.since < since:
            continue
        content = workshop.archive.read(each.key)
        if content.startswith(frozen_pdf) and hashlib.sha256(content).hexdigest() == name:
            return name
    return None


def _keep(workshop: Workshop, key: str, reply: bytes) -> None:
    """Put an answer into the staging area, patiently: the archive was there a moment ago."""
    for pause in _PAUSES:
        try:
            workshop.archive.put_once(key, reply)
        except Unavailable:
            time.sleep(pause)
        else:
            return
    try:
        workshop.archive.put_once(key, reply)
    except Unavailable as problem:
        raise ReplyLost("The provider has signed, and the archive could not keep its answer.") from problem
