"""The settings of the public side as a program of its own, from environment variables ``ABSAH_*``.

There is no setting here for a key, a queue or a database role that writes.
"""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from storage.records import Issuer
from storage.vocabulary import Misconfigured
from verifier.revocation_addresses import read_addresses

_AS_JSON = ("other_hosts", "official_hosts", "proxies", "revocation_addresses")


class VerifierSettings(BaseSettings):
    """Each field is ``ABSAH_`` and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="ABSAH_", frozen=True, extra="ignore")

    env: Literal["development", "production"] = Field(
        default="development", description="production demands HTTPS and the sandbox's system call filter"
    )
    data: Path = Field(default=Path("data"), description="folder of the embedded default")
    verifier_database_url: str | None = Field(
        default=None,
        description="PostgreSQL URL, reading role; a SQLite file in DATA if unset",
    )
    public_url: str = Field(default="http://127.0.0.1:8000", description="address of these pages")
    other_hosts: tuple[str, ...] = Field(default=(), description="earlier hosts of our QR codes")
    trust: Path | None = Field(default=None, description="folder of root certificates; DATA/trust if unset")
    revocation_addresses: tuple[str, ...] = Field(
        default=(), description="where revocation may be asked for: addresses of authorities, as JSON"
    )
    regency: str = Field(default="Kabupaten", description="whose service this is, as people know it")
    zone: str = Field(default="Asia/Jakarta", description="time zone of answers that no document has one for")
    contact_agency: str = Field(default="", description="who answers questions from the public")
    contact_phone: str = Field(default="", description="its phone number")
    contact_email: str = Field(default="", description="its e-mail address")
    contact_website: str = Field(default="", description="its website")
    official_hosts: dict[str, str] = Field(
        default={}, description='other official services: {"host": "name"}, as JSON'
    )
    logo: Path | None = Field(default=None, description="SVG file with the regency's logo")
    upload_limit: int = Field(default=25_000_000, gt=0, le=500_000_000, description="largest file, in bytes")
    proxies: tuple[str, ...] = Field(
        default=(), description="addresses of our own proxies, whose X-Forwarded-For counts"
    )
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8001, ge=1, le=65535, description="port to listen on")
    metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="internal port of /metrics; off if unset"
    )

    @property
    def development(self) -> bool:
        """Whether this is a trial."""
        return self.env == "development"

    @property
    def database(self) -> str:
        """The database URL in effect."""
        return self.verifier_database_url or f"sqlite:///{self.data / 'register.db'}"

    @property
    def trust_folder(self) -> Path:
        """The folder of trusted roots in effect."""
        return self.trust or self.data / "trust"

    def contact(self, regency: str) -> Issuer:
        """Who answers where no document names its agency; all but the regency may be empty.

        Never an agency picked from the register: it would be called about papers that are not its own.
        """
        return Issuer(
            self.contact_agency, regency, self.contact_phone, self.contact_email, self.contact_website
        )

    @property
    def hosts(self) -> tuple[str, ...]:
        """Hosts, with their ports, whose QR codes are ours."""
        return (urlsplit(self.public_url).netloc, *self.other_hosts)


def load_settings() -> VerifierSettings:
    """The settings from the environment.

    Raises:
        Misconfigured: a value is wrong, or two cannot go together.
    """
    try:
        settings = VerifierSettings()
    except SettingsError as error:
        names = ", ".join(f"ABSAH_{name.upper()}" for name in _AS_JSON)
        raise Misconfigured(f'{names} have to be JSON, such as ["10.0.0.1"].') from error
    except ValidationError as error:
        first = error.errors()[0]
        name = "ABSAH_" + "_".join(str(part) for part in first["loc"]).upper()
        raise Misconfigured(f"{name}: {first['msg']}.") from error
    _check_together(settings)
    return settings


def check_public_url(url: str) -> None:
    """Refuse an address that no QR code could be built on; both sides read the same setting.

    Raises:
        Misconfigured: it is no web address, or has a path.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
        raise Misconfigured("ABSAH_PUBLIC_URL has to be like https://cek.example.go.id, without a path.")


def _check_together(settings: VerifierSettings) -> None:
    try:
        ZoneInfo(settings.zone)
    except (ValueError, KeyError, OSError) as error:
        raise Misconfigured("ABSAH_ZONE has to be like Asia/Jakarta or Asia/Makassar.") from error
    try:
        for proxy in settings.proxies:
            ip_network(proxy, strict=False)
    except ValueError as error:
        raise Misconfigured("ABSAH_PROXIES has to be a list of addresses or networks.") from error
    check_public_url(settings.public_url)
    read_addresses(settings.revocation_addresses)
    if not settings.development and urlsplit(settings.public_url).scheme != "https":
        raise Misconfigured("In production ABSAH_PUBLIC_URL has to begin with https://.")
    if settings.metrics_port == settings.port:
        raise Misconfigured(
            "ABSAH_METRICS_PORT has to differ from ABSAH_PORT: the public must not read metrics."
        )
