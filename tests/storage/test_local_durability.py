"""Which folders the local archive syncs: all that lead to a new object, each shared one only once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from storage.archive import ArchiveUnavailable
from storage.local import LocalArchive


class Syncs:
    """The files and folders that were synced, below ``root``; ``fail`` names one that cannot be."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[str] = []
        self.fail: str | None = None
        sync = os.fsync

        def recorded(descriptor: int) -> None:
            place = Path(f"/proc/self/fd/{descriptor}").readlink().relative_to(root).as_posix()
            if place == self.fail:
                raise OSError(5, "Input/output error")
            sync(descriptor)
            self.seen.append(place)

        monkeypatch.setattr(os, "fsync", recorded)

    def folders(self) -> list[str]:
        """Those of the last object, in order; the object itself is synced under its first name."""
        folders = [place for place in self.seen if not place.startswith("incoming/")]
        assert len(folders) == len(self.seen) - 1
        self.seen.clear()
        return folders


@pytest.fixture
def syncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Syncs:
    return Syncs(tmp_path, monkeypatch)


def test_every_folder_on_the_way_is_synced_and_shared_ones_once(tmp_path: Path, syncs: Syncs) -> None:
    archive = LocalArchive(tmp_path)
    archive.put_once("agency/final/ab/1.pdf", b"1")
    assert syncs.folders() == ["agency/final/ab", "agency/final", "agency", "."]
    archive.put_once("agency/final/cd/2.pdf", b"2")
    assert syncs.folders() == ["agency/final/cd", "agency/final"]
    archive.put_once("agency/staging/document/3.pdf", b"3")
    assert syncs.folders() == ["agency/staging/document", "agency/staging", "agency"]
    archive.put_once("agency/final/ab/1.pdf", b"1")
    assert syncs.folders() == ["agency/final/ab", "agency/final"]


def test_a_folder_that_could_not_be_synced_is_synced_with_the_next_object(
    tmp_path: Path, syncs: Syncs
) -> None:
    archive = LocalArchive(tmp_path)
    syncs.fail = "agency"
    with pytest.raises(ArchiveUnavailable):
        archive.put_once("agency/final/ab/1.pdf", b"1")
    syncs.fail = None
    syncs.seen.clear()
    archive.put_once("agency/final/ab/1.pdf", b"1")
    assert syncs.folders() == ["agency/final/ab", "agency/final", "agency", "."]
