"""The whole check of one file: the register by hash, the sandbox, the register again, one report."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from storage.code import is_well_formed
from storage.records import PublicRecord
from storage.vocabulary import Unavailable
from verifier.inspection import SECONDS, Inspector, inspect_asking
from verifier.report import FileAnswer, Observation, Report
from verifier.typed import read_typed
from verifier.verdict import conclude
from verifier.words import Lang

if TYPE_CHECKING:
    from verifier.revocation_source import RevocationSource


# The register has answered for an original; opened, it only tells its signatures as well.
_ORIGINAL_SECONDS = 2.0


class Lookup(Protocol):
    """The reading half of the register. Each raises `Unavailable` where the register does not answer."""

    def by_code(self, code: str, /) -> PublicRecord | None:
        """The document with this verification code."""
        ...

    def by_sha256(self, sha256: str, /) -> PublicRecord | None:
        """The document of which this is a file as issued; the hash in hex."""
        ...

    def by_byte_range_digest(self, digest: str, /) -> PublicRecord | None:
        """The document one of whose signatures covers bytes with this SHA-256, in hex."""
        ...


@dataclass
class _Register:
    """The register as one check sees it: absent, answering, or down."""

    lookup: Lookup | None
    down: bool = False
    record: PublicRecord | None = None
    same_document: bool = True
    more: list[Observation] = field(default_factory=list)

    def ask(self, question: str, value: str) -> PublicRecord | None:
        """One question; the answer is kept as the document that the file is tied to."""
        if self.lookup is None or self.down or self.record is not None:
            return None
        try:
            if question == "sha256":
                self.record = self.lookup.by_sha256(value)
            elif question == "digest":
                self.record = self.lookup.by_byte_range_digest(value)
            else:
                self.record = self.lookup.by_code(value)
        except Unavailable:
            self.down = True
            self.more.append(Observation("REGISTER_UNAVAILABLE"))
        return self.record


def check(
    file: bytes | Path | str,
    *,
    lookup: Lookup | None = None,
    anchors: Sequence[bytes] = (),
    sandbox: Inspector | None = None,
    revocation: RevocationSource | None = None,
    now: datetime | None = None,
    lang: Lang = "id",
    password: str | None = None,
    hosts: Sequence[str] = (),
    name: str | None = None,
    more: Sequence[Observation] = (),
    in_detail: bool = False,
) -> Report:
    """Check one file: is it what was signed, by whom, and is the document in force?

    The file is opened in a confined process of its own, and nothing that it names is fetched, but for
    revocation at the addresses that ``revocation`` lists.

    Args:
        file: its bytes or its path.
        lookup: the register, or None: then the signatures alone decide.
        anchors: trusted certificates, DER or PEM, each perhaps with its terms;
            `verifier.trust.folder.read_trust` reads the operator's. Without any, no signer is trusted.
        sandbox: opens the file; an original is answered even when it cannot. None is one of this process's
            own, which is kept warm until the process ends and checks two files at a time.
        revocation: asks listed addresses whether certificates of trusted paths were revoked, where the file
            itself does not tell. None asks nobody; an original is answered without it.
        now: the time of the check, aware; the present if None.
        lang: the language of summary and messages.
        password: for an encrypted file.
        hosts: the hosts of our verification pages, lower case; a QR code of another is foreign.
        name: what the report calls the file; its path where not given.
        more: what the caller has to add.
        in_detail: also what `verifier.etsi_report` needs beyond the answer, `Report.details`.

    Returns:
        The verdict and its reasons. A file that is wrong in any way is an answer, never an exception.

    Raises:
        OSError: the path cannot be read.
        Misconfigured: the sandbox has no system call filter here.
    """
    started = perf_counter()
    if isinstance(file, str):
        file = Path(file)
    data = file if isinstance(file, bytes) else file.read_bytes()
    now = now or datetime.now(UTC)
    sha256 = hashlib.sha256(data).hexdigest()
    register = _Register(lookup, more=list(more))
    answer: FileAnswer | None = None
    known_original = register.ask("sha256", sha256) is not None
    if known_original:
        register.more.append(Observation("ORIGINAL"))
    try:
        answer = inspect_asking(
            sandbox or _own_sandbox(),
            data,
            None if known_original else revocation,
            anchors=anchors,
            moment=now,
            password=password,
            in_detail=in_detail,
            seconds=_ORIGINAL_SECONDS if known_original else SECONDS,
        )
    except Unavailable as error:
        # An original needs nobody to open it: the register has answered already.
        if not known_original:
            busy = error.code == "SANDBOX_BUSY"
            register.more.append(Observation("SANDBOX_BUSY" if busy else "SANDBOX_UNAVAILABLE"))
    if answer is not None:
        if known_original:
            answer = _without_doubts(answer)
        else:
            _tie(answer, register, hosts)
    report = conclude(
        answer,
        register.record,
        known_original=known_original,
        register_asked=lookup is not None,
        register_down=register.down,
        same_document=register.same_document,
        now=now,
        lang=lang,
        name=name if name is not None else (str(file) if isinstance(file, Path) else ""),
        sha256=sha256,
        more=register.more,
    )
    return replace(report, elapsed_ms=round((perf_counter() - started) * 1000, 2))


@cache
def _own_sandbox() -> Inspector:
    """The sandbox of a process that brings none."""
    from atexit import register

    from verifier.sandbox import Sandbox

    sandbox = Sandbox()
    register(sandbox.close)
    return sandbox


_DOUBTS = frozenset(
    {"NO_ANCHORS", "SIGNER_UNTRUSTED", "SIGNER_UNSUITABLE", "SIGNER_EXPIRED", "TIMESTAMP_UNTRUSTED"}
)


def _without_doubts(original: FileAnswer) -> FileAnswer:
    """An original without warnings about who signed it: the register's own hash has answered that.

    They appear where other roots are trusted than the issuer's (``--trust``); each signature still says so.
    """
    kept = tuple(finding for finding in original.findings if finding.code not in _DOUBTS)
    if len(kept) == len(original.findings):
        return original
    return replace(original, findings=(*kept, Observation("ORIGINAL_DECIDES")))


def _tie(answer: FileAnswer, register: _Register, hosts: Sequence[str]) -> None:
    """Find the document that a file is about: what it signs, the code it carries, what a broken file once
    signed, the QR code it shows.
    """
    for digest in reversed(answer.byte_range_digests):
        if register.ask("digest", digest) is not None:
            register.more.append(Observation("ORIGINAL_EXTENDED"))
            return
    if answer.code is not None and register.ask("code", answer.code) is not None:
        register.same_document = False
        register.more.append(Observation("NOT_THE_ISSUED_FILE"))
        return
    for digest in answer.traces:
        record = register.ask("digest", digest)
        if record is not None:
            register.same_document = False
            register.more.append(Observation.of("ORIGINAL_CHANGED", number=record.number))
            return
    for text in answer.qr_codes:
        _follow_qr_code(text, register, hosts)


def _follow_qr_code(text: str, register: _Register, hosts: Sequence[str]) -> None:
    """Nothing is opened: the address is read, and only a code under a host of ours is looked up."""
    read = read_typed(text, hosts)
    if read.foreign is not None:
        register.more.append(Observation.of("FOREIGN_CODE" if hosts else "QR_FOUND", host=read.foreign[:100]))
    elif is_well_formed(code := read.code):
        record = register.ask("code", code)
        if record is not None:
            register.more.append(Observation.of("SCAN_OF", number=record.number))
        elif register.lookup is not None and not register.down and register.record is None:
            register.more.append(Observation("UNKNOWN_CODE"))
