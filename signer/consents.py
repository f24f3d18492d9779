"""The consents that a worker has asked owners for, each with what only this process may know of it.

Only a worker has the account at the remote service; see `storage.consents` for the other side.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import cast

import structlog

from keys.consent import Consent, ConsentKey
from keys.provider import AttendedKey
from signer.cycle import Workshop
from storage import consents, sessions
from storage.sessions import Session
from storage.vocabulary import AbsahError

log = structlog.get_logger("sessions")


@dataclass(frozen=True)
class Asked:
    """A consent that was asked for, its key, and when (monotonic seconds) nobody waits for it any more."""

    key: ConsentKey
    consent: Consent
    ends: float


class Consents:
    """What this worker has asked for and not been answered yet; a worker that ends forgets it."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._lock = threading.Lock()
        self._asked: dict[str, Asked] = {}

    def ask_next(self, key_ids: list[str]) -> bool:
        """Find out what one new session asks for; False when there is none with these public keys."""
        session = consents.next_unasked(self._workshop.register, key_ids)
        if session is None:
            return False
        try:
            self._ask(session)
        except AbsahError as error:
            log.warning("session.not_asked", session=session.id, key=session.key_id, code=error.code)
            consents.stop(self._workshop.register, session, error.code)
        return True

    def take(self, session_id: str) -> Asked | None:
        """What was asked for that session; from now on it is forgotten."""
        with self._lock:
            return self._asked.pop(session_id, None)

    def _ask(self, session: Session) -> None:
        register = self._workshop.register
        key = cast("AttendedKey", self._workshop.keys.key(session.key_id))
        if not key.by_consent:
            consents.ask_for_secret(register, session)
            return
        key = cast("ConsentKey", key)
        digests = sessions.covered_digests(register, session)
        if not digests:
            raise AbsahError("Its documents are not what they were.", code="NOT_WAITING")
        consent = key.consent_to(digests, redirect_uri=self._workshop.redirect_uri)
        # First in memory: the owner may come back as soon as the address is known.
        with self._lock:
            now = time.monotonic()
            self._asked = {name: each for name, each in self._asked.items() if each.ends > now}
            # No session lasts longer from here on.
            self._asked[session.id] = Asked(key, consent, now + sessions.LIFETIME_MS / 1000)
        if not consents.ask_for_consent(register, session, consent.address, consent.state):
            self.take(session.id)
