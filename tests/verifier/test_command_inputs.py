"""What ``absah verify`` takes, and what it says to everything that is no signed PDF."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from other_files import cms, zip_of
from sample_files import plain_pdf, signed_pdf
from small_pki import NOW, Pki

from verifier.commands import inputs
from verifier.commands.inputs import Input, NotChecked, gather, read
from verifier.finding_words import CODES
from verifier.recognise import recognise


def test_every_sentence_exists() -> None:
    source = Path(inputs.__file__).read_text() + Path(recognise.__code__.co_filename).read_text()
    named = set(re.findall(r'"((?:INPUT|FOLDER|FILE)_[A-Z_]+)"', source))
    assert len(named) > 12
    assert named <= CODES


def test_folders_stand_for_their_pdfs(tmp_path: Path) -> None:
    (tmp_path / "b" / "deep").mkdir(parents=True)
    for name in ("z.pdf", "b/A.PDF", "b/deep/c.Pdf", "b/note.txt", "b/deep/x.pdf.bak"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "b" / "circle").symlink_to(tmp_path)
    found, passed_over = gather([str(tmp_path), "-", str(tmp_path / "none.pdf"), ""])
    names = [item.name.removeprefix(f"{tmp_path}/") for item in found]
    assert names == ["z.pdf", "b/A.PDF", "b/deep/c.Pdf", "-", "none.pdf", ""]
    # An empty name is not the folder that one happens to be in.
    assert [each.code for each in found[-1].problem] == ["FILE_NOT_FOUND"]
    assert passed_over == 2


def problems(path: Path) -> tuple[str, ...]:
    with pytest.raises(NotChecked) as caught:
        read(Input(str(path), path))
    return tuple(each.code for each in caught.value.observations)


def test_what_is_no_file_never_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.pdf")
    (tmp_path / "loop.pdf").symlink_to(tmp_path / "loop.pdf")
    (tmp_path / "a.pdf").write_bytes(b"%PDF-" + bytes(100))
    assert problems(tmp_path / "pipe.pdf") == ("FILE_NOT_READABLE", "INPUT_PIPE")
    assert problems(tmp_path / "loop.pdf") == ("FILE_NOT_READABLE", "INPUT_LINK_LOOP")
    assert problems(tmp_path / "none.pdf") == ("FILE_NOT_FOUND",)
    assert problems(tmp_path / "a.pdf" / "b.pdf") == ("FILE_NOT_FOUND",)
    assert problems(tmp_path / ("x" * 300)) == ("FILE_NOT_READABLE",)
    assert problems(tmp_path / "nul\0.pdf") == ("FILE_NOT_READABLE",)
    assert read(Input("a", tmp_path / "a.pdf")) == b"%PDF-" + bytes(100)
    monkeypatch.setattr(inputs, "MAXIMUM_BYTES", 100)
    assert problems(tmp_path / "a.pdf") == ("TOO_LARGE",)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another account to have no right")
def test_a_file_without_the_right_to_read_it(tmp_path: Path) -> None:
    secret = tmp_path / "secret.pdf"
    secret.write_bytes(b"%PDF-")
    secret.chmod(0)
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom verifier.commands.inputs import *\n"
        "os.chmod(Path(sys.argv[1]).parent, 0o755); os.setuid(65534)\n"
        "try: read(Input('x', Path(sys.argv[1])))\n"
        "except NotChecked as error: print(*(each.code for each in error.observations))\n"
    )
    for parent in secret.parents:
        if parent.stat().st_uid == 0 and not parent.stat().st_mode & 1:
            parent.chmod(parent.stat().st_mode | 0o11)
    run = subprocess.run(
        [sys.executable, "-c", code, str(secret)], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.split() == ["FILE_NOT_READABLE", "INPUT_NO_PERMISSION"]


def command(folder: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "verifier.cli", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONWARNINGS": "error::ResourceWarning"},
        input=given,
        capture_output=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def folder(tmp_path: Path, people: Pki) -> Path:
    (tmp_path / "data" / "trust").mkdir(parents=True)
    (tmp_path / "data" / "trust" / "root.pem").write_bytes(people.root.pem)
    return tmp_path


def test_a_pipe_is_checked_like_a_file(folder: Path) -> None:
    good = command(folder, "-", "--json", given=signed_pdf(stamped=NOW))
    assert (good.returncode, good.stderr) == (0, b"")
    assert json.loads(good.stdout)["file"] == "-"
    empty = command(folder, "-", "--json")
    assert json.loads(empty.stdout)["findings"][0]["code"] == "EMPTY"
    assert empty.returncode == 2
    packed = json.loads(command(folder, "-", "--json", given=zip_of("a.pdf")).stdout)
    assert {each["code"] for each in packed["findings"]} >= {"NOT_PDF", "INPUT_ZIP"}
    assert len(packed["sha256"]) == 64


def test_many_files_at_once_are_answered_in_order_whatever_some_of_them_are(
    folder: Path, people: Pki
) -> None:
    many = folder / "many"
    many.mkdir()
    signed = signed_pdf(stamped=NOW)
    kinds = [
        signed,
        signed + b"tail",
        plain_pdf(),
        zip_of("a.pdf"),
        cms(people, encoding=serialization.Encoding.DER),
    ]
    for number in range(15):
        (many / f"{number:02}.pdf").write_bytes(kinds[number % 5])
    (many / "note.txt").write_text("x")
    run = command(folder, "many", "--jobs", "3", "--json", "--lang", "en")
    objects = [json.loads(line) for line in run.stdout.splitlines()]
    assert [each["file"] for each in objects] == [f"many/{number:02}.pdf" for number in range(15)]
    expected = ["valid", "altered", "unsigned", "unreadable", "unreadable"] * 3
    assert [each["verdict"] for each in objects] == expected
    assert run.returncode == 2
    assert run.stderr.decode() == "1 other files in the folders were passed over; only .pdf is checked.\n"
    assert objects[3]["sha256"] != objects[4]["sha256"] != ""
