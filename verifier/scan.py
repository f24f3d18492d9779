"""The QR codes of a photo or scan: the way from a piece of paper back to its record.

Pictures are decoded and pages drawn by native code, so these functions run inside the sandbox only.
The libraries are loaded by `preload`, before the sandbox closes.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator
from io import BytesIO
from typing import Any

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_MAXIMUM_PIXELS = 60_000_000
_MAXIMUM_PAGES = 3
_DOTS_PER_INCH = 200
_MAXIMUM_SIDE = 4000
_MAXIMUM_TEXT = 2000
_MAXIMUM_CODES = 20


def preload() -> None:
    """Import and initialise what reading a scan needs, while files may still be opened."""
    import PIL.Image
    import PIL.ImageChops
    import PIL.JpegImagePlugin
    import PIL.PngImagePlugin
    import pypdfium2

    # Drawing once makes the native libraries set up what they set up lazily.
    document = pypdfium2.PdfDocument.new()
    document.init_forms()
    document.new_page(72, 72).render(scale=1).to_pil()
    _read(PIL.Image.new("L", (32, 32), 255))


def is_picture(data: bytes) -> bool:
    """Whether the file begins as a PNG or JPEG does."""
    return data[: len(_PNG)].startswith((_PNG, _JPEG))


def read_codes_of_picture(picture: bytes) -> tuple[str, ...]:
    """The texts of the QR codes in a PNG or JPEG.

    Raises:
        MemoryError: the picture is larger than any scan.
        Exception: whatever the decoder raises on a damaged picture.
    """
    import PIL.Image

    try:
        with PIL.Image.open(BytesIO(picture), formats=["PNG", "JPEG"]) as image:
            if image.width * image.height > _MAXIMUM_PIXELS:
                raise MemoryError
            return _read(image.convert("L"))
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as error:
        raise MemoryError from error


def read_codes_of_pdf(pdf: bytes, password: str | None = None) -> Iterator[tuple[str, ...]]:
    """The texts of the QR codes on each of the first pages, one page after the other.

    A page may ask for more time or memory than there is, so whoever reads along keeps what came before it.

    Raises:
        Exception: whatever a page that cannot be drawn makes the libraries raise.
    """
    import pypdfium2

    document = pypdfium2.PdfDocument(drawable(pdf), password=password)
    for index in range(min(len(document), _MAXIMUM_PAGES)):
        page = document[index]
        width, height = page.get_size()
        scale = min(_DOTS_PER_INCH / 72, _MAXIMUM_SIDE / max(width, height, 1))
        yield _read(page.render(scale=scale, grayscale=True).to_pil())


def drawable(pdf: Any, end: int | None = None) -> Any:
    """The bytes up to ``end`` as the drawing library takes them; those of a mapped file are not copied."""
    if not isinstance(pdf, mmap.mmap):
        return bytes(pdf[:end])
    return (ctypes.c_char * (len(pdf) if end is None else end)).from_buffer(pdf)


def _read(image: Any) -> tuple[str, ...]:
    import zxingcpp

    found = zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    return tuple(result.text[:_MAXIMUM_TEXT] for result in found[:_MAXIMUM_CODES])
