"""Makes CMS signatures of every kind, by the book and beside it, with other tools than the readers'."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asn1crypto import algos, cms, core, parser, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa, utils
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from small_pki import NOW

CONTENT = b"%PDF-1.7 what is signed " * 9
_DIGEST_OIDS = {
    "md5": "1.2.840.113549.2.5", "sha1": "1.3.14.3.2.26", "ripemd160": "1.3.36.3.2.1",
    "sha224": "2.16.840.1.101.3.4.2.4", "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2", "sha512": "2.16.840.1.101.3.4.2.3",
    "sha3_224": "2.16.840.1.101.3.4.2.7", "sha3_256": "2.16.840.1.101.3.4.2.8",
    "sha3_384": "2.16.840.1.101.3.4.2.9", "sha3_512": "2.16.840.1.101.3.4.2.10",
    "shake_256": "2.16.840.1.101.3.4.2.12",
}  # fmt: skip
_HASHES = {
    "md5": hashes.MD5, "sha1": hashes.SHA1, "sha224": hashes.SHA224, "sha256": hashes.SHA256,
    "sha384": hashes.SHA384, "sha512": hashes.SHA512, "sha3_224": hashes.SHA3_224,
    "sha3_256": hashes.SHA3_256, "sha3_384": hashes.SHA3_384, "sha3_512": hashes.SHA3_512,
    "ripemd160": hashes.SHA1,  # for DSA and ECDSA, which know only the length
}  # fmt: skip
_SIGNATURE_OIDS = {
    ("rsa", None): "1.2.840.113549.1.1.1", ("rsa", "md5"): "1.2.840.113549.1.1.4",
    ("rsa", "sha1"): "1.2.840.113549.1.1.5", ("rsa", "sha256"): "1.2.840.113549.1.1.11",
    ("rsa", "sha384"): "1.2.840.113549.1.1.12", ("rsa", "sha512"): "1.2.840.113549.1.1.13",
    ("rsa", "sha224"): "1.2.840.113549.1.1.14", ("rsa", "ripemd160"): "1.3.36.3.3.1.2",
    ("rsa", "sha3_256"): "2.16.840.1.101.3.4.3.14", ("rsa", "sha3_512"): "2.16.840.1.101.3.4.3.16",
    ("ecdsa", None): "1.2.840.10045.2.1", ("ecdsa", "sha1"): "1.2.840.10045.4.1",
    ("ecdsa", "sha224"): "1.2.840.10045.4.3.1", ("ecdsa", "sha256"): "1.2.840.10045.4.3.2",
    ("ecdsa", "sha384"): "1.2.840.10045.4.3.3", ("ecdsa", "sha512"): "1.2.840.10045.4.3.4",
    ("ecdsa", "sha3_256"): "2.16.840.1.101.3.4.3.10", ("ecdsa", "sha3_512"): "2.16.840.1.101.3.4.3.12",
    ("plain", "sha1"): "0.4.0.127.0.7.1.1.4.1.1", ("plain", "sha256"): "0.4.0.127.0.7.1.1.4.1.3",
    ("plain", "sha512"): "0.4.0.127.0.7.1.1.4.1.5", ("plain", "ripemd160"): "0.4.0.127.0.7.1.1.4.1.6",
    ("plain", "sha3_384"): "0.4.0.127.0.7.1.1.4.1.10",
    ("dsa", None): "1.2.840.10040.4.1", ("dsa", "sha1"): "1.2.840.10040.4.3",
    ("dsa", "sha256"): "2.16.840.1.101.3.4.3.2", ("dsa", "sha512"): "2.16.840.1.101.3.4.3.4",
    ("eddsa", None): "",
}  # fmt: skip

KEYS = {
    "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
    "rsa1024": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505  # made to be told as weak
    "p224": lambda: ec.generate_private_key(ec.SECP224R1()),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "k256": lambda: ec.generate_private_key(ec.SECP256K1()),
    "brainpool256": lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
    "brainpool384": lambda: ec.generate_private_key(ec.BrainpoolP384R1()),
    "brainpool512": lambda: ec.generate_private_key(ec.BrainpoolP512R1()),
    "dsa2048": lambda: dsa.generate_private_key(2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
}


@dataclass(frozen=True)
class Maker:
    """A key, its certificate, and who issued it."""

    key: Any
    certificate: x509.Certificate
    issuers: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> bytes:
        return der_of(self.certificate)

    @property
    def asn1(self) -> asn1_x509.Certificate:
        return asn1_x509.Certificate.load(self.der)


def der_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def certify(
    name: str,
    key: Any,
    issuer: Maker | None,
    *,
    ca: bool = False,
    extensions: Sequence[tuple[Any, bool]] = (),
    start: datetime = datetime(2000, 1, 1, tzinfo=UTC),
    end: datetime = datetime(2040, 1, 1, tzinfo=UTC),
    digest: hashes.HashAlgorithm | None = None,
    path_length: int | None = None,
    stamping: bool = False,
    subject: x509.Name | None = None,
) -> Maker:
    own = subject
    if own is None:
        kinds = {NameOID.COMMON_NAME: name, NameOID.ORGANIZATION_NAME: "Uji"}
        own = x509.Name([x509.NameAttribute(kind, text) for kind, text in kinds.items()])
    signing = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(issuer.certificate.subject if issuer else own)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca, path_length), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False
        )
    )
    if stamping:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    if isinstance(signing, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        made = builder.sign(signing, None)
    else:
        made = builder.sign(signing, digest or hashes.SHA256())
    return Maker(key, made, (issuer.certificate, *issuer.issuers) if issuer else ())


@functools.cache
def authority() -> Maker:
    root = certify("Akar CMS", KEYS["p256"](), None, ca=True)
    return certify("CA CMS", KEYS["p256"](), root, ca=True)


def signer(kind: str = "p256") -> Maker:
    return _signer(kind)


@functools.cache
def _signer(kind: str) -> Maker:
    return certify(f"Penanda {kind}", KEYS[kind](), authority())


@functools.cache
def stamper() -> Maker:
    return certify("TSA CMS", KEYS["p256"](), authority(), stamping=True)


def digest_of(name: str, data: bytes) -> bytes:
    state = hashlib.new(name, data)
    return state.digest(64) if name == "shake_256" else state.digest()  # type: ignore[call-arg]


def sign(key: Any, scheme: str, digest: str, data: bytes, salt: int = 20, mask: str | None = None) -> bytes:
    """A signature value, computed from scratch where the library refuses the digest."""
    if scheme == "eddsa":
        return bytes(key.sign(data))
    value = digest_of(digest, data)
    if scheme == "rsa":
        encoded = algos.DigestInfo(
            {
                "digest_algorithm": {"algorithm": _DIGEST_OIDS[digest], "parameters": core.Null()},
                "digest": value,
            }
        ).dump()
        return raw_rsa(key, encoded)
    prehashed = utils.Prehashed(_HASHES[digest]())
    if scheme == "pss":
        scheme_ = padding.PSS(padding.MGF1(_HASHES[mask or digest]()), salt)
        return bytes(key.sign(value, scheme_, prehashed))
    if scheme == "dsa":
        return bytes(key.sign(value, prehashed))
    encoded_pair = bytes(key.sign(value, ec.ECDSA(prehashed)))
    if scheme == "ecdsa":
        return encoded_pair
    r, s = utils.decode_dss_signature(encoded_pair)
    size = (key.key_size + 7) // 8
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def raw_rsa(key: rsa.RSAPrivateKey, encoded: bytes) -> bytes:
    numbers = key.private_numbers()
    modulus = numbers.public_numbers.n
    size = (modulus.bit_length() + 7) // 8
    padded = b"\0\1" + b"\xff" * (size - len(encoded) - 3) + b"\0" + encoded
    return pow(int.from_bytes(padded, "big"), numbers.d, modulus).to_bytes(size, "big")


def _algorithm(oid: str, parameters: bytes = b"") -> bytes:
    return wrap(0x30, core.ObjectIdentifier(oid).dump(), parameters)


def signature_algorithm(
    maker: Maker, scheme: str, digest: str | None, salt: int = 20, mask: str | None = None
) -> bytes:
    if scheme == "eddsa":
        return _algorithm(
            "1.3.101.112" if isinstance(maker.key, ed25519.Ed25519PrivateKey) else "1.3.101.113"
        )
    if scheme == "pss":
        if digest is None:
            return _algorithm("1.2.840.113549.1.1.10")
        inner = _algorithm(_DIGEST_OIDS[digest])
        generator = _algorithm("1.2.840.113549.1.1.8", _algorithm(_DIGEST_OIDS[mask or digest]))
        return _algorithm(
            "1.2.840.113549.1.1.10",
            wrap(0x30, wrap(0xA0, inner), wrap(0xA1, generator), wrap(0xA2, core.Integer(salt).dump())),
        )
    return _algorithm(_SIGNATURE_OIDS[scheme, digest], b"\x05\x00" if scheme == "rsa" else b"")


def wrap(tag: int, *content: bytes) -> bytes:
    return bytes(parser.emit(tag >> 6, tag >> 5 & 1, tag & 0x1F, b"".join(content)))


def attribute(oid: str, *values: bytes) -> bytes:
    return wrap(0x30, core.ObjectIdentifier(oid).dump(), wrap(0x31, *values))


def signing_certificate(maker: Maker, *, older: bool = False, serial: int | None = None) -> bytes:
    digest = hashlib.sha1 if older else hashlib.sha256
    names = wrap(0x30, wrap(0xA4, maker.asn1.issuer.dump()))
    named = wrap(0x30, names, core.Integer(serial).dump()) if serial is not None else b""
    entry = wrap(0x30, wrap(0x04, digest(maker.der).digest()), named)
    return attribute(
        "1.2.840.113549.1.9.16.2.12" if older else "1.2.840.113549.1.9.16.2.47",
        wrap(0x30, wrap(0x30, entry)),
    )


def standard_attributes(
    content: bytes, digest: str, content_type: str = "1.2.840.113549.1.7.1", hashed: bytes | None = None
) -> list[bytes]:
    return [
        attribute("1.2.840.113549.1.9.3", core.ObjectIdentifier(content_type).dump()),
        attribute("1.2.840.113549.1.9.4", wrap(0x04, hashed or digest_of(digest, content))),
    ]


def make_cms(
    content: bytes = CONTENT,
    maker: Maker | None = None,
    *,
    scheme: str = "ecdsa",
    digest: str = "sha256",
    stated: str | None = "",
    digest_stated: str | None = None,
    attributes: list[bytes] | None = None,
    bare: bool = False,
    more: Sequence[bytes] = (),
    unsigned: Sequence[bytes] = (),
    certificates: Sequence[bytes] | None = None,
    by_key: bool = False,
    issuer: bytes | None = None,
    content_type: str = "1.2.840.113549.1.7.1",
    encapsulated: bytes | None = None,
    store: str = "sorted",
    sign_order: str = "sorted",
    copies: int = 1,
    salt: int = 20,
    mask: str | None = None,
    value: bytes | None = None,
) -> bytes:
    """A ContentInfo over ``content``.

    ``stated`` is the digest that the signature algorithm names ("": the true one, None: none);
    ``digest_stated`` what digestAlgorithm names instead; ``store`` and ``sign_order`` say in which order
    the attributes are stored and signed; ``copies`` is the number of SignerInfos.
    """
    maker = maker or signer()
    named = digest if stated == "" else stated
    parts = standard_attributes(content, digest, content_type) if attributes is None else list(attributes)
    parts += more
    orders = {"sorted": sorted(parts), "reversed": sorted(parts, reverse=True)}
    signed = content if bare else wrap(0x31, *orders[sign_order])
    certificate = maker.asn1
    serial = certificate["tbs_certificate"]["serial_number"].dump()
    identifier = (
        wrap(0x80, certificate.key_identifier)
        if by_key
        else wrap(0x30, issuer or certificate.issuer.dump(), serial)
    )
    stored_digest = _algorithm(_DIGEST_OIDS[digest_stated or digest])
    info = wrap(
        0x30,
        core.Integer(3 if by_key else 1).dump(),
        identifier,
        stored_digest,
        b"" if bare else wrap(0xA0, *orders[store]),
        signature_algorithm(maker, scheme, named, salt, mask),
        wrap(0x04, value or sign(maker.key, scheme, digest, signed, salt, mask)),
        wrap(0xA1, *unsigned) if unsigned else b"",
    )
    embedded = [maker.der, *map(der_of, maker.issuers)] if certificates is None else certificates
    inside = wrap(0xA0, wrap(0x04, encapsulated)) if encapsulated is not None else b""
    body = wrap(
        0x30,
        core.Integer(1).dump(),
        wrap(0x31, stored_digest),
        wrap(0x30, core.ObjectIdentifier(content_type).dump(), inside),
        wrap(0xA0, *embedded) if embedded else b"",
        wrap(0x31, *[info] * copies),
    )
    return wrap(0x30, core.ObjectIdentifier("1.2.840.113549.1.7.2").dump(), wrap(0xA0, body))


def make_token(
    message: bytes, at: datetime = NOW, maker: Maker | None = None, *, digest: str = "sha256", **options: Any
) -> bytes:
    """A time-stamp token over ``message``."""
    info = tsp.TSTInfo(
        {
            "version": "v1",
            "policy": "1.2.3.4",
            "message_imprint": {
                "hash_algorithm": {"algorithm": digest}, "hashed_message": digest_of(digest, message),
            },
            "serial_number": 7,
            "gen_time": at,
        }
    ).dump()  # fmt: skip
    by = maker or stamper()
    options.setdefault("more", [signing_certificate(by)])
    return make_cms(info, by, content_type="1.2.840.113549.1.9.16.1.4", encapsulated=info, **options)


def value_of(data: bytes) -> bytes:
    content = cms.ContentInfo.load(data)["content"]
    return bytes(content["signer_infos"][0]["signature"].native)


def stamped(token_for: Any, **options: Any) -> bytes:
    """The same signature twice: once to have its value, then with tokens over that."""
    plain = make_cms(**options)
    value = value_of(plain)
    tokens = token_for(value)
    return make_cms(
        **{**options, "value": value, "unsigned": [attribute("1.2.840.113549.1.9.16.2.14", *tokens)]}
    )


def in_pieces(der: bytes, keep: Sequence[bytes] = ()) -> bytes:
    """The same with indefinite lengths and long octet strings cut up; ``keep`` stays as it is."""
    if der in keep:
        return der
    kind, method, tag, header, content, _ = parser.parse(der)
    if method == 0:
        if kind == 0 and tag == 4 and len(content) > 8:
            middle = len(content) // 2
            return b"\x24\x80" + wrap(4, content[:middle]) + wrap(4, content[middle:]) + b"\0\0"
        return der
    inside = b""
    rest = content
    while rest:
        _, _, _, head, body, tail = parser.parse(rest)
        size = len(head) + len(body) + len(tail)
        inside += in_pieces(rest[:size], keep)
        rest = rest[size:]
    return header[:1] + b"\x80" + inside + b"\0\0"
