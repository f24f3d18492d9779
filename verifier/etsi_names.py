"""The names that ETSI TS 119 102-2 and XML Signature have for what we found."""

from __future__ import annotations

from verifier.algorithms import identifier_of
from verifier.details import Algorithm

REPORT = "http://uri.etsi.org/19102/v1.4.1#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
TRUSTED_LIST = "http://uri.etsi.org/02231/v2#"
XML_SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"
SCHEMA = "http://www.w3.org/2001/XMLSchema"
SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"

URN = "urn:etsi:019102:"
# No scheme names the steps of a check or the findings of one product; these are ours.
OWN = "urn:absah:"

_XMLDSIG, _XMLENC = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/04/xmlenc#"
_MORE, _MORE_2007 = "http://www.w3.org/2001/04/xmldsig-more#", "http://www.w3.org/2007/05/xmldsig-more#"
_MORE_2021 = "http://www.w3.org/2021/04/xmldsig-more#"
# RFC 9231, 2.1 and 2.3.
_DIGESTS = {
    "md5": _MORE + "md5",
    "sha1": _XMLDSIG + "sha1",
    "ripemd160": _XMLENC + "ripemd160",
    "sha224": _MORE + "sha224",
    "sha256": _XMLENC + "sha256",
    "sha384": _MORE + "sha384",
    "sha512": _XMLENC + "sha512",
    **{f"sha3_{size}": f"{_MORE_2007}sha3-{size}" for size in (224, 256, 384, 512)},
}
_SIGNATURES = {
    ("rsa", "sha1"): _XMLDSIG + "rsa-sha1",
    ("dsa", "sha1"): _XMLDSIG + "dsa-sha1",
    ("dsa", "sha256"): "http://www.w3.org/2009/xmldsig11#dsa-sha256",
    ("ed25519", ""): _MORE_2021 + "eddsa-ed25519",
    ("ed448", ""): _MORE_2021 + "eddsa-ed448",
    **{
        ("rsa", name): f"{_MORE}rsa-{name}"
        for name in ("md5", "ripemd160", "sha224", "sha256", "sha384", "sha512")
    },
    **{
        (family, name): f"{_MORE}ecdsa-{name}"
        for name in ("sha1", "sha224", "sha256", "sha384", "sha512")
        for family in ("ecdsa", "ecdsa_plain")
    },
    **{
        ("rsa_pss", name): f"{_MORE_2007}{name.replace('_', '-')}-rsa-MGF1"
        for name in (
            "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_224", "sha3_256", "sha3_384", "sha3_512",
        )
    },
    **{
        ("ecdsa", f"sha3_{size}"): f"{_MORE_2021}ecdsa-sha3-{size}" for size in (224, 256, 384, 512)
    },
}  # fmt: skip


def digest_uri(name: str) -> str:
    """The URI of a digest; where XML Signature has none, its object identifier as a URN (RFC 3061)."""
    return _DIGESTS.get(name) or f"urn:oid:{identifier_of(name)}"


def signature_uri(algorithm: Algorithm) -> str:
    """The URI of a signature algorithm; where XML Signature has none, that of its digest."""
    family = algorithm.mechanism
    key = (family, "" if family.startswith("ed") else algorithm.digest)
    return _SIGNATURES.get(key) or digest_uri(algorithm.digest)
