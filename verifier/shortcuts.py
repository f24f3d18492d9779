"""A few functions of the libraries that take most of a check's time, in a form that does not.

pyHanko reads hexadecimal strings and names byte by byte, although the ``/Contents`` of every signature is
one string of tens of thousands of digits; asn1crypto prepares each letter of a name for comparison
(RFC 4518) by walking through tables, dozens of times the same few names. The stand-ins answer the common
case at once and hand everything else, errors included, to the library's own functions. A test compares them
on any input.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from functools import lru_cache
from typing import IO, Any

from asn1crypto import x509
from pyhanko.pdf_utils import generic, misc
from pyhanko.pdf_utils import reader as pdf_reader

from verifier.pdf_structure import WHITE_SPACE

_HEX_DIGITS = b"0123456789abcdefABCDEF"
_CHUNK = 16 * 1024
# White space and delimiters end a name or number (ISO 32000-2, 7.2.3); most are short.
_END_OF_TOKEN = re.compile(rb"[\x00\t\n\x0c\r ()<>\[\]{}/%]")
_USUAL_TOKEN = 48
# A name whose bytes stand for themselves (7.3.5).
_PLAIN_NAME = re.compile(rb"[!-\"$&'*-.0-;=?-Z\\^-z|~]*")
_LONGEST_REMEMBERED = 200

_read_hex_string = generic.read_hex_string_from_stream
_read_token = misc.read_until_delimiter
_decode_name = generic._decode_name
_prepare_name = x509.NameTypeAndValue._ldap_string_prep
_read_line = pdf_reader.read_next_end_line


def install() -> None:
    """Let the libraries use them in this process; doing it again changes nothing."""
    generic.read_hex_string_from_stream = read_hex_string
    generic.read_until_delimiter = read_token  # type: ignore[attr-defined]  # an import of theirs
    generic._decode_name = decode_name
    x509.NameTypeAndValue._ldap_string_prep = prepare_name
    pdf_reader.read_next_end_line = read_line_backwards


def read_hex_string(stream: IO[bytes]) -> Any:
    """A hexadecimal string (ISO 32000-2, 7.3.4.3) from its ``<`` on; leaves ``stream`` behind its ``>``.

    Reads no further than one chunk behind the first byte that is neither digit nor white space.
    """
    start = stream.tell()
    stream.seek(start + 1)
    digits: list[bytes] = []
    ended = False
    while not ended:
        chunk = stream.read(_CHUNK)
        inside, bracket, behind = chunk.partition(b">")
        digits.append(inside.translate(None, WHITE_SPACE))
        if not chunk or digits[-1].translate(None, _HEX_DIGITS):
            # The string never ends, or holds a comment or something worse.
            stream.seek(start)
            return _read_hex_string(stream)
        if bracket:
            stream.seek(-len(behind), 1)
            ended = True
    text = b"".join(digits)
    # An odd number of digits means a trailing zero.
    return generic.pdf_string(unhexlify(text + b"0" * (len(text) % 2)))


def read_token(stream: IO[bytes]) -> bytes:
    """The bytes up to the next white space or delimiter; leaves ``stream`` in front of that."""
    start = stream.tell()
    ahead = stream.read(_USUAL_TOKEN)
    end = _END_OF_TOKEN.search(ahead)
    if end is None:
        stream.seek(start)
        rest: bytes = _read_token(stream)
        return rest
    stream.seek(start + end.start())
    return ahead[: end.start()]


def decode_name(name_bytes: bytes) -> generic.NameObject:
    """A PDF name from its bytes behind the slash."""
    if _PLAIN_NAME.fullmatch(name_bytes):
        return generic.NameObject("/" + name_bytes.decode("ascii"))
    return _decode_name(name_bytes)


def prepare_name(attribute: x509.NameTypeAndValue, text: Any) -> str:
    """A part of a name as it is compared (RFC 4518, 2).

    Remembering it is safe across files: the result depends on the text alone.
    """
    if type(text) is str and len(text) <= _LONGEST_REMEMBERED:
        return _remembered(text)
    prepared: str = _prepare_name(attribute, text)
    return prepared


@lru_cache(maxsize=512)
def _remembered(text: str) -> str:
    prepared: str = _prepare_name(None, text)
    return prepared


def read_line_backwards(stream: IO[bytes]) -> bytes:
    """The line that ends where ``stream`` stands, which is left at the end of the line before.

    The library's own takes a step of Python for each byte, and a stranger's last line may have millions.
    Ends of line in a row count as one here, which the library does for two.

    Raises:
        PdfReadError: the file begins with this line.
    """
    last = stream.tell()
    stream.seek(0)
    ahead = stream.read(last + 1)
    before = max(ahead.rfind(b"\n"), ahead.rfind(b"\r"))
    end = len(ahead[:before].rstrip(b"\r\n")) if before > 0 else 0
    if end == 0:
        raise misc.PdfReadError("The file has no line before this one.")
    stream.seek(end - 1)
    return ahead[before + 1 :]
