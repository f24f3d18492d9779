"""Writing the trust folder: anchors that an operator adds and removes, each with its fingerprint."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

from storage.vocabulary import AbsahError
from verifier.algorithms import UnknownAlgorithm
from verifier.ber import BerError
from verifier.certificate import Certificate, read_certificate
from verifier.certificates import is_readable, signer_name
from verifier.trust.anchor import Anchor, write_fingerprint
from verifier.trust.certificate_files import to_pem
from verifier.trust.folder import LISTS, KeptList, read_trust, record_file


class TrustRefused(AbsahError):
    """Something cannot be trusted, or not be removed, with the reason."""

    code = "TRUST_REFUSED"


def subject_of(der: bytes) -> str:
    """Whom a certificate names, without serial numbers; a dash where that cannot be read."""
    try:
        return signer_name(read_certificate(der))
    except (BerError, IndexError):
        return "—"


def check_authority(der: bytes) -> Certificate:
    """The certificate of an authority, fit to be an anchor.

    Raises:
        TrustRefused: it is no authority's, or cannot be read.
    """
    try:
        certificate = read_certificate(der)
        if not is_readable(certificate):
            raise BerError("unreadable")
    except (BerError, IndexError) as error:
        raise TrustRefused("The certificate cannot be read.", code="TRUST_UNREADABLE") from error
    if not certificate.authority[0]:
        # RFC 5280, 4.2.1.9: a person's certificate as an anchor would vouch for whatever it signs.
        raise TrustRefused(
            "It is not the certificate of an authority (its basic constraints do not say CA)."
            " Add the root above it.",
            code="TRUST_NOT_AUTHORITY",
        )
    if certificate.key_usage is not None and "key_cert_sign" not in certificate.key_usage:
        raise TrustRefused(
            "Its key may not sign certificates (key usage), so it can vouch for nobody.",
            code="TRUST_MAY_NOT_SIGN",
        )
    try:
        if certificate.is_self_issued and not certificate.is_issued_by(certificate):
            raise TrustRefused(
                "It names itself as its issuer, but its signature is not its own key's; it was changed or"
                " is a certificate between two keys of one authority.",
                code="TRUST_BROKEN",
            )
    except UnknownAlgorithm as error:
        raise TrustRefused("Its algorithm is not known here.", code="TRUST_UNREADABLE") from error
    return certificate


def add_anchor(folder: Path, anchor: Anchor, *, production: bool = False) -> Path:
    """Write an anchor and its record into the folder; the path of its certificate.

    Raises:
        TrustRefused: it is no authority, is trusted already, or is a development root in production.
        Misconfigured: the folder holds something that cannot be read.
    """
    check_authority(anchor.der)
    if production and anchor.is_development:
        raise TrustRefused("It is the root of a development PKI.", code="TRUST_DEVELOPMENT_ROOT")
    for other in read_trust(folder).anchors:
        if other.der == anchor.der:
            raise TrustRefused(f"It is trusted already, by {other.source}.", code="TRUST_TWICE")
    folder.mkdir(parents=True, exist_ok=True)
    certificate = folder / f"{anchor.fingerprint.replace(':', '')[:16].lower()}.pem"
    # The record first: a certificate without one would count for every purpose and time.
    _write(record_file(certificate), _record(anchor))
    _write(certificate, f"# {subject_of(anchor.der)}\n".encode() + to_pem(anchor.der))
    return certificate


def remove_anchor(folder: Path, fingerprint: bytes, now: datetime) -> Anchor:
    """Take an anchor out of the folder into its ``removed/``; what it was.

    Raises:
        TrustRefused: no file of its own holds it.
        Misconfigured: the folder holds something that cannot be read.
    """
    trust = read_trust(folder)
    wanted = [each for each in trust.anchors if each.fingerprint == write_fingerprint(fingerprint)]
    if not wanted:
        raise TrustRefused(
            "No certificate of that fingerprint stands in the trust folder; “absah trust list” shows them.",
            code="TRUST_UNKNOWN",
        )
    for anchor in wanted:
        if sum(other.source == anchor.source for other in trust.anchors) > 1:
            raise TrustRefused(
                f"{anchor.source} holds other certificates as well; divide it first.",
                code="TRUST_SHARED_FILE",
            )
    # Kept aside, so that it can be told later whom this installation once trusted.
    aside = folder / "removed"
    aside.mkdir(exist_ok=True)
    for anchor in wanted:
        file = Path(anchor.source)
        file.replace(aside / f"{now:%Y%m%dT%H%M%SZ}-{file.name}")
        record = record_file(file)
        if record.exists():
            record.replace(aside / f"{now:%Y%m%dT%H%M%SZ}-{record.name}")
    return wanted[0]


def keep_list(folder: Path, kept: KeptList, xml: bytes) -> Path:
    """Write a trusted list and the anchors taken from it, in the place of an earlier one of the territory.

    Raises:
        TrustRefused: the one that is kept is newer: somebody hands out an old list.
    """
    for other in read_trust(folder).lists:
        if other.territory == kept.territory and other.sequence_number > kept.sequence_number:
            raise TrustRefused(
                f"The list of {kept.territory} that is kept has number {other.sequence_number}; this one has"
                f" {kept.sequence_number}, which is older.",
                code="TRUST_LIST_OLDER",
            )
    (folder / LISTS).mkdir(parents=True, exist_ok=True)
    file = folder / LISTS / f"{kept.territory}.json"
    _write(file.with_suffix(".xml"), xml)
    _write(file, json.dumps(_list_values(kept), indent=1, ensure_ascii=False).encode())
    return file


def remove_list(folder: Path, territory: str) -> KeptList:
    """Take a trusted list out of the folder; what it was.

    Raises:
        TrustRefused: there is none of that territory.
    """
    for kept in read_trust(folder).lists:
        if kept.territory == territory.upper():
            file = folder / LISTS / f"{kept.territory}.json"
            file.unlink()
            file.with_suffix(".xml").unlink(missing_ok=True)
            return kept
    raise TrustRefused(f"No trusted list of {territory} is kept.", code="TRUST_UNKNOWN")


def _record(anchor: Anchor) -> bytes:
    lines = [f"# {_one_line(subject_of(anchor.der))}", f'sha256 = "{anchor.fingerprint}"']
    lines.append(f'purpose = "{anchor.terms.word}"')
    for name, moment in (
        ("trusted_from", anchor.terms.start),
        ("trusted_until", anchor.terms.end),
        ("added_at", anchor.added_at),
    ):
        if moment is not None:
            lines.append(f"{name} = {moment.astimezone(UTC).isoformat(timespec='seconds')}")
    lines.append(f"added_by = {_quoted(anchor.added_by)}")
    lines.append(f"note = {_quoted(anchor.note)}")
    return ("\n".join(lines) + "\n").encode()


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _quoted(text: str) -> str:
    """A TOML basic string: what JSON writes is one, as long as nothing is a control character."""
    return json.dumps(_one_line(text), ensure_ascii=False)


def _list_values(kept: KeptList) -> dict[str, object]:
    return {
        "territory": kept.territory,
        "operator": kept.operator,
        "sequence_number": kept.sequence_number,
        "issued": kept.issued.isoformat(),
        "next_update": _iso(kept.next_update),
        "source": kept.source,
        "signer": kept.signer,
        "added_by": kept.added_by,
        "added_at": kept.added_at.isoformat(),
        "anchors": [
            {
                "certificate": b64encode(anchor.der).decode(),
                "purpose": anchor.terms.word,
                "from": _iso(anchor.terms.start),
                "until": _iso(anchor.terms.end),
                "note": anchor.note,
            }
            for anchor in kept.anchors
        ],
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _write(file: Path, content: bytes) -> None:
    """All of it or nothing: a reader never sees half a file."""
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
