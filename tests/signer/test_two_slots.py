"""A type from a folder outside the package: own numbers, own validity, an approval and two signatures."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from storage import tables
from tests.faults.checking import check_consistency, rows
from tests.office import Office, make_office
from tests.signer.test_signature import judge_verapdf

DOCUMENTS = "/api/v1/documents"
AGENCY = "dinas-pasar"

TYPE = """
id = "izin-lapak"
family = "lapak"
number = "511.2/{sequence:04}/LAPAK/{agency}/{year}"
validity = { days = 30 }
approval = true
holder_name = "pedagang"
retention_years = 2

[label]
id = "Izin Lapak"
en = "Stall permit"

[limits]
holder = ["nik"]

[[slots]]
role = "pemeriksa"
kind = "signature"
label = { id = "Pemeriksa", en = "Inspector" }

[[slots]]
role = "kepala"
kind = "signature"
label = { id = "Kepala dinas", en = "Head of the agency" }
"""

# Initialled by a reviewer, signed by who inspected and by the head or who acts for them; sealed at the end.
MANY = (
    TYPE.replace("approval = true", "approval = false").replace(
        "[[slots]]",
        """[signing]
level = "PAdES-B-LT"

[[slots]]
role = "penelaah"
kind = "initials"
label = { id = "Penelaah", en = "Reviewer" }

[[slots]]""",
        1,
    )
    + """capacities = ["", "Plt."]

[[slots]]
role = "segel"
kind = "e_seal"
label = { id = "Segel dinas", en = "Seal of the agency" }
"""
)

FIELDS = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["pedagang", "nik"],
    "additionalProperties": False,
    "properties": {
        "pedagang": {
            "type": "string", "title": "Nama pedagang", "x-title-en": "Trader", "minLength": 1,
            "maxLength": 120,
        },
        "nik": {"type": "string", "format": "nik", "title": "NIK", "x-title-en": "NIK"},
    },
}  # fmt: skip

PAGE = """
#import "@absah/letter:1.0.0": *
#show: letter.with(title: "Izin Lapak")

#entries("pedagang", "nik", entry("Berlaku sampai", tanggal(data.valid_until)))

#closing[Izin ini tidak dapat dipindahtangankan.]
"""

REGENCY = """
[[unit]]
id = "kabupaten-uji"
level = "regency"
name = "Kabupaten Uji"
abbreviation = "UJI"
zone = "Asia/Jayapura"

[[unit]]
id = "dinas-pasar"
parent_id = "kabupaten-uji"
level = "agency"
name = "Dinas Perdagangan"
abbreviation = "DISDAG"
zone = "Asia/Jayapura"
address = "Jalan Uji 1"
types = ["izin-lapak"]

[[officer]]
agency_id = "dinas-pasar"
id = "kepala-pasar"
name = "Yohana Wenda"
office = "Kepala Dinas Perdagangan"
role = "kepala"
key_id = "kepala-pasar"

[[officer]]
agency_id = "dinas-pasar"
id = "pemeriksa-pasar"
name = "Markus Tabuni"
office = "Kepala Bidang Pasar"
role = "pemeriksa"
key_id = "pemeriksa-pasar"
"""


MORE = """
[[officer]]
agency_id = "dinas-pasar"
id = "penelaah-pasar"
name = "Ruth Mote"
office = "Penelaah Teknis"
role = "penelaah"
key_id = "penelaah-pasar"

