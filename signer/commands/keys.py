"""``absah keys``: making keys, asking for their certificates, and saying which may sign what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keys.request import (
    Algorithm,
    KeyPair,
    TokenPlace,
    certificate_request,
    new_software_key,
    new_token_key,
    software_pair,
    token_pair,
)
from keys.software import check_usable, ordered_chain, read_certificates
from signer.commands.arguments import PlainText
from signer.commands.setup import prepare
from signer.key_rules import seen
from signer.parts import open_register, read_trust
from signer.settings import load_settings
from storage import alarms, signing_keys, units, uploads
from storage.database import transaction
from storage.signing_keys import EVERY_TYPE, EXPIRY_DAYS, Permission, RegisteredKey
from storage.vocabulary import InvalidRequest

_DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def keys() -> None:
    """Signing keys: making, certifying, permitting and retiring them; and the roots that vouch for them."""


@keys.command()
def trust() -> None:
    """Print the roots as PEM: what a reader of our documents has to trust.

    \b
    absah keys trust > root.pem
    absah verify document.pdf --trust root.pem
    """
    settings = load_settings()
    prepare(settings)
    for certificate in read_trust(settings):
        fingerprint = certificate.fingerprint(SHA256()).hex(":").upper()
        click.echo(f"# {certificate.subject.rfc4514_string()}\n# SHA-256 {fingerprint}")
        click.echo(certificate.public_bytes(Encoding.PEM).decode(), nl=False)


@keys.command("list")
def list_keys() -> None:
    """List the keys that workers have opened: whose, until when, and what they may sign."""
    register = open_register(load_settings())
    found = signing_keys.registered(register.engine)
    if not found:
        click.echo("No worker has opened a key yet; start one, or: absah keys import")
        return
    revoked = {each.subject for each in alarms.standing(register.engine) if each.kind == "certificate"}
    for key in found:
        _print_key(key, datetime.now(UTC), revoked=key.id in revoked)
    if revoked - {key.id for key in found}:
        click.echo(click.style("A certificate was revoked: absah alarms", fg="red"))


def _print_key(key: RegisteredKey, now: datetime, *, revoked: bool) -> None:
    certificate = x509.load_der_x509_certificate(key.certificate)
    state = "development" if key.development else key.state
    click.echo(f"{click.style(key.id, bold=True)}  {state}  used {key.uses} times")
    click.echo(f"  {certificate.subject.rfc4514_string()}")
    ends = certificate.not_valid_after_utc
    left = (ends - now).days
    until = f"  valid {certificate.not_valid_before_utc:%Y-%m-%d} to {ends:%Y-%m-%d}"
    if revoked:
        until += click.style("; revoked, see: absah alarms", fg="red")
    elif left < 0:
        until += click.style("; has expired", fg="red")
    elif left <= EXPIRY_DAYS[-1]:
        until += click.style(f"; {left} days left, configure its successor now", fg="red")
    elif left <= EXPIRY_DAYS[0]:
        until += click.style(f"; {left} days left", fg="yellow")
    click.echo(until)
    for each in key.permissions:
        what = "every type" if each.type == EVERY_TYPE else each.type
        end = f" until {each.valid_until}" if each.valid_until else ""
        click.echo(f"  signs {what} for {each.agency_id} from {each.valid_from}{end}")
    if not key.permissions and not key.development:
        click.echo("  signs nothing in production: absah keys activate")


def _token_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--label", help="The key's label on the token; its id if left out."),
        click.option("--pin-file", type=click.Path(path_type=Path), help="File with the token's PIN."),
        click.option("--token", help="The token's label."),
        click.option("--module", type=click.Path(path_type=Path), help="PKCS#11 module of an HSM or a card."),
    ):
        command = option(command)
    return command


@keys.command()
@click.argument("key_id", metavar="ID", type=PlainText())
@click.option(
    "--algorithm", type=click.Choice(["p256", "rsa2048", "rsa3072"]), default="p256", show_default=True
)
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default=Path(), show_default="here"
)
@_token_options
def new(
    key_id: str,
    algorithm: Algorithm,
    folder: Path,
    module: Path | None,
    token: str | None,
    pin_file: Path | None,
    label: str | None,
) -> None:
    """Make a key pair: in an encrypted file, or on a token that it never leaves.

    \b
    absah keys new kepala-dpmptsp --folder /etc/absah/keys
    absah keys new kepala-dpmptsp --module /usr/lib/.../libp11-kit.so.0 --token DPMPTSP --pin-file token.pin
    """
    place = _place(key_id, module, token, pin_file, label)
    if place is not None:
        new_token_key(place, algorithm)
        click.echo(f"made    {place.label} on the token {place.token}")
    else:
        key_file, passphrase_file = new_software_key(folder, key_id, algorithm)
        click.echo(f"key         {key_file}\npassphrase  {passphrase_file}")
    click.echo("Next, ask for its certificate: absah keys csr")


@keys.command()
@click.argument("key_id", metavar="ID", type=PlainText())
@click.option("--subject", required=True, help="As in CN=Nama Pejabat,O=Dinas,C=ID (RFC 4514).")
@click.option("--key", "key_file", type=click.Path(exists=True, path_type=Path), help="The key's PEM file.")
@click.option("--passphrase-file", type=click.Path(exists=True, path_type=Path))
@_token_options
def csr(
    key_id: str,
    subject: str,
    key_file: Path | None,
    passphrase_file: Path | None,
    module: Path | None,
    token: str | None,
    pin_file: Path | None,
    label: str | None,
) -> None:
    """Print a request for the key's certificate (PKCS#10), for the authority that vouches for it.

    \b
    absah keys csr kepala-dpmptsp --key kepala-dpmptsp.key.pem --passphrase-file kepala-dpmptsp.passphrase \\
        --subject "CN=Nama Pejabat,O=Dinas,C=ID" > kepala-dpmptsp.csr
    """
    pair = _pair(key_id, key_file, passphrase_file, module, token, pin_file, label)
    try:
        # RFC 4514 writes the last part of a name first.
        name = x509.Name.from_rfc4514_string(subject)
    except ValueError as error:
        raise InvalidRequest(
            "--subject is no name; write it as in CN=Nama Pejabat,O=Dinas,C=ID.", code="SUBJECT"
        ) from error
    click.echo(certificate_request(pair, name).decode(), nl=False)


@keys.command("import")
@click.argument("key_id", metavar="ID", type=PlainText())
@click.argument("certificate", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", "key_file", type=click.Path(exists=True, path_type=Path), help="The key's PEM file.")
@click.option("--passphrase-file", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default=Path(), show_default="here"
)
@_token_options
def import_certificate(
    key_id: str,
    certificate: Path,
    key_file: Path | None,
    passphrase_file: Path | None,
    folder: Path,
    module: Path | None,
    token: str | None,
    pin_file: Path | None,
    label: str | None,
) -> None:
    """Take the CERTIFICATE (PEM, with those above it) that the authority gave for the key ID.

    It is checked: it belongs to the key, may sign documents, is valid and leads upwards. Then it is written
    beside the key, and the entry for the key list is printed.
    """
    register = open_register(load_settings())
    pair = _pair(key_id, key_file, passphrase_file, module, token, pin_file, label)
    given = read_certificates(certificate)
    public = [
        each.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for each in given
    ]
    if pair.public not in public:
        raise InvalidRequest(f"No certificate in {certificate} belongs to that key.", code="KEY_MISMATCH")
    own = given[public.index(pair.public)]
    chain = ordered_chain(own, [each for each in given if each != own])
    check_usable(key_id, own, chain, datetime.now(UTC))
    target = folder.resolve() / f"{key_id}.chain.pem"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in (own, *chain)))
    signing_keys.note(register.engine, seen(key_id, own, "nothing", development=False))
    click.echo(f'certificate  {target}\n\nThe entry for ABSAH_KEYS_FILE:\n\n[[key]]\nid = "{key_id}"')
    if module is not None:
        click.echo(
            f'pkcs11 = "{module}"\ntoken = "{token}"\npin_file = "{_absolute(pin_file)}"'
            f'\nlabel = "{label or key_id}"'
        )
        click.echo(f'certificate = "{target}"')
    else:
        click.echo(f'pem = "{_absolute(key_file)}"\nchain = "{target}"')
        if passphrase_file is not None:
            click.echo(f'passphrase_file = "{_absolute(passphrase_file)}"')
    click.echo(f"\nThen: absah keys activate {key_id} --agency AGENCY")


@keys.command()
@click.argument("key_id", metavar="ID", type=PlainText())
@click.option("--agency", "agency_id", required=True, type=PlainText(), help="For whom it may sign.")
@click.option("--type", "types", multiple=True, help="A document type; every type of the agency if left out.")
@click.option("--from", "valid_from", type=_DAY, help="First day; today if left out.")
@click.option("--until", "valid_until", type=_DAY, help="Last day; no end if left out.")
def activate(
    key_id: str,
    agency_id: str,
    types: Sequence[str],
    valid_from: datetime | None,
    valid_until: datetime | None,
) -> None:
    """Let the key ID sign for an agency: all its types or some, from when until when.

    The type “upload” stands for files that were made elsewhere (absah sign).
    """
    first = valid_from.date() if valid_from else _today()
    last = valid_until.date() if valid_until else None
    if last is not None and last < first:
        raise InvalidRequest("--until lies before --from; exchange them.", code="PERIOD")
    register = open_register(load_settings())
    with transaction(register.engine) as connection:
        offered = (*units.get_unit(connection, agency_id).types, uploads.MODE)
    for each in types:
        if each not in offered:
            raise InvalidRequest(
                f"--type {each}: {agency_id} does not issue it; give one of {', '.join(offered)}.",
                code="TYPE",
            )
    given = [Permission(agency_id, each, first, last) for each in types or (EVERY_TYPE,)]
    signing_keys.permit(register.engine, key_id, given)
    click.echo(f"{key_id} signs for {agency_id} from {first}" + (f" until {last}." if last else "."))


@keys.command()
@click.argument("old", type=PlainText())
@click.argument("new_key", metavar="NEW", type=PlainText())
@click.option("--on", "on_day", type=_DAY, help="First day of the new one; today if left out.")
def rotate(old: str, new_key: str, on_day: datetime | None) -> None:
    """Let the key NEW take the place of OLD: the same permissions, and the same officers.

    What was requested before is still signed with OLD; retire it once nothing waits for it. What stands
    blocked because OLD must not sign goes on with NEW: absah unblock
    """
    on = on_day.date() if on_day else _today()
    register = open_register(load_settings())
    changed = signing_keys.rotate(register.engine, old, new_key, on, on - timedelta(days=1))
    click.echo(f"{new_key} takes over on {on}; officers changed: {changed}. Later: absah keys retire {old}")


@keys.command()
@click.argument("key_id", metavar="ID", type=PlainText())
def retire(key_id: str) -> None:
    """Let the key ID sign nothing any more. What it signed stays valid."""
    register = open_register(load_settings())
    waiting = signing_keys.retire(register.engine, key_id)
    click.echo(f"{key_id} is retired.")
    if waiting:
        click.echo(
            f"Documents that still wait for it: {waiting}. They will be blocked (KEY_RETIRED); with a"
            " successor (absah keys rotate) they go on by: absah unblock",
            err=True,
        )


def _place(
    key_id: str, module: Path | None, token: str | None, pin_file: Path | None, label: str | None
) -> TokenPlace | None:
    if module is None:
        if token or pin_file or label:
            raise InvalidRequest("--token, --pin-file and --label go with --module.", code="OPTIONS")
        return None
    if token is None or pin_file is None:
        raise InvalidRequest("--module needs --token and --pin-file.", code="OPTIONS")
    return TokenPlace(module, token, pin_file, label or key_id)


def _pair(
    key_id: str,
    key_file: Path | None,
    passphrase_file: Path | None,
    module: Path | None,
    token: str | None,
    pin_file: Path | None,
    label: str | None,
) -> KeyPair:
    place = _place(key_id, module, token, pin_file, label)
    if place is not None and key_file is None:
        return token_pair(place)
    if key_file is None or place is not None:
        raise InvalidRequest("Name the key: --key FILE, or --module with --token.", code="OPTIONS")
    passphrase = passphrase_file.read_bytes().rstrip(b"\r\n") if passphrase_file is not None else None
    return software_pair(key_file, passphrase)


def _absolute(path: Path | None) -> str:
    """Of the list's own folder nothing is known here, and relative paths in it start there."""
    return str(path.resolve()) if path is not None else ""


def _today() -> date:
    return datetime.now(UTC).date()
