"""What a key may sign, as the register says, and what the register is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Engine

from keys.provider import Key, KeyRefused
from storage import signing_keys
from storage.database import milliseconds
from storage.signing_keys import Seen
from storage.vocabulary import Unavailable


def require(engine: Engine, key: Key, agency_id: str, type_id: str, on: date, *, development: bool) -> None:
    """Check that the register lets a key sign that.

    Keys of the development PKI need no permission, nor does any key in ``development`` before it got one.

    Raises:
        storage.signing_keys.KeyNotPermitted: it may not.
    """
    if not key.development:
        signing_keys.require_permission(engine, key.id, agency_id, type_id, on, unless_new=development)


def note_all(engine: Engine, ring: Iterable[str], open_key: Callable[[str], Key]) -> None:
    """Let the register know the certificates of a worker's keys; one on a device that is away waits."""
    for key_id in ring:
        try:
            key = open_key(key_id)
            told = seen(key.id, key.certificate, key.human_cost, development=key.development)
        except (Unavailable, KeyRefused):
            continue  # the worker has said so already, and says it again where a document needs the key
        signing_keys.note(engine, told)


def seen(key_id: str, certificate: x509.Certificate, human_cost: str, *, development: bool) -> Seen:
    """What the register remembers of a key."""
    return Seen(
        key_id,
        certificate.public_bytes(Encoding.DER),
        milliseconds(certificate.not_valid_before_utc),
        milliseconds(certificate.not_valid_after_utc),
        human_cost,
        development,
    )
