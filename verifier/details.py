"""What a validation report tells beyond the answer: digests, certificates, time-stamps, proofs of existence.

Plain values, which come out of the sandbox with a `FileAnswer` where they were asked for. The words are
those of ETSI TS 119 102-2: a *validation object* is whatever was used, named by the digest of its bytes.
All times are ISO 8601 in UTC, all digests hexadecimal, all other bytes Base64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pydantic import TypeAdapter

ObjectKind = Literal["certificate", "crl", "ocsp_response", "time_stamp"]
Known = Literal["known", "stale", "unknown"]


@dataclass(frozen=True)
class Existence:
    """By when something existed; ``by`` is the time-stamp that proves it, None where the check does."""

    time: str
    by: str | None = None


@dataclass(frozen=True)
class Digest:
    """A digest and its algorithm, by the name that `hashlib` has for it."""

    algorithm: str
    value: str


@dataclass(frozen=True)
class Algorithm:
    """How a signature value was found right.

    ``mechanism`` and ``digest`` are those of `verifier.algorithms.Mechanism`; ``weak`` names an algorithm
    that can be forged today, unfit for new signatures since ``weak_since``.
    """

    mechanism: str
    digest: str
    weak: str | None = None
    weak_since: str | None = None


@dataclass(frozen=True)
class Revocation:
    """A certificate that was revoked at ``time``, and the list or answer that says so."""

    certificate: str
    time: str
    source: str


@dataclass(frozen=True)
class Chain:
    """The path that was judged.

    ``certificates`` begin with the signer's and end with the anchor where it is ``anchored``; ``sources`` are
    the lists and answers that speak about them, ``known`` whether those suffice for the time in question.
    """

    certificates: tuple[str, ...]
    anchored: bool
    known: Known
    sources: tuple[str, ...] = ()
    revoked: tuple[Revocation, ...] = ()


@dataclass(frozen=True)
class Stamp:
    """What came of a time-stamp.

    ``indication`` is ``PASSED``, ``INDETERMINATE`` or ``FAILED``. ``signatures`` and ``objects`` are what it
    proves the existence of, if it is believed.
    """

    time: str | None
    indication: Literal["PASSED", "INDETERMINATE", "FAILED"]
    subindication: str | None
    signer: str
    chain: Chain | None
    algorithm: Algorithm | None
    signatures: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()


@dataclass(frozen=True)
class ValidationObject:
    """Something that was used; ``identifier`` is unique, ``sha256`` that of its bytes.

    ``encoded`` is the DER of a certificate, empty for everything else.
    """

    identifier: str
    kind: ObjectKind
    sha256: str
    existence: Existence
    encoded: str = ""
    stamp: Stamp | None = None


@dataclass(frozen=True)
class StampReference:
    """A time-stamp of a signature: over its value, its content before, or all of a later revision."""

    role: Literal["signature", "content", "document"]
    identifier: str
    time: str


@dataclass(frozen=True)
class Stated:
    """What the signer and the signature dictionary state (EN 319 142-1, 5.3; ISO 32000-2, table 255)."""

    signing_time: str | None = None
    message_digest: str = ""
    certificate: Digest | None = None
    policy: str | None = None
    filter: str = ""
    sub_filter: str = ""
    name: str = ""
    location: str = ""
    reason: str = ""
    contact: str = ""


@dataclass(frozen=True)
class SignatureDetails:
    """One signature, in the order of `FileAnswer.signatures`.

    ``value`` is the signature value, ``to_be_signed`` the digest that it was made over, ``covered`` the
    SHA-256 of the bytes that ``byte_range`` names, all empty where they cannot be read. ``findings`` are the
    positions of its own ones among those of the file.
    """

    identifier: str
    value: str
    to_be_signed: Digest | None
    covered: str
    byte_range: tuple[int, ...]
    existence: Existence
    stated: Stated
    stamps: tuple[StampReference, ...]
    chain: Chain | None
    algorithm: Algorithm | None
    findings: tuple[int, ...] = ()


@dataclass(frozen=True)
class Details:
    """Everything about one file; ``objects`` each once."""

    signatures: tuple[SignatureDetails, ...]
    objects: tuple[ValidationObject, ...]


def read_details(data: Mapping[str, Any]) -> Details:
    """The inverse of `dataclasses.asdict`.

    Raises:
        ValueError: the values do not come from there.
    """
    return _adapter().validate_python(data)


@cache
def _adapter() -> TypeAdapter[Details]:
    # Imported late: only who asks for details pays for it.
    from pydantic import TypeAdapter

    return TypeAdapter(Details)
