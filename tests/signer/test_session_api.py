"""Signing sessions by the API and by the command line, with a worker that runs."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from signer.cli import absah
from signer.worker import run
from storage import api_keys
from storage.database import transaction
from storage.vocabulary import AbsahError
from tests.keys.attended import AGENCY, office_at
from tests.keys.bsre_server import PASSPHRASE, Bsre
from tests.office import Office
from tests.services import wait_for

SESSIONS = "/api/v1/signing-sessions"


@pytest.fixture
def office(bsre: Bsre, empty_office: Office, tmp_path: Path) -> Iterator[Office]:
    with office_at(bsre, empty_office, tmp_path) as made:
        yield made


@contextmanager
def working(office: Office) -> Iterator[None]:
    stop = threading.Event()
    worker = threading.Thread(target=run, args=(office.workshop, stop, time.monotonic, 2))
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()


def waits(office: Office, document: dict[str, Any]) -> bool:
    return bool(office.state(document["id"])["waiting_for"] == "SIGNING_SESSION")


def sealed_by_hand(session: dict[str, Any], plain: bytes) -> str:
    """As another program would, from the API's own words."""
    digests = sorted(each["digest"] for each in session["documents"])
    batch = hashlib.sha256("".join(f"{each}\n" for each in digests).encode()).hexdigest()
    assert batch == session["batch_digest"]
    info = f"absah signing session 1\n{session['id']}\n{batch}\n".encode()
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    public = X25519PublicKey.from_public_bytes(base64.b64decode(session["public_key"]))
    return base64.b64encode(suite.encrypt(plain.ljust(1024), public, info=info)).decode()


def begun(office: Office, body: dict[str, Any] | None = None) -> Any:
    answers = []

    def accepted() -> bool:
        answers.append(office.post(SESSIONS, body or {}))
        return bool(answers[-1].status_code != 503)

    wait_for(accepted)
    return answers[-1]


def test_an_officer_signs_a_batch_by_the_api(office: Office, bsre: Bsre) -> None:
    documents = [office.request(office.sample(serial=n), key=f"k{n}") for n in (1, 2)]
    with working(office):
        wait_for(lambda: all(waits(office, each) for each in documents))
        answer = begun(office)
        assert answer.status_code == 201, answer.text
        session = answer.json()
        assert (session["state"], len(session["documents"])) == ("OPEN", 2)
        body = {"sealed": sealed_by_hand(session, f'{{"passphrase": "{PASSPHRASE}"}}'.encode())}
        path = f"{SESSIONS}/{session['id']}"
        submitted = office.post(f"{path}/secret", body)
        assert submitted.status_code == 202, submitted.text
        assert office.post(f"{path}/secret", body).json()["code"] == "SESSION_ENDED"
        wait_for(lambda: office.get(path).json()["state"] not in ("SUBMITTED", "WORKING"))
        ended = office.get(path).json()
    assert (ended["state"], ended["code"], ended["refused_before"]) == ("DONE", None, 0)
    assert [each["outcome"] for each in ended["documents"]] == ["SIGNED"] * 2
    assert [office.state(each["id"])["state"] for each in documents] == ["ISSUED"] * 2
    assert bsre.signed == 2


