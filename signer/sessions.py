"""The worker's side of signing sessions: it publishes keys, takes secrets, and signs one batch with each.

The secret is in this process's memory while the batch takes, and nowhere else. See `storage.sessions`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import cast

import structlog

from keys.consent import ConsentCode
from keys.provider import AnyKey, AttendedKey, HumanSecret, KeyRefused, KeyRing, ReplyLost
from signer.consents import Consents
from signer.cycle import Workshop
from signer.foreign_signature import ProviderRefused
from signer.secrecy import EphemeralKeys
from signer.worker import move_on
from storage import queue, sessions
from storage.queue import FenceLost
from storage.sessions import SIGNED, Session
from storage.vocabulary import AbsahError, Unavailable

log = structlog.get_logger("sessions")

_UNREADABLE = "SECRET_UNREADABLE"
_GONE = "NOT_WAITING"
# What says something about one document; after anything else the batch stops.
_OF_ONE_DOCUMENT = frozenset({"PROVIDER_REFUSED"})


@dataclass
class Presence:
    """One worker's part in signing sessions: its keys in memory, published as long as it lives."""

    workshop: Workshop
    keys: EphemeralKeys = field(default_factory=EphemeralKeys)
    consents: Consents = field(init=False)

    def __post_init__(self) -> None:
        """Nothing is asked for yet."""
        self.consents = Consents(self.workshop)

    def beat(self) -> None:
        """Say that this worker lives, with a fresh key where one is due; end what ran out of time.

        Raises:
            storage.vocabulary.Unavailable: the database does not answer.
        """
        register = self.workshop.register
        if (fresh := self.keys.rotate()) is not None:
            sessions.publish(register, *fresh, self.workshop.attended_keys)
        if old := self.keys.outlived():
            sessions.withdraw(register, old)
        ids = self.keys.ids
        sessions.beat(register, ids, newest=ids[-1])
        sessions.close_ended(register)

    def leave(self) -> None:
        """Withdraw the keys: whoever waits is told at once to begin again."""
        sessions.withdraw(self.workshop.register, self.keys.ids)

    def ask_next(self) -> bool:
        """Find out what one new session asks its officer for; False when there is none for this worker."""
        return self.consents.ask_next(self.keys.ids)

    def work_on_next(self) -> bool:
        """Sign the batch of one session; False when none waits for this worker."""
        taken = sessions.take(self.workshop.register, self.keys.ids)
        if taken is None:
            return False
        session, sealed = taken
        bound = log.bind(session=session.id, key=session.key_id)
        answer = self.keys.open(sealed, session.worker_key_id, session.id, session.batch_digest)
        code = _UNREADABLE if answer is None else self._sign(session, answer)
        sessions.finish(self.workshop.register, session, code)
        bound.info("session.ended", code=code)
        return True

    def _sign(self, session: Session, answer: HumanSecret | ConsentCode) -> str | None:
        """Sign each document; returns why it stopped before the last one, None where it did not."""
        register = self.workshop.register
        try:
            ring = _Unlocked(self.workshop.keys, session.key_id, self._unlocked(session, answer))
        except AbsahError as error:
            return error.code
        unlocked = replace(self.workshop, keys=ring)
        for each in session.documents:
            if not sessions.is_open(register, session):
                return "SESSION_EXPIRED"
            claim = queue.claim_attended(register, session.agency_id, each.document_id)
            if claim is None or not sessions.is_what_was_shown(register, claim, each.frozen_sha256):
                if claim is not None:
                    queue.release(register, claim, waits=True)
                sessions.record_outcome(register, session, each.document_id, _GONE)
                continue
            stopped = move_on(unlocked, claim)
            signed = sessions.was_signed(register, claim)
            code = SIGNED if signed else stopped.code if stopped is not None else "NOT_SIGNED"
            sessions.record_outcome(register, session, each.document_id, code)
            if not signed and _stops(stopped):
                return code
        return None

    def _unlocked(self, session: Session, answer: HumanSecret | ConsentCode) -> AnyKey:
        if isinstance(answer, ConsentCode):
            asked = self.consents.take(session.id)
            if asked is None:
                raise KeyRefused("This worker has asked for no such consent.", code=_UNREADABLE)
            return asked.key.unlocked_by_consent(asked.consent, answer)
        key = cast("AttendedKey", self.workshop.keys.key(session.key_id))
        if key.by_consent:
            raise KeyRefused(f"The owner of key “{key.id}” consents in a browser.", code="CONSENT_NEEDED")
        return key.unlocked(answer, sessions.covered_digests(self.workshop.register, session))


def _stops(error: AbsahError | None) -> bool:
    """Whether the next document would meet the same: a wrong secret is never sent twice."""
    if isinstance(error, FenceLost):
        return False
    return isinstance(error, KeyRefused | ReplyLost | ProviderRefused | Unavailable) and (
        error.code not in _OF_ONE_DOCUMENT
    )


class _Unlocked(KeyRing):
    """The keys, one of them unlocked for a batch."""

    def __init__(self, keys: KeyRing, key_id: str, unlocked: AnyKey) -> None:
        self._keys, self._id, self._key = keys, key_id, unlocked

    def key(self, key_id: str) -> AnyKey:
        """See `keys.provider.KeyRing`."""
        return self._key if key_id == self._id else self._keys.key(key_id)