[[officer]]
agency_id = "dinas-pasar"
id = "segel-pasar"
name = "Dinas Perdagangan"
office = "Segel Dinas Perdagangan"
role = "segel"
key_id = "segel-pasar"
"""


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Office]:
    yield from opened(tmp_path, TYPE, REGENCY)


@pytest.fixture
def sealed(tmp_path: Path) -> Iterator[Office]:
    yield from opened(tmp_path, MANY, REGENCY + MORE)


def opened(tmp_path: Path, kind: str, regency: str) -> Iterator[Office]:
    folder = tmp_path / "types" / "izin-lapak"
    folder.mkdir(parents=True)
    (folder / "type.toml").write_text(kind)
    (folder / "fields.json").write_text(json.dumps(FIELDS))
    (folder / "document.typ").write_text(PAGE)
    (folder / "sample.json").write_text(json.dumps({"pedagang": "Maria", "nik": "9901054107900003"}))
    (tmp_path / "regency.toml").write_text(regency)
    office = make_office(tmp_path / "data", tmp_path / "regency.toml", types=tmp_path / "types")
    yield office
    office.desk.register.engine.dispose()
    office.workshop.register.engine.dispose()


def test_a_document_of_a_foreign_type_with_two_signatures(market: Office, tmp_path: Path) -> None:
    accepted = market.request(market.sample("izin-lapak"), AGENCY)
    today = datetime.now(UTC) + timedelta(hours=9)  # Asia/Jayapura has no summer time
    assert accepted["number"] == f"511.2/0001/LAPAK/DISDAG/{today.year}"
    market.work()
    state = market.state(accepted["id"], AGENCY)
    assert (state["state"], state["waiting_for"]) == ("PREPARED", "APPROVAL")
    assert date.fromisoformat(state["valid_until"]) == today.date() + timedelta(days=29)
    assert rows(market, tables.signature_intent) == [], "a key was used before the approval"

    path = f"{DOCUMENTS}/{accepted['id']}"
    assert market.post(f"{path}/approve", {"digest": state["prepared_sha256"]}, AGENCY).status_code == 200
    market.work()
    state = market.state(accepted["id"], AGENCY)
    assert (state["state"], state["state_reason"], state["waiting_for"]) == ("ISSUED", None, None)
    intents = rows(market, tables.signature_intent)
    assert [each["key_id"] for each in sorted(intents, key=lambda each: each["ordinal"])] == [
        "pemeriksa-pasar",
        "kepala-pasar",
    ]
    check_consistency(market)

    file = tmp_path / "izin.pdf"
    file.write_bytes(market.get(f"{path}/pdf", AGENCY).content)
    [answer] = verify(market, file)
    assert (answer["verdict"], answer["register"]["number"]) == ("valid", accepted["number"])
    [answer] = verify(market, file, "--offline")
    assert answer["verdict"] == "valid"
    first, second = answer["signatures"]
    assert [each["field"] for each in (first, second)] == ["Signature1", "Signature2"]
    assert ["Markus Tabuni" in first["signer"], "Yohana Wenda" in second["signer"]] == [True, True]
    for each in (first, second):
        assert (each["integrity"], each["trust"], each["level"]) == ("intact", "trusted", "PAdES-B-T")
    assert (first["covers"], first["changes"]) == ("whole_revision", "permitted")
    assert (second["covers"], second["changes"]) == ("whole_file", "none")


def verify(office: Office, file: Path, *options: str) -> list:
    trust = office.settings.trust_folder
    run = subprocess.run(
        [sys.executable, "-m", "signer", "verify", str(file), "--json", "--trust", str(trust), *options],
        env={"ABSAH_DATA": str(office.settings.data)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_the_second_signatory_is_needed_from_the_start(market: Office) -> None:
    """No number is given to a document that nobody could sign."""
    from sqlalchemy import update

    from storage.database import transaction

    with transaction(market.desk.register.engine) as connection:
        connection.execute(
            update(tables.officer).where(tables.officer.c.role == "pemeriksa").values(active=False)
        )
    answer = market.post(DOCUMENTS, market.sample("izin-lapak"), AGENCY)
    assert (answer.status_code, answer.json()["code"]) == (409, "NO_SIGNATORY")
    assert re.search("pemeriksa", answer.json()["detail"])
    assert rows(market, tables.series) == []


def test_initials_two_signatures_and_a_seal(sealed: Office, tmp_path: Path) -> None:
    accepted = sealed.request(sealed.sample("izin-lapak"), AGENCY)
    sealed.work()
    state = sealed.state(accepted["id"], AGENCY)
    assert state["state"] == "ISSUED", state
    file = tmp_path / "izin.pdf"
    file.write_bytes(sealed.get(f"{DOCUMENTS}/{accepted['id']}/pdf", AGENCY).content)
    [answer] = verify(sealed, file)
    assert answer["verdict"] == "valid"
    signatures = answer["signatures"]
    assert [each["field"] for each in signatures] == [f"Signature{number}" for number in range(1, 5)]
    people = ["Ruth Mote", "Markus Tabuni", "Yohana Wenda"]
    assert all(name in each["signer"] for name, each in zip(people, signatures[:3], strict=True))
    assert {each["level"] for each in signatures} == {"PAdES-B-LT"}
    assert {each["changes"] for each in signatures} == {"permitted"}
    assert not {each["severity"] for each in answer["findings"]} & {"error", "warning"}
    # The page shows three blocks; the initials are a signature that it does not show.
    import pypdfium2

    shown = pypdfium2.PdfDocument(file)[0].get_textpage().get_text_range()
    assert "Ruth Mote" not in shown
    assert shown.count("Ditandatangani secara elektronik oleh:") == 2
    assert shown.count("Disegel secara elektronik oleh:") == 1


def test_verapdf_agrees_with_unseen_fields(sealed: Office, tmp_path: Path) -> None:
    accepted = sealed.request(sealed.sample("izin-lapak"), AGENCY)
    sealed.work()
    content = sealed.get(f"{DOCUMENTS}/{accepted['id']}/pdf", AGENCY).content
    judge_verapdf({"sealed": content}, tmp_path)


def test_who_acts_for_the_head_may_not_sign_everything(sealed: Office) -> None:
    from sqlalchemy import update

    from storage.database import transaction

    for capacity, status in (("Plh.", 409), ("a.n.", 409), ("Plt.", 202), ("", 202)):
        with transaction(sealed.desk.register.engine) as connection:
            connection.execute(
                update(tables.officer).where(tables.officer.c.role == "kepala").values(capacity=capacity)
            )
        body = sealed.sample("izin-lapak", serial=len(capacity) + 1)
        answer = sealed.post(DOCUMENTS, body, AGENCY, key=f"k{capacity}")
        assert answer.status_code == status, answer.text
        if status == 409:
            assert answer.json()["code"] == "CAPACITY_NOT_ALLOWED"
            assert capacity in answer.json()["detail"]
