"""What a remote signing service tells of a credential: certificates, algorithms, and what unlocks it.

The same facts in the form of version 1 and of version 2 of the API (section 11.5 of both).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from asn1crypto.algos import RSASSAPSSParams
from cryptography import x509

from keys.provider import ECDSA_SHA256, PSS_SALT_BYTES, RSA_PKCS1_SHA256, RSA_PSS_SHA256, KeyRefused
from keys.software import check_usable, fitting_algorithm, ordered_chain

SHA256_OID = "2.16.840.1.101.3.4.2.1"
# Which identifiers of a signature algorithm (RFC 4055, RFC 5758) mean ours, the most exact one first; with
# plain rsaEncryption the service takes the hash from a parameter beside it.
_NAMES = {
    ECDSA_SHA256: ("1.2.840.10045.4.3.2",),
    RSA_PKCS1_SHA256: ("1.2.840.113549.1.1.11", "1.2.840.113549.1.1.1"),
    RSA_PSS_SHA256: ("1.2.840.113549.1.1.10",),
}
_MOST_AT_ONCE = 1000

Means = Literal["pin", "otp"]


@dataclass(frozen=True)
class Credential:
    """A credential as the service describes it, found fit to sign.

    ``asked_for`` are the names of the secrets that unlock it, each with what it is; ``by_consent`` is set
    where a human gives consent to the service itself, in a browser. ``most_at_once`` is how many hashes one
    authorisation may have.
    """

    id: str
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    algorithm: str
    algorithm_oid: str
    asked_for: tuple[tuple[str, Means], ...]
    by_consent: bool
    silent: bool
    most_at_once: int

    @property
    def parameters(self) -> str | None:
        """``signAlgoParams`` of PSS: DER in base64; None for the others."""
        if self.algorithm != RSA_PSS_SHA256:
            return None
        hashed = {"algorithm": "sha256"}
        parameters = RSASSAPSSParams(
            {
                "hash_algorithm": hashed,
                "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": hashed},
                "salt_length": PSS_SALT_BYTES,
            }
        )
        return base64.b64encode(parameters.dump()).decode()


def read_credential(
    key_id: str,
    credential_id: str,
    told: dict[str, Any],
    others: Sequence[x509.Certificate],
    wanted: str | None,
) -> Credential:
    """The credential of an answer to ``credentials/info``; ``others`` may complete its chain.

    Raises:
        KeyRefused: ``KEY_DISABLED``, ``KEY_ANSWER``, ``KEY_ALGORITHM``, or what `check_usable` says.
    """

    def incomplete(what: str) -> KeyRefused:
        return KeyRefused(f"The service of key “{key_id}” answers without {what}.", code="KEY_ANSWER")

    key, cert = _table(told, "key"), _table(told, "cert")
    if key.get("status") != "enabled" or cert.get("status") in ("revoked", "suspended"):
        raise KeyRefused(
            f"The service says that the credential of key “{key_id}” is disabled, or its certificate"
            " suspended or revoked.",
            code="KEY_DISABLED",
        )
    certificate, *above = _certificates(cert.get("certificates"), incomplete)
    chain = ordered_chain(certificate, [*above, *others])
    check_usable(key_id, certificate, chain, datetime.now(UTC))
    algorithm = fitting_algorithm(key_id, certificate, wanted)
    offered = key.get("algo")
    names = [each for each in _NAMES[algorithm] if isinstance(offered, list) and each in offered]
    if not names:
        raise KeyRefused(
            f"The service does not sign as “{algorithm}” with key “{key_id}”; try another algorithm.",
            code="KEY_ALGORITHM",
        )
    at_once = told.get("multisign", 1)
    if isinstance(at_once, bool) or not isinstance(at_once, int) or at_once < 1:
        raise incomplete("a sensible “multisign”")
    mode, asked_for = _unlocking(told, incomplete)
    return Credential(
        credential_id, certificate, chain, algorithm, names[0], asked_for, mode == "oauth2code",
        mode == "explicit" and not asked_for, min(at_once, _MOST_AT_ONCE),
    )  # fmt: skip


def _certificates(listed: Any, incomplete: Callable[[str], KeyRefused]) -> list[x509.Certificate]:
    if not isinstance(listed, list) or not listed:
        raise incomplete("certificates")
    try:
        return [x509.load_der_x509_certificate(base64.b64decode(each, validate=True)) for each in listed]
    except (binascii.Error, ValueError, TypeError) as problem:
        raise incomplete("certificates that can be read") from problem


def _unlocking(
    told: dict[str, Any], incomplete: Callable[[str], KeyRefused]
) -> tuple[str, tuple[tuple[str, Means], ...]]:
    mode = told.get("authMode")
    if isinstance(mode, str):
        secrets: list[tuple[str, Means]] = [("PIN", "pin"), ("OTP", "otp")]
        present = [each for each in secrets if _table(told, each[0]).get("presence") in ("true", True)]
        return mode, tuple(present)
    unlocking = _table(told, "auth")
    mode, objects = unlocking.get("mode"), unlocking.get("objects", [])
    if not isinstance(mode, str) or not isinstance(objects, list):
        raise incomplete("what unlocks the credential")
    asked_for: list[tuple[str, Means]] = []
    for each in objects:
        if not isinstance(each, dict) or not isinstance(name := each.get("id"), str):
            raise incomplete("the names of what unlocks the credential")
        # Section 8.3.1: what a device generates has a generator, what is sent to the owner is a challenge.
        once = name.upper() == "OTP" or "generator" in each or each.get("type") != "Password"
        asked_for.append((name, "otp" if once else "pin"))
    return mode, tuple(asked_for)


def _table(told: dict[str, Any], name: str) -> dict[str, Any]:
    value = told.get(name)
    return value if isinstance(value, dict) else {}
