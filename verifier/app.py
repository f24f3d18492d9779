"""The public side: verification pages and API. It has no key, no queue and no right to write."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import structlog
from fastapi import APIRouter, FastAPI

from storage.database import open_database_to_read
from storage.lookup import Lookup
from storage.vocabulary import AbsahError, Misconfigured
from verifier.errors import install_errors
from verifier.head import HeadAsGet
from verifier.headers import SecurityHeaders
from verifier.health import health_router
from verifier.limits import Allowance
from verifier.metrics import counted_source, serve_metrics
from verifier.openapi import keep_examples
from verifier.pages.render import Site, install_site
from verifier.parts import PublicParts
from verifier.routes.codes import codes_router
from verifier.routes.files import files_router
from verifier.routes.site import site_router
from verifier.sandbox import Sandbox
from verifier.settings import VerifierSettings, load_settings
from verifier.trust.folder import Trust, read_trust

__all__ = ["PublicParts", "add_public_side", "create_app"]

log = structlog.get_logger("verifier")


def add_public_side(app: FastAPI, parts: PublicParts) -> None:
    """Put the public routes, pages and error answers on ``app``; after the issuing side, if there is one."""
    parts = replace(parts, hosts=tuple(host.lower() for host in parts.hosts))
    site = Site(
        regency=parts.regency,
        contact=parts.contact,
        host=parts.hosts[0],
        zone=parts.zone,
        upload_limit=parts.upload_limit,
        development=parts.development,
        has_logo=bool(parts.logo_svg),
        clock=parts.clock,
    )
    install_site(app, site)
    install_errors(app)
    app.include_router(site_router(parts))
    app.include_router(codes_router(parts, site, misses=Allowance(), comparisons=Allowance()))
    app.include_router(files_router(parts, site))
    app.include_router(_with_sandbox(parts.sandbox))
    keep_examples(app)
    app.add_middleware(HeadAsGet)


def _with_sandbox(sandbox: Sandbox) -> APIRouter:
    """No route: the sandbox's life, which is the application's."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Beside the start, so that codes are answered at once; the first file waits for what is left.
        starting = asyncio.create_task(asyncio.to_thread(_start, sandbox))
        yield
        await starting
        sandbox.close()

    return APIRouter(lifespan=lifespan)


def _start(sandbox: Sandbox) -> None:
    try:
        sandbox.start()
    except AbsahError as error:
        log.error("sandbox.failed", code=error.code)


def create_app(settings: VerifierSettings | None = None) -> FastAPI:
    """The public side as a program of its own.

    Raises:
        Misconfigured: with the setting and the remedy.
    """
    settings = settings or load_settings()
    lookup = Lookup(open_database_to_read(settings.database))
    app = FastAPI(title="Absah: checking", version="1", docs_url=None, redoc_url=None)
    parts = _parts(settings, lookup)
    add_public_side(app, parts)
    app.include_router(health_router({"register": lookup.ping}, stale_lists=parts.stale_lists))
    app.add_middleware(SecurityHeaders)
    return app


def _parts(settings: VerifierSettings, lookup: Lookup) -> PublicParts:
    trust = _read_trust(settings)
    return PublicParts(
        lookup=lookup,
        sandbox=Sandbox(require_filter=not settings.development),
        anchors=trust.encoded(),
        trusted_lists=trust.lists,
        revocation=counted_source(settings.revocation_addresses),
        hosts=settings.hosts,
        regency=settings.regency,
        contact=settings.contact(settings.regency),
        official_hosts=settings.official_hosts,
        upload_limit=settings.upload_limit,
        development=settings.development,
        logo_svg=_read_logo(settings.logo),
        zone=settings.zone,
        proxies=settings.proxies,
    )


def _read_trust(settings: VerifierSettings) -> Trust:
    folder = settings.trust_folder
    if not folder.is_dir():
        raise Misconfigured(f"The folder of root certificates {folder} is missing; set ABSAH_TRUST.")
    return read_trust(folder, production=not settings.development)


def _read_logo(file: Path | None) -> bytes:
    if file is None:
        return b""
    try:
        return file.read_bytes()
    except OSError as error:
        raise Misconfigured(f"The logo {file} cannot be read ({error.strerror}); set ABSAH_LOGO.") from error


def main() -> None:
    """``python -m verifier.app``: the public program, as its image runs it."""
    import uvicorn

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=os.fdopen(2, "w", closefd=False)),
    )
    try:
        settings = load_settings()
        app = create_app(settings)
        if settings.metrics_port is not None:
            serve_metrics(settings.metrics_port)
    except AbsahError as error:
        sys.exit(f"{error.code}: {error.message}")
    # Who is believed about a caller's address is decided in `Networks`, not by the server.
    with suppress(KeyboardInterrupt):
        uvicorn.run(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
        )


if __name__ == "__main__":
    main()
