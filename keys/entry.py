"""One ``[[key]]`` of the key list, read entry by entry; what nobody asked for is unknown."""

from __future__ import annotations

from collections.abc import Mapping
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


def secret(content: bytes) -> bytes:
    """A passphrase or PIN as its file holds it, without the line end that editors add."""
    return content.rstrip(b"\r\n")
