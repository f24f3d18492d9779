"""A whole issuing side in a folder: development PKI, an agency for each kind of type, an API to call."""

from __future__ import annotations

import atexit
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select

from keys.development import DevelopmentKeyRing, OfficerSubject, create
from signer import problems
from signer.app import add_agency_side
from signer.commands.operate import add_units
from signer.cycle import Workshop
from signer.parts import open_archive, open_desk, open_register
from signer.requests import Desk
from signer.settings import Settings, load_settings
from signer.worker import work_on_next
from signer.workshop import development_transport, open_workshop
from storage import api_keys, units
from storage.database import migrate, open_database, transaction
from storage.tables import officer
from verifier.errors import CatchUnexpected
from verifier.sandbox import Sandbox
from verifier.trust.folder import read_trust

REGENCIES = Path(__file__).parents[1] / "signer" / "sample" / "regencies.toml"
URL = "http://cek.example.org"
# One for all: its server starts with the first file, and ends with this process.
SANDBOX = Sandbox()
atexit.register(SANDBOX.close)


@dataclass
class Office:
    """Everything that a test of the issuing side talks to."""

    settings: Settings
    desk: Desk
    workshop: Workshop
    app: FastAPI
    client: TestClient
    keys: dict[str, str]

    def post(
        self, path: str, body: Any, agency: str = "dpmptsp-contoh", key: str = "k", **headers: str
    ) -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(
            path,
            content=content,
            headers={"Authorization": f"Bearer {self.keys[agency]}", "Idempotency-Key": key, **headers},
        )

    def get(self, path: str, agency: str = "dpmptsp-contoh") -> Any:
        return self.client.get(path, headers={"Authorization": f"Bearer {self.keys[agency]}"})

    def sample(self, type_id: str = "sip-dokter", serial: int = 1, **changes: Any) -> dict[str, Any]:
        """A request of the type's sample for one of 9999 different people."""
        fields = dict(self.desk.catalogue.get(type_id).sample)
        fields["nik"] = fields["nik"][:12] + f"{serial:04}"
        return {"type": type_id, "fields": {**fields, **changes}}

    def request(
        self, body: dict[str, Any] | None = None, agency: str = "dpmptsp-contoh", key: str = "k"
    ) -> Any:
        answer = self.post("/api/v1/documents", body or self.sample(), agency, key)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def work(self) -> None:
        while work_on_next(self.workshop):
            pass

    def issue(
        self, body: dict[str, Any] | None = None, agency: str = "dpmptsp-contoh", key: str = "k"
    ) -> Any:
        accepted = self.request(body, agency, key)
        self.work()
        state = self.state(accepted["id"], agency)
        assert state["state"] == "ISSUED", state
        return state

    def state(self, document_id: str, agency: str = "dpmptsp-contoh") -> Any:
        return self.get(f"/api/v1/documents/{document_id}", agency).json()


def make_office(data: Path, described: Path = REGENCIES, **settings: Any) -> Office:
    """An office in an empty folder (or another database) as ``described``; no specimens."""
    data.mkdir(parents=True, exist_ok=True)
    made = load_settings(data=data, public_url=URL, **settings)
    engine = open_database(made.database)
    migrate(engine)
    engine.dispose()
    register = open_register(made)
    with transaction(register.engine) as connection:
        add_units(connection, described)
        heads = {
            each.id: units.officer_for_role(connection, each.id, "kepala")
            for each in units.agencies(connection)
        }
        keys = {
            agency: api_keys.new_api_key(connection, agency, api_keys.SCOPES, head.id)
            for agency, head in heads.items()
        }
        signers = connection.execute(select(officer).where(officer.c.key_id.is_not(None))).all()
    register.engine.dispose()
    create(
        made.keys_folder,
        [OfficerSubject(each.key_id, each.name, each.office, "Kabupaten Contoh") for each in signers],
    )
    made.trust_folder.mkdir(exist_ok=True)
    for anchor in DevelopmentKeyRing.open(made.keys_folder).anchors():
        (made.trust_folder / "root.pem").write_bytes(anchor.public_bytes(Encoding.PEM))
    return open_office(made, keys)


def open_office(settings: Settings, keys: dict[str, str]) -> Office:
    desk = open_desk(settings, URL)
    app = FastAPI()
    problems.install(app)
    anchors = read_trust(settings.trust_folder).encoded()
    add_agency_side(app, desk, open_archive(settings), SANDBOX, anchors, 10)
    app.add_middleware(CatchUnexpected, answer=problems.answer_unexpected)
    app.add_middleware(CatchUnexpected, answer=problems.answer_unexpected)
    return Office(
        settings,
        desk,
        open_workshop(settings, development_transport(settings)),
        app,
        TestClient(app, raise_server_exceptions=False),
        keys,
    )
