"""The first start: database, development PKI, two fictional regencies and specimens in every state.

Everything goes through the product itself, from the request to the changed status; nothing is
written into the register by hand. Each later start finds it done and returns at once.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from signer.commands.data import (
    DEFAULT_URL,
    first_run_file,
    is_first_run,
    make_folder,
    samples_folder,
    specimens_file,
    write_private,
)
from signer.logs import log_as_json
from signer.settings import Settings, load_settings
from storage.database import migrate, open_database

if TYPE_CHECKING:
    from templates.catalogue import DocumentType


@click.command("set-up", hidden=True)
def set_up() -> None:
    """Prepare the data folder; on the first start of a development installation, fill it."""
    settings = load_settings()
    prepare(settings)
    migrate(open_database(settings.database))


def prepare(settings: Settings) -> None:
    """Make the first start, if this is one: of a development installation without a register."""
    if not is_first_run(settings):
        return
    make_folder(settings.data)
    log_as_json()
    click.echo(f"First use: setting up {settings.data} with fictional agencies and specimens.", err=True)
    # What is made here is for the operator's eyes only.
    before = os.umask(0o077)
    _first_run(settings)
    os.umask(before)


def _first_run(settings: Settings) -> None:
    # Imported here, because every later start would wait for them in vain.
    from rich.console import Console
    from rich.progress import Progress

    from signer.commands.specimens import Studio, issue_specimens, write_samples
    from signer.workshop import development_transport

    url = settings.public_url or DEFAULT_URL
    # Made apart and moved at the end: an interrupted first start leaves nothing half done. Specimens are
    # signed and stamped by the development PKI, also where the operator's own keys are set already.
    staged = settings.model_copy(
        update={"data": settings.data / "first-run", "keys_file": None, "trust": None, "tsa_url": None}
    )
    shutil.rmtree(staged.data, ignore_errors=True)
    staged.data.mkdir(parents=True)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Setting up", total=None)

        def step(description: str) -> None:
            progress.update(task, description=description, advance=1)

        step("Making the development keys")
        engine = open_database(staged.database)
        migrate(engine)
        engine.dispose()
        agencies = _make_agencies(staged)
        studio = Studio.open(staged, url, development_transport(staged))
        specimens = issue_specimens(studio, step)
        step("Writing files to upload")
        write_samples(studio, specimens, samples_folder(staged))
        studio.close()
    write_private(specimens_file(staged), [specimen.as_json() for specimen in specimens])
    write_private(first_run_file(staged), {"url": url, "first_url": url, "agencies": agencies})
    # The register last: its presence is what says that the first start is over.
    for made in sorted(staged.data.iterdir(), key=lambda path: path.name == "register.db"):
        made.rename(settings.data / made.name)
    staged.data.rmdir()


def _make_agencies(settings: Settings) -> list[dict[str, str]]:
    """Agencies, officers, their development keys and one API key each, for its head."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from keys.development import DevelopmentKeyRing, OfficerSubject, create
    from signer.commands.operate import add_units
    from signer.parts import open_catalogue, open_register
    from storage import api_keys, units
    from storage.database import transaction

    register, catalogue = open_register(settings), open_catalogue(settings)
    with transaction(register.engine) as connection:
        add_units(connection, Path(__file__).parent.parent / "sample" / "regencies.toml")
        # Those that issue at once first: the first one's example is what `serve` prints.
        agencies = sorted(units.agencies(connection), key=lambda each: catalogue.get(each.types[0]).approval)
        heads = {each.id: units.officer_for_role(connection, each.id, "kepala") for each in agencies}
        regencies = {each.id: units.regency_of(connection, each).name for each in agencies}
        keys = {
            each.id: api_keys.new_api_key(connection, each.id, api_keys.SCOPES, heads[each.id].id)
            for each in agencies
        }
    register.engine.dispose()
    create(
        settings.keys_folder,
        [
            OfficerSubject(
                key_id=str(head.key_id),
                name=head.name,
                office=head.office,
                organisation=regencies[agency_id],
                # One of each kind, so that both are seen at work.
                algorithm="rsa2048" if head.key_id == "kepala-dpmptsp-teladan" else "p256",
            )
            for agency_id, head in heads.items()
        ],
    )
    settings.trust_folder.mkdir(parents=True, exist_ok=True)
    for anchor in DevelopmentKeyRing.open(settings.keys_folder).anchors():
        (settings.trust_folder / "development-root.pem").write_bytes(anchor.public_bytes(Encoding.PEM))
    return [
        {
            "id": each.id,
            "name": each.name,
            "api_key": keys[each.id],
            "example": _write_example(settings, catalogue.get(each.types[0]), each.id),
        }
        for each in agencies
    ]


def _write_example(settings: Settings, document_type: DocumentType, agency_id: str) -> str:
    """A request file for the ``curl`` that `serve` prints; its path below the data folder."""
    file = settings.data / f"example-{agency_id}.json"
    body = {"type": document_type.id, "fields": document_type.sample}
    file.write_text(json.dumps(body, ensure_ascii=False, indent=2) + "\n")
    return file.name
