"""The keys of a production worker: PKCS#12 files, listed in one TOML file.

    [[key]]
    id = "kepala-dpmptsp"
    pkcs12 = "kepala-dpmptsp.p12"
    passphrase_file = "kepala-dpmptsp.passphrase"

Paths are relative to the TOML file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from keys.software import SoftwareKey, load_pkcs12
from storage.vocabulary import Misconfigured, NotFound


class SoftwareKeyRing:
    """Every key of the list, opened once: a wrong passphrase stops the start, not the first document."""

    def __init__(self, keys: dict[str, SoftwareKey]) -> None:
        self._keys = keys

    @classmethod
    def open(cls, listing: Path) -> SoftwareKeyRing:
        """Open the keys that ``listing`` names.

        Raises:
            Misconfigured: the list cannot be read or is not of the form above.
            KeyRefused: a key cannot be opened or may not sign.
        """
        try:
            entries = tomllib.loads(listing.read_text())["key"]
            keys = {
                str(entry["id"]): load_pkcs12(
                    listing.parent / entry["pkcs12"],
                    (listing.parent / entry["passphrase_file"]).read_bytes().rstrip(b"\r\n"),
                    key_id=str(entry["id"]),
                )
                for entry in entries
            }
        except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
            raise Misconfigured(
                f"The key list {listing} cannot be used ({type(error).__name__}: {error});"
                " see ABSAH_KEYS_FILE.",
                code="KEYS_FILE",
            ) from error
        return cls(keys)

    def __iter__(self) -> Iterator[SoftwareKey]:
        return iter(self._keys.values())

    def key(self, key_id: str) -> SoftwareKey:
        """See `keys.provider.KeyRing`."""
        if key_id not in self._keys:
            raise NotFound(
                f"No key “{key_id}” is configured here; check ABSAH_KEYS_FILE.", code="UNKNOWN_KEY"
            )
        return self._keys[key_id]
