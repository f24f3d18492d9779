"""The few words that the command's own outputs need beside those of verdicts and findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verifier.report import subject_parts

if TYPE_CHECKING:
    from verifier.report import Report, SignatureReport

MARKS = {"green": "✔", "yellow": "!", "red": "✘", "grey": "?"}

LABELS = {
    "id": {
        "signature": "tanda tangan",
        "e_seal": "segel elektronik",
        "document_timestamp": "penanda waktu",
        "timestamp": "dibuktikan penanda waktu",
        "claimed": "menurut penanda tangan",
        "register": "Register",
        "unknown": "tidak tercatat di sini",
        "unsearched": "tidak dapat dicari",
        "unasked": "tidak ditanyakan",
        "file": "File",
        "verdict": "Hasil",
        "signer": "Penanda tangan",
        "time": "Waktu",
        "title": "Hasil pemeriksaan {count} file",
        "checked": "Diperiksa {time}",
        "more": "Rincian: absah verify FILE",
        "files": "{count} file",
        "findings": "Temuan",
        "checking": "Memeriksa",
        "passed_over": "{count} file lain di dalam folder dilewati; hanya .pdf yang diperiksa.",
        "drawing": "Menggambar",
        "alike": "{count} file: tidak ada halaman yang tampak lain, atau tidak ada yang dapat dibandingkan.",
        "stopped": "Dihentikan.",
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
        "unasked": "not asked",
        "file": "File",
        "verdict": "Result",
        "signer": "Signer",
        "time": "Time",
        "title": "Result of checking {count} files",
        "checked": "Checked {time}",
        "more": "For the details: absah verify FILE",
        "files": "{count} files",
        "findings": "Findings",
        "checking": "Checking",
        "passed_over": "{count} other files in the folders were passed over; only .pdf is checked.",
        "drawing": "Drawing",
        "alike": "{count} files: no page looks different, or there is nothing to compare with.",
        "stopped": "Stopped.",
    },
}


def signers(report: Report) -> list[SignatureReport]:
    """Who signed: people and offices, or the time-stamps where there is nobody else."""
    return [each for each in report.signatures if each.kind != "document_timestamp"] or list(
        report.signatures
    )


def common_name(signer: str) -> str:
    """The name in ``CN=…, O=…``."""
    return subject_parts(signer).get("CN", signer)


def describe(signer: str) -> str:
    """Name, office and organisation of a signer, the way a person would say it."""
    parts = subject_parts(signer)
    told = [parts[key] for key in ("CN", "T", "O") if key in parts]
    return ", ".join(dict.fromkeys(told)) or signer


def plain_time(time: str) -> str:
    """A time of a report (UTC) to the minute, with its zone."""
    return f"{time[:16].replace('T', ' ')} UTC"


def register_words(report: Report) -> str:
    """What the register says of the document, in a few words."""
    from storage.vocabulary import Verdict
    from verifier.verdict import STATUS_WORDS

    labels, register = LABELS[report.lang], report.register
    if register is None:
        return labels["unasked"]
    if register.status is not None:
        return f"{register.number}, {STATUS_WORDS[report.lang][register.status]}"
    # Of a file that cannot be read nobody knows which document it is.
    searched = report.verdict not in (Verdict.UNREADABLE, Verdict.UNAVAILABLE)
    return labels["unknown" if searched else "unsearched"]
