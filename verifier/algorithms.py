"""Which algorithm an identifier names, whether a signature value is right under a key, and what is too old.

RFC 8017 (RSA), RFC 5754 and 5758, BSI TR-03111 (plain ECDSA), RFC 8419 (EdDSA), FIPS 202, SP 800-131A.
A signature that cannot be computed is not one that does not match: the first raises `UnknownAlgorithm`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa, utils

from verifier import curves
from verifier.ber import SEQUENCE, BerError, Element, encode, read_whole

Family = Literal["rsa", "rsa_pss", "ecdsa", "ecdsa_plain", "dsa", "ed25519", "ed448", "by_key"]
Key = (
    rsa.RSAPublicKey
    | dsa.DSAPublicKey
    | ec.EllipticCurvePublicKey
    | ed25519.Ed25519PublicKey
    | ed448.Ed448PublicKey
    | curves.CurveKey
)


class UnknownAlgorithm(Exception):
    """A method that we cannot compute; the message is its name or identifier."""


@dataclass(frozen=True)
class Mechanism:
    """How a signature value is to be checked; ``digest`` is None where the identifier does not say."""

    family: Family
    digest: str | None = None
    mask_digest: str | None = None


_NIST = "2.16.840.1.101.3.4."
_DIGESTS = {
    "1.2.840.113549.2.5": "md5",
    "1.3.14.3.2.26": "sha1",
    "1.3.36.3.2.1": "ripemd160",
    **{
        f"{_NIST}2.{arc}": name
        for arc, name in enumerate(
            ("sha256", "sha384", "sha512", "sha224", "sha512_224", "sha512_256",
             "sha3_224", "sha3_256", "sha3_384", "sha3_512", "shake_128", "shake_256"), 1,
        )
    },
    f"{_NIST}2.18": "shake_256",
}  # fmt: skip
_DIGEST_OIDS = {name: oid for oid, name in reversed(_DIGESTS.items())}
# FIPS 202 functions of any length have one for CMS (RFC 8702, 3.1).
_SHAKE_SIZES = {"shake_128": 32, "shake_256": 64}
_SHA3 = ("sha3_224", "sha3_256", "sha3_384", "sha3_512")

_PSS = "1.2.840.113549.1.1.10"
_ECDSA_SPECIFIED = "1.2.840.10045.4.3"
_RSA = "1.2.840.113549.1.1."
_PLAIN = "0.4.0.127.0.7.1.1.4.1."
_MECHANISMS: dict[str, Mechanism] = {
    **{
        _RSA + arc: Mechanism("rsa", name)
        for arc, name in {
            "1": None, "4": "md5", "5": "sha1", "11": "sha256", "12": "sha384", "13": "sha512",
            "14": "sha224", "15": "sha512_224", "16": "sha512_256",
        }.items()
    },
    "1.3.14.3.2.29": Mechanism("rsa", "sha1"),
    "1.3.36.3.3.1.2": Mechanism("rsa", "ripemd160"),
    "1.2.840.10045.2.1": Mechanism("ecdsa"),
    "1.2.840.10045.4.1": Mechanism("ecdsa", "sha1"),
    **{
        f"1.2.840.10045.4.3.{arc}": Mechanism("ecdsa", name)
        for arc, name in enumerate(("sha224", "sha256", "sha384", "sha512"), 1)
    },
    **{
        _PLAIN + arc: Mechanism("ecdsa_plain", name)
        for arc, name in zip(
            ("1", "2", "3", "4", "5", "6", "8", "9", "10", "11"),
            ("sha1", "sha224", "sha256", "sha384", "sha512", "ripemd160", *_SHA3), strict=True,
        )
    },
    "1.2.840.10040.4.1": Mechanism("dsa"),
    "1.2.840.10040.4.3": Mechanism("dsa", "sha1"),
    "1.3.14.3.2.27": Mechanism("dsa", "sha1"),
    **{
        f"{_NIST}3.{arc}": Mechanism("dsa", name)
        for arc, name in enumerate(("sha224", "sha256", "sha384", "sha512", *_SHA3), 1)
    },
    **{f"{_NIST}3.{arc}": Mechanism("ecdsa", name) for arc, name in enumerate(_SHA3, 9)},
    **{f"{_NIST}3.{arc}": Mechanism("rsa", name) for arc, name in enumerate(_SHA3, 13)},
    "1.3.101.112": Mechanism("ed25519"),
    "1.3.101.113": Mechanism("ed448"),
}  # fmt: skip

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "md5": hashes.MD5(),  # noqa: S303  # old documents are read, and their trust lowered
    "sha1": hashes.SHA1(),  # noqa: S303
    "sha224": hashes.SHA224(), "sha256": hashes.SHA256(), "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha512_224": hashes.SHA512_224(), "sha512_256": hashes.SHA512_256(),
    "sha3_224": hashes.SHA3_224(), "sha3_256": hashes.SHA3_256(),
    "sha3_384": hashes.SHA3_384(), "sha3_512": hashes.SHA3_512(),
}  # fmt: skip
_BY_SIZE = {16: "md5", 20: "sha1", 28: "sha224", 32: "sha256", 48: "sha384", 64: "sha512"}

# When an algorithm stopped being fit for new signatures: collisions of MD5 in certificates (2005); the rest
# NIST SP 800-131A, tables 2 and 8.
_MD5_ENDED = datetime(2005, 1, 1, tzinfo=UTC)
_LEGACY_ENDED = datetime(2014, 1, 1, tzinfo=UTC)
_WEAK_DIGESTS = {"md5": _MD5_ENDED, "sha1": _LEGACY_ENDED, "ripemd160": _LEGACY_ENDED}
_LEAST_BITS = {"RSA": 2048, "DSA": 2048, "EC": 224}


class Message:
    """What was signed, in parts that are never joined unless they must be; digests are computed once.

    ``begin`` gives the state of a digest behind the first part, where somebody has it already.
    """

    def __init__(
        self, *parts: bytes | memoryview, begin: Callable[[str], hashlib._Hash] | None = None
    ) -> None:
        self._parts = parts
        self._begin = begin
        self._digests: dict[str, bytes] = {}

    def digest(self, name: str) -> bytes:
        """The digest of all parts in a row.

        Raises:
            UnknownAlgorithm: it is none that signatures use, or not available here.
        """
        if name not in self._digests:
            try:
                state = self._begin(name) if self._begin else hashlib.new(name, usedforsecurity=False)
            except ValueError as error:
                raise UnknownAlgorithm(name) from error
            for part in self._parts[1:] if self._begin else self._parts:
                state.update(part)
            size = _SHAKE_SIZES.get(name)
            self._digests[name] = state.digest(size) if size else state.digest()  # type: ignore[call-arg]
        return self._digests[name]

    def joined(self) -> bytes:
        """All of it, for EdDSA, which hashes for itself."""
        return b"".join(self._parts)


def digest_name(identifier: str) -> str:
    """The name that `hashlib` has for a digest's identifier; that of a signature names its digest.

    Raises:
        UnknownAlgorithm: it names none that we know.
    """
    name = _DIGESTS.get(identifier)
    if name is None and identifier in _MECHANISMS:
        # Some producers write the signature's identifier where the digest's belongs.
        name = _MECHANISMS[identifier].digest
    if name is None:
        raise UnknownAlgorithm(identifier)
    return name


def identifier_of(digest: str) -> str:
    """The object identifier of a digest, dotted: the inverse of `digest_name`."""
    return _DIGEST_OIDS[digest]


def read_mechanism(algorithm: Element) -> Mechanism:
    """How to check a signature with this AlgorithmIdentifier.

    Raises:
        UnknownAlgorithm: we cannot.
        BerError: it is none.
    """
    parts = algorithm.expect(SEQUENCE).children
    if not parts:
        raise BerError("an algorithm without a name")
    identifier = parts[0].oid()
    parameters = parts[1] if len(parts) > 1 else None
    if identifier == _PSS:
        return _read_pss(parameters)
    if identifier == _ECDSA_SPECIFIED and parameters is not None and parameters.tag == SEQUENCE:
        return Mechanism("ecdsa", digest_name(parameters.children[0].oid()))
    if identifier in _MECHANISMS:
        return _MECHANISMS[identifier]
    if identifier in _DIGESTS:
        # A digest in the signature's place says nothing of the key, which does.
        return Mechanism("by_key", _DIGESTS[identifier])
    raise UnknownAlgorithm(identifier)


def _read_pss(parameters: Element | None) -> Mechanism:
    """RSASSA-PSS-params (RFC 8017, A.2.3); SHA-1 where nothing is said."""
    digest = mask = "sha1"
    if parameters is None or parameters.tag != SEQUENCE:
        return Mechanism("rsa_pss", None, None)
    for part in parameters.children:
        if part.tag == 0xA0:
            digest = digest_name(part.children[0].children[0].oid())
        elif part.tag == 0xA1:
            generator = part.children[0].children
            if generator[0].oid() != "1.2.840.113549.1.1.8":
                raise UnknownAlgorithm(generator[0].oid())
            mask = digest_name(generator[1].children[0].oid()) if len(generator) > 1 else "sha1"
        elif part.tag == 0xA3 and part.children[0].integer() != 1:
            raise UnknownAlgorithm("PSS")
    return Mechanism("rsa_pss", digest, mask)


@lru_cache(maxsize=128)
def load_key(information: bytes) -> Key:
    """The key of a SubjectPublicKeyInfo.

    Raises:
        UnknownAlgorithm: it is of a kind that we cannot use, or damaged.
    """
    try:
        key = serialization.load_der_public_key(information)
        if isinstance(
            key,
            rsa.RSAPublicKey
            | dsa.DSAPublicKey
            | ec.EllipticCurvePublicKey
            | ed25519.Ed25519PublicKey
            | ed448.Ed448PublicKey,
        ):
            return key
    except (ValueError, UnsupportedAlgorithm, TypeError):
        pass  # a curve that the library leaves out is read below
    try:
        algorithm, value = read_whole(information).expect(SEQUENCE).children[:2]
        identifier = algorithm.children[0].oid()
        if identifier == "1.2.840.10045.2.1":
            return curves.read_key(algorithm.children[1], value.bits())
    except (ValueError, IndexError) as error:
        raise UnknownAlgorithm("key") from error
    raise UnknownAlgorithm(identifier)


def check_signature(
    information: bytes, mechanism: Mechanism, signature: bytes, message: Message, stated: str | None = None
) -> str | None:
    """The digest under which a signature value is right, or None where it is not.

    Args:
        information: the signer's SubjectPublicKeyInfo.
        mechanism: from `read_mechanism`.
        signature: the value as it stands in the CMS or certificate.
        message: what it should be over.
        stated: the digest that a CMS names besides; tried where the mechanism names none or another.

    Raises:
        UnknownAlgorithm: it cannot be computed here.
    """
    key = load_key(information)
    if not _fits(key, mechanism.family):
        # Some signers write the identifier of another kind of key than they have; the key is what it is.
        mechanism = Mechanism("by_key", mechanism.digest)
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        right = _is_right(lambda: key.verify(signature, message.joined()))
        return (stated or "sha512") if right else None
    candidates = dict.fromkeys(name for name in (mechanism.digest, stated) if name is not None)
    if mechanism.family == "rsa_pss" and mechanism.digest is None:
        candidates["sha1"] = None
    if not candidates:
        raise UnknownAlgorithm("digest")
    for name in candidates:
        if _check_digest(key, mechanism, name, signature, message.digest(name)):
            return name
    return None


def matching_digest(information: bytes, signature: bytes, message: Message) -> str | None:
    """The digest under which an RSA signature that names none elsewhere is right (PKCS#1 alone)."""
    key = load_key(information)
    for name in ("sha1", "sha256", "sha384", "sha512", "sha224", "ripemd160", "md5"):
        if isinstance(key, rsa.RSAPublicKey) and _check_pkcs1(key, name, signature, message.digest(name)):
            return name
    return None


def is_for_key(mechanism: Mechanism, information: bytes) -> bool:
    """Whether a mechanism is one for this kind of key."""
    return _fits(load_key(information), mechanism.family)


def actual_mechanism(mechanism: Mechanism, used: str, information: bytes) -> Mechanism:
    """How a signature was found right: under which digest, by which kind of key where it named another."""
    key = load_key(information)
    family = mechanism.family
    if family == "by_key" or not _fits(key, family):
        if isinstance(key, rsa.RSAPublicKey):
            family = "rsa"
        elif isinstance(key, dsa.DSAPublicKey):
            family = "dsa"
        elif isinstance(key, ed25519.Ed25519PublicKey):
            family = "ed25519"
        else:
            family = "ed448" if isinstance(key, ed448.Ed448PublicKey) else "ecdsa"
    return Mechanism(family, used, mechanism.mask_digest)


def _fits(key: Key, family: Family) -> bool:
    if family == "by_key":
        return True
    if family in ("rsa", "rsa_pss"):
        return isinstance(key, rsa.RSAPublicKey)
    if family in ("ecdsa", "ecdsa_plain"):
        return isinstance(key, ec.EllipticCurvePublicKey | curves.CurveKey)
    if family == "dsa":
        return isinstance(key, dsa.DSAPublicKey)
    return isinstance(key, ed25519.Ed25519PublicKey if family == "ed25519" else ed448.Ed448PublicKey)


def _check_digest(key: Key, mechanism: Mechanism, name: str, signature: bytes, digest: bytes) -> bool:
    if isinstance(key, rsa.RSAPublicKey):
        if mechanism.family == "rsa_pss":
            return _check_pss(key, name, mechanism.mask_digest or name, signature, digest)
        return _check_pkcs1(key, name, signature, digest)
    # Neither DSA nor ECDSA knows the digest's name, only its length.
    stand_in = _HASHES.get(_BY_SIZE.get(len(digest), ""))
    if stand_in is None:
        raise UnknownAlgorithm(name)
    prehashed = utils.Prehashed(stand_in)
    if isinstance(key, dsa.DSAPublicKey):
        return _is_right(lambda: key.verify(signature, digest, prehashed))
    if not isinstance(key, ec.EllipticCurvePublicKey | curves.CurveKey):
        return False
    numbers = _pair(signature, (key.key_size + 7) // 8)
    if numbers is None:
        return False
    if isinstance(key, curves.CurveKey):
        return key.is_signed(digest, *numbers)
    value = utils.encode_dss_signature(*numbers)
    return _is_right(lambda: key.verify(value, digest, ec.ECDSA(prehashed)))


def _pair(signature: bytes, size: int) -> tuple[int, int] | None:
    """The two numbers of an ECDSA signature, as X9.62 writes them or plainly one behind the other.

    Which one was meant is often not what the identifier says; neither can be mistaken for the other.
    """
    try:
        return utils.decode_dss_signature(signature)
    except ValueError:
        pass  # not X9.62
    if len(signature) == 2 * size:
        return int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    return None


def _check_pkcs1(key: rsa.RSAPublicKey, name: str, signature: bytes, digest: bytes) -> bool:
    """RSASSA-PKCS1-v1_5 (RFC 8017, 8.2.2) for any digest, with NULL parameters or none (note 2 of 9.2)."""
    try:
        recovered = key.recover_data_from_signature(signature, padding.PKCS1v15(), None)
    except (InvalidSignature, ValueError):
        return False
    return recovered in _digest_infos(name, digest)


def _digest_infos(name: str, digest: bytes) -> tuple[bytes, bytes]:
    identifier = _encoded_oid(_DIGEST_OIDS[name])
    value = encode(0x04, digest)
    return (
        encode(SEQUENCE, encode(SEQUENCE, identifier, b"\x05\x00"), value),
        encode(SEQUENCE, encode(SEQUENCE, identifier), value),
    )


@lru_cache(maxsize=64)
def _encoded_oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    octets = bytearray()
    for number in (40 * first + second, *rest):
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.append(number & 0x7F | 0x80)
        octets.extend(reversed(septets))
    return encode(0x06, bytes(octets))


def _check_pss(key: rsa.RSAPublicKey, name: str, mask: str, signature: bytes, digest: bytes) -> bool:
    if name not in _HASHES or mask not in _HASHES:
        raise UnknownAlgorithm(f"PSS {name}")
    # The length of the salt follows from the value itself; stating another one changes no security.
    scheme = padding.PSS(mgf=padding.MGF1(_HASHES[mask]), salt_length=padding.PSS.AUTO)
    return _is_right(lambda: key.verify(signature, digest, scheme, utils.Prehashed(_HASHES[name])))


def _is_right(verify: Callable[[], None]) -> bool:
    try:
        verify()
    except (InvalidSignature, ValueError):
        return False
    except UnsupportedAlgorithm as error:
        raise UnknownAlgorithm("digest") from error
    return True


@dataclass(frozen=True)
class Weakness:
    """An algorithm that can be forged today, and since when it was unfit for new signatures."""

    name: str
    since: datetime


def weakness_of_digest(name: str) -> Weakness | None:
    """The digest, if it is too old."""
    since = _WEAK_DIGESTS.get(name)
    return Weakness(name.upper(), since) if since else None


@lru_cache(maxsize=128)
def weakness_of_key(information: bytes) -> Weakness | None:
    """The key, if it is too short.

    Raises:
        UnknownAlgorithm: it cannot be read.
    """
    key = load_key(information)
    if isinstance(key, rsa.RSAPublicKey):
        kind, bits = "RSA", key.key_size
    elif isinstance(key, dsa.DSAPublicKey):
        kind, bits = "DSA", key.key_size
    elif isinstance(key, ec.EllipticCurvePublicKey | curves.CurveKey):
        kind, bits = "EC", key.key_size
    else:
        return None
    return Weakness(f"{kind}-{bits}", _LEGACY_ENDED) if bits < _LEAST_BITS[kind] else None


def worst(weaknesses: Iterable[Weakness | None]) -> Weakness | None:
    """The one that ended first."""
    return min((each for each in weaknesses if each is not None), key=lambda each: each.since, default=None)
