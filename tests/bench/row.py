"""One line of the benchmark's table."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

_SHOWN = {"ms": "ms", "per_s": "/s", "mb": "MB"}


@dataclass(frozen=True)
class Row:
    """Milliseconds a run or, by ``unit``, runs a second or megabytes. CPU is ms of our own process."""

    name: str
    ours: float
    peer: str | None
    theirs: float | None
    cpu_ms: float
    runs: int
    unit: Literal["ms", "per_s", "mb"] = "ms"

    @property
    def ratio(self) -> float | None:
        """How many times better ours is."""
        if self.theirs is None:
            return None
        return self.ours / self.theirs if self.unit == "per_s" else self.theirs / self.ours

    def as_json(self) -> dict[str, Any]:
        """The object of the contract."""
        return {
            "name": self.name,
            f"ours_{self.unit}": round(self.ours, 3),
            "peer": self.peer,
            f"peer_{self.unit}": None if self.theirs is None else round(self.theirs, 3),
            "ratio": None if self.ratio is None else round(self.ratio, 2),
            "runs": self.runs,
            "cpu_ms": round(self.cpu_ms, 3),
        }

    def as_text(self) -> str:
        """The line."""
        unit = _SHOWN[self.unit]
        theirs = "" if self.theirs is None else f"{self.theirs:9.1f} {unit}"
        ratio = "" if self.ratio is None else f"{self.ratio:6.1f} ×"
        return (
            f"{self.name:26} {self.ours:9.1f} {unit} {theirs:>12} {ratio:>8} {self.cpu_ms:8.1f} {self.runs:5}"
            f"  {self.peer or ''}"
        )


def interleave(
    seconds: float,
    name: str,
    ours: Callable[[], float],
    peer: str | None,
    theirs: Callable[[], float] | None,
    *,
    rest: float = 0.0,
) -> Row:
    """Turn by turn; ``rest`` seconds before each, for what a side still does after its answer.

    The CPU is that of this process: what a child of the sandbox spends, the kernel counts nowhere that we
    can read.
    """
    for _ in range(3):
        ours(), theirs and theirs()
    mine, others, cpu = [], [], []
    until = time.monotonic() + seconds
    while len(mine) < 15 or time.monotonic() < until:
        time.sleep(rest)
        began = time.process_time()
        mine.append(ours())
        cpu.append(time.process_time() - began)
        if theirs is not None:
            time.sleep(rest)
            others.append(theirs())
    median = statistics.median
    return Row(
        name, median(mine) * 1e3, peer, median(others) * 1e3 if others else None, median(cpu) * 1e3, len(mine)
    )
