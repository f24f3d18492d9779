"""Files that are genuine and oddly written are read, and stay unforgeable."""

from __future__ import annotations

import os
from random import Random

import pytest
from cms_maker import make_token, stamped
from odd_files import ODD, objects, sign, table
from small_pki import NOW

from verifier.by_file import inspect
from verifier.report import FileAnswer, is_altered

SEED = int(os.environ.get("ABSAH_SEED", "0")) or Random().randrange(1, 10**6)


def look(pdf: bytes) -> FileAnswer:
    return inspect(pdf, anchors=[], moment=NOW)


def is_accepted(answer: FileAnswer) -> bool:
    return bool(
        answer.readable
        and answer.signatures
        and all(
            each.integrity == "intact" and each.changes in ("none", "permitted") and not is_altered(each)
            for each in answer.signatures
        )
    )


@pytest.mark.parametrize("name", ODD)
def test_an_odd_file_is_accepted(name: str) -> None:
    pdf = sign(ODD[name](Random(SEED)))
    answer = look(pdf)
    assert is_accepted(answer), (SEED, answer.signatures, answer.findings)
    assert len(answer.signatures) == 1


@pytest.mark.parametrize("name", ODD)
def test_no_byte_of_an_odd_file_can_be_changed(name: str) -> None:
    """Whatever of the signed bytes is changed, the file is not accepted; the places come from a seed."""
    random = Random(SEED)
    pdf = sign(ODD[name](random))
    gap = pdf.index(b"<", pdf.index(b"/Contents", pdf.index(b"/ByteRange")))
    end = pdf.index(b">", gap)
    for _ in range(60):
        at = random.randrange(len(pdf))
        if gap <= at <= end:
            continue
        changed = bytearray(pdf)
        changed[at] ^= 1 << random.randrange(8)
        assert not is_accepted(look(bytes(changed))), (SEED, at)


@pytest.mark.parametrize("name", ODD)
def test_what_is_appended_to_an_odd_file_is_seen(name: str) -> None:
    pdf = sign(ODD[name](Random(SEED)))
    for tail in (
        b"8 0 obj\n<< >>\nendobj\n",
        b"startxref\n0\n%%EOF\n",
        b"% remark\n",
        b"xref\n0 0\ntrailer\n<<>>\n",
    ):
        assert not is_accepted(look(pdf + tail)), (SEED, tail)
    assert is_accepted(look(pdf + b"\r\n"))


@pytest.mark.parametrize(
    "junk", [b"\n", b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n", b"\0" * 700]
)
def test_junk_before_the_header_is_read_in_both_ways_of_counting(junk: bytes) -> None:
    plain = table(objects(Random(SEED)))
    # Counted from the header, as most producers do: signed first, then something was put in front.
    assert is_accepted(look(junk + sign(plain)))
    # Counted from the first byte, the junk signed too.
    moved = table(objects(Random(SEED)), first=junk + b"%PDF-1.7\n")
    assert is_accepted(look(sign(moved)))


@pytest.mark.parametrize(
    ("over", "expected"),
    [("its value", ("intact", "TIMESTAMP_CERTIFICATE_MISSING")), ("another", ("broken", "TIMESTAMP_BROKEN"))],
)
def test_a_time_stamp_without_its_certificate_proves_nothing_and_breaks_nothing(
    over: str, expected: tuple[str, str]
) -> None:
    def token(value: bytes) -> list[bytes]:
        return [make_token(value if over == "its value" else b"another", certificates=[])]

    pdf = sign(table(objects(Random(1))), cms_of=lambda covered: stamped(token, content=covered))
    answer = look(pdf)
    (signature,) = answer.signatures
    assert (signature.integrity, signature.signed_at_source) == (expected[0], "claimed")
    assert expected[1] in {finding.code for finding in answer.findings}


def test_usage_rights_are_no_signature_and_nothing_was_removed() -> None:
    found = objects(Random(1))
    found[1] = found[1].replace(b"/AcroForm << /Fields [6 0 R] /SigFlags 3 >>", b"/Perms << /UR3 7 0 R >>")
    found[3] = found[3].replace(b"/Annots [6 0 R]", b"")
    answer = look(sign(table(found)))
    codes = {finding.code for finding in answer.findings}
    assert (answer.readable, answer.unsigned, answer.signatures) == (True, True, ())
    assert "USAGE_RIGHTS" in codes
    assert "SIGNATURE_REMOVED" not in codes


@pytest.mark.parametrize("handler", [b"/Filter /Adobe.PubSec /V 4", b"/Filter /Standard /V 9 /R 99"])
def test_a_file_locked_otherwise_than_with_a_password_is_told_as_that(handler: bytes) -> None:
    found = {**objects(Random(1)), 8: b"<< %s >>" % handler}
    pdf = sign(table(found).replace(b"/Root 1 0 R", b"/Root 1 0 R /Encrypt 8 0 R"))
    answer = look(pdf)
    assert not answer.readable
    assert [finding.code for finding in answer.findings] == ["ENCRYPTION_UNKNOWN"]
