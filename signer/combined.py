"""Both HTTP sides on one port, for `absah serve`; at scale each runs as a program of its own."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import FastAPI

from signer import problems
from signer.app import add_agency_side, readiness
from signer.commands.data import first_run_file, public_url, read_json, samples_folder, specimens_file
from signer.parts import open_archive, open_desk
from signer.requests import Desk
from signer.routes.specimens import add_specimens
from signer.settings import Settings
from storage.database import open_database_to_read, reading
from storage.lookup import Lookup
from storage.records import Issuer
from storage.signing_keys import expiring
from storage.units import agencies, regency_of
from verifier.app import PublicParts, add_public_side
from verifier.headers import SecurityHeaders
from verifier.health import health_router
from verifier.metrics import counted_source, serve_metrics
from verifier.sandbox import Sandbox
from verifier.settings import load_settings as load_public_settings
from verifier.trust.folder import read_trust


def create_combined_app(settings: Settings) -> FastAPI:
    """One application with one OpenAPI document; the public half still reads through its own connection."""
    public = load_public_settings()
    desk = open_desk(settings, public_url(settings))
    archive = open_archive(settings)
    # Without libseccomp a laptop may go on with the other limits; production may not.
    sandbox = Sandbox(require_filter=not settings.development)
    lookup = Lookup(open_database_to_read(settings.database))
    issuer, zone, logo_svg = _whose_service(desk)
    trust = read_trust(settings.trust_folder, production=not settings.development)

    app = FastAPI(title="Absah", version="1", docs_url=None, redoc_url=None)
    problems.install(app)
    add_agency_side(app, desk, archive, sandbox, trust.encoded(), settings.custody_retention_years)
    parts = PublicParts(
        lookup=lookup,
        sandbox=sandbox,
        anchors=trust.encoded(),
        trusted_lists=trust.lists,
        revocation=counted_source(public.revocation_addresses),
        hosts=(*_own_hosts(settings), *public.other_hosts),
        regency=issuer.regency,
        contact=public.contact(issuer.regency),
        official_hosts=public.official_hosts,
        upload_limit=public.upload_limit,
        proxies=public.proxies,
        development=settings.development,
        logo_svg=logo_svg,
        zone=zone,
    )
    add_public_side(app, parts)
    made = read_json(specimens_file(settings))
    if settings.development and made is not None:
        add_specimens(app, desk, archive, made, samples_folder(settings))
    if public.metrics_port is not None:
        serve_metrics(public.metrics_port)
    checks = {**readiness(desk, archive), "register": lookup.ping}
    app.include_router(
        health_router(
            checks,
            stale_lists=parts.stale_lists,
            expiring_keys=lambda: expiring(desk.register.engine),
        )
    )
    app.add_middleware(SecurityHeaders)
    return app


def _whose_service(desk: Desk) -> tuple[Issuer, str, bytes]:
    """The first agency's regency and contact, time zone and logo: who answers for this installation."""
    with reading(desk.register.engine) as connection:
        for agency in agencies(connection):
            regency = regency_of(connection, agency)
            issuer = Issuer(agency.name, regency.name, agency.phone, agency.email, agency.website)
            return issuer, agency.zone, regency.logo_svg or b""
    return Issuer("", "", "", "", ""), "Asia/Jakarta", b""


def _own_hosts(settings: Settings) -> tuple[str, ...]:
    """Hosts whose QR codes are ours: today's and, on a laptop, the one that the specimens were made for."""
    urls = [public_url(settings)]
    first_run = read_json(first_run_file(settings))
    if settings.development and first_run is not None:
        urls += [first_run["url"], first_run.get("first_url", first_run["url"])]
    return tuple(dict.fromkeys(urlsplit(url).netloc for url in urls))
