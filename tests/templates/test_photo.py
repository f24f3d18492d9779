from __future__ import annotations

import base64
import io

import pytest
from PIL import Image

from templates.photo import MAX_BYTES, PhotoRefused, clean_photo
from tests.templates.pages import pixel, png


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def jpeg(image: Image.Image, **options: object) -> bytes:
    output = io.BytesIO()
    image.save(output, "JPEG", **options)
    return output.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_a_photo_leaves_without_exif_place_or_comment() -> None:
    exif = Image.Exif()
    exif[0x010E] = "rahasia keluarga"
    exif[0x8825] = {1: "S", 2: (6.0, 10.0, 30.0), 3: "E", 4: (106.0, 49.0, 0.0)}
    dirty = jpeg(Image.new("RGB", (400, 600), "navy"), exif=exif, comment=b"kamera milik saya")
    assert b"rahasia" in dirty and b"kamera" in dirty
    clean = clean_photo(encoded(dirty))
    assert b"rahasia" not in clean and b"kamera" not in clean and b"Exif" not in clean
    assert len(opened(clean).getexif()) == 0


def test_a_photo_stored_sideways_is_set_upright() -> None:
    upright = Image.new("RGB", (400, 600), "white")
    upright.paste("red", (0, 0, 400, 300))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to view
    sideways = jpeg(upright.rotate(90, expand=True), exif=exif, quality=95)
    result = opened(clean_photo(encoded(sideways)))
    assert result.size == (400, 600)
    red, green, _ = pixel(result, 200, 40)
    assert red > 200 and green < 60


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_every_kind_of_png_becomes_a_plain_jpeg(mode: str) -> None:
    image = Image.new("L", (240, 360), 128).convert(mode) if mode != "I;16" else Image.new(mode, (240, 360))
    output = io.BytesIO()
    image.save(output, "PNG")
    result = opened(clean_photo(encoded(output.getvalue())))
    assert (result.format, result.mode, result.size) == ("JPEG", "RGB", (240, 360))


def test_transparency_becomes_white_paper() -> None:
    result = opened(clean_photo(encoded(png(240, 360, (0, 0, 0, 0), "RGBA"))))
    assert min(pixel(result, 120, 180)) > 250


def test_a_large_photo_is_reduced_and_cut_to_two_by_three() -> None:
    result = opened(clean_photo(encoded(jpeg(Image.new("RGB", (2000, 2900), "teal")))))
    assert result.size == (480, 720)


def test_a_cleaned_photo_is_small_and_accepted_again() -> None:
    noise = Image.effect_noise((1200, 1800), 90).convert("RGB")
    clean = clean_photo(encoded(jpeg(noise, quality=60)))
    assert len(clean) < 250_000
    assert opened(clean_photo(encoded(clean))).size == (480, 720)


def test_a_data_url_and_line_breaks_are_understood() -> None:
    text = encoded(png(240, 360))
    wrapped = "data:image/png;base64," + "\r\n".join(text[i : i + 76] for i in range(0, len(text), 76))
    assert clean_photo(wrapped) == clean_photo(text)


def gif() -> bytes:
    output = io.BytesIO()
    Image.new("RGB", (240, 360)).save(output, "GIF")
    return output.getvalue()


REFUSED = {
    "no base64": "this is not base64!",
    "empty": "",
    "other characters": "aGFsbG8\u00e9",
    "text": encoded(b"hello"),
    "gif": encoded(gif()),
    "truncated png": encoded(png(240, 360)[:-40]),
    "truncated jpeg": encoded(jpeg(Image.effect_noise((240, 360), 80).convert("RGB"))[:-3000]),
    "bomb of 24 million pixels": encoded(png(4000, 6000)),
    "bomb beyond every limit": encoded(png(14000, 14000, 0, "L")),
    "too small": encoded(png(100, 150)),
    "square": encoded(png(400, 400)),
    "landscape": encoded(png(600, 400)),
    "too many bytes": encoded(b"\x89PNG\r\n\x1a\n" + b"\0" * MAX_BYTES),
    "one pixel high": encoded(png(100_000, 1)),
    "svg": encoded(b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="6"/>'),
    "png with a broken header": encoded(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\xff" * 40),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_usable_photo_is_refused_with_a_remedy(name: str) -> None:
    with pytest.raises(PhotoRefused) as refused:
        clean_photo(REFUSED[name])
    assert refused.value.code == "FIELD_PHOTO"
    assert refused.value.message.endswith(".")
