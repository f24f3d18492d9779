from __future__ import annotations

import time

import pytest
import qrcode
import zxingcpp
from PIL import Image
from qrcode.image.svg import SvgPathImage

from templates import qr
from tests.templates.pages import CODE, TYPES, draw, pictures

URL = f"https://cek.contoh.go.id/d/{CODE}"
SEALED = URL + "#" + "12345678901234567" * 28


def scan(rows: tuple[tuple[bool, ...], ...], pixels: int) -> str:
    size = len(rows)
    image = Image.new("L", (size + 8, size + 8), 255)
    for top, row in enumerate(rows):
        for left, dark in enumerate(row):
            if dark:
                image.putpixel((left + 4, top + 4), 0)
    found = zxingcpp.read_barcodes(image.resize((image.width * pixels,) * 2, Image.Resampling.NEAREST))
    return "".join(each.text for each in found)


@pytest.mark.parametrize("text", [URL, SEALED, "http://127.0.0.1:8000/d/" + CODE])
def test_a_symbol_reads_as_its_text(text: str) -> None:
    assert scan(qr.symbol(text), 3) == text


@pytest.mark.parametrize("text", [URL, SEALED])
def test_the_zone_is_34_mm_with_four_modules_of_quiet(text: str) -> None:
    size = len(qr.symbol(text))
    drawn = qr.svg(text)
    left, top, width, height = map(float, drawn.split('viewBox="')[1].split('"')[0].split())
    assert left == top and width == height
    assert -left >= 3.99
    module = 34 / width
    assert module * size <= 30.01
    assert module >= 0.4  # mm; below that, photocopies no longer read
    assert 'width="34.0mm"' in drawn


@pytest.mark.parametrize("type_id", TYPES)
def test_every_document_scans_at_150_dots_per_inch(type_id: str) -> None:
    found = zxingcpp.read_barcodes(pictures(draw(type_id).pdf, 150)[0])
    assert [each.text for each in found] == [URL]


def test_a_symbol_is_at_least_four_times_faster_than_the_library_default() -> None:
    ours, theirs = [], []
    for _ in range(7):
        start = time.process_time()
        qr.svg(URL)
        middle = time.process_time()
        qrcode.make(URL, image_factory=SvgPathImage).to_string()
        ours.append(middle - start)
        theirs.append(time.process_time() - middle)
    assert min(theirs) / min(ours) >= 4
