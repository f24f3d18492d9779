"""Megabytes behind the last signature: altered, and told at once, whatever they are made of."""

from __future__ import annotations

import random
from time import process_time

import pytest
from sample_files import CODE, plain_pdf, signed_pdf, with_document_timestamp
from small_pki import NOW, Pki

from verifier.by_file import inspect
from verifier.report import FileAnswer

SIZE = 24_000_000
# 0.1 to 0.7 s on the machine that this was written on; it was 14 s and more.
CPU_SECONDS = 2.0


@pytest.fixture(scope="module")
def signed() -> bytes:
    return with_document_timestamp(signed_pdf(plain_pdf(code=CODE), stamped=NOW))


def padding(kind: bytes | str, signed: bytes) -> bytes:
    if kind == "random":
        return random.Random(4).randbytes(SIZE)
    if kind == "copies":
        # A copy that breaks off behind the end of its first, unsigned revision.
        first_end = signed.index(b"%%EOF") + 6
        return signed * (SIZE // len(signed)) + signed[: first_end + 1500]
    pattern = bytes(kind)
    return (pattern * (SIZE // len(pattern) + 1))[:SIZE]


@pytest.mark.parametrize(
    "kind",
    [
        "random", "copies", b"\0", b" ", b"\n", b"%%EOF\n", b"x\n%%EOF", b"1 0 obj\n", b"xref\n",
        b"startxref\n", b"startxref\n0\n%%EOF\n", b"(", b"\\(", b"<", b"<00", b"a", b"/Index [1 2] ",
        b"/W [0 0 1", b"/ByteRange [0 ", b"trailer\n<<",
    ],
)  # fmt: skip
def test_padding_is_altered_and_told_at_once(signed: bytes, people: Pki, kind: bytes | str) -> None:
    padded = signed + padding(kind, signed)
    started = process_time()
    answer = inspect(padded, anchors=[people.root.pem], moment=NOW)
    spent = process_time() - started
    assert "BYTES_APPENDED" in codes(answer)
    assert [(each.integrity, each.changes) for each in answer.signatures] == [("intact", "forbidden")] * 2
    # What stands in the signed part still ties the file to its record.
    assert answer.code == CODE
    assert spent < CPU_SECONDS


def test_a_block_of_white_space_is_no_padding(signed: bytes, people: Pki) -> None:
    answer = inspect(signed + bytes(64 * 1024), anchors=[people.root.pem], moment=NOW)
    assert "BYTES_APPENDED" not in codes(answer)
    assert answer.signatures[-1].covers == "whole_file"


def test_a_tail_that_leads_back_before_the_signature_removes_none(signed: bytes, people: Pki) -> None:
    end = signed.index(b"%%EOF") + 6
    start = signed.rindex(b"startxref", 0, end)
    answer = inspect(signed + signed[start:end], anchors=[people.root.pem], moment=NOW)
    assert [each.changes for each in answer.signatures] == ["forbidden"] * 2


def codes(answer: FileAnswer) -> set[str]:
    return {finding.code for finding in answer.findings}
