"""The answer about one file for a person at a terminal: verdict, advice, signers, register, findings."""

from __future__ import annotations

from collections.abc import Iterable

import click

from verifier.commands.words import LABELS, MARKS, describe, plain_time, register_words
from verifier.report import Finding, Report
from verifier.words import Lang

_ALIKE = {"PAGES_LOOK_AS_SIGNED", "PAGES_NOT_DRAWN_UPON"}
_TERMINAL = {"green": "green", "yellow": "yellow", "red": "red", "grey": "bright_black"}


def print_report(report: Report) -> None:
    """The whole answer."""
    labels = LABELS[report.lang]
    click.echo(click.style(click.format_filename(report.file), bold=True))
    heading = f"{MARKS[report.colour]} {report.heading}"
    click.echo("  " + click.style(heading, fg=_TERMINAL[report.colour], bold=True))
    click.echo(f"    {report.advice}")
    for signature in report.signatures:
        when = (
            f"; {plain_time(signature.signed_at)} ({labels[signature.signed_at_source]})"
            if signature.signed_at
            else ""
        )
        click.echo(f"  · {labels[signature.kind]}: {describe(signature.signer)}{when}")
    if report.register is not None:
        click.echo(f"  · {labels['register']}: {register_words(report)}")
    print_findings(report.findings)


def print_findings(findings: Iterable[Finding]) -> None:
    """A line for each."""
    for finding in findings:
        click.echo(f"  - {finding.message} [{finding.code}]")


def print_pages(drawn: Iterable[tuple[Report, tuple[Finding, ...]]], others: int, lang: Lang) -> None:
    """Of many files, what there is to tell of their pages; ``others`` had nothing to be drawn."""
    alike = others
    for report, findings in drawn:
        if all(finding.code in _ALIKE for finding in findings):
            alike += 1
            continue
        click.echo(click.style(click.format_filename(report.file), bold=True))
        print_findings(findings)
    if alike:
        click.echo(LABELS[lang]["alike"].format(count=alike))
