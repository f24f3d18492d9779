"""Keeps HTTP clients out of the processes that open other people's files.

A certificate in an uploaded file may name any address. We never ask pyHanko to fetch one; leaving the
client out altogether makes that certain, and halves the time to load pyHanko.
"""

from __future__ import annotations

import sys
from types import ModuleType


class _Absent(ModuleType):
    """Stands where an HTTP client would be: its names exist, for annotations, but nothing behind them."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def leave_out_http_client() -> None:
    """Make ``aiohttp`` an empty shell in this process. Call it before the first import of pyHanko."""
    if "aiohttp" not in sys.modules:
        sys.modules["aiohttp"] = _Absent("aiohttp")
