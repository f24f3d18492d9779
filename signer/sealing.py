"""Encryption to a worker's ephemeral public key: HPKE (RFC 9180, base mode). There is no key in reach here.

DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM; ``info`` binds the message to one session and to the
digest of its batch; the plaintext is JSON, padded so that its length tells nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

LONGEST_CODE = 2000
"""Characters of an authorization code, whose length RFC 6749 (4.1.2) leaves open."""
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_PADDED = 1024


def seal_content(content: Mapping[str, str], public_key: bytes, session_id: str, batch_digest: str) -> bytes:
    """``content`` for the eyes of whoever holds the private half of ``public_key`` (32 bytes)."""
    plain = json.dumps(content, ensure_ascii=False).encode()
    padded = plain.ljust(-(-len(plain) // _PADDED) * _PADDED)
    recipient = X25519PublicKey.from_public_bytes(public_key)
    return SUITE.encrypt(padded, recipient, info=binding(session_id, batch_digest))


def binding(session_id: str, batch_digest: str) -> bytes:
    """The ``info`` of RFC 9180, 5.1."""
    return f"absah signing session 1\n{session_id}\n{batch_digest}\n".encode("ascii")
