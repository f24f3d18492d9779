"""Mutations of the bytes of a file: anywhere, and where readers look for what to do next.

Each is a function of a source, of another one to borrow from, and of a random generator. None of them knows
whether what it makes is still genuine; that is `oracle`'s to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from tests.fuzz.sources import Source

Mutate = Callable[[Source, Source, Random], bytes]

# Where a reader finds its way, and what it judges by.
_MARKS = [
    re.compile(pattern, re.DOTALL)
    for pattern in (
        rb"\d{10} \d{5} [nf]",
        rb"xref\s+\d+ \d+",
        rb"startxref\s+\d+",
        rb"%%EOF",
        rb"%PDF-\d\.\d",
        rb"/(?:W|Index|Size|Prev|XRefStm|Length|First|N|Root|Encrypt|ID|Filter|DecodeParms)\b[^/>]{0,40}",
        rb"/(?:ByteRange|Contents|SubFilter|Type|V|FT|T|Reference|TransformParams|P|Lock|Action)\b[^/>]{0,60}",
        rb"/(?:Fields|Kids|Annots|Parent|AcroForm|Pages|AP|N|Rect|F|Perms|DSS|VRI|Certs|CRLs|OCSPs)\b[^/>]{0,60}",
        rb"\d+ \d+ obj",
        rb"\d+ \d+ R",
        rb"endobj|endstream|stream\r?\n|trailer",
        rb"<<|>>",
    )
]
_NUMBER = re.compile(rb"-?\d+")
_NUMBERS = (
    b"0", b"1", b"-1", b"2", b"7", b"255", b"65535", b"65536", b"2147483647", b"2147483648", b"4294967296",
    b"99999999999999999999", b"1.5", b"+3", b"00012", b"--4", b"1e5",
)  # fmt: skip
_TOKENS = (
    b"null", b"true", b"<<", b">>", b"[", b"]", b"(", b")", b"<", b">", b"%", b"endobj", b"stream\n",
    b"endstream", b"obj", b"R", b"/", b"/Type", b"\r", b"\n", b"\x00", b"startxref", b"xref", b"trailer",
    b"%%EOF", b"1 0 R", b"/Contents", b"/ByteRange", b"/Prev 0", b"/V null", b"#00",
)  # fmt: skip
_OBJECT = re.compile(rb"(?:(?<=[\r\n])|^)(\d+) (\d+) obj\b.*?endobj\s", re.DOTALL)
_GAP = re.compile(rb"/Contents\s*<([0-9A-Fa-f]+)>")


def _somewhere(source: Source, random: Random) -> int:
    """A place: in half of the cases where nobody signed what stands there."""
    size = len(source.pdf)
    if random.random() < 0.5:
        inner = min(each.end for each in source.ranges.values())
        gaps = [(each.gap_start, each.gap_end) for each in source.ranges.values()]
        low, high = random.choice([*gaps, (inner, size)])
        if low < high:
            return random.randrange(low, high)
    return random.randrange(size)


def _mark(source: Source, random: Random) -> tuple[int, int]:
    """Where something stands that readers go by; the same half as above lies behind the first signature."""
    start = _somewhere(source, random) if random.random() < 0.7 else 0
    pattern = random.choice(_MARKS)
    match = pattern.search(source.pdf, max(0, start - 200)) or pattern.search(source.pdf)
    return match.span() if match else (start, min(start + 20, len(source.pdf)))


def _flip(source: Source, other: Source, random: Random) -> bytes:
    out = bytearray(source.pdf)
    for _ in range(random.choice((1, 1, 1, 2, 8))):
        out[_somewhere(source, random)] ^= 1 << random.randrange(8)
    return bytes(out)


def _flip_mark(source: Source, other: Source, random: Random) -> bytes:
    out = bytearray(source.pdf)
    start, end = _mark(source, random)
    out[random.randrange(start, end)] = random.choice((32, 48, 49, 57, 47, 60, 62, 10, random.randrange(256)))
    return bytes(out)


def _insert(source: Source, other: Source, random: Random) -> bytes:
    at = _somewhere(source, random) if random.random() < 0.5 else random.choice(_mark(source, random))
    return source.pdf[:at] + random.choice((b" ", *_TOKENS)) * random.choice((1, 1, 2, 300)) + source.pdf[at:]


def _delete(source: Source, other: Source, random: Random) -> bytes:
    if random.random() < 0.5:
        start, end = _mark(source, random)
    else:
        start = _somewhere(source, random)
        end = start + random.choice((1, 2, 7, 100, 3000))
    return source.pdf[:start] + source.pdf[end:]


def _blank(source: Source, other: Source, random: Random) -> bytes:
    """The same length, so that every offset is still right."""
    start, end = _mark(source, random)
    return source.pdf[:start] + random.choice((b" ", b"0", b"%")) * (end - start) + source.pdf[end:]


def _other_number(source: Source, other: Source, random: Random) -> bytes:
    start, end = _mark(source, random)
    numbers = list(_NUMBER.finditer(source.pdf, start, end))
    if not numbers:
        return _flip_mark(source, other, random)
    chosen = random.choice(numbers)
    value = int(chosen[0])
    new = random.choice((*_NUMBERS, *(b"%d" % (value + by) for by in (-1, 1, 10, -20))))
    if random.random() < 0.7 and len(new) < len(chosen[0]):
        new = new.rjust(len(chosen[0]), b"0") if random.random() < 0.5 else new.ljust(len(chosen[0]))
    return source.pdf[: chosen.start()] + new + source.pdf[chosen.end() :]


def _replace_token(source: Source, other: Source, random: Random) -> bytes:
    start, end = _mark(source, random)
    return source.pdf[:start] + random.choice(_TOKENS) + source.pdf[end:]


def _objects(source: Source, random: Random) -> bytes:
    """Objects doubled, exchanged, dropped or under another number."""
    found = list(_OBJECT.finditer(source.pdf))
    if len(found) < 2:
        return _flip(source, source, random)
    first, second = sorted(random.sample(found, 2), key=lambda match: match.start())
    pdf, kind = source.pdf, random.randrange(5)
    if kind == 0:
        return (
            pdf[: first.start()]
            + second[0]
            + pdf[first.end() : second.start()]
            + first[0]
            + pdf[second.end() :]
        )
    if kind == 1:
        return pdf[: second.end()] + first[0] + pdf[second.end() :]
    if kind == 2:
        return pdf[: first.start()] + pdf[first.end() :]
    if kind == 3:
        return pdf + first[0] + b"startxref\n%d\n%%%%EOF\n" % random.randrange(len(pdf))
    return pdf[: first.start(1)] + second[1] + pdf[first.end(1) :]


def _blocks(source: Source, other: Source, random: Random) -> bytes:
    """A stretch doubled, or written over another one."""
    start = _somewhere(source, random)
    block = source.pdf[start : start + random.choice((4, 40, 400, 4000))]
    at = _somewhere(source, random)
    return source.pdf[:at] + block + source.pdf[at + random.choice((0, len(block))) :]


def _splice(source: Source, other: Source, random: Random) -> bytes:
    """Revisions of two files, or of one in another order."""
    ends = [match.end() for match in re.finditer(rb"%%EOF\s*", source.pdf)]
    theirs = [0, *(match.end() for match in re.finditer(rb"%%EOF\s*", other.pdf))]
    head = source.pdf[: random.choice(ends)]
    kind = random.randrange(4)
    if kind == 0:
        return head + other.pdf[random.choice(theirs) :]
    if kind == 1:
        return head + source.pdf[random.choice([0, *ends]) :]
    if kind == 2:
        return other.pdf[: random.choice(theirs[1:])] + source.pdf
    return head


def _tail(source: Source, other: Source, random: Random) -> bytes:
    """Bytes that are no revision behind the end, or before the beginning."""
    noise = random.choice((b" ", b"\n", b"\0", b"%", b"x")) * random.choice((1, 3, 900, 70_000))
    return source.pdf + noise if random.random() < 0.6 else noise + source.pdf


def _contents(source: Source, other: Source, random: Random) -> bytes:
    """Digits of a CMS: its tags and lengths stand in front, padding behind."""
    found = list(_GAP.finditer(source.pdf))
    if not found:
        return _flip(source, other, random)
    start, end = random.choice(found).span(1)
    used = len(source.pdf[start:end].rstrip(b"0"))
    out = bytearray(source.pdf)
    for _ in range(random.choice((1, 1, 2, 5))):
        reach = random.choice((40, used, used, end - start))
        out[start + random.randrange(max(1, min(reach, end - start)))] = random.choice(
            b"0123456789abcdefABCDEF<> \n"
        )
    return bytes(out)


def _other_contents(source: Source, other: Source, random: Random) -> bytes:
    mine, theirs = (list(_GAP.finditer(each.pdf)) for each in (source, other))
    if not mine or not theirs:
        return _flip(source, other, random)
    start, end = random.choice(mine).span(1)
    digits = random.choice(theirs)[1].rstrip(b"0")[: end - start].ljust(end - start, b"0")
    return source.pdf[:start] + digits + source.pdf[end:]


MUTATIONS: dict[str, Mutate] = {
    "flip": _flip,
    "flip at a mark": _flip_mark,
    "insert": _insert,
    "delete": _delete,
    "blank": _blank,
    "other number": _other_number,
    "replace token": _replace_token,
    "objects": lambda source, other, random: _objects(source, random),
    "blocks": _blocks,
    "splice": _splice,
    "tail": _tail,
    "contents": _contents,
    "other contents": _other_contents,
}
