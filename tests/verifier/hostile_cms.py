"""Hostile cryptography: CMS, keys, certificates and revocation data that ask for endless work."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from asn1crypto import core, crl, keys
from asn1crypto import x509 as asn1_x509
from cms_maker import KEYS, Maker, attribute, certify, make_cms, make_token, signer, wrap
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from sample_files import objects_to_pdf, stream
from small_pki import NOW, pki, revocation_list

MIB = 1024 * 1024
PAIR = wrap(0x30, wrap(2, b"\1"), wrap(2, b"\1"))
_STARS = b"*" * 10


def file_with(
    cms_of: Callable[[bytes], bytes],
    *,
    sub_filter: bytes = b"adbe.pkcs7.detached",
    more: Sequence[bytes] = (),
    catalog: bytes = b"",
    entries: bytes = b"",
    title: bytes = b"Satu",
) -> bytes:
    """A signed page whose /Contents is what ``cms_of`` makes of the bytes that are covered."""
    # A signature's length varies a little, and there may be many of them.
    size = len(cms_of(b"")) * 21 // 20 + 200
    pdf = objects_to_pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] /SigFlags 3 >> %s >>" % catalog,
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Annots [6 0 R] "
            b"/Resources << /Font << /F1 5 0 R >> >> >>",
            stream(b"BT /F1 18 Tf 72 500 Td (Nomor 1) Tj ET"),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            b"<< /Type /Annot /Subtype /Widget /FT /Sig /T (%s) /Rect [0 0 0 0] /P 3 0 R /F 132 /V 7 0 R >>"
            % title,
            b"<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /%s /ByteRange [0 %s %s %s] %s "
            b"/Contents <%s> >>" % (sub_filter, _STARS, _STARS, _STARS, entries, b"0" * (2 * size)),
            *more,
        ]
    )
    start = pdf.index(b"/Contents <0") + 10
    end = start + 2 * size + 2
    values = b" ".join(b"%-10d" % value for value in (start, end, len(pdf) - end))
    pdf = pdf.replace(b" ".join([_STARS] * 3), values, 1)
    cms = cms_of(pdf[:start] + pdf[end:])
    return pdf[: start + 1] + cms.hex().encode().ljust(2 * size, b"0") + pdf[end - 1 :]


def raw(cms: bytes) -> bytes:
    return file_with(lambda _: cms)


# Encodings


def deep(depth: int = 30_000) -> bytes:
    """Each level tells its length."""
    value = b""
    for _ in range(depth):
        value = wrap(0x30, value)
        if len(value) > 400_000:
            break
    return raw(value)


def deep_indefinite(depth: int = 500_000) -> bytes:
    return raw(b"\x30\x80" * depth + b"\0\0" * depth)


def wide_indefinite() -> bytes:
    return raw(b"\x30\x80" * 50 + b"\x05\x00" * 900_000 + b"\0\0" * 50)


def pieces(depth: int = 55) -> bytes:
    """An octet string in pieces in pieces."""
    value = wrap(0x04, b"x" * 300_000)
    for _ in range(depth):
        value = wrap(0x24, value)
    head = core.ObjectIdentifier("1.2.840.113549.1.7.1").dump()
    body = wrap(0x30, core.Integer(1).dump(), wrap(0x31), wrap(0x30, head, wrap(0xA0, value)), wrap(0x31))
    return raw(wrap(0x30, core.ObjectIdentifier("1.2.840.113549.1.7.2").dump(), wrap(0xA0, body)))


# Keys


def with_key(information: bytes, scheme: str = "rsa", value: bytes = b"\x01" * 256) -> bytes:
    """A signature by a certificate that has this SubjectPublicKeyInfo."""
    maker = signer()
    certificate = asn1_x509.Certificate.load(maker.der)
    old = certificate["tbs_certificate"]["subject_public_key_info"].dump()
    parts = [
        each.dump() if name != "subject_public_key_info" else information
        for name, each in ((name, certificate["tbs_certificate"][name]) for name, *_ in _fields())
        if each.native is not None or name == "extensions"
    ]
    assert old not in b"".join(parts)
    tbs = wrap(0x30, *parts)
    der = wrap(0x30, tbs, certificate["signature_algorithm"].dump(), certificate["signature_value"].dump())
    stand_in = _Impostor(der)
    return file_with(
        lambda content: make_cms(content, stand_in, scheme=scheme, value=value, certificates=[der])
    )


def _fields() -> list[Any]:
    return list(asn1_x509.TbsCertificate._fields)


class _Impostor:
    """A maker with a certificate that nobody has the key of."""

    def __init__(self, der: bytes) -> None:
        self.der, self.key, self.issuers = der, None, ()
        self.asn1 = asn1_x509.Certificate.load(der)


def rsa_key(bits: int, exponent: int = 65537) -> bytes:
    modulus = (1 << bits) - 159
    return bytes(
        keys.PublicKeyInfo(
            {
                "algorithm": {"algorithm": "rsa", "parameters": core.Null()},
                "public_key": keys.RSAPublicKey({"modulus": modulus, "public_exponent": exponent}),
            }
        ).dump()
    )


def dsa_key(bits: int) -> bytes:
    numbers = {"p": (1 << bits) - 105, "q": (1 << 256) - 189, "g": 3}
    return bytes(
        keys.PublicKeyInfo(
            {
                "algorithm": {"algorithm": "dsa", "parameters": keys.DSAParams(numbers)},
                "public_key": core.Integer((1 << (bits - 1)) - 5),
            }
        ).dump()
    )


def curve_key(point: bytes, parameters: bytes = b"") -> bytes:
    named = parameters or core.ObjectIdentifier("1.2.840.10045.3.1.7").dump()
    return wrap(
        0x30,
        wrap(0x30, core.ObjectIdentifier("1.2.840.10045.2.1").dump(), named),
        wrap(0x03, b"\0" + point),
    )


def own_curve(bits: int) -> bytes:
    """A curve of the file's own, over a field of so many bits."""
    prime = ((1 << bits) - 1).to_bytes(bits // 8 + 1, "big")
    field = wrap(0x30, core.ObjectIdentifier("1.2.840.10045.1.1").dump(), wrap(0x02, b"\0" + prime))
    coefficient = wrap(0x04, prime[1:])
    return curve_key(
        b"\x04" + b"\x01" * (bits // 4),
        wrap(
            0x30,
            core.Integer(1).dump(),
            field,
            wrap(0x30, coefficient, coefficient),
            wrap(0x04, b"\x04" + b"\x01" * (bits // 4)),
            wrap(0x02, b"\0" + prime),
        ),
    )


# Certificates


@functools.cache
def key() -> ec.EllipticCurvePrivateKey:
    made: ec.EllipticCurvePrivateKey = KEYS["p256"]()
    return made


@functools.cache
def trusted() -> Maker:
    """An authority that leads to the tests' anchor, so that paths are followed to their end."""
    ca = pki().ca
    return Maker(ca.key, ca.certificate, ca.issuers)


def by(maker: Maker, certificates: Sequence[Maker]) -> bytes:
    encoded = [maker.der, *(each.der for each in certificates)]
    return file_with(lambda content: make_cms(content, maker, certificates=encoded))


def chain(length: int = 1_000) -> bytes:
    makers = [trusted()]
    for number in range(length):
        makers.append(certify(f"{number + 1}", KEYS["p256"](), makers[-1], ca=True))
    return by(makers[-1], makers[-2::-1])


def mesh(layers: int = 9, width: int = 12) -> bytes:
    """Authorities of the same names and different keys, each certified by all of the layer above it."""
    above = [trusted()]
    found = [trusted()]
    for layer in range(1, layers):
        own_keys = [KEYS["p256"]() for _ in range(width)]
        made = [[certify(f"L{layer}", own, issuer, ca=True) for issuer in above] for own in own_keys]
        found += [each for row in made for each in row]
        above = [row[0] for row in made]
    return by(certify("Penanda", KEYS["p256"](), above[0]), found)


def same_names(count: int = 2_000) -> bytes:
    """Every certificate may have issued every other, by its name."""
    own = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Sama")])
    makers = [certify("Sama", key(), None, ca=True, subject=own)]
    makers += [Maker(key(), _renumbered(makers[0].certificate, n)) for n in range(count)]
    return by(certify("Penanda", KEYS["p256"](), makers[0]), makers)


def _renumbered(certificate: x509.Certificate, number: int) -> x509.Certificate:
    der = certificate.public_bytes(Encoding.DER)
    serial = core.Integer(certificate.serial_number).dump()
    other = serial[:-4] + number.to_bytes(4, "big")
    return x509.load_der_x509_certificate(der.replace(serial, other, 1))


def constrained(count: int = 4_000) -> bytes:
    names = [x509.DNSName(f"a{n}.example") for n in range(count)]
    root = trusted()
    middle = certify(
        "Tengah",
        KEYS["p256"](),
        root,
        ca=True,
        extensions=[
            (x509.NameConstraints(names, [x509.DNSName(f"b{n}.example") for n in range(count)]), True)
        ],
    )
    own = certify(
        "Penanda",
        KEYS["p256"](),
        middle,
        extensions=[
            (x509.SubjectAlternativeName([x509.DNSName(f"x.a{n}.example") for n in range(count)]), False)
        ],
    )
    return by(own, [middle, root])


def mapped_policies(count: int = 300, layers: int = 6) -> bytes:
    """Each policy is mapped to each other at every step: the policy tree of RFC 5280 grows without end."""
    oids = [x509.ObjectIdentifier(f"1.3.6.1.4.1.99.{n}") for n in range(count)]
    policies = (x509.CertificatePolicies([x509.PolicyInformation(oid, None) for oid in oids]), True)
    pairs = [
        wrap(
            0x30, core.ObjectIdentifier(a.dotted_string).dump(), core.ObjectIdentifier(b.dotted_string).dump()
        )
        for a in oids[:60]
        for b in oids[:60]
    ]
    mapping = (x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.33"), wrap(0x30, *pairs)), True)
    demand = (x509.PolicyConstraints(0, None), True)
    maker = certify("A0", KEYS["p256"](), trusted(), ca=True, extensions=[policies])
    makers = [maker]
    for layer in range(layers):
        makers.append(
            certify(
                f"A{layer + 1}", KEYS["p256"](), makers[-1], ca=True, extensions=[policies, mapping, demand]
            )
        )
    return by(
        certify("Penanda", KEYS["p256"](), makers[-1], extensions=[policies]), [*makers[::-1], trusted()]
    )


def long_subject() -> bytes:
    own = x509.Name(
        [x509.NameAttribute(x509.NameOID.COMMON_NAME, HOSTILE_NAME[:60], _validate=False)]
        + [x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "A" * 1_000, _validate=False)] * 1_000
    )
    return by(certify("", KEYS["p256"](), None, subject=own), [])


HOSTILE_NAME = (
    "\u202egnp.tamaK \x1b]0;judul\x07\x1b[31mmerah\x1b[0m"
    "<script>alert(1)</script>\u2066\u0000\ufeff{{7*7}}\ud7ff"
)


def hostile_name() -> bytes:
    """What a terminal, a page or a template could take for orders, in every place that holds text."""
    own = x509.Name(
        [
            x509.NameAttribute(kind, HOSTILE_NAME[:60], _validate=False)
            for kind in (x509.NameOID.COMMON_NAME, x509.NameOID.ORGANIZATION_NAME)
        ]
    )
    maker = certify("", KEYS["p256"](), None, subject=own)
    encoded = b"\xfe\xff" + HOSTILE_NAME.encode("utf-16-be")
    hexadecimal = b"<" + encoded.hex().encode() + b">"
    entries = b" ".join(
        b"/%s %s" % (name, hexadecimal) for name in (b"Name", b"Reason", b"Location", b"ContactInfo", b"M")
    )
    return file_with(
        lambda content: make_cms(content, maker),
        entries=entries,
        title=encoded.replace(b"(", b"\\(").replace(b")", b"\\)"),
    )


# Many of everything


def many_attributes(count: int = 60_000) -> bytes:
    odd = [attribute(f"1.3.6.1.4.1.99.{n}", core.Null().dump()) for n in range(count)]
    return file_with(lambda content: make_cms(content, signer(), more=odd))


def many_signers() -> bytes:
    return file_with(lambda content: make_cms(content, signer(), copies=10_000))


def many_timestamps(count: int = 400) -> bytes:
    """As many as four megabytes hold."""
    token = make_token(b"x")
    return file_with(
        lambda content: make_cms(
            content, signer(), unsigned=[attribute("1.2.840.113549.1.9.16.2.14", *[token] * count)]
        )
    )


def timestamps_in_timestamps(depth: int = 40) -> bytes:
    token = make_token(b"x")
    for _ in range(depth):
        token = make_token(b"x", unsigned=[attribute("1.2.840.113549.1.9.16.2.14", token)])
    return file_with(
        lambda content: make_cms(content, signer(), unsigned=[attribute("1.2.840.113549.1.9.16.2.14", token)])
    )


def huge_serial() -> bytes:
    return file_with(
        lambda content: make_cms(content, signer()).replace(b"\x02\x01\x01", wrap(0x02, b"\x7f" * 100_000), 1)
    )


def store(
    certificates: Sequence[bytes] = (), crls: Sequence[bytes] = (), ocsps: Sequence[bytes] = ()
) -> bytes:
    """A signed file with a document security store of these."""
    objects: list[bytes] = []
    lists = []
    for kind, values in ((b"Certs", certificates), (b"CRLs", crls), (b"OCSPs", ocsps)):
        first = 8 + len(objects)
        objects += [stream(value) for value in values]
        lists.append(b"/%s [%s]" % (kind, b" ".join(b"%d 0 R" % (first + n) for n in range(len(values)))))
    officer = pki().officer
    maker = Maker(officer.key, officer.certificate, officer.issuers)
    return file_with(
        lambda content: make_cms(content, maker), more=objects, catalog=b"/DSS << %s >>" % b" ".join(lists)
    )


@functools.cache
def long_list(count: int) -> bytes:
    """A list that was signed and names ``count`` certificates."""
    short = revocation_list(pki().ca, {1: NOW})
    loaded = crl.CertificateList.load(short)
    tbs = loaded["tbs_cert_list"]
    row = wrap(0x30, core.Integer(2**64).dump(), core.UTCTime(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)).dump())
    parts = [
        each.dump() if name != "revoked_certificates" else wrap(0x30, row * count)
        for name, each in ((name, tbs[name]) for name, *_ in crl.TbsCertList._fields)
    ]
    return wrap(0x30, wrap(0x30, *parts), loaded["signature_algorithm"].dump(), loaded["signature"].dump())


def many_lists(count: int = 3_000) -> bytes:
    short = revocation_list(pki().ca, {1: NOW})
    return store(crls=[short[:-3] + n.to_bytes(3, "big") for n in range(count)])


CMS: dict[str, tuple[Callable[[], bytes], set[str]]] = {
    "deep DER": (deep, {"BAD_SIGNATURE"}),
    "deep BER": (deep_indefinite, {"BAD_SIGNATURE"}),
    "wide BER in fifty layers": (wide_indefinite, {"BAD_SIGNATURE"}),
    "octets in pieces in pieces": (pieces, {"BAD_SIGNATURE"}),
    "zeros as a CMS": (lambda: raw(bytes(3 * MIB)), {"BAD_SIGNATURE"}),
    "noise as a CMS": (
        lambda: raw(b"".join(hashlib.sha512(b"%d" % n).digest() for n in range(4_000))),
        {"BAD_SIGNATURE"},
    ),
    "RSA of a million bits": (
        lambda: with_key(rsa_key(1_000_000), value=b"\x01" * 125_000),
        {"SIGNATURE_INVALID"},
    ),
    "RSA of 16 000 bits": (lambda: with_key(rsa_key(16_000), value=b"\x01" * 2_000), {"SIGNATURE_INVALID"}),
    "RSA with a huge exponent": (
        lambda: with_key(rsa_key(16_000, (1 << 15_990) + 1), value=b"\x01" * 2_000),
        {"SIGNATURE_INVALID"},
    ),
    "RSA with an exponent of 100 000 bits": (
        lambda: with_key(rsa_key(2_048, (1 << 100_000) + 1)),
        {"UNSUPPORTED_SIGNATURE"},
    ),
    "PSS with a small key": (lambda: with_key(rsa_key(64), "pss", b"\x01" * 8), {"SIGNATURE_INVALID"}),
    "DSA of 200 000 bits": (lambda: with_key(dsa_key(200_000), "dsa", PAIR), {"SIGNATURE_INVALID"}),
    "DSA of 10 000 bits": (lambda: with_key(dsa_key(10_000), "dsa", PAIR), {"SIGNATURE_INVALID"}),
    "point off the curve": (
        lambda: with_key(curve_key(b"\x04" + b"\x05" * 64), "ecdsa", PAIR),
        {"UNSUPPORTED_SIGNATURE"},
    ),
    "point at infinity": (lambda: with_key(curve_key(b"\0"), "ecdsa", PAIR), {"UNSUPPORTED_SIGNATURE"}),
    "curve of its own": (lambda: with_key(own_curve(256), "ecdsa", b"\x01" * 64), {"UNSUPPORTED_SIGNATURE"}),
    "curve of 80 000 bits": (
        lambda: with_key(own_curve(80_000), "ecdsa", b"\x01" * 20_000),
        {"UNSUPPORTED_SIGNATURE"},
    ),
    "1 000 certificates in a row": (chain, {"SIGNER_UNTRUSTED"}),
    "mesh of authorities": (mesh, {"SIGNER_UNTRUSTED"}),
    "2 000 authorities of one name": (same_names, {"SIGNER_UNTRUSTED"}),
    "4 000 name constraints": (constrained, {"SIGNER_UNSUITABLE"}),
    "mapped policies": (mapped_policies, {"SIGNER_UNSUITABLE"}),
    "subject of a megabyte": (long_subject, {"SIGNER_UNTRUSTED"}),
    "text that gives orders": (hostile_name, {"SIGNER_UNTRUSTED"}),
    "60 000 signed attributes": (many_attributes, {"SIGNER_UNTRUSTED"}),
    "10 000 signers": (many_signers, {"SEVERAL_SIGNERS"}),
    "400 time-stamps": (many_timestamps, {"SIGNER_UNTRUSTED"}),
    "time-stamps in time-stamps": (timestamps_in_timestamps, {"SIGNER_UNTRUSTED"}),
    "serial number of 100 000 octets": (huge_serial, {"BAD_SIGNATURE"}),
    "list of a million": (lambda: store(crls=[long_list(1_000_000)]), {"REVOCATION_NOT_CHECKED"}),
    "3 000 lists": (many_lists, {"LIMIT"}),
    "20 000 certificates": (
        lambda: store(certificates=[b"\x30\x03\x02\x01%c" % (n % 256) * 3 for n in range(20_000)]),
        {"REVOCATION_NOT_CHECKED"},
    ),
    "5 000 answers": (
        lambda: store(ocsps=[b"\x30\x82\x01\x00" + bytes(256)] * 5_000),
        {"REVOCATION_NOT_CHECKED"},
    ),
}
