"""One X.509 certificate as a value: its names, times, key and extensions (RFC 5280, 4).

Read by our own reader, since the compiled one refuses what old authorities wrote (negative serial numbers,
times without seconds, spare parameters). What is never looked at is never parsed.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property, lru_cache

from verifier.algorithms import Message, UnknownAlgorithm, check_signature, read_mechanism
from verifier.ber import BIT_STRING, INTEGER, SEQUENCE, BerError, Element, read_element, read_whole

_KEY_USAGES = (
    "digital_signature", "non_repudiation", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip
SUBJECT_KEY, KEY_USAGE, SUBJECT_ALTERNATIVE = "2.5.29.14", "2.5.29.15", "2.5.29.17"
BASIC_CONSTRAINTS, NAME_CONSTRAINTS, DISTRIBUTION_POINTS = "2.5.29.19", "2.5.29.30", "2.5.29.31"
CERTIFICATE_POLICIES, AUTHORITY_KEY, EXTENDED_KEY_USAGE = "2.5.29.32", "2.5.29.35", "2.5.29.37"
POLICY_MAPPINGS, POLICY_CONSTRAINTS, INHIBIT_ANY_POLICY = "2.5.29.33", "2.5.29.36", "2.5.29.54"
TIME_STAMPING, OCSP_SIGNING = "1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.9"

Name = tuple[frozenset[tuple[str, str]], ...]
"""A Name in comparable form; see `name_parts`."""


class Certificate:
    """A certificate; equal to every other with the same bytes.

    What is damaged shows when it is asked for, as a `BerError`; only the outer form is read at once.
    """

    def __init__(self, der: bytes) -> None:
        """Raises `BerError` where ``der`` has not the outer form of a certificate."""
        self.der = der
        outer = read_whole(der).expect(SEQUENCE).children
        if len(outer) < 3:
            raise BerError("no certificate")
        self._tbs, self._algorithm = outer[0].expect(SEQUENCE), outer[1].expect(SEQUENCE)
        self._signature = outer[2].expect(BIT_STRING)
        fields = list(self._tbs.children)
        if fields and fields[0].tag == 0xA0:
            fields.pop(0)
        if len(fields) < 6:
            raise BerError("no certificate")
        self.serial_number = fields[0].expect(INTEGER).integer()
        self.issuer = fields[2].expect(SEQUENCE).raw
        self._validity = fields[3]
        self.subject = fields[4].expect(SEQUENCE).raw
        self.public_key = fields[5].expect(SEQUENCE).raw
        self._rest = fields[6:]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and other.der == self.der

    def __hash__(self) -> int:
        return hash(self.der)

    @cached_property
    def name(self) -> Name:
        """Its subject in comparable form."""
        return name_parts(self.subject)

    @cached_property
    def not_before(self) -> datetime:
        """When it begins to be valid."""
        return self._validity.children[0].time()

    @cached_property
    def not_after(self) -> datetime:
        """When it ends to be valid."""
        return self._validity.children[1].time()

    @cached_property
    def extensions(self) -> dict[str, tuple[bool, bytes]]:
        """By identifier: whether it is critical, and its value."""
        found: dict[str, tuple[bool, bytes]] = {}
        for part in self._rest:
            if part.tag != 0xA3:
                continue
            for extension in part.children[0].children:
                identifier, *flag, value = extension.children
                if identifier.oid() in found:
                    # RFC 5280, 4.2: one of each, or two readers see two certificates.
                    raise BerError("an extension twice")
                critical = bool(flag) and any(flag[0].content)
                found[identifier.oid()] = critical, value.octets()
        return found

    def extension(self, identifier: str) -> Element | None:
        """The value of an extension, None where it has none."""
        entry = self.extensions.get(identifier)
        return read_whole(entry[1]) if entry is not None else None

    @cached_property
    def key_identifier(self) -> bytes | None:
        """What it calls its own key."""
        value = self.extension(SUBJECT_KEY)
        return value.octets() if value is not None else None

    @cached_property
    def issuer_key_identifier(self) -> bytes | None:
        """What it calls its issuer's key."""
        value = self.extension(AUTHORITY_KEY)
        for part in value.children if value is not None else ():
            if part.tag == 0x80:
                return part.content
        return None

    @cached_property
    def key_usage(self) -> frozenset[str] | None:
        """What its key may do; None where nothing restricts it."""
        value = self.extension(KEY_USAGE)
        if value is None:
            return None
        content = value.expect(BIT_STRING).content
        bits = "".join(f"{octet:08b}" for octet in content[1:])
        return frozenset(name for name, bit in zip(_KEY_USAGES, bits, strict=False) if bit == "1")

    @cached_property
    def extended_key_usage(self) -> frozenset[str] | None:
        """The purposes that it is restricted to, as identifiers; None where nothing restricts it."""
        value = self.extension(EXTENDED_KEY_USAGE)
        return frozenset(part.oid() for part in value.children) if value is not None else None

    @cached_property
    def authority(self) -> tuple[bool, int | None]:
        """Whether it may issue certificates, and how many authorities may stand below it."""
        value = self.extension(BASIC_CONSTRAINTS)
        is_authority, below = False, None
        for part in value.children if value is not None else ():
            if part.tag == 0x01:
                is_authority = any(part.content)
            elif part.tag == INTEGER:
                below = part.integer()
        return is_authority, below

    @cached_property
    def is_self_issued(self) -> bool:
        """Whether subject and issuer are the same name."""
        return same_name(self.subject, self.issuer)

    @cached_property
    def signature_digest(self) -> str | None:
        """The digest that its issuer signed with; None where the algorithm names none or is not known."""
        try:
            return read_mechanism(self._algorithm).digest
        except UnknownAlgorithm:
            return None

    @cached_property
    def key_bits(self) -> bytes:
        """The key without its algorithm, of which OCSP and key identifiers take the digest."""
        return read_whole(self.public_key).children[1].bits()

    def is_issued_by(self, issuer: Certificate) -> bool:
        """Whether the signature on this certificate is that of ``issuer``'s key; names are not compared.

        Raises:
            UnknownAlgorithm: it cannot be computed here.
        """
        known = self.__dict__.setdefault("_issued_by", {})
        if issuer.public_key not in known:
            mechanism = read_mechanism(self._algorithm)
            known[issuer.public_key] = (
                check_signature(issuer.public_key, mechanism, self._signature.bits(), Message(self._tbs.raw))
                is not None
            )
        return bool(known[issuer.public_key])


