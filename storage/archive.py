"""The contract of the archive: where documents' bytes live.

Final documents are stored under their own SHA-256, once, locked and kept; staging objects are the
frozen bytes between preparation and issue, unlocked. An implementation keeps three promises:
when `put_once` returns, the object is durable; an object is never replaced by another; `read`
returns what was put or raises.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path, PurePosixPath
from typing import Protocol

from storage.vocabulary import AbsahError, Unavailable


class ArchiveUnavailable(Unavailable):
    """The archive does not answer; documents wait in their state."""

    code = "ARCHIVE_UNAVAILABLE"


class ArchiveFull(Unavailable):
    """The archive has no room left; documents wait until it has."""

    code = "STORAGE_FULL"


class ObjectMissing(AbsahError):
    """The archive answers and has no such object."""

    code = "OBJECT_MISSING"


class ObjectDiffers(AbsahError):
    """Another object already stands under this key; it was left as it is."""

    code = "OBJECT_DIFFERS"


class ArchiveCorrupt(AbsahError):
    """The archive returned other bytes than were stored; a human has to look at it."""

    code = "ARCHIVE_CORRUPT"


@dataclass(frozen=True)
class Staged:
    """An object in the staging area, and when it was put there (aware, by the archive's clock)."""

    key: str
    document_id: str
    since: datetime


Content = bytes | Path
"""The bytes of an object, or a file that holds them and may be too large for the memory."""

PIECE = 1 << 20
"""How many bytes `Archive.pieces` gives at once, at most."""


class Archive(Protocol):
    """Objects by key."""

    def put_once(self, key: str, data: Content, *, retain_until: date | None = None) -> None:
        """Store ``data`` under ``key``, locked until ``retain_until`` where given.

        Putting the same bytes again is no error: an interrupted attempt is simply repeated.

        Raises:
            ObjectDiffers: the key holds other bytes.
            ArchiveUnavailable: the archive does not answer.
            ArchiveFull: there is no room.
        """
        ...

    def read(self, key: str) -> bytes:
        """The object's bytes.

        Raises:
            ObjectMissing: there is none.
            ArchiveUnavailable: the archive does not answer.
        """
        ...

    def pieces(self, key: str) -> Iterator[bytes]:
        """The object's bytes, one piece after the other.

        Raises as `read`: what is missing at once, an outage also on the way.
        """
        ...

    def remove_staging(self, key: str) -> None:
        """Delete a staging object; missing is fine. Final keys are refused."""
        ...

    def list_staging(self, agency_id: str) -> list[Staged]:
        """The agency's staging objects, in no order.

        Raises:
            ArchiveUnavailable: the archive does not answer.
        """
        ...

    def ping(self) -> None:
        """Raise `ArchiveUnavailable` unless objects can be written."""
        ...


def final_key(agency_id: str, sha256: str) -> str:
    """Where an issued document lives."""
    return f"{agency_id}/final/{sha256[:2]}/{sha256}.pdf"


def store_final(archive: Archive, agency_id: str, sha256: str, content: Content, retain_until: date) -> None:
    """Put a document into the archive for good, and read it back before anybody relies on it.

    Raises:
        ArchiveCorrupt: what came back is not what has this SHA-256.
        AbsahError: as `Archive.put_once` and `Archive.read`.
    """
    key = final_key(agency_id, sha256)
    archive.put_once(key, content, retain_until=retain_until)
    if isinstance(content, bytes):
        read_final(archive, agency_id, sha256)
    elif hash_of(archive.pieces(key)) != sha256:
        raise _corrupt()


def hash_of(pieces: Iterable[bytes]) -> str:
    """The SHA-256 of bytes in pieces, in hexadecimal."""
    found = hashlib.sha256()
    for piece in pieces:
        found.update(piece)
    return found.hexdigest()


def read_final(archive: Archive, agency_id: str, sha256: str) -> bytes:
    """A document's bytes, which are those that were stored.

    Raises:
        ArchiveCorrupt: they are not.
        AbsahError: as `Archive.read`.
    """
    content = archive.read(final_key(agency_id, sha256))
    if hashlib.sha256(content).hexdigest() != sha256:
        raise _corrupt()
    return content


def _corrupt() -> ArchiveCorrupt:
    return ArchiveCorrupt("The archive returned other bytes than were stored.")


def staging_key(agency_id: str, document_id: str, sha256: str) -> str:
    """Where frozen bytes wait for their signature."""
    return f"{staging_folder(agency_id)}{document_id}/{sha256}.pdf"


def read_staged(archive: Archive, key: str) -> bytes:
    """What a staging object holds.

    Raises:
        AbsahError: ``STAGING_CORRUPT``, not what its key says; and as `Archive.read`.
    """
    content = archive.read(key)
    if hashlib.sha256(content).hexdigest() != PurePosixPath(key).stem:
        raise AbsahError("The staging area returned other bytes than were put there.", code="STAGING_CORRUPT")
    return content


def staging_folder(agency_id: str) -> str:
    """What the keys of an agency's staging objects begin with."""
    return f"{agency_id}/staging/"


def require_staging(key: str) -> None:
    """Guard of `Archive.remove_staging`: only staging objects may ever be deleted."""
    if "/staging/" not in key:
        raise AbsahError("Only staging objects can be removed.", code="NOT_STAGING")
