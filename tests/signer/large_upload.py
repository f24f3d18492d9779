"""Signing a large file where it lies, in a process of its own that tells how much memory it took."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from signer.upload import UploadOrder, UploadTools, sign_upload
from storage.archive import store_final
from storage.local import LocalArchive
from templates.stamp import Stamp
from tests.signer.archiving import Archiving
from verifier.by_file import inspect
from verifier.sandbox import OpenFile, Sandbox
from verifier.survey import survey
from verifier.survey_answer import Wish


class NothingRevoked:
    """Whose certificates stand: these tests are not about that."""

    def refuse_revoked(self, path: Any) -> None:
        """Nobody was."""


@dataclass
class Witness:
    """Remembers what it was told."""

    intended: list[bytes] = field(default_factory=list)
    replies: list[bytes] = field(default_factory=list)

    def intend(self, digest: bytes) -> None:
        """A key is about to be used."""
        self.intended.append(digest)

    def keep(self, reply: bytes) -> None:
        """A service has answered."""
        self.replies.append(reply)


def sign_on_disk() -> None:
    """Sign a file with a stamp and keep it; print this process's peak and the sandbox's, in kB."""
    path, archiving = Path(sys.argv[1]), Archiving(Path(sys.argv[2]))
    at = datetime.now(UTC).replace(microsecond=0)
    stamp = Stamp("Ahmad", "Kepala Dinas", at, "Asia/Jakarta")
    with Sandbox() as sandbox:
        tools = UploadTools(sandbox, [archiving.root], archiving.stamps, NothingRevoked())  # type: ignore[arg-type]
        order = UploadOrder(archiving.key("p256"), "PAdES-B-T", "Ahmad", "", "", at, stamp)
        made = sign_upload(tools, path, order, Witness())
    # As where it is registered.
    store_final(LocalArchive(path.parent / "archive"), "agency", made.sha256, path, at.date())
    # The server's children are not ours to be asked: the same is done once more, in forks of this process.
    judging = peak_of(path, lambda pdf: inspect(pdf, anchors=[archiving.root], moment=at).readable)
    placing = peak_of(path, lambda pdf: survey(pdf, Wish(190, 66)).refused is None)
    print(own_peak(), max(judging, placing))


def own_peak() -> int:
    """The most memory that this process held, in kB; ru_maxrss would count what its parent held, too."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


def peak_of(path: Path, work: Callable[[Any], bool]) -> int:
    """The most that ``work`` over the mapped file kept in memory, in kB; it has to answer yes."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with path.open("rb") as stream:
            done = work(OpenFile(stream.fileno()).mapped())
        os.write(writing, b"%d" % (own_peak() if done else 1 << 40))
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    return int(os.read(reading, 100))
