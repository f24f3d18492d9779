"""The words that the issuing and the public side share: states, verdicts, reasons and errors."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DocumentState(StrEnum):
    """Where a document stands in the issuing cycle (docs/issue-cycle.md)."""

    ALLOCATED = "ALLOCATED"
    PREPARED = "PREPARED"
    SIGNED = "SIGNED"
    TIMESTAMPED = "TIMESTAMPED"
    STORED = "STORED"
    ISSUED = "ISSUED"
    VOID = "VOID"
    BLOCKED = "BLOCKED"


class Status(StrEnum):
    """What the register answers about a document, today, in its agency's time zone."""

    NOT_YET_ISSUED = "not_yet_issued"
    ANNULLED = "annulled"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    IN_FORCE = "in_force"


class Verdict(StrEnum):
    """The one heading of a check, by file or by code."""

    VALID = "valid"
    SUPERSEDED = "superseded"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    ANNULLED = "annulled"
    EXPIRED = "expired"
    NOT_YET_ISSUED = "not_yet_issued"
    NOT_YET_VALID = "not_yet_valid"
    ALTERED = "altered"
    UNTRUSTED_SIGNER = "untrusted_signer"
    REVOKED_SIGNER = "revoked_signer"
    UNSIGNED = "unsigned"
    UNREGISTERED = "unregistered"
    UNREADABLE = "unreadable"
    UNKNOWN_CODE = "unknown_code"
    FOREIGN_CODE = "foreign_code"
    UNAVAILABLE = "unavailable"


class ReasonClass(StrEnum):
    """Why a document's status changed, as far as the public is told."""

    HOLDER_REQUEST = "holder_request"
    DATA_CORRECTED = "data_corrected"
    PLACE_CHANGED = "place_changed"
    HOLDER_DECEASED = "holder_deceased"
    REGISTRATION_REVOKED = "registration_revoked"
    REQUIREMENTS_NOT_MET = "requirements_not_met"
    UNDER_INVESTIGATION = "under_investigation"
    COURT_DECISION = "court_decision"
    ISSUED_IN_ERROR = "issued_in_error"
    RENEWED = "renewed"
    RESOLVED = "resolved"
    OTHER = "other"


LEVELS = ("PAdES-B-B", "PAdES-B-T", "PAdES-B-LT", "PAdES-B-LTA")
"""The baseline levels of EN 319 142-1, 6, the lowest first."""


@dataclass(frozen=True)
class FieldProblem:
    """One thing wrong with one value of a request.

    ``pointer`` is an RFC 6901 JSON pointer into the request body, such as ``/fields/nik``.
    ``overridable`` problems can be genuine; an officer may accept them with a reason.
    """

    pointer: str
    code: str
    message: str
    overridable: bool = False


class AbsahError(Exception):
    """Something that a caller can act on: a stable ``code`` and a sentence with the remedy.

    The message never holds a secret, a NIK or a person's name: it goes to logs.
    """

    code = "INTERNAL"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class InvalidRequest(AbsahError):
    """The request cannot be accepted as it is; nothing was recorded and no number consumed."""

    code = "INVALID_REQUEST"

    def __init__(
        self, message: str, problems: tuple[FieldProblem, ...] = (), *, code: str | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.problems = problems


class NotFound(AbsahError):
    """No such thing in this agency; another agency's document answers the same."""

    code = "NOT_FOUND"


class Conflict(AbsahError):
    """The request is well formed but contradicts what the register holds."""

    code = "CONFLICT"


class Unavailable(AbsahError):
    """A part we need does not answer now. Nothing is lost; the work waits in its state."""

    code = "UNAVAILABLE"


class Misconfigured(AbsahError):
    """The settings cannot work together; the message names the setting and the remedy."""

    code = "MISCONFIGURED"
