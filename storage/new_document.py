"""What step 1 of the issuing cycle fixes about a document, before it has a number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from storage.units import Officer
from storage.vocabulary import ReasonClass


@dataclass(frozen=True)
class NewSlot:
    """A signature that the document will carry, and who gives it."""

    role: str
    kind: str
    officer: Officer


@dataclass(frozen=True)
class Predecessor:
    """The document that the new one replaces: on the day of its issue, or later if it begins later."""

    document_id: str
    reason_class: ReasonClass
    note: str
    officer_id: str


@dataclass(frozen=True)
class Override:
    """A warning that an officer accepted as genuine, with the reason."""

    code: str
    reason: str
    officer_id: str


@dataclass(frozen=True)
class NewDocument:
    """Everything that step 1 fixes.

    ``number`` turns the sequence into the printed number; ``ordinal`` names the field that says which
    of a holder's documents this is (None: they are not counted). ``level`` is what its signatures are to
    reach, ``outage`` what happens where they cannot now: ``wait`` or ``issue``.
    """

    type: str
    family: str
    type_label: Mapping[str, str]
    template_hash: str
    series: str
    number: Callable[[int], str]
    issued_on: date
    valid_from: date
    valid_until: date | None
    retain_until: date
    slots: tuple[NewSlot, ...]
    needs_approval: bool
    specimen: bool
    fields: Mapping[str, Any]
    holder_name: str
    holder: tuple[str, ...]
    place: tuple[str, ...]
    max_in_force: int | None
    one_per_place: bool
    recipient: str | None
    predecessor: Predecessor | None
    overrides: tuple[Override, ...]
    url: Callable[[str], str]
    ordinal: str | None = None
    level: str = "PAdES-B-T"
    outage: str = "wait"


@dataclass(frozen=True)
class Accepted:
    """The answer to a request, the same for every retry of it."""

    id: str
    number: str
    code: str
    url: str