@lru_cache(maxsize=256)
def read_certificate(der: bytes) -> Certificate:
    """The certificate with these bytes; white space or zeros behind it do not count.

    Raises:
        BerError: it is none.
    """
    outer = read_element(der)
    if outer.end != len(der) and not der[outer.end :].strip(b"\0\t\r\n "):
        der = outer.raw
    return Certificate(der)


@lru_cache(maxsize=512)
def name_parts(name: bytes) -> Name:
    """A Name as comparable values: sets of attribute type and text, in order.

    RFC 5280, 7.1: case, the kind of string and the number of spaces make no difference.
    """
    return tuple(
        frozenset(
            (part.children[0].oid(), " ".join(_value(part).casefold().split())) for part in rdn.children
        )
        for rdn in read_whole(name).children
    )


@lru_cache(maxsize=512)
def name_attributes(name: bytes) -> tuple[tuple[str, str], ...]:
    """A Name as it is shown: attribute type and text, in order."""
    return tuple(
        (part.children[0].oid(), _value(part)) for rdn in read_whole(name).children for part in rdn.children
    )


def _value(part: Element) -> str:
    value = part.children[1]
    return value.text() if not value.is_constructed or value.tag & 0xC0 else value.raw.hex()


def same_name(first: bytes, second: bytes) -> bool:
    """Whether two Names are the same, however they are encoded."""
    if first == second:
        return True
    try:
        return name_parts(first) == name_parts(second)
    except (BerError, IndexError):
        return False
