"""What one list or answer says of one certificate, and what lists and answers have in common.

RFC 5280, 5 (CRL), RFC 6960 (OCSP), ETSI EN 319 102-1, 5.2.5 (freshness).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from verifier.algorithms import (
    Message,
    UnknownAlgorithm,
    Weakness,
    check_signature,
    read_mechanism,
    weakness_of_digest,
    weakness_of_key,
    worst,
)
from verifier.ber import SEQUENCE, BerError, Element
from verifier.certificate import Certificate

# The reasons that lists can be divided by (RFC 5280, 4.2.1.13), by their bits.
EVERY_REASON = frozenset(range(1, 9))
ON_HOLD, REMOVED = 6, 8  # of CRLReason (RFC 5280, 5.3.1)


@dataclass(frozen=True)
class Status:
    """What one list or answer says of a certificate.

    ``revoked_at`` is None where it stands. ``issued`` is *thisUpdate*, ``until`` *nextUpdate*. ``on_hold``
    says that it is only suspended, ``reasons`` for which reasons it could have been listed here, ``fetched``
    that the file did not bring this.
    """

    revoked_at: datetime | None
    issued: datetime
    until: datetime
    on_hold: bool = False
    reasons: frozenset[int] = EVERY_REASON
    fetched: bool = False

    def is_fresh(self, moment: datetime) -> bool:
        """Whether it can speak about ``moment``: made later, or not yet replaced by then.

        EN 319 102-1, 5.2.5.4, with the time between two updates as the longest age.
        """
        return self.issued >= moment or moment <= self.until


class Signed:
    """A list or answer with its signature: SEQUENCE { content, algorithm, signature, … }."""

    def __init__(self, element: Element) -> None:
        """Raises `BerError` where it has not that form."""
        parts = element.expect(SEQUENCE).children
        if len(parts) < 3:
            raise BerError("nothing signed")
        self.content, self._algorithm, self._signature = parts[0], parts[1], parts[2]
        self.rest = parts[3:]
        self._message = Message(self.content.raw)
        self._checked: dict[bytes, str | None] = {}

    def is_signed_by(self, certificate: Certificate) -> bool:
        """Whether this is the signature of the certificate's key; False where that cannot be computed."""
        return self._digest_under(certificate.public_key) is not None

    def weakness(self, certificate: Certificate) -> Weakness | None:
        """The old algorithm in a signature by that certificate's key, if there is one."""
        digest = self._digest_under(certificate.public_key)
        return worst(
            [weakness_of_digest(digest) if digest else None, weakness_of_key(certificate.public_key)]
        )

    def _digest_under(self, key: bytes) -> str | None:
        if key not in self._checked:
            try:
                used = check_signature(
                    key, read_mechanism(self._algorithm), self._signature.bits(), self._message
                )
            except (UnknownAlgorithm, BerError, IndexError):
                used = None
            self._checked[key] = used
        return self._checked[key]


def read_extensions(extensions: Element) -> dict[str, tuple[bool, bytes]]:
    """Extensions by identifier: whether each is critical, and its value.

    Raises:
        BerError: they are none, or one is there twice.
    """
    found: dict[str, tuple[bool, bytes]] = {}
    for extension in extensions.children:
        identifier, *flag, value = extension.children
        if identifier.oid() in found:
            raise BerError("an extension twice")
        found[identifier.oid()] = bool(flag) and any(flag[0].content), value.octets()
    return found


def is_understood(extensions: dict[str, tuple[bool, bytes]], known: frozenset[str]) -> bool:
    """Whether nothing critical is among them that we cannot process (RFC 5280, 5.2 and 5.3)."""
    return all(name in known or not critical for name, (critical, _) in extensions.items())


def is_silent(certificate: Certificate, issued: datetime, kept_since: datetime | None) -> bool:
    """Whether "not revoked" says nothing, because the certificate had expired and may have been dropped.

    ``kept_since`` is from when on revoked certificates stay listed after their end (*expiredCertsOnCRL*,
    X.509; *archiveCutoff*, RFC 6960, 4.4.4).
    """
    return issued > certificate.not_after and (kept_since is None or kept_since > certificate.not_after)


def is_forgeable(status: Status, weakness: Weakness | None) -> bool:
    """Whether "not revoked" was signed with an algorithm that was unfit by then; "revoked" is believed."""
    return status.revoked_at is None and weakness is not None and status.issued >= weakness.since


def revoked_since(statuses: Iterable[Status]) -> datetime | None:
    """The first time that any of them gives; whoever once said "revoked" is not outvoted."""
    revoked = (each.revoked_at for each in statuses if not each.on_hold)
    return min((each for each in revoked if each is not None), default=None)


def held_since(statuses: Iterable[Status]) -> datetime | None:
    """Since when a certificate is suspended; None where the latest word is that it is not, or no longer."""
    latest = max(statuses, key=lambda each: (each.issued, each.on_hold), default=None)
    return latest.revoked_at if latest is not None and latest.on_hold else None
