"""The validation data that a PDF carries: its document security store (EN 319 142-1, 5.4.2)."""

from __future__ import annotations

from dataclasses import dataclass

from verifier.pdf.document import Document
from verifier.pdf.objects import Damaged, Stream

_MOST = 5_000


@dataclass(frozen=True)
class Store:
    """Certificates, CRLs and OCSP responses as they stand there, in DER; nothing of them is believed.

    ``vri_keys`` are the names in its /VRI, each the SHA-1 of a signature in hex.
    """

    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()
    vri_keys: tuple[str, ...] = ()


def read_store(document: Document) -> Store:
    """The store of a document; empty where there is none. What cannot be decoded is left out."""
    related = document.get(document.catalog, "DSS", "VRI")
    return Store(
        _streams(document, "Certs"),
        _streams(document, "CRLs"),
        _streams(document, "OCSPs"),
        tuple(related)[:_MOST] if isinstance(related, dict) else (),
    )


def has_store(document: Document) -> bool:
    """Whether a state of the file has a store."""
    return "DSS" in document.catalog


def _streams(document: Document, key: str) -> tuple[bytes, ...]:
    listed = document.get(document.catalog, "DSS", key)
    found = []
    for each in listed[:_MOST] if isinstance(listed, list) else ():
        stream = document.resolve(each)
        if isinstance(stream, Stream):
            try:
                found.append(document.decode(stream))
            except Damaged:
                continue  # evidence that cannot be read is none, which lowers trust by itself
    return tuple(found)
