"""``absah sign-batch``: an official types a secret, or consents in a browser, once for all that waits."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from keys.provider import HumanSecret
from signer.commands.arguments import PlainText
from signer.logs import log_as_json
from signer.parts import open_register
from signer.secrecy import seal
from signer.settings import load_settings
from storage import sessions
from storage.database import transaction
from storage.register import Register
from storage.sessions import SIGNED, Session, Waiting
from storage.units import get_officer
from storage.vocabulary import InvalidRequest

_OPENED_BY = "command-line"
_LOOK_AGAIN_SECONDS = 0.2


@click.command("sign-batch")
@click.option("--agency", type=PlainText(), help="Only documents of this agency; needed if several wait.")
@click.option("--key", type=PlainText(), help="Only documents for this key; needed if several wait.")
@click.option("--totp", is_flag=True, help="Type a TOTP instead of the passphrase (BSrE version 2).")
@click.option("--list", "only_list", is_flag=True, help="Only list what waits.")
@click.option(
    "--most",
    type=click.IntRange(1, sessions.MOST_DOCUMENTS),
    default=sessions.MOST_DOCUMENTS,
    show_default=True,
    help="Take so many documents at most, the oldest first.",
)
def sign_batch(agency: str | None, key: str | None, totp: bool, only_list: bool, most: int) -> None:
    """Sign all documents that wait for an official's passphrase, typed once, or for their consent.

    \b
    absah sign-batch --list
    absah sign-batch --agency dpmptsp-contoh --key kepala-dpmptsp

    A worker has to be running (“absah serve” starts one): the passphrase goes to it encrypted, is kept in its
    memory for this batch only, and nowhere else. Where the official consents in a browser, at the service
    that holds the key, the address is shown instead. Exit 1 if a document was not signed.
    """
    log_as_json()
    register = open_register(load_settings())
    found = [each for each in sessions.waiting(register, agency) if key in (None, each.key_id)]
    if only_list or not found:
        for each in found:
            click.echo(f"{each.agency_id}\t{each.key_id}\t{each.document_id}\t{each.number}")
        click.echo(f"{len(found)} documents wait for a passphrase or a consent.", err=bool(found))
        return
    chosen = _only_one(found)
    session = sessions.open_session(
        register,
        chosen.agency_id,
        opened_by=_OPENED_BY,
        key_id=chosen.key_id,
        document_ids=[each.document_id for each in found[:most]],
    )
    _introduce(register, session)
    session = _asking(register, session)
    if session.consent_address is not None:
        click.echo(
            f"Open this address in the official's browser, and consent there:\n\n{session.consent_address}\n"
        )
    elif not session.ended:
        value = click.prompt("TOTP" if totp else "Passphrase", hide_input=True)
        secret = HumanSecret("totp" if totp else "passphrase", value)
        sealed = seal(secret, session.public_key, session.id, session.batch_digest)
        sessions.submit(register, session.agency_id, session.id, session.officer_id, sealed)
    ended = _follow(register, session)
    _conclude(ended)
    sys.exit(0 if ended.signed == len(ended.documents) else 1)


def _only_one(found: Sequence[Waiting]) -> Waiting:
    if len({(each.agency_id, each.key_id) for each in found}) > 1:
        kinds = sorted({f"--agency {each.agency_id} --key {each.key_id}" for each in found})
        raise InvalidRequest(f"Documents wait for several keys; choose one: {'; '.join(kinds)}")
    return found[0]


def _introduce(register: Register, session: Session) -> None:
    """What is about to be signed, and in whose name: the person at the keyboard has to be that one."""
    with transaction(register.engine) as connection:
        officer = get_officer(connection, session.agency_id, session.officer_id)
    for each in session.documents:
        click.echo(f"  {each.number}  {each.frozen_sha256[:16]}")
    until = datetime.fromtimestamp(session.expires_at / 1000, UTC).astimezone()
    click.echo(f"documents {len(session.documents)}\nbatch     {session.batch_digest}")
    click.echo(f"officer   {officer.name}, {officer.office}\nuntil     {until:%H:%M:%S %Z}")
    click.echo("Signing approves these documents where their type asks for an approval.")
    if session.refused_before:
        click.echo(
            f"A wrong passphrase was typed {session.refused_before} times since the last right one; the"
            " provider may lock the key."
        )


def _asking(register: Register, session: Session) -> Session:
    """The session once the worker has found out what it asks for, or has ended it."""
    while session.asks_for is None and not session.ended:
        time.sleep(_LOOK_AGAIN_SECONDS)
        session = sessions.read_session(register, session.agency_id, session.id)
    return session


def _follow(register: Register, session: Session) -> Session:
    """The session once it has ended; each document's outcome is told when it is there."""
    told: set[str] = set()
    while True:
        now = sessions.read_session(register, session.agency_id, session.id)
        for each in now.documents:
            if each.outcome is not None and each.document_id not in told:
                told.add(each.document_id)
                click.echo(f"  {each.number}  {each.outcome}")
        if now.ended:
            return now
        time.sleep(_LOOK_AGAIN_SECONDS)


def _conclude(ended: Session) -> None:
    untouched = sum(each.outcome is None for each in ended.documents)
    click.echo(f"{ended.signed} of {len(ended.documents)} documents signed.")
    if ended.code is not None:
        click.echo(
            f"{ended.code}: {_REASONS.get(ended.code, 'see “absah unblock” and the log of the worker.')}"
        )
    if untouched:
        click.echo(f"{untouched} were not tried and wait as before; call “absah sign-batch” again.")
    if any(each.outcome not in (None, SIGNED) for each in ended.documents):
        click.echo("“absah unblock” lists documents that stopped, with their reasons.")


_REASONS = {
    "KEY_PASSPHRASE": "the provider says that what was typed is wrong, and counts that. It was sent once.",
    "KEY_USER": "the provider does not know this official; check the key list and the registration.",
    "KEY_USER_STATUS": "the provider lets this official sign nothing now; it has to be settled there.",
    "KEY_CAPABILITY": "this key takes no TOTP; type the passphrase.",
    "KEY_PROVIDER": "the provider cannot be reached; try again.",
    "KEY_PIN": "the service refused the PIN, or has locked the key. It was sent once.",
    "KEY_OTP": "the service refused the one-time password; take the next one.",
    "KEY_AUTHORISATION": "the consent is not good for these documents, or not any more; begin again.",
    "KEY_TOO_MANY": "the service takes fewer at once; choose with --most.",
    "KEY_SERVICE": "the service cannot be reached, or is busy; try again.",
    "KEY_LOGIN": "the service refuses our account; check client_id and client_secret_file.",
    "CONSENT_REFUSED": "the official refused to consent.",
    "CONSENT_FAILED": "the service gave no consent; begin again.",
    "WORKER_LOST": "the worker ended before it was done; nobody can read what was typed. Begin again.",
    "SESSION_EXPIRED": "it took longer than a quarter of an hour; begin again.",
    "SECRET_UNREADABLE": "the worker could not read what was typed; begin again.",
    "REPLY_LOST": "the provider may have signed a document, and its answer was lost; see docs/operations.md.",
}
