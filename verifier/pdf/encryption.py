"""The standard security handler (ISO 32000-2, 7.6): passwords to keys, and strings and streams in clear.

Revisions 2 to 7: RC4 of 40 to 128 bits, AES-128, AES-256, and AES-256 in Galois counter mode (ISO/TS 32003).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from verifier.pdf.objects import Damaged, Reference, Stream

_PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")


class PasswordNeeded(Exception):
    """Neither the empty password nor the one given opens the file."""


class UnknownEncryption(Exception):
    """The file is encrypted otherwise than with a password: for recipients, or by a handler of its own."""


@dataclass(frozen=True)
class Decryption:
    """How this file's strings and streams become clear; methods are V2, AESV2, AESV3, AESV4, Identity."""

    key: bytes
    strings: str
    streams: str
    metadata: bool
    password: str = ""
    """The one that opened the file."""

    def in_clear(self, value: Any, reference: Reference) -> Any:
        """The object with all its strings, and its stream, decrypted.

        A signature's /Contents is never encrypted (7.6.2); neither are cross-reference streams.
        """
        if isinstance(value, bytes):
            return _decrypted(value, self.strings, self.key, reference)
        if isinstance(value, list):
            return [self.in_clear(item, reference) for item in value]
        if isinstance(value, dict):
            kept = "Contents" if "ByteRange" in value else None
            return {k: v if k == kept else self.in_clear(v, reference) for k, v in value.items()}
        if isinstance(value, Stream):
            return self._stream_in_clear(value, reference)
        return value

    def _stream_in_clear(self, stream: Stream, reference: Reference) -> Stream:
        dictionary = stream.dictionary
        kind = dictionary.get("Type")
        if kind == "XRef":
            return stream
        method = self.streams
        filters = dictionary.get("Filter")
        if filters == "Crypt" or (isinstance(filters, list) and filters[:1] == ["Crypt"]):
            method = "Identity"  # named filters other than /Identity are not in use with the standard handler
        if kind == "Metadata" and not self.metadata:
            method = "Identity"
        clear = _decrypted(stream.raw(), method, self.key, reference)
        return Stream(self.in_clear(dictionary, reference), clear, 0, len(clear))


def open_with(encrypt: dict[str, Any], first_id: bytes, password: str | None) -> Decryption:
    """The way to read a file encrypted as its (resolved) /Encrypt says.

    Raises:
        PasswordNeeded: the password is wrong, or one is needed.
        UnknownEncryption: the dictionary is not that of the standard handler, or of a revision unknown to us.
        Damaged: it lacks what it needs.
    """
    if encrypt.get("Filter") != "Standard":
        raise UnknownEncryption("not the standard handler")
    revision = encrypt.get("R")
    if revision not in (2, 3, 4, 5, 6, 7):
        raise UnknownEncryption("an unknown revision")
    strings = _method(encrypt, "StrF")
    streams = _method(encrypt, "StmF")
    metadata = encrypt.get("EncryptMetadata", True) is not False
    for attempt in dict.fromkeys(("", password or "")):
        key = _key_256(encrypt, attempt) if revision >= 5 else _key_128(encrypt, first_id, attempt, metadata)
        if key is not None:
            return Decryption(key, strings, streams, metadata, attempt)
    raise PasswordNeeded("a password is needed")


def _method(encrypt: dict[str, Any], which: str) -> str:
    if encrypt.get("V") in (1, 2, 3):
        return "V2"
    name = encrypt.get(which, "Identity")
    filters = encrypt.get("CF")
    chosen = filters.get(name) if isinstance(filters, dict) else None
    if name == "Identity" or not isinstance(chosen, dict):
        return "Identity"
    method = chosen.get("CFM", "None")
    if method not in ("V2", "AESV2", "AESV3", "AESV4"):
        return "Identity"
    return str(method)


def _bytes(encrypt: dict[str, Any], key: str, least: int) -> bytes:
    value = encrypt.get(key)
    if not isinstance(value, bytes) or len(value) < least:
        raise Damaged(f"/{key} of the encryption dictionary")
    return value


