"""Agencies and requests for tests of the register, without document types or rendering."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from storage import units
from storage.database import transaction
from storage.new_document import Accepted, NewDocument, NewSlot
from storage.register import Register
from storage.units import Officer, Unit

TODAY = date(2026, 3, 12)
REGENCY = Unit("kabupaten", None, "regency", "Kabupaten Uji", "UJI", "Asia/Jakarta")


def add_agency(register: Register, agency_id: str = "dinas") -> Unit:
    """An agency below the test regency, with one officer."""
    agency = Unit(
        agency_id,
        REGENCY.id,
        "agency",
        f"Dinas {agency_id}",
        "DINAS",
        "Asia/Jakarta",
        phone="021",
        email="dinas@example.org",
        website="dinas.example.org",
        types=("izin",),
    )
    with transaction(register.engine) as connection:
        if REGENCY.id not in connection.scalars(units.select(units.unit.c.id)).all():
            units.add_unit(connection, REGENCY)
        units.add_unit(connection, agency)
        units.add_officer(connection, officer(agency_id))
    return agency


def officer(agency_id: str) -> Officer:
    return Officer(agency_id, f"kepala-{agency_id}", "Ratna", "Kepala Dinas", "", "", "", "kepala", "key")


def new_document(agency_id: str = "dinas", **changes: Any) -> NewDocument:
    return replace(
        NewDocument(
            type="izin",
            family="izin",
            type_label={"id": "Izin", "en": "Permit"},
            template_hash="0" * 64,
            series="izin/2026",
            number=lambda sequence: f"503/{sequence:03}/IZIN/2026",
            issued_on=TODAY,
            valid_from=TODAY,
            valid_until=date(2031, 3, 11),
            retain_until=date(2041, 3, 11),
            slots=(NewSlot("kepala", "signature", officer(agency_id)),),
            needs_approval=False,
            specimen=False,
            fields={"nama": "Siti Aminah", "nik": "3175024107900001"},
            holder_name="Siti Aminah",
            holder=("3175024107900001",),
            place=("Klinik",),
            max_in_force=None,
            one_per_place=False,
            recipient="siti@example.org",
            predecessor=None,
            overrides=(),
            url=lambda code: f"https://cek.example.org/d/{code}",
        ),
        **changes,
    )


def accept(register: Register, agency: Unit, key: str, **changes: Any) -> Accepted:
    """Accept a document as step 1 does."""
    return register.accept(agency, REGENCY, "client", key, f"{key:0>64}", new_document(agency.id, **changes))
