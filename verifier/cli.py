"""``absah verify``: checks signed PDFs from the command line, ours and anybody's.

Stands alone: it needs no server, no key and nothing of the issuing side. Imports are late, because a
file that the register knows by its hash is answered without loading the PDF libraries at all.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

if TYPE_CHECKING:
    from verifier.check import Lookup
    from verifier.commands.inputs import Input
    from verifier.commands.pictures import PictureFolder
    from verifier.commands.run import Conditions, Workers
    from verifier.report import Finding, Report
    from verifier.revocation_source import RevocationSource
    from verifier.words import Lang

_Answer = TypeVar("_Answer")

_HELP = """Check signed PDFs: is the file what was signed, by whom, and is the document in force?

Any signed PDF can be checked, also one that was not issued here. Nothing that a file names is opened or
fetched; whether a trusted certificate was revoked is asked only at addresses in ABSAH_REVOCATION_ADDRESSES. A
folder stands for every PDF in it and below.

\b
Examples:
  absah verify izin.pdf                      one file, in words
  absah verify arsip/ --jobs 4               a folder, as a table
  absah verify *.pdf --json                  one JSON object per line
  absah verify arsip/ --csv > hasil.csv      for a spreadsheet
  absah verify arsip/ --html hasil.html      a page to keep or print
  absah verify izin.pdf --report etsi        a validation report (ETSI TS 119 102-2, XML)
  absah verify arsip/ --report etsi --report-dir laporan
  absah verify surat.pdf --pages gambar/     pictures of the pages that changed after they were signed
  curl -s URL | absah verify -               what comes through a pipe
  absah verify izin.pdf --lang en            in English
  absah verify surat.pdf --trust root.pem    trust only this root certificate
  absah verify izin.pdf --offline            the signatures alone, without the register
  absah verify terkunci.pdf --password ...   an encrypted file

\b
Exit status:
  0  every file is valid
  1  some file is not
  2  some file could not be checked

