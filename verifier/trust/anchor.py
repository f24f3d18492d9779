"""One trusted certificate, on which terms it is trusted, and who said so."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from verifier.trust.certificate_files import to_pem
from verifier.trust.terms import UNLIMITED, Terms

Origin = Literal["operator", "unrecorded", "list"]

# What our development PKI writes in front of every common name (UTF-8, as in the certificate).
_DEVELOPMENT_MARK = "PENGEMBANGAN – ".encode()


@dataclass(frozen=True)
class Anchor:
    """A trusted certificate.

    ``origin`` says how it came here: added by an operator with its fingerprint, put into the folder without
    a record, or named by a trusted list, which ``source`` then names (else: the file).
    """

    der: bytes
    terms: Terms = UNLIMITED
    origin: Origin = "unrecorded"
    source: str = ""
    note: str = ""
    added_by: str = ""
    added_at: datetime | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as ``AB:CD:…``."""
        return write_fingerprint(hashlib.sha256(self.der).digest())

    @property
    def is_development(self) -> bool:
        """Whether it belongs to a development PKI of ours, whose keys anybody can make."""
        return _DEVELOPMENT_MARK in self.der

    def encode(self) -> bytes:
        """The certificate with its terms, for `verifier.check`: PEM with explanatory text."""
        return self.terms.encode() + to_pem(self.der)


def write_fingerprint(digest: bytes) -> str:
    """A digest as people compare it."""
    return digest.hex(":").upper()


def read_fingerprint(typed: str) -> bytes:
    """A SHA-256 fingerprint as people type it: any case, with or without colons and spaces.

    Raises:
        ValueError: it is not 64 hexadecimal digits.
    """
    digits = re.sub(r"[\s:.-]", "", typed)
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", digits):
        raise ValueError("A SHA-256 fingerprint has 64 hexadecimal digits.")
    return bytes.fromhex(digits)
