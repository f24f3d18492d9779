"""Which change of status is allowed where: the whole of it is one table.

A document stands somewhere on a given day; `TRANSITIONS` says for each standing and each change
whether an officer may make it, or the code and the sentence of the refusal. A revocation for a
later day leaves the document in force until then (`Standing.ENDING`): it may be suspended,
replaced or annulled meanwhile, and the day may be brought forward, never put off. So does a successor
that is issued and begins later (`Standing.OUTGOING`): it may be suspended, revoked or annulled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, and_, bindparam, select

from storage.tables import document, document_relation
from storage.vocabulary import Conflict, DocumentState, FieldProblem, InvalidRequest


class Standing(StrEnum):
    """Where a document stands on one day, as far as it decides what may happen next."""

    UNISSUED = "unissued"
    IN_FORCE = "in_force"  # also one whose first day is still to come
    SUSPENDED = "suspended"
    ENDING = "ending"  # in force, with a revocation that lies ahead
    SUSPENDED_ENDING = "suspended_ending"
    OUTGOING = "outgoing"  # in force, until the first day of a successor that is issued already
    SUSPENDED_OUTGOING = "suspended_outgoing"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    SUPERSEDED_SUSPENDED = "superseded_suspended"  # replaced while it was suspended
    EXPIRED = "expired"
    EXPIRED_SUSPENDED = "expired_suspended"  # its last day passed while it was suspended
    ANNULLED = "annulled"


class Action(StrEnum):
    """A change that an officer makes."""

    SUSPEND = "suspend"
    REINSTATE = "reinstate"
    REVOKE = "revoke"
    SUPERSEDE = "supersede"
    ANNUL = "annul"


@dataclass(frozen=True)
class Refusal:
    """Why a change cannot be made: a stable code and a sentence with the remedy."""

    code: str
    message: str


_UNISSUED = Refusal("NOT_ISSUED", "This document is not issued yet; annul it to stop it.")
_NOT_SUSPENDED = Refusal("NOT_SUSPENDED", "This document is not suspended.")
_SUSPENDED = Refusal("ALREADY_SUSPENDED", "This document is already suspended; reinstate it to end that.")
_REVOKED = Refusal(
    "ALREADY_REVOKED",
    "This document is already revoked; issue a new one, or annul it if it was never valid.",
)
_REPLACED = Refusal(
    "ALREADY_ENDED", "This document is already superseded; change the status of its successor instead."
)
_OUTGOING = Refusal(
    "ALREADY_ENDED",
    "The document that replaces this one is issued already and begins later; change the status of that one"
    " instead.",
)
_EXPIRED = Refusal("VALIDITY_ENDED", "This document's validity has ended; there is nothing to suspend.")
_ANNULLED = Refusal(
    "ALREADY_ANNULLED", "This document is annulled; its status cannot change any more. Issue a new one."
)

_OK = None
_Row = tuple[Standing, *tuple[Refusal | None, ...]]
_ROWS: tuple[_Row, ...] = (
    # standing                       suspend      reinstate       revoke      supersede   annul
    (Standing.UNISSUED,              _UNISSUED,   _UNISSUED,      _UNISSUED,  _UNISSUED,  _OK),
    (Standing.IN_FORCE,              _OK,         _NOT_SUSPENDED, _OK,        _OK,        _OK),
    (Standing.SUSPENDED,             _SUSPENDED,  _OK,            _OK,        _OK,        _OK),
    (Standing.ENDING,                _OK,         _NOT_SUSPENDED, _OK,        _OK,        _OK),
    (Standing.SUSPENDED_ENDING,      _SUSPENDED,  _OK,            _OK,        _OK,        _OK),
    (Standing.OUTGOING,              _OK,         _NOT_SUSPENDED, _OK,        _OUTGOING,  _OK),
    (Standing.SUSPENDED_OUTGOING,    _SUSPENDED,  _OK,            _OK,        _OUTGOING,  _OK),
    (Standing.REVOKED,               _REVOKED,    _REVOKED,       _REVOKED,   _REVOKED,   _OK),
    (Standing.SUPERSEDED,            _REPLACED,   _NOT_SUSPENDED, _REPLACED,  _REPLACED,  _OK),
    (Standing.SUPERSEDED_SUSPENDED,  _REPLACED,   _OK,            _REPLACED,  _REPLACED,  _OK),
    # What ended by itself can still be revoked from a day of its validity, and renewed.
    (Standing.EXPIRED,               _EXPIRED,    _NOT_SUSPENDED, _OK,        _OK,        _OK),
    (Standing.EXPIRED_SUSPENDED,     _SUSPENDED,  _OK,            _OK,        _OK,        _OK),
    (Standing.ANNULLED,              _ANNULLED,   _ANNULLED,      _ANNULLED,  _ANNULLED,  _ANNULLED),
)  # fmt: skip

TRANSITIONS: Mapping[Standing, Mapping[Action, Refusal | None]] = {
    standing: dict(zip(Action, refusals, strict=True)) for standing, *refusals in _ROWS
}
"""For each standing and each action: None where it is allowed, else why not."""

# An unlimited document has no last day; what lies further ahead than this is a slip of the pen.
_FURTHEST_YEARS = 10


def standing_of(state: str, public: RowMapping, today: date) -> Standing:
    """Where a document stands ``today``: ``state`` of its cycle, ``public`` the row of its public record."""
    suspended = public["suspended_since"] is not None
    if public["annulled_on"] is not None:
        return Standing.ANNULLED
    if state != DocumentState.ISSUED:
        return Standing.UNISSUED
    if public["revoked_from"] is not None and public["revoked_from"] <= today:
        return Standing.REVOKED
    expired = public["valid_until"] is not None and public["valid_until"] < today
    # What ended before its successor begins is no longer to be renewed either: it has its successor.
    if public["superseded_on"] is not None and (public["superseded_on"] <= today or expired):
        return Standing.SUPERSEDED_SUSPENDED if suspended else Standing.SUPERSEDED
    if expired:
        return Standing.EXPIRED_SUSPENDED if suspended else Standing.EXPIRED
    if public["superseded_on"] is not None:
        return Standing.SUSPENDED_OUTGOING if suspended else Standing.OUTGOING
    if public["revoked_from"] is not None:
        return Standing.SUSPENDED_ENDING if suspended else Standing.ENDING
    return Standing.SUSPENDED if suspended else Standing.IN_FORCE


def require(standing: Standing, action: Action) -> None:
    """Refuse ``action`` where the table does.

    Raises:
        Conflict: with the code and the remedy.
    """
    refusal = TRANSITIONS[standing][action]
    if refusal is not None:
        raise Conflict(refusal.message, code=refusal.code)


def check_revocation_day(public: RowMapping, day: date, today: date) -> None:
    """Refuse a first day without force that the document cannot have.

    Raises:
        InvalidRequest: before the issue, or after the end of the validity or of the days before a successor.
        Conflict: a revocation is planned already, for that day or an earlier one.
    """
    first = public["issued_on"]
    last = public["valid_until"] or today.replace(year=today.year + _FURTHEST_YEARS, day=min(today.day, 28))
    if public["superseded_on"] is not None:
        # From that day on the successor decides; a revocation would outweigh it in the public's eyes.
        last = min(last, public["superseded_on"] - timedelta(days=1))
    if not first <= day <= last:
        remedy = f"Give a day from {first} (its issue) to {last}, or leave it out for today."
        raise InvalidRequest(
            f"The revocation cannot take effect on that day. {remedy}",
            (FieldProblem("/effective_on", "EFFECTIVE_ON_RANGE", remedy),),
            code="VALIDATION",
        )
    planned = public["revoked_from"]
    if planned is not None and day >= planned:
        raise Conflict(
            f"This document is already revoked from {planned} on; only an earlier day can be given now.",
            code="ALREADY_REVOKED",
        )


_ON_ITS_WAY = (
    select(document.c.number)
    .join(
        document_relation,
        and_(
            document_relation.c.agency_id == document.c.agency_id,
            document_relation.c.document_id == document.c.id,
        ),
    )
    .where(
        document_relation.c.agency_id == bindparam("of_agency"),
        document_relation.c.other_id == bindparam("of_document"),
        document_relation.c.kind == "supersedes",
        document.c.state.not_in((DocumentState.VOID, DocumentState.ISSUED)),
    )
)


def refuse_second_successor(connection: Connection, agency_id: str, document_id: str) -> None:
    """Refuse to replace a document whose successor is requested but not issued yet.

    Raises:
        Conflict: with the number of that successor.
    """
    of = {"of_agency": agency_id, "of_document": document_id}
    pending: Row[Any] | None = connection.execute(_ON_ITS_WAY, of).first()
    if pending is not None:
        raise Conflict(
            f"Document {pending.number} is already on its way to replace this one; annul it to stop it.",
            code="ALREADY_ENDED",
        )
