"""``absah verify --pages``: pictures of what changed, behind the verdict and never in its way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import pytest
from paged_files import endless, with_pages_overwritten
from PIL import Image
from sample_files import (
    encrypted_pdf,
    plain_pdf,
    signed_pdf,
    with_document_timestamp,
    with_form_filled,
    with_page_overwritten,
    with_popup,
)
from small_pki import NOW, Pki

from storage.vocabulary import Misconfigured
from verifier.check import check
from verifier.commands.inputs import Input
from verifier.commands.pictures import PictureFolder
from verifier.sandbox import OneShotSandbox


@pytest.fixture
def folder(tmp_path: Path, people: Pki) -> Path:
    (tmp_path / "data" / "trust").mkdir(parents=True)
    (tmp_path / "data" / "trust" / "root.pem").write_bytes(people.root.pem)
    (tmp_path / "good.pdf").write_bytes(signed_pdf(stamped=NOW))
    (tmp_path / "changed.pdf").write_bytes(with_page_overwritten(signed_pdf(stamped=NOW)))
    return tmp_path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "verifier.cli", "--lang", "en", *arguments]


def environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONWARNINGS": "error::ResourceWarning"}


def run(folder: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command(*arguments), cwd=folder, env=environment(), input=given, capture_output=True, check=False,
        timeout=60,
    )  # fmt: skip
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def pictures(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.rglob("*") if each.is_file())


PAGE = [
    "page-0001-detail-1-now.png", "page-0001-detail-1-signed.png", "page-0001-now.png",
    "page-0001-signed.png",
]  # fmt: skip


def test_both_states_of_a_changed_page_are_written_behind_the_verdict(folder: Path) -> None:
    done = run(folder, "changed.pdf", "--pages", "new/pictures")
    assert (done.returncode, done.stderr) == (1, "")
    assert pictures(folder / "new") == PAGE
    (made,) = (folder / "new" / "pictures").iterdir()
    assert done.stdout.index("changed after it was signed") < done.stdout.index("[PAGES_DIFFER]")
    assert f"in new/pictures/{made.name}." in done.stdout
    sizes = set()
    for name in ("page-0001-signed.png", "page-0001-now.png"):
        with Image.open(made / name) as image:
            image.load()
            sizes.add(image.size)
    assert len(sizes) == 1
    assert (made / PAGE[2]).read_bytes() != (made / PAGE[3]).read_bytes()


def test_where_nothing_changed_a_sentence_says_so(folder: Path) -> None:
    for content, code in (
        (signed_pdf(stamped=NOW), "PAGES_NOT_TOUCHED"),
        (with_document_timestamp(signed_pdf(stamped=NOW)), "PAGES_NOT_DRAWN_UPON"),
        (with_popup(signed_pdf(stamped=NOW)), "PAGES_LOOK_AS_SIGNED"),
        (plain_pdf(), "PAGES_WITHOUT_SIGNED_STATE"),
        (signed_pdf().replace(b"503/028", b"503/029"), "PAGES_WITHOUT_SIGNED_STATE"),
    ):
        (folder / "a.pdf").write_bytes(content)
        assert f"[{code}]" in run(folder, "a.pdf", "--pages", "out").stdout
    assert pictures(folder / "out") == []


def test_files_of_one_name_have_folders_of_their_own(folder: Path) -> None:
    for place, text in (("one", "A"), ("two", "B")):
        (folder / place).mkdir()
        (folder / place / "a.pdf").write_bytes(with_page_overwritten(signed_pdf(), text))
    done = run(folder, "one", "two", "good.pdf", "--pages", "out", "--jobs", "2")
    assert len(list((folder / "out").iterdir())) == 2
    assert pictures(folder / "out") == sorted(PAGE * 2)
    table = done.stdout.index("For the details")
    assert table < done.stdout.index("one/a.pdf\n") < done.stdout.index("two/a.pdf\n")
    assert "1 files: no page looks different" in done.stdout


def test_json_has_one_whole_object_for_each_of_many(folder: Path) -> None:
    many = folder / "many"
    many.mkdir()
    for number in range(8):
        content = with_page_overwritten(signed_pdf(), f"{number}") if number % 2 else signed_pdf(stamped=NOW)
        (many / f"{number}.pdf").write_bytes(content)
    done = run(folder, "many", "--pages", "out", "--jobs", "2", "--json")
    objects = [json.loads(text) for text in done.stdout.splitlines()]
    assert [each["file"] for each in objects] == [f"many/{number}.pdf" for number in range(8)]
    told = [[f["code"] for f in each["findings"] if f["code"].startswith("PAGE")] for each in objects]
    assert told == [["PAGES_NOT_TOUCHED"], ["PAGES_DIFFER"]] * 4
    assert len(pictures(folder / "out")) == 4 * len(PAGE)


def test_a_pipe_and_a_password(folder: Path) -> None:
    done = run(folder, "-", "--pages", "out", given=with_page_overwritten(signed_pdf()))
    assert "[PAGES_DIFFER]" in done.stdout
    assert next((folder / "out").iterdir()).name.startswith("stdin-")
    (folder / "locked.pdf").write_bytes(encrypted_pdf("rahasia"))
    assert "[PAGES_NOT_TOUCHED]" in run(folder, "locked.pdf", "--pages", "o", "--password", "rahasia").stdout


def test_a_page_that_cannot_be_drawn_is_a_finding_and_the_others_are_drawn(folder: Path) -> None:
    (folder / "a.pdf").write_bytes(with_popup(signed_pdf(endless(12), stamped=NOW)))
    done = run(folder, "a.pdf", "--pages", "out", "--json")
    answer = json.loads(done.stdout)
    assert (answer["verdict"], done.returncode) == ("valid", 0)
    assert "Page 1 cannot be drawn" in next(
        each["message"] for each in answer["findings"] if each["code"] == "PAGE_PICTURE_MISSING"
    )


def test_more_pages_than_the_upload_page_shows(folder: Path) -> None:
    (folder / "a.pdf").write_bytes(with_pages_overwritten(60))
    done = run(folder, "a.pdf", "--pages", "out")
    assert "60 pages look other" in done.stdout
    assert len(pictures(folder / "out")) == 60 * len(PAGE)


def test_a_folder_that_is_none_is_one_sentence_and_nothing_is_checked(folder: Path) -> None:
    for place in ("good.pdf", "good.pdf/x", "/proc/none"):
        done = run(folder, "changed.pdf", "--pages", place)
        assert (done.returncode, done.stdout) == (2, "")
        assert len(done.stderr.splitlines()) == 1
        assert place in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another account to have no right")
def test_a_folder_without_the_right_to_write(tmp_path: Path) -> None:
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom verifier.commands.pictures import PictureFolder\n"
        "os.setuid(65534)\nPictureFolder(Path('/usr'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert "No pictures can be written in /usr (Permission denied)." in done.stderr


def test_a_disk_that_fills_is_a_finding_and_the_verdict_stands(
    tmp_path: Path, people: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    pdf = with_page_overwritten(signed_pdf(stamped=NOW))
    file = tmp_path / "a.pdf"
    file.write_bytes(pdf)
    box = OneShotSandbox()
    report = check(pdf, sandbox=box, anchors=[people.root.pem], now=NOW)

    # The only thing that cannot be had in a test is a full disk; this one refuses as it would.
    def write(_: Path, content: bytes) -> None:
        with Path("/dev/full").open("wb", buffering=0) as full:
            full.write(content)

    monkeypatch.setattr(Path, "write_bytes", write)
    (told,) = PictureFolder(tmp_path / "out").draw(Input("a.pdf", file), report, box, None)
    assert told.code == "PAGE_PICTURES_NOT_WRITTEN"
    assert dict(told.values)["reason"] == "No space left on device"
    assert pictures(tmp_path / "out") == []


def test_another_file_of_the_name_is_not_drawn(tmp_path: Path, people: Pki) -> None:
    pdf = with_page_overwritten(signed_pdf(stamped=NOW))
    file = tmp_path / "a.pdf"
    box = OneShotSandbox()
    report = check(pdf, sandbox=box, anchors=[people.root.pem], now=NOW)
    file.write_bytes(with_form_filled(signed_pdf()))
    pictured = PictureFolder(tmp_path / "out")
    assert [each.code for each in pictured.draw(Input("a.pdf", file), report, box, None)] == [
        "PAGES_OTHER_FILE"
    ]
    file.unlink()
    assert [each.code for each in pictured.draw(Input("a.pdf", file), report, box, None)] == [
        "PAGES_OTHER_FILE"
    ]


@pytest.mark.parametrize(
    "name", ["../../evil.pdf", "x" * 250 + ".pdf", "a\x1b[31m.pdf", "\udcff.pdf", "ü" * 120]
)
def test_whatever_a_file_is_called_its_pictures_lie_in_the_folder(
    tmp_path: Path, people: Pki, name: str
) -> None:
    pdf = with_page_overwritten(signed_pdf())
    box = OneShotSandbox()
    report = check(pdf, sandbox=box, anchors=[people.root.pem], now=NOW)
    pictured = PictureFolder(tmp_path / "out")
    (told,) = pictured.draw(Input(name, None, content=pdf), report, box, None)
    assert told.code == "PAGES_DIFFER"
    (made,) = (tmp_path / "out").iterdir()
    assert pictures(made) == PAGE
    assert made.name.isprintable()


def test_an_interrupt_leaves_no_half_picture(folder: Path) -> None:
    (folder / "a.pdf").write_bytes(with_pages_overwritten(400))
    process = subprocess.Popen(
        command("a.pdf", "--pages", "out"), cwd=folder, env=environment(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not pictures(folder / "out") if (folder / "out").exists() else True:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    told, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert error.split() == ["Stopped."]
    # The verdict was there before.
    assert "changed after it was signed" in told
    whole = [each for each in (folder / "out").rglob("*.png") if not each.name.startswith(".")]
    assert 0 < len(whole) < 1600
    for each in whole:
        Image.open(BytesIO(each.read_bytes())).load()


def test_the_folder_is_made_and_probed_without_a_trace(tmp_path: Path) -> None:
    PictureFolder(tmp_path / "a" / "b")
    assert pictures(tmp_path) == []
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(Misconfigured):
        PictureFolder(tmp_path / "file")
