"""``absah renew`` and ``absah alarms``: keeping an archive provable, and what has stopped issuing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any

import click

from signer.logs import log_as_json
from signer.parts import open_register
from signer.settings import load_settings
from storage import alarms as standing_alarms
from storage import preservation
from storage.database import database_time, reading
from storage.vocabulary import InvalidRequest

_WHAT = {"raise": "to the promised level", "renew": "time-stamp renewed"}


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say how many files are due, and when the others will be.")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Also those that are due until that day (UTC): work ahead of time, before a change of authorities.",
)
@click.option("--jobs", type=click.IntRange(1, 64), help="Processes; as many as processors if left out.")
def renew(dry_run: bool, until: datetime | None, jobs: int | None) -> None:
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
    _renew_all(limit, jobs or os.cpu_count() or 1)


def _renew_all(limit: datetime | None, jobs: int) -> None:
    """Extend what is due in several processes, each with keys and connections of its own."""
    # Imported late: a dry run needs none of it.
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    done, failed = 0, set[str]()
    with reading(open_register(load_settings()).engine) as connection:
        began = datetime.fromtimestamp(database_time(connection) / 1000, UTC)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as processes:
        shares = [processes.submit(_renew_in_this_process, limit, began) for _ in range(jobs)]
        for each in as_completed(shares):
            done, failed = done + each.result()[0], failed | each.result()[1]
    click.echo(f"extended  {done}")
    if failed:
        click.echo(f"failed    {len(failed)}; they are tried again in an hour, see the messages above")
        raise SystemExit(1)


def _renew_in_this_process(limit: datetime | None, began: datetime) -> tuple[int, set[str]]:
    """How many files were extended here, and the documents of which none could be."""
    from signer.worker import extend_next, settle
    from signer.workshop import development_transport, open_workshop

    log_as_json()
    settings = load_settings()
    workshop = open_workshop(settings, development_transport(settings))
    settle()
    done, failed = 0, set[str]()
    while (extended := extend_next(workshop, limit, began)) is not None:
        if extended.error is None:
            done += 1
        elif extended.document_id in failed:
            break  # an hour has gone by since it failed
        else:
            failed.add(extended.document_id)
    return done, failed


def _print_plan(plan: Sequence[Mapping[str, Any]]) -> None:
    if not plan:
        click.echo("No file has to be raised or renewed.")
        return
    click.echo(f"{'when':<9}{'documents':>10}  what")
    for row in plan:
        what = _WHAT[str(row["what"])]
        click.echo(f"{row['when']!s:<9}{row['documents']!s:>10}  {what}")


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
