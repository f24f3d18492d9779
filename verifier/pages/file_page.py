"""What the page about a file shows: the verdict, its reason, the two lines, who signed."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from storage.records import Issuer, PublicRecord
from storage.vocabulary import Status, Verdict
from verifier.input_words import TABLE as INPUT_CODES
from verifier.page_pictures import PagePair, PagePictures, Place
from verifier.pages.code_page import public_reason, reason_words, status_since
from verifier.pages.render import Site
from verifier.pages.texts import LANGUAGES, mark, translate
from verifier.report import Finding, Report, SignatureReport, subject_parts
from verifier.verdict import STATUS_WORDS
from verifier.words import (
    Lang,
    Words,
    finding_message,
    finding_severity,
    verdict_words,
    words_of_record,
)

_KINDS = {
    "signature": mark("Signature"),
    "e_seal": mark("E-seal"),
    "document_timestamp": mark("Time-stamp"),
}
_TRUST = {
    "trusted": mark("certificate trusted here"),
    "untrusted": mark("certificate of an issuer that we do not know"),
    "revoked": mark("certificate revoked"),
    "expired": mark("certificate expired"),
    "undetermined": mark("certificate could not be judged"),
}

_COVERS = {
    "whole_file": mark("signed the whole file"),
    "whole_revision": mark("signed the file as it was then"),
    "partial": mark("signed only a part of the file"),
}
_INTEGRITY = {
    "intact": mark("what was signed is intact"),
    "broken": mark("what was signed is no longer the same"),
    "undetermined": mark("whether it is intact could not be told"),
}
# What came after a signature: how it is marked, and its words.
_AFTER = {
    "none": ("good", "✓", mark("Nothing was changed afterwards")),
    "permitted": ("note", "+", mark("Afterwards only what is allowed was added")),
    "forbidden": ("bad", "✕", mark("Afterwards something was changed that is not allowed")),
    "undetermined": ("open", "?", mark("What came afterwards could not be judged")),
}
_ROWS = (mark("at the top"), mark("in the middle"), mark("at the bottom"))
_COLUMNS = (mark("left"), mark("centre"), mark("right"))
_WIDE = 0.6

# Beside the link to the other language, in that language.
SEND_AGAIN = {lang: translate(lang, mark("send the file again")) for lang in LANGUAGES}


@dataclass(frozen=True)
class SignerView:
    """One signature in words; ``report`` has the details."""

    kind: str
    name: str
    office: str
    organisation: str
    trust: str
    covers: str
    integrity: str
    after: str
    after_tone: str
    after_sign: str
    report: SignatureReport


@dataclass(frozen=True)
class DetailView:
    """A part of a page, enlarged: addresses of its two pictures, and where it is."""

    before: str
    after: str
    where: str


@dataclass(frozen=True)
class PairView:
    """A page as signed and now: addresses of the pictures (`data:`, so nothing is kept), and the places."""

    page: int
    before: str | None
    after: str | None
    where: str
    details: tuple[DetailView, ...]


@dataclass(frozen=True)
class PicturesView:
    """The pages that look different, and by whose signature they were as ``before`` shows."""

    signer: str
    pairs: tuple[PairView, ...]
    compared: int
    complete: bool


@dataclass(frozen=True)
class FileView:
    """An answer about a file, ready to be shown."""

    report: Report
    words: Words
    title: str
    reason: str | None
    file: str
    register: str
    record: PublicRecord | None
    status_since: date | None
    status_reason: str | None
    signers: tuple[SignerView, ...]
    findings: tuple[Finding, ...]
    pictures: PicturesView | None
    contact: Issuer
    zone: str
    needs_password: bool
    reference: str


def view_file(
    report: Report, site: Site, lang: Lang, reference: str, pictures: PagePictures | None = None
) -> FileView:
    """Everything that the page says about a file; ``pictures`` never change what it says of the verdict."""
    record = report.record
    values: dict[str, Any] = {"regency": site.regency, **words_of_record(report.verdict, record)}
    words = verdict_words(
        report.verdict, lang, by="file", register_asked=report.register is not None, **values
    )
    issuer = f"{record.issuer.agency}, {record.issuer.regency}" if record else site.regency
    status = report.register.status if report.register else None
    return FileView(
        report=report,
        words=words,
        title=f"{words.heading} – {issuer}",
        reason=_reason(report),
        file=translate(lang, _file_line(report)),
        register=_register_line(report, lang),
        record=record,
        status_since=status_since(record, status) if record else None,
        status_reason=reason_words(public_reason(record, status), lang) if record else None,
        signers=tuple(_view_signer(signature, lang) for signature in report.signatures),
        findings=(*report.findings, *(_picture_findings(pictures, lang) if pictures else ())),
        pictures=_view_pictures(pictures, report, lang) if pictures else None,
        contact=record.issuer if record else site.contact,
        zone=record.zone if record else site.zone,
        needs_password=any(finding.code == "PASSWORD_NEEDED" for finding in report.findings),
        reference=reference,
    )


def _reason(report: Report) -> str | None:
    """What a reader has to know first: what the file is that is no PDF, else the first error."""
    told = [finding for finding in report.findings if finding.code in INPUT_CODES]
    told += [finding for finding in report.findings if finding.severity == "error"]
    return told[0].message if told else None


def _file_line(report: Report) -> str:
    if report.original and report.record is not None and report.record.origin is not None:
        return mark("Bit by bit as it was handed in here")
    if report.original:
        return mark("The original, bit by bit as it was issued")
    signatures = report.signatures
    by_verdict = {
        Verdict.ALTERED: mark("Changed after it was signed"),
        Verdict.UNSIGNED: mark("Carries no electronic signature"),
        Verdict.UNTRUSTED_SIGNER: mark("Signed by somebody whom we cannot confirm"),
        Verdict.REVOKED_SIGNER: mark("Signed with a certificate that was revoked"),
        Verdict.UNREADABLE: mark("Could not be checked"),
    }
    if report.verdict in by_verdict:
        return by_verdict[report.verdict]
    if not signatures:
        return mark("Not checked")
    return mark("Content unchanged, signer known")


def _register_line(report: Report, lang: Lang) -> str:
    register = report.register
    if register is None:
        return translate(lang, mark("Not asked"))
    if register.status is not None:
        words = STATUS_WORDS[lang][register.status]
        origin = report.record.origin if report.record is not None else None
        if origin is not None and register.status is Status.IN_FORCE:
            return translate(lang, mark("Kept here for %(issuer)s"), issuer=origin)
        if report.original or report.verdict in (Verdict.VALID, Verdict.UNSIGNED):
            return translate(lang, mark("Recorded, %(status)s"), status=words)
        return translate(lang, mark("The original is recorded, %(status)s"), status=words)
    if any(finding.code == "REGISTER_UNAVAILABLE" for finding in report.findings):
        return translate(lang, mark("Does not answer"))
    if report.verdict is Verdict.UNREADABLE:
        return translate(lang, mark("Could not be searched: the file cannot be read"))
    if report.verdict is Verdict.UNAVAILABLE:
        return translate(lang, mark("Not asked"))
    return translate(lang, mark("No document belongs to this file"))


def _view_signer(signature: SignatureReport, lang: Lang) -> SignerView:
    subject = subject_parts(signature.signer)
    tone, sign, words = _AFTER[signature.changes]
    return SignerView(
        kind=translate(lang, _KINDS[signature.kind]),
        name=_name(signature),
        office=subject.get("T", ""),
        organisation=subject.get("O", ""),
        trust=translate(lang, _TRUST[signature.trust]),
        covers=translate(lang, _COVERS[signature.covers]),
        integrity=translate(lang, _INTEGRITY[signature.integrity]),
        after=translate(lang, words),
        after_tone=tone,
        after_sign=sign,
        report=signature,
    )


def _picture_findings(pictures: PagePictures, lang: Lang) -> Iterable[Finding]:
    for each in pictures.findings:
        message = finding_message(each.code, lang, **dict(each.values))
        yield Finding(each.code, finding_severity(each.code), message)


def _view_pictures(pictures: PagePictures, report: Report, lang: Lang) -> PicturesView:
    signer = next(_name(each) for each in report.signatures if each.field == pictures.field)
    pairs = tuple(_view_pair(pair, lang) for pair in pictures.pairs)
    return PicturesView(signer, pairs, pictures.compared, complete=not pictures.findings)


def _view_pair(pair: PagePair, lang: Lang) -> PairView:
    if pair.before is None:
        where = translate(lang, mark("this page was added"))
    elif pair.after is None:
        where = translate(lang, mark("this page was removed"))
    else:
        where = ", ".join(dict.fromkeys(_place_words(place, lang) for place in pair.places))
    details = tuple(
        DetailView(_data(each.before), _data(each.after), _place_words(each.place, lang))
        for each in pair.details
    )
    before, after = (None if each is None else _data(each) for each in (pair.before, pair.after))
    return PairView(pair.page, before, after, where, details)


def _place_words(place: Place, lang: Lang) -> str:
    """Where on the page, for whoever does not see it."""
    if place.bottom - place.top > _WIDE:
        return translate(lang, mark("over the whole page"))
    row = translate(lang, _ROWS[_third(place.top, place.bottom)])
    if place.right - place.left > _WIDE:
        return row
    return f"{row} {translate(lang, _COLUMNS[_third(place.left, place.right)])}"


def _third(start: float, end: float) -> int:
    return min(2, int((start + end) / 2 * 3))


def _data(picture: bytes) -> str:
    return f"data:image/png;base64,{b64encode(picture).decode('ascii')}"


def _name(signature: SignatureReport) -> str:
    return subject_parts(signature.signer).get("CN", signature.signer)
