"""The answers as one web page that stands alone: no script, nothing fetched, printable, readable aloud.

It is written file by file, so that thousands of answers need no memory, and appears under its name only when
it is complete.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path

from storage.vocabulary import Misconfigured
from verifier.commands.words import LABELS, MARKS, register_words
from verifier.report import Report, SignatureReport, printable
from verifier.words import Lang

_STYLE = """
:root { color-scheme: light dark; font: 100%/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
article { border: 1px solid #767676; border-left-width: .5rem; border-radius: .25rem; padding: .75rem 1rem;
  margin: 1rem 0; break-inside: avoid; }
.verdict { font-size: 1.25rem; font-weight: bold; margin: 0; }
.green { border-left-color: #1a7f37; } .yellow { border-left-color: #9a6700; }
.red { border-left-color: #b3261e; } .grey { border-left-color: #767676; }
code { overflow-wrap: anywhere; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } }
"""
# Even if a text of a stranger's file got out of its place, nothing could run or be fetched.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


class Page:
    """The page at ``file``. Use `add` for each answer, then `finish`; `abandon` leaves nothing behind."""

    def __init__(self, file: Path, lang: Lang, count: int) -> None:
        """Begin it.

        Raises:
            Misconfigured: it cannot be written there.
        """
        self._file, self._lang = file, lang
        self._partial = file.with_name(f".{file.name}.{os.getpid()}")
        self._title = LABELS[lang]["title"].format(count=count)
        try:
            self._out = self._partial.open("w", encoding="utf-8")
        except OSError as error:
            raise Misconfigured(f"{file} cannot be written ({error.strerror}).", code="OUTPUT") from error
        self._started = False

    def add(self, report: Report) -> None:
        """One more file."""
        if not self._started:
            self._begin(report)
        labels = LABELS[self._lang]
        rows = [_signature(each, self._lang) for each in report.signatures]
        rows.append(f"{escape(labels['register'])}: {escape(register_words(report))}")
        if report.sha256:
            rows.append(f"SHA-256: <code>{report.sha256}</code>")
        self._out.write(
            f'<article class="{report.colour}">\n<h2>{escape(printable(report.file, 1000))}</h2>\n'
            f'<p class="verdict"><span aria-hidden="true">{MARKS[report.colour]}</span> '
            f"{escape(report.heading)}</p>\n<p>{escape(report.advice)}</p>\n"
            f"{_list(rows)}{_findings(report, labels['findings'])}</article>\n"
        )

    def finish(self) -> None:
        """Write the end; from here on the page is there."""
        self._out.write("</main>\n</body>\n</html>\n")
        self._out.close()
        self._partial.replace(self._file)

    def abandon(self) -> None:
        """Remove what was written."""
        self._out.close()
        self._partial.unlink(missing_ok=True)

    def _begin(self, report: Report) -> None:
        time = LABELS[self._lang]["checked"].format(
            time=f"{report.checked_at.astimezone():%Y-%m-%d %H:%M %Z}"
        )
        self._out.write(
            f'<!doctype html>\n<html lang="{self._lang}">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{escape(self._title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
            f"<h1>{escape(self._title)}</h1>\n<p>{escape(time)}</p>\n"
        )
        self._started = True


def _signature(signature: SignatureReport, lang: Lang) -> str:
    labels = LABELS[lang]
    text = f"{labels[signature.kind].capitalize()}: {signature.signer}"
    if signature.signed_at:
        text += f", {signature.signed_at} ({labels[signature.signed_at_source]})"
    return escape(text)


def _findings(report: Report, heading: str) -> str:
    if not report.findings:
        return ""
    rows = [f"{escape(each.message)} <code>{escape(each.code)}</code>" for each in report.findings]
    return f"<h3>{escape(heading)}</h3>\n{_list(rows)}"


def _list(rows: Sequence[str]) -> str:
    return "<ul>\n" + "".join(f"<li>{row}</li>\n" for row in rows) + "</ul>\n"
