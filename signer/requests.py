"""Accepting a document: step 1 of the issuing cycle, up to its one transaction.

Everything that can be wrong with a request is found here, before a number exists: the fields
against the type, the signatory, the validity, and a dry rendering of the very page. A refused
request leaves nothing behind and burns no number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from signer.composition import compose
from storage import code
from storage.api_keys import Client
from storage.database import reading
from storage.limits import DOUBTFUL, ORDINAL_IN_USE, unneeded_override
from storage.new_document import Accepted, NewDocument, NewSlot, Override, Predecessor
from storage.place import normal_place
from storage.records import day_in
from storage.register import Register
from storage.units import (
    Officer,
    Unit,
    get_officer,
    get_unit,
    officer_for_role,
    regency_of,
)
from storage.vocabulary import Conflict, FieldProblem, InvalidRequest, ReasonClass
from templates.catalogue import Catalogue, DocumentType, Slot
from templates.render import Renderer

# As long as every code, and always the same: its QR symbol is drawn once.
_TRIAL_CODE = "Z" * code.LENGTH


@dataclass(frozen=True)
class AcceptedWarning:
    """A warning's code, and why the officer takes the value for genuine."""

    code: str
    reason: str


@dataclass(frozen=True)
class IssueRequest:
    """What an agency asks for. ``specimen`` is never set from outside."""

    type: str
    fields: Mapping[str, Any]
    valid_from: date | None = None
    recipient: str | None = None
    overrides: tuple[AcceptedWarning, ...] = ()
    officer: str | None = None
    specimen: bool = False


@dataclass(frozen=True)
class Replacement:
    """The document that a request replaces, and why."""

    document_id: str
    reason_class: ReasonClass
    note: str


@dataclass(frozen=True)
class Desk:
    """What accepting needs. There is no key in it: the process that talks to agencies cannot sign."""

    register: Register
    catalogue: Catalogue
    renderer: Renderer
    public_url: str
    development: bool
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def url(self, verification_code: str) -> str:
        """The address in the QR code."""
        return f"{self.public_url.rstrip('/')}/d/{verification_code}"


def accept(
    desk: Desk,
    client: Client,
    idempotency_key: str,
    request: IssueRequest,
    replacement: Replacement | None = None,
) -> Accepted:
    """Validate a request, render it once for trial, and record it with its number.

    Raises:
        InvalidRequest: with a pointer and a remedy for each problem; no number was consumed.
        Conflict: the key was used for another request, or a rule of the register forbids it.
        NotFound: no such type, officer or predecessor.
    """
    _check_overrides(request.overrides)
    fingerprint = _fingerprint(request, replacement)
    earlier = desk.register.earlier_request(client.agency_id, client.id, idempotency_key, fingerprint)
    if earlier is not None:
        return earlier

    document_type = desk.catalogue.get(request.type)
    with reading(desk.register.engine) as connection:
        agency = get_unit(connection, client.agency_id)
        regency = regency_of(connection, agency)
        officers = tuple(officer_for_role(connection, agency.id, slot.role) for slot in document_type.slots)
        for slot, officer in zip(document_type.slots, officers, strict=True):
            _check_capacity(slot, officer)
        if request.overrides or replacement is not None:
            responsible = get_officer(connection, agency.id, responsible_officer(client, request.officer))
    if document_type.id not in agency.types:
        raise InvalidRequest(
            f"This agency does not issue “{document_type.id}”; it issues {', '.join(agency.types)}.",
            (FieldProblem("/type", "TYPE_NOT_OFFERED", "Choose a type that this agency issues."),),
            code="TYPE_NOT_OFFERED",
        )

    issued_on = day_in(agency.zone, desk.clock())
    fields = _read_fields(document_type, request, issued_on)
    valid_from, valid_until = document_type.validity(issued_on, request.valid_from, fields)
    if valid_until is not None and valid_until < issued_on and not request.specimen:
        raise InvalidRequest(
            "The validity would have ended before the document is issued.",
            (FieldProblem("/valid_from", "ALREADY_EXPIRED", "Choose dates that end in the future."),),
        )

    new = NewDocument(
        type=document_type.id,
        family=document_type.family,
        type_label=document_type.label,
        template_hash=document_type.template_hash,
        series=document_type.series(issued_on),
        number=lambda sequence: document_type.number(sequence, issued_on, agency.abbreviation),
        issued_on=issued_on,
        valid_from=valid_from,
        valid_until=valid_until,
        retain_until=document_type.retain_until(issued_on, valid_until),
        slots=tuple(
            NewSlot(slot.role, slot.kind, officer)
            for slot, officer in zip(document_type.slots, officers, strict=True)
        ),
        needs_approval=document_type.approval,
        specimen=request.specimen,
        fields=fields,
        holder_name=str(fields[document_type.holder_name]),
        holder=tuple(_plain(fields.get(name)) for name in document_type.limits.holder),
        place=tuple(
            normal_place(str(fields.get(name) or ""), regency.name) for name in document_type.limits.place
        ),
        max_in_force=document_type.limits.max_in_force,
        one_per_place=bool(document_type.limits.place),
        recipient=request.recipient,
        predecessor=(
            Predecessor(replacement.document_id, replacement.reason_class, replacement.note, responsible.id)
            if replacement is not None
            else None
        ),
        overrides=tuple(
            Override(override.code, override.reason, responsible.id) for override in request.overrides
        ),
        url=desk.url,
        ordinal=document_type.limits.ordinal,
        level=document_type.signing.level,
        outage=document_type.signing.outage,
    )
    _render_for_trial(desk, document_type, new, agency, regency, officers)
    return desk.register.accept(agency, regency, client.id, idempotency_key, fingerprint, new)


def _check_capacity(slot: Slot, officer: Officer) -> None:
    """Who acts for another may not sign everything: the type says in which capacities it is signed."""
    if officer.capacity not in slot.capacities:
        allowed = ", ".join(each or "their own office" for each in slot.capacities)
        raise Conflict(
            f"The role “{slot.role}” has the capacity “{officer.capacity}”; this type is signed only as:"
            f" {allowed}.",
            code="CAPACITY_NOT_ALLOWED",
        )


def responsible_officer(client: Client, named: str | None) -> str:
    """The officer who answers for a decision: the key's own, or the one that a system names.

    Raises:
        InvalidRequest: nobody is named, or an officer's key names somebody else.
    """
    if client.officer_id is not None and named not in (None, client.officer_id):
        raise InvalidRequest(
            "This API key belongs to another officer; leave out “officer” or use their own key.",
            (FieldProblem("/officer", "OTHER_OFFICER", "Leave it out, or name the key's own officer."),),
        )
    officer = client.officer_id or named
    if officer is None:
        raise InvalidRequest(
            "Say which officer answers for this decision.",
            (FieldProblem("/officer", "OFFICER_MISSING", "Give the id of the responsible officer."),),
        )
    return officer


def _render_for_trial(
    desk: Desk,
    document_type: DocumentType,
    new: NewDocument,
    agency: Unit,
    regency: Unit,
    officers: tuple[Officer, ...],
) -> None:
    desk.renderer.render(
        compose(
            document_type,
            new.fields,
            number=new.number(9999),
            code=_TRIAL_CODE,
            url=desk.url(_TRIAL_CODE),
            issued_on=new.issued_on,
            valid_from=new.valid_from,
            valid_until=new.valid_until,
            agency=agency,
            regency=regency,
            officers=officers,
            created=desk.clock(),
            specimen=new.specimen,
            development=desk.development,
        )
    )


def _check_overrides(overrides: tuple[AcceptedWarning, ...]) -> None:
    """An override is an officer's statement on the record: one for each code, with words in it."""
    problems = []
    seen = set()
    for index, override in enumerate(overrides):
        if not any(character.isalnum() for character in override.reason):
            message = "Say why the value is genuine; this reason stays on record."
            problems.append(FieldProblem(f"/overrides/{index}/reason", "REASON_MISSING", message))
        if override.code in seen:
            message = "This code is confirmed twice; keep one reason."
            problems.append(FieldProblem(f"/overrides/{index}/code", "OVERRIDE_TWICE", message))
        seen.add(override.code)
    if problems:
        raise InvalidRequest("The overrides cannot be used as they are.", tuple(problems))


def _read_fields(document_type: DocumentType, request: IssueRequest, issued_on: date) -> Mapping[str, Any]:
    """The fields as they are stored; every doubt in them is one that an officer confirmed, and no other."""
    fields, found = document_type.read(request.fields, issued_on=issued_on)
    confirmed = {override.code for override in request.overrides}
    problems = tuple(each for each in found if not (each.overridable and each.code in confirmed))
    if problems:
        only_warnings = all(problem.overridable for problem in problems)
        raise InvalidRequest(
            DOUBTFUL if only_warnings else "Some fields are missing or wrong; nothing was recorded.",
            problems,
            code="FIELDS_DOUBTFUL" if only_warnings else "FIELDS_INVALID",
        )
    doubtful = {each.code for each in found if each.overridable}
    if document_type.limits.ordinal is not None:
        doubtful.add(ORDINAL_IN_USE)  # only the register knows; it judges this override itself
    for index, override in enumerate(request.overrides):
        if override.code not in doubtful:
            raise unneeded_override(index)
    return fields


def _fingerprint(request: IssueRequest, replacement: Replacement | None) -> str:
    """SHA-256 over the meaning of a request, so that a retry with other spacing is the same request."""
    content = {
        "type": request.type,
        "fields": request.fields,
        "valid_from": str(request.valid_from),
        "recipient": request.recipient,
        "overrides": [[override.code, override.reason] for override in request.overrides],
        "officer": request.officer,
        "replaces": [replacement.document_id, replacement.reason_class] if replacement else None,
    }
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: object) -> str:
    """What identifies a holder, as the limits compare it: without case and spacing."""
    return " ".join(str(value or "").split()).casefold()
