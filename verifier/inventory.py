"""Takes the inventory of a check for its report: what was used, and by when each of it existed.

Runs in the sandbox, after the conclusion and only where it is asked for. It decides nothing.
ETSI EN 319 102-1, 5.6.2.3 (extraction of proofs of existence); TS 119 102-2, 4.3 and 4.4.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal

from verifier.algorithms import UnknownAlgorithm
from verifier.ber import BerError, read_element
from verifier.certificates import Evidence, TrustAnswer, signer_name
from verifier.cms import CmsAnswer
from verifier.details import (
    Algorithm,
    Chain,
    Details,
    Digest,
    Existence,
    ObjectKind,
    Revocation,
    SignatureDetails,
    Stamp,
    StampReference,
    Stated,
    ValidationObject,
)
from verifier.paths import Path
from verifier.pdf.document import Document
from verifier.pdf.objects import Damaged, Name
from verifier.report import Observation, printable
from verifier.revocation import RevocationData
from verifier.signature import FAILED, Signature, revision_of
from verifier.signature_fields import text
from verifier.store import read_store
from verifier.times import Proof

_PREFIXES: dict[ObjectKind, str] = {
    "certificate": "C", "crl": "R", "ocsp_response": "R", "time_stamp": "T",
}  # fmt: skip
_LONGEST_TEXT = 500
# More lists and answers than any genuine file brings are left out of the report, never out of the check.
_MOST_SOURCES = 200


def take_inventory(
    signatures: Sequence[Signature],
    evidence: Evidence,
    document: Document,
    moment: datetime,
    findings: Sequence[Observation],
) -> Details:
    """What was used to judge ``signatures``; ``findings`` are those of the whole file."""
    inventory = _Inventory(signatures, evidence, document, moment)
    details = tuple(inventory.describe(position, findings) for position in range(len(signatures)))
    return Details(details, inventory.dated_objects())


@dataclass(frozen=True)
class _Source:
    """One list or answer by itself, so that it is known which one said what."""

    kind: ObjectKind
    encoded: bytes
    data: RevocationData

    @cached_property
    def identifier(self) -> str:
        # Lists can be large, and are asked about many certificates.
        return _identifier(_PREFIXES[self.kind], self.encoded)


@dataclass
class _Inventory:
    signatures: Sequence[Signature]
    evidence: Evidence
    document: Document
    moment: datetime
    _objects: dict[str, ValidationObject] = field(default_factory=dict)
    _bytes: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        data = self.evidence.revocation
        crls, ocsps = (*data.crls, *data.fetched_crls), (*data.ocsps, *data.fetched_ocsps)
        sources = [
            *(_Source("crl", der, RevocationData(crls=(der,))) for der in crls),
            *(_Source("ocsp_response", der, RevocationData(ocsps=(der,))) for der in ocsps),
        ]
        self._sources = sources[:_MOST_SOURCES]
        self._names = [
            _identifier("S", each.contents + bytes(str(number), "ascii"))
            for number, each in enumerate(self.signatures)
        ]
        self._tokens = [_encoded_tokens(each) for each in self.signatures]
        self._stamps = [
            [
                self._add_stamp(position, proof, encoded)
                for proof, encoded in zip(each.proofs, self._tokens[position], strict=True)
            ]
            for position, each in enumerate(self.signatures)
        ]

    def describe(self, position: int, findings: Sequence[Observation]) -> SignatureDetails:
        signature = self.signatures[position]
        answer, signed = signature.cms, signature.signed
        byte_range: tuple[int, ...] = ()
        if signed is not None:
            byte_range = (
                signed.start, signed.gap_start - signed.start, signed.gap_end, signed.end - signed.gap_end
            )  # fmt: skip
        is_intact = answer.integrity == "intact"
        return SignatureDetails(
            identifier=self._names[position],
            value=b64encode(answer.value).decode(),
            to_be_signed=_to_be_signed(answer),
            covered=signature.message.digest("sha256").hex() if signature.message is not None else "",
            byte_range=byte_range,
            existence=self._existence_of(position),
            stated=_stated(signature, self.document),
            stamps=tuple(self._references(position)),
            chain=self._chain(signature.trust, answer) if is_intact else None,
            algorithm=_algorithm(answer),
            findings=tuple(
                number
                for number, each in enumerate(findings)
                if dict(each.values).get("field") == signature.field
            ),
        )

    def dated_objects(self) -> tuple[ValidationObject, ...]:
        """Every object with the earliest time by which it existed, and every stamp with what it proves."""
        found = dict(self._objects)
        proven: dict[str, list[str]] = {}
        for stamp, end in self._document_stamps():
            for identifier in self._within(end):
                if identifier in found and identifier != stamp.identifier:
                    proven.setdefault(stamp.identifier, []).append(identifier)
                    existence = Existence(str(stamp.time), stamp.identifier)
                    known = found[identifier].existence
                    if known.by is None or existence.time < known.time:
                        found[identifier] = replace(found[identifier], existence=existence)
        for identifier, objects in proven.items():
            entry = found[identifier]
            if entry.stamp is not None:
                found[identifier] = replace(entry, stamp=replace(entry.stamp, objects=tuple(objects)))
        return tuple(found.values())

    def _document_stamps(self) -> list[tuple[StampReference, int]]:
        """The believed document time-stamps, and where what each of them covers ends."""
        return [
            (reference, each.signed.end)
            for position, each in enumerate(self.signatures)
            for reference, proof in self._stamps[position]
            if proof.time is not None and reference.role == "document" and each.signed is not None
        ]

    def _within(self, end: int) -> list[str]:
        """The objects that the file held where it ended there: its store, and signatures before."""
        held: set[bytes] = set()
        for position, each in enumerate(self.signatures):
            if revision_of(each) < end:
                held.update(self._tokens[position])
                for answer in (each.cms, *(token.answer for token in each.tokens)):
                    held.update(certificate.der for certificate in answer.certificates)
                    held.update(answer.unsigned.certificates)
                    held.update((*answer.crls, *answer.signed.crls, *answer.unsigned.crls))
                    held.update((*answer.ocsps, *answer.signed.ocsps, *answer.unsigned.ocsps))
        try:
            store = read_store(self.document.file.until(end))
        except Damaged:
            pass  # what cannot be read there is not proven to have been there
        else:
            held.update((*store.certificates, *store.crls, *store.ocsps))
        return [identifier for identifier, encoded in self._bytes.items() if encoded in held]

    def _existence_of(self, position: int) -> Existence:
        signature = self.signatures[position]
        if signature.proven is None or signature.proven_by is None:
            return Existence(iso(self.moment))
        by = next(
            (
                reference.identifier
                for stamps in self._stamps[position:]
                for reference, proof in stamps
                if proof.token is signature.proven_by
            ),
            None,
        )
        return Existence(iso(signature.proven), by)

    def _references(self, position: int) -> list[StampReference]:
        """A signature's own time-stamps, and those over a revision that holds it."""
        own = [reference for reference, _ in self._stamps[position] if reference.role != "document"]
        later = [
            reference
            for stamps in self._stamps[position + 1 :]
            for reference, _ in stamps
            if reference.role == "document"
        ]
        return [each for each in (*own, *later) if each.time]

    def _add_stamp(self, position: int, proof: Proof, encoded: bytes) -> tuple[StampReference, Proof]:
        answer, token = proof.token.answer, proof.token
        indication: Literal["PASSED", "INDETERMINATE", "FAILED"] = "PASSED"
        subindication = None
        if proof.time is None:
            subindication = answer.subindication if not token.intact else proof.trust.subindication
            indication = "FAILED" if subindication in FAILED else "INDETERMINATE"
        signatures: tuple[str, ...] = ()
        if proof.time is not None and token.role == "signature":
            signatures = (self._names[position],)
        elif proof.time is not None and token.role == "document":
            signatures = tuple(self._names[:position])
        certificate = answer.certificate
        identifier = self._add("time_stamp", encoded)
        time = iso(token.time) if token.time is not None else ""
        self._objects[identifier] = replace(
            self._objects[identifier],
            existence=self._existence_of_stamp(position, proof),
            stamp=Stamp(
                time or None,
                indication,
                subindication,
                signer_name(certificate) if certificate is not None else "—",
                self._chain(proof.trust, answer) if answer.integrity == "intact" else None,
                _algorithm(answer),
                signatures,
            ),
        )
        return StampReference(token.role, identifier, time), proof

    def _existence_of_stamp(self, position: int, proof: Proof) -> Existence:
        """A stamp existed by the time of the next one over it; its own statement does not prove that."""
        if proof.moment >= self.moment:
            return Existence(iso(self.moment))
        by = None
        for number, later in enumerate(self.signatures[position + 1 :], position + 1):
            for other, encoded in zip(later.proofs, self._tokens[number], strict=True):
                if other.time == proof.moment and other.token.role == "document":
                    by = by or _identifier("T", encoded)
        return Existence(iso(proof.moment), by)

    def _chain(self, trust: TrustAnswer, answer: CmsAnswer) -> Chain | None:
        path = trust.path
        if path is None and answer.certificate is not None:
            paths = self._paths(answer)
            path = paths[0] if paths else None
        if path is None:
            return None
        certificates = tuple(self._add("certificate", each.der) for each in path.certificates)
        sources: dict[str, None] = {}
        revoked: list[Revocation] = []
        for (below, issuer), identifier in zip(path.links, certificates, strict=False):
            for source in self._sources:
                for status in source.data.statuses(below, issuer):
                    name = self._add(source.kind, source.encoded, source.identifier)
                    sources[name] = None
                    if status.revoked_at is not None:
                        revoked.append(Revocation(identifier, iso(status.revoked_at), name))
        return Chain(certificates, path.is_anchored, trust.revocation, tuple(sources), tuple(revoked))

    def _paths(self, answer: CmsAnswer) -> tuple[Path, ...]:
        try:
            return self.evidence.paths(answer.certificate) if answer.certificate is not None else ()
        except (BerError, IndexError, UnknownAlgorithm):
            return ()  # a certificate that cannot be read leads nowhere

    def _add(self, kind: ObjectKind, encoded: bytes, identifier: str | None = None) -> str:
        identifier = identifier or _identifier(_PREFIXES[kind], encoded)
        if identifier not in self._objects:
            self._bytes[identifier] = encoded
            self._objects[identifier] = ValidationObject(
                identifier,
                kind,
                hashlib.sha256(encoded).hexdigest(),
                Existence(iso(self.moment)),
                b64encode(encoded).decode() if kind == "certificate" else "",
            )
        return identifier


