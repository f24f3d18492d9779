"""What stands in for a library's function answers as that function does, whatever it is given."""

from __future__ import annotations

import string
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from asn1crypto import x509
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils import reader as pdf_reader
from pyhanko.pdf_utils.misc import PdfReadError

import verifier.by_file  # noqa: F401 - which installs them
from verifier import shortcuts

_HEX = st.text(string.hexdigits + " \n\r\t\f\0", max_size=200).map(str.encode)
_ANYTHING = st.lists(
    st.one_of(_HEX, st.sampled_from([b">", b"%", b"%a\n", b"<", b"(", b"x"]), st.binary(max_size=20)),
    max_size=8,
).map(b"".join)


def _outcome(read: Callable[[], Any]) -> tuple[Any, ...]:
    try:
        value = read()
    except Exception as error:
        return type(error), str(error)
    return type(value), value


def _read(reader: Callable[[BytesIO], Any], data: bytes) -> tuple[Any, ...]:
    stream = BytesIO(b"before" + data)
    stream.seek(len(b"before"))
    outcome = _outcome(lambda: reader(stream))
    # After an error the library stops reading; where it stood then matters to nobody.
    return (
        outcome
        if isinstance(outcome[0], type) and issubclass(outcome[0], Exception)
        else (*outcome, stream.tell())
    )


@settings(deadline=None)
@given(inside=_HEX, behind=st.binary(max_size=30))
@example(inside=b"", behind=b"")
@example(inside=b"a", behind=b">")
@example(inside=b"fe ff 00 41", behind=b"")
@example(inside=b"30" * 20_000 + b"\n" * 20_000 + b"1", behind=b" /Next")
@example(inside=b"00" * (shortcuts._CHUNK // 2), behind=b"")
def test_a_string_is_read_as_by_the_library(inside: bytes, behind: bytes) -> None:
    data = b"<" + inside + b">" + behind
    ours = _read(shortcuts.read_hex_string, data)
    assert ours == _read(shortcuts._read_hex_string, data)
    assert ours[-1] == len(b"before") + len(inside) + 2


@settings(deadline=None, print_blob=False)
@given(inside=_ANYTHING)
@example(inside=b"30%comment>\n31>")
@example(inside=b"30" * shortcuts._CHUNK)
@example(inside=b"30" * shortcuts._CHUNK + b"x>")
@example(inside=b"")
def test_anything_else_is_read_or_refused_as_by_the_library(inside: bytes) -> None:
    data = b"<" + inside
    assert _read(shortcuts.read_hex_string, data) == _read(shortcuts._read_hex_string, data)


_TOKENS = st.one_of(
    st.binary(max_size=80),
    st.text(string.ascii_letters + string.digits + "#!~ /%(", max_size=80).map(str.encode),
)


@given(data=_TOKENS)
@example(data=b"")
@example(data=b"A" * 48)
@example(data=b"A" * 48 + b" ")
@example(data=b"A" * 47 + b"/")
def test_a_token_is_read_as_by_the_library(data: bytes) -> None:
    assert _read(shortcuts.read_token, data) == _read(shortcuts._read_token, data)


@given(name=_TOKENS)
@example(name=b"")
@example(name=b"A#42")
@example(name=b"A#4")
@example(name=b"A\xff")
@example(name=bytes(byte for byte in range(0x21, 0x7F) if byte not in b"#()<>[]{}/%"))
def test_a_name_is_decoded_as_by_the_library(name: bytes) -> None:
    assert _outcome(lambda: shortcuts.decode_name(name)) == _outcome(lambda: shortcuts._decode_name(name))


@pytest.mark.parametrize("byte", range(256))
def test_no_byte_is_taken_for_another_in_a_name(byte: int) -> None:
    name = bytes((0x41, byte))
    assert _outcome(lambda: shortcuts.decode_name(name)) == _outcome(lambda: shortcuts._decode_name(name))


@given(text=st.one_of(st.text(max_size=40), st.text(string.printable, max_size=40), st.none()))
@example(text="")
@example(text="A" * 201)
@example(text="Absah — pengembangan")
@example(text="\ufffd")
@example(text="   ")
@example(text="  Dinas   Kesehatan ")
@example(text="Straße")
@example(text="\u05d0abc")
def test_a_name_is_prepared_as_by_the_library(text: str | None) -> None:
    attribute = x509.NameTypeAndValue()
    ours = _outcome(lambda: shortcuts.prepare_name(attribute, text))
    assert ours == _outcome(lambda: shortcuts._prepare_name(attribute, text))


@given(
    lines=st.lists(
        st.binary(max_size=20).map(lambda line: line.translate(None, b"\r\n") + b"xx"), min_size=1
    ),
    ends=st.sampled_from([b"\n", b"\r\n", b"\r"]),
)
# Behind CR LF the library overlooks a line of one character, which ours does not.
def test_a_line_is_read_backwards_as_by_the_library(lines: list[bytes], ends: bytes) -> None:
    data = ends.join([b"%PDF-1.7", *lines])

    def read_all(read: Callable[[BytesIO], bytes]) -> list[bytes]:
        stream = BytesIO(data)
        stream.seek(-1, 2)
        return [read(stream) for _ in lines]

    assert read_all(shortcuts.read_line_backwards) == read_all(shortcuts._read_line)


@pytest.mark.parametrize("data", [b"only one", b"\nonly one", b"\r\n\r\nonly one"])
def test_before_the_first_line_there_is_none(data: bytes) -> None:
    stream = BytesIO(data)
    stream.seek(-1, 2)
    with pytest.raises(PdfReadError):
        shortcuts.read_line_backwards(stream)


def test_the_check_uses_them() -> None:
    assert pdf_reader.read_next_end_line is shortcuts.read_line_backwards
    assert generic.read_hex_string_from_stream is shortcuts.read_hex_string
    assert generic.read_until_delimiter is shortcuts.read_token
    assert generic._decode_name is shortcuts.decode_name
    assert x509.NameTypeAndValue._ldap_string_prep is shortcuts.prepare_name


@pytest.mark.parametrize("end", [b"", b"zz", b"%"])
def test_what_is_no_string_is_given_up_after_one_chunk(end: bytes) -> None:
    stream = BytesIO(b"<" + b"zz" + b"0" * (4 * shortcuts._CHUNK) + end)
    reads: list[int] = []

    class Counted(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            reads.append(len(data))
            return data

    with pytest.raises(Exception, match="hex string"):
        shortcuts.read_hex_string(Counted(stream.getvalue()))
    assert sum(reads) <= shortcuts._CHUNK + 2
