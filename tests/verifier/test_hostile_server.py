"""A real server under hostile files: each gets its typed answer, and so does whoever asks beside them."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from hostile_files import HOSTILE
from sample_files import plain_pdf
from small_pki import Pki

from tests.journeys.public_site import Made, make_data, parts, public_app, served
from verifier.finding_words import CODES
from verifier.sandbox import Sandbox

# One for each way of asking for too much: time, memory, answers, drawing.
CHOSEN = (
    "hidden xref bomb", "eight filters", "string of 20 MB", "400 time-stamps", "4 000 name constraints",
    "drawn: form of itself", "drawn: groups", "text that gives orders", "empty",
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_data(tmp_path_factory.getbasetemp() / "public-site")


def test_requests_beside_hostile_files_are_answered(made: Made, people: Pki) -> None:
    original = (made.samples / "asli.pdf").read_bytes()
    files = {name: HOSTILE[name][0]() for name in CHOSEN}
    with Sandbox() as box:
        server = box.server_pid
        app = public_app(parts(made, box, anchors=(*made.anchors, people.root.pem)))
        with served(app) as url, httpx.Client(base_url=url, timeout=30) as client:

            def verify(pdf: bytes) -> httpx.Response:
                return client.post("/api/v1/verify", files={"file": ("a.pdf", pdf)})

            with ThreadPoolExecutor(4) as threads:
                running = {name: threads.submit(verify, pdf) for name, pdf in files.items()}
                # Neither a code nor an original waits for a place in the sandbox.
                while not all(each.done() for each in running.values()):
                    assert client.get(f"/api/v1/codes/{made.codes['valid']}").json()["verdict"] == "valid"
                    assert verify(original).json()["verdict"] == "valid"
            for name, each in running.items():
                answer = each.result()
                told = {finding["code"] for finding in answer.json()["findings"]}
                # More bombs at once than places: the last ones are told to come again.
                expected = HOSTILE[name][1] if answer.status_code == 200 else {"SANDBOX_BUSY"}
                assert told & expected, (name, answer.status_code, told)
                assert told <= CODES
            assert verify(plain_pdf()).json()["verdict"] == "unsigned"
            assert box.server_pid == server


def test_the_command_answers_a_folder_of_them(tmp_path: Path) -> None:
    names = ("hidden xref bomb", "open strings", "ZIP bomb", "loop of kids after signing")
    for number, name in enumerate(names):
        (tmp_path / f"{number}.pdf").write_bytes(HOSTILE[name][0]())
    (tmp_path / "plain.pdf").write_bytes(plain_pdf())
    (tmp_path / "name.pdf").write_bytes(HOSTILE["text that gives orders"][0]())
    result = subprocess.run(
        [sys.executable, "-m", "verifier.cli", str(tmp_path), "--offline"],
        capture_output=True,
        check=False,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
    )
    assert result.returncode == 2
    # Nothing that a terminal takes for an order, nor what turns the direction of the line.
    shown = result.stdout.decode()
    assert not any(ord(mark) < 32 and mark != "\n" for mark in shown)
    assert not {"\u202e", "\u2066", "\ufeff"} & set(shown)
    assert shown.count(".pdf") >= 6
