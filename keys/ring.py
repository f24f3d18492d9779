"""The keys of a production worker, listed in one TOML file: one ``[[key]]`` for each, of exactly one kind.

    [[key]]
    id = "kepala-dpmptsp"
    pkcs12 = "kepala-dpmptsp.p12"
    passphrase_file = "kepala-dpmptsp.passphrase"
    officer = "Ahmad Contoh"            # optional: the CN or serialNumber that its certificate must have

Paths are relative to the TOML file. Which entries a kind has stands in the module of the kind, and for
operators in docs/operations.md.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from keys.bsre import open_bsre
from keys.bsre_seal import open_bsre_seal
from keys.csc import open_csc
from keys.entry import Entry
from keys.pkcs11 import open_pkcs11
from keys.provider import AnyKey, KeyRefused
from keys.software import open_pem, open_pkcs12
from storage.vocabulary import Misconfigured, NotFound

_KINDS: Mapping[str, Callable[[Entry], AnyKey]] = {
    "pkcs12": open_pkcs12,
    "pem": open_pem,
    "pkcs11": open_pkcs11,
    "csc": open_csc,
    "bsre": open_bsre,
    "bsre_seal": open_bsre_seal,
}


class KeyList:
    """Every key of the list. Files are opened at once, devices when they are first needed."""

    def __init__(self, keys: Mapping[str, AnyKey], officers: Mapping[str, str]) -> None:
        self._keys = keys
        self._officers = officers

    @classmethod
    def open(cls, listing: Path) -> KeyList:
        """Open the keys that ``listing`` names.

        Raises:
            Misconfigured: the list cannot be read or is not of the form above.
            KeyRefused: a key cannot be opened or may not sign.
        """
        keys: dict[str, AnyKey] = {}
        officers: dict[str, str] = {}
        for entry in _entries(listing):
            if entry.key_id in keys:
                raise entry.refusal("stands there twice")
            kinds = [kind for kind in _KINDS if kind in entry]
            if len(kinds) != 1:
                raise entry.refusal(f"needs exactly one of {', '.join(_KINDS)}")
            officer = entry.text_or_none("officer")
            if officer is not None:
                officers[entry.key_id] = officer
            keys[entry.key_id] = _KINDS[kinds[0]](entry)
            entry.finish()
        return cls(keys, officers)

    def __iter__(self) -> Iterator[str]:
        """The ids of the keys."""
        return iter(self._keys)

    def asks_human(self, key_id: str) -> bool:
        """Whether somebody has to type something, or to consent, before that key signs.

        Raises:
            KeyRefused, storage.vocabulary.Unavailable: only its service knows, which refuses us or is away.
        """
        return self._keys[key_id].human_cost != "nothing"

    def key(self, key_id: str) -> AnyKey:
        """See `keys.provider.KeyRing`.

        Raises:
            KeyRefused: ``KEY_OFFICER``, its certificate is another official's than the list says.
            storage.vocabulary.Unavailable: the certificate to compare lies on a device that is away.
        """
        if key_id not in self._keys:
            raise NotFound(
                f"No key “{key_id}” is configured here; check ABSAH_KEYS_FILE.", code="UNKNOWN_KEY"
            )
        key = self._keys[key_id]
        officer = self._officers.get(key_id)
        if officer is not None and not _names(key.certificate, officer):
            raise KeyRefused(
                f"The certificate of key “{key_id}” does not name the officer that the key list gives it;"
                " check which of the two is wrong.",
                code="KEY_OFFICER",
            )
        return key


def _entries(listing: Path) -> Iterator[Entry]:
    try:
        tables = tomllib.loads(listing.read_text())["key"]
        for table in tables:
            yield Entry(listing, str(table["id"]), table)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise Misconfigured(
            f"The key list {listing} cannot be used ({type(error).__name__}: {error}); see ABSAH_KEYS_FILE.",
            code="KEYS_FILE",
        ) from error


def _names(certificate: x509.Certificate, officer: str) -> bool:
    """Whether the subject's CN (in whatever case and spacing) or its serialNumber is that officer's."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    numbers = certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    return any(_folded(str(each.value)) == _folded(officer) for each in (*names, *numbers))


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
