"""A remote signing service with one credential, and the key list that leads to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from keys.csc import RemoteKey
from keys.ring import KeyList
from keys.software import PrivateKey
from tests.keys.csc_server import CLIENT_ID, CLIENT_SECRET, PIN, Credential, CscServer
from tests.keys.serving import serving

CREDENTIAL = "GX0112348"


@dataclass(frozen=True)
class RemotePlace:
    """The service, a folder with a key list and the files it names, and the version of the API.

    ``ocsp_url`` is who answers about the certificates, where that matters.
    """

    server: CscServer
    folder: Path
    version: int
    service: str = "v"
    ocsp_url: str | None = None

    @property
    def credential(self) -> Credential:
        return self.server.credentials[CREDENTIAL]

    @property
    def pin_file(self) -> Path:
        return self.folder / "segel.pin"

    def entry(self, key_id: str, *lines: str, pin: bool = True, credential: bool = True) -> str:
        """The text of a key list's entry."""
        text = ["[[key]]", f'id = "{key_id}"', f'csc = "{self.server.url(self.version, self.service)}"',
                f'client_id = "{CLIENT_ID}"', 'client_secret_file = "csc.secret"']  # fmt: skip
        text += [f'credential = "{CREDENTIAL}"'] * credential + ['pin_file = "segel.pin"'] * pin
        return "\n".join([*text, *lines, ""])

    def key(self, *lines: str, **entry: Any) -> RemoteKey:
        """The key of a list that holds only it."""
        (self.folder / "keys.toml").write_text(self.entry("segel", *lines, **entry))
        key = KeyList.open(self.folder / "keys.toml").key("segel")
        assert isinstance(key, RemoteKey)
        return key


@contextmanager
def remote_place(
    folder: Path, private: PrivateKey, certificates: Sequence[x509.Certificate], version: int = 1
) -> Iterator[RemotePlace]:
    """A service whose only credential has that key and is opened by a PIN."""
    (folder / "csc.secret").write_text(f"{CLIENT_SECRET}\n")
    (folder / "segel.pin").write_text(f"{PIN}\n")
    held = Credential(pem(private), [each.public_bytes(Encoding.DER) for each in certificates])
    server = CscServer({CREDENTIAL: held})
    with serving(server):
        try:
            yield RemotePlace(server, folder, version)
        finally:
            server.released.set()


def pem(private: PrivateKey) -> bytes:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
