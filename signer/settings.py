"""The settings of the issuing side, from environment variables ``ABSAH_*``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from storage.vocabulary import Misconfigured
from verifier.settings import check_public_url


class Settings(BaseSettings):
    """Each field is ``ABSAH_`` and its name in capitals. `absah settings` lists them."""

    model_config = SettingsConfigDict(env_prefix="ABSAH_", frozen=True, extra="ignore")

    env: Literal["development", "production"] = Field(
        "development", description="production refuses the development PKI and the specimens"
    )
    data: Path = Field(Path("data"), description="folder of the embedded default: register, archive, keys")
    public_url: str | None = Field(None, description="address of the verification pages, as in the QR codes")
    consent_url: str | None = Field(
        None,
        description="where remote signing services send owners back after a consent, as registered there;"
        " /consent below ABSAH_PUBLIC_URL if unset",
    )
    database_url: str | None = Field(
        None, description="PostgreSQL URL; a SQLite file in the data folder if unset"
    )
    master_key_file: Path | None = Field(
        None, description="32 random bytes that wrap the agencies' data keys"
    )
    types: Path | None = Field(None, description="folder with further document types")
    keys_file: Path | None = Field(
        None, description="TOML list of signing keys (docs/operations.md); the development PKI if unset"
    )
    trust: Path | None = Field(None, description="folder of root certificates (PEM); DATA/trust if unset")
    tsa_url: str | None = Field(
        None, description="time-stamp authority (RFC 3161); the development one if unset"
    )
    tsa_file: Path | None = Field(
        None, description="TOML list of several time-stamp authorities, with quotas; instead of ABSAH_TSA_URL"
    )
    ocsp_url: str | None = Field(
        None, description="OCSP responder for certificates of our signers that name none"
    )
    tsa_timeout: float = Field(10, gt=0, le=60, description="seconds to wait for the time-stamp authority")
    tsa_token_bytes: int = Field(4096, ge=1024, le=65536, description="room for a time-stamp token in a file")
    custody_retention_years: int = Field(
        10, ge=1, le=100, description="years for which documents of other issuers are kept in the archive"
    )
    worker_hands: int = Field(2, ge=1, le=16, description="documents that one worker has in work at once")
    s3_endpoint: str | None = Field(None, description="host:port of an S3 server; a local folder if unset")
    s3_bucket: str = Field("absah", description="bucket of the archive, with object lock")
    s3_access_key: str = Field("", description="S3 access key")
    s3_secret_key: SecretStr = Field(SecretStr(""), description="S3 secret key")
    s3_region: str = Field("us-east-1", description="S3 region")
    s3_secure: bool = Field(True, description="HTTPS to the S3 server")

    @property
    def development(self) -> bool:
        """Whether the development PKI may sign."""
        return self.env == "development"

    @property
    def database(self) -> str:
        """The database URL in effect."""
        return self.database_url or f"sqlite:///{self.data / 'register.db'}"

    @property
    def master_key(self) -> Path:
        """The master key file in effect."""
        return self.master_key_file or self.data / "secrets" / "master.key"

    @property
    def redirect_uri(self) -> str:
        """Where remote services send owners back, in effect (RFC 6749, 3.1.2)."""
        return self.consent_url or f"{(self.public_url or 'http://127.0.0.1:8000').rstrip('/')}/consent"

    @property
    def keys_folder(self) -> Path:
        """The development PKI."""
        return self.data / "keys"

    @property
    def trust_folder(self) -> Path:
        """The folder of trusted roots in effect."""
        return self.trust or self.data / "trust"


def load_settings(**changes: object) -> Settings:
    """The settings from the environment; ``changes`` (from a command line) win.

    Raises:
        Misconfigured: a value is wrong, or two cannot go together.
    """
    try:
        settings = Settings(**{name: value for name, value in changes.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = "ABSAH_" + "_".join(str(part) for part in first["loc"]).upper()
        raise Misconfigured(f"{name}: {first['msg']}. Run “absah settings” for what it may be.") from error
    _check_together(settings)
    return settings


def _check_together(settings: Settings) -> None:
    if settings.tsa_url is not None and settings.tsa_file is not None:
        raise Misconfigured("ABSAH_TSA_URL and ABSAH_TSA_FILE are both set; unset one of them.")
    if settings.public_url is not None:
        check_public_url(settings.public_url)
    if settings.consent_url is not None:
        _check_consent_url(settings.consent_url, development=settings.development)
    if settings.development:
        return
    missing = [
        name
        for name, value in (
            ("ABSAH_KEYS_FILE", settings.keys_file),
            ("ABSAH_TSA_URL", settings.tsa_url or settings.tsa_file),
            ("ABSAH_PUBLIC_URL", settings.public_url),
            ("ABSAH_MASTER_KEY_FILE", settings.master_key_file),
        )
        if value is None
    ]
    if missing:
        raise Misconfigured(f"In production (ABSAH_ENV) these settings are needed too: {', '.join(missing)}.")
    if not str(settings.public_url).startswith("https://"):
        raise Misconfigured("In production ABSAH_PUBLIC_URL has to begin with https://.")


def _check_consent_url(url: str, *, development: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise Misconfigured("ABSAH_CONSENT_URL has to be like https://absah.example.go.id/consent.")
    if not development and parts.scheme != "https":
        raise Misconfigured("In production ABSAH_CONSENT_URL has to begin with https://.")
