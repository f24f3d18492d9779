"""What the register says of each use of a key: intended, signed, and whether the two belong together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from storage import uploads
from storage.tables import audit_event, document, signature, signature_intent

_UPLOAD = "upload"


@dataclass(frozen=True)
class KeyUse:
    """Of one key: how many uses were intended, of how many different contents, and how many signatures came.

    ``unanswered`` are contents that were to be signed and have no signature: a worker died in between, the
    key refused, or the document is still at it.
    """

    key_id: str
    intents: int
    contents: int
    signatures: int
    unanswered: int


@dataclass(frozen=True)
class Kept:
    """A signature as the register keeps it: a CMS (DER), or None where the provider signed the whole file."""

    document_id: str
    ordinal: int
    key_id: str
    digest: str
    cms: bytes


def key_uses(connection: Connection) -> list[KeyUse]:
    """Every key that was ever to be used, by id: for documents, and for files that were made elsewhere."""
    intents = dict[str, int]()
    contents = dict[str, set[tuple[str, int, str]]]()
    for row in connection.execute(select(signature_intent).where(_of_the_cycle())):
        intents[row.key_id] = intents.get(row.key_id, 0) + 1
        contents.setdefault(row.key_id, set()).add((row.document_id, row.ordinal, row.digest))
    intended, made = _uploads(connection)
    for key_id, digest in intended:
        intents[key_id] = intents.get(key_id, 0) + 1
        contents.setdefault(key_id, set()).add((_UPLOAD, 0, digest))
    signed = {
        (row.document_id, row.ordinal, row.digest): row.key_id
        for row in connection.execute(
            select(
                signature.c.document_id, signature.c.ordinal, signature.c.digest, signature.c.key_id
            ).where(signature.c.cms.is_not(None))
        )
    }
    signed.update({(_UPLOAD, 0, digest): key_id for key_id, digest in intended if digest in made})
    counted = dict[str, int]()
    for key_id in signed.values():
        counted[key_id] = counted.get(key_id, 0) + 1
    return [
        KeyUse(
            key_id,
            intents.get(key_id, 0),
            len(contents.get(key_id, ())),
            counted.get(key_id, 0),
            sum(each not in signed for each in contents.get(key_id, ())),
        )
        for key_id in sorted(intents.keys() | counted.keys())
    ]


def mistaken(connection: Connection) -> Iterator[str]:
    """One sentence for each signature that was intended with another key than it was made with, or never."""
    intended: dict[tuple[str, int, str], set[str]] = {}
    for row in connection.execute(select(signature_intent)):
        intended.setdefault((row.document_id, row.ordinal, row.digest), set()).add(row.key_id)
    rows = connection.execute(
        select(signature.c.document_id, signature.c.ordinal, signature.c.digest, signature.c.key_id).where(
            signature.c.cms.is_not(None)
        )
    )
    for row in rows:
        keys = intended.get((row.document_id, row.ordinal, row.digest))
        if keys is None:
            yield f"{_name(row)} was made without a recorded intention."
        elif row.key_id not in keys:
            yield f"{_name(row)} was intended with another key than “{row.key_id}”."

    files, made = _uploads(connection)
    for digest in sorted(made - {digest for _, digest in files}):
        yield f"A file of others was signed without a recorded intention; what was signed is {digest}."


def _of_the_cycle() -> Any:
    """Not of a file that was made elsewhere: the audit trail holds all of those, registered or not."""
    return ~(
        select(document.c.id)
        .where(
            document.c.agency_id == signature_intent.c.agency_id,
            document.c.id == signature_intent.c.document_id,
            document.c.mode == uploads.MODE,
        )
        .exists()
    )


def _uploads(connection: Connection) -> tuple[list[tuple[str, str]], set[str]]:
    """Of files that were made elsewhere: key and digest of each intention, and the digests of signed ones."""
    intended, made = [], set()
    rows = connection.scalars(
        select(audit_event.c.canonical).where(
            audit_event.c.canonical.like('%"action":"key.intent"%"actor":"command-line"%')
            | audit_event.c.canonical.like('%"action":"upload.signed"%')
        )
    )
    for told in map(json.loads, rows):
        if told["action"] == "upload.signed":
            made.add(told["subject"])
        else:
            intended.append((told["key"], told["subject"]))
    return intended, made


def _name(row: Any) -> str:
    return f"Signature {row.ordinal} of document {row.document_id}"


def kept_signatures(connection: Connection) -> Iterator[Kept]:
    """Every signature whose CMS the register keeps."""
    rows = connection.execute(
        select(
            signature.c.document_id,
            signature.c.ordinal,
            signature.c.key_id,
            signature.c.digest,
            signature.c.cms,
        )
        .where(signature.c.cms.is_not(None), func.length(signature.c.cms) > 0)
        .order_by(signature.c.document_id, signature.c.ordinal)
    )
    for row in rows:
        yield Kept(*row)
