"""The worker: claims documents from the database and moves each one on. The only process with a key.

One loop does everything that must happen without anybody asking: unfinished documents (also those
of a worker that died), notices in the outbox, the audit chain, what a killed worker left in the
staging area. `work_on` is what a message from a broker calls too; the message only says which
document to look at.
"""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import structlog

from keys.provider import KeyRefused
from signer.cycle import Workshop, issue, notify
from signer.foreign_signature import ProviderRefused
from signer.preservation import extend
from signer.revocation import CertificateRevoked
from signer.staging import sweep_staging
from signer.timestamp import TimestampRefused
from storage import alarms, audit, preservation, queue, signing_keys
from storage.database import transaction
from storage.queue import Claim, FenceLost
from storage.reading import read_document
from storage.vocabulary import AbsahError, Unavailable

if TYPE_CHECKING:
    from signer.sessions import Presence

log = structlog.get_logger("worker")

IDLE_SECONDS = 0.1
SWEEP_SECONDS = 5.0
TIDY_SECONDS = 3600.0
# Files raised or renewed between two documents: new ones are not to wait for old ones.
_EXTENDED_AT_ONCE = 5
# So many objects more than were given back, before somebody looks for garbage: about three documents.
_GARBAGE = 10_000
_WRONG_ANSWER = "KEY_ANSWER"
BEAT_SECONDS = 5.0

# What is wrong with what the official typed or with their account, not with the document.
_OF_THE_SECRET = frozenset(
    {"KEY_PASSPHRASE", "KEY_LOCKED", "KEY_USER", "KEY_USER_STATUS", "KEY_AUTHORISATION"}
)


def work_on(workshop: Workshop, agency_id: str, document_id: str) -> bool:
    """Claim one document and move it on; False when there was nothing to do for us."""
    claim = queue.claim(workshop.register, agency_id, document_id)
    if claim is None:
        return False
    move_on(workshop, claim)
    return True


def work_on_next(workshop: Workshop) -> bool:
    """Move on the document that has waited longest; False when none waits."""
    claim = queue.claim_next(workshop.register)
    if claim is None:
        return False
    move_on(workshop, claim)
    return True


def sweep(workshop: Workshop) -> None:
    """Chain the audit rows, and deliver notices that a crash left in the outbox."""
    with transaction(workshop.register.engine) as connection:
        audit.chain(connection)
    # Last: whoever takes no notices must not keep the audit trail open.
    notify(workshop)


@dataclass(frozen=True)
class Extended:
    """What came of raising or renewing one document's file; ``error`` is None where it has a new one."""

    document_id: str
    error: AbsahError | None = None


def extend_next(
    workshop: Workshop, until: datetime | None = None, since: datetime | None = None
) -> Extended | None:
    """Raise or renew the file that has been due longest, or is due by ``until``; None when none is.

    What was renewed ``since`` a moment is passed over.
    """
    present = preservation.claim_next(workshop.register, until, since)
    if present is None:
        return None
    claim = present.held
    bound = log.bind(document=claim.document_id, fence=claim.fence)
    try:
        extend(workshop, present)
        bound.info("document.extended")
    except FenceLost as error:
        bound.warning("document.fence_lost")
        return Extended(claim.document_id, error)
    except AbsahError as error:
        # The file that is there stays as good as it was; in an hour it is tried again.
        bound.warning("document.not_extended", code=error.code)
        preservation.postpone(workshop.register, claim, error)
        return Extended(claim.document_id, error)
    except Exception as error:
        # One odd file must not keep the worker from all others. The class is logged, never the message.
        bound.error("document.not_extended", error=type(error).__name__)
        unexpected = AbsahError("Unexpected error.", code=type(error).__name__[:40])
        preservation.postpone(workshop.register, claim, unexpected)
        return Extended(claim.document_id, unexpected)
    return Extended(claim.document_id)


def refresh_revocation(workshop: Workshop) -> None:
    """Ask again about certificates before the answers at hand end; one that is revoked stops issuing."""
    try:
        workshop.revocation.refresh()
    except CertificateRevoked as error:
        engine = workshop.register.engine
        whose = [each.id for each in signing_keys.registered(engine) if each.certificate == error.certificate]
        log.error("certificate.revoked", code=error.code, keys=whose)
        # Else an authority's, or that of a time-stamp: whatever is signed needs it.
        for subject in whose or ["one that signatures need"]:
            alarms.sound(engine, alarms.CERTIFICATE_REVOKED, subject, error.code)


