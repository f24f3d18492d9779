from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signer.body import MAX_DEPTH, parse
from signer.problems import MalformedJson
from storage.vocabulary import InvalidRequest

TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | TEXTS,
    lambda children: st.lists(children, max_size=5) | st.dictionaries(TEXTS, children, max_size=5),
    max_leaves=20,
)
# Bytes that come close to JSON find more than random ones.
FRAGMENTS = st.lists(
    st.sampled_from(
        [
            "{",
            "}",
            "[",
            "]",
            '"',
            "\\",
            ":",
            ",",
            "1",
            "-",
            "e9",
            "null",
            "NaN",
            "\\u0000",
            "\\ud800",
            "a",
            " ",
        ]
    ),
    max_size=30,
).map(lambda parts: "".join(parts).encode())


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


@given(VALUES, st.sampled_from([None, 2]), st.booleans())
def test_what_json_can_say_is_understood(value: Any, indent: int | None, ascii_only: bool) -> None:
    if "inf" in repr(value):
        return  # Python writes Infinity, which is not JSON
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    if depth(value) > MAX_DEPTH:
        with pytest.raises(MalformedJson):
            parse(text.encode())
    else:
        assert parse(text.encode()) == value


@given(st.binary(max_size=200) | FRAGMENTS)
def test_anything_else_is_refused_and_nothing_is_understood_differently(body: bytes) -> None:
    try:
        value = parse(body)
    except (MalformedJson, InvalidRequest):
        return
    assert value == json.loads(body)
    # It survives being stored and read again, also by a reader that is stricter than Python's.
    assert json.loads(json.dumps(value, allow_nan=False).encode("utf-8")) == value


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b"1e999",
        b"-1e999",
        b"[1e400]",
        b"Infinity",
        b"\xef\xbb\xbf{}",
        b"'a'",
    ],
    ids=repr,
)
def test_one_text_has_one_meaning(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        parse(body)


@pytest.mark.parametrize(
    "body", [b'"\\u0000"', b'{"a\\u0000":1}', b'["\\udc00"]', b'{"\\ud800":[]}'], ids=repr
)
def test_texts_that_no_database_keeps_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse(body)


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse(b'"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1])
def test_the_limit_of_nesting_is_exact_and_strings_do_not_count(depth: int) -> None:
    body = b"[" * depth + b'"[[[[{{{{\\"[["' + b"]" * depth
    if depth > MAX_DEPTH:
        with pytest.raises(MalformedJson, match="levels"):
            parse(body)
    else:
        assert json.dumps(parse(body)).count("[") == depth + 6


@pytest.mark.parametrize(
    "body",
    [
        b'\\"' * 1_000_000,
        b'"' * 1_999_999,
        b'"\\' * 1_000_000,
        b'["' + b"\\\\" * 1_000_000,
        b"[{" * 1_000_000,
    ],
    ids=["escaped quotes", "quotes", "quotes and escapes", "escapes", "brackets"],
)
def test_hostile_bodies_cost_no_more_than_their_size(body: bytes) -> None:
    """Two megabytes of quotes once took hours: a pattern began again at each of them."""
    began = time.process_time()
    with pytest.raises(MalformedJson):
        parse(body)
    assert time.process_time() - began < 5


def test_numbers_keep_their_value() -> None:
    assert parse(b"[0.1, 1E2, -0.0, 123456789012345678901234567890]") == [
        0.1,
        100.0,
        0.0,
        123456789012345678901234567890,
    ]
    assert math.copysign(1, parse(b"-0.0")) == -1


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        (b"{", "", "JSON_SYNTAX"),
        (b"", "", "JSON_SYNTAX"),
        (b"\xff", "", "JSON_ENCODING"),
        (b"[" * 40 + b"]" * 40, "", "JSON_DEPTH"),
        (b'{"a":1,"a":1}', "/a", "JSON_DUPLICATE_KEY"),
        (b'{"fields":{"x":[0,{"a/b~c":1,"a/b~c":2}]}}', "/fields/x/1/a~1b~0c", "JSON_DUPLICATE_KEY"),
        (b'{"fields":{"x":{"\\ud800":1,"\\ud800":2}}}', "/fields/x", "JSON_DUPLICATE_KEY"),
        (b"NaN", "", "JSON_NUMBER"),
        (b'{"fields":{"sip_ke":NaN}}', "/fields/sip_ke", "JSON_NUMBER"),
        (b'{"fields":{"sip_ke":[1,-1e999]}}', "/fields/sip_ke/1", "JSON_NUMBER"),
    ],
    ids=repr,
)
def test_each_flaw_of_a_body_is_pointed_at(body: bytes, pointer: str, code: str) -> None:
    with pytest.raises(MalformedJson) as refused:
        parse(body)
    [problem] = refused.value.problems
    assert (problem.pointer, problem.code) == (pointer, code)
    json.dumps(problem.pointer, ensure_ascii=False).encode()  # it can be sent back


def test_a_syntax_error_is_found_by_line_and_column() -> None:
    with pytest.raises(MalformedJson, match="line 2, column 8"):
        parse(b'{\n  "a": ,}')
