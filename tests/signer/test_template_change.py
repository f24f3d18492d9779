"""An upgrade between request and preparation: the document stops, and an operator lets it go on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from signer.worker import work_on
from storage import tables
from storage.vocabulary import Unavailable
from templates.catalogue import SHIPPED
from tests.command_line import absah
from tests.faults.checking import check_consistency, rows
from tests.office import REGENCIES, Office, make_office, open_office

AGENCY = "dpmptsp-contoh"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """An office whose agency also issues a type of its own: a doctor's permit, with a photo."""
    folder = tmp_path_factory.mktemp("changing")
    own = folder / "types" / "izin-dokter"
    shutil.copytree(SHIPPED / "sip-dokter", own)
    edit(own, "type.toml", 'id = "sip-dokter"', 'id = "izin-dokter"')
    edit(own, "type.toml", "503/", "504/")
    described = folder / "regencies.toml"
    shutil.copy(REGENCIES, described)
    edit(folder, described.name, '"../../', f'"{REGENCIES.parents[2]}/')
    edit(folder, described.name, '"sip-dokter"', '"izin-dokter", "sip-dokter"')
    return make_office(folder / "data", described, types=folder / "types")


@pytest.fixture
def changing(made: Office, tmp_path: Path) -> Office:
    made.desk.register.engine.dispose()
    assert made.settings.types is not None
    shutil.copytree(made.settings.data, tmp_path / "data")
    shutil.copytree(made.settings.types, tmp_path / "types")
    changes = {"data": tmp_path / "data", "types": tmp_path / "types"}
    return open_office(made.settings.model_copy(update=changes), made.keys)


def edit(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text("utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), "utf-8")


def upgrade(office: Office, change: Callable[[Path], None]) -> Office:
    """The office after its type was changed and its processes were started again."""
    assert office.settings.types is not None
    change(office.settings.types / "izin-dokter")
    return open_office(office.settings, office.keys)


def blocked(office: Office, change: Callable[[Path], None]) -> tuple[Office, str]:
    """A document that was requested before the change and blocked after it."""
    accepted = office.request(office.sample("izin-dokter"))
    later = upgrade(office, change)
    work_on(later.workshop, AGENCY, accepted["id"])
    assert later.state(accepted["id"])["state_reason"] == "TEMPLATE_CHANGED@ALLOCATED"
    return later, accepted["id"]


def run(office: Office, *arguments: str, code: int = 0) -> str:
    ended = absah(office.settings.data, *arguments, code=code, ABSAH_TYPES=str(office.settings.types))
    return ended.stderr if code else ended.stdout


def new_words(folder: Path) -> None:
    edit(folder, "document.typ", "Dokter (SIPD)", "Dokter, versi baru")


def test_an_operator_lets_it_go_on_with_the_template_of_today(changing: Office) -> None:
    office, document_id = blocked(changing, new_words)
    before = office.state(document_id)
    listed = run(office, "unblock")
    assert listed.split("\t") == [AGENCY, document_id, before["number"], "TEMPLATE_CHANGED@ALLOCATED\n"]
    assert run(office, "unblock", AGENCY) == listed
    assert run(office, "unblock", "bakesbangpol-contoh") == ""
    assert "takes it up again" in run(office, "unblock", AGENCY, document_id)
    assert run(office, "unblock") == ""
    office.work()
    after = office.state(document_id)
    assert (after["state"], after["status"], after["number"]) == ("ISSUED", "in_force", before["number"])
    assert (after["valid_from"], after["valid_until"]) == (before["valid_from"], before["valid_until"])
    [row] = rows(office, tables.document)
    assert row["template_hash"] == office.desk.catalogue.get("izin-dokter").template_hash
    assert any(
        "document.unblocked" in event["canonical"] and row["template_hash"] in event["canonical"]
        for event in rows(office, tables.audit_event)
    )
    check_consistency(office)


def needs_another_field(folder: Path) -> None:
    edit(folder, "fields.json", '"nomor_str",', '"nomor_str", "gelar_kehormatan",')
    field = '"gelar_kehormatan": {"type": "string", "title": "Gelar", "x-title-en": "Title"},'
    edit(folder, "fields.json", '"foto": {', field + ' "foto": {')


def needs_an_approval(folder: Path) -> None:
    edit(folder, "type.toml", "approval = false", "approval = true")


def needs_a_second_hand(folder: Path) -> None:
    slot = '[[slots]]\nrole = "segel"\nkind = "e_seal"\nlabel = { id = "Segel", en = "Seal" }\n\n[[slots]]'
    edit(folder, "type.toml", "[[slots]]", slot)


@pytest.mark.parametrize("change", [needs_another_field, needs_an_approval, needs_a_second_hand])
def test_what_the_type_would_not_accept_any_more_is_to_be_requested_anew(
    changing: Office, change: Callable[[Path], None]
) -> None:
    office, document_id = blocked(changing, change)
    said = run(office, "unblock", AGENCY, document_id, code=1)
    assert said.startswith("TEMPLATE_UNFIT: ")
    assert "annul" in said
    assert ("/fields/gelar_kehormatan" in said) == (change is needs_another_field)
    assert office.state(document_id)["state"] == "BLOCKED"
    annulled = office.post(
        f"/api/v1/documents/{document_id}/annul", {"reason": "issued_in_error", "note": "Jenis berubah"}
    )
    assert annulled.status_code in (200, 202), annulled.text
    assert office.state(document_id)["state"] == "VOID"


def test_a_template_that_does_not_compile_says_where(changing: Office) -> None:
    office, document_id = blocked(
        changing, lambda folder: edit(folder, "document.typ", "#practice-permit", "#nothing")
    )
    assert run(office, "unblock", AGENCY, document_id, code=1).startswith("RENDER_FAILED: ")
    assert office.state(document_id)["state"] == "BLOCKED"


class Silent:
    """A time-stamp authority that does not answer."""

    token_size = 4096

    def stamp(self, value: bytes) -> None:
        raise Unavailable("The time-stamp authority does not answer.", code="TSA_UNAVAILABLE")


def test_what_is_prepared_is_issued_as_it_was_frozen(changing: Office) -> None:
    """Only a page that is still to be drawn is concerned."""
    accepted = changing.request(changing.sample("izin-dokter"))
    work_on(replace(changing.workshop, timestamps=Silent()), AGENCY, accepted["id"])  # type: ignore[arg-type]
    assert changing.state(accepted["id"])["state"] == "SIGNED"
    later = upgrade(changing, new_words)
    work_on(later.workshop, AGENCY, accepted["id"])
    assert later.state(accepted["id"])["state"] == "ISSUED"
