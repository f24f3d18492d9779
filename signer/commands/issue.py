"""``absah types`` and ``absah issue``: a document from the command line, on the embedded default."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from signer.body import MAX_BYTES, parse
from signer.commands.arguments import PlainText
from signer.commands.data import public_url
from signer.commands.setup import prepare
from signer.logs import log_as_json
from signer.parts import open_archive, open_catalogue, open_desk
from signer.requests import AcceptedWarning, IssueRequest, accept
from signer.settings import load_settings
from signer.worker import work_on
from signer.workshop import development_transport, open_workshop
from storage.api_keys import SCOPES, Client
from storage.archive import final_key
from storage.database import transaction
from storage.new_document import Accepted
from storage.reading import read_overview
from storage.register import Register
from storage.units import agencies, officer_for_role
from storage.vocabulary import AbsahError, DocumentState, InvalidRequest, Misconfigured, Unavailable
from templates.catalogue import Catalogue, DocumentType

_PATIENCE_SECONDS = 60


@click.command()
@click.argument("type_id", metavar="[TYPE]", required=False, type=PlainText())
@click.option("--sample", is_flag=True, help="Print sample data, ready for “absah issue TYPE”.")
@click.option("--json", "as_json", is_flag=True, help="Print the fields' JSON Schema.")
def types(type_id: str | None, sample: bool, as_json: bool) -> None:
    """List the document types, or describe one.

    \b
    absah types
    absah types sip-dokter
    absah types sip-dokter --sample > data.json
    """
    catalogue = open_catalogue(load_settings())
    if type_id is None:
        if sample or as_json:
            raise click.UsageError("Name the TYPE: absah types sip-dokter --sample")
        for each in catalogue.types:
            click.echo(f"{each.id:32} {each.label['id']} / {each.label['en']}")
        return
    document_type = catalogue.get(type_id)
    if sample:
        click.echo(json.dumps(document_type.sample, ensure_ascii=False, indent=2))
    elif as_json:
        click.echo(json.dumps(document_type.schema, ensure_ascii=False, indent=2))
    else:
        _describe(document_type)


def _describe(document_type: DocumentType) -> None:
    click.echo(f"{document_type.label['id']} / {document_type.label['en']}")
    required = set(document_type.schema.get("required", ()))
    for name, field in document_type.schema["properties"].items():
        mark = "*" if name in required else " "
        title = field.get("title", name)
        click.echo(f" {mark} {name:28} {title.get('id', name) if isinstance(title, dict) else title}")
    click.echo("(* needed)")


@click.command()
@click.argument("type_id", metavar="TYPE", type=PlainText())
@click.argument("data", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Also write the PDF here."
)
@click.option(
    "--agency", type=PlainText(), help="Which agency issues; the first that offers the type, if not given."
)
@click.option("--valid-from", type=click.DateTime(["%Y-%m-%d"]), help="First day in force (today if unset).")
@click.option(
    "--override",
    "overrides",
    multiple=True,
    type=PlainText(600),
    metavar="CODE=REASON",
    help="Accept a doubtful value.",
)
@click.option(
    "--idempotency-key", type=PlainText(), help="Repeat with the same key to get the same document."
)
def issue(
    type_id: str,
    data: Path,
    output: Path | None,
    agency: str | None,
    valid_from: Any,
    overrides: tuple[str, ...],
    idempotency_key: str | None,
) -> None:
    """Issue a document of TYPE from the fields in DATA (JSON), and print number, code, URL and path.

    \b
    absah types sip-dokter --sample > data.json
    absah issue sip-dokter data.json -o sip.pdf
    """
    log_as_json()
    settings = load_settings()
    fields = parse(_read(data))
    if not isinstance(fields, dict):
        raise InvalidRequest(f"{data} has to hold one JSON object with the document's fields.")
    prepare(settings)
    if output is not None:
        _check_writable(output)
    desk = open_desk(settings, public_url(settings))
    client = _operator(desk.register, desk.catalogue, type_id, agency)
    request = IssueRequest(
        type=type_id,
        fields=fields,
        valid_from=valid_from.date() if valid_from else None,
        overrides=tuple(map(_accepted_warning, overrides)),
        officer=_signatory(desk.register, client) if overrides else None,
    )
    # Before a number is used: keys that cannot be opened are found now.
    workshop = open_workshop(settings, development_transport(settings))
    accepted = accept(desk, client, idempotency_key or str(uuid.uuid4()), request)
    path = _wait_until_issued(
        workshop.register, client, accepted, lambda: work_on(workshop, client.agency_id, accepted.id)
    )
    click.echo(f"agency  {client.agency_id}")
    click.echo(f"number  {accepted.number}\ncode    {accepted.code}\nurl     {accepted.url}")
    if path is None:
        click.echo(f"waits   for approval; document id {accepted.id}")
        return
    if output is not None:
        _write(output, open_archive(settings).read(path), accepted)
        click.echo(f"path    {output}")
    elif settings.s3_endpoint is None:
        click.echo(f"path    {settings.data / 'archive' / path}")
    else:
        click.echo(f"path    s3://{settings.s3_bucket}/{path}")


def _read(data: Path) -> bytes:
    try:
        with data.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidRequest(f"{data} cannot be read ({error.strerror}).") from error
    if len(content) > MAX_BYTES:
        raise InvalidRequest(
            f"{data} has more than {MAX_BYTES // 1_000_000} MB; make the photo smaller.", code="TOO_LARGE"
        )
    return content


def _check_writable(output: Path) -> None:
    """Now, before a number is taken, is the time to learn that the file cannot be written.

    Raises:
        Misconfigured: with the reason; nothing was issued.
    """
    try:
        existed = output.exists()
        with output.open("ab"):
            pass
        if not existed:
            output.unlink()
    except OSError as error:
        raise Misconfigured(
            f"{output} cannot be written ({error.strerror}); nothing was issued. Choose another path for -o.",
            code="OUTPUT",
        ) from error


def _write(output: Path, pdf: bytes, accepted: Accepted) -> None:
    try:
        output.write_bytes(pdf)
    except OSError as error:
        raise Misconfigured(
            f"Document {accepted.number} is issued and archived, but {output} cannot be written"
            f" ({error.strerror}).",
            code="OUTPUT",
        ) from error


def _accepted_warning(option: str) -> AcceptedWarning:
    code, _, reason = option.partition("=")
    if not reason.strip():
        raise InvalidRequest("Give a reason: --override NIK_BIRTH_MISMATCH='Sesuai akta kelahiran'")
    return AcceptedWarning(code.strip(), reason.strip())


def _operator(register: Register, catalogue: Catalogue, type_id: str, agency_id: str | None) -> Client:
    """Who sits at the machine may act for each agency on it; the audit trail says so."""
    catalogue.get(type_id)
    with transaction(register.engine) as connection:
        offering = [each for each in agencies(connection) if type_id in each.types]
    if agency_id is not None:
        offering = [each for each in offering if each.id == agency_id]
    if not offering:
        raise InvalidRequest(f"No such agency issues “{type_id}”; see: absah agencies list")
    return Client("command-line", offering[0].id, None, frozenset(SCOPES))


def _signatory(register: Register, client: Client) -> str:
    with transaction(register.engine) as connection:
        return officer_for_role(connection, client.agency_id, "kepala").id


def _wait_until_issued(
    register: Register, client: Client, accepted: Accepted, work: Callable[[], bool]
) -> str | None:
    """The object's key once issued; None while an approval is missing. A running worker may be faster."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        work()
        found = read_overview(register, client.agency_id, accepted.id, datetime.now(UTC))
        if found.state == DocumentState.ISSUED and found.sha256 is not None:
            return final_key(client.agency_id, found.sha256)
        if found.waiting_for == "APPROVAL":
            return None
        if found.state in (DocumentState.BLOCKED, DocumentState.VOID):
            raise AbsahError(
                f"Document {accepted.number} cannot be issued: {found.state_reason}.", code="BLOCKED"
            )
        if time.monotonic() > deadline:
            raise Unavailable(
                f"Document {accepted.number} waits in state {found.state} ({found.waiting_for}); nothing is"
                " lost, the worker goes on with it."
            )
        time.sleep(0.05)
