"""Forgeries at the level of bytes: odd ranges and contents (USF), odd revisions (ISA), hidden objects.

None of them knows a producer: each is given any signed file and answers None where it does not apply.
"""

from __future__ import annotations

import re
from random import Random

from tests.interop import updates

_CONTENT = b"<< /Length 34 >>\nstream\n0.5 g 60 500 400 300 re f BT ET 0 0 m\nendstream"


def _array(pdf: bytes) -> re.Match[bytes] | None:
    found = list(re.finditer(rb"/ByteRange\s*(\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\])", pdf))
    return found[-1] if found else None


def _with_content(pdf: bytes, number: int) -> tuple[bytes, int]:
    """The file with a page's other content behind it as object ``number``, and where that stands."""
    out = updates.with_end_of_line(pdf)
    return out + b"%d 0 obj\n%s\nendobj\n" % (number, _CONTENT), len(out)


def odd_byte_range(pdf: bytes, random: Random) -> bytes | None:
    """Two, three, six entries; numbers that are none, wrap around or lie outside; a reference."""
    match = _array(pdf)
    if match is None:
        return None
    first, length, second, rest = (int(match[i]) for i in (2, 3, 4, 5))
    texts = (
        b"[%d %d]" % (first, length),
        b"[%d %d %d]" % (first, length, second),
        b"[0 1 2 3 4 5]",
        b"[%d %d %d.0 %d]" % (first, length, second, rest),
        b"[0 %d %d 18446744073709551616]" % (length, second),
        b"[0 %d %d 4294967296]" % (length, second),
        b"[%d %d %d %d]" % (second, rest, first, length),
        b"[0 %d %d %d]" % (length, second, rest - 1),
        b"[0 %d %d %d]" % (length - 1, second, rest),
        b"[1 %d %d %d]" % (length - 1, second, rest),
        b"[true false null 1]",
        b"[[0 1] [2 3]]",
        b"(0 1 2 3)",
        b"1 0 R",
        b"/A",
    )
    start, end = match.span(1)
    fitting = [text for text in texts if len(text) <= end - start]
    return pdf[:start] + random.choice(fitting).ljust(end - start) + pdf[end:]


def missing_byte_range(pdf: bytes, random: Random) -> bytes | None:
    match = _array(pdf)
    if match is None:
        return None
    at = match.start()
    return pdf[: at + 1] + random.choice((b"ByteRangf", b"Byterange", b"#42yteRan")) + pdf[at + 10 :]


def odd_contents(pdf: bytes, random: Random) -> bytes | None:
    """/Contents is null, empty, a single zero, of another type, or a shell without a signer."""
    match = _array(pdf)
    if match is None:
        return None
    start, end = int(match[3]), int(match[4])
    if pdf[start : start + 1] != b"<":
        return None
    texts = (
        b"null", b"<>", b"<00>", b"<0000>", b"0", b"[<00>]", b"()", b"<< /A <00> >>", b"1 0 R", b"/A",
        b"true",
        b"<300b06092a864886f70d010702>",  # ContentInfo without content
        b"<3080>", b"<30847fffffff00>",
    )  # fmt: skip
    return pdf[:start] + random.choice(texts).ljust(end - start) + pdf[end:]


def second_contents(pdf: bytes, random: Random) -> bytes | None:
    """Behind the CMS, in what no range covers, the dictionary goes on."""
    match = _array(pdf)
    if match is None:
        return None
    start, end = int(match[3]), int(match[4])
    digits = pdf[start + 1 : end - 1].rstrip(b"0")
    extra = random.choice(
        (b"> /Contents <00", b"> /Reason (Lain) /X <00", b"> /ByteRange [0 1 2 3] /X <00", b"> % <")
    )
    room = end - start - 2 - len(digits) - len(digits) % 2
    if pdf[start : start + 1] != b"<" or room < len(extra) + 8:
        return None
    filled = digits + b"0" * (len(digits) % 2) + extra
    return pdf[: start + 1] + filled.ljust(end - start - 2, b"0") + pdf[end - 1 :]


def filled_gap(pdf: bytes, random: Random) -> bytes | None:
    """SWA: objects stand in the padding of the CMS, and a later table leads to one of them."""
    content, match = updates.content_object(pdf), _array(pdf)
    if match is None or content is None:
        return None
    start, end = int(match[3]), int(match[4])
    digits = pdf[start + 1 : end - 1].rstrip(b"0")
    body = b"> %d 0 obj\n%s\nendobj <" % (content, _CONTENT)
    room = end - start - 2 - len(digits) - 1
    if pdf[start : start + 1] != b"<" or room < len(body):
        return None
    at = start + 1 + len(digits) + len(digits) % 2
    out = pdf[:at] + body + pdf[at + len(body) :]
    return updates.append_table(out, {content: at + 2})


