"""When two spellings name one place of practice.

Permenkes 13/2025, article 149 gives a permit for one place. Clerks write one address in many ways,
so the limits compare a normal form: no case, accents or punctuation; short forms written out; the
words that say nothing, the postal code, the province and the regency's own name left out (an agency
issues for places in its own regency alone). What tells two places apart (street, house number, RT
and RW, village, district) all stays.
"""

from __future__ import annotations

import re
import unicodedata

_SHORT_FORMS = {
    "jl": "jalan",
    "jln": "jalan",
    "gg": "gang",
    "kp": "kampung",
    "kpg": "kampung",
    "ds": "desa",
    "dsn": "dusun",
    "kel": "kelurahan",
    "kec": "kecamatan",
    "kab": "kabupaten",
    "prov": "provinsi",
    "prop": "provinsi",
    "propinsi": "provinsi",
    "komp": "kompleks",
    "komplek": "kompleks",
    "perum": "perumahan",
    "blk": "blok",
    "lt": "lantai",
    "ged": "gedung",
    "rs": "rumah sakit",
    "pkm": "puskesmas",
}
# What some write before a number and others do not.
_SILENT = {"nomor", "no", "nmr", "nr"}

_WORD = re.compile(r"[^\W\d_]+|\d+")
_POSTAL_CODE = re.compile(r"\s*\b(?:kode\s*pos\s*:?\s*)?\d{5}\s*[.]?\s*$", re.IGNORECASE)
# A part of an address that names the province; never the first part, which is the street.
_PROVINCE = re.compile(r"[,\n]\s*(?:prov|prop|provinsi|propinsi)\b[^,\n]*", re.IGNORECASE)


def normal_place(text: str, regency: str = "") -> str:
    """``text`` (a name or an address) as the limits compare it; ``regency`` is the agency's own.

    ``Jl. Melati No. 1, Kab. Contoh 12345`` and ``Jalan  Melati 1`` are one place in Kabupaten Contoh,
    ``Jalan Melati 11`` is another.
    """
    plain = _without_accents(text)
    words = _words(_POSTAL_CODE.sub("", _PROVINCE.sub("", plain)))
    own = _words(_without_accents(regency))
    kept = _without(words, own) or words
    # A name of punctuation alone is still a name.
    return " ".join(kept) or plain.strip()


def _words(text: str) -> list[str]:
    found = []
    for word in _WORD.findall(text):
        if word.isdigit():
            found.append(word.lstrip("0") or "0")  # RT 003 is RT 3
        elif word not in _SILENT:
            found += _SHORT_FORMS.get(word, word).split()
    return found


def _without(words: list[str], phrase: list[str]) -> list[str]:
    """``words`` without each occurrence of ``phrase``."""
    if not phrase:
        return words
    kept: list[str] = []
    position = 0
    while position < len(words):
        if words[position : position + len(phrase)] == phrase:
            position += len(phrase)
        else:
            kept.append(words[position])
            position += 1
    return kept


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))
