"""What a check says: values that are the same on the page, in the API and in the CLI.

`FileAnswer` is the file half alone, without a language and without the register; it is what comes
back from the sandbox. `Report` is the whole answer and the JSON object of the contract.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from storage.records import PublicRecord
from storage.vocabulary import Status, Verdict
from verifier.details import Details, read_details
from verifier.revocation_exchange import RevocationNeed, read_needs
from verifier.words import Lang, Words, verdict_words, words_of_record

Kind = Literal["signature", "e_seal", "document_timestamp"]
Integrity = Literal["intact", "broken", "undetermined"]
Changes = Literal["none", "permitted", "forbidden", "undetermined"]
Covers = Literal["whole_file", "whole_revision", "partial"]
Trust = Literal["trusted", "untrusted", "revoked", "expired", "undetermined"]
Level = Literal["PAdES-B-B", "PAdES-B-T", "PAdES-B-LT", "PAdES-B-LTA", "none"]
Indication = Literal["TOTAL-PASSED", "INDETERMINATE", "TOTAL-FAILED"]
Severity = Literal["error", "warning", "info"]


def printable(text: object, limit: int = 200) -> str:
    """Text from a stranger's file, cut and without what could steer a terminal or turn a line around."""
    return "".join(character if character.isprintable() else " " for character in str(text)[:limit])


@dataclass(frozen=True)
class SignatureReport:
    """One signature, e-seal or document time-stamp.

    ``indication`` and ``subindication`` are those of ETSI EN 319 102-1. ``signed_at`` is an ISO 8601
    time in UTC; its source is ``timestamp`` only where a trusted, intact time-stamp proves it.
    """

    field: str
    kind: Kind
    signer: str
    integrity: Integrity
    changes: Changes
    covers: Covers
    trust: Trust
    level: Level
    indication: Indication
    subindication: str | None
    signed_at: str | None
    signed_at_source: Literal["timestamp", "claimed"]


def is_altered(signature: SignatureReport) -> bool:
    """Whether this signature says that the file is not what was signed."""
    return (
        signature.integrity == "broken" or signature.changes == "forbidden" or signature.covers == "partial"
    )


def is_sound(signature: SignatureReport) -> bool:
    """Whether nothing is to be said against this signature: intact, trusted, and nothing forbidden since."""
    return (
        signature.integrity == "intact"
        and signature.changes in ("none", "permitted")
        and signature.covers != "partial"
        and signature.trust == "trusted"
    )


@dataclass(frozen=True)
class Observation:
    """A finding before it has words: its stable code and the values that its sentence names."""

    code: str
    values: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, code: str, **values: object) -> Observation:
        """An observation with the given values, as text."""
        return cls(code, tuple((name, printable(value)) for name, value in values.items()))


