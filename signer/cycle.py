"""The issuing cycle: one function, eight steps, the same numbers as docs/issue-cycle.md.

The exact bytes are frozen before the document key is touched, and every step persists what it
made before the next one begins. So whatever happens (a killed worker, a lost reply, two workers
on one document) the cycle is run again and goes on where it stopped: one number, one hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from keys.provider import AnyKey, Key, KeyRing
from keys.software import usable
from signer import key_rules, signature
from signer.composition import compose_document
from signer.key_use import ask_for_cms, ask_for_pdf, check_signed_pdf, staged
from signer.levels import ValidationData, is_stamped
from signer.preservation import (
    gather,
    is_below,
    lacks_time,
    reached,
    when_due,
    with_document_timestamp,
    with_validation_data,
)
from signer.revocation import Revocation, RevocationUnavailable
from signer.self_check import SelfCheckFailed, check_file
from signer.template_change import CHANGED
from signer.timestamp import TimestampRefused, TimestampUnavailable, Token
from storage import preservation, queue, steps
from storage.archive import Archive, read_staged, store_final
from storage.queue import Claim
from storage.reading import Document, FrozenSlot, Slot, read_document
from storage.records import day_in
from storage.register import Register
from storage.vocabulary import AbsahError, DocumentState
from templates.catalogue import Catalogue
from templates.render import Renderer, SlotBox
from verifier.report import FileAnswer


class TemplateChanged(AbsahError):
    """The type's template is not the one that the request was validated against."""

    code = CHANGED


class Notifier(Protocol):
    """Tells the outside about an event, at least once; the notice's id lets it recognise a repetition."""

    def deliver(self, notice: steps.Notice) -> None:
        """Deliver durably, or raise `storage.vocabulary.Unavailable`."""
        ...


class Timestamps(Protocol):
    """Gives time-stamps that were checked: a pool of authorities, or one."""

    @property
    def token_size(self) -> int:
        """How many bytes a token may take."""
        ...

    def stamp_digest(self, imprint: bytes) -> Token:
        """See `signer.timestamp.TimeStampAuthority.stamp_digest`."""
        ...


@dataclass(frozen=True)
class Workshop:
    """What the cycle works with. Only the worker has one: it is the only process with a key ring.

    ``anchors`` are the trusted roots, DER: a signature need not carry the one above it.
    """

    register: Register
    archive: Archive
    catalogue: Catalogue
    renderer: Renderer
    keys: KeyRing
    timestamps: Timestamps
    revocation: Revocation
    anchors: Sequence[bytes]
    inspect: Callable[[bytes], FileAnswer]
    notifier: Notifier
    development: bool
    attended_keys: tuple[str, ...] = ()
    """Ids of the keys that ask a human for a secret: those that signing sessions are for."""
    unattended_keys: tuple[str, ...] = ()
    """Ids of the others, where they come from a list."""
    redirect_uri: str = ""
    """Where remote services send an owner's browser back to after a consent (RFC 6749, 3.1.2)."""


