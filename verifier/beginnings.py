"""Digests of the beginnings of one file.

Every later signature covers what an earlier one does. Each byte is hashed once, and not once a signature.
"""

from __future__ import annotations

import hashlib
from typing import Any


class Beginnings:
    """Running digests over ``data``, one for each algorithm."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._states: dict[str, tuple[int, Any]] = {}

    def state(self, name: str, end: int) -> Any:
        """A `hashlib` object that has taken in the first ``end`` bytes, for the caller to go on with.

        Quick where ``end`` is not before that of the last call.

        Raises:
            ValueError: there is no digest of that name here.
        """
        known, state = self._states.get(name, (0, None))
        if state is None or known > end:
            known, state = 0, hashlib.new(name, usedforsecurity=False)
        state.update(self._data[known:end])
        self._states[name] = end, state
        return state.copy()
