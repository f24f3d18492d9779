"""What is said to be drawn on no page makes no page look different, whoever wrote the file."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.interop.conftest import SAMPLE, genuine_sample
from verifier.by_file import inspect
from verifier.page_pictures import draw_differences, field_to_compare, signed_end_of
from verifier.pdf.document import File


def test_pages_that_need_no_comparison_look_the_same() -> None:
    compared = 0
    for genuine in genuine_sample():
        pdf = (SAMPLE / "genuine" / genuine.file).read_bytes()
        answer = inspect(pdf, anchors=[], moment=datetime.now(UTC))
        field = field_to_compare(answer.signatures)
        if field is None or field not in answer.undrawn:
            continue
        assert draw_differences(pdf, signed_end_of(File(pdf), field)) == [], genuine.file
        compared += 1
    assert compared >= 20
