"""Puts together what the settings name for the worker, with its keys and its time-stamp authority."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from keys.development import DevelopmentKeyRing
from keys.provider import KeyRefused
from keys.revocation_server import DevelopmentOcspResponder
from keys.ring import KeyList
from keys.software import usable
from keys.timestamp_server import DevelopmentTimeStampAuthority
from signer import key_rules
from signer.cycle import Workshop
from signer.parts import open_archive, open_catalogue, open_register, read_trust
from signer.revocation import Revocation, over_http
from signer.settings import Settings
from signer.timestamp import TimeStampAuthority, http_transport
from signer.timestamp_pool import Member, TimestampPool, TsaSettings, read_settings
from storage import alarms
from storage import quota as quotas
from storage.register import Register
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
    catalogue = open_catalogue(settings)
    register = open_register(settings)

    ring = open_keys(settings, anchors)
    key_rules.note_all(register.engine, ring, ring.key)
    # Keys of the development PKI ask nobody.
    listed = ring if isinstance(ring, KeyList) else KeyList({}, {})
    asking = {key_id: _asks_human(listed, key_id) for key_id in listed}
    return Workshop(
        register=register,
        archive=open_archive(settings),
        catalogue=catalogue,
        renderer=Renderer(catalogue),
        keys=ring,
        timestamps=_open_timestamps(settings, register, anchors, transport),
        revocation=_open_revocation(settings, register),
        anchors=tuple(each.public_bytes(Encoding.DER) for each in anchors),
        inspect=lambda pdf: inspect(pdf, anchors=anchor_bytes, moment=datetime.now(UTC), password=None),
        notifier=Spool(settings.data / "spool"),
        development=settings.development,
        attended_keys=tuple(key_id for key_id in listed if asking[key_id] is not False),
        unattended_keys=tuple(key_id for key_id in listed if asking[key_id] is False),
        redirect_uri=settings.redirect_uri,
    )


def _open_timestamps(
    settings: Settings,
    register: Register,
    anchors: Sequence[x509.Certificate],
    transport: Callable[[bytes], bytes] | None,
) -> TimestampPool:
    def member(tsa: TsaSettings, transport: Callable[[bytes], bytes]) -> Member:
        authority = TimeStampAuthority(
            transport,
            anchors,
            clock=lambda: datetime.now(UTC),
            token_size=tsa.token_bytes,
            policy=tsa.policy,
        )
        quota = tsa.quota
        if quota is None:
            return Member(tsa.name, authority)
        return Member(tsa.name, authority, lambda: quotas.take(register.engine, tsa.name, quota))

    if settings.tsa_file is not None:
        listed = read_settings(settings.tsa_file)
        members = [member(each, http_transport(each.url, each.timeout)) for each in listed]
    elif transport is not None:
        members = [member(TsaSettings("", token_bytes=settings.tsa_token_bytes), transport)]
    elif settings.tsa_url is not None:
        tsa = TsaSettings(settings.tsa_url, settings.tsa_timeout, token_bytes=settings.tsa_token_bytes)
        members = [member(tsa, http_transport(tsa.url, tsa.timeout))]
    else:
        raise Misconfigured("No time-stamp authority is set; set ABSAH_TSA_URL or ABSAH_TSA_FILE.")
    return TimestampPool(members, report=lambda code: _report_timestamps(register, code))


def _report_timestamps(register: Register, code: str | None) -> None:
    """Let an alarm stand while no token can be had; of our clock where all authorities contradict it."""
    for kind in (alarms.TIMESTAMPS, alarms.CLOCK):
        alarms.clear(register.engine, kind)
    if code is not None:
        kind = alarms.CLOCK if code == "TSA_TIME" else alarms.TIMESTAMPS
        alarms.sound(register.engine, kind, "time-stamp authorities", code)


def _asks_human(listed: KeyList, key_id: str) -> bool | None:
    """See `KeyList.asks_human`; None where the service that would know is away or refuses our account."""
    try:
        return listed.asks_human(key_id)
    except (Unavailable, KeyRefused) as error:
        log.warning("key.away", key=key_id, code=error.code)
        return None


_DEVELOPMENT_RESPONDER = "development:"


def _open_revocation(settings: Settings, register: Register) -> Revocation:
    """Asks real authorities, and for the development PKI its own responder in this process."""
    responders = (settings.ocsp_url,) if settings.ocsp_url is not None else ()
    if not settings.development:
        return Revocation(register.engine, over_http, responders=responders)
    own: list[DevelopmentOcspResponder] = []

    def ask(kind: Literal["OCSP", "CRL"], url: str, request: bytes | None) -> bytes:
        if url != _DEVELOPMENT_RESPONDER or request is None:
            return over_http(kind, url, request)
        if not own:
            own.append(DevelopmentOcspResponder(settings.keys_folder))
        return own[0].respond(request)

    return Revocation(register.engine, ask, responders=(*responders, _DEVELOPMENT_RESPONDER))


def open_keys(settings: Settings, anchors: Sequence[x509.Certificate]) -> KeyList | DevelopmentKeyRing:
    """The signing keys: those of the list, else the development PKI, which production refuses.

    Each key is looked at now, because the first document, or the check of a finished one, would find only
    after a number was used what is wrong. A device that is away stops nothing: its documents wait. Nor does
    a refused PIN or account, or else whoever supervises the worker would start it again and again until the
    token or the service locks.

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
                if error.code not in ("KEY_PIN", "KEY_LOGIN"):
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
    if settings.tsa_url is not None or settings.tsa_file is not None or not settings.development:
        return None
    key = DevelopmentKeyRing.open(settings.keys_folder).timestamp_key()
    return DevelopmentTimeStampAuthority(key).respond
