"""Of which certificates the revocation is open, and which addresses they name for it.

RFC 5280, 4.2.1.13 (CRL distribution points) and 4.2.2.1 (authority information access). Runs inside the
sandbox and asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from verifier.algorithms import Message, UnknownAlgorithm
from verifier.ber import BerError, Element
from verifier.certificate import DISTRIBUTION_POINTS, Certificate
from verifier.revocation_exchange import LONGEST_ADDRESS, MOST_ADDRESSES, MOST_NEEDS, RevocationNeed

_AUTHORITY_INFORMATION, _OCSP = "1.3.6.1.5.5.7.1.1", "1.3.6.1.5.5.7.48.1"
_URI = 0x86
# RFC 5280, 4.1.2.2 allows twenty octets; what is far longer is no number that an authority gave.
_MOST_SERIAL_BITS = 512


def find_needs(doubtful: Mapping[Certificate, Certificate]) -> tuple[RevocationNeed, ...]:
    """What would have to be asked about certificates, each with its issuer, where they name an address."""
    found = []
    for certificate, issuer in doubtful.items():
        if certificate.serial_number.bit_length() > _MOST_SERIAL_BITS:
            continue
        try:
            need = RevocationNeed(
                Message(certificate.issuer).digest("sha1").hex(),
                Message(issuer.key_bits).digest("sha1").hex(),
                certificate.serial_number,
                _responders(certificate),
                _lists(certificate),
            )
        except (BerError, IndexError, UnknownAlgorithm):
            continue  # what cannot be read names no address
        if need.responders or need.lists:
            found.append(need)
    return tuple(found[:MOST_NEEDS])


def _responders(certificate: Certificate) -> tuple[str, ...]:
    value = certificate.extension(_AUTHORITY_INFORMATION)
    descriptions = value.children if value is not None else ()
    return _addresses(each.children[1] for each in descriptions if each.children[0].oid() == _OCSP)


def _lists(certificate: Certificate) -> tuple[str, ...]:
    value = certificate.extension(DISTRIBUTION_POINTS)
    return _addresses(
        name
        for point in (value.children if value is not None else ())
        for part in point.children
        if part.tag == 0xA0 and part.children[0].tag == 0xA0
        for name in part.children[0].children
    )


def _addresses(names: Iterable[Element]) -> tuple[str, ...]:
    """The web addresses among them; LDAP and what is no plain text are passed over."""
    texts = (name.content.decode("latin-1") for name in names if name.tag == _URI)
    web = (text for text in texts if text[:7].lower() == "http://" or text[:8].lower() == "https://")
    usable = (text for text in web if len(text) <= LONGEST_ADDRESS and text.isascii() and text.isprintable())
    return tuple(dict.fromkeys(usable))[:MOST_ADDRESSES]
