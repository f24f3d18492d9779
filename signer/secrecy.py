"""How an official's secret travels to a worker: see `signer.sealing`, the private key only in memory."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from keys.consent import ConsentCode
from keys.provider import HumanSecret
from signer.sealing import LONGEST_CODE, SUITE, binding, seal_content
from storage.vocabulary import InvalidRequest

LONGEST_SECRET = 200
_ROTATION_SECONDS = 15 * 60.0


def seal(secret: HumanSecret, public_key: bytes, session_id: str, batch_digest: str) -> bytes:
    """The secret for the eyes of whoever holds the private half of ``public_key`` (32 bytes).

    Raises:
        InvalidRequest: the secret is empty, or longer than `LONGEST_SECRET` characters.
    """
    if not 0 < len(secret.value) <= LONGEST_SECRET:
        raise InvalidRequest(f"A passphrase or TOTP has 1 to {LONGEST_SECRET} characters.")
    return seal_content({secret.kind: secret.value}, public_key, session_id, batch_digest)


class EphemeralKeys:
    """The private halves of a worker's public keys, of which nothing is ever written anywhere.

    A new pair takes over every quarter of an hour, and the one before lives as long again: that is how long a
    session lasts. What was encrypted to it, in a backup say, nobody reads after that.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._pairs: dict[str, tuple[float, X25519PrivateKey]] = {}

    def rotate(self) -> tuple[str, bytes] | None:
        """A new pair where one is due: its id and public half, to be published."""
        now = self._clock()
        with self._lock:
            newest = max((since for since, _ in self._pairs.values()), default=None)
            if newest is not None and now - newest < _ROTATION_SECONDS:
                return None
            key_id, private = str(uuid.uuid4()), X25519PrivateKey.generate()
            self._pairs[key_id] = (now, private)
            return key_id, private.public_key().public_bytes_raw()

    def outlived(self) -> list[str]:
        """Forget those that no session can need any more; their ids."""
        latest = self._clock() - 2 * _ROTATION_SECONDS
        with self._lock:
            old = [key_id for key_id, (since, _) in self._pairs.items() if since <= latest]
            for each in old:
                del self._pairs[each]
        return old

    @property
    def ids(self) -> list[str]:
        """Of the pairs that live, the newest last."""
        with self._lock:
            return sorted(self._pairs, key=lambda each: self._pairs[each][0])

    def open(
        self, sealed: bytes, key_id: str, session_id: str, batch_digest: str
    ) -> HumanSecret | ConsentCode | None:
        """What was typed or brought; None where it was not encrypted to that key for that session."""
        with self._lock:
            pair = self._pairs.get(key_id)
        if pair is None:
            return None
        try:
            content = json.loads(SUITE.decrypt(sealed, pair[1], info=binding(session_id, batch_digest)))
        except (InvalidTag, ValueError):
            return None
        return _understood(content)


def _understood(content: object) -> HumanSecret | ConsentCode | None:
    if not isinstance(content, dict):
        return None
    match content:
        case {"code": str(code), "state": str(state)} if len(content) == 2 and 0 < len(code) <= LONGEST_CODE:
            return ConsentCode(code, state)
        case {"passphrase": str(value)} if len(content) == 1 and 0 < len(value) <= LONGEST_SECRET:
            return HumanSecret("passphrase", value)
        case {"totp": str(value)} if len(content) == 1 and 0 < len(value) <= LONGEST_SECRET:
            return HumanSecret("totp", value)
    return None
