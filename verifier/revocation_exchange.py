"""What the two sides of the sandbox tell each other about revocation: plain values, nothing parsed.

Inside, a file is judged, and it is told of which certificates nothing at hand can speak. Outside, listed
addresses are asked. What they answer is parsed inside again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SHA1_HEX = 40
# Both sides hold to these: the outer one must not believe that the inner one did.
MOST_NEEDS, MOST_ADDRESSES, LONGEST_ADDRESS = 8, 4, 2_000


@dataclass(frozen=True)
class RevocationNeed:
    """A certificate on a trusted path that no list or answer at hand speaks about.

    ``issuer_name_hash`` and ``issuer_key_hash`` are the SHA-1 that an OCSP request names the issuer by
    (RFC 6960, 4.1.1), in hex. ``responders`` and ``lists`` are the addresses that the certificate names for
    OCSP and for CRLs; whether one may be asked is decided outside.
    """

    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: int
    responders: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RevocationNeed:
        """The inverse of `dataclasses.asdict`.

        Raises:
            KeyError, TypeError, ValueError: the object is no such need.
        """
        hashes = [bytes.fromhex(str(data[name])).hex() for name in ("issuer_name_hash", "issuer_key_hash")]
        if any(len(each) != _SHA1_HEX for each in hashes):
            raise ValueError("no SHA-1")
        return cls(
            hashes[0],
            hashes[1],
            int(data["serial_number"]),
            _read_addresses(data["responders"]),
            _read_addresses(data["lists"]),
        )


def read_needs(data: Sequence[Mapping[str, Any]]) -> tuple[RevocationNeed, ...]:
    """The needs that a child of the sandbox tells of.

    Raises:
        KeyError, TypeError, ValueError: they are none, or more than there may be.
    """
    if len(data) > MOST_NEEDS:
        raise ValueError("too many")
    return tuple(RevocationNeed.from_json(each) for each in data)


def _read_addresses(data: Sequence[object]) -> tuple[str, ...]:
    if len(data) > MOST_ADDRESSES:
        raise ValueError("too many")
    return tuple(str(url)[:LONGEST_ADDRESS] for url in data)


@dataclass(frozen=True)
class RevocationAnswers:
    """What listed addresses answered, as it came: nothing of it is believed before it is parsed inside."""

    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.crls or self.ocsps)


NO_ANSWERS = RevocationAnswers()
