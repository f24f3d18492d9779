"""``absah renew`` and ``absah alarms``: keeping an archive provable, and what has stopped issuing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any

import click

from signer.logs import log_as_json
from signer.parts import open_register
from signer.settings import load_settings
from storage import alarms as standing_alarms
from storage import preservation
from storage.database import database_time, transaction
from storage.vocabulary import InvalidRequest

_WHAT = {"raise": "to the promised level", "renew": "time-stamp renewed"}


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say how many files are due, and when the others will be.")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Also those that are due until that day (UTC): work ahead of time, before a change of authorities.",
)
def renew(dry_run: bool, until: datetime | None) -> None:
    """Raise files to the level that was promised, and renew their time-stamps before these age.

    The worker does the same by itself, a file now and then; this does all that is due at once. It can be
    stopped and started again at any time: what is done is done.

    \b
    absah renew --dry-run
    absah renew
    """
    log_as_json()
    settings = load_settings()
    limit = None if until is None else datetime.combine(until.date(), time.max, UTC)
    if dry_run:
        _print_plan(preservation.planned(open_register(settings), limit))
        return
    # Imported late: this opens keys' libraries and the renderer, which a dry run does not need.
    from rich.console import Console
    from rich.progress import Progress

    from signer.worker import extend_next
    from signer.workshop import development_transport, open_workshop

    workshop = open_workshop(settings, development_transport(settings))
    due = _count(preservation.planned(workshop.register, limit), only_due=limit is None)
    done, failed = 0, set[str]()
    with transaction(workshop.register.engine) as connection:
        began = datetime.fromtimestamp(database_time(connection) / 1000, UTC)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Renewing", total=due)
        while (extended := extend_next(workshop, limit, began)) is not None:
            if extended.error is None:
                done += 1
            elif extended.document_id in failed:
                break  # an hour has gone by since it failed
            else:
                failed.add(extended.document_id)
            progress.update(task, completed=done + len(failed))
    click.echo(f"extended  {done}")
    if failed:
        click.echo(f"failed    {len(failed)}; they are tried again in an hour, see the messages above")
        raise SystemExit(1)


def _print_plan(plan: Sequence[Mapping[str, Any]]) -> None:
    if not plan:
        click.echo("No file has to be raised or renewed.")
        return
    click.echo(f"{'when':<9}{'documents':>10}  what")
    for row in plan:
        what = _WHAT[str(row["what"])]
        click.echo(f"{row['when']!s:<9}{row['documents']!s:>10}  {what}")


def _count(plan: Sequence[Mapping[str, Any]], *, only_due: bool) -> int:
    return sum(int(str(row["documents"])) for row in plan if row["when"] == "due" or not only_due)


@click.command()
@click.option("--clear", metavar="KIND", help="Take back all alarms of a kind, once their cause is mended.")
def alarms(clear: str | None) -> None:
    """What has stopped issuing until somebody looks at it; readiness tells of it too.

    \b
    absah alarms
    absah alarms --clear certificate
    """
    register = open_register(load_settings())
    if clear is not None:
        taken_back = standing_alarms.clear(register.engine, clear)
        if not taken_back:
            known = ", ".join(sorted({each.kind for each in standing_alarms.standing(register.engine)}))
            raise InvalidRequest(f"No alarm of the kind “{clear}” stands; standing: {known or 'none'}.")
        click.echo(f"Taken back: {taken_back}. Documents that were blocked go on with: absah unblock")
        return
    found = standing_alarms.standing(register.engine)
    if not found:
        click.echo("No alarm stands.")
    for each in found:
        since = datetime.fromtimestamp(each.since / 1000, UTC)
        click.echo(f"{since:%Y-%m-%d %H:%M} UTC  {each.kind}  {each.subject}  {each.code}")