def settle() -> None:
    """Once all is loaded, before the first document: spend less on looking for garbage.

    What is there stays until the end, and a document leaves little that only such a look would find.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE)


def run(workshop: Workshop, stop: threading.Event, clock: Callable[[], float], hands: int) -> None:
    """Work until ``stop`` is set, finishing the documents at hand first.

    ``hands`` documents are in work at once: while one is laid out, waits for the disk or for the
    time-stamp authority, another one moves on. Whatever nobody expected ends the process, so that
    whoever supervises it starts a new one.
    """
    others = ThreadPoolExecutor(hands + 3, thread_name_prefix="hand")
    # A key may have moved, to an HSM say, while documents waited for somebody to type its passphrase.
    queue.end_waiting(workshop.register, workshop.unattended_keys)
    helping = [others.submit(_keep_at, partial(work_on_next, workshop), stop) for _ in range(hands - 1)]
    if workshop.attended_keys:
        from signer.sessions import Presence

        # By themselves: a batch takes minutes, and meanwhile the worker has to say that it lives.
        presence = Presence(workshop)
        helping.append(others.submit(_keep_beating, presence, stop))
        helping.append(others.submit(_keep_at, presence.work_on_next, stop))
        # A new session need not wait for another one's batch until it says what it asks for.
        helping.append(others.submit(_keep_at, presence.ask_next, stop))
    swept = tidied = float("-inf")

    def work_and_sweep() -> bool:
        nonlocal swept, tidied
        busy = work_on_next(workshop)
        if clock() - swept >= SWEEP_SECONDS:
            swept = clock()
            sweep(workshop)
            refresh_revocation(workshop)
            for _ in range(_EXTENDED_AT_ONCE):
                if extend_next(workshop) is None:
                    break
        if clock() - tidied >= TIDY_SECONDS:
            tidied = clock()
            sweep_staging(workshop)
        return busy

    try:
        _keep_at(work_and_sweep, stop)
    finally:
        stop.set()
        others.shutdown()
    for hand in helping:
        hand.result()


def _keep_beating(presence: Presence, stop: threading.Event) -> None:
    try:
        while not stop.is_set():
            try:
                presence.beat()
            except AbsahError as error:
                log.warning("worker.waiting", code=error.code)
            stop.wait(BEAT_SECONDS)
        presence.leave()
    finally:
        stop.set()


def _keep_at(do_next: Callable[[], bool], stop: threading.Event) -> None:
    """Do one thing after the other, and rest a little where there was nothing to do."""
    try:
        while not stop.is_set():
            try:
                busy = do_next()
            except AbsahError as error:
                # The database itself is away: nothing can be recorded, so only wait and try again.
                log.warning("worker.waiting", code=error.code)
                stop.wait(1.0)
                continue
            if not busy:
                stop.wait(IDLE_SECONDS)
    finally:
        # One hand that fails stops them all.
        stop.set()


def stop_on_signals(stop: threading.Event) -> None:
    """Let SIGTERM and SIGINT end the loop after the document at hand."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())


def move_on(workshop: Workshop, claim: Claim) -> AbsahError | None:
    """Issue a claimed document or record why it stops here; returns what stopped it."""
    register = workshop.register
    bound = log.bind(document=claim.document_id, fence=claim.fence)
    try:
        issue(workshop, claim)
        bound.info("document.moved_on")
    except FenceLost as error:
        bound.warning("document.fence_lost")
        return error
    except CertificateRevoked as error:
        # Whose it is, the log does not say: the key that the document needs does.
        bound.error("document.blocked", code=error.code)
        alarms.sound(register.engine, alarms.CERTIFICATE_REVOKED, _key_of(workshop, claim), error.code)
        queue.block(register, claim, error)
        return error
    except (Unavailable, TimestampRefused) as error:
        # An authority whose answers we cannot believe is no better than one that is down, and no
        # fault of the document: it waits, and nothing that was refused is kept.
        bound.warning("document.waits", code=error.code)
        queue.release(register, claim, error, waits=True)
        return error
    except AbsahError as error:
        if isinstance(error, KeyRefused) and error.code in _OF_THE_SECRET:
            # The official types again, in another session; the document is as good as it was.
            bound.warning("document.waits", code=error.code)
            queue.release(register, claim, error, waits=True)
            return error
        # No retry can help: our own check, the key or the approval said no.
        bound.error("document.blocked", code=error.code, message=error.message)
        if isinstance(error, ProviderRefused) or error.code == _WRONG_ANSWER:
            # Somebody has to look at what holds that key; a file that it gave stays in the staging area.
            alarms.sound(register.engine, alarms.PROVIDER, _key_of(workshop, claim), error.code)
        queue.block(register, claim, error)
        return error
    except Exception as error:
        # Anything else may pass; ten times it may not. The class is logged, never the message.
        bound.error("document.failed", error=type(error).__name__)
        unexpected = AbsahError("Unexpected error.", code=type(error).__name__[:40])
        queue.release(register, claim, unexpected)
        return unexpected
    return None


def _key_of(workshop: Workshop, claim: Claim) -> str:
    document = read_document(workshop.register, claim.agency_id, claim.document_id)
    return next(each.key_id for each in document.slots if each.ordinal == claim.slot)
