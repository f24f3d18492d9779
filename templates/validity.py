"""How long a document is in force: the rule of its type, in calendar days of its agency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from storage.vocabulary import FieldProblem, InvalidRequest
from templates.fields import read_date

HORIZON_YEARS = 100
"""No document begins further from its issue than this, or lasts longer, unless it has no end at all.

Farther days are typing errors, and near the year 9999 they would be beyond what a calendar can count.
"""


@dataclass(frozen=True)
class Validity:
    """One of four rules: a number of ``years`` or ``days``, the date in a ``field``, or none (unlimited)."""

    years: int | None = None
    days: int | None = None
    field: str | None = None

    def __post_init__(self) -> None:
        if sum(rule is not None for rule in (self.years, self.days, self.field)) > 1:
            raise ValueError("years, days and field exclude each other")
        if any(count is not None and count < 1 for count in (self.years, self.days)):
            raise ValueError("years and days count from 1")
        if (self.years or 0) > HORIZON_YEARS or (self.days or 0) > HORIZON_YEARS * 365:
            raise ValueError(f"a validity of more than {HORIZON_YEARS} years is written unlimited = true")

    def period(self, start: date, fields: Mapping[str, Any]) -> tuple[date, date | None]:
        """First and last day in force; both count, and None is "no end".

        Raises:
            InvalidRequest: the date in the field is missing, lies before the start or too far after it.
        """
        end: date | None = None
        if self.years is not None:
            end = anniversary(start, self.years) - timedelta(days=1)
        elif self.days is not None:
            end = start + timedelta(days=self.days - 1)
        elif self.field is not None:
            end = read_date(fields.get(self.field))
            pointer = f"/fields/{self.field}"
            if end is None or end < start:
                problem = FieldProblem(
                    pointer, "FIELD_DATE", "This date ends the validity; it may not be before its start."
                )
                raise InvalidRequest("The validity would end before it starts.", (problem,))
            if end > anniversary(start, HORIZON_YEARS):
                message = (
                    f"This date ends the validity; it may be {HORIZON_YEARS} years after its start at most."
                )
                raise InvalidRequest(
                    "The validity would be too long.", (FieldProblem(pointer, "FIELD_DATE", message),)
                )
        return start, end


def check_start(start: date, issued_on: date) -> None:
    """Refuse a first day in force that is no day of this century's work.

    Raises:
        InvalidRequest: it lies more than `HORIZON_YEARS` before or after the day of issue.
    """
    if abs(start.year - issued_on.year) > HORIZON_YEARS:
        message = f"Give a day within {HORIZON_YEARS} years of today, or leave it out for the day of issue."
        raise InvalidRequest(
            "The validity would begin too far from the day of issue.",
            (FieldProblem("/valid_from", "VALID_FROM_RANGE", message),),
        )


def anniversary(day: date, years: int) -> date:
    """The same day ``years`` later; for 29 February, where it does not exist, 1 March."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)
