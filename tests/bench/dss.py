"""EU DSS as a peer: one JVM that stays warm, validates or signs when asked, and tells its own time for it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.interop.make import JAR

# HotSpot compiles what ran some thousand times; behind so many validations its time no longer falls.
_WARMING = 150


def missing() -> str | None:
    """Why it cannot be asked here, or None."""
    if shutil.which("java") is None:
        return "Java is not installed"
    if not JAR.exists():
        return "its program is not built (mvn -q -f tests/interop/producers/java/pom.xml package)"
    return None


class Dss:
    """The running program. It has no source on the network, and our certificates name none that answers."""

    def __init__(self, root: Path) -> None:
        java = shutil.which("java")
        assert java is not None
        self._process = subprocess.Popen(
            [java, "-jar", str(JAR), "serve", str(root)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def warm(self, file: Path, *, visual: bool) -> dict[str, Any]:
        """Its answer about the file, asked until it no longer gets faster."""
        for _ in range(_WARMING):
            self.validate(file, visual=visual)
        return self._ask(file, visual=visual)

    def validate(self, file: Path, *, visual: bool) -> float:
        """Seconds of one validation."""
        return float(self._ask(file, visual=visual)["ms"]) / 1e3

    def sign(self, pdf: Path, out: Path, *, level: str, key: str) -> float:
        """Seconds of one signature at ``level`` (B, T, LT, LTA), with the authority in the root's folder."""
        return float(self._request(f"sign in={pdf} out={out} level={level} key={key}")["ms"]) / 1e3

    def warm_signing(self, pdf: Path, out: Path, *, level: str, key: str) -> None:
        """Sign until it no longer gets faster."""
        for _ in range(_WARMING):
            self.sign(pdf, out, level=level, key=key)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def _ask(self, file: Path, *, visual: bool) -> dict[str, Any]:
        return self._request(f"{'visual' if visual else 'plain'} {file}")

    def _request(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer
