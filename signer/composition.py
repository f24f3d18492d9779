"""What goes on the page: the same for the trial rendering of a request and for the document itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from storage.reading import Document
from storage.units import Officer, Unit
from templates.catalogue import DocumentType
from templates.render import Letterhead, Page, Signatory


def compose(
    document_type: DocumentType,
    fields: Mapping[str, Any],
    *,
    number: str,
    code: str,
    url: str,
    issued_on: date,
    valid_from: date,
    valid_until: date | None,
    agency: Unit,
    regency: Unit,
    officers: tuple[Officer, ...],
    created: datetime,
    specimen: bool,
    development: bool,
) -> Page:
    """The page of a document; ``officers`` are its signatories, one per slot, in order."""
    return Page(
        type=document_type,
        fields=fields,
        number=number,
        code=code,
        url=url,
        check_host=urlsplit(url).netloc,
        issued_on=issued_on,
        valid_from=valid_from,
        valid_until=valid_until,
        zone=agency.zone,
        letterhead=Letterhead(
            regency=regency.name,
            agency=agency.name,
            address=agency.address,
            phone=agency.phone,
            email=agency.email,
            website=agency.website,
            logo_svg=regency.logo_svg or b"",
        ),
        signatories=tuple(
            Signatory(
                name=officer.name,
                office=officer.office,
                nip=officer.nip,
                rank=officer.rank,
                capacity=officer.capacity,
            )
            for officer in officers
        ),
        created=created,
        specimen=specimen,
        development=development,
    )


def compose_document(
    document_type: DocumentType, document: Document, *, created: datetime, development: bool
) -> Page:
    """The page of an accepted document, all of it as step 1 fixed it."""
    return compose(
        document_type,
        document.fields,
        number=document.number,
        code=document.code,
        url=document.url,
        issued_on=document.issued_on,
        valid_from=document.valid_from,
        valid_until=document.valid_until,
        agency=document.agency,
        regency=document.regency,
        officers=tuple(slot.officer for slot in document.slots),
        created=created,
        specimen=document.specimen,
        development=development,
    )
