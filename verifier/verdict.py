"""From what the file shows and what the register says to one verdict and its words.

The order of the questions is the precedence of docs/verify-cycle.md; the first that applies decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from storage.records import PublicRecord
from storage.vocabulary import Status, Verdict
from verifier.report import (
    FileAnswer,
    Finding,
    Observation,
    RegisterAnswer,
    Report,
    SignatureReport,
    is_altered,
)
from verifier.words import Lang, finding_message, finding_severity, verdict_words, words_of_record

_BY_STATUS = {
    Status.NOT_YET_ISSUED: Verdict.NOT_YET_ISSUED,
    Status.ANNULLED: Verdict.ANNULLED,
    Status.REVOKED: Verdict.REVOKED,
    Status.SUSPENDED: Verdict.SUSPENDED,
    Status.SUPERSEDED: Verdict.SUPERSEDED,
    Status.EXPIRED: Verdict.EXPIRED,
    Status.NOT_YET_VALID: Verdict.NOT_YET_VALID,
    Status.IN_FORCE: Verdict.VALID,
}


def decide(
    file: FileAnswer | None,
    status: Status | None,
    *,
    known_original: bool,
    register_asked: bool,
    register_down: bool = False,
    same_document: bool = True,
    kept_as: str | None = None,
) -> Verdict:
    """The one verdict.

    ``file`` is None only where the file is known to be an original, or could not be checked for a reason of
    ours. ``status`` is None where the register knows no such document. ``register_down`` says that it was
    asked and did not answer. ``same_document`` is False where the file only names the document: whoever we
    trust to sign could write any code into a file of his own, so that alone never makes it the original.
    ``kept_as`` is the verdict on a file in custody when it was handed in: a hash proves that it is that file,
    and makes it no better.
    """
    if known_original and kept_as is not None and kept_as != Verdict.VALID:
        return Verdict(kept_as)
    if not known_original:
        if file is None:
            return Verdict.UNAVAILABLE
        signatures = file.signatures
        # Document time-stamps vouch for a time, not for a person, unless there is nothing else.
        signers = [item for item in signatures if item.kind != "document_timestamp"] or list(signatures)
        if not file.readable or any(_is_open(item) for item in signatures):
            return Verdict.UNREADABLE
        if file.unsigned or not signatures:
            return Verdict.UNSIGNED
        if any(is_altered(item) for item in signatures):
            return Verdict.ALTERED
        if any(item.trust == "revoked" for item in signers):
            return Verdict.REVOKED_SIGNER
        if any(item.trust != "trusted" for item in signers):
            return Verdict.UNTRUSTED_SIGNER
    if register_down:
        return Verdict.UNAVAILABLE
    if not register_asked:
        return Verdict.VALID
    if status is None or (status is Status.IN_FORCE and not same_document):
        return Verdict.UNREGISTERED
    return verdict_of_status(status)


def verdict_of_status(status: Status) -> Verdict:
    """The verdict on a document of which nothing but its state counts."""
    return _BY_STATUS[status]


def conclude(
    file: FileAnswer | None,
    record: PublicRecord | None,
    *,
    known_original: bool,
    register_asked: bool,
    now: datetime,
    lang: Lang,
    register_down: bool = False,
    same_document: bool = True,
    name: str = "",
    sha256: str = "",
    more: Sequence[Observation] = (),
    elapsed_ms: float = 0.0,
) -> Report:
    """The whole answer about one file.

    ``record`` is the document that the file was tied to, for ``same_document`` see `decide`;
    the register's answer is shown even where the
    file's own answer is bad. ``more`` are findings beyond those of the file. ``now`` is aware.
    """
    status = record.status(now) if record is not None else None
    verdict = decide(
        file,
        status,
        known_original=known_original,
        register_asked=register_asked,
        register_down=register_down,
        same_document=same_document,
        kept_as=record.kept_as if record is not None else None,
    )
    register = _register_answer(record, status) if register_asked else None
    words = verdict_words(
        verdict, lang, by="file", register_asked=register is not None, **words_of_record(verdict, record)
    )
    observations = (*(file.findings if file is not None else ()), *map(_of_custody(record), more))
    return Report(
        file=name,
        sha256=sha256,
        verdict=verdict,
        summary=_summary(words.heading, verdict, status, lang),
        signatures=file.signatures if file is not None else (),
        register=register,
        findings=findings_of(observations, lang),
        elapsed_ms=elapsed_ms,
        lang=lang,
        checked_at=now,
        original=known_original,
        record=record,
        observations=file.findings if file is not None else (),
        details=file.details if file is not None else None,
        undrawn=file.undrawn if file is not None else (),
    )


def _of_custody(record: PublicRecord | None) -> Callable[[Observation], Observation]:
    """What is told of an original, of one that somebody else issued."""
    if record is None or record.origin is None or record.kept_since is None:
        return lambda observation: observation
    kept = Observation.of(
        "KEPT_FOR_ISSUER",
        agency=record.issuer.agency,
        issuer=record.origin,
        date=record.kept_since.isoformat(),
    )
    return lambda observation: kept if observation.code == "ORIGINAL" else observation


def _is_open(signature: SignatureReport) -> bool:
    return signature.integrity == "undetermined" or signature.changes == "undetermined"


def _register_answer(record: PublicRecord | None, status: Status | None) -> RegisterAnswer:
    if record is None or status is None:
        return RegisterAnswer(known=False)
    successor = record.successor_number if status is Status.SUPERSEDED else None
    return RegisterAnswer(True, status, record.number, record.type, successor)


_ORDER = {"error": 0, "warning": 1, "info": 2}


def findings_of(observations: Iterable[Observation], lang: Lang) -> tuple[Finding, ...]:
    """Each once, the reason first."""
    findings = [
        Finding(item.code, finding_severity(item.code), finding_message(item.code, lang, **dict(item.values)))
        for item in dict.fromkeys(observations)
    ]
    return tuple(sorted(findings, key=lambda finding: _ORDER[finding.severity]))


_FILE_VERDICTS = (
    Verdict.UNREADABLE,
    Verdict.ALTERED,
    Verdict.REVOKED_SIGNER,
    Verdict.UNTRUSTED_SIGNER,
    Verdict.UNSIGNED,
)


def _summary(heading: str, verdict: Verdict, status: Status | None, lang: Lang) -> str:
    """One sentence for a person; beside a bad file, what the register says of the document itself."""
    if verdict not in _FILE_VERDICTS or status is None:
        return f"{heading}."
    word = STATUS_WORDS[lang][status]
    if verdict is Verdict.UNSIGNED:
        return f"{heading}; dokumennya: {word}." if lang == "id" else f"{heading}; the document: {word}."
    if lang == "id":
        return f"{heading}; file ini bukan dokumen asli, dan status dokumen aslinya: {word}."
    return f"{heading}; this file is not the original, and the original is: {word}."


STATUS_WORDS: dict[Lang, dict[Status, str]] = {
    "id": {
        Status.NOT_YET_ISSUED: "belum diterbitkan",
        Status.ANNULLED: "dibatalkan",
        Status.REVOKED: "dicabut",
        Status.SUSPENDED: "ditangguhkan",
        Status.SUPERSEDED: "sudah diganti",
        Status.EXPIRED: "kedaluwarsa",
        Status.NOT_YET_VALID: "belum mulai berlaku",
        Status.IN_FORCE: "masih berlaku",
    },
    "en": {
        Status.NOT_YET_ISSUED: "not issued yet",
        Status.ANNULLED: "annulled",
        Status.REVOKED: "withdrawn",
        Status.SUSPENDED: "suspended",
        Status.SUPERSEDED: "replaced",
        Status.EXPIRED: "expired",
        Status.NOT_YET_VALID: "not in force yet",
        Status.IN_FORCE: "in force",
    },
}
