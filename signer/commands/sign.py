"""``absah sign``: one more signature in a PDF that was made elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import click
from cryptography.x509.oid import NameOID

from keys.provider import AnyKey, HumanSecret
from signer import key_rules
from signer.commands.arguments import PlainText
from signer.commands.data import public_url
from signer.commands.setup import prepare
from signer.cycle import Workshop
from signer.logs import log_as_json
from signer.settings import Settings, load_settings
from signer.upload import SignedUpload, StampPlace, UploadOrder, UploadTools, sign_upload
from signer.workshop import development_transport, open_workshop
from storage import audit, uploads
from storage.archive import store_final
from storage.database import transaction
from storage.foreign import Entry, ForeignDocument
from storage.records import day_in
from storage.register import Register
from storage.units import Officer, Unit, agencies, officer_for_role, officer_of_key, regency_of
from storage.vocabulary import AbsahError, InvalidRequest, Misconfigured
from templates.stamp import Stamp
from templates.validity import anniversary
from verifier.sandbox import Sandbox
from verifier.trust.folder import read_trust

_ACTOR = "command-line"
_BOX = re.compile(r"(\d{1,5}):(\d+(?:\.\d+)?),(\d+(?:\.\d+)?),(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)")


class _Place(click.ParamType[StampPlace | None]):
    """``none``, ``auto``, ``last-page`` or ``PAGE:x,y,w,h``."""

    name = "place"

    def convert(
        self, value: str | StampPlace, param: click.Parameter | None, ctx: click.Context | None
    ) -> StampPlace | None:
        if not isinstance(value, str):
            return value
        if value == "none":
            return None
        if value in ("auto", "last-page"):
            return StampPlace()
        if value.isascii() and value.isdigit() and 0 < int(value) < 100_000:
            return StampPlace(int(value) - 1)
        box = _BOX.fullmatch(value)
        if box is None or int(box[1]) == 0:
            self.fail("give none, auto, a page, or PAGE:x,y,w,h in points from the lower left.", param, ctx)
        x, y, width, height = (float(number) for number in box.groups()[1:])
        if width <= 0 or height <= 0 or max(x, y, width, height) > 100_000:
            self.fail("width and height have to be more than nothing, and on a page.", param, ctx)
        return StampPlace(int(box[1]) - 1, (x, y, width, height))


@click.command()
@click.argument("file", metavar="IN.pdf", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The signed PDF."
)
@click.option(
    "--level", type=click.Choice(["B-B", "B-T", "B-LT", "B-LTA"]), default="B-T", show_default=True,
    help="How long the signature stays provable (PAdES).",
)  # fmt: skip
@click.option("--key", "key_id", type=PlainText(), help="Which key signs; the head's, if not given.")
@click.option("--agency", "agency_id", type=PlainText(), help="For which agency; the first, if not given.")
@click.option(
    "--stamp", "place", type=_Place(), default="none", show_default=True,
    help="A visible block: none, auto (last page, where it is free), PAGE, or PAGE:x,y,w,h.",
)  # fmt: skip
@click.option("--reason", type=PlainText(), help="Why it is signed.")
@click.option("--location", type=PlainText(), help="Where; the agency's regency, if not given.")
@click.option("--number", type=PlainText(), help="With --title: register it, and put a QR code on the stamp.")
@click.option("--title", type=PlainText(), help="What it is, as the public is told.")
@click.option("--holder-name", type=PlainText(), help="Whose it is; the public sees it masked.")
@click.option(
    "--totp", is_flag=True, help="Type a TOTP instead of the passphrase, where the key asks for one."
)
def sign(
    file: Path,
    output: Path,
    level: str,
    key_id: str | None,
    agency_id: str | None,
    place: StampPlace | None,
    reason: str | None,
    location: str | None,
    number: str | None,
    title: str | None,
    holder_name: str | None,
    totp: bool,
) -> None:
    """Sign IN.pdf, which was made elsewhere, and write OUT.pdf; what it held stays as valid as it was.

    With --number and --title it is registered: the stamp gets a QR code, and the archive a copy. A passphrase
    or TOTP that the key asks its owner for is typed once the file has been found fit to be signed.

    \b
    absah sign surat.pdf -o surat-ttd.pdf
    absah sign surat.pdf -o surat-ttd.pdf --stamp auto --level B-LT
    absah sign surat.pdf -o surat-ttd.pdf --stamp 2:300,40,190,66
    absah sign surat.pdf -o surat-ttd.pdf --stamp auto --number 400/12/2026 --title "Surat Tugas"
    """
    log_as_json()
    if (number is None) != (title is None) or (number is not None and place is None):
        raise click.UsageError("Give --number, --title and --stamp together to register the file.")
    settings = load_settings()
    prepare(settings)
    workshop = open_workshop(settings, development_transport(settings))
    agency, regency, officer = _signer(workshop.register, agency_id, key_id)
    chosen = key_id or (officer.key_id if officer is not None else None)
    if chosen is None:
        raise InvalidRequest("This agency's head has no key; name one: --key ID", code="KEY_MISSING")
    key = workshop.keys.key(chosen)
    name, office = _names(key, officer)
    at = datetime.now(UTC).replace(microsecond=0)
    key_rules.require(
        workshop.register.engine, key, agency.id, uploads.MODE, day_in(agency.zone, at),
        development=settings.development,
    )  # fmt: skip
    order = UploadOrder(
        key=key,
        level=f"PAdES-{level}",
        signer_name=name,
        reason=reason or "",
        location=location or regency.name,
        at=at,
        stamp=Stamp(name, office, at, agency.zone) if place is not None else None,
        place=place or StampPlace(),
        secret=lambda: _asked(name, office, totp=totp),
    )
    witness = _Witness(workshop.register, agency.id, order.key.id, output)
    with witness.telling(), _working_copy(file, output) as copy:
        if number is None or title is None or order.stamp is None:
            made = _sign(settings, workshop, copy, order, witness)
        else:
            today = day_in(agency.zone, at)
            described = ForeignDocument(
                origin=None,
                type=title,
                number=number,
                holder_name=holder_name or "",
                issued_on=today,
                valid_from=today,
                valid_until=None,
                retain_until=anniversary(today, settings.custody_retention_years),
                level=order.level,
                signatory=office or name,
            )
            made, entry = _sign_registered(
                settings, workshop, (agency, regency), copy, order, described, witness
            )
            click.echo(f"code    {entry.code}\nurl     {entry.url}")
        with transaction(workshop.register.engine) as connection:
            audit.record(
                connection, agency.id, _ACTOR, "upload.signed", made.intended.hex(), sha256=made.sha256
            )
    click.echo(f"sha256  {made.sha256}\nlevel   {made.signature.level}\npath    {output}")


def _asked(name: str, office: str, *, totp: bool) -> HumanSecret:
    """What the official types; it goes to the service once, and is kept nowhere."""
    click.echo(f"signer  {name}{', ' if office else ''}{office}")
    value = click.prompt("TOTP" if totp else "Passphrase", hide_input=True)
    return HumanSecret("totp" if totp else "passphrase", value)


class _Witness:
    """The audit trail, and for a service's answer a file beside the output; see `signer.upload.Witness`."""

    def __init__(self, register: Register, agency_id: str, key_id: str, output: Path) -> None:
        self._register, self._agency_id, self._key_id, self._output = register, agency_id, key_id, output
        self._entry: Entry | None = None
        self._reply: Path | None = None

    def for_entry(self, entry: Entry) -> None:
        """The signature is one of a registered file."""
        self._entry = entry

    def intend(self, digest: bytes) -> None:
        """See `signer.upload.Witness`."""
        if self._entry is not None:
            uploads.record_intent(self._register, self._agency_id, self._entry, digest, self._key_id)
        with transaction(self._register.engine) as connection:
            audit.record(connection, self._agency_id, _ACTOR, "key.intent", digest.hex(), key=self._key_id)

    def keep(self, reply: bytes) -> None:
        """See `signer.upload.Witness`."""
        path = self._output.with_name(f"{self._output.name}.reply-{uuid.uuid4().hex[:8]}")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(reply)
            stream.flush()
            os.fsync(stream.fileno())
        self._reply = path

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Once all is done the output holds what the answer held; else somebody is told where that lies."""
        try:
            yield
        except BaseException:
            if self._reply is not None:
                click.echo(f"What the service answered is kept: {self._reply}", err=True)
            raise
        if self._reply is not None:
            self._reply.unlink()


def _sign(
    settings: Settings, workshop: Workshop, copy: Path, order: UploadOrder, witness: _Witness
) -> SignedUpload:
    anchors = read_trust(settings.trust_folder, production=not settings.development).encoded()
    with Sandbox(require_filter=not settings.development) as sandbox:
        tools = UploadTools(sandbox, anchors, workshop.timestamps, workshop.revocation)
        return sign_upload(tools, copy, order, witness)


def _sign_registered(
    settings: Settings,
    workshop: Workshop,
    units: tuple[Unit, Unit],
    copy: Path,
    order: UploadOrder,
    described: ForeignDocument,
    witness: _Witness,
) -> tuple[SignedUpload, Entry]:
    """With a code that is recorded before and answered after; the archive keeps the file."""
    register, (agency, regency) = workshop.register, units
    address = public_url(settings)
    entry = uploads.reserve(register, agency, regency, _ACTOR, described, f"{address}/d/")
    assert order.stamp is not None  # noqa: S101 - the command asks for one
    stamp = replace(order.stamp, url=entry.url, code=entry.code, check_host=urlsplit(address).netloc)
    witness.for_entry(entry)
    try:
        made = _sign(settings, workshop, copy, replace(order, stamp=stamp), witness)
        store_final(workshop.archive, agency.id, made.sha256, copy, described.retain_until)
    except AbsahError as error:
        uploads.abandon(register, agency.id, _ACTOR, entry, error.code)
        raise
    uploads.complete(
        register, agency.id, _ACTOR, entry,
        sha256=made.sha256, size=made.size, digest=made.digest, level=made.signature.level,
    )  # fmt: skip
    return made, entry


def _signer(
    register: Register, agency_id: str | None, key_id: str | None
) -> tuple[Unit, Unit, Officer | None]:
    """For which agency is signed, its regency, and the officer to whom the key belongs."""
    with transaction(register.engine) as connection:
        found = [each for each in agencies(connection) if agency_id in (None, each.id)]
        if not found:
            raise InvalidRequest("There is no such agency; see: absah agencies list", code="UNKNOWN_AGENCY")
        agency = found[0]
        if key_id is None:
            officer: Officer | None = officer_for_role(connection, agency.id, "kepala")
        else:
            officer = officer_of_key(connection, agency.id, key_id)
        return agency, regency_of(connection, agency), officer


def _names(key: AnyKey, officer: Officer | None) -> tuple[str, str]:
    """Who signs and in which office: as the register knows the officer, else as the certificate says."""
    if officer is not None:
        return officer.name, f"{officer.capacity} {officer.office}".strip()

    def told(kind: object) -> str:
        values = [each.value for each in key.certificate.subject if each.oid == kind]
        return str(values[0]) if values else ""

    return told(NameOID.COMMON_NAME), told(NameOID.TITLE)


@contextmanager
def _working_copy(file: Path, output: Path) -> Iterator[Path]:
    """A private copy beside the output, which takes its place at once where all went well."""
    copy = output.with_name(f".{output.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with file.open("rb") as source:
            descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
        yield copy
        # As a file that is newly made, whose readers the user's mask names.
        mask = os.umask(0)
        os.umask(mask)
        copy.chmod(0o666 & ~mask)
        copy.replace(output)
    except OSError as error:
        raise Misconfigured(
            f"{error.filename or output} cannot be read or written ({error.strerror}).", code="OUTPUT"
        ) from error
    finally:
        copy.unlink(missing_ok=True)
