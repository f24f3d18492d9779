"""Modules that are imported only when a file needs them. A child of the sandbox cannot."""

from __future__ import annotations

import importlib

_LAZY = (
    "cryptography.hazmat.backends.openssl.backend",
    "cryptography.hazmat.primitives.asymmetric.dsa",
    "cryptography.hazmat.primitives.asymmetric.ec",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.asymmetric.ed448",
    "cryptography.hazmat.primitives.asymmetric.padding",
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "encodings.ascii",
    "encodings.cp1252",
    "encodings.hex_codec",
    "encodings.idna",
    "encodings.latin_1",
    "encodings.utf_16_be",
    "encodings.utf_16_le",
    "encodings.utf_8",
    "gzip",
    "stringprep",
)


def load_lazy_modules() -> None:
    """Import them all."""
    for name in _LAZY:
        importlib.import_module(name)
