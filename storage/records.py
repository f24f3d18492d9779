"""What the public side may see of a document: one frozen value per row of ``public_record``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from storage.vocabulary import Status


def day_in(zone: str, moment: datetime) -> date:
    """The calendar day of ``moment`` (aware) in an IANA ``zone``: what every date of a document means."""
    return moment.astimezone(ZoneInfo(zone)).date()


@dataclass(frozen=True)
class Issuer:
    """The agency that issued a document, and how to reach it; from our settings, never from a file."""

    agency: str
    regency: str
    phone: str
    email: str
    website: str


@dataclass(frozen=True)
class PublicRecord:
    """A document as the verifier knows it.

    Dates are calendar days in the agency's zone; each ends at 24:00 there. The ``*_digest``
    values serve blind compare and reveal nothing by themselves (see `storage.compare`).

    ``origin``, ``kept_since`` and ``kept_as`` are those of a document in custody, else None: who issued it,
    since when it is kept here, and the verdict on its signatures on that day.
    """

    code: str
    type: str
    type_label_id: str
    type_label_en: str
    number: str
    masked_name: str
    issued_on: date | None
    valid_from: date | None
    valid_until: date | None
    zone: str
    issuer: Issuer
    signatory: str
    issued: bool
    annulled_on: date | None
    revoked_from: date | None
    suspended_since: date | None
    superseded_on: date | None
    successor_number: str | None
    reason_class: str | None
    name_salt: bytes
    name_digest: bytes
    specimen: bool
    origin: str | None = None
    kept_since: date | None = None
    kept_as: str | None = None

    def today(self, now: datetime) -> date:
        """The calendar day of ``now`` (aware) where the agency is."""
        return day_in(self.zone, now)

    def status(self, now: datetime) -> Status:
        """The one answer of the register at ``now``; precedence as in docs/verify-cycle.md."""
        today = self.today(now)
        # A voided number is annulled without ever having been issued, so this question comes first.
        if self.annulled_on is not None:
            return Status.ANNULLED
        if not self.issued:
            return Status.NOT_YET_ISSUED
        if self.revoked_from is not None and self.revoked_from <= today:
            return Status.REVOKED
        if self.suspended_since is not None and self.suspended_since <= today:
            return Status.SUSPENDED
        if self.superseded_on is not None and self.superseded_on <= today:
            return Status.SUPERSEDED
        if self.valid_until is not None and self.valid_until < today:
            return Status.EXPIRED
        if self.valid_from is not None and today < self.valid_from:
            return Status.NOT_YET_VALID
        return Status.IN_FORCE
