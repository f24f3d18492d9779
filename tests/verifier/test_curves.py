"""The curves that the library leaves out: their numbers, their arithmetic, and what must not pass for one."""

from __future__ import annotations

import hashlib
import math
import random

import pytest
from asn1crypto import core
from cms_maker import wrap
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier import curves
from verifier.algorithms import Mechanism, Message, UnknownAlgorithm, check_signature, load_key
from verifier.ber import read_whole

BRAINPOOL = "1.3.36.3.3.2.8.1.1."
TEXT = b"yang ditandatangani"
Point = tuple[int, int] | None


def add(first: Point, second: Point, a: int, p: int) -> Point:
    """The textbook's addition, in affine coordinates."""
    if first is None or second is None:
        return first or second
    (x1, y1), (x2, y2) = first, second
    if x1 == x2 and (y1 + y2) % p == 0:
        return None
    slope = (3 * x1 * x1 + a) * pow(2 * y1, -1, p) if first == second else (y2 - y1) * pow(x2 - x1, -1, p)
    x = (slope * slope - x1 - x2) % p
    return x, (slope * (x1 - x) - y1) % p


def times(number: int, point: Point, a: int, p: int) -> Point:
    result: Point = None
    while number:
        if number & 1:
            result = add(result, point, a, p)
        point = add(point, point, a, p)
        number >>= 1
    return result


def parts_of(identifier: str) -> tuple[int, int, int, int, int, int]:
    curve = curves._CURVES[identifier]
    return curve.p, curve.a, curve.b, curve.x, curve.y, curve.n


def information(parameters: bytes, point: bytes) -> bytes:
    algorithm = wrap(0x30, core.ObjectIdentifier("1.2.840.10045.2.1").dump(), parameters)
    return wrap(0x30, algorithm, wrap(0x03, b"\0" + point))


def spelled_out(identifier: str, *, generator: tuple[int, int] | None = None) -> bytes:
    p, a, b, x, y, n = parts_of(identifier)
    size = (p.bit_length() + 7) // 8
    x, y = generator or (x, y)
    number = [value.to_bytes(size, "big") for value in (a, b, x, y)]
    field = wrap(0x30, core.ObjectIdentifier("1.2.840.10045.1.1").dump(), core.Integer(p).dump())
    return wrap(
        0x30, core.Integer(1).dump(), field, wrap(0x30, wrap(4, number[0]), wrap(4, number[1])),
        wrap(4, b"\4" + number[2] + number[3]), core.Integer(n).dump(),
    )  # fmt: skip


def signed(identifier: str, seed: int) -> tuple[bytes, bytes]:
    """A public point and a signature of TEXT, made with the textbook's arithmetic."""
    p, a, _, x, y, n = parts_of(identifier)
    source = random.Random(seed)
    secret, nonce = source.randrange(1, n), source.randrange(1, n)
    own, once = times(secret, (x, y), a, p), times(nonce, (x, y), a, p)
    assert own is not None
    assert once is not None
    digest = int.from_bytes(hashlib.sha256(TEXT).digest(), "big") >> max(0, 256 - n.bit_length())
    r = once[0] % n
    s = pow(nonce, -1, n) * (digest + r * secret) % n
    size = (p.bit_length() + 7) // 8
    return b"\4" + own[0].to_bytes(size, "big") + own[1].to_bytes(size, "big"), utils.encode_dss_signature(
        r, s
    )


@pytest.mark.parametrize("identifier", sorted(curves._CURVES))
def test_the_numbers_are_a_curve_with_a_generator_of_that_order(identifier: str) -> None:
    p, a, b, x, y, n = parts_of(identifier)
    assert pow(2, p - 1, p) == 1
    assert pow(2, n - 1, n) == 1
    assert (y * y - x * x * x - a * x - b) % p == 0
    assert times(n, (x, y), a, p) is None
    assert abs(n - p - 1) <= 2 * math.isqrt(p) + 2, "Hasse's bound"


@pytest.mark.parametrize("identifier", sorted(curves._CURVES))
def test_a_signature_is_right_for_its_text_and_key_alone(identifier: str) -> None:
    point, value = signed(identifier, 1)
    other, _ = signed(identifier, 2)
    named = core.ObjectIdentifier(identifier).dump()
    mechanism = Mechanism("ecdsa", "sha256")
    compressed = bytes((2 + (point[-1] & 1),)) + point[1 : len(point) // 2 + 1]
    for parameters in (named, spelled_out(identifier)):
        for written in (point, compressed):
            key = information(parameters, written)
            assert check_signature(key, mechanism, value, Message(TEXT)) == "sha256"
            assert check_signature(key, mechanism, value, Message(TEXT + b"!")) is None
    r, s = utils.decode_dss_signature(value)
    n = parts_of(identifier)[5]
    key = information(named, point)
    for pair in ((r, s ^ 1), (r ^ 1, s), (0, s), (r, 0), (r + n, s), (r, s + n), (n, n)):
        assert check_signature(key, mechanism, utils.encode_dss_signature(*pair), Message(TEXT)) is None
    assert check_signature(information(named, other), mechanism, value, Message(TEXT)) is None


def test_another_generator_or_a_point_beside_the_curve_is_no_key() -> None:
    """Whoever may choose the generator has the private key of any public one (CVE-2020-0601)."""
    identifier = BRAINPOOL + "9"
    point, _ = signed(identifier, 3)
    size = len(point) // 2
    chosen = int.from_bytes(point[1 : size + 1], "big"), int.from_bytes(point[size + 1 :], "big")
    with pytest.raises(UnknownAlgorithm):
        load_key(information(spelled_out(identifier, generator=chosen), point))
    p, _, _, x, y, _ = parts_of(identifier)
    with pytest.raises(UnknownAlgorithm):
        load_key(information(spelled_out(identifier, generator=(x, p - y)), point))
    named = core.ObjectIdentifier(identifier).dump()
    for wrong in (point[:-1] + bytes((point[-1] ^ 1,)), b"\4" + bytes(2 * size), b"\0", point[:-1], b""):
        with pytest.raises(UnknownAlgorithm):
            load_key(information(named, wrong))
    with pytest.raises(UnknownAlgorithm):
        load_key(information(core.ObjectIdentifier("1.2.3.4").dump(), point))


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=1, max_size=40), st.integers(0, 255))
def test_the_arithmetic_agrees_with_the_library_where_both_know_the_curve(text: bytes, change: int) -> None:
    private = ec.generate_private_key(ec.BrainpoolP256R1())
    public = private.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    parameters = read_whole(core.ObjectIdentifier(BRAINPOOL + "7").dump())
    ours = curves.read_key(parameters, public)
    r, s = utils.decode_dss_signature(private.sign(text, ec.ECDSA(hashes.SHA256())))
    digest = hashlib.sha256(text).digest()
    assert ours.is_signed(digest, r, s)
    altered = bytes((digest[0] ^ change,)) + digest[1:]
    assert ours.is_signed(altered, r, s) == (change == 0)
