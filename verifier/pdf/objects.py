"""The values that a PDF is made of (ISO 32000-2, 7.3), as Python has them.

``null`` is None, a boolean bool, a number int or float, a string `bytes`, an array `list` and a
dictionary `dict` with plain ``str`` keys (without the slash); the rest is here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


class Damaged(Exception):
    """The file cannot be read at this place; the words are for us, not for whoever sent it."""


class TooMuch(Exception):
    """The file asks for work or memory out of all proportion."""


class Name(str):
    """A name, without its slash and with ``#xx`` resolved."""

    __slots__ = ()


class Reference(NamedTuple):
    """An indirect reference."""

    number: int
    generation: int


@dataclass(slots=True)
class Stream:
    """A stream: its dictionary and where its encoded bytes lie in the file.

    ``data`` is the file's buffer, not a copy, unless the bytes had to be decrypted.
    """

    dictionary: dict[str, Any]
    data: Any
    start: int
    end: int

    def raw(self) -> bytes:
        """The encoded bytes."""
        return bytes(self.data[self.start : self.end])


WHITE_SPACE = b"\x00\t\n\x0c\r "
