"""Damage and attacks on signed files: each breaks one property of whatever genuine file it is given.

Every attack is a function of the file and of a random generator, so that a printed seed makes the same
file again. It answers None where the file lacks what it needs. The classes are those of
pdf-insecurity.org: forged signatures (USF), incremental saving (ISA), wrapping (SWA), shadows, and
attacks on certification (EAA, SSA); the rest is accident and wear.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from asn1crypto import cms, core, parser
from pyhanko.pdf_utils.crypt import PdfKeyNotAvailableError
from pyhanko.pdf_utils.misc import PdfError

from tests.interop import catalogue_changes, field_changes, forgeries, updates

Apply = Callable[[bytes, Random], bytes | None]


@dataclass(frozen=True)
class Attack:
    """One way of making a genuine file bad; ``breaks`` says which property no longer holds."""

    name: str
    breaks: str
    apply: Apply

    def on(self, pdf: bytes, random: Random) -> bytes | None:
        """What it makes of the file; None where the file lacks what it needs, or pyHanko cannot read it."""
        try:
            return self.apply(pdf, random)
        except (PdfError, PdfKeyNotAvailableError):
            return None


@dataclass(frozen=True)
class Place:
    """Where a signature stands in the file: its /ByteRange array and what this excludes."""

    array: tuple[int, int]
    ranges: tuple[int, int, int, int]

    @property
    def contents(self) -> tuple[int, int]:
        """The gap between the two ranges: /Contents with its angle brackets."""
        return self.ranges[1], self.ranges[2]


def places(pdf: bytes) -> list[Place]:
    """Every signature of the file whose /ByteRange stands there as text, the outermost last."""
    found = []
    for match in re.finditer(rb"/ByteRange\s*(\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\])", pdf):
        first, length, second, rest = (int(match[i]) for i in (2, 3, 4, 5))
        if first == 0 and pdf[length : length + 1] == b"<" and second + rest <= len(pdf):
            found.append(Place(match.span(1), (first, length, second, rest)))
    return sorted(found, key=lambda place: place.ranges[2] + place.ranges[3])


def damaged(pdf: bytes, seed: int) -> Iterator[tuple[Attack, bytes]]:
    """Every attack that the file allows, with what it makes of it; the same seed makes the same files."""
    for attack in ATTACKS:
        result = attack.on(pdf, Random(f"{seed} {attack.name} {len(pdf)}"))
        if result is not None:
            assert result != pdf, attack.name
            yield attack, result


# --- accident and wear


def _flip_signed_byte(pdf: bytes, random: Random) -> bytes | None:
    """A byte of the signed ranges, outside of what holds the signature itself together."""
    for place in places(pdf)[-1:]:
        out = bytearray(pdf)
        length, second, rest = place.ranges[1:]
        inside = [*range(length), *range(second, second + rest)]
        position = inside[random.randrange(len(inside))]
        out[position] ^= 1 << random.randrange(8)
        return bytes(out)
    return None


def _flip_signature_value(pdf: bytes, random: Random) -> bytes | None:
    def flip(signer: cms.SignerInfo) -> bytes:
        return bytes(signer["signature"].native)

    return _flip_in_contents(pdf, random, flip)


def _flip_message_digest(pdf: bytes, random: Random) -> bytes | None:
    def digest(signer: cms.SignerInfo) -> bytes | None:
        for attribute in signer["signed_attrs"]:
            if attribute["type"].native == "message_digest":
                return bytes(attribute["values"][0].native)
        return None

    return _flip_in_contents(pdf, random, digest)


def _flip_in_contents(
    pdf: bytes, random: Random, which: Callable[[cms.SignerInfo], bytes | None]
) -> bytes | None:
    for place in places(pdf)[-1:]:
        der = _der(pdf, place)
        try:
            [signer] = cms.ContentInfo.load(der)["content"]["signer_infos"]
            part = which(signer)
        except (ValueError, TypeError):  # no CMS but a bare signature (adbe.x509.rsa_sha1)
            part = der
        if not part or len(part) < 8 or der.count(part) != 1:
            return None
        # Behind the first bytes: of a bare signature those say only that it is an OCTET STRING.
        position = der.index(part) + random.randrange(5, len(part))
        changed = bytearray(der)
        changed[position] ^= 1 << random.randrange(8)
        return _with_contents(pdf, place, bytes(changed))
    return None


def _truncate(pdf: bytes, random: Random) -> bytes | None:
    end = len(pdf) - random.randrange(12, max(13, len(pdf) // 20))
    # Exactly at the end of an earlier revision a file is not damaged but older.
    return None if re.search(rb"%%EOF\s*$", pdf[:end]) else pdf[:end]


def _append_bytes(pdf: bytes, random: Random) -> bytes | None:
    return pdf + b"\n" + bytes(random.randrange(33, 127) for _ in range(random.randrange(1, 200)))


# --- signature forgery (USF)


def _null_byte_range(pdf: bytes, random: Random) -> bytes | None:
    return _other_byte_range(pdf, b"null")


def _negative_byte_range(pdf: bytes, random: Random) -> bytes | None:
    return _other_byte_range(pdf, b"[0 -1 -1 0]")


def _empty_byte_range(pdf: bytes, random: Random) -> bytes | None:
    return _other_byte_range(pdf, b"[]")


def _overlapping_byte_range(pdf: bytes, random: Random) -> bytes | None:
    return _other_byte_range(pdf, b"[0 9 5 9]")


def _other_byte_range(pdf: bytes, text: bytes) -> bytes | None:
    for place in places(pdf)[-1:]:
        start, end = place.array
        return pdf[:start] + text.ljust(end - start) + pdf[end:] if len(text) <= end - start else None
    return None


def _missing_contents(pdf: bytes, random: Random) -> bytes | None:
    for place in places(pdf)[-1:]:
        start = pdf.rfind(b"/Contents", 0, place.contents[0] + 1)
        return pdf[:start] + b"/Contentz" + pdf[start + 9 :] if start >= 0 else None
    return None


def _empty_contents(pdf: bytes, random: Random) -> bytes | None:
    for place in places(pdf)[-1:]:
        start, end = place.contents
        return pdf[:start] + b"<" + b"0" * (end - start - 2) + b">" + pdf[end:]
    return None


def _second_signer(pdf: bytes, random: Random) -> bytes | None:
    """A CMS of two signers; PDF knows only one (ISO 32000-2, 12.8.3.3.1)."""
    for place in places(pdf)[-1:]:
        old = _der(pdf, place)
        if b"\x30\x80" in old:
            return None  # asn1crypto's time to write indefinite lengths again grows exponentially with depth
        try:
            content = cms.ContentInfo.load(old)
            [signer] = content["content"]["signer_infos"]
        except (ValueError, TypeError):
            return None
        other = signer.copy()
        value = bytearray(other["signature"].native)
        value[-1] ^= 1 << random.randrange(8)
        other["signature"] = core.OctetString(bytes(value))
        content["content"]["signer_infos"] = cms.SignerInfos([signer, other])
        der = content.dump(force=True)
        start, end = place.contents
        return _with_contents(pdf, place, der) if 2 * len(der) <= end - start - 2 else None
    return None


# --- tails that no cross-reference explains (ISA)


def _fake_revision(pdf: bytes, random: Random) -> bytes | None:
    """An object and a new end without any table: what repairing readers pick up."""
    return pdf + b"\n4 0 obj\n<< /Length 9 >>\nstream\nBT ET 0 g\nendstream\nendobj\n%%EOF\n"


def _fake_startxref(pdf: bytes, random: Random) -> bytes | None:
    """An object behind the end, and the old startxref once more."""
    tail = b"\n4 0 obj\n<< /Length 9 >>\nstream\nBT ET 0 g\nendstream\nendobj\n"
    return pdf + tail + b"startxref\n%d\n%%%%EOF\n" % updates.last_startxref(pdf)


def _empty_table(pdf: bytes, random: Random) -> bytes | None:
    """A revision whose table lists nothing, with bytes that it does not explain."""
    return updates.append_table(pdf, {}, before=b"%% %d unexplained\n" % random.randrange(10**9))


def _remap_object(pdf: bytes, random: Random) -> bytes | None:
    """The page's content is another object that was signed too, by pointing its number elsewhere."""
    content, others = updates.content_object(pdf), updates.offsets(pdf)
    candidates = [offset for number, offset in others.items() if number != content]
    if content is None or content not in others or not candidates:
        return None
    return updates.append_table(pdf, {content: random.choice(candidates)})


