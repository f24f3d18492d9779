"""``absah bench``: ours beside the peer, interleaved in one run, on this machine."""

from __future__ import annotations

import json

import click

from storage.vocabulary import Misconfigured


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One object a row.")
@click.option("--only", help="Rows whose name has this text.")
@click.option("--seconds", default=6.0, show_default=True, help="About how long each row runs.")
def bench(as_json: bool, only: str | None, seconds: float) -> None:
    """Measure rendering, QR, signing, issuing, look-ups and verifying; medians of interleaved runs."""
    try:
        from tests.bench.rows import rows
    except ImportError as error:
        raise Misconfigured(
            f"The benchmark needs the checkout and its peers ({error.name} is missing). Run: make bench"
        ) from error
    if not as_json:
        click.echo(f"{'what':26} {'ours':>12} {'peer':>12} {'ratio':>8} {'CPU ms':>8} {'runs':>5}")
    for row in rows(only, seconds):
        click.echo(json.dumps(row.as_json()) if as_json else row.as_text())
