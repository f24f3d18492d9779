"""Genuine signed files to start from: our own, oddly written ones, and those of other signers."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from random import Random

from odd_files import ODD, sign
from sample_files import (
    CODE,
    plain_pdf,
    signed_pdf,
    with_document_timestamp,
    with_form_filled,
    with_validation_data,
)
from small_pki import NOW, pki, revocation_list

from verifier.pdf.document import File
from verifier.pdf_structure import SignedRange, read_signed_range
from verifier.signature_fields import find_signatures

SAMPLE = Path(__file__).parents[1] / "interop" / "sample" / "genuine"


@dataclass(frozen=True)
class Source:
    """A genuine file and what each of its signatures covers, by the SHA-256 of that, in hex."""

    name: str
    pdf: bytes
    ranges: dict[str, SignedRange]

    @property
    def outermost(self) -> int:
        """Where the last signed range ends."""
        return max(each.end for each in self.ranges.values())


def names(*, foreign: bool) -> list[str]:
    """What `source` makes; files of other signers (tests/interop/sample) only where wanted."""
    others = [f"sample {path.name}" for path in sorted(SAMPLE.glob("*.pdf"))] if foreign else []
    return [*(f"own {name}" for name in _OWN), *(f"odd {name}" for name in ODD), *others]


@functools.cache
def source(name: str, seed: int) -> Source:
    """The file of that name; ``seed`` draws what is random in it."""
    kind, _, rest = name.partition(" ")
    if kind == "sample":
        pdf = (SAMPLE / rest).read_bytes()
    elif kind == "own":
        pdf = _OWN[rest]()
    else:
        pdf = sign(ODD[rest](Random(seed)))
    document = File(pdf).whole()
    ranges = {}
    for field in find_signatures(document):
        values = document.resolve_all(field.dictionary["ByteRange"])
        contents = document.resolve(field.dictionary["Contents"])
        base = pdf.find(b"%PDF-")
        signed = read_signed_range(values, contents, pdf, base)
        ranges[_digest(pdf, signed)] = signed
    return Source(name, pdf, ranges)


def _digest(pdf: bytes, signed: SignedRange) -> str:
    import hashlib

    return hashlib.sha256(pdf[signed.start : signed.gap_start] + pdf[signed.gap_end : signed.end]).hexdigest()


def _plain() -> bytes:
    return signed_pdf(plain_pdf(code=CODE), stamped=NOW)


def _twice() -> bytes:
    return signed_pdf(signed_pdf(plain_pdf(code=CODE), field="Satu"), field="Dua")


def _with_data() -> bytes:
    return with_validation_data(_plain(), [revocation_list(pki().ca, {})])


_OWN = {
    "plain": _plain,
    "twice": _twice,
    "certified": lambda: signed_pdf(plain_pdf(code=CODE), certify=True),
    "certified and filled": lambda: with_form_filled(signed_pdf(plain_pdf(code=CODE), certify=True)),
    "validation data": _with_data,
    "archived": lambda: with_document_timestamp(_with_data()),
    "filled": lambda: with_form_filled(_plain()),
    "filled and signed": lambda: signed_pdf(with_form_filled(_plain()), field="Dua"),
}
