"""Keys whose owner consents to each batch in a browser, at the service that holds the key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from keys.provider import AnyKey, AttendedKey


@dataclass(frozen=True)
class Consent:
    """A consent that the owner is about to give: ``address`` is where their browser has to go."""

    address: str = field(repr=False)
    digests: tuple[bytes, ...]
    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True)
class ConsentCode:
    """What the browser brings back (RFC 6749, 4.1.2): good once, and only together with the `Consent`."""

    code: str = field(repr=False)
    state: str = field(repr=False)


class ConsentKey(AttendedKey, Protocol):
    """An `AttendedKey` whose ``by_consent`` is set."""

    def consent_to(self, digests: Sequence[bytes], *, redirect_uri: str) -> Consent:
        """Ask the service for a consent to signatures over documents with these digests.

        ``redirect_uri`` is where it sends the browser back to. Raises as `keys.provider.SigningKey.sign`;
        ``KEY_TOO_MANY`` for one consent.
        """
        ...

    def unlocked_by_consent(self, consent: Consent, answer: ConsentCode) -> AnyKey:
        """The same key for those documents and no others; nothing more is asked of anybody.

        Raises as `keys.provider.SigningKey.sign`: ``KEY_AUTHORISATION``, the answer is to another consent, or
        not good any more.
        """
        ...
