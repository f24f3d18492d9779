"""From a certificate to a trusted anchor, and what each certificate on the way may do.

RFC 5280, 6.1; its policies are in `verifier.policies`. Everything the file brings may be on the way; only an
anchor of ours ends it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from verifier.algorithms import UnknownAlgorithm, Weakness, weakness_of_digest, weakness_of_key, worst
from verifier.ber import BerError, Element
from verifier.certificate import (
    AUTHORITY_KEY,
    BASIC_CONSTRAINTS,
    CERTIFICATE_POLICIES,
    DISTRIBUTION_POINTS,
    EXTENDED_KEY_USAGE,
    INHIBIT_ANY_POLICY,
    KEY_USAGE,
    NAME_CONSTRAINTS,
    POLICY_CONSTRAINTS,
    POLICY_MAPPINGS,
    SUBJECT_ALTERNATIVE,
    SUBJECT_KEY,
    Certificate,
    Name,
    name_parts,
    same_name,
)
from verifier.policies import are_policies_met

_LONGEST = 10
_MOST_STEPS = 200
_MOST_NAMES_COMPARED = 1 << 18  # with constraints; OpenSSL has such a bound too
# What is understood here, and what may be critical without limiting a signature (QC statements).
_UNDERSTOOD = frozenset(
    (AUTHORITY_KEY, BASIC_CONSTRAINTS, CERTIFICATE_POLICIES, DISTRIBUTION_POINTS, EXTENDED_KEY_USAGE,
     KEY_USAGE, NAME_CONSTRAINTS, SUBJECT_ALTERNATIVE, SUBJECT_KEY,
     INHIBIT_ANY_POLICY, POLICY_CONSTRAINTS, POLICY_MAPPINGS, "2.5.29.18", "1.3.6.1.5.5.7.1.3")
)  # fmt: skip
_EMAIL = "1.2.840.113549.1.9.1"


@dataclass(frozen=True)
class Path:
    """From a certificate to the last one found: an anchor, or where it broke off."""

    certificates: tuple[Certificate, ...]
    is_anchored: bool

    @property
    def links(self) -> Iterable[tuple[Certificate, Certificate]]:
        """Each certificate with its issuer."""
        return zip(self.certificates, self.certificates[1:], strict=False)


def find_paths(
    certificate: Certificate, anchors: AnchorIndex, others: Sequence[Certificate]
) -> Iterator[Path]:
    """Every path to an anchor, shortest way first; the longest that breaks off where there is none."""
    steps = [_MOST_STEPS]
    broken = Path((certificate,), is_anchored=False)
    found = False
    for path in _extend((certificate,), anchors, others, steps):
        if path.is_anchored:
            found = True
            yield path
        elif len(path.certificates) > len(broken.certificates):
            broken = path
    if not found:
        yield broken


@dataclass(frozen=True)
class AnchorIndex:
    """Anchors by their name, so that hundreds of them cost no more than one."""

    all: frozenset[Certificate]
    by_name: Mapping[Name, tuple[Certificate, ...]]

    @classmethod
    def of(cls, anchors: Sequence[Certificate]) -> AnchorIndex:
        """The index of these anchors, which have to be readable."""
        found: dict[Name, tuple[Certificate, ...]] = {}
        for anchor in anchors:
            found[anchor.name] = (*found.get(anchor.name, ()), anchor)
        return cls(frozenset(anchors), found)

    def named(self, name: bytes) -> tuple[Certificate, ...]:
        """Those of that name, in their order."""
        try:
            return self.by_name.get(name_parts(name), ())
        except (BerError, IndexError):
            return ()


def _extend(
    way: tuple[Certificate, ...],
    anchors: AnchorIndex,
    others: Sequence[Certificate],
    steps: list[int],
) -> Iterator[Path]:
    last = way[-1]
    if last in anchors.all:
        yield Path(way, is_anchored=True)
        return
    if len(way) == _LONGEST:
        return
    stuck = True
    for issuer in _issuers(last, anchors, others):
        if steps[0] == 0:
            return
        steps[0] -= 1
        # The same name and key twice is a circle, whatever else differs.
        if any(
            issuer.public_key == each.public_key and same_name(issuer.subject, each.subject) for each in way
        ):
            continue
        try:
            if not last.is_issued_by(issuer):
                continue
        except (UnknownAlgorithm, BerError, IndexError):
            continue  # a step that cannot be checked leads nowhere
        stuck = False
        yield from _extend((*way, issuer), anchors, others, steps)
    if stuck:
        yield Path(way, is_anchored=False)


def _issuers(
    certificate: Certificate, anchors: AnchorIndex, others: Sequence[Certificate]
) -> list[Certificate]:
    """Who may have issued it, by name: anchors first, and of each the one with the key that it names."""
    wanted = certificate.issuer_key_identifier
    brought = (each for each in others if same_name(each.subject, certificate.issuer))
    return sorted(
        dict.fromkeys((*anchors.named(certificate.issuer), *brought)),
        key=lambda each: (wanted is not None and each.key_identifier != wanted, each not in anchors.all),
    )


def is_well_formed(path: Path) -> bool:
    """Whether each certificate above the first may have issued the one below (RFC 5280, 6.1.4 and 6.1.5).

    The anchor's own extensions count only where they limit the path: it is trusted because we say so.
    """
    below = 0
    for position, certificate in enumerate(path.certificates):
        is_anchor = path.is_anchored and position == len(path.certificates) - 1
        critical = {name for name, (flag, _) in certificate.extensions.items() if flag}
        if not is_anchor and critical - _UNDERSTOOD:
            return False
        if position == 0:
            continue
        is_authority, limit = certificate.authority
        if not is_anchor and not is_authority:
            return False
        if limit is not None and below > limit:
            return False
        if certificate.key_usage is not None and "key_cert_sign" not in certificate.key_usage:
            return False
        constraints = certificate.extension(NAME_CONSTRAINTS)
        # 6.1.3 (b): an authority that renews its own key keeps its name.
        if constraints is not None and not all(
            _is_within(constraints, each)
            for number, each in enumerate(path.certificates[:position])
            if number == 0 or not each.is_self_issued
        ):
            return False
        if not certificate.is_self_issued:
            below += 1
    return are_policies_met(path.certificates[:-1] if path.is_anchored else path.certificates)


def _is_within(constraints: Element, certificate: Certificate) -> bool:
    """Name constraints (RFC 5280, 4.2.1.10), for the names that people and offices have."""
    names: list[tuple[int, bytes]] = [(0xA4, certificate.subject)] if name_parts(certificate.subject) else []
    alternative = certificate.extension(SUBJECT_ALTERNATIVE)
    for name in alternative.children if alternative is not None else ():
        names.append((name.tag, name.children[0].raw if name.tag == 0xA4 else name.content))
    for rdn in name_parts(certificate.subject):
        names.extend((0x81, text.encode()) for kind, text in rdn if kind == _EMAIL)
    if len(names) * sum(len(subtrees.children) for subtrees in constraints.children) > _MOST_NAMES_COMPARED:
        return False  # what was not compared is not within
    for subtrees in constraints.children:
        bases = [subtree.children[0] for subtree in subtrees.children]
        for kind, value in names:
            same_kind = [base for base in bases if base.tag == kind]
            excluding = subtrees.tag == 0xA1
            covered = any(_covers(base, value, otherwise=excluding) for base in same_kind)
            if same_kind and covered is excluding:
                return False
    return True


def _covers(base: Element, value: bytes, *, otherwise: bool) -> bool:
    """Whether a name lies below ``base``; ``otherwise`` for kinds that are not understood here."""
    if base.tag == 0xA4:
        above = name_parts(base.children[0].raw)
        return name_parts(value)[: len(above)] == above
    limit, text = base.content.decode("latin-1").lower(), value.decode("latin-1").lower()
    if base.tag == 0x81:
        host = text.rpartition("@")[2]
        if "@" in limit:
            return text == limit
        return host.endswith(limit) if limit.startswith(".") else host == limit
    if base.tag == 0x82:
        return text == limit or text.endswith("." + limit.lstrip("."))
    return otherwise


def weakness_of_path(path: Path) -> Weakness | None:
    """The oldest algorithm on the way; the anchor's own signature proves nothing and is left out.

    Raises:
        UnknownAlgorithm: a key cannot be read.
    """
    below = path.certificates[:-1] if path.is_anchored else path.certificates
    digests = (each.signature_digest for each in below)
    return worst(
        [
            *(weakness_of_digest(name) for name in digests if name is not None),
            *(weakness_of_key(each.public_key) for each in path.certificates),
        ]
    )
