"""The public side over a data folder that the product itself filled, in this process and as a server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from sqlalchemy import create_engine, insert, select

from storage import code
from storage.database import open_database_to_read, sqlite_url
from storage.lookup import Lookup
from storage.records import Issuer
from storage.tables import public_record
from tests.services import answers, free_port, wait_for
from verifier.app import PublicParts, add_public_side
from verifier.by_code import check_code
from verifier.headers import SecurityHeaders
from verifier.sandbox import Sandbox

HOST = "cek.contoh.example"
CONTACT = Issuer(
    "Dinas Komunikasi dan Informatika",
    "Kabupaten Contoh",
    "(021) 555-0199",
    "info@contoh.example",
    "contoh.example",
)
LOGO = Path(__file__).parents[2] / "templates" / "brand" / "kabupaten-contoh.svg"


@dataclass(frozen=True)
class Made:
    """A filled data folder: the codes of its specimens by verdict, and files to upload."""

    data: Path
    codes: dict[str, str]

    @property
    def samples(self) -> Path:
        return self.data / "samples"

    @property
    def lookup(self) -> Lookup:
        return Lookup(open_database_to_read(sqlite_url(self.data / "register.db")))

    @property
    def anchors(self) -> tuple[bytes, ...]:
        return tuple(file.read_bytes() for file in sorted((self.data / "trust").glob("*.pem")))


def make_data(folder: Path) -> Made:
    """What the first start makes, made once for all tests of a session."""
    if not (folder / "first-run.json").exists():
        folder.mkdir(parents=True)
        subprocess.run(
            [sys.executable, "-m", "signer", "set-up"],
            env={**os.environ, "ABSAH_DATA": str(folder), "ABSAH_PUBLIC_URL": f"http://{HOST}"},
            check=True,
            capture_output=True,
        )
    made = Made(folder, {})
    for specimen in json.loads((folder / "specimens.json").read_text()):
        answer = check_code(specimen["code"], made.lookup, hosts=(), official_hosts={}, now=datetime.now(UTC))
        made.codes.setdefault(str(answer.verdict), specimen["code"])
    return made


def add_record(made: Made, **changes: Any) -> str:
    """Another row of the public record, like one in force; for values that no issuing would let through."""
    engine = create_engine(sqlite_url(made.data / "register.db"))
    with engine.begin() as connection:
        like = (
            connection.execute(select(public_record).where(public_record.c.code == made.codes["valid"]))
            .mappings()
            .one()
        )
        new = code.draw()
        connection.execute(insert(public_record).values({**like, "code": new, **changes}))
    engine.dispose()
    return new


def parts(made: Made, sandbox: Sandbox, **changes: Any) -> PublicParts:
    return replace(
        PublicParts(
            lookup=made.lookup,
            sandbox=sandbox,
            anchors=made.anchors,
            hosts=(HOST,),
            regency="Kabupaten Contoh",
            contact=CONTACT,
            official_hosts={"oss.go.id": "OSS"},
            logo_svg=LOGO.read_bytes(),
        ),
        **changes,
    )


def public_app(made_parts: PublicParts) -> FastAPI:
    app = FastAPI(title="public", docs_url=None, redoc_url=None)
    add_public_side(app, made_parts)
    app.add_middleware(SecurityHeaders)
    return app


@contextmanager
def served(app: FastAPI, port: int | None = None) -> Iterator[str]:
    """The application on loopback, as the program runs it."""
    port = port or free_port()
    server = uvicorn.Server(
        uvicorn.Config(
            app, host="127.0.0.1", port=port, log_config=None, access_log=False, proxy_headers=False
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_for(lambda: answers(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
