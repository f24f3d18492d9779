"""``absah trust``: whom this installation trusts, and who decided that."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Sequence
from datetime import UTC, datetime, time
from pathlib import Path

import click

from verifier.cli import Place, read_place
from verifier.trust.anchor import Anchor, read_fingerprint, write_fingerprint
from verifier.trust.certificate_files import NotACertificate, read_certificates
from verifier.trust.folder import KeptList, Trust, read_trust
from verifier.trust.terms import Terms, read_purposes

_MAXIMUM_FILE = 32 * 1024 * 1024
_DAY = click.DateTime(formats=["%Y-%m-%d"])
_TWICE = "fingerprints"


@click.group()
@click.pass_context
def trust(context: click.Context) -> None:
    """Whom this installation trusts: root certificates and trusted lists.

    Nobody is trusted unless it stands here. A running server reads the folder when it starts; start it again
    after a change.
    """
    context.obj = read_place()


_fingerprint = click.option(
    "--fingerprint",
    _TWICE,
    multiple=True,
    metavar="SHA256",
    help="For scripts: the fingerprint, given twice; asked for twice if left out.",
)
_by = click.option("--by", help="Who decides this; the name of your account if left out.")


@trust.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--purpose",
    type=click.Choice(["signing", "time-stamping", "both"]),
    default="both",
    help="What it may vouch for.",
)
@click.option("--from", "start", type=_DAY, help="First day on which it counts (UTC).")
@click.option("--until", "end", type=_DAY, help="Last day on which it counts (UTC).")
@click.option("--note", default="", help="Why it is trusted: where its fingerprint was published.")
@_by
@_fingerprint
@click.pass_obj
def add(
    place: Place,
    file: Path,
    purpose: str,
    start: datetime | None,
    end: datetime | None,
    note: str,
    by: str | None,
    fingerprints: tuple[str, ...],
) -> None:
    """Trust the root certificate in FILE (PEM, DER or PKCS#7).

    Type its SHA-256 fingerprint from another source than the one that the file came from: the authority's
    printed statement, its website over another line, a telephone call.
    """
    from verifier.trust.keeping import add_anchor, check_authority, subject_of

    try:
        found = read_certificates(_read(file))
    except NotACertificate as error:
        raise NotACertificate(f"{click.format_filename(file)}: {error.message}") from error
    if len(found) == 1:
        # Before anybody types 64 digits for nothing.
        certificate = check_authority(found[0].der)
        click.echo(subject_of(found[0].der), err=True)
        click.echo(f"{certificate.not_before:%Y-%m-%d} – {certificate.not_after:%Y-%m-%d}", err=True)
    typed = _typed_twice(fingerprints)
    for each in found:
        anchor = Anchor(
            each.der,
            Terms(read_purposes(purpose), _first_moment(start), _last_moment(end)),
            origin="operator",
            note=note,
            added_by=by or _account(),
            added_at=datetime.now(UTC).replace(microsecond=0),
        )
        if anchor.fingerprint == typed:
            written = add_anchor(place.trust, anchor, production=place.production)
            click.echo(f"Trusted from now on: {subject_of(anchor.der)} ({purpose}), {written}")
            return
    raise _refused(
        f"No certificate in {click.format_filename(file)} has that fingerprint; it is not what you think"
        " it is, or a digit is wrong. Nothing was added."
    )


@trust.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.pass_obj
def show(place: Place, as_json: bool) -> None:
    """Show the trusted roots and lists, on which terms, and who added them."""
    kept, now = read_trust(place.trust), datetime.now(UTC)
    if as_json:
        for anchor in kept.anchors:
            click.echo(json.dumps(_anchor_values(anchor, now), ensure_ascii=False))
        for each in kept.lists:
            click.echo(json.dumps(_list_values(each, now), ensure_ascii=False))
    elif not kept.anchors and not kept.lists:
        click.echo(f"Nobody is trusted: {place.trust} is empty. Add a root with “absah trust add FILE”.")
    else:
        _print_tables(kept, now)


@trust.command()
@click.argument("fingerprint")
@_fingerprint
@click.pass_obj
def remove(place: Place, fingerprint: str, fingerprints: tuple[str, ...]) -> None:
    """Trust the root with this SHA-256 FINGERPRINT no longer; it has to be typed once more.

    The certificate and its record are kept in the folder ``removed``.
    """
    from verifier.trust.keeping import remove_anchor, subject_of

    typed = _typed_twice((fingerprint, *(fingerprints or (click.prompt("Fingerprint again", err=True),))))
    removed = remove_anchor(place.trust, read_fingerprint(typed), datetime.now(UTC))
    click.echo(f"No longer trusted: {subject_of(removed.der)}")


@trust.command("list-add")
@click.argument("source", metavar="FILE|URL")
@_by
@_fingerprint
@click.pass_obj
def list_add(place: Place, source: str, by: str | None, fingerprints: tuple[str, ...]) -> None:
    """Trust the qualified services of an EU trusted list (ETSI TS 119 612), from a file or an https address.

    The fingerprint is that of the certificate that signs the list. Call it again for a newer list of the
    same territory: an older one never takes its place.
    """
    from verifier.fetch import fetch
    from verifier.trust.keeping import keep_list
    from verifier.trust.trusted_list import read_trusted_list

    typed = _typed_twice(fingerprints)
    # Whatever looks like an address goes where only https is let through, never to a file of that name.
    xml = fetch(source) if "://" in source else _read(Path(source))
    kept = read_trusted_list(
        xml, read_fingerprint(typed), now=datetime.now(UTC), source=source, added_by=by or _account()
    )
    keep_list(place.trust, kept, xml)
    until = f"{kept.next_update:%Y-%m-%d}" if kept.next_update else "closed"
    click.echo(
        f"{kept.territory} no. {kept.sequence_number}: {len(kept.anchors)} anchors, next update {until}"
    )


@trust.command("list-remove")
@click.argument("territory")
@click.pass_obj
def list_remove(place: Place, territory: str) -> None:
    """Trust the services of the list of TERRITORY (such as EE) no longer."""
    from verifier.trust.keeping import remove_list

    removed = remove_list(place.trust, territory)
    click.echo(f"Removed the list of {removed.territory} with {len(removed.anchors)} anchors.")


def _refused(message: str) -> Exception:
    from verifier.trust.keeping import TrustRefused

    return TrustRefused(message, code="TRUST_FINGERPRINT")


def _typed_twice(given: Sequence[str]) -> str:
    """A fingerprint that was typed twice alike."""
    typed = given or [click.prompt(f"SHA-256 fingerprint{again}", err=True) for again in ("", " again")]
    if len(typed) != 2:
        raise _refused("The fingerprint has to be given twice.")
    try:
        first, second = (read_fingerprint(each) for each in typed)
    except ValueError as error:
        raise _refused(str(error)) from error
    if first != second:
        raise _refused("The two fingerprints differ. Nothing was changed.")
    return write_fingerprint(first)


def _read(file: Path) -> bytes:
    from verifier.trust.keeping import TrustRefused

    name = click.format_filename(file)
    try:
        if not file.is_file():
            raise TrustRefused(f"{name} is no file.", code="TRUST_FILE")
        if file.stat().st_size > _MAXIMUM_FILE:
            raise TrustRefused(f"{name} is larger than any list is.", code="TRUST_FILE")
        return file.read_bytes()
    except OSError as error:
        raise TrustRefused(f"{name} cannot be read ({error.strerror}).", code="TRUST_FILE") from error


def _account() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user need not have a name
        return str(os.getuid())


def _first_moment(day: datetime | None) -> datetime | None:
    return day.replace(tzinfo=UTC) if day is not None else None


def _last_moment(day: datetime | None) -> datetime | None:
    return datetime.combine(day, time(23, 59, 59), tzinfo=UTC) if day is not None else None


def _anchor_values(anchor: Anchor, now: datetime) -> dict[str, object]:
    from verifier.trust.keeping import subject_of

    terms = anchor.terms
    return {
        "kind": "anchor",
        "sha256": anchor.fingerprint,
        "subject": subject_of(anchor.der),
        "purpose": terms.word,
        "trusted_from": _iso(terms.start),
        "trusted_until": _iso(terms.end),
        "counts_now": any(terms.allow(purpose, now) for purpose in terms.purposes),
        "development": anchor.is_development,
        "recorded": anchor.origin == "operator",
        "added_by": anchor.added_by,
        "added_at": _iso(anchor.added_at),
        "note": anchor.note,
        "file": anchor.source,
    }


def _list_values(kept: KeptList, now: datetime) -> dict[str, object]:
    return {
        "kind": "trusted_list",
        "territory": kept.territory,
        "operator": kept.operator,
        "sequence_number": kept.sequence_number,
        "issued": _iso(kept.issued),
        "next_update": _iso(kept.next_update),
        "stale": kept.is_stale(now),
        "anchors": len(kept.anchors),
        "signer": kept.signer,
        "source": kept.source,
        "added_by": kept.added_by,
        "added_at": _iso(kept.added_at),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _print_tables(kept: Trust, now: datetime) -> None:
    from verifier.commands.table import print_table

    rows = []
    for anchor in kept.anchors:
        values = _anchor_values(anchor, now)
        marks = [
            word
            for word, holds in (
                ("DEVELOPMENT", anchor.is_development),
                ("does not count now", not values["counts_now"]),
                ("no record", anchor.origin == "unrecorded"),
            )
            if holds
        ]
        term = " – ".join(
            f"{each:%Y-%m-%d}" if each else "…" for each in (anchor.terms.start, anchor.terms.end)
        )
        rows.append(
            (str(values["subject"]), anchor.fingerprint, anchor.terms.word, term, anchor.added_by,
             ", ".join(marks) or anchor.note)
        )  # fmt: skip
    if rows:
        print_table(("subject", "SHA-256", "purpose", "trusted", "added by", "note"), rows, whole=(1,))
    lists = [
        (each.territory, str(each.sequence_number), str(len(each.anchors)),
         f"{each.next_update:%Y-%m-%d}" if each.next_update else "closed",
         "STALE" if each.is_stale(now) else "", each.source)
        for each in kept.lists
    ]  # fmt: skip
    if lists:
        print_table(("list", "number", "anchors", "next update", "", "source"), lists, whole=())