def _free_object(pdf: bytes, random: Random) -> bytes | None:
    content = updates.content_object(pdf)
    return None if content is None else updates.append_table(pdf, {content: None})


def _two_numbers_one_offset(pdf: bytes, random: Random) -> bytes | None:
    known = updates.offsets(pdf)
    if len(known) < 2:
        return None
    first, second = random.sample(sorted(known), 2)
    return updates.append_table(pdf, {first: known[second], second: known[second]})


def _dropped_signature(pdf: bytes, random: Random) -> bytes | None:
    """A new table whose /Prev leads past the revision that holds the signature."""
    earlier = updates.earlier_startxref(pdf)
    return None if earlier is None else updates.append_table(pdf, {}, previous=earlier, before=b"%\n")


# --- wrapping (SWA)


def _wrapped(pdf: bytes, random: Random) -> bytes | None:
    """The second signed range is moved behind content of the attacker, and the new dictionary says so."""
    for place in places(pdf)[-1:]:
        length, second, rest = place.ranges[1:]
        old_start = updates.last_startxref(pdf)
        dictionary = re.search(rb"\d+ 0 obj\b(?:(?!endobj).)*$", pdf[: place.array[0]][-4000:], re.DOTALL)
        if second + rest != len(pdf) or old_start <= second or dictionary is None:
            return None
        number = int(dictionary[0].split()[0])
        start = place.array[0] - len(dictionary[0])
        end = pdf.find(b"endobj", second) + len(b"endobj")
        gap = bytearray(b" " * (old_start - second))
        table_length = 200 + len(updates.trailer_entries(pdf))
        body_at = old_start + table_length
        moved = body_at + (end - start) + 40
        array = b"[0 %d %d %d]" % (length, moved, rest)
        copy = pdf[start : place.array[0]] + array + pdf[place.array[1] : end]
        gap += updates.table({number: body_at}, updates.trailer_entries(pdf), None).ljust(table_length)
        gap += copy
        gap += b" " * (moved - second - len(gap))
        return pdf[:second] + bytes(gap) + pdf[second:]
    return None