The folder ABSAH_DATA (default ./data) holds the register and, in trust/ (or ABSAH_TRUST), the trusted
root certificates; “absah trust” shows and changes them."""

_INTERRUPTED = 130  # as a shell reports a program that SIGINT ended


@dataclass(frozen=True)
class Place:
    """Where an installation keeps what a check needs, from the environment."""

    data: Path
    trust: Path
    production: bool
    public_url: str
    revocation_addresses: str


def read_place() -> Place:
    """The place that ``ABSAH_*`` names; the same names as in `verifier.settings`."""
    data = Path(os.environ.get("ABSAH_DATA", "data"))
    return Place(
        data=data,
        trust=Path(os.environ.get("ABSAH_TRUST") or data / "trust"),
        production=os.environ.get("ABSAH_ENV", "").lower() == "production",
        public_url=os.environ.get("ABSAH_PUBLIC_URL", ""),
        revocation_addresses=os.environ.get("ABSAH_REVOCATION_ADDRESSES", ""),
    )


@click.command("verify", help=_HELP)
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE|FOLDER|-...",
    # As text: the path of an empty name is the folder that one happens to be in.
    type=click.Path(allow_dash=True),
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line and file.")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values, one row per file.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write a page with all answers, to keep or print.",
)
@click.option(
    "--report",
    "report_kind",
    type=click.Choice(["etsi"]),
    help="A validation report (XML) in the place of the answer; of several files in --report-dir.",
)
@click.option(
    "--report-dir",
    type=click.Path(path_type=Path),
    help="Write each report as NAME.etsi.xml into this folder, and answer as usual.",
)
@click.option(
    "--pages",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Write the pages that look other than when they were signed into FOLDER, in both states, as PNG.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    help="How many files are checked at once; as many as there are processors if left out.",
)
@click.option(
    "--trust",
    multiple=True,
    metavar="FILE|FOLDER",
    type=click.Path(exists=True, path_type=Path),
    help="Trust these root certificates (PEM, DER, PKCS#7) and no others. May be repeated.",
)
@click.option(
    "--offline",
    is_flag=True,
    help="Ask neither the register nor any address; the signatures alone decide.",
)
@click.option("--password", help="The password of encrypted files.")
@click.option("--lang", type=click.Choice(["id", "en"]), default="id", help="Language of the answer.")
def verify(
    files: tuple[str, ...],
    as_json: bool,
    as_csv: bool,
    html: Path | None,
    report_kind: str | None,
    report_dir: Path | None,
    pages: Path | None,
    jobs: int | None,
    trust: tuple[Path, ...],
    offline: bool,
    password: str | None,
    lang: Lang,
) -> None:
    """Check signed PDFs; see ``--help``."""
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other.")
    if report_dir is not None and report_kind is None:
        raise click.UsageError("--report-dir needs --report etsi.")
    if report_kind is not None and report_dir is None and (as_json or as_csv):
        raise click.UsageError("With --json or --csv, name a folder for the reports: --report-dir.")
    output = _Output(as_json, as_csv, html, report_kind is not None, report_dir, pages)
    try:
        status = _verify(files, output, jobs, trust, offline, password, lang)
        sys.stdout.flush()
    except KeyboardInterrupt:
        _stop(lang)
    sys.exit(status)


def main() -> None:
    """The program by itself: ``python -m verifier.cli``."""
    verify()


@dataclass(frozen=True)
class _Output:
    """In which forms the answers are wanted."""

    as_json: bool
    as_csv: bool
    html: Path | None
    as_report: bool
    report_dir: Path | None
    pages: Path | None

    @property
    def is_written_once(self) -> bool:
        """Whether a program or paper gets each answer, whole and once; a person has the verdict first."""
        as_xml = self.as_report and self.report_dir is None
        return self.as_json or self.as_csv or as_xml or self.html is not None


def _verify(
    files: tuple[str, ...],
    output: _Output,
    jobs: int | None,
    trust: tuple[Path, ...],
    offline: bool,
    password: str | None,
    lang: Lang,
) -> int:
    from verifier.commands.inputs import gather, read_pipe
    from verifier.commands.run import Workers, check_all, check_and_draw_all
    from verifier.commands.words import LABELS

    conditions = _conditions(trust, offline, password, lang, in_detail=output.as_report)
    folder = _picture_folder(output.pages)
    inputs, passed_over = gather(files)
    if output.as_report and output.report_dir is None and len(inputs) > 1:
        raise click.UsageError("Several files have several reports; name a folder for them: --report-dir.")
    if folder is not None:
        inputs = [read_pipe(item) for item in inputs]
    if passed_over:
        click.echo(LABELS[lang]["passed_over"].format(count=passed_over), err=True)
    jobs = jobs or os.cpu_count() or 1
    with Workers(len(inputs), jobs, threads=conditions.revocation is not None) as workers:
        reports: Iterable[Report]
        if folder is not None and output.is_written_once:
            reports = check_and_draw_all(inputs, conditions, workers, folder)
            folder = None
        else:
            reports = check_all(inputs, conditions, workers)
        reports = _with_progress(reports, len(inputs), LABELS[lang]["checking"])
        checked: list[tuple[Input, Report]] = []
        if folder is not None:
            reports = _kept(inputs, reports, checked)
        if output.report_dir is not None:
            reports = _into_folder(reports, output.report_dir, inputs)
        with _page(output.html, lang, len(inputs)) as reports_on_page:
            status = _write(reports_on_page(reports), output, many=len(inputs) > 1)
        if folder is not None:
            sys.stdout.flush()
            _draw(inputs, checked, conditions, workers, folder)
    return status


def _with_progress(answers: Iterable[_Answer], count: int, words: str) -> Iterable[_Answer]:
    if count <= 1 or not sys.stderr.isatty():
        return answers
    from verifier.commands.progress import with_progress

    return with_progress(answers, count, words)


def _kept(
    inputs: Sequence[Input], reports: Iterable[Report], kept: list[tuple[Input, Report]]
) -> Iterator[Report]:
    """The same reports; those of files whose pages may look different are kept beside."""
    from verifier.commands.pictures import may_look_different

    for item, report in zip(inputs, reports, strict=True):
        if len(inputs) == 1 or may_look_different(report):
            kept.append((item, report))
        yield report


def _draw(
    inputs: Sequence[Input],
    checked: Sequence[tuple[Input, Report]],
    conditions: Conditions,
    workers: Workers,
    folder: PictureFolder,
) -> None:
    """Behind the verdicts, the pictures."""
    from verifier.commands.run import draw_all
    from verifier.commands.text import print_findings, print_pages
    from verifier.commands.words import LABELS

    drawn: Iterable[tuple[Report, tuple[Finding, ...]]] = draw_all(checked, conditions, workers, folder)
    if len(inputs) == 1:
        for _, findings in drawn:
            print_findings(findings)
        return
    drawn = _with_progress(drawn, len(checked), LABELS[conditions.lang]["drawing"])
    print_pages(drawn, len(inputs) - len(checked), conditions.lang)


def _picture_folder(folder: Path | None) -> PictureFolder | None:
    if folder is None:
        return None
    from storage.vocabulary import Misconfigured
    from verifier.commands.pictures import PictureFolder

    try:
        return PictureFolder(folder)
    except Misconfigured as error:
        _refuse(error.message)


def _into_folder(reports: Iterable[Report], folder: Path, inputs: Sequence[Input]) -> Iterable[Report]:
    """Writes a report of each answer that passes through it; the folder is seen to before any file."""
    from storage.vocabulary import Misconfigured
    from verifier.commands.reports import ReportFolder

    try:
        written = ReportFolder(folder, inputs)
    except Misconfigured as error:
        _refuse(error.message)

    def write() -> Iterator[Report]:
        for report in reports:
            try:
                written.add(report)
            except Misconfigured as error:
                _refuse(error.message)
            yield report

    return write()


def _write(reports: Iterable[Report], output: _Output, *, many: bool) -> int:
    """Each answer as soon as it is there, in the form that was asked for; the exit status."""
    from storage.vocabulary import Verdict

    if output.as_json:
        written = _as_json(reports)
    elif output.as_csv:
        written = _as_csv(reports)
    elif output.as_report and output.report_dir is None:
        written = _as_report(reports)
    else:
        written = _as_text(reports, many)
    status = 0
    for report in written:
        if report.verdict in (Verdict.UNREADABLE, Verdict.UNAVAILABLE):
            status = 2
        elif report.verdict is not Verdict.VALID:
            status = max(status, 1)
    return status


def _as_json(reports: Iterable[Report]) -> Iterator[Report]:
    import json

    for report in reports:
        written = json.dumps(report.to_json(), ensure_ascii=False)
        # A file name may be no UTF-8; its bytes become escapes of JSON.
        click.echo(written.encode("utf-8", "backslashreplace").decode())
        yield report


def _as_report(reports: Iterable[Report]) -> Iterator[Report]:
    from verifier.commands.reports import print_report

    for report in reports:
        print_report(report)
        yield report


def _as_csv(reports: Iterable[Report]) -> Iterator[Report]:
    from verifier.commands.spreadsheet import Spreadsheet

    spreadsheet = Spreadsheet(sys.stdout)
    for report in reports:
        spreadsheet.add(report)
        yield report


def _as_text(reports: Iterable[Report], many: bool) -> Iterator[Report]:
    if not many:
        from verifier.commands.text import print_report

        for report in reports:
            print_report(report)
            yield report
        return
    from verifier.commands.table import Overview

    overview = Overview()
    for report in reports:
        overview.add(report)
        yield report
    overview.show()


@contextmanager
def _page(file: Path | None, lang: Lang, count: int) -> Iterator[_OnPage]:
    """Puts the answers that pass through it on the page ``file``, if there is to be one."""
    if file is None:
        yield lambda reports: reports
        return
    from storage.vocabulary import Misconfigured
    from verifier.commands.page import Page

    try:
        page = Page(file, lang, count)
    except Misconfigured as error:
        _refuse(error.message)

    def put(reports: Iterable[Report]) -> Iterator[Report]:
        for report in reports:
            page.add(report)
            yield report

    try:
        yield put
    except BaseException:
        page.abandon()
        raise
    page.finish()


def _conditions(
    trust: tuple[Path, ...], offline: bool, password: str | None, lang: Lang, *, in_detail: bool
) -> Conditions:
    from storage.vocabulary import Misconfigured
    from verifier.commands.run import Conditions
    from verifier.report import Observation
    from verifier.trust.folder import read_files, read_trust

    place = read_place()
    revocation: RevocationSource | None = None
    try:
        if place.revocation_addresses and not offline:
            revocation = _open_revocation(place.revocation_addresses)
        anchors = (
            tuple(anchor.encode() for anchor in read_files(trust))
            if trust
            else read_trust(place.trust, production=place.production).encoded()
        )
    except Misconfigured as error:
        _refuse(error.message)
    lookup: Lookup | None = None
    more: tuple[Observation, ...] = ()
    if not offline:
        lookup = _open_register(place.data)
        if lookup is None:
            more = (Observation("REGISTER_NOT_CONFIGURED"),)
    return Conditions(
        lookup=lookup,
        anchors=anchors,
        hosts=_hosts(place),
        lang=lang,
        password=password,
        more=more,
        complain=lambda sentence: click.echo(sentence, err=True),
        in_detail=in_detail,
        revocation=revocation,
    )


def _open_register(data: Path) -> Lookup | None:
    # Asked here as well, because the database's libraries take a quarter of the time of a cold start.
    if not (data / "register.db").exists():
        return None
    from storage.lookup import open_lookup
    from storage.vocabulary import Misconfigured

    try:
        return open_lookup(data)
    except Misconfigured as error:
        # Answering without the register would call a withdrawn document good.
        _refuse(f"{error.message} With --offline, the signatures are checked without it.")


def _open_revocation(setting: str) -> RevocationSource | None:
    """Where revocation is asked for; None where no address is listed.

    Raises:
        Misconfigured: the setting makes no sense.
    """
    from verifier.revocation_addresses import parse_setting
    from verifier.revocation_source import RevocationSource

    addresses = parse_setting(setting)
    return RevocationSource(addresses) if addresses else None


def _hosts(place: Place) -> tuple[str, ...]:
    """The hosts of our verification pages; a QR code of another is foreign."""
    import json
    from urllib.parse import urlsplit

    urls = [place.public_url]
    first_run = place.data / "first-run.json"
    if first_run.exists():
        # On a laptop: where `serve` was started last, and where the specimens were made.
        told = json.loads(first_run.read_text())
        urls += [told["url"], told.get("first_url", "")]
    return tuple(dict.fromkeys(urlsplit(url).netloc.lower() for url in urls if url))


def _refuse(sentence: str) -> NoReturn:
    """End before any file is looked at; none could be checked."""
    click.echo(sentence, err=True)
    sys.exit(2)


def _stop(lang: Lang) -> NoReturn:
    """End at once: whoever presses Ctrl-C does not want to wait for the files that are open.

    The sandbox's processes die with this one.
    """
    from verifier.commands.words import LABELS

    click.echo("\n" + LABELS[lang]["stopped"], err=True)
    sys.stdout.flush()
    os._exit(_INTERRUPTED)


if TYPE_CHECKING:
    from collections.abc import Callable

    _OnPage = Callable[[Iterable[Report]], Iterable[Report]]

if __name__ == "__main__":
    main()
