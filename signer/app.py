"""The issuing side's web program: the agencies' API. It has no key and cannot sign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI

from signer import problems
from signer.custody import CustodyDesk
from signer.parts import open_archive, open_desk
from signer.requests import Desk
from signer.routes.consent import consent_router
from signer.routes.custody import custody_router
from signer.routes.documents import documents_router
from signer.routes.sessions import sessions_router
from signer.settings import Settings, load_settings
from storage import alarms
from storage.archive import Archive
from storage.database import transaction
from storage.signing_keys import expiring
from storage.vocabulary import Unavailable
from verifier.errors import CatchUnexpected
from verifier.headers import SecurityHeaders
from verifier.health import health_router
from verifier.sandbox import Sandbox
from verifier.trust.folder import read_trust

TITLE = "Absah: issuing"


def add_agency_side(
    app: FastAPI, desk: Desk, archive: Archive, sandbox: Sandbox, anchors: Sequence[bytes], retention: int
) -> None:
    """Put the agencies' API on ``app``.

    ``sandbox`` opens what is handed in for custody, ``anchors`` are whom its check trusts, ``retention`` is
    how many years it is kept.
    """
    app.include_router(documents_router(desk, archive, example_request(desk)))
    app.include_router(sessions_router(desk))
    app.include_router(consent_router(desk.register))
    app.include_router(custody_router(CustodyDesk(desk.register, archive, sandbox, anchors, retention)))


def readiness(desk: Desk, archive: Archive) -> dict[str, Any]:
    """What the issuing side needs to accept requests."""

    def database() -> None:
        with transaction(desk.register.engine):
            pass

    def no_alarm() -> None:
        standing = alarms.standing(desk.register.engine)
        if standing:
            raise Unavailable("Issuing has stopped; see “absah alarms”.", code=standing[0].code)

    return {"database": database, "archive": archive.ping, "signing": no_alarm}


def example_request(desk: Desk) -> dict[str, Any]:
    """A request that works as it stands, from a type's own sample."""
    sample = next((each for each in desk.catalogue.types if each.approval), desk.catalogue.types[0])
    return {"type": sample.id, "fields": sample.sample}


def create_app(settings: Settings | None = None) -> FastAPI:
    """The issuing side as a program of its own."""
    settings = settings or load_settings()
    desk = open_desk(settings, settings.public_url or "http://127.0.0.1:8000")
    archive = open_archive(settings)
    app = FastAPI(title=TITLE, version="1", docs_url=None, redoc_url=None)
    problems.install(app)
    sandbox = Sandbox(require_filter=not settings.development)
    trust = read_trust(settings.trust_folder, production=not settings.development)
    add_agency_side(app, desk, archive, sandbox, trust.encoded(), settings.custody_retention_years)
    app.include_router(
        health_router(readiness(desk, archive), expiring_keys=lambda: expiring(desk.register.engine))
    )
    app.add_middleware(CatchUnexpected, answer=problems.answer_unexpected)
    app.add_middleware(SecurityHeaders)
    return app
