"""The words of every verdict, in Indonesian and English: heading, advice, colour.

Indonesian is the default language. A part in square brackets is left out where one of its values is
missing, so that no sentence ever shows a brace. Dates are written out ("12 Maret 2026").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

from storage.records import PublicRecord
from storage.vocabulary import Verdict
from verifier.finding_words import finding_message, finding_severity

__all__ = [
    "Lang",
    "Words",
    "fill",
    "finding_message",
    "finding_severity",
    "long_date",
    "verdict_words",
    "words_of_record",
]

Lang = Literal["id", "en"]
Colour = Literal["green", "yellow", "red", "grey"]


@dataclass(frozen=True)
class Words:
    """What a reader sees of a verdict. The colour never stands alone: an icon and words go with it."""

    heading: str
    advice: str
    colour: Colour


_MONTHS: dict[str, tuple[str, ...]] = {
    "id": (
        "Januari", "Februari", "Maret", "April", "Mei", "Juni",
        "Juli", "Agustus", "September", "Oktober", "November", "Desember",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
}  # fmt: skip

_DEFAULTS = {
    "id": {"agency": "instansi penerbit", "regency": "kami"},
    "en": {"agency": "the issuing agency", "regency": "us"},
}

# verdict: (heading id, heading en, advice id, advice en, colour)
_TABLE: dict[str, tuple[str, str, str, str, Colour]] = {
    "valid/code": (
        "Terdaftar dan masih berlaku",
        "Registered and in force",
        "Kode dapat disalin, jadi cocokkan nama, nomor, dan tanggal dengan kertas Anda.",
        "A code can be copied, so compare name, number and dates with your paper.",
        "green",
    ),
    "valid/file": (
        "File asli dan masih berlaku",
        "Original file, in force",
        "Isi file sama dengan yang ditandatangani.",
        "The content is what was signed.",
        "green",
    ),
    # Green means "in force", and of another issuer's document only that issuer knows.
    "valid/custody": (
        "File asli terbitan {issuer}, disimpan di sini",
        "Original file issued by {issuer}, kept here",
        "Isi file sama dengan yang diserahkan kepada {agency}; "
        "tanyakan kepada {issuer} apakah masih berlaku.",
        "The content is what was handed in to {agency}; ask {issuer} whether it is still in force.",
        "grey",
    ),
    # Green means "in force", and nobody was asked whether it is.
    "valid/offline": (
        "Tanda tangan utuh dan tepercaya; status dokumen tidak ditanyakan",
        "Signatures intact and trusted; the document's status was not asked",
        "Isi file sama dengan yang ditandatangani; periksa kodenya untuk mengetahui apakah masih berlaku.",
        "The content is what was signed; check its code to learn whether it is in force.",
        "grey",
    ),
    "superseded": (
        "Sudah diganti dokumen yang lebih baru",
        "Replaced by a newer document",
        "Jangan pakai versi ini; minta dokumen pengganti[ tertanggal {date}].",
        "Do not use this version; ask for the replacement[ dated {date}].",
        "yellow",
    ),
    "suspended": (
        "Ditangguhkan sementara[ sejak {date}]",
        "Temporarily suspended[ since {date}]",
        "Jangan terima selama ditangguhkan; periksa lagi nanti atau hubungi {agency}.",
        "Do not accept it while suspended; check again later or contact {agency}.",
        "yellow",
    ),
    "revoked": (
        "Dicabut, tidak berlaku[ sejak {date}]",
        "Withdrawn, not in force[ since {date}]",
        "Jangan terima untuk keperluan setelah tanggal itu.",
        "Do not accept it for anything after that date.",
        "red",
    ),
    "annulled": (
        "Dibatalkan, dianggap tidak pernah berlaku",
        "Annulled, treated as never in force",
        "Jangan terima untuk tanggal berapa pun; hubungi {agency}.",
        "Do not accept it for any date; contact {agency}.",
        "red",
    ),
    "expired": (
        "Masa berlaku habis[ pada {date}]",
        "Validity ended[ on {date}]",
        "Minta perpanjangan atau dokumen baru kepada pemegangnya.",
        "Ask the holder for a renewal or a new document.",
        "yellow",
    ),
    "not_yet_issued": (
        "Belum diterbitkan, belum berlaku",
        "Not issued yet, not in force",
        "Dokumen masih diproses; jangan terima cetakannya dan periksa lagi nanti.",
        "It is still being processed; do not accept a printout, check again later.",
        "yellow",
    ),
    "not_yet_valid": (
        "Baru berlaku mulai {date}",
        "In force from {date}",
        "Dokumen asli, tetapi belum dapat dipakai sebelum tanggal itu.",
        "It is issued, but cannot be used before that date.",
        "yellow",
    ),
    "altered": (
        "File berubah setelah ditandatangani",
        "File changed after it was signed",
        "Jangan terima file ini; minta file asli langsung dari penerbit.",
        "Do not accept this file; get the original from the issuer.",
        "red",
    ),
    "untrusted_signer": (
        "Penanda tangan belum dapat kami pastikan",
        "We cannot confirm who signed",
        "Nama yang tampil dapat dibuat siapa saja; tanyakan kepada instansi yang disebut.",
        "Anyone can sign under any name; ask the agency named.",
        "grey",
    ),
    "revoked_signer": (
        "Sertifikat penanda tangan sudah dicabut",
        "The signer's certificate was revoked",
        "Yang dicabut sertifikatnya, bukan izinnya; jangan terima sebelum {agency} memastikan.",
        "The certificate was revoked, not the permit; do not accept until {agency} confirms.",
        "red",
    ),
    "unsigned": (
        "Tidak ada tanda tangan elektronik di file ini",
        "No electronic signature in this file",
        "Mungkin hasil pindai atau cetak; periksa kode QR-nya atau minta PDF asli.",
        "It may be a scan or printout; check its QR code or ask for the original PDF.",
        "grey",
    ),
    "unregistered": (
        "Tanda tangan utuh, tetapi tidak tercatat di sini",
        "Signature intact, but not recorded here",
        "Kami tidak tahu apakah masih berlaku; tanyakan kepada penerbitnya.",
        "We do not know if it is in force; ask its issuer.",
        "grey",
    ),
    "unreadable": (
        "File tidak dapat diperiksa",
        "This file could not be checked",
        "Ini bukan penilaian atas dokumennya; unggah lagi PDF asli.",
        "This says nothing about the document; upload the original PDF.",
        "grey",
    ),
    "unknown_code": (
        "Kode tidak ditemukan",
        "Code not found",
        "Cek lagi ke-14 karakter; bila sama, jangan terima dan hubungi kontak resmi, bukan nomor di kertas.",
        "Recheck all 14 characters; if they match, do not accept, and call the official contact, "
        "not the number on the paper.",
        "grey",
    ),
    "foreign_code": (
        "Kode QR ini bukan dari {regency}",
        "This QR code is not from {regency}",
        "Jangan buka alamatnya; bila kertas mengaku dari {regency}, jangan terima dan laporkan.",
        "Do not open its address; if the paper claims {regency}, refuse and report it.",
        "red",
    ),
    # A listed official host of somebody else: nothing is wrong, it is only not for us to answer.
    "foreign_code/listed": (
        "Kode QR ini bukan dari {regency}",
        "This QR code is not from {regency}",
        "Dokumen ini dari layanan resmi lain; periksa di {service}.",
        "This document is from another official service; check it at {service}.",
        "grey",
    ),
    "unavailable": (
        "Belum dapat diperiksa saat ini",
        "Cannot be checked right now",
        "Gangguan pada layanan kami, bukan dokumennya; coba lagi sebelum memutuskan.",
        "The fault is in our service, not the document; try again before deciding.",
        "grey",
    ),
}

_LATER = {"id": "tanggal yang belum tiba", "en": "a later date"}
_OPTIONAL = re.compile(r"\[([^\]]*)\]")
_PLACE = re.compile(r"\{(\w+)\}")


def verdict_words(
    verdict: Verdict,
    lang: Lang,
    *,
    by: Literal["code", "file"],
    register_asked: bool = True,
    **values: date | str | None,
) -> Words:
    """The words of a verdict.

    ``values`` may hold ``date`` (a `datetime.date`), ``agency``, ``regency``, ``service`` (the listed
    official host of a foreign code) and ``issuer`` (of a document in custody). A missing value shortens the
    sentence.
    """
    key = str(verdict)
    if verdict is Verdict.VALID:
        key = f"valid/{by}" if register_asked else "valid/offline"
        if values.get("issuer"):
            key = "valid/custody"
    elif verdict is Verdict.FOREIGN_CODE and values.get("service"):
        key = "foreign_code/listed"
    heading_id, heading_en, advice_id, advice_en, colour = _TABLE[key]
    heading, advice = (heading_id, advice_id) if lang == "id" else (heading_en, advice_en)
    texts: dict[str, str] = dict(_DEFAULTS[lang])
    if verdict is Verdict.NOT_YET_VALID:
        texts["date"] = _LATER[lang]
    for name, value in values.items():
        if value is not None:
            texts[name] = long_date(value, lang) if isinstance(value, date) else str(value)
    return Words(fill(heading, texts), fill(advice, texts), colour)


def words_of_record(verdict: Verdict, record: PublicRecord | None) -> dict[str, date | str | None]:
    """The values for `verdict_words` that a record holds: its agency, its regency and the one date meant."""
    if record is None:
        return {}
    meant = {
        Verdict.SUPERSEDED: record.superseded_on,
        Verdict.SUSPENDED: record.suspended_since,
        Verdict.REVOKED: record.revoked_from,
        Verdict.EXPIRED: record.valid_until,
        Verdict.NOT_YET_VALID: record.valid_from,
    }
    return {
        "agency": record.issuer.agency,
        "regency": record.issuer.regency,
        "date": meant.get(verdict),
        "issuer": record.origin,
    }


def long_date(day: date, lang: Lang) -> str:
    """A day as a person writes it: ``12 Maret 2026``, ``12 March 2026``."""
    return f"{day.day} {_MONTHS[lang][day.month - 1]} {day.year}"


def fill(template: str, values: dict[str, str]) -> str:
    """Put values into a sentence; a bracketed part is left out where one of its values is missing."""

    def part(match: re.Match[str]) -> str:
        inner = match.group(1)
        return inner if all(name in values for name in _PLACE.findall(inner)) else ""

    text = _OPTIONAL.sub(part, template)
    # One pass, so that a value that itself holds braces stays literal text.
    return _PLACE.sub(lambda match: values.get(match.group(1), "—"), text)
