"""The addresses that the operator lists: where lists and answers about revocation may be asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from storage.vocabulary import Misconfigured

SETTING = "ABSAH_REVOCATION_ADDRESSES"
_PORTS = {"http": 80, "https": 443}
# Neither a way up (also written in hexadecimal) nor anything that a server could read as another character.
_CLIMBING = re.compile(r"(^|/)(\.|%2e){1,2}(/|$)|\\|%2f|%5c|%00", re.IGNORECASE)


@dataclass(frozen=True)
class ListedAddress:
    """One address and everything below it; the path ends without a slash."""

    scheme: str
    host: str
    port: int
    path: str

    def covers(self, url: str) -> bool:
        """Whether ``url`` is this address or lies below it; False for what cannot be read for certain."""
        if not (url.isascii() and url.isprintable()) or " " in url:
            return False
        read = _read(url)
        if read is None or (read.scheme, read.host, read.port) != (self.scheme, self.host, self.port):
            return False
        return read.path == self.path or read.path.startswith(f"{self.path}/")


def read_addresses(listed: Iterable[str]) -> tuple[ListedAddress, ...]:
    """The addresses of the setting.

    Raises:
        Misconfigured: one of them is none.
    """
    found = []
    for url in listed:
        address = _read(url) if url.isascii() and "?" not in url else None
        if address is None:
            raise Misconfigured(
                f'{SETTING} has to be JSON like ["http://ocsp.example.id/", "https://crl.example.id/lists"].'
            )
        found.append(address)
    return tuple(found)


def parse_setting(text: str) -> tuple[str, ...]:
    """The addresses in the setting's text, for a program that reads the environment without a library.

    Raises:
        Misconfigured: it is no JSON list of addresses.
    """
    try:
        listed = json.loads(text) if text else []
    except ValueError:
        listed = None
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        listed = [""]  # refused below, with the sentence that says what it should be
    read_addresses(listed)
    return tuple(listed)


def _read(url: str) -> ListedAddress | None:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    if (
        not port
        or not parts.hostname
        or parts.username is not None
        or parts.fragment
        or _CLIMBING.search(parts.path)
    ):
        return None
    return ListedAddress(parts.scheme, parts.hostname, port, parts.path.rstrip("/"))
