"""Personal data at rest: fields encrypted under a data key of each agency.

The master key wraps the agencies' data keys (AES-256-GCM); a data key encrypts the fields of its
agency's documents and, through HKDF, keys the hashes by which a holder is found again. A copy of
the database without the master key reveals neither fields nor NIKs. See docs/decisions/.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, select, text

from storage.tables import data_key
from storage.vocabulary import Misconfigured

_NONCE = 12


class Vault:
    """Encrypts and decrypts what belongs to one agency; needs a connection to fetch its data key."""

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != 32:
            raise Misconfigured("The master key has to be 32 bytes long; check ABSAH_MASTER_KEY_FILE.")
        self._master = AESGCM(master_key)
        self._data_keys: dict[str, bytes] = {}

    def encrypt(self, connection: Connection, agency_id: str, document_id: str, data: Any) -> bytes:
        """``data`` (anything JSON can say) as nonce and ciphertext, bound to its document."""
        nonce = os.urandom(_NONCE)
        plain = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
        return nonce + AESGCM(self._data_key(connection, agency_id)).encrypt(
            nonce, plain, document_id.encode()
        )

    def decrypt(self, connection: Connection, agency_id: str, document_id: str, data: bytes) -> Any:
        """What `encrypt` was given.

        Raises:
            Misconfigured: the master key is another than the one that encrypted.
        """
        key = AESGCM(self._data_key(connection, agency_id))
        try:
            return json.loads(key.decrypt(data[:_NONCE], data[_NONCE:], document_id.encode()))
        except InvalidTag as error:
            raise _wrong_key() from error

    def keyed_hash(self, connection: Connection, agency_id: str, purpose: str, *values: str) -> str:
        """A hash that finds equal values again within one agency and tells nothing without its key."""
        derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose.encode())
        key = derived.derive(self._data_key(connection, agency_id))
        return hmac.new(key, "\x1f".join(values).encode(), hashlib.sha256).hexdigest()

    def _data_key(self, connection: Connection, agency_id: str) -> bytes:
        if agency_id not in self._data_keys:
            wrapped = connection.scalar(select(data_key.c.wrapped).where(data_key.c.agency_id == agency_id))
            if wrapped is None:
                # Not remembered: the transaction that stores the new key may still roll back.
                return self._unwrap(agency_id, self._store_new_key(connection, agency_id))
            self._data_keys[agency_id] = self._unwrap(agency_id, wrapped)
        return self._data_keys[agency_id]

    def _unwrap(self, agency_id: str, wrapped: bytes) -> bytes:
        try:
            return self._master.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], agency_id.encode())
        except InvalidTag as error:
            raise _wrong_key() from error

    def _store_new_key(self, connection: Connection, agency_id: str) -> bytes:
        nonce = os.urandom(_NONCE)
        wrapped = nonce + self._master.encrypt(nonce, AESGCM.generate_key(256), agency_id.encode())
        connection.execute(
            text(
                "INSERT INTO data_key (agency_id, wrapped) VALUES (:agency_id, :wrapped)"
                " ON CONFLICT (agency_id) DO NOTHING"
            ),
            {"agency_id": agency_id, "wrapped": wrapped},
        )
        # Another first request may have been faster; whichever key stands is everybody's.
        stored: bytes = connection.execute(
            select(data_key.c.wrapped).where(data_key.c.agency_id == agency_id)
        ).scalar_one()
        return stored


def open_master_key(file: Path, *, create: bool) -> bytes:
    """The 32 bytes of the master key file; made, readable by its owner only, where ``create`` allows.

    Raises:
        Misconfigured: the file is missing or cannot be read.
    """
    if create and not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as new:
            new.write(os.urandom(32))
    try:
        return file.read_bytes()
    except OSError as error:
        raise Misconfigured(
            f"The master key {file} cannot be read ({error.strerror}); set ABSAH_MASTER_KEY_FILE to it.",
            code="MASTER_KEY",
        ) from error


def _wrong_key() -> Misconfigured:
    return Misconfigured(
        "The master key does not open this register's data; set ABSAH_MASTER_KEY_FILE to the right one.",
        code="MASTER_KEY",
    )
