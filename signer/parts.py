"""Puts together the parts that the settings name: a desk for the web process, a workshop for the worker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from keys.development import DevelopmentKeyRing
from keys.provider import KeyRing
from keys.ring import SoftwareKeyRing
from keys.timestamp_server import DevelopmentTimeStampAuthority
from signer.cycle import Workshop
from signer.requests import Desk
from signer.settings import Settings
from signer.timestamp import TimeStampAuthority, http_transport
from storage.archive import Archive
from storage.confidential import Vault, open_master_key
from storage.database import check_version, open_database
from storage.local import LocalArchive
from storage.register import Register
from storage.spool import Spool
from storage.vocabulary import Misconfigured
from templates.catalogue import Catalogue
from templates.render import Renderer
from verifier.by_file import inspect


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


def open_workshop(settings: Settings, transport: Callable[[bytes], bytes] | None = None) -> Workshop:
    """What the worker needs to issue; ``transport`` replaces the HTTP one to the time-stamp authority."""
    anchors = read_trust(settings.trust_folder)
    anchor_bytes = [anchor.public_bytes(Encoding.DER) for anchor in anchors]
    if transport is None:
        if settings.tsa_url is None:
            raise Misconfigured("No time-stamp authority is set; set ABSAH_TSA_URL.")
        transport = http_transport(settings.tsa_url, settings.tsa_timeout)
    catalogue = open_catalogue(settings)

    return Workshop(
        register=open_register(settings),
        archive=open_archive(settings),
        catalogue=catalogue,
        renderer=Renderer(catalogue),
        keys=open_keys(settings),
        timestamps=TimeStampAuthority(
            transport, anchors, clock=lambda: datetime.now(UTC), token_size=settings.tsa_token_bytes
        ),
        inspect=lambda pdf: inspect(pdf, anchors=anchor_bytes, moment=datetime.now(UTC), password=None),
        notifier=Spool(settings.data / "spool"),
        development=settings.development,
    )


def open_keys(settings: Settings) -> KeyRing:
    """The signing keys: those of the list, else the development PKI, which production refuses."""
    if settings.keys_file is not None:
        return SoftwareKeyRing.open(settings.keys_file)
    if not settings.development:
        raise Misconfigured("In production ABSAH_KEYS_FILE has to list the signing keys.")
    return DevelopmentKeyRing.open(settings.data / "keys")


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


def development_transport(settings: Settings) -> Callable[[bytes], bytes] | None:
    """The development TSA called in this process, for commands that sign without `serve` running."""
    if settings.tsa_url is not None or not settings.development:
        return None
    key = DevelopmentKeyRing.open(settings.data / "keys").timestamp_key()
    return DevelopmentTimeStampAuthority(key).respond
