"""The independent look at the keys: was each signature intended, with its key, of what was frozen?"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from storage import key_uses
from verifier.attributes import read_signed
from verifier.ber import BerError
from verifier.cms import read_signed_data

_SIGNED = 0xA0  # signedAttrs [0] of a SignerInfo (RFC 5652, 5.3)


def discrepancies(connection: Connection) -> Iterator[str]:
    """One sentence for each signature that does not fit; ids only."""
    yield from key_uses.mistaken(connection)
    for kept in key_uses.kept_signatures(connection):
        if _signed_digest(kept.cms) != bytes.fromhex(kept.digest):
            yield (
                f"Signature {kept.ordinal} of document {kept.document_id} is not one of the digest that was"
                " frozen."
            )


def _signed_digest(cms: bytes) -> bytes | None:
    """The message digest that a CMS of one signer signs (RFC 5652, 11.2); None where it says none."""
    try:
        (signer,) = read_signed_data(cms).signers
        (attributes,) = (part for part in signer.children if part.tag == _SIGNED)
        return read_signed(attributes.children).message_digest
    except (BerError, IndexError, ValueError):
        return None
