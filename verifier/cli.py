"""``absah verify``: checks signed PDFs from the command line, ours and anybody's.

Stands alone: it needs no server, no key and nothing of the issuing side. Imports are late, because a
file that the register knows by its hash is answered without loading the PDF libraries at all.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from verifier.check import Lookup
    from verifier.report import Report
    from verifier.words import Lang

_CERTIFICATE_SUFFIXES = (".pem", ".crt", ".cer", ".der")

_HELP = """Check signed PDFs: is the file what was signed, by whom, and is the document in force?

Any signed PDF can be checked, also one that was not issued here. Nothing that a file names is ever
opened or fetched.

\b
Examples:
  absah verify izin.pdf                      one file, in words
  absah verify *.pdf --json                  one JSON object per line
  absah verify izin.pdf --lang en            in English
  absah verify surat.pdf --trust root.pem    trust only this root certificate
  absah verify izin.pdf --offline            the signatures alone, without the register
  absah verify terkunci.pdf --password ...   an encrypted file

\b
Exit status:
  0  every file is valid
  1  some file is not
  2  some file could not be checked

The folder ABSAH_DATA (default ./data) holds the register and, in trust/, the trusted root
certificates."""


@click.command("verify", help=_HELP)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line and file.")
@click.option(
    "--trust",
    multiple=True,
    metavar="PEM_OR_DIR",
    type=click.Path(exists=True, path_type=Path),
    help="Trust these root certificates instead of those in ABSAH_DATA/trust. May be repeated.",
)
@click.option("--offline", is_flag=True, help="Do not ask the register; the signatures alone decide.")
@click.option("--password", help="The password of encrypted files.")
@click.option("--lang", type=click.Choice(["id", "en"]), default="id", help="Language of the answer.")
def verify(
    files: tuple[Path, ...],
    as_json: bool,
    trust: tuple[Path, ...],
    offline: bool,
    password: str | None,
    lang: Lang,
) -> None:
    """Check signed PDFs; see ``--help``."""
    from storage.vocabulary import Verdict
    from verifier.without_http import leave_out_http_client

    leave_out_http_client()
    status = 0
    for report in _reports(files, trust, offline, password, lang):
        if as_json:
            click.echo(json.dumps(report.to_json(), ensure_ascii=False))
        else:
            _print(report)
        if report.verdict in (Verdict.UNREADABLE, Verdict.UNAVAILABLE):
            status = 2
        elif report.verdict is not Verdict.VALID:
            status = max(status, 1)
    sys.exit(status)


def main() -> None:
    """The program by itself: ``python -m verifier.cli``."""
    verify()


def _reports(
    files: tuple[Path, ...], trust: tuple[Path, ...], offline: bool, password: str | None, lang: Lang
) -> Iterator[Report]:
    from storage.vocabulary import Misconfigured
    from verifier.check import check
    from verifier.report import Observation
    from verifier.sandbox import OneShotSandbox

    data = Path(os.environ.get("ABSAH_DATA", "data"))
    anchors = _anchors(trust or (data / "trust",))
    lookup: Lookup | None = None
    more: list[Observation] = []
    if not offline:
        lookup = _open_register(data)
        if lookup is None:
            more.append(Observation("REGISTER_NOT_CONFIGURED"))
    hosts = _hosts(data)
    sandbox = OneShotSandbox()
    for file in files:
        started = perf_counter()
        problem = _problem(file)
        if problem is not None:
            yield _failed(file, problem, lang, started)
            continue
        try:
            yield check(
                file,
                lookup=lookup,
                anchors=anchors,
                sandbox=sandbox,
                now=datetime.now(UTC),
                lang=lang,
                password=password,
                hosts=hosts,
                more=more,
            )
        except OSError:
            yield _failed(file, "FILE_NOT_READABLE", lang, started)
        except Misconfigured as error:
            click.echo(error.message, err=True)
            yield _failed(file, "SANDBOX_UNAVAILABLE", lang, started, ours=True)
        except Exception as error:
            # Every file gets its answer, also when one of them finds an error of ours.
            click.echo(f"{click.format_filename(file)}: {type(error).__name__}", err=True)
            yield _failed(file, "INTERNAL", lang, started, ours=True)


def _failed(file: Path, code: str, lang: Lang, started: float, *, ours: bool = False) -> Report:
    """The report about a file that was not opened: through its fault (unreadable) or ours (unavailable)."""
    from verifier.report import FileAnswer, Observation
    from verifier.verdict import conclude

    return conclude(
        None if ours else FileAnswer.unreadable(code),
        None,
        known_original=False,
        register_asked=False,
        now=datetime.now(UTC),
        lang=lang,
        name=str(file),
        more=(Observation(code),) if ours else (),
        elapsed_ms=round((perf_counter() - started) * 1000, 2),
    )


def _problem(file: Path) -> str | None:
    try:
        if file.is_dir():
            return "FILE_IS_DIRECTORY"
        # A pipe or a device could block or never end.
        if file.exists() and not file.is_file():
            return "FILE_NOT_READABLE"
        return None if file.exists() else "FILE_NOT_FOUND"
    except (OSError, ValueError):
        return "FILE_NOT_READABLE"


def _anchors(places: tuple[Path, ...]) -> list[bytes]:
    """The certificates in files and folders; every one must be readable as such."""
    files: list[Path] = []
    for place in places:
        if place.is_dir():
            files += sorted(item for item in place.iterdir() if item.suffix.lower() in _CERTIFICATE_SUFFIXES)
        elif place.exists():
            files.append(place)
    anchors = []
    for file in files:
        content = file.read_bytes()
        if not (b"-----BEGIN CERTIFICATE-----" in content or content.startswith(b"\x30")):
            raise click.UsageError(f"{click.format_filename(file)} is not a certificate (PEM or DER).")
        anchors.append(content)
    return anchors


def _open_register(data: Path) -> Lookup | None:
    if not data.is_dir():
        return None
    from storage.lookup import open_lookup
    from storage.vocabulary import Misconfigured

    try:
        return open_lookup(data)
    except Misconfigured as error:
        # Answering without the register would call a withdrawn document good.
        click.echo(f"{error.message} With --offline, the signatures are checked without it.", err=True)
        sys.exit(2)


def _hosts(data: Path) -> tuple[str, ...]:
    """The hosts of our verification pages; a QR code of another is foreign."""
    import json
    from urllib.parse import urlsplit

    urls = [os.environ.get("ABSAH_PUBLIC_URL", "")]
    first_run = data / "first-run.json"
    if first_run.exists():
        # On a laptop: where `serve` was started last, and where the specimens were made.
        told = json.loads(first_run.read_text())
        urls += [told["url"], told.get("first_url", "")]
    return tuple(dict.fromkeys(urlsplit(url).netloc.lower() for url in urls if url))


_MARKS = {"green": "✔", "yellow": "!", "red": "✘", "grey": "?"}
_TERMINAL = {"green": "green", "yellow": "yellow", "red": "red", "grey": "bright_black"}
_LABELS = {
    "id": {
        "signature": "tanda tangan",
        "e_seal": "segel elektronik",
        "document_timestamp": "penanda waktu",
        "timestamp": "dibuktikan penanda waktu",
        "claimed": "menurut penanda tangan",
        "register": "Register",
        "unknown": "tidak tercatat di sini",
        "unsearched": "tidak dapat dicari",
    },
    "en": {
        "signature": "signature",
        "e_seal": "e-seal",
        "document_timestamp": "time-stamp",
        "timestamp": "proven by a time-stamp",
        "claimed": "as the signer says",
        "register": "Register",
        "unknown": "not recorded here",
        "unsearched": "could not be searched",
    },
}


def _print(report: Report) -> None:
    """The answer for a person: verdict, advice, signers, register, findings."""
    from storage.vocabulary import Verdict
    from verifier.verdict import STATUS_WORDS

    labels = _LABELS[report.lang]
    click.echo(click.style(click.format_filename(report.file), bold=True))
    heading = f"{_MARKS[report.colour]} {report.heading}"
    click.echo("  " + click.style(heading, fg=_TERMINAL[report.colour], bold=True))
    click.echo(f"    {report.advice}")
    for signature in report.signatures:
        when = (
            f", {signature.signed_at} ({labels[signature.signed_at_source]})" if signature.signed_at else ""
        )
        click.echo(f"  · {labels[signature.kind]}: {signature.signer}{when}")
    register = report.register
    if register is not None:
        known = f"{register.number}, {STATUS_WORDS[report.lang][register.status]}" if register.status else ""
        # Of a file that cannot be read nobody knows which document it is.
        searched = report.verdict not in (Verdict.UNREADABLE, Verdict.UNAVAILABLE)
        click.echo(f"  · {labels['register']}: {known or labels['unknown' if searched else 'unsearched']}")
    for finding in report.findings:
        click.echo(f"  - {finding.message} [{finding.code}]")


if __name__ == "__main__":
    main()
