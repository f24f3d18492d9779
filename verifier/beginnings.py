"""Digests of what signatures cover, with the part that they share hashed once.

Each signature of a file covers all of it up to its own end, so many of them would hash the same bytes again
and again.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from verifier.algorithms import Message
from verifier.pdf.objects import TooMuch

if TYPE_CHECKING:
    from hashlib import _Hash

    from verifier.pdf_structure import SignedRange

_MOST_BYTES = 2 * 1024**3


class Beginnings:
    """Hashes the ranges of one file. Asked in the order of their gaps, it reads the file about once."""

    def __init__(self, pdf: bytes) -> None:
        self._view = memoryview(pdf)
        self._states: dict[tuple[str, int], tuple[int, _Hash]] = {}
        self._left = _MOST_BYTES

    def message(self, signed: SignedRange) -> Message:
        """What a range covers. Its digest raises `TooMuch` where all of them together hash gigabytes."""
        view = self._view
        return Message(
            view[signed.start : signed.gap_start],
            view[signed.gap_end : signed.end],
            begin=lambda name: self._begin(name, signed),
        )

    def _begin(self, name: str, signed: SignedRange) -> _Hash:
        """The state behind the range's first stretch."""
        key = name, signed.start
        at, state = self._states.get(key, (signed.start, None))
        if state is None or at > signed.gap_start:
            at, state = signed.start, hashlib.new(name, usedforsecurity=False)
        self._left -= signed.gap_start - at + signed.end - signed.gap_end
        if self._left < 0:
            raise TooMuch("signatures over gigabytes")
        state = state.copy()
        state.update(self._view[at : signed.gap_start])
        self._states[key] = signed.gap_start, state
        return state.copy()