def issue(workshop: Workshop, claim: Claim) -> None:
    """Take a claimed document from wherever it stands to ISSUED, or until it has to wait.

    Raises:
        FenceLost: another worker took over; nothing more was written.
        Unavailable: the TSA, the archive or the database is down; the document waits in its state.
        AbsahError: it cannot be issued as it is; a human has to look at it.
    """
    # 1. Request. signer/requests.py validated, numbered and recorded it; what it fixed is read here.
    document = read_document(workshop.register, claim.agency_id, claim.document_id)

    # 2. Claim. The caller holds it: every write below names its fence and the state it expects.
    held = claim
    # What each slot has gathered: as the register had it, then as each step below persists it.
    gathered = {slot.ordinal: slot.frozen for slot in document.slots if slot.frozen is not None}

    for slot in document.slots:
        # 3. Prepare. The first slot's bytes come from the renderer, a later slot's from the earlier one.
        if _is_next(held, slot):
            frozen = _freeze(workshop, document, held, slot, gathered)
            workshop.archive.put_once(staged(held, frozen.sha256), frozen.pdf)
            held = steps.record_freeze(
                workshop.register, held, slot.ordinal, frozen.sha256, frozen.digest, frozen.byte_range
            )
            gathered[slot.ordinal] = FrozenSlot(frozen.sha256, frozen.digest, frozen.byte_range)
        if held.slot != slot.ordinal:
            continue
        so_far = gathered[slot.ordinal]

        # 4. Sign. The intention is committed first; the key then sees what can no longer change.
        if held.state == DocumentState.PREPARED:
            key = workshop.keys.key(slot.key_id)
            if so_far.reply_sha256 is None:
                if _has_to_wait(workshop, document, held, key):
                    return
                _check_key(workshop, document, key)
                frozen_pdf = workshop.archive.read(staged(held, so_far.frozen_sha256))
                if key.capability == "pdf":
                    held, so_far = ask_for_pdf(workshop, document, held, slot, so_far, key, frozen_pdf)
                else:
                    held, so_far = ask_for_cms(workshop, held, slot, so_far, key, frozen_pdf)
            if so_far.reply_sha256 is not None:
                held, so_far = check_signed_pdf(workshop, held, slot, so_far, key)

        # 5. Timestamp. The token is believed only after we have checked it ourselves.
        if held.state == DocumentState.SIGNED:
            token = _stamp(workshop, document, so_far)
            if token is not None:
                # A permit may outlive the certificate, but not begin after it.
                usable(workshop.keys.key(slot.key_id), token.time)
            held = steps.record_token(workshop.register, held, slot.ordinal, token)
            so_far = replace(so_far, token=token.der if token is not None else None)
        gathered[slot.ordinal] = so_far

    # 6. Store. A pure function of what was persisted, accepted by our own verifier, read back by hash.
    if held.state == DocumentState.TIMESTAMPED:
        pdf = _assemble(workshop, held, gathered[held.slot])
        whole = any(each.covered_digest is not None for each in gathered.values())
        pdf = _prolong(workshop, document, held, pdf, stamp=whole and lacks_time(document.level, pdf))
        answer = check_file(workshop.inspect, pdf, signatures=len(document.slots))
        level = reached(answer)
        if is_below(level, document.level) and document.outage == "wait":
            raise SelfCheckFailed(f"The signed file reaches {level}; the type promises {document.level}.")
        sha256 = hashlib.sha256(pdf).hexdigest()
        store_final(workshop.archive, held.agency_id, sha256, pdf, document.retain_until)
        held = steps.record_stored(
            workshop.register, held, sha256, len(pdf), level, when_due(pdf, document.level, level)
        )

    # 7. Issue. The only commit point: before it nothing is downloadable or registered as in force.
    if held.state == DocumentState.STORED:
        held = steps.record_issue(workshop.register, held)
        for each in gathered.values():
            for sha256 in filter(None, (each.frozen_sha256, each.reply_sha256)):
                workshop.archive.remove_staging(staged(held, sha256))

    # 8. Notify. At least once; the outbox row's own id makes a repetition harmless.
    notify(workshop, document.id)


def notify(workshop: Workshop, document_id: str | None = None) -> int:
    """Deliver what the outbox holds, of one document or of all; returns how many notices."""
    delivered: list[steps.Notice] = []
    try:
        for notice in steps.unsent(workshop.register, document_id):
            workshop.notifier.deliver(notice)
            delivered.append(notice)
    finally:
        # One commit for all of them, also where the last one could not be delivered.
        if delivered:
            steps.mark_sent(workshop.register, delivered)
    return len(delivered)


def _is_next(held: Claim, slot: Slot) -> bool:
    if slot.ordinal == 1:
        return held.state == DocumentState.ALLOCATED
    return held.state == DocumentState.TIMESTAMPED and held.slot == slot.ordinal - 1


def _has_to_wait(workshop: Workshop, document: Document, held: Claim, key: AnyKey) -> bool:
    """Give the document back where somebody has to type a secret, or to approve, before its key is used."""
    if key.human_cost != "nothing":
        queue.wait_for_session(workshop.register, held)
        return True
    if document.needs_approval and queue.waits_for_approval(workshop.register, held):
        queue.wait_for_approval(workshop.register, held)
        return True
    return False


def _freeze(
    workshop: Workshop, document: Document, held: Claim, slot: Slot, gathered: Mapping[int, FrozenSlot]
) -> signature.Frozen:
    key = workshop.keys.key(slot.key_id)
    at = datetime.fromtimestamp(document.created_at / 1000, UTC)
    fields: tuple[signature.SignatureField, ...] = ()
    if slot.ordinal > 1:
        base = _assemble(workshop, held, gathered[slot.ordinal - 1])
    else:
        document_type = workshop.catalogue.get(document.type)
        if document_type.template_hash != document.template_hash:
            raise TemplateChanged(
                "The template changed after the request was accepted; see “absah unblock --help”."
            )
        rendered = workshop.renderer.render(
            compose_document(document_type, document, created=at, development=workshop.development)
        )
        base = rendered.pdf
        fields = _fields(workshop, document, rendered.boxes)
    if key.capability == "pdf":
        return signature.freeze_whole(base, fields)
    return signature.freeze(
        base,
        fields=fields,
        slot=slot.ordinal,
        certify=slot.ordinal == 1,
        signer_name=slot.officer.name,
        reason=f"Menerbitkan {document.number}",
        location=document.regency.name,
        at=at,
        reserved=signature.reserved_size(key, workshop.timestamps.token_size),
    )


