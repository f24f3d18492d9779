"""``absah verify`` from outside: its answers, its exit status, and what it says to wrong input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hostile_files import xref_stream_bomb
from sample_files import encrypted_pdf, plain_pdf, signed_pdf
from small_pki import NOW, Pki
from sqlalchemy import text

from storage.database import migrate, open_database, sqlite_url

_PEM = Encoding.PEM


@pytest.fixture
def folder(tmp_path: Path, people: Pki) -> Path:
    trust = tmp_path / "data" / "trust"
    trust.mkdir(parents=True)
    (trust / "root.pem").write_bytes(people.root.pem)
    signed = signed_pdf(stamped=NOW)
    (tmp_path / "good.pdf").write_bytes(signed)
    (tmp_path / "altered.pdf").write_bytes(signed + b"tail")
    (tmp_path / "plain.pdf").write_bytes(plain_pdf())
    (tmp_path / "empty.pdf").write_bytes(b"")
    (tmp_path / "page.html").write_bytes(b"<html></html>")
    (tmp_path / "stranger.pdf").write_bytes(signed_pdf(by=people.stranger))
    return tmp_path


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "verifier.cli", *arguments],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "PYTHONWARNINGS": "error::ResourceWarning",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("files", "status"),
    [
        (["good.pdf"], 0),
        (["good.pdf", "altered.pdf"], 1),
        (["plain.pdf"], 1),
        (["stranger.pdf"], 1),
        (["good.pdf", "empty.pdf"], 2),
        (["altered.pdf", "missing.pdf"], 2),
    ],
)
def test_the_exit_status(folder: Path, files: list[str], status: int) -> None:
    result = run(folder, *files)
    assert result.returncode == status, result.stderr
    assert result.stderr == ""


def test_one_json_object_per_file_whatever_happens(folder: Path) -> None:
    (folder / "bomb.pdf").write_bytes(xref_stream_bomb())
    files = [
        "good.pdf",
        "altered.pdf",
        "plain.pdf",
        "empty.pdf",
        "page.html",
        "missing.pdf",
        "hollow",
        "bomb.pdf",
        "/dev/null",
    ]
    (folder / "hollow").mkdir()
    result = run(folder, *files, "--json")
    objects = [json.loads(line) for line in result.stdout.splitlines()]
    assert [item["file"] for item in objects] == files
    assert [item["verdict"] for item in objects] == [
        "valid", "altered", "unsigned", *["unreadable"] * 6,
    ]  # fmt: skip
    found = [{finding["code"] for finding in item["findings"]} for item in objects]
    assert found[3] >= {"EMPTY"}
    assert found[4] >= {"NOT_PDF"}
    assert found[5] == {"FILE_NOT_FOUND"}
    assert found[6] == {"FILE_IS_DIRECTORY", "FOLDER_WITHOUT_PDF"}
    assert found[7] & {"LIMIT", "DAMAGED"}
    assert found[8] == {"FILE_NOT_READABLE", "INPUT_PIPE"}
    assert all(item["register"] is None for item in objects)
    assert all(item["elapsed_ms"] > 0 for item in objects)
    assert "REGISTER_NOT_CONFIGURED" in found[0]
    assert result.returncode == 2


def test_words_for_people_in_two_languages(folder: Path) -> None:
    indonesian = run(folder, "altered.pdf").stdout
    assert "File berubah setelah ditandatangani" in indonesian
    assert "minta file asli" in indonesian
    assert "[BYTES_APPENDED]" in indonesian
    assert "Siti Contoh" in indonesian
    assert "File changed after it was signed" in run(folder, "altered.pdf", "--lang", "en").stdout


def test_trust_is_what_is_given(folder: Path, people: Pki, tmp_path: Path) -> None:
    (tmp_path / "other.pem").write_bytes(people.stranger.issuers[-1].public_bytes(_PEM))
    assert run(folder, "stranger.pdf", "--trust", "other.pem").returncode == 0
    assert run(folder, "good.pdf", "--trust", "other.pem").returncode == 1
    assert run(folder, "good.pdf", "--trust", str(folder / "data" / "trust")).returncode == 0


def test_the_data_folder_is_a_setting(folder: Path) -> None:
    assert run(folder, "good.pdf", ABSAH_DATA=str(folder / "nowhere")).returncode == 1


def test_offline_says_nothing_of_the_register(folder: Path) -> None:
    result = run(folder, "good.pdf", "--json", "--offline")
    assert "REGISTER_NOT_CONFIGURED" not in result.stdout
    assert json.loads(result.stdout)["register"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["good.pdf", "--trust", "missing.pem"], "does not exist"),
        (["good.pdf", "--trust", "page.html"], "is not a certificate"),
        (["--json"], "Missing argument"),
        (["good.pdf", "--lang", "fr"], "Invalid value"),
    ],
)
def test_wrong_use_is_one_clear_sentence(folder: Path, arguments: list[str], said: str) -> None:
    result = run(folder, *arguments)
    assert result.returncode == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_register_of_a_newer_version_is_never_passed_over(folder: Path) -> None:
    engine = open_database(sqlite_url(folder / "data" / "register.db"))
    migrate(engine)
    assert "tidak dapat dicari" in run(folder, "empty.pdf").stdout
    assert run(folder, "good.pdf").returncode == 1
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    result = run(folder, "good.pdf", "--json")
    assert (result.returncode, result.stdout) == (2, "")
    assert "newer than this program" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert run(folder, "good.pdf", "--offline").returncode == 0


def test_help_teaches(folder: Path) -> None:
    shown = run(folder, "--help").stdout
    assert "Examples" in shown
    assert "absah verify izin.pdf --offline" in shown
    assert "Exit status" in shown


def test_a_locked_file_asks_for_its_password(folder: Path) -> None:
    (folder / "locked.pdf").write_bytes(encrypted_pdf("rahasia"))
    (folder / "open.pdf").write_bytes(encrypted_pdf(""))
    without = run(folder, "locked.pdf", "--json")
    assert json.loads(without.stdout)["findings"][0]["code"] == "PASSWORD_NEEDED"
    assert without.returncode == 2
    wrong = run(folder, "locked.pdf", "--password", "salah")
    assert wrong.returncode == 2
    assert "tidak membuka PDF ini" in wrong.stdout
    assert "tidak membuka PDF ini" not in run(folder, "locked.pdf").stdout
    with_password = run(folder, "locked.pdf", "--password", "rahasia", "--json")
    assert with_password.returncode == 0, with_password.stdout
    assert "rahasia" not in with_password.stdout
    assert run(folder, "open.pdf").returncode == 0


def test_an_empty_name_is_no_folder_and_any_name_is_json(folder: Path) -> None:
    empty = run(folder, "")
    assert (empty.returncode, "FILE_NOT_FOUND" in empty.stdout) == (2, True)
    name = os.fsdecode(b"izin-\xff.pdf")
    (folder / name).write_bytes((folder / "good.pdf").read_bytes())
    told = run(folder, "--json", name)
    assert told.returncode == 0
    assert os.fsencode(json.loads(told.stdout)["file"]) == b"izin-\xff.pdf"
