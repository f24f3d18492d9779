"""Nothing personal, and no secret, in logs, notices, audit rows or error messages."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.command_line import _call
from tests.faults.processes import PROCESSES
from tests.office import Office
from tests.services import answers, free_port, wait_for

NAME, PLACE, NOTE = "Zulpenanda Tandabunyi", "Klinik Tandatempat", "catatan-bertanda"
EMAIL, FILE, TYPED = "surel-bertanda@example.org", "berkas-bertanda.pdf", "Orang Tandaketik"
AGENCY = "dpmptsp-contoh"


@contextmanager
def running(data: Path, log: Path, *arguments: str) -> Iterator[None]:
    environment = {"ABSAH_DATA": str(data), "ABSAH_PUBLIC_URL": "http://cek.example.org"}
    process = PROCESSES.Process(target=_call, args=(arguments, environment, log, log))
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join(30)
        process.kill()
        process.join()


def test_nothing_personal_is_left_where_it_does_not_belong(office: Office, tmp_path: Path) -> None:
    data, port = office.settings.data, free_port()
    office.desk.register.engine.dispose()
    office.workshop.register.engine.dispose()
    web_log, worker_log = tmp_path / "web", tmp_path / "worker"
    with running(data, web_log, "web", "--port", str(port)), running(data, worker_log, "worker"):
        wait_for(lambda: answers(port))
        said = exercise(office, f"http://127.0.0.1:{port}")
    nik = office.sample()["fields"]["nik"]
    secrets = [office.keys[AGENCY].split("_")[2]]
    private = [NAME, *NAME.split(), PLACE, NOTE, EMAIL, FILE, TYPED, nik, *secrets]
    logs = web_log.read_text() + worker_log.read_text()
    assert "IntegrityError" in logs, "the fault that may quote a request left no trace at all"
    places = {
        "logs": logs,
        "error messages": "\n".join(said),
        "notices": "\n".join(file.read_text() for file in (data / "spool").glob("*.json")),
        # All tables: what is personal in them is encrypted, masked or hashed.
        "register": dump(data / "register.db"),
    }
    assert "document.issued" in places["notices"]
    for place, text in places.items():
        assert len(text) > 100, place
        assert [each for each in private if each.casefold() in text.casefold()] == [], place


def test_an_exception_is_logged_without_its_words() -> None:
    """The web server logs what nobody caught; the text of an exception may quote a request."""
    script = (
        "import logging; from signer.logs import log_as_json; log_as_json()\n"
        "try: int('Zulpenanda Tandabunyi')\n"
        "except ValueError: logging.getLogger('uvicorn.error').error('Exception', exc_info=True)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "ValueError" in run.stderr
    assert '"<string>", line 2' in run.stderr
    assert "Zulpenanda" not in run.stderr


def dump(database: Path) -> str:
    with closing(sqlite3.connect(database)) as connection:
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        return "\n".join(connection.iterdump())


def exercise(office: Office, url: str) -> list[str]:
    """Issue, refuse, fail, change and verify; returns the texts of all error answers."""
    said = []
    client = httpx.Client(base_url=url, trust_env=False, timeout=60)

    def post(path: str, body: Any, key: str = "k") -> httpx.Response:
        headers = {"Authorization": f"Bearer {office.keys[AGENCY]}", "Idempotency-Key": key}
        answer = client.post(path, content=json.dumps(body), headers=headers)
        if answer.status_code >= 400:
            said.append(answer.text)
        return answer

    documents = "/api/v1/documents"
    body = {**office.sample(nama=NAME, tempat_praktik=PLACE), "recipient": EMAIL}
    accepted = post(documents, body).json()
    path = f"{documents}/{accepted['id']}"
    headers = {"Authorization": f"Bearer {office.keys[AGENCY]}"}
    wait_for(lambda: client.get(path, headers=headers).json()["state"] == "ISSUED")
    pdf = client.get(f"{path}/pdf", headers=headers).content

    refused = [
        {**body, "surplus": NAME},
        {**body, "valid_from": NAME},
        {"type": body["type"], "fields": {**body["fields"], "sip_ke": NAME, "tanggal_lahir": NOTE}},
        {"type": body["type"], "fields": {**body["fields"], "nama": f"{NAME} \u3042\u0000"}},
        {"type": body["type"], "fields": {**body["fields"], "tanggal_lahir": "1980-01-01"}},
        {"type": body["type"], "fields": body["fields"]},
        {**body, "overrides": [{"code": "NIK_BIRTH_MISMATCH", "reason": NOTE}], "officer": NOTE},
    ]
    for number, each in enumerate(refused):
        assert post(documents, each, key=f"refused-{number}").status_code in (409, 422), each
    assert client.post(documents, content=json.dumps(body)).status_code == 401
    change = {"reason": "under_investigation", "note": NOTE}
    assert post(f"{path}/suspend", change).status_code == 200
    assert post(f"{path}/suspend", change).status_code == 409

    # A fault that nobody foresaw, in the statement that holds the request's values.
    with closing(sqlite3.connect(office.settings.data / "register.db", timeout=30)) as register:
        register.execute(
            "CREATE TRIGGER fault BEFORE INSERT ON public_record BEGIN SELECT RAISE(ABORT, 'unforeseen'); END"
        )
        register.commit()
        unforeseen = {**body, "fields": {**body["fields"], "tempat_praktik": f"{PLACE} Dua", "sip_ke": 2}}
        assert post(documents, unforeseen, key="unforeseen").status_code == 500
        register.execute("DROP TRIGGER fault")
        register.commit()

    verify = "/api/v1/verify"
    assert (
        client.post(verify, files={"file": (FILE, pdf, "application/pdf")}).json()["verdict"] == "suspended"
    )
    altered = pdf + b"% " + NAME.encode()
    assert client.post(verify, files={"file": (FILE, altered)}).json()["verdict"] != "valid"
    client.post(verify, files={"file": (FILE, NAME.encode())})
    client.get(f"/d/{accepted['code']}", params={"name": TYPED, "nama": TYPED})
    client.get(f"/d/{TYPED}")
    client.get(f"/{TYPED}/{NAME}")
    client.close()
    return said
