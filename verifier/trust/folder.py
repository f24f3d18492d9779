"""The trust folder: the one place that says whom an installation trusts, and its only reader.

``*.pem`` (also DER, PKCS#7): one or more certificates. Beside each may stand a ``.toml`` of the same name
with its fingerprint, its terms, and who added it when; `verifier.trust.keeping` writes both. ``lists/`` holds
what was taken from trusted lists.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from base64 import b64decode
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from storage.vocabulary import Misconfigured
from verifier.trust.anchor import Anchor, read_fingerprint
from verifier.trust.certificate_files import SUFFIXES, NotACertificate, read_certificates
from verifier.trust.terms import Terms, read_purposes

LISTS = "lists"


@dataclass(frozen=True)
class KeptList:
    """A trusted list (ETSI TS 119 612) as it was added; ``next_update`` is None where it was closed."""

    territory: str
    operator: str
    sequence_number: int
    issued: datetime
    next_update: datetime | None
    source: str
    signer: str
    added_by: str
    added_at: datetime
    anchors: tuple[Anchor, ...]

    def is_stale(self, now: datetime) -> bool:
        """Whether its publisher has promised a newer one by now."""
        return self.next_update is not None and self.next_update < now


@dataclass(frozen=True)
class Trust:
    """Everything that the folder holds."""

    anchors: tuple[Anchor, ...] = ()
    lists: tuple[KeptList, ...] = ()

    @property
    def all_anchors(self) -> tuple[Anchor, ...]:
        """The operator's own and those of the lists."""
        return (*self.anchors, *(anchor for each in self.lists for anchor in each.anchors))

    def encoded(self) -> tuple[bytes, ...]:
        """The anchors with their terms, as `verifier.check` takes them."""
        return tuple(anchor.encode() for anchor in self.all_anchors)

    def stale_lists(self, now: datetime) -> list[str]:
        """The territories whose lists are past their next update."""
        return [each.territory for each in self.lists if each.is_stale(now)]


def read_trust(folder: Path, *, production: bool = False) -> Trust:
    """What the folder holds; nothing where there is no such folder.

    Raises:
        Misconfigured: a file cannot be read or makes no sense, or ``production`` is asked for and a root of a
            development PKI lies there.
    """
    try:
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        anchors = [
            anchor for file in files if file.suffix.lower() in SUFFIXES for anchor in _read_anchors(file)
        ]
        lists = [_read_list(file) for file in sorted((folder / LISTS).glob("*.json"))]
    except OSError as error:
        raise Misconfigured(f"{error.filename} cannot be read ({error.strerror}).") from error
    trust = Trust(tuple(anchors), tuple(lists))
    marked = next((anchor for anchor in trust.all_anchors if anchor.is_development), None)
    if production and marked is not None:
        raise Misconfigured(
            f"{marked.source} is the root of a development PKI, which production (ABSAH_ENV) refuses;"
            " remove it from the trust folder.",
            code="TRUST_DEVELOPMENT_ROOT",
        )
    return trust


def read_files(places: tuple[Path, ...]) -> list[Anchor]:
    """The certificates in files and folders that a command line names.

    Raises:
        Misconfigured: a file cannot be read, or is not a certificate.
    """
    anchors: list[Anchor] = []
    for place in places:
        if place.is_dir():
            anchors += read_trust(place).all_anchors
            continue
        try:
            anchors += _read_anchors(place)
        except OSError as error:
            raise Misconfigured(f"{place} cannot be read ({error.strerror}).") from error
    return anchors


def record_file(certificate: Path) -> Path:
    """Where the terms of a certificate's file stand."""
    return certificate.with_suffix(".toml")


def _read_anchors(file: Path) -> list[Anchor]:
    try:
        found = read_certificates(file.read_bytes())
    except NotACertificate as error:
        raise Misconfigured(
            f"{file} is not a certificate that can be trusted. {error.message}", code="TRUST_FILE"
        ) from error
    anchors = [Anchor(each.der, each.terms, source=str(file)) for each in found]
    record = record_file(file)
    if not record.exists():
        return anchors
    try:
        values = tomllib.loads(record.read_text())
        if [hashlib.sha256(each.der).digest() for each in found] != [read_fingerprint(values["sha256"])]:
            raise ValueError("its fingerprint is that of another certificate")
        return [_recorded(anchors[0], values)]
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured(f"{record} cannot be used: {error}.", code="TRUST_RECORD") from error


def _recorded(anchor: Anchor, values: dict[str, Any]) -> Anchor:
    terms = Terms(
        read_purposes(values.get("purpose", "both")),
        _aware(values.get("trusted_from")),
        _aware(values.get("trusted_until")),
    )
    return replace(
        anchor,
        terms=terms,
        origin="operator",
        note=str(values.get("note", "")),
        added_by=str(values.get("added_by", "")),
        added_at=_aware(values.get("added_at")),
    )


def _aware(value: Any) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError(f"{value} is no time with its zone, such as 2027-01-31T16:59:59Z")
    return value.astimezone(UTC)


def _read_list(file: Path) -> KeptList:
    try:
        values = json.loads(file.read_bytes())
        territory, following = str(values["territory"]), values["next_update"]
        return KeptList(
            territory=territory,
            operator=str(values["operator"]),
            sequence_number=int(values["sequence_number"]),
            issued=datetime.fromisoformat(values["issued"]),
            next_update=datetime.fromisoformat(following) if following else None,
            source=str(values["source"]),
            signer=str(values["signer"]),
            added_by=str(values["added_by"]),
            added_at=datetime.fromisoformat(values["added_at"]),
            anchors=tuple(_listed(each, territory) for each in values["anchors"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured(f"{file} is damaged; add that list again.", code="TRUST_LIST") from error


def _listed(values: dict[str, Any], territory: str) -> Anchor:
    start, end = (
        datetime.fromisoformat(each) if each else None for each in (values["from"], values["until"])
    )
    terms = Terms(read_purposes(values["purpose"]), start, end)
    return Anchor(b64decode(values["certificate"]), terms, "list", territory, note=str(values["note"]))
