"""Puts together what the settings name for a process that accepts requests: nothing here can reach a key."""

from __future__ import annotations

from pathlib import Path

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


def read_trust(folder: Path) -> list[x509.Certificate]:
    """The root certificates (PEM) of a folder.

    Raises:
        Misconfigured: there is none, or a file is not PEM.
    """
    found: list[x509.Certificate] = []
    for file in sorted(folder.glob("*.pem")):
        try:
            found += x509.load_pem_x509_certificates(file.read_bytes())
        except ValueError as error:
            raise Misconfigured(f"{file} is not a PEM file of certificates; remove or replace it.") from error
    if not found:
        raise Misconfigured(f"There is no root certificate (*.pem) in {folder}; set ABSAH_TRUST.")
    return found
