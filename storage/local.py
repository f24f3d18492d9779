"""The archive in a local directory: written once, fsynced, read-only."""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import BinaryIO

from storage.archive import (
    PIECE,
    ArchiveFull,
    ArchiveUnavailable,
    Content,
    ObjectDiffers,
    ObjectMissing,
    Staged,
    require_staging,
    staging_folder,
)


class LocalArchive:
    """Objects as files below ``root``."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        # Folders whose own names this process has made durable; not those of single documents.
        self._durable = {root}
        try:
            self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise _unavailable(error) from error

    def put_once(self, key: str, data: Content, *, retain_until: date | None = None) -> None:
        """See `storage.archive.Archive`; retention is the register's word here, the file is read-only."""
        target = self._root / key
        temporary = self._incoming / uuid.uuid4().hex
        try:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_durably(temporary, data)
            try:
                # A hard link appears whole or not at all, and never replaces what is there.
                os.link(temporary, target)
            except FileExistsError:
                # The temporary file holds what was given, in whichever form.
                if not filecmp.cmp(target, temporary, shallow=False):
                    raise ObjectDiffers("The archive holds another object under this key.") from None
            finally:
                temporary.unlink()
            # Also where it stood already: whoever linked it may have been killed before this line.
            self._sync_directories(target.parent)
        except OSError as error:
            raise _unavailable(error) from error

    def read(self, key: str) -> bytes:
        """See `storage.archive.Archive`."""
        try:
            return (self._root / key).read_bytes()
        except FileNotFoundError:
            raise ObjectMissing("The archive has no such object.") from None
        except OSError as error:
            raise _unavailable(error) from error

    def pieces(self, key: str) -> Iterator[bytes]:
        """See `storage.archive.Archive`."""
        try:
            stream = (self._root / key).open("rb")
        except FileNotFoundError:
            raise ObjectMissing("The archive has no such object.") from None
        except OSError as error:
            raise _unavailable(error) from error
        return _pieces(stream)

    def remove_staging(self, key: str) -> None:
        """See `storage.archive.Archive`."""
        require_staging(key)
        try:
            (self._root / key).unlink(missing_ok=True)
            _remove_if_empty((self._root / key).parent)
        except OSError as error:
            raise _unavailable(error) from error

    def list_staging(self, agency_id: str) -> list[Staged]:
        """See `storage.archive.Archive`."""
        found = []
        try:
            for file in (self._root / staging_folder(agency_id)).glob("*/*.pdf"):
                since = datetime.fromtimestamp(file.stat().st_mtime, UTC)
                found.append(Staged(file.relative_to(self._root).as_posix(), file.parent.name, since))
        except FileNotFoundError:
            # Another worker removed one meanwhile; the next look sees the rest.
            return found
        except OSError as error:
            raise _unavailable(error) from error
        return found

    def _sync_directories(self, directory: Path) -> None:
        """Make the new name in ``directory`` durable, and those of the folders that lead there."""
        _sync_directory(directory)
        if directory == self._root:
            return
        directory = directory.parent
        _sync_directory(directory)
        made = []
        while directory not in self._durable:
            made.append(directory)
            directory = directory.parent
            _sync_directory(directory)
        # Remembered only now: a failure on the way leaves all of them to the next object.
        self._durable.update(made)

    def ping(self) -> None:
        """See `storage.archive.Archive`."""
        probe = self._incoming / uuid.uuid4().hex
        try:
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise _unavailable(error) from error


def _remove_if_empty(folder: Path) -> None:
    """The folder of one document, or they would be as many as there are documents."""
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
            raise


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    with stream:
        try:
            while piece := stream.read(PIECE):
                yield piece
        except OSError as error:
            raise _unavailable(error) from error


def _write_durably(file: Path, data: Content) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            if isinstance(data, bytes):
                stream.write(data)
            else:
                with data.open("rb") as source:
                    shutil.copyfileobj(source, stream, PIECE)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError:
        file.unlink(missing_ok=True)
        raise


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unavailable(error: OSError) -> ArchiveUnavailable | ArchiveFull:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ArchiveFull("The archive's disk is full.")
    return ArchiveUnavailable(f"The archive folder cannot be used: {error.strerror}.")
