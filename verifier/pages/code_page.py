"""What the page about a code shows: the verdict, and the two lines that never melt into one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from storage import code as codes
from storage.records import Issuer, PublicRecord
from storage.vocabulary import ReasonClass, Status, Verdict
from verifier.by_code import CodeAnswer, Comparison
from verifier.pages.render import Site
from verifier.pages.texts import mark, translate
from verifier.verdict import STATUS_WORDS
from verifier.words import Lang, Words, verdict_words, words_of_record

REASONS = {
    ReasonClass.HOLDER_REQUEST: mark("at the holder's request"),
    ReasonClass.DATA_CORRECTED: mark("data were corrected"),
    ReasonClass.PLACE_CHANGED: mark("the place changed"),
    ReasonClass.HOLDER_DECEASED: mark("the holder died"),
    ReasonClass.REGISTRATION_REVOKED: mark("the professional registration was revoked"),
    ReasonClass.REQUIREMENTS_NOT_MET: mark("requirements are no longer met"),
    ReasonClass.UNDER_INVESTIGATION: mark("under investigation"),
    ReasonClass.COURT_DECISION: mark("by decision of a court"),
    ReasonClass.ISSUED_IN_ERROR: mark("issued in error"),
    ReasonClass.RENEWED: mark("renewed"),
    ReasonClass.RESOLVED: mark("settled"),
    ReasonClass.OTHER: mark("another reason"),
}
assert set(REASONS) == set(ReasonClass)  # noqa: S101 - a class without words would show its code

# The states that an officer brought about, so that a date and a reason belong to them.
_DECIDED = (Status.ANNULLED, Status.REVOKED, Status.SUSPENDED, Status.SUPERSEDED)


@dataclass(frozen=True)
class CodeView:
    """An answer about a code, ready to be shown.

    ``differs`` is the heading where the paper says something else than the register: it leads, whatever the
    register says of the document.
    """

    verdict: Verdict
    words: Words
    title: str
    differs: str | None
    note: str | None
    paper: str
    register: str
    record: PublicRecord | None
    status_since: date | None
    reason: str | None
    contact: Issuer
    zone: str
    code: str | None
    reference: str


def words_of(answer: CodeAnswer, site: Site, lang: Lang) -> Words:
    """Heading, advice and colour of an answer."""
    values: dict[str, Any] = {"regency": site.regency, "service": answer.service}
    values.update(words_of_record(answer.verdict, answer.record))
    return verdict_words(answer.verdict, lang, by="code", **values)


def status_since(record: PublicRecord, status: Status | None) -> date | None:
    """The day of the decision that brought a document into its state; None for the other states."""
    if status not in _DECIDED:
        return None
    return {
        Status.ANNULLED: record.annulled_on,
        Status.REVOKED: record.revoked_from,
        Status.SUSPENDED: record.suspended_since,
        Status.SUPERSEDED: record.superseded_on,
    }[status]


def public_reason(record: PublicRecord, status: Status | None) -> ReasonClass | None:
    """Why a document is in its state, as far as the public is told."""
    if status not in _DECIDED or record.reason_class is None:
        return None
    return ReasonClass(record.reason_class)


def reason_words(reason: ReasonClass | None, lang: Lang) -> str | None:
    """The reason in words."""
    return translate(lang, REASONS[reason]) if reason is not None else None


def view_code(
    answer: CodeAnswer, site: Site, lang: Lang, reference: str, comparison: Comparison | None = None
) -> CodeView:
    """Everything that the page says about an answer."""
    record = answer.record
    words = words_of(answer, site, lang)
    issuer = f"{record.issuer.agency}, {record.issuer.regency}" if record else site.regency
    differs = None
    if comparison is not None and comparison.differs:
        differs = translate(lang, mark("Your paper differs from the register"))
    return CodeView(
        verdict=answer.verdict,
        words=words,
        title=f"{differs or words.heading} – {issuer}",
        differs=differs,
        note=_note(answer, site, lang),
        paper=_paper_line(answer, comparison, lang),
        register=_register_line(answer, lang),
        record=record,
        status_since=status_since(record, answer.status) if record else None,
        reason=reason_words(public_reason(record, answer.status), lang) if record else None,
        contact=record.issuer if record else site.contact,
        zone=record.zone if record else site.zone,
        code=answer.code or None,
        reference=reference,
    )


def _note(answer: CodeAnswer, site: Site, lang: Lang) -> str | None:
    if answer.foreign_host is not None and answer.service is None:
        ours = f"{site.host}/d/…"
        return translate(lang, mark("Only an address that begins with %(ours)s is ours."), ours=ours)
    if answer.typo == "length":
        text = mark("A code has %(length)s characters; %(count)s were typed. Compare them with your paper.")
        return translate(lang, text, length=codes.LENGTH, count=len(answer.code))
    if answer.typo == "character":
        return translate(lang, mark("A character was misread or mistyped: the 14 do not fit together."))
    return None


def _paper_line(answer: CodeAnswer, comparison: Comparison | None, lang: Lang) -> str:
    if answer.foreign_host is not None:
        return translate(lang, mark("Its QR code leads to %(host)s"), host=answer.foreign_host[:100])
    if answer.typo:
        return translate(lang, mark("Not known: its code was not read correctly"))
    if answer.verdict is Verdict.UNKNOWN_CODE:
        return translate(lang, mark("Carries a code that we do not know"))
    if answer.record is None:
        return translate(lang, mark("Not checked"))
    return translate(lang, _compared(comparison))


def _compared(comparison: Comparison | None) -> str:
    if comparison is not None and comparison.differs:
        return mark("Something that you typed differs from the register")
    if comparison is not None and {comparison.name, comparison.number, comparison.date} == {"match"}:
        return mark("Name, number and date agree with the register")
    return mark("A code cannot tell; compare it with what stands below")


def _register_line(answer: CodeAnswer, lang: Lang) -> str:
    if answer.status is not None:
        return translate(lang, mark("Recorded, %(status)s"), status=STATUS_WORDS[lang][answer.status])
    if answer.verdict is Verdict.UNAVAILABLE:
        return translate(lang, mark("Does not answer"))
    if answer.typo or answer.foreign_host is not None:
        return translate(lang, mark("Not asked"))
    return translate(lang, mark("No document has this code"))
