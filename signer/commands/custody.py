"""``absah custody``: documents of other issuers, kept and delivered byte for byte."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from pathlib import Path

import click

from signer.commands.arguments import PlainText
from signer.commands.setup import prepare
from signer.custody import CustodyDesk, CustodyRequest, keep, read_file
from signer.logs import log_as_json
from signer.parts import open_archive, open_register
from signer.settings import Settings, load_settings
from storage.api_keys import SCOPES, Client
from storage.database import transaction
from storage.units import get_unit
from storage.vocabulary import Misconfigured
from verifier.sandbox import Sandbox
from verifier.trust.folder import read_trust

_DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def custody() -> None:
    """Documents of other issuers (OSS, SIAK, SIMBG …): kept and delivered, never stamped or signed by us."""


@custody.command()
@click.argument("file", metavar="FILE.pdf", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--agency", "agency_id", required=True, type=PlainText(), help="Which agency keeps it.")
@click.option("--issuer", required=True, type=PlainText(), help="Who issued it.")
@click.option("--number", required=True, type=PlainText(), help="The issuer's number.")
@click.option("--type", "type_", required=True, type=PlainText(), help="What it is: Kartu Keluarga, NIB …")
@click.option("--holder-name", type=PlainText(), help="Whose it is; the public sees it masked.")
@click.option("--issued-on", type=_DAY, help="The day of issue; that of its signature, if not given.")
@click.option("--valid-until", type=_DAY, help="Its last day in force.")
@click.option("--accept-unsigned", metavar="REASON", type=PlainText(500), help="Why it is taken unsigned.")
@click.option(
    "--accept-untrusted", metavar="REASON", type=PlainText(500),
    help="Why it is taken although nobody whom we trust vouches for its signer.",
)  # fmt: skip
@click.option("--idempotency-key", type=PlainText(), help="Repeat with the same key to get the same entry.")
def add(
    file: Path,
    agency_id: str,
    issuer: str,
    number: str,
    type_: str,
    holder_name: str | None,
    issued_on: datetime | None,
    valid_until: datetime | None,
    accept_unsigned: str | None,
    accept_untrusted: str | None,
    idempotency_key: str | None,
) -> None:
    """Check FILE.pdf, keep it as it is, and print its id.

    \b
    absah custody add kk.pdf --agency dpmptsp-contoh --issuer "Ditjen Dukcapil" \\
        --number 3175021203260001 --type "Kartu Keluarga"
    """
    log_as_json()
    settings = load_settings()
    prepare(settings)
    request = CustodyRequest(
        issuer=issuer,
        number=number,
        type=type_,
        holder_name=holder_name or "",
        issued_on=_day(issued_on),
        valid_until=_day(valid_until),
        accept_unsigned=accept_unsigned,
        accept_untrusted=accept_untrusted,
    )
    with Sandbox(require_filter=not settings.development) as sandbox:
        desk = _desk(settings, sandbox)
        with transaction(desk.register.engine) as connection:
            get_unit(connection, agency_id)
        client = Client("command-line", agency_id, None, frozenset(SCOPES))
        kept = keep(desk, client, idempotency_key or str(uuid.uuid4()), file.read_bytes(), request)
    click.echo(f"id      {kept.id}\nnumber  {kept.number}\nissuer  {kept.origin}")
    click.echo(f"sha256  {kept.sha256}\nfound   {kept.verdict}")


@custody.command()
@click.argument("document_id", metavar="ID", type=PlainText())
@click.option("--agency", "agency_id", required=True, type=PlainText(), help="Which agency keeps it.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write it.",
)
def get(document_id: str, agency_id: str, output: Path) -> None:
    """Write a file in custody, byte for byte as it was handed in."""
    log_as_json()
    settings = load_settings()
    prepare(settings)
    kept, file = read_file(_desk(settings, Sandbox()), agency_id, document_id)
    try:
        output.write_bytes(file)
    except OSError as error:
        raise Misconfigured(f"{output} cannot be written ({error.strerror}).", code="OUTPUT") from error
    click.echo(f"sha256  {kept.sha256}\npath    {output}")


def _desk(settings: Settings, sandbox: Sandbox) -> CustodyDesk:
    anchors = read_trust(settings.trust_folder, production=not settings.development).encoded()
    return CustodyDesk(
        register=open_register(settings),
        archive=open_archive(settings),
        sandbox=sandbox,
        anchors=anchors,
        retention_years=settings.custody_retention_years,
    )


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()
