"""Pictures of the pages that look other than when they were signed, as PNG in a folder for each file.

``DIR/NAME-HASH/page-0002-signed.png`` and ``page-0002-now.png`` are a page in both states, what differs
outlined: dashed as signed, solid now; ``page-0002-detail-1-now.png`` and so on are the first places, larger.
The hash is that of the file, so that two files of one name never share a folder.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from storage.vocabulary import Misconfigured, Unavailable
from verifier.commands.inputs import STANDARD_INPUT, Input, NotChecked, read
from verifier.page_pictures import PagePair, PagePictures, field_to_compare
from verifier.report import Observation, Report, is_altered, printable

# For a file of thousands of pages; what a page may cost is the sandbox's to say.
_SECONDS = 3600.0
_LONGEST_NAME = 80
_HASH_DIGITS = 32  # 128 bits: nobody finds two files alike
_LONGEST_PATH = 1000


class Drawing(Protocol):
    """What draws pages: a sandbox."""

    def draw_now(
        self,
        pdf: bytes,
        *,
        field: str,
        password: str | None = None,
        seconds: float = ...,
        keep: Callable[[PagePair], None] | None = None,
    ) -> PagePictures:
        """See `verifier.sandbox.Sandbox.draw_now`."""
        ...


class _NotWritten(Exception):
    """A picture cannot be written; the text says why."""


class PictureFolder:
    """The folder ``DIR``."""

    def __init__(self, folder: Path) -> None:
        """Make it where it is missing.

        Raises:
            Misconfigured: it is no folder, or nothing can be written in it.
        """
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as trial:
                trial.write(b"x")
        except (FileExistsError, NotADirectoryError) as error:
            raise Misconfigured(f"{folder} is a file; --pages needs a folder.", code="OUTPUT") from error
        except OSError as error:
            raise Misconfigured(
                f"No pictures can be written in {folder} ({error.strerror}).", code="OUTPUT"
            ) from error

    def draw(
        self, item: Input, report: Report, sandbox: Drawing, password: str | None
    ) -> tuple[Observation, ...]:
        """Write the pages of one checked file that look different; what there is to tell of them.

        The file is read again, so that nobody has to hold it meanwhile; another one of its name is not drawn.
        """
        field = _field(report)
        if field is None:
            return (
                Observation("PAGES_NOT_TOUCHED" if _is_untouched(report) else "PAGES_WITHOUT_SIGNED_STATE"),
            )
        if field in report.undrawn:
            return (Observation("PAGES_NOT_DRAWN_UPON"),)
        try:
            pdf = read(item)
        except NotChecked:
            return (Observation("PAGES_OTHER_FILE"),)
        if hashlib.sha256(pdf).hexdigest() != report.sha256:
            return (Observation("PAGES_OTHER_FILE"),)
        folder = self._folder / _name(item, report.sha256)
        written: list[int] = []

        def keep(pair: PagePair) -> None:
            try:
                folder.mkdir(exist_ok=True)
                for name, picture in _pictures(pair):
                    _write(folder / name, picture)
            except OSError as error:
                raise _NotWritten(error.strerror or type(error).__name__) from error
            written.append(pair.page)

        try:
            drawn = sandbox.draw_now(pdf, field=field, password=password, seconds=_SECONDS, keep=keep)
        except Unavailable:
            drawn = PagePictures(field, findings=(Observation("PAGE_PICTURES_BUSY"),))
        except _NotWritten as error:
            drawn = PagePictures(
                field, findings=(Observation.of("PAGE_PICTURES_NOT_WRITTEN", folder=folder, reason=error),)
            )
        told = drawn.findings
        if written:
            # Not by `Observation.of`, which cuts what it is given: a path that is cut is none.
            values = (("count", str(len(written))), ("folder", printable(folder, _LONGEST_PATH)))
            return (Observation("PAGES_DIFFER", values), *told)
        return told or (Observation.of("PAGES_LOOK_AS_SIGNED", count=drawn.compared),)


def may_look_different(report: Report) -> bool:
    """Whether anything came after a signature that a page may draw."""
    field = _field(report)
    return field is not None and field not in report.undrawn


def _field(report: Report) -> str | None:
    # Of an original, whoever issued it signed each page as it is.
    return None if report.original else field_to_compare(report.signatures)


def _is_untouched(report: Report) -> bool:
    signatures = report.signatures
    return report.original or (
        bool(signatures) and all(each.changes == "none" and not is_altered(each) for each in signatures)
    )


def _name(item: Input, sha256: str) -> str:
    stem = "stdin" if item.name == STANDARD_INPUT else Path(item.name).stem
    readable = re.sub(r"[^\w-]+", "_", stem).encode()[:_LONGEST_NAME].decode(errors="ignore")
    return f"{readable}-{sha256[:_HASH_DIGITS]}"


def _pictures(pair: PagePair) -> Iterator[tuple[str, bytes]]:
    start = f"page-{pair.page:04}"
    if pair.before is not None:
        yield f"{start}-signed.png", pair.before
    if pair.after is not None:
        yield f"{start}-now.png", pair.after
    for number, detail in enumerate(pair.details, 1):
        yield f"{start}-detail-{number}-signed.png", detail.before
        yield f"{start}-detail-{number}-now.png", detail.after


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all, so that an interrupt leaves no half picture under its name."""
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        partial.replace(file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
