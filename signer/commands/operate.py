"""What an operator does by hand: migrate, list settings, add agencies and keys, audit."""

from __future__ import annotations

import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DataError, IntegrityError

from signer import key_audit
from signer.commands.arguments import PlainText
from signer.commands.data import make_folder
from signer.parts import open_archive, open_catalogue, open_register
from signer.settings import load_settings
from signer.template_change import CHANGED, fitting_template
from storage import api_keys as stored_keys
from storage import audit as trail
from storage import key_uses, queue, units
from storage.database import migrate as migrate_database
from storage.database import open_database, open_database_to_read, transaction
from storage.reconcile import discrepancies
from storage.vocabulary import Misconfigured
from verifier.settings import load_settings as load_public_settings


@click.command()
def migrate() -> None:
    """Bring the register's database to this program's version."""
    settings = load_settings()
    make_folder(settings.data)
    migrate_database(open_database(settings.database))
    click.echo("The register's database is up to date.")


@click.command()
def settings() -> None:
    """List every setting, its value now and what it means."""
    for title, current in (("Issuing", load_settings()), ("Checking", load_public_settings())):
        click.echo(f"# {title}")
        for name, field in type(current).model_fields.items():
            click.echo(f"ABSAH_{name.upper()}={_shown(getattr(current, name))}\n    {field.description}")


def _shown(value: object) -> str:
    """A setting's value; a secret prints as stars, and so does the password in a database's URL."""
    if isinstance(value, str) and "://" in value and "@" in value:
        try:
            return make_url(value).render_as_string(hide_password=True)
        except (ArgumentError, ValueError):
            return "(not a URL)"  # whatever it is, it may hold a password
    return "" if value is None else str(value)


@click.group()
def agencies() -> None:
    """Agencies and their officers."""


@agencies.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def load_agencies(file: Path) -> None:
    """Add the units and officers of a TOML FILE (signer/sample/regencies.toml shows its form)."""
    register = open_register(load_settings())
    with transaction(register.engine) as connection:
        add_units(connection, file)
    click.echo("Added. Create API keys with: absah api-keys new AGENCY")


@agencies.command("list")
def list_agencies() -> None:
    """List the agencies."""
    register = open_register(load_settings())
    with transaction(register.engine) as connection:
        for agency in units.agencies(connection):
            click.echo(f"{agency.id}\t{agency.name}\t{', '.join(agency.types)}")


def add_units(connection: Connection, file: Path) -> None:
    """Add what a TOML file describes: ``[[unit]]`` and ``[[officer]]`` tables; logos are paths beside it.

    Raises:
        Misconfigured: the file does not have that form.
    """
    try:
        described = tomllib.loads(file.read_text())
        if not {"unit", "officer"} & set(described):
            raise ValueError("it has neither a [[unit]] nor an [[officer]] table")
        for entry in described.get("unit", ()):
            logo = entry.pop("logo", None)
            types = tuple(entry.pop("types", ()))
            svg = (file.parent / logo).read_bytes() if logo else None
            unit = units.Unit(**{"parent_id": None, **entry}, types=types, logo_svg=svg)
            # Every date of the agency depends on it; better now than at its first request.
            ZoneInfo(unit.zone)
            units.add_unit(connection, unit)
        for entry in described.get("officer", ()):
            defaults = {"nip": "", "rank": "", "capacity": "", "key_id": None}
            units.add_officer(connection, units.Officer(**{**defaults, **entry}))
    except (ValueError, TypeError, AttributeError, OSError, ZoneInfoNotFoundError) as error:
        raise Misconfigured(f"{file} does not describe units and officers: {error}") from error
    except (IntegrityError, DataError) as error:
        raise Misconfigured(
            f"Nothing of {file} was added: a unit or officer in it exists already, belongs to one that does"
            " not, or has a value that is too long."
        ) from error


@click.group("api-keys")
def api_keys() -> None:
    """Keys by which agencies' systems and officers call the API."""


@api_keys.command("list")
@click.argument("agency", required=False, type=PlainText())
def list_keys(agency: str | None) -> None:
    """List the keys of AGENCY, or of all: id, agency, scopes, officer, made, revoked. Never a secret.

    A key begins with absah_, its id and another underscore; that is how to tell which one a system uses.
    """
    register = open_register(load_settings())
    with transaction(register.engine) as connection:
        if agency is not None:
            units.get_unit(connection, agency)
        found = stored_keys.list_api_keys(connection, agency)
    for key in found:
        revoked = "in use" if key.revoked_at is None else f"revoked {key.revoked_at:%Y-%m-%d}"
        officer = key.officer_id or "(a system's)"
        scopes = ",".join(key.scopes)
        click.echo(f"{key.id}\t{key.agency_id}\t{scopes}\t{officer}\t{key.created_at:%Y-%m-%d}\t{revoked}")


