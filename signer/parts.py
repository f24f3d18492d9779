"""Puts together what the settings name for a process that accepts requests: nothing here can reach a key."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509

from signer.requests import Desk
from signer.settings import Settings
from storage.archive import Archive
from storage.confidential import Vault, open_master_key
from storage.database import check_version, open_database
from storage.local import LocalArchive
from storage.register import Register
from storage.vocabulary import Misconfigured
from templates.catalogue import Catalogue
from templates.render import Renderer
from verifier.trust.folder import read_trust as read_folder


def open_register(settings: Settings) -> Register:
    """The register for writing.

    Raises:
        Misconfigured: the database is missing, of another version, or the master key is not its own.
    """
    engine = open_database(settings.database)
    check_version(engine)
    return Register(engine, Vault(open_master_key(settings.master_key, create=settings.development)))


def open_archive(settings: Settings) -> Archive:
    """The archive: S3 where an endpoint is set, else a folder."""
    if settings.s3_endpoint is None:
        return LocalArchive(settings.data / "archive")
    # The client is large, and only who uses it should wait for it.
    from storage.s3 import S3Archive, S3Settings

    archive = S3Archive(
        S3Settings(
            endpoint=settings.s3_endpoint,
            bucket=settings.s3_bucket,
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key.get_secret_value(),
            region=settings.s3_region,
            secure=settings.s3_secure,
        )
    )
    archive.create_bucket()
    return archive


def open_catalogue(settings: Settings) -> Catalogue:
    """The shipped document types and those of the operator's folder."""
    return Catalogue.load(*([settings.types] if settings.types else []))


def open_desk(settings: Settings, public_url: str) -> Desk:
    """What the web process needs to accept requests. It holds no key."""
    catalogue = open_catalogue(settings)
    return Desk(
        register=open_register(settings),
        catalogue=catalogue,
        renderer=Renderer(catalogue),
        public_url=public_url,
        development=settings.development,
    )


def read_trust(settings: Settings) -> list[x509.Certificate]:
    """The operator's own root certificates, as far as they count today.

    Raises:
        Misconfigured: there is none, a file cannot be used, or production holds a development root.
    """
    now = datetime.now(UTC)
    folder = settings.trust_folder
    found = [
        x509.load_der_x509_certificate(anchor.der)
        for anchor in read_folder(folder, production=not settings.development).anchors
        if any(anchor.terms.allow(purpose, now) for purpose in anchor.terms.purposes)
    ]
    if not found:
        raise Misconfigured(f"There is no root certificate (*.pem) in {folder}; set ABSAH_TRUST.")
    return found
