"""Certificate policies on a path: whether one that is demanded is there (RFC 5280, 6.1; RFC 9618).

We ask for no policy of our own. An authority may: with *requireExplicitPolicy* it says that below it only
certificates under a policy that leads up to it count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from verifier.ber import SEQUENCE
from verifier.certificate import (
    CERTIFICATE_POLICIES,
    INHIBIT_ANY_POLICY,
    POLICY_CONSTRAINTS,
    POLICY_MAPPINGS,
    Certificate,
)

_ANY = "2.5.29.32.0"
# Of each policy at one depth, what the certificates below may call it (RFC 9618, 3: a graph, not a tree).
_Policies = Mapping[str, frozenset[str]]


def are_policies_met(certificates: Sequence[Certificate]) -> bool:
    """Whether a path, from the signer's certificate to the one below the anchor, has the policies it demands.

    Raises:
        BerError, IndexError: an extension about policies cannot be read.
    """
    asked = {name for each in certificates for name in each.extensions}
    if not asked & {POLICY_CONSTRAINTS, POLICY_MAPPINGS}:
        return True  # nobody demands one, and nobody renames one
    # (6.1.2) Each counter says after how many more certificates its rule begins; 0 is now.
    explicit = mapping = inhibit_any = len(certificates) + 1
    policies: _Policies | None = {_ANY: frozenset((_ANY,))}
    for position in range(len(certificates) - 1, -1, -1):
        certificate, is_last = certificates[position], position == 0
        # (6.1.3, d to f)
        any_counts = inhibit_any > 0 or (not is_last and certificate.is_self_issued)
        policies = _below(policies, certificate, any_counts=any_counts)
        if policies is None and explicit == 0:
            return False
        if is_last:
            break
        # (6.1.4, a and b)
        mappings = _mappings(certificate)
        if _ANY in mappings or any(_ANY in names for names in mappings.values()):
            return False
        policies = _renamed(policies, mappings, allowed=mapping > 0)
        # (6.1.4, h to j)
        if not certificate.is_self_issued:
            explicit, mapping, inhibit_any = (max(each - 1, 0) for each in (explicit, mapping, inhibit_any))
        required, no_mapping = _constraints(certificate)
        explicit, mapping = _least(explicit, required), _least(mapping, no_mapping)
        inhibit_any = _least(inhibit_any, _inhibit_any(certificate))
    # (6.1.5, a and b)
    explicit = max(explicit - 1, 0)
    if _constraints(certificates[0])[0] == 0:
        explicit = 0
    return explicit > 0 or policies is not None


def _below(policies: _Policies | None, certificate: Certificate, *, any_counts: bool) -> _Policies | None:
    """The policies at the depth of a certificate; None where none leads up to the anchor."""
    stated = certificate.extension(CERTIFICATE_POLICIES)
    if policies is None or stated is None:
        return None
    named = {part.expect(SEQUENCE).children[0].oid() for part in stated.children}
    expected = frozenset().union(*policies.values())
    found = {name for name in named - {_ANY} if name in expected or _ANY in policies}
    if _ANY in named and any_counts:
        found |= expected
    return {name: frozenset((name,)) for name in found} or None


def _renamed(
    policies: _Policies | None, mappings: Mapping[str, frozenset[str]], *, allowed: bool
) -> _Policies | None:
    """The policies under the names that an authority says they have below it."""
    if policies is None or not mappings:
        return policies
    if not allowed:
        return {name: below for name, below in policies.items() if name not in mappings} or None
    renamed = dict(policies)
    for name, below in mappings.items():
        if name in policies or _ANY in policies:
            renamed[name] = below
    return renamed


def _mappings(certificate: Certificate) -> dict[str, frozenset[str]]:
    value = certificate.extension(POLICY_MAPPINGS)
    found: dict[str, frozenset[str]] = {}
    for pair in value.children if value is not None else ():
        above, below = (part.oid() for part in pair.expect(SEQUENCE).children[:2])
        found[above] = found.get(above, frozenset()) | {below}
    return found


def _constraints(certificate: Certificate) -> tuple[int | None, int | None]:
    """After how many certificates a policy is required, and mappings no longer count; None for never."""
    value = certificate.extension(POLICY_CONSTRAINTS)
    found: dict[int, int] = {}
    for part in value.children if value is not None else ():
        found[part.tag] = int.from_bytes(part.content, "big")
    return found.get(0x80), found.get(0x81)


def _inhibit_any(certificate: Certificate) -> int | None:
    value = certificate.extension(INHIBIT_ANY_POLICY)
    return value.integer() if value is not None else None


def _least(counter: int, limit: int | None) -> int:
    return counter if limit is None else min(counter, limit)
