"""The product without one of its safeguards, to see that the tests notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, update

from signer import cycle
from storage import steps
from storage.database import transaction
from storage.queue import LEASE_MS, Claim
from storage.reading import Slot
from storage.register import Register
from storage.tables import document, now_ms, signature
from storage.vocabulary import DocumentState

Setter = Callable[[Any, str, Any], None]


def remove_fence(put: Setter) -> None:
    """A worker that was overtaken goes on writing."""

    def advance(
        connection: Connection, held: Claim, state: DocumentState, slot: int | None = None, **values: Any
    ) -> Claim:
        connection.execute(
            update(document)
            .where(document.c.agency_id == held.agency_id, document.c.id == held.document_id)
            .values(state=state, slot=slot or held.slot, lease_until=now_ms() + LEASE_MS, **values)
        )
        return held.at(state, slot)

    put(steps, "advance", advance)


def remove_intention(put: Setter) -> None:
    """The key is called without a word in the register."""
    put(steps, "record_intent", lambda *ignored: None)


def remove_freeze(put: Setter) -> None:
    """Who comes after a crash renders anew and signs that."""

    def is_next(held: Claim, slot: Slot) -> bool:
        return held.state in (DocumentState.ALLOCATED, DocumentState.PREPARED)

    def record_freeze(
        register: Register, held: Claim, ordinal: int, frozen_sha256: str, digest: bytes, byte_range: object
    ) -> Claim:
        with transaction(register.engine) as connection:
            values = {"prepared_sha256": frozen_sha256}
            advanced = steps.advance(connection, held, DocumentState.PREPARED, ordinal, **values)
            connection.execute(
                update(signature)
                .where(signature.c.document_id == held.document_id, signature.c.ordinal == ordinal)
                .values(
                    frozen_sha256=frozen_sha256,
                    digest=digest.hex(),
                    byte_range=str(list(byte_range)),  # type: ignore[call-overload]
                )
            )
            return advanced

    put(cycle, "_is_next", is_next)
    put(steps, "record_freeze", record_freeze)


MUTATIONS: dict[str, Callable[[Setter], None]] = {
    "fence": remove_fence,
    "intention": remove_intention,
    "freeze": remove_freeze,
}
