"""Receiving a form with a file: bounded while it arrives, and never written to a disk.

The framework's own form reader puts what is larger than a megabyte into a temporary file; a stranger's
document has no business there. What is refused is refused as soon as it is known.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from storage.vocabulary import AbsahError, InvalidRequest, Unavailable

# What it warns of is answered to the sender; in our log it would be a stranger's bytes without a structure.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)

_MAXIMUM_PARTS = 20
_MAXIMUM_FIELD = 8_000
# Boundaries, part headers and the small fields beside the file.
_OVERHEAD = 64_000
# How many times the limit is still let in, to be thrown away, so that the refusal arrives.
_DRAINED = 4
_IDLE_SECONDS = 20.0
_TOTAL_SECONDS = 600.0


class TooLarge(AbsahError):
    """The file is larger than is accepted here."""

    code = "TOO_LARGE"


class TooSlow(AbsahError):
    """The file stopped arriving."""

    code = "UPLOAD_TIMEOUT"


class MalformedForm(InvalidRequest):
    """The body is not the form that was asked for."""

    code = "MALFORMED_FORM"


@dataclass(frozen=True)
class Upload:
    """A file that somebody sent: the name that they gave it, its bytes, and a password if they gave one.

    ``description`` is what the form's part ``document`` says of it, as it was sent.
    """

    name: str
    content: bytes
    password: str | None
    description: bytes | None = None


class UploadMemory:
    """How many bytes of uploads are held at once; many slow uploads hold few, so they block nobody."""

    def __init__(self, maximum: int = 512_000_000) -> None:
        self._maximum = maximum
        self._held = 0

    @contextmanager
    def account(self) -> Iterator[_Account]:
        """What one upload holds, given back at the end."""
        account = _Account(self)
        try:
            yield account
        finally:
            self._held -= account.held

    def take(self, size: int) -> None:
        """Hold ``size`` more bytes.

        Raises:
            Unavailable: other uploads hold too much already.
        """
        if self._held + size > self._maximum:
            raise Unavailable("Too many files are being received. Try again in a moment.", code="UPLOAD_BUSY")
        self._held += size


class _Account:
    def __init__(self, memory: UploadMemory) -> None:
        self._memory = memory
        self.held = 0

    def take(self, size: int) -> None:
        self._memory.take(size)
        self.held += size


async def read_upload(request: Request, limit: int, account: _Account) -> Upload:
    """The part ``file`` of a multipart form, and its field ``password``.

    ``limit`` is the largest file in bytes; what is larger is refused when it is announced or, without an
    announcement, as soon as it has arrived.

    Raises:
        TooLarge, TooSlow, MalformedForm, Unavailable: with nothing kept.
    """
    # A length that is no number is left to the parts themselves.
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > limit + _OVERHEAD:
        await _pass_over(request, int(announced[:20]), _DRAINED * limit)
        raise _too_large(limit)
    form = _Form(limit)
    parser = _parser(request, form)
    try:
        async with aclosing(_arriving(request)) as chunks:
            async for chunk in chunks:
                account.take(len(chunk))
                if account.held > limit + _OVERHEAD:
                    raise _too_large(limit)
                parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise MalformedForm("The form is damaged or was cut off.") from error
    return form.upload()


async def _pass_over(request: Request, announced: int, most: int) -> None:
    """Let what is too large arrive, unless that is too much, and keep nothing of it.

    The server ends the connection behind an answer that did not wait for the body; a client that is still
    sending then sees a reset in the place of the answer. One that asks first (RFC 9110, 10.1.1) sends none.
    """
    if announced > most or "expect" in request.headers:
        return
    async with aclosing(_arriving(request)) as chunks:
        async for _ in chunks:
            pass


def _parser(request: Request, form: _Form) -> MultipartParser:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data":
        raise MalformedForm(
            "Send the file as multipart/form-data, in a part named “file”.", code="NOT_A_FORM"
        )
    try:
        return MultipartParser(
            options.get(b"boundary", b""),
            {
                "on_part_begin": form.begin,
                "on_header_field": form.header_name,
                "on_header_value": form.header_value,
                "on_header_end": form.header_end,
                "on_headers_finished": form.headers_finished,
                "on_part_data": form.data,
                "on_end": form.complete,
            },
            max_header_count=10,
            max_header_size=4_000,
        )
    except FormParserError as error:
        raise MalformedForm("The form names no usable boundary.") from error


async def _arriving(request: Request) -> AsyncGenerator[bytes, None]:
    """The body's chunks, for as long as they keep coming."""
    end = time.monotonic() + _TOTAL_SECONDS
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(min(_IDLE_SECONDS, end - time.monotonic())):
                chunk = await anext(stream, None)
        except TimeoutError as error:
            raise TooSlow("The file stopped arriving; check the connection and send it again.") from error
        except ClientDisconnect as error:
            raise MalformedForm("The connection ended before the file did.") from error
        if chunk is None:
            return
        yield chunk


class _Form:
    """The parts, as the parser reports them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts = 0
        self._header = (b"", b"")
        self._disposition = b""
        self._field = ""
        self._fields: dict[str, bytearray] = {}
        self._file_name: str | None = None
        self._complete = False

    def begin(self) -> None:
        self._parts += 1
        if self._parts > _MAXIMUM_PARTS:
            raise MalformedForm(f"The form has more than {_MAXIMUM_PARTS} parts.", code="TOO_MANY_PARTS")
        self._disposition = b""

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0] + data[start:end], self._header[1])

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0], self._header[1] + data[start:end])

    def header_end(self) -> None:
        if self._header[0].lower() == b"content-disposition":
            self._disposition = self._header[1]
        self._header = (b"", b"")

    def headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._field = _text(options.get(b"name", b""))
        if self._field in self._fields:
            # Two files, or two passwords: which one was meant is not ours to guess.
            raise MalformedForm("The form has the same part twice.", code="PART_TWICE")
        self._fields[self._field] = bytearray()
        if self._field == "file":
            self._file_name = _text(options.get(b"filename", b""))

    def data(self, data: bytes, start: int, end: int) -> None:
        field = self._fields[self._field]
        field += data[start:end]
        if self._field == "file":
            if len(field) > self._limit:
                raise _too_large(self._limit)
        elif len(field) > _MAXIMUM_FIELD:
            raise MalformedForm("A field of the form is too long.", code="FIELD_TOO_LONG")

    def complete(self) -> None:
        self._complete = True

    def upload(self) -> Upload:
        if not self._complete:
            raise MalformedForm("The form is damaged or was cut off.")
        content = self._fields.get("file")
        # A form that is sent without choosing a file has a part without a name and without bytes.
        if content is None or (not content and not self._file_name):
            raise MalformedForm("Choose a file, and send it in a part named “file”.", code="NO_FILE")
        password = self._fields.get("password")
        description = self._fields.get("document")
        return Upload(
            self._file_name or "",
            bytes(content),
            _text(password) if password else None,
            None if description is None else bytes(description),
        )


def _text(data: bytes | bytearray) -> str:
    return bytes(data).decode("utf-8", "replace")


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"A file may have {limit / 1_000_000:g} MB.")