def _key_128(encrypt: dict[str, Any], first_id: bytes, password: str, metadata: bool) -> bytes | None:
    """Algorithms 2, 6 and 7 of 7.6.4: as the user, else as the owner."""
    revision = encrypt["R"]
    bits = encrypt.get("Length", 40) if encrypt.get("V") != 1 else 40
    if encrypt.get("V") == 4:
        bits = 128
    if not isinstance(bits, int) or not 40 <= bits <= 128:
        raise Damaged("/Length of the encryption dictionary")
    size = bits // 8
    owner, user = _bytes(encrypt, "O", 32)[:32], _bytes(encrypt, "U", 16)
    permissions = (int(encrypt.get("P", 0)) & 0xFFFFFFFF).to_bytes(4, "little")
    try:
        entered = password.encode("latin-1")
    except UnicodeEncodeError:
        return None

    def key_of(word: bytes) -> bytes:
        digest = hashlib.md5((word + _PADDING)[:32] + owner + permissions + first_id)  # noqa: S324 - the standard's
        if revision >= 4 and not metadata:
            digest.update(b"\xff\xff\xff\xff")
        key = digest.digest()
        if revision >= 3:
            for _ in range(50):
                key = hashlib.md5(key[:size]).digest()  # noqa: S324
        return key[:size]

    def fits(key: bytes) -> bool:
        if revision == 2:
            return _rc4(key, _PADDING) == user[:32]
        check = hashlib.md5(_PADDING + first_id).digest()  # noqa: S324
        for turn in range(20):
            check = _rc4(bytes(byte ^ turn for byte in key), check)
        return check == user[:16]

    key = key_of(entered)
    if fits(key):
        return key
    digest = hashlib.md5((entered + _PADDING)[:32]).digest()  # noqa: S324
    if revision >= 3:
        for _ in range(50):
            digest = hashlib.md5(digest).digest()  # noqa: S324
    word = owner
    for turn in range(19 if revision >= 3 else 0, -1, -1):
        word = _rc4(bytes(byte ^ turn for byte in digest[:size]), word)
    key = key_of(word)
    return key if fits(key) else None


def _key_256(encrypt: dict[str, Any], password: str) -> bytes | None:
    """Algorithm 2.A of 7.6.4.3.3."""
    word = password.encode("utf-8")[:127]
    owner, user = _bytes(encrypt, "O", 48)[:48], _bytes(encrypt, "U", 48)[:48]
    harden = _hardened if encrypt["R"] >= 6 else _plain_hash
    if harden(word, owner[32:40], user) == owner[:32]:
        wrapped, key = _bytes(encrypt, "OE", 32), harden(word, owner[40:48], user)
    elif harden(word, user[32:40], b"") == user[:32]:
        wrapped, key = _bytes(encrypt, "UE", 32), harden(word, user[40:48], b"")
    else:
        return None
    cipher = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).decryptor()
    return cipher.update(wrapped[:32]) + cipher.finalize()


def _plain_hash(word: bytes, salt: bytes, more: bytes) -> bytes:
    return hashlib.sha256(word + salt + more).digest()


def _hardened(word: bytes, salt: bytes, more: bytes) -> bytes:
    """Algorithm 2.B."""
    key = hashlib.sha256(word + salt + more).digest()
    turn = 0
    while True:
        cipher = Cipher(algorithms.AES(key[:16]), modes.CBC(key[16:32])).encryptor()
        encrypted = cipher.update((word + key + more) * 64) + cipher.finalize()
        kind = sum(encrypted[:16]) % 3
        key = (hashlib.sha256, hashlib.sha384, hashlib.sha512)[kind](encrypted).digest()
        turn += 1
        if turn >= 64 and encrypted[-1] <= turn - 32:
            return key[:32]


def _decrypted(data: bytes, method: str, key: bytes, reference: Reference) -> bytes:
    if method == "Identity":
        return data
    if method == "AESV4":
        try:
            return AESGCM(key).decrypt(data[:12], data[12:], None) if data else data
        except InvalidTag as error:
            raise Damaged("an encrypted string or stream was changed") from error
    if method != "AESV3":
        salt = reference.number.to_bytes(4, "little")[:3] + reference.generation.to_bytes(4, "little")[:2]
        more = b"sAlT" if method == "AESV2" else b""
        key = hashlib.md5(key + salt + more).digest()[: min(len(key) + 5, 16)]  # noqa: S324
    if method == "V2":
        return _rc4(key, data)
    if len(data) < 32 or len(data) % 16:
        data = data[: len(data) // 16 * 16]
        if len(data) < 32:
            return b""
    cipher = Cipher(algorithms.AES(key), modes.CBC(data[:16])).decryptor()
    plain = cipher.update(data[16:]) + cipher.finalize()
    return plain[: -plain[-1]] if 1 <= plain[-1] <= 16 else plain


# The library's keys; a file may have any whole number of bytes (7.6.4.3.2).
_RC4_BITS = (40, 56, 64, 80, 128, 160, 192, 256)


def _rc4(key: bytes, data: bytes) -> bytes:
    if 8 * len(key) not in _RC4_BITS:
        return _slow_rc4(key, data)
    cipher = Cipher(ARC4(key), mode=None).encryptor()
    return cipher.update(data) + cipher.finalize()


def _slow_rc4(key: bytes, data: bytes) -> bytes:
    """RC4 as everybody knows it, for keys of other lengths."""
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) & 255
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(data), 0, 0
    for place, byte in enumerate(data):
        i = (i + 1) & 255
        j = (j + state[i]) & 255
        state[i], state[j] = state[j], state[i]
        out[place] = byte ^ state[(state[i] + state[j]) & 255]
    return bytes(out)