@api_keys.command("new")
@click.argument("agency", type=PlainText())
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(stored_keys.SCOPES),
    help="May be given several times.",
)
@click.option("--officer", type=PlainText(), help="Id of the officer whose key it is; needed to approve.")
def new_api_key(agency: str, scopes: tuple[str, ...], officer: str | None) -> None:
    """Create a key for AGENCY and show it, once."""
    register = open_register(load_settings())
    with transaction(register.engine) as connection:
        units.get_unit(connection, agency)
        if officer is not None:
            units.get_officer(connection, agency, officer)
        click.echo(stored_keys.new_api_key(connection, agency, scopes or ("issue", "read"), officer))


@api_keys.command("revoke")
@click.argument("agency", type=PlainText())
@click.argument("key_id", type=PlainText())
def revoke_api_key(agency: str, key_id: str) -> None:
    """End the key KEY_ID of AGENCY at once (the id is the part between the underscores)."""
    register = open_register(load_settings())
    with transaction(register.engine) as connection:
        stored_keys.revoke_api_key(connection, agency, key_id)
    click.echo("Revoked.")


@click.command()
@click.argument("agency", required=False, type=PlainText())
@click.argument("documents", metavar="[DOCUMENT]...", nargs=-1, type=PlainText())
def unblock(agency: str | None, documents: tuple[str, ...]) -> None:
    """Let BLOCKED documents go on, once their cause is mended; without DOCUMENT, list them.

    \b
    absah unblock
    absah unblock dpmptsp-contoh 5f0c1d2e-...

    A document that stopped at TEMPLATE_CHANGED (after an upgrade, say) goes on with the template of today, if
    that still accepts its fields. If it does not, annul the document and request it anew.
    """
    settings = load_settings()
    register = open_register(settings)
    blocked = queue.list_blocked(register, agency)
    if agency is None or not documents:
        for each in blocked:
            click.echo(f"{each.agency_id}\t{each.document_id}\t{each.number}\t{each.reason}")
        return
    for document in documents:
        found = next((each for each in blocked if each.document_id == document), None)
        template = None
        if found is not None and found.code == CHANGED:
            catalogue = open_catalogue(settings)
            template = fitting_template(
                register, catalogue, agency, document, development=settings.development
            )
        if not queue.unblock(register, agency, document, template_hash=template):
            raise Misconfigured("This document is not blocked.", code="NOT_BLOCKED")
        click.echo("The worker takes it up again.")


@click.group(invoke_without_command=True)
@click.pass_context
def audit(context: click.Context) -> None:
    """Check the audit chain, the number series and the archive; exit 1 if anything is amiss."""
    if context.invoked_subcommand is not None:
        return
    current = load_settings()
    register, archive = open_register(current), open_archive(current)
    with transaction(register.engine) as connection:
        trail.chain(connection)
    # Read-only from here: reading the whole archive must not keep the worker from writing.
    with open_database_to_read(current.database).connect() as connection:
        found = [*trail.verify_chain(connection), *discrepancies(connection, archive)]
    for sentence in found:
        click.echo(sentence)
    click.echo(
        f"{len(found)} discrepancies." if found else "Audit chain, numbers, signatures and archive agree."
    )
    raise SystemExit(1 if found else 0)


@audit.command("keys")
def audit_keys() -> None:
    """Compare what each key was to sign with what it signed; exit 1 if anything is amiss.

    A token that counts its signatures has to have counted no more than were intended: compare its own figure,
    which no standard call tells, with the number of intentions here.
    """
    current = load_settings()
    with open_database_to_read(current.database).connect() as connection:
        uses = key_uses.key_uses(connection)
        found = [*trail.verify_chain(connection), *key_audit.discrepancies(connection)]
    if not uses:
        click.echo("No key has been used yet.")
    for each in uses:
        click.echo(
            f"{each.key_id}\tintentions {each.intents}\tcontents {each.contents}"
            f"\tsignatures {each.signatures}\tunanswered {each.unanswered}"
        )
    for sentence in found:
        click.echo(sentence)
    click.echo(
        f"{len(found)} discrepancies." if found else "All signatures were intended, of what was frozen."
    )
    raise SystemExit(1 if found else 0)
