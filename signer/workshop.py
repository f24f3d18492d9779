"""Puts together what the settings name for the worker, with its keys and its time-stamp authority."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from keys.development import DevelopmentKeyRing
from keys.provider import KeyRefused, KeyRing
from keys.ring import KeyList
from keys.software import usable
from keys.timestamp_server import DevelopmentTimeStampAuthority
from signer.cycle import Workshop
from signer.parts import open_archive, open_catalogue, open_register, read_trust
from signer.settings import Settings
from signer.timestamp import TimeStampAuthority, http_transport
from storage.spool import Spool
from storage.vocabulary import Misconfigured, Unavailable
from templates.render import Renderer
from verifier.by_file import inspect
from verifier.trust.folder import read_trust as read_folder

log = structlog.get_logger("worker")


def open_workshop(settings: Settings, transport: Callable[[bytes], bytes] | None = None) -> Workshop:
    """What the worker needs to issue; ``transport`` replaces the HTTP one to the time-stamp authority."""
    anchors = read_trust(settings)
    # The last check before issuing trusts whom the public one does, on the same terms.
    anchor_bytes = read_folder(settings.trust_folder, production=not settings.development).encoded()
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
        keys=open_keys(settings, anchors),
        timestamps=TimeStampAuthority(
            transport, anchors, clock=lambda: datetime.now(UTC), token_size=settings.tsa_token_bytes
        ),
        inspect=lambda pdf: inspect(pdf, anchors=anchor_bytes, moment=datetime.now(UTC), password=None),
        notifier=Spool(settings.data / "spool"),
        development=settings.development,
    )


def open_keys(settings: Settings, anchors: Sequence[x509.Certificate]) -> KeyRing:
    """The signing keys: those of the list, else the development PKI, which production refuses.

    Each key is looked at now, because the first document, or the check of a finished one, would find only
    after a number was used what is wrong. A device that is away stops nothing: its documents wait. Nor does
    a refused PIN, or else whoever supervises the worker would start it again and again until the token locks.

    Raises:
        Misconfigured: none is configured, or no anchor vouches for one of the list.
        KeyRefused: one of the list must not sign.
    """
    if settings.keys_file is not None:
        ring = KeyList.open(settings.keys_file)
        for key_id in ring:
            try:
                _look_at(ring, key_id, settings, anchors)
            except Unavailable as error:
                log.warning("key.away", key=key_id, code=error.code)
            except KeyRefused as error:
                if error.code != "KEY_PIN":
                    raise
                log.error("key.refused", key=key_id, code=error.code, message=error.message)
        return ring
    if not settings.development:
        raise Misconfigured("In production ABSAH_KEYS_FILE has to list the signing keys.")
    return DevelopmentKeyRing.open(settings.keys_folder)


def _look_at(ring: KeyList, key_id: str, settings: Settings, anchors: Sequence[x509.Certificate]) -> None:
    key = ring.key(key_id)
    usable(key, datetime.now(UTC))
    top = (key.certificate, *key.chain)[-1]
    if not any(_vouches(anchor, top) for anchor in anchors):
        raise Misconfigured(
            f"No root certificate in {settings.trust_folder} vouches for key “{key.id}”; put the root"
            " above it there as a .pem file.",
            code="KEY_UNTRUSTED",
        )


def _vouches(anchor: x509.Certificate, certificate: x509.Certificate) -> bool:
    if certificate == anchor:
        return True
    try:
        certificate.verify_directly_issued_by(anchor)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def development_transport(settings: Settings) -> Callable[[bytes], bytes] | None:
    """The development TSA called in this process, for commands that sign without `serve` running."""
    if settings.tsa_url is not None or not settings.development:
        return None
    key = DevelopmentKeyRing.open(settings.keys_folder).timestamp_key()
    return DevelopmentTimeStampAuthority(key).respond
