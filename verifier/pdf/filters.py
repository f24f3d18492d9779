"""Decoding streams (ISO 32000-2, 7.4), within a budget: a few bytes can ask for gigabytes."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Callable
from typing import Any

from verifier.pdf.objects import Damaged, TooMuch

MOST_BYTES = 64 * 1024 * 1024
"""What one stream may decode to."""
_MOST_FILTERS = 8
# What is undone byte by byte, and not by a compiled library, is dear; only small streams are written so.
_MOST_PREDICTED = 8 * 1024 * 1024
_DEAR = 8  # how much dearer the other predictors of PNG are than that of the row above
_MOST_LZW = 2 * 1024 * 1024

_SHORT = {"Fl": "FlateDecode", "AHx": "ASCIIHexDecode", "A85": "ASCII85Decode", "LZW": "LZWDecode",
          "RL": "RunLengthDecode"}  # fmt: skip


def decode(encoded: bytes, filters: Any, parameters: Any, most: int = MOST_BYTES) -> bytes:
    """The decoded bytes; ``filters`` and ``parameters`` are the resolved /Filter and /DecodeParms.

    Raises:
        Damaged: a filter is unknown, an image's, or cannot decode the bytes.
        TooMuch: the result is larger than ``most`` bytes, or there are too many filters.
    """
    names = filters if isinstance(filters, list) else [] if filters is None else [filters]
    given = parameters if isinstance(parameters, list) else [parameters]
    if len(names) > _MOST_FILTERS:
        raise TooMuch("too many filters")
    data = encoded
    for position, name in enumerate(names):
        settings = given[position] if position < len(given) and isinstance(given[position], dict) else {}
        decoder = _DECODERS.get(_SHORT.get(str(name), str(name)))
        if decoder is None:
            raise Damaged(f"filter {str(name)[:30]}")
        data = decoder(data, settings, most)
        if len(data) > most:
            raise TooMuch("a stream decodes to too much")
    return data


def reads_one_way(encoded: bytes, filters: Any, parameters: Any) -> bool:
    """Whether every reader undoes the filters alike; arguments as in `decode`.

    Readers differ in what they make of parameters that do not fit the filters, of predictors that do not
    exist or are no integers, of compressed data without header or checksum, and of encryption named here.
    """
    names = filters if isinstance(filters, list) else [] if filters is None else [filters]
    if parameters is None:
        given: list[Any] = [None] * len(names)
    elif isinstance(parameters, list) is not isinstance(filters, list):
        return False
    else:
        given = parameters if isinstance(parameters, list) else [parameters]
    if len(given) != len(names) or not all(each is None or isinstance(each, dict) for each in given):
        return False
    if not all(str(name) in _DECODERS and str(name) != "Crypt" for name in names):
        return False
    data = encoded
    for name, settings in zip(names, given, strict=True):
        if not all(type(value) is int for value in (settings or {}).values()):
            return False
        if name == "FlateDecode" and not _is_whole_flate(data):
            return False
        if name in _PLAIN_TEXT and not _PLAIN_TEXT[name].fullmatch(data):
            return False
        if (settings or {}).get("Predictor", 1) not in (1, 2, *range(10, 16)):
            return False
        data = decode(data, name, settings)
    return True


# Of what else stands there, every reader makes something else.
_PLAIN_TEXT = {
    "ASCIIHexDecode": re.compile(rb"[0-9A-Fa-f\t\n\x0c\r ]*+(?:>[\t\n\x0c\r ]*+)?"),
    "ASCII85Decode": re.compile(rb"[!-uz\t\n\x0c\r ]*+(?:~>[\t\n\x0c\r ]*+)?"),
}


def _is_whole_flate(data: bytes) -> bool:
    inflater, left = zlib.decompressobj(), MOST_BYTES
    pending = data
    try:
        while pending and not inflater.eof:
            left -= len(inflater.decompress(pending, 1 << 20))
            if left < 0:
                raise TooMuch("a stream inflates to too much")
            pending = inflater.unconsumed_tail
    except zlib.error:
        return False
    return inflater.eof


def _flate(data: bytes, settings: dict[str, Any], most: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(data, most + 1)
    except zlib.error as error:
        plain = _flate_of_damaged(data, most)
        if not plain:
            raise Damaged("Flate") from error
    if len(plain) > most:
        raise TooMuch("a stream inflates to too much")
    return _unpredicted(plain, settings)


def _flate_of_damaged(data: bytes, most: int) -> bytes:
    """What can be had of a stream with a wrong checksum, a cut end or no zlib header: readers show it."""
    for bits in (zlib.MAX_WBITS, -zlib.MAX_WBITS):
        inflater, parts, size = zlib.decompressobj(bits), [], 0
        try:
            for start in range(0, len(data), 256):
                parts.append(inflater.decompress(data[start : start + 256], most + 1 - size))
                size += len(parts[-1])
                if size > most:
                    break
        except zlib.error:
            pass  # all before the damage counts
        if size:
            return b"".join(parts)
    return b""


def _lzw(data: bytes, settings: dict[str, Any], most: int) -> bytes:
    if len(data) > _MOST_LZW:
        raise TooMuch("LZW of megabytes")
    early = settings.get("EarlyChange", 1) != 0
    table: list[bytes] = []
    found, size, width, kept, bits, last = [], 0, 9, 0, 0, b""
    for byte in data:
        kept = (kept << 8 | byte) & 0xFFFFFF
        bits += 8
        if bits < width:
            continue
        bits -= width
        code = kept >> bits & (1 << width) - 1
        if code == 256:
            table, width, last = [bytes((value,)) for value in range(256)] + [b"", b""], 9, b""
            continue
        if code == 257:
            break
        if not table:
            table = [bytes((value,)) for value in range(256)] + [b"", b""]
        if code < len(table):
            entry = table[code]
        elif code == len(table) and last:
            entry = last + last[:1]
        else:
            raise Damaged("LZW")
        if last and len(table) < 4096:
            table.append(last + entry[:1])
        found.append(entry)
        size += len(entry)
        if size > most:
            raise TooMuch("a stream decodes to too much")
        last = entry
        width = max(9, min(12, (len(table) + early).bit_length()))
    return _unpredicted(b"".join(found), settings)


def _unpredicted(data: bytes, settings: dict[str, Any]) -> bytes:
    """Undo the predictor (7.4.4.4)."""
    predictor = settings.get("Predictor", 1)
    if not isinstance(predictor, int) or predictor < 2:
        return data
    colours, bits, columns = (
        _bounded(settings.get(name), default) for name, default in
        (("Colors", 1), ("BitsPerComponent", 8), ("Columns", 1))
    )  # fmt: skip
    step = max(1, colours * bits // 8)
    width = (colours * bits * columns + 7) // 8
    if predictor == 2:
        return _tiff(data, width, step, bits)
    rows, above, left = [], bytes(width), _MOST_PREDICTED
    for start in range(0, len(data), width + 1):
        left -= width + 1 if data[start] in (0, 2) else _DEAR * (width + 1)
        if left < 0:
            raise TooMuch("rows of megabytes")
        row = bytearray(data[start + 1 : start + 1 + width])
        row.extend(bytes(width - len(row)))
        _undo_row(data[start], row, above, step)
        above = bytes(row)
        rows.append(above)
    return b"".join(rows)


def _bounded(value: Any, default: int) -> int:
    if value is None:
        return default
    if not isinstance(value, int) or not 1 <= value <= 1 << 20:
        raise Damaged("predictor")
    return value


def _undo_row(kind: int, row: bytearray, above: bytes, step: int) -> None:
    if kind == 1:
        for i in range(step, len(row)):
            row[i] = (row[i] + row[i - step]) & 0xFF
    elif kind == 2:
        row[:] = bytes((a + b) & 0xFF for a, b in zip(row, above, strict=True))
    elif kind == 3:
        for i in range(len(row)):
            left = row[i - step] if i >= step else 0
            row[i] = (row[i] + (left + above[i]) // 2) & 0xFF
    elif kind == 4:
        for i in range(len(row)):
            left, corner = (row[i - step], above[i - step]) if i >= step else (0, 0)
            estimate = left + above[i] - corner
            distances = abs(estimate - left), abs(estimate - above[i]), abs(estimate - corner)
            nearest = min(distances)
            chosen = left if distances[0] == nearest else above[i] if distances[1] == nearest else corner
            row[i] = (row[i] + chosen) & 0xFF


def _tiff(data: bytes, width: int, step: int, bits: int) -> bytes:
    if bits != 8:
        raise Damaged("predictor")
    if _DEAR * len(data) > _MOST_PREDICTED:
        raise TooMuch("rows of megabytes")
    out = bytearray(data)
    for start in range(0, len(out), width):
        for i in range(start + step, min(start + width, len(out))):
            out[i] = (out[i] + out[i - step]) & 0xFF
    return bytes(out)


def _ascii_hex(data: bytes, settings: dict[str, Any], most: int) -> bytes:
    digits = re.sub(rb"[^0-9A-Fa-f]", b"", data.partition(b">")[0])
    return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode("ascii"))


def _ascii_85(data: bytes, settings: dict[str, Any], most: int) -> bytes:
    body = data.partition(b"~")[0]
    if body.count(b"z") * 4 > most:
        raise TooMuch("a stream decodes to too much")
    try:
        return base64.a85decode(body, ignorechars=b"\x00\t\n\x0c\r ")
    except ValueError as error:
        raise Damaged("ASCII85") from error


def _run_length(data: bytes, settings: dict[str, Any], most: int) -> bytes:
    found, at = bytearray(), 0
    while at < len(data) and data[at] != 128:
        length = data[at]
        if length < 128:
            found += data[at + 1 : at + 2 + length]
            at += 2 + length
        else:
            found += data[at + 1 : at + 2] * (257 - length)
            at += 2
        if len(found) > most:
            raise TooMuch("a stream decodes to too much")
    return bytes(found)


def _plain(data: bytes, settings: dict[str, Any], most: int) -> bytes:
    return data


_DECODERS: dict[str, Callable[[bytes, dict[str, Any], int], bytes]] = {
    "FlateDecode": _flate,
    "LZWDecode": _lzw,
    "ASCIIHexDecode": _ascii_hex,
    "ASCII85Decode": _ascii_85,
    "RunLengthDecode": _run_length,
    "Crypt": _plain,  # only /Identity comes here; decryption is over before filters begin
}