def test_who_may_not_learns_nothing(office: Office) -> None:
    document = office.request()
    office.work()
    assert waits(office, document)
    with transaction(office.desk.register.engine) as connection:
        reader = api_keys.new_api_key(connection, AGENCY, ("read", "issue"), "kepala-dpmptsp-contoh")
        system = api_keys.new_api_key(connection, AGENCY, api_keys.SCOPES)
    with working(office):
        session = begun(office).json()
        paths = [("POST", SESSIONS), ("GET", f"{SESSIONS}/{session['id']}"),
                 ("POST", f"{SESSIONS}/{session['id']}/secret")]  # fmt: skip
        for method, path in paths:
            for key, status in (("absah_x_y", 401), (reader, 403), (system, 403)):
                answer = office.client.request(
                    method, path, content=b"{}", headers={"Authorization": f"Bearer {key}"}
                )
                assert answer.status_code == status, (method, path, answer.text)
        # Another agency's officer finds nothing.
        assert office.get(paths[1][1], "bakesbangpol-contoh").json()["code"] == "SESSION_NOT_FOUND"
        other = office.post(paths[2][1], {"sealed": "A" * 400}, "bakesbangpol-contoh")
        assert (other.status_code, other.json()["code"]) == (404, "SESSION_NOT_FOUND")
        other = office.post(SESSIONS, {"documents": [document["id"]]}, "bakesbangpol-contoh")
        assert (other.status_code, other.json()["code"]) == (404, "DOCUMENT_NOT_FOUND")
        assert office.post(SESSIONS, {}, "bakesbangpol-contoh").json()["code"] == "NOTHING_TO_SIGN"


def test_each_error_has_its_documented_code(office: Office) -> None:
    answer = office.post(SESSIONS, {})
    assert (answer.status_code, answer.json()["code"]) == (409, "NOTHING_TO_SIGN")
    document = office.request()
    answer = office.post(SESSIONS, {"documents": [document["id"]]})
    assert (answer.status_code, answer.json()["code"]) == (409, "NOT_WAITING")
    office.work()
    answer = office.post(SESSIONS, {}, **{"Accept-Language": "id"})
    assert (answer.status_code, answer.json()["code"]) == (503, "NO_WORKER")
    assert answer.json()["detail"].startswith("Tidak ada proses penanda tangan")
    answer = office.post(SESSIONS, {"documents": []})
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/documents"]
    assert office.get(f"{SESSIONS}/nothing").json()["code"] == "SESSION_NOT_FOUND"
    for wrong in ("", "AAAA", "****", "A" * 8000):
        answer = office.post(f"{SESSIONS}/nothing/secret", {"sealed": wrong})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/sealed"
        assert not wrong or wrong not in answer.text


def called(office: Office, *arguments: str, typed: str | None = None) -> Result:
    environment = {
        "ABSAH_DATA": str(office.settings.data),
        "ABSAH_KEYS_FILE": str(office.settings.keys_file),
    }
    return CliRunner().invoke(absah, ["sign-batch", *arguments], input=typed, env=environment)


def test_an_officer_signs_a_batch_at_the_command_line(office: Office, bsre: Bsre) -> None:
    assert "0 documents wait" in called(office).output
    documents = [office.request(office.sample(serial=n), key=f"k{n}") for n in (1, 2)]
    with working(office):
        wait_for(lambda: all(waits(office, each) for each in documents))
        listed = called(office, "--list")
        assert all(each["number"] in listed.output for each in documents)
        begun(office)  # waits until the worker is there
        wrong = called(office, "--agency", AGENCY, typed="salah\n")
        assert wrong.exit_code == 1
        assert "0 of 2 documents signed" in wrong.output
        assert "KEY_PASSPHRASE" in wrong.output
        assert "1 were not tried" in wrong.output
        right = called(office, typed=f"{PASSPHRASE}\n")
        assert right.exit_code == 0, right.output
        assert "2 of 2 documents signed" in right.output
        assert "typed 1 times since" in right.output
        for run_ in (wrong, right):
            assert PASSPHRASE not in run_.output
            assert "Ratna Kusumawardhani" in run_.output
        wait_for(lambda: [office.state(each["id"])["state"] for each in documents] == ["ISSUED"] * 2)
    assert bsre.wrong == 1


def test_without_a_worker_nothing_is_asked(office: Office) -> None:
    office.request()
    office.work()
    stopped = called(office, typed=f"{PASSPHRASE}\n")
    assert isinstance(stopped.exception, AbsahError)
    assert stopped.exception.code == "NO_WORKER"
    assert "Passphrase" not in stopped.output