# --- changes by a proper revision, shadows, certification


def _revised(change: Callable[[updates.Revision, Random], bool]) -> Apply:
    def apply(pdf: bytes, random: Random) -> bytes | None:
        return updates.revise(pdf, lambda revision: change(revision, random))

    return apply


def _der(pdf: bytes, place: Place) -> bytes:
    start, end = place.contents
    padded = bytes.fromhex(pdf[start + 1 : end - 1].decode("ascii").replace("\n", ""))
    try:
        return padded[: parser.peek(padded)]
    except ValueError:
        return padded


def _with_contents(pdf: bytes, place: Place, der: bytes) -> bytes:
    start, end = place.contents
    return pdf[:start] + b"<" + der.hex().encode().ljust(end - start - 2, b"0") + b">" + pdf[end:]


ATTACKS = (
    Attack("flip-signed-byte", "the signed bytes have the signed digest", _flip_signed_byte),
    Attack("flip-signature-value", "the signature fits the signer's key", _flip_signature_value),
    Attack("flip-message-digest", "the signed attributes are the signed ones", _flip_message_digest),
    Attack("truncate", "the file is complete", _truncate),
    Attack("append-bytes", "nothing but white space follows the end", _append_bytes),
    Attack("null-byte-range", "/ByteRange is an array", _null_byte_range),
    Attack("negative-byte-range", "/ByteRange lies within the file", _negative_byte_range),
    Attack("empty-byte-range", "/ByteRange covers something", _empty_byte_range),
    Attack("overlapping-byte-range", "/ByteRange excludes only /Contents", _overlapping_byte_range),
    Attack("missing-contents", "the signature has /Contents", _missing_contents),
    Attack("empty-contents", "/Contents holds a signature", _empty_contents),
    Attack("second-signer", "the CMS has one signer, whose signature is right", _second_signer),
    Attack("fake-revision", "a cross-reference table explains every byte", _fake_revision),
    Attack("fake-startxref", "the last startxref explains every byte", _fake_startxref),
    Attack("empty-table", "a revision's table explains its bytes", _empty_table),
    Attack("remap-object", "a number means the object that was signed", _remap_object),
    Attack("free-object", "what was signed is still there", _free_object),
    Attack("two-numbers-one-offset", "a number means the object of that number", _two_numbers_one_offset),
    Attack("dropped-signature", "every revision is reached", _dropped_signature),
    Attack("wrapped", "the second range follows /Contents", _wrapped),
    *(Attack(name, breaks, apply) for name, breaks, apply in forgeries.FORGERIES),
    *(
        Attack(name, breaks, _revised(change))
        for changes in (updates.CHANGES, catalogue_changes.CHANGES, field_changes.CHANGES)
        for name, breaks, change in changes
    ),
)
