"""A document type: everything that makes a kind of permit, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from jsonschema import Draft202012Validator, FormatChecker

from storage.vocabulary import FieldProblem
from templates import fields as field_rules
from templates.numbering import Numbering
from templates.validity import Validity, anniversary, check_start

_FORMATS = FormatChecker(formats=())
_FORMATS.checks("date")(lambda value: not isinstance(value, str) or field_rules.read_date(value) is not None)


CAPACITIES = ("", "a.n.", "Plt.", "Plh.")
"""In which an officer may sign: in their own office, on behalf of it, or acting in it (Plt., Plh.)."""


@dataclass(frozen=True)
class Slot:
    """A place on the document where somebody signs or initials, or the agency seals.

    ``role`` is the role of the officer who signs (such as ``kepala``); ``ordinal`` counts from 1 and is the
    order of signing. ``initials`` (a paraf) are a signature like the others, of a reviewer, that the page
    does not show. ``capacities`` are those in which the officer may sign.
    """

    ordinal: int
    role: str
    kind: Literal["signature", "e_seal", "initials"]
    label: Mapping[str, str]
    capacities: tuple[str, ...] = CAPACITIES

    @property
    def is_shown(self) -> bool:
        """Whether the page has a block for it."""
        return self.kind != "initials"


@dataclass(frozen=True)
class Limits:
    """How many documents of a family one holder may have in force.

    ``holder`` and ``place`` name the fields that identify the holder and the place; one document
    per holder and place, ``max_in_force`` per holder (None: any number). ``ordinal`` names the field
    that says which of them a document is; two in force with one ordinal are doubtful.
    """

    holder: tuple[str, ...] = ()
    max_in_force: int | None = None
    place: tuple[str, ...] = ()
    ordinal: str | None = None


@dataclass(frozen=True)
class Signing:
    """How long a document's signatures stay provable (EN 319 142-1, 6), and what an outage costs.

    ``outage`` says what happens while a time-stamp authority or an OCSP responder is down: ``wait``, or
    ``issue`` at the level that is reached, to be raised later.
    """

    level: Literal["PAdES-B-B", "PAdES-B-T", "PAdES-B-LT", "PAdES-B-LTA"] = "PAdES-B-T"
    outage: Literal["wait", "issue"] = "wait"


@dataclass(frozen=True)
class DocumentType:
    """One folder of the catalogue, read and checked.

    ``schema`` is JSON Schema 2020-12; a property's ``title`` is its Indonesian label and
    ``x-title-en`` the English one. ``template_hash`` is SHA-256 (hex) over every file that can
    change how a document looks.
    """

    id: str
    family: str
    folder: Path
    label: Mapping[str, str]
    schema: dict[str, Any]
    slots: tuple[Slot, ...]
    approval: bool
    limits: Limits
    holder_name: str
    sample: dict[str, Any]
    template_hash: str
    retention_years: int
    numbering: Numbering
    validity_rule: Validity
    signing: Signing = Signing()

    def read(self, fields: object, *, issued_on: date) -> tuple[Mapping[str, Any], tuple[FieldProblem, ...]]:
        """``fields`` as a request stores them (one spelling, photos encoded anew without metadata), and
        every problem of them at once. Only without problems are the fields fit to be used.
        """
        cleaned, problems = field_rules.read(self._validator, self.schema, fields, issued_on)
        return cleaned, tuple(problems)

    def clean(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Fields that are known to be good, such as the sample's, as `read` gives them.

        Raises:
            templates.photo.PhotoRefused: a photo cannot be used.
        """
        return field_rules.clean(fields, self.schema)

    @property
    def photos(self) -> tuple[str, ...]:
        """The names of the fields that hold a photo (base64 of a JPEG, once cleaned)."""
        return field_rules.photo_names(self.schema)

    def number(self, sequence: int, issued_on: date, agency_abbreviation: str) -> str:
        """The document's number; ``sequence`` counts from 1 within the series."""
        return self.numbering.number(sequence, issued_on, agency_abbreviation)

    def series(self, issued_on: date) -> str:
        """The series, within one agency, whose sequence the number takes: it restarts each year."""
        return f"{self.id}/{issued_on.year}"

    def validity(
        self, issued_on: date, valid_from: date | None, fields: Mapping[str, Any]
    ) -> tuple[date, date | None]:
        """First and last day in force (None: no end); without ``valid_from``, from the date of issue.

        Raises:
            InvalidRequest: the period would end before it starts, or is too far away.
        """
        start = valid_from or issued_on
        check_start(start, issued_on)
        return self.validity_rule.period(start, fields)

    def retain_until(self, issued_on: date, valid_until: date | None) -> date:
        """The last day on which the archive has to keep the document."""
        return anniversary(valid_until or issued_on, self.retention_years)

    @cached_property
    def _validator(self) -> Draft202012Validator:
        return Draft202012Validator(self.schema, format_checker=_FORMATS)
