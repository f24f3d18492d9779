"""The bodies of the agencies' API, as OpenAPI shows them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from storage.vocabulary import DocumentState, ReasonClass, Status
from templates.fields import read_date


def _day(value: object) -> date | None:
    # The framework's own reading also takes Unix time-stamps, moments and other spellings.
    day = None if value is None else read_date(value)
    if day is None and value is not None:
        raise PydanticCustomError("not_a_day", "not a calendar date")
    return day


def _address(value: object) -> object:
    # An address alone is what most callers have; it means the same.
    return {"email": value} if isinstance(value, str) else value


Day = Annotated[date | None, BeforeValidator(_day)]
"""A calendar day, written YYYY-MM-DD and in no other way."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OverrideBody(_Body):
    """A doubtful value that an officer takes for genuine."""

    code: Annotated[str, Field(max_length=60, examples=["NIK_BIRTH_MISMATCH"])]
    reason: Annotated[
        str, Field(min_length=5, max_length=500, examples=["Sesuai akta kelahiran yang diperlihatkan"])
    ]


class RecipientBody(_Body):
    """Whom to tell when the document is issued."""

    email: Annotated[str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$", examples=["warga@example.org"])]


Recipient = Annotated[RecipientBody | None, BeforeValidator(_address)]


class IssueBody(_Body):
    """What an agency asks for; ``fields`` as the document type describes them (``absah types TYPE``)."""

    type: Annotated[str, Field(max_length=80, examples=["surat-keterangan-penelitian"])]
    fields: dict[str, Any]
    valid_from: Annotated[Day, Field(description="First day in force; the day of issue if absent")] = None
    recipient: Recipient = None
    overrides: Annotated[list[OverrideBody], Field(max_length=20)] = []
    officer: Annotated[str | None, Field(max_length=40, description="Who answers for the overrides")] = None


class ApproveBody(_Body):
    """The SHA-256 of the prepared PDF that the officer has seen."""

    digest: Annotated[str, Field(pattern="^[0-9A-Fa-f]{64}$", examples=["9f86d081884c7d65" * 4])]


class ChangeBody(_Body):
    """Why a document's status changes. The public sees ``reason``; ``note`` stays in the agency."""

    reason: Annotated[ReasonClass, Field(examples=["place_changed"])]
    note: Annotated[str, Field(max_length=2000, examples=["Surat permohonan tanggal 3 Maret 2026"])] = ""
    officer: Annotated[str | None, Field(max_length=40, description="Only with a system's key")] = None


class RevokeBody(ChangeBody):
    """``effective_on``: first day on which it is no longer in force; today if absent."""

    effective_on: Day = None


class SupersedeBody(ChangeBody):
    """The replacement: the id of an issued document, or a new one's fields (then with Idempotency-Key)."""

    successor: Annotated[str | None, Field(max_length=36)] = None
    fields: dict[str, Any] | None = None
    valid_from: Day = None
    recipient: Recipient = None
    overrides: Annotated[list[OverrideBody], Field(max_length=20)] = []


class CustodyBody(_Body):
    """A document of another issuer: its own issuer, number and type, never ours."""

    issuer: Annotated[str, Field(min_length=1, max_length=200, examples=["Ditjen Dukcapil"])]
    number: Annotated[str, Field(min_length=1, max_length=200, examples=["3175-KW-12032026-0001"])]
    type: Annotated[str, Field(min_length=1, max_length=200, examples=["Akta Kelahiran"])]
    holder_name: Annotated[str, Field(max_length=200, examples=["Siti Aminah"])] = ""
    issued_on: Annotated[Day, Field(description="The day on which it was signed, if left out")] = None
    valid_until: Day = None
    accept_unsigned: Annotated[str | None, Field(min_length=5, max_length=500)] = None
    accept_untrusted: Annotated[str | None, Field(min_length=5, max_length=500)] = None
    officer: Annotated[str | None, Field(max_length=40, description="Only with a system's key")] = None


class CustodyAnswer(BaseModel):
    """What is kept. ``verdict`` and ``findings`` are those of the day on which it was handed in."""

    id: str
    type: str
    number: str
    origin: Annotated[str, Field(description="Who issued it")]
    sha256: str
    size: Annotated[int, Field(description="In bytes")]
    kept_since: date
    issued_on: date
    valid_until: date | None
    verdict: str
    findings: list[str]
    signatures: list[dict[str, Any]]


class AcceptedAnswer(BaseModel):
    """The same for every retry of a request."""

    id: str
    number: Annotated[str, Field(examples=["503/001/SIPD/DPMPTSP/2026"])]
    code: Annotated[str, Field(examples=["7K3M9QX2R4TPXA"])]
    url: Annotated[str, Field(examples=["https://cek.example.go.id/d/7K3M9QX2R4TPXA"])]
    state_url: str


class EventAnswer(BaseModel):
    """One line of a document's history."""

    kind: str
    effective_on: date
    reason: ReasonClass | None
    officer: str | None


class DocumentAnswer(BaseModel):
    """Where a document stands. ``waiting_for`` names what an unfinished one waits for."""

    id: str
    type: str
    number: str
    code: str
    url: str
    state: DocumentState
    state_reason: str | None
    waiting_for: Annotated[str | None, Field(examples=["APPROVAL"])]
    status: Status
    issued_on: date
    valid_from: date
    valid_until: date | None
    prepared_sha256: Annotated[str | None, Field(description="What an approval has to name")]
    sha256: Annotated[str | None, Field(description="Of the issued PDF")]
    superseded_by: Annotated[str | None, Field(description="The successor's number")]
    events: list[EventAnswer]