def unfinished_revision(pdf: bytes, random: Random) -> bytes | None:
    """ISA: new objects with some of table, trailer, startxref and end missing or wrong."""
    content = updates.content_object(pdf)
    if content is None:
        return None
    out, at = _with_content(pdf, content)
    start = len(out)
    table = b"xref\n%d 1\n%010d 00000 n \n" % (content, at)
    trailer = b"trailer\n<< %s /Prev %d >>\n" % (updates.trailer_entries(pdf), updates.last_startxref(pdf))
    parts = [
        random.choice((table, table, b"", table.replace(b"xref", b"xr3f"), table.replace(b" n ", b" f "))),
        random.choice((trailer, trailer, b"", b"trailer\n<< >>\n", trailer.replace(b"trailer", b"trail3r"))),
        random.choice((b"startxref\n%d\n", b"startxref\n%d\n", b"")),
        random.choice((b"%%EOF\n", b"")),
    ]
    if parts == [table, trailer, b"startxref\n%d\n", b"%%EOF\n"]:
        parts[3] = b""
    parts[2] = (
        parts[2] % random.choice((start, start + 1, 0, at, updates.last_startxref(pdf))) if parts[2] else b""
    )
    return out + b"".join(parts)


def repeated_key(pdf: bytes, random: Random) -> bytes | None:
    """A later page names /Contents twice, first or last as it was signed: readers take different ones."""
    content, page = updates.content_object(pdf), updates.first_page_object(pdf)
    if content is None or page is None:
        return None
    number, body = page
    new = updates.highest_number(pdf) + 1
    out, at = _with_content(pdf, new)
    page_at = len(out)
    twice = [b"/Contents %d 0 R" % new, b"/Contents %d 0 R" % content]
    random.shuffle(twice)
    out += b"%d 0 obj\n<< %s %s %s >>\nendobj\n" % (number, twice[0], body, twice[1])
    return updates.append_table(out, {number: page_at, new: at}, previous=updates.last_startxref(pdf))


def hidden_table(pdf: bytes, random: Random) -> bytes | None:
    """A table that says nothing of the page's content, and an /XRefStm that replaces it."""
    content = updates.content_object(pdf)
    if content is None:
        return None
    out, at = _with_content(pdf, content)
    new = updates.highest_number(pdf) + 1
    row = b"\x01" + at.to_bytes(4, "big") + b"\0\0"
    hidden = len(out)
    out += b"%d 0 obj\n<< /Type /XRef /Size %d /W [1 4 2] /Index [%d 1] /Root %s /Length 7 >>\nstream\n%s" % (
        new, new + 1, content, updates.root_reference(pdf), row
    )  # fmt: skip
    out += b"\nendstream\nendobj\n"
    start = len(out)
    rows: dict[int, int | None] = random.choice(({}, {new: hidden}))
    entries = updates.trailer_entries(pdf) + b" /XRefStm %d" % hidden
    return (
        out + updates.table(rows, entries, updates.last_startxref(pdf)) + b"startxref\n%d\n%%%%EOF\n" % start
    )


def circular_chain(pdf: bytes, random: Random) -> bytes | None:
    """A later table whose /Prev is itself, or leads nowhere, so that what was signed is not reached."""
    content = updates.content_object(pdf)
    if content is None:
        return None
    out, at = _with_content(pdf, content)
    previous = random.choice((len(out), len(pdf) * 2, at))
    return updates.append_table(out, {content: at}, previous=previous)


def encryption_said_otherwise(pdf: bytes, random: Random) -> bytes | None:
    """A later trailer names an /Encrypt where there is none, or another one than there is."""
    entries = re.sub(rb"/Encrypt \d+ \d+ R", b"", updates.trailer_entries(pdf))
    other = b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >>" % (b"11" * 32, b"22" * 32)
    out = updates.with_end_of_line(pdf) + b"%\n"
    return (
        out
        + updates.table({}, entries + other, updates.last_startxref(pdf))
        + (b"startxref\n%d\n%%%%EOF\n" % len(out))
    )


def other_root(pdf: bytes, random: Random) -> bytes | None:
    """The last trailer's catalogue is another object, which leads to other pages."""
    out = updates.with_end_of_line(pdf)
    new, rows = updates.highest_number(pdf) + 1, {}
    form = updates.form_entry(pdf)
    bodies = (
        b"<< /Type /Catalog /Pages %d 0 R %s >>" % (new + 1, form),
        b"<< /Type /Pages /Count 1 /Kids [%d 0 R] >>" % (new + 2),
        b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 595 842] >>" % (new + 1),
    )
    for number, body in enumerate(bodies, new):
        rows[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    entries = updates.trailer_entries(pdf).replace(updates.root_reference(pdf), b"%d 0 R" % new)
    return (
        out
        + updates.table(rows, entries, updates.last_startxref(pdf))
        + b"startxref\n%d\n%%%%EOF\n" % len(out)
    )


FORGERIES = (
    ("odd-byte-range", "/ByteRange is two stretches of the file", odd_byte_range),
    ("missing-byte-range", "the signature has a /ByteRange", missing_byte_range),
    ("odd-contents", "/Contents is the string of a signature", odd_contents),
    ("second-contents", "what no range covers is one string", second_contents),
    ("filled-gap", "no object stands in what no range covers", filled_gap),
    ("unfinished-revision", "a revision is whole", unfinished_revision),
    ("repeated-key", "a dictionary says one thing", repeated_key),
    ("hidden-table", "table and hidden table lead to what was signed", hidden_table),
    ("circular-chain", "the chain of tables reaches what was signed", circular_chain),
    ("other-encryption", "the file is encrypted as it was signed", encryption_said_otherwise),
    ("other-root", "the trailer leads to the signed catalogue", other_root),
)
