from __future__ import annotations

import ast
from pathlib import Path

import pytest

from signer.problem_words import SENTENCES, TITLES, preferred
from tests.office import Office

ROOT = Path(__file__).parents[2]
DOCUMENTS = "/api/v1/documents"
# What an agency can meet: the desk, its routes, the types, and the register's rules.
SOURCES = [
    *("signer/requests.py", "signer/body.py", "signer/problems.py"),
    *(
        f"storage/{name}.py"
        for name in ("status", "standing", "limits", "register", "archive", "rows", "units")
    ),
    *(f"templates/{name}.py" for name in ("fields", "validity", "numbering", "photo", "catalogue")),
    "signer/routes/documents.py",
    "signer/routes/sessions.py",
    *("signer/routes/consent.py", "signer/consents.py", "storage/consents.py"),
    *("keys/csc.py", "keys/csc_authorisation.py", "keys/csc_service.py"),
    # And what the outcome of a document in a signing session can be.
    *("storage/sessions.py", "signer/sessions.py", "signer/foreign_signature.py"),
    *("keys/bsre.py", "keys/bsre_service.py", "keys/bsre_seal.py"),
]


def codes_in(source: str) -> set[str]:
    """The codes of errors that a module makes: every constant of that form, in capitals with underscores."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / source).read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            word = node.value
            if word.isupper() and word.isascii() and word.replace("_", "").isalpha() and "_" in word:
                found.add(word)
    return found


@pytest.mark.parametrize("source", SOURCES)
def test_every_code_has_an_indonesian_sentence(source: str) -> None:
    assert codes_in(source) - set(SENTENCES) == set()


def test_the_search_for_codes_finds_them() -> None:
    assert {"SAME_PLACE", "TOO_MANY_IN_FORCE"} <= codes_in("storage/limits.py")
    assert "ALREADY_REVOKED" in codes_in("storage/standing.py")


def test_sentences_are_sentences() -> None:
    for code, sentence in SENTENCES.items():
        assert sentence.endswith(".") and sentence[0].isupper(), code
    for english, indonesian in TITLES.values():
        assert english != indonesian


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"), ("en", "en"), ("id", "id"), ("id-ID,id;q=0.9,en;q=0.8", "id"), ("en, id", "en"),
        ("en;q=0.8, id;q=0.9", "id"), ("fr", "en"), ("fr, id;q=0.1", "id"), ("id;q=0", "en"),
        ("id;q=x", "en"), ("*", "en"),
    ],
)  # fmt: skip
def test_the_language_that_is_asked_for(header: str, language: str) -> None:
    assert preferred(header) == language


def test_a_problem_speaks_the_language_of_its_reader(office: Office) -> None:
    body = office.sample(nik="123")
    english = office.post(DOCUMENTS, body)
    indonesian = office.post(DOCUMENTS, body, **{"Accept-Language": "id-ID,id;q=0.9,en;q=0.5"})
    assert english.headers["content-language"] == "en"
    assert indonesian.headers["content-language"] == "id"
    assert (english.json()["title"], indonesian.json()["title"]) == (
        "Invalid request",
        "Permintaan tidak sah",
    )
    assert indonesian.json()["detail"] == SENTENCES["FIELDS_INVALID"]
    [first], [second] = english.json()["errors"], indonesian.json()["errors"]
    assert second.pop("detail") == SENTENCES["NIK_INVALID"] != first.pop("detail")
    assert first == second
    assert english.json()["code"] == indonesian.json()["code"]