@dataclass(frozen=True)
class FileAnswer:
    """What a file shows by itself: no register, no language.

    ``byte_range_digests`` are the SHA-256 of the bytes that each signature covers, in hex and in
    signing order. ``code`` is the verification code of ``document.json``, given only where an
    intact signature covers it. ``qr_codes`` are the texts of the QR codes of an unsigned scan. ``traces``
    are digests like the first that a broken file still names; they vouch for nothing. ``details`` are there
    where they were asked for. ``revocation_needs`` are certificates of trusted paths whose revocation is
    open. ``revocation_used`` are the lists and answers from outside that said something: SHA-256 in hex, and
    until when (ISO 8601). ``undrawn`` are the fields of signatures behind which came only what no page draws.
    """

    readable: bool
    unsigned: bool = False
    signatures: tuple[SignatureReport, ...] = ()
    findings: tuple[Observation, ...] = ()
    byte_range_digests: tuple[str, ...] = ()
    code: str | None = None
    qr_codes: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()
    details: Details | None = None
    revocation_needs: tuple[RevocationNeed, ...] = ()
    revocation_used: tuple[tuple[str, str], ...] = ()
    undrawn: tuple[str, ...] = ()

    @classmethod
    def unreadable(cls, code: str, **values: object) -> FileAnswer:
        """The answer about a file that could not be checked, for the one reason ``code``."""
        return cls(readable=False, findings=(Observation.of(code, **values),))

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the way out of the sandbox."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FileAnswer:
        """The inverse of `to_json`.

        Raises:
            KeyError, TypeError, ValueError: the object does not come from `to_json`.
        """
        return cls(
            readable=bool(data["readable"]),
            unsigned=bool(data["unsigned"]),
            signatures=tuple(SignatureReport(**signature) for signature in data["signatures"]),
            findings=tuple(
                Observation(str(item["code"]), tuple((str(k), str(v)) for k, v in item["values"]))
                for item in data["findings"]
            ),
            byte_range_digests=tuple(str(digest) for digest in data["byte_range_digests"]),
            code=data["code"],
            qr_codes=tuple(str(text) for text in data["qr_codes"]),
            traces=tuple(str(digest) for digest in data["traces"]),
            details=read_details(data["details"]) if data["details"] is not None else None,
            revocation_needs=read_needs(data["revocation_needs"]),
            revocation_used=tuple((str(name), str(until)) for name, until in data["revocation_used"]),
            undrawn=tuple(str(field) for field in data["undrawn"]),
        )


@dataclass(frozen=True)
class RegisterAnswer:
    """What the register says about the document; all but ``known`` are None where it knows nothing."""

    known: bool
    status: Status | None = None
    number: str | None = None
    type: str | None = None
    superseded_by: str | None = None


@dataclass(frozen=True)
class Finding:
    """Something worth telling: a code that never changes and a sentence in the reader's language."""

    code: str
    severity: Severity
    message: str


@dataclass(frozen=True)
class Report:
    """The answer about one file.

    ``register`` is None where no register was asked. ``record`` is the public record that the file
    was tied to, for pages; the JSON object shows only its `RegisterAnswer`. ``original`` says that
    the file is byte for byte one that we issued. ``elapsed_ms`` is wall time in milliseconds.
    ``observations`` are the findings of the file alone, in its own order; ``details`` are what a validation
    report tells beyond this, where they were asked for; ``undrawn`` as in `FileAnswer`. None of these is part
    of the JSON object.
    """

    file: str
    sha256: str
    verdict: Verdict
    summary: str
    signatures: tuple[SignatureReport, ...]
    register: RegisterAnswer | None
    findings: tuple[Finding, ...]
    elapsed_ms: float
    lang: Lang
    checked_at: datetime
    original: bool = False
    record: PublicRecord | None = None
    observations: tuple[Observation, ...] = ()
    details: Details | None = None
    undrawn: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """The verdict as one line for a person."""
        return self._words().heading

    @property
    def advice(self) -> str:
        """What the reader should do."""
        return self._words().advice

    @property
    def colour(self) -> str:
        """``green``, ``yellow``, ``red`` or ``grey``; always shown with an icon and words."""
        return self._words().colour

    def _words(self) -> Words:
        return verdict_words(
            self.verdict,
            self.lang,
            by="file",
            register_asked=self.register is not None,
            **words_of_record(self.verdict, self.record),
        )

    def to_json(self) -> dict[str, Any]:
        """The object of the contract, keys in its order."""
        return {
            "file": self.file,
            "sha256": self.sha256,
            "verdict": str(self.verdict),
            "summary": self.summary,
            "signatures": [asdict(signature) for signature in self.signatures],
            "register": None if self.register is None else asdict(self.register),
            "findings": [asdict(finding) for finding in self.findings],
            "elapsed_ms": self.elapsed_ms,
        }


def subject_parts(text: str) -> dict[str, str]:
    """The subject ``CN=…, O=…`` taken apart; commas inside a name stay where they are."""
    parts = re.split(r", (?=[A-Z]{1,9}=)", text)
    return {name: value for name, separator, value in (part.partition("=") for part in parts) if separator}