def iso(time: datetime) -> str:
    """A time as reports write it."""
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _identifier(prefix: str, encoded: bytes) -> str:
    return f"{prefix}-{hashlib.sha256(encoded).hexdigest()}"


def _encoded_tokens(signature: Signature) -> tuple[bytes, ...]:
    """The bytes of each of a signature's tokens, in their order; padding is no part of one."""
    if signature.kind == "document_timestamp":
        try:
            own = signature.contents[: read_element(signature.contents).end]
        except BerError:
            own = signature.contents
        return (own,) * len(signature.tokens)
    return (*signature.cms.unsigned.time_stamps, *signature.cms.signed.time_stamps)


def _to_be_signed(answer: CmsAnswer) -> Digest | None:
    """The digest that the signature value is right over (TS 119 102-2, 4.2.3: of the DTBS representation)."""
    if answer.form is None or answer.mechanism is None or answer.mechanism.digest is None:
        return None
    return Digest(answer.mechanism.digest, answer.form.digest(answer.mechanism.digest).hex())


def _algorithm(answer: CmsAnswer) -> Algorithm | None:
    if answer.mechanism is None or answer.mechanism.digest is None:
        return None
    weakness = answer.weakness
    return Algorithm(
        answer.mechanism.family,
        answer.mechanism.digest,
        weakness.name if weakness is not None else None,
        iso(weakness.since) if weakness is not None else None,
    )


def _stated(signature: Signature, document: Document) -> Stated:
    signed = signature.cms.signed
    dictionary = signature.place.dictionary if signature.place is not None else {}
    reference = signed.certificate

    def entry(key: str) -> str:
        value = document.resolve(dictionary.get(key))
        return printable(value if isinstance(value, Name) else text(value), _LONGEST_TEXT)

    return Stated(
        signing_time=iso(signature.claimed) if signature.claimed is not None else None,
        message_digest=(signed.message_digest or b"").hex(),
        certificate=Digest(reference.digest, reference.value.hex()) if reference is not None else None,
        policy=signed.policy,
        filter=entry("Filter"),
        sub_filter=printable(signature.sub_filter),
        name=entry("Name"),
        location=entry("Location"),
        reason=entry("Reason"),
        contact=entry("ContactInfo"),
    )
