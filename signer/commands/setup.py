"""The first start: database, development PKI, two fictional regencies and specimens in every state.

Everything goes through the product itself, from the request to the changed status; nothing is
written into the register by hand. Each later start finds it done and returns at once.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from signer.commands.data import (
    DEFAULT_URL,
    development_transport,
    first_run_file,
    keys_folder,
    samples_folder,
    specimens_file,
    write_private,
)
from signer.settings import Settings, load_settings
from storage.database import migrate, open_database

if TYPE_CHECKING:
    from templates.catalogue import DocumentType


@click.command("set-up", hidden=True)
def set_up() -> None:
    """Prepare the data folder; on the first start of a development installation, fill it."""
    settings = load_settings()
    migrate(open_database(settings.database))
    if settings.development and not first_run_file(settings).exists():
        _first_run(settings)


def _first_run(settings: Settings) -> None:
    # Imported here, because every later start would wait for them in vain.
    from rich.progress import Progress

    from signer.commands.specimens import Studio, issue_specimens, write_samples

    url = settings.public_url or DEFAULT_URL
    with Progress(transient=True) as progress:
        task = progress.add_task("Setting up", total=None)

        def step(description: str) -> None:
            progress.update(task, description=description, advance=1)

        step("Making the development keys")
        agencies = _make_agencies(settings)
        studio = Studio.open(settings, url, development_transport(settings))
        specimens = issue_specimens(studio, step)
        step("Writing files to upload")
        write_samples(studio, specimens, samples_folder(settings))
    write_private(specimens_file(settings), [specimen.as_json() for specimen in specimens])
    write_private(first_run_file(settings), {"url": url, "first_url": url, "agencies": agencies})


def _make_agencies(settings: Settings) -> list[dict[str, str]]:
    """Agencies, officers, their development keys and one API key each, for its head."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from keys.development import DevelopmentKeyRing, OfficerSubject, create
    from signer.commands.operate import add_units
    from signer.parts import open_catalogue, open_register
    from storage import units
    from storage.database import transaction

    register = open_register(settings)
    with transaction(register.engine) as connection:
        if not units.agencies(connection):
            add_units(connection, Path(__file__).parent.parent / "sample" / "regencies.toml")
        agencies = units.agencies(connection)
        heads = {each.id: units.officer_for_role(connection, each.id, "kepala") for each in agencies}
        create(
            keys_folder(settings),
            [
                OfficerSubject(
                    key_id=str(heads[each.id].key_id),
                    name=heads[each.id].name,
                    office=heads[each.id].office,
                    organisation=units.regency_of(connection, each).name,
                    # One of each kind, so that both are seen at work.
                    algorithm="rsa2048" if index == len(agencies) - 1 else "p256",
                    kind="signature",
                )
                for index, each in enumerate(agencies)
            ],
        )
        settings.trust_folder.mkdir(parents=True, exist_ok=True)
        for index, anchor in enumerate(DevelopmentKeyRing.open(keys_folder(settings)).anchors()):
            (settings.trust_folder / f"development-{index}.pem").write_bytes(
                anchor.public_bytes(Encoding.PEM)
            )
        described = []
        for each in agencies:
            example = _example_request(settings, open_catalogue(settings).get(each.types[0]), each.id)
            key = units.new_api_key(connection, each.id, units.SCOPES, heads[each.id].id)
            described.append({"id": each.id, "name": each.name, "api_key": key, "example": example})
    return described


def _example_request(settings: Settings, document_type: DocumentType, agency_id: str) -> str:
    """A request file for the ``curl`` that `serve` prints; its path below the data folder."""
    file = settings.data / f"example-{agency_id}.json"
    body = {"type": document_type.id, "fields": document_type.sample}
    file.write_text(json.dumps(body, ensure_ascii=False, indent=2) + "\n")
    return file.name
