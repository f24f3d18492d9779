"""Photos of holders: decoded under limits, cut to 4 × 6, and written anew without anything else.

This happens where the request is accepted, never in a process that holds a key.
"""

from __future__ import annotations

import base64
import binascii
import io
import re

from PIL import Image, ImageOps

from storage.vocabulary import InvalidRequest

MAX_BYTES = 2 * 1024 * 1024
TOO_LARGE = (
    f"The photo is larger than {MAX_BYTES // 1024 // 1024} MB; save it as JPEG with fewer pixels,"
    " 480 × 720 are enough."
)
_MAX_PIXELS = 12_000_000
_MIN_WIDTH, _MIN_HEIGHT = 200, 300
# 4 cm at 305 dpi: what a printer can show, in about 40 kB.
PRINTED = (480, 720)
_ASPECT = 2 / 3
_ASPECT_TOLERANCE = 0.1
_FORMATS = ("PNG", "JPEG")
_DATA_URL = re.compile(r"\Adata:image/(?:png|jpeg);base64,", re.IGNORECASE)


class PhotoRefused(InvalidRequest):
    """The photo cannot be used as it is; the message says what to change."""

    code = "FIELD_PHOTO"


def clean_photo(text: str) -> bytes:
    """The photo as a JPEG of at most 480 × 720 pixels: upright, exactly 2:3, without metadata.

    Args:
        text: base64 of a PNG or JPEG, optionally as a ``data:`` URL.

    Raises:
        PhotoRefused: not base64, not PNG or JPEG, damaged, too large, too small, or not near 4 × 6.
    """
    image = _decode(text)
    width = min(PRINTED[0], image.width)
    fitted = ImageOps.fit(image, (width, round(width / _ASPECT)), Image.Resampling.LANCZOS)
    output = io.BytesIO()
    # `fitted` was made pixel by pixel, but Pillow carries EXIF, ICC and comments along in `info`.
    fitted.info.clear()
    fitted.save(output, "JPEG", quality=85, optimize=True)
    return output.getvalue()


def _decode(text: str) -> Image.Image:
    """The photo's pixels, upright, in RGB on white."""
    data = _base64(text)
    try:
        opened = Image.open(io.BytesIO(data), formats=_FORMATS)
        # Reading the header allocates nothing; the size is judged before a pixel is decoded.
        if opened.width * opened.height > _MAX_PIXELS:
            raise PhotoRefused(
                f"The photo has more than {_MAX_PIXELS // 1_000_000} million pixels; reduce it."
            )
        # JPEG can be decoded at a half, quarter or eighth of its size, which is enough for print.
        opened.draft("RGB", PRINTED)
        opened.load()
        image: Image.Image = ImageOps.exif_transpose(opened)
    except PhotoRefused:
        raise
    except Exception as error:  # decoders fail in many ways on hostile bytes; each means "not usable"
        raise PhotoRefused("The photo cannot be read; send a complete PNG or JPEG file.") from error
    if image.width < _MIN_WIDTH or image.height < _MIN_HEIGHT:
        raise PhotoRefused(f"The photo is too small; it needs at least {_MIN_WIDTH} × {_MIN_HEIGHT} pixels.")
    if abs(image.width / image.height / _ASPECT - 1) > _ASPECT_TOLERANCE:
        raise PhotoRefused("The photo is not 4 × 6; cut it so that its height is one and a half its width.")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image)
    return image.convert("RGB")


def _base64(text: str) -> bytes:
    bare = _DATA_URL.sub("", text, count=1)
    # Four characters stand for three bytes; line breaks may add a little.
    if len(bare) > MAX_BYTES * 3 // 2:
        raise PhotoRefused(TOO_LARGE)
    try:
        data = base64.b64decode("".join(bare.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise PhotoRefused("The photo is not valid base64.") from error
    if len(data) > MAX_BYTES:
        raise PhotoRefused(TOO_LARGE)
    return data
