"""How long a document is in force: the rule of its type, in calendar days of its agency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from storage.vocabulary import FieldProblem, InvalidRequest
from templates.fields import read_date


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

    def period(self, start: date, fields: Mapping[str, Any]) -> tuple[date, date | None]:
        """First and last day in force; both count, and None is "no end".

        Raises:
            InvalidRequest: the date in the field is missing, or lies before the start.
        """
        end: date | None = None
        if self.years is not None:
            end = _anniversary(start, self.years) - timedelta(days=1)
        elif self.days is not None:
            end = start + timedelta(days=self.days - 1)
        elif self.field is not None:
            end = read_date(fields.get(self.field))
            if end is None or end < start:
                problem = FieldProblem(
                    f"/fields/{self.field}",
                    "FIELD_DATE",
                    "This date ends the validity; it may not be before its start.",
                )
                raise InvalidRequest("The validity would end before it starts.", (problem,))
        return start, end


def _anniversary(day: date, years: int) -> date:
    """The same day ``years`` later; for 29 February, where it does not exist, 1 March."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)
