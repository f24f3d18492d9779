"""One ``[[key]]`` of the key list, read entry by entry; what nobody asked for is unknown."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from storage.vocabulary import Misconfigured


class Entry:
    """The table of one key. Paths in it are relative to the list."""

    def __init__(self, listing: Path, key_id: str, table: Mapping[str, object]) -> None:
        self._listing = listing
        self._table = table
        self._read = {"id"}
        self.key_id = key_id

    def __contains__(self, name: str) -> bool:
        return name in self._table

    def text(self, name: str) -> str:
        """The text under that name.

        Raises:
            Misconfigured: it is missing, empty or no text.
        """
        text = self.text_or_none(name)
        if text is None:
            raise self.refusal(f"lacks “{name}”")
        return text

    def text_or_none(self, name: str) -> str | None:
        """As `text`, or None where it is missing."""
        self._read.add(name)
        value = self._table.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or not value:
            raise self.refusal(f"has something other than text as “{name}”")
        return value

    def number(self, name: str, allowed: range) -> int:
        """The whole number under that name.

        Raises:
            Misconfigured: it is missing or not one of ``allowed``.
        """
        self._read.add(name)
        value = self._table.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value not in allowed:
            numbers = " or ".join(map(str, allowed))
            raise self.refusal(f"needs “{name}”, which is {numbers}")
        return value

    def path(self, name: str) -> Path:
        """The path under that name; raises as `text` does."""
        return self._listing.parent / self.text(name)

    def path_or_none(self, name: str) -> Path | None:
        """As `path`, or None where it is missing."""
        text = self.text_or_none(name)
        return None if text is None else self._listing.parent / text

    def content(self, name: str) -> bytes:
        """What the file under that name holds: secrets never stand in the list itself.

        Raises:
            Misconfigured: it is missing, or the file cannot be read.
        """
        path = self.path(name)
        try:
            return path.read_bytes()
        except OSError as error:
            raise self.refusal(
                f"names {path} as “{name}”, which cannot be read ({error.strerror})"
            ) from error

    def secret_text(self, name: str) -> str:
        """The secret in the file under that name.

        Raises:
            Misconfigured: as `content`, or the file holds no plain text.
        """
        try:
            text = secret(self.content(name)).decode()
        except UnicodeDecodeError:
            text = ""
        if not text:
            # Outside of the handler: the library's error holds the content.
            raise self.refusal(f"has a file as “{name}” that holds no plain text")
        return text

    def finish(self) -> None:
        """Check that everything in the table was asked for; a misspelt entry must not be ignored.

        Raises:
            Misconfigured: something was not.
        """
        if unknown := sorted(self._table.keys() - self._read):
            raise self.refusal(f"has the unknown entry “{unknown[0]}”")

    def refusal(self, what: str) -> Misconfigured:
        """The error that says ``what`` is wrong, naming the list and the key."""
        return Misconfigured(
            f"The key list {self._listing} cannot be used: key “{self.key_id}” {what}. See ABSAH_KEYS_FILE.",
            code="KEYS_FILE",
        )


class CountedSecret:
    """A secret in a file, for a service that counts wrong ones and locks; read now, and before each use.

    Refused, it is not sent again until its file has changed.
    """

    def __init__(self, entry: Entry, name: str) -> None:
        self._entry = entry
        self._name = name
        self._path = entry.path(name)
        self._state = 0
        self._refused_at: int | None = None
        self._lock = threading.Lock()
        entry.secret_text(name)

    @contextmanager
    def in_hand(self) -> Iterator[str | None]:
        """The secret, or None where it was refused and is still the same.

        For one thread at a time: two that send a wrong one would count twice.
        """
        with self._lock:
            # Before it is read, so that a change in between is not missed.
            self._state = self._changed_at()
            text = self._entry.secret_text(self._name)
            yield None if self._state == self._refused_at else text

    def refuse(self) -> None:
        """The service refused what is in hand."""
        self._refused_at = self._state

    def _changed_at(self) -> int:
        with suppress(OSError):  # what reads the file says why
            return self._path.stat().st_mtime_ns
        return 0


def secret(content: bytes) -> bytes:
    """A passphrase or PIN as its file holds it, without the line end that editors add."""
    return content.rstrip(b"\r\n")