_TOOLTIPS = {"signature": "Tanda tangan elektronik", "e_seal": "Segel elektronik", "initials": "Paraf"}


def _fields(
    workshop: Workshop, document: Document, boxes: Sequence[SlotBox]
) -> tuple[signature.SignatureField, ...]:
    """The fields of the slots, in the order of signing; initials have no place on the page."""
    shown = {box.ordinal: box for box in boxes}
    fields = []
    for slot in document.slots:
        if workshop.keys.key(slot.key_id).capability == "pdf":
            continue  # whoever signs whole PDFs makes a field of their own, which nobody sees
        tooltip = f"{_TOOLTIPS[slot.kind]} {slot.officer.office}"
        box = shown.get(slot.ordinal)
        fields.append(
            signature.SignatureField.unseen(slot.ordinal, tooltip)
            if box is None
            else signature.SignatureField.over(box, tooltip)
        )
    return tuple(fields)


def _assemble(workshop: Workshop, held: Claim, gathered: FrozenSlot) -> bytes:
    """The signed file up to a slot: the same bytes at every attempt."""
    if gathered.covered_digest is not None and gathered.reply_sha256 is not None:
        return read_staged(workshop.archive, staged(held, gathered.reply_sha256))
    if not gathered.cms:
        raise AbsahError("The signature of an earlier slot is incomplete.", code="NOT_SIGNED")
    frozen_pdf = read_staged(workshop.archive, staged(held, gathered.frozen_sha256))
    cms = gathered.cms
    if gathered.token is not None:
        cms = signature.embed_timestamp(cms, gathered.token)
    return signature.assemble(frozen_pdf, gathered.byte_range, cms)


def _check_key(workshop: Workshop, document: Document, key: Key) -> None:
    """Before each use: certificates end and are revoked, and officers change, while a worker runs."""
    now = datetime.now(UTC)
    usable(key, now)
    workshop.revocation.refuse_revoked((key.certificate, *key.chain))
    key_rules.require(
        workshop.register.engine, key, document.agency.id, document.type, day_in(document.zone, now),
        development=workshop.development,
    )  # fmt: skip


def _stamp(workshop: Workshop, document: Document, gathered: FrozenSlot) -> Token | None:
    """A time-stamp over a signature; None where it has one, or the type does without, or rather than wait.

    A signature in a whole PDF can take none any more; where it came without, `_prolong` stamps the document.
    """
    if document.level == "PAdES-B-B" or not gathered.cms or is_stamped(gathered.cms):
        return None
    try:
        return workshop.timestamps.stamp_digest(signature.stamped_digest(gathered.cms))
    except (TimestampUnavailable, TimestampRefused):
        if document.outage == "wait":
            raise
        return None


def _prolong(workshop: Workshop, document: Document, held: Claim, pdf: bytes, *, stamp: bool) -> bytes:
    """The signed file with what its level asks for beyond B-T; as far as can be had, if the type says so.

    ``stamp`` asks for a document time-stamp at any level, since a signature came without one.
    """
    try:
        if stamp:
            # First, so that what proves this time-stamp is gathered with the rest; kept in a row of its own.
            kept = preservation.read(workshop.register, held, -1)
            pdf = with_document_timestamp(workshop, held, pdf, -1, ValidationData(), kept)
        if is_below(document.level, "PAdES-B-LT"):
            return pdf
        kept = preservation.read(workshop.register, held, 0)
        data = gather(workshop, pdf, kept)
        if document.level == "PAdES-B-LTA":
            try:
                return with_document_timestamp(workshop, held, pdf, 0, data, kept)
            except (TimestampUnavailable, TimestampRefused):
                if document.outage == "wait":
                    raise
        return with_validation_data(workshop, held, pdf, 0, data)
    except (RevocationUnavailable, TimestampUnavailable, TimestampRefused):
        if document.outage == "wait":
            raise
        return pdf
