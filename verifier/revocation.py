"""Whether a certificate was revoked, and when, by the lists and answers that are at hand.

RFC 5280, 6.3, RFC 6960, ETSI EN 319 102-1, 5.2.5. Nothing is fetched here: what was fetched outside of the
sandbox comes in as bytes, and is believed no more than what a file brings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TypeVar

from verifier.algorithms import UnknownAlgorithm
from verifier.ber import BerError
from verifier.certificate import OCSP_SIGNING, Certificate, same_name
from verifier.ocsp import Response, read_response
from verifier.paths import AnchorIndex, Path, find_paths, is_well_formed
from verifier.pdf.objects import TooMuch
from verifier.revocation_list import RevocationList, read_revocation_list
from verifier.revocation_status import EVERY_REASON, Status

_Source = TypeVar("_Source", RevocationList, Response)

# Two clocks that are kept well.
_CLOCK_TOLERANCE = timedelta(minutes=5)
_MOST_PATHS = 20
_MOST_SOURCES = 1_000
_DEEPEST = 2
_UNUSABLE = (ValueError, TypeError, IndexError, UnknownAlgorithm)


@dataclass(frozen=True)
class RevocationData:
    """Every list and answer at hand, as DER; each is read once, and left out where it cannot be.

    ``crls`` and ``ocsps`` are what the file brings, ``fetched_crls`` and ``fetched_ocsps`` what was asked
    for. ``certificates`` may hold those of responders and of issuers of lists; such a one counts where it
    leads to the same of ``anchors`` as the certificate in question. ``now`` is the time of the check.
    """

    crls: Sequence[bytes] = ()
    ocsps: Sequence[bytes] = ()
    fetched_crls: Sequence[bytes] = ()
    fetched_ocsps: Sequence[bytes] = ()
    certificates: Sequence[Certificate] = ()
    anchors: Sequence[Certificate] = ()
    now: datetime | None = None
    _known: dict[tuple[bytes, bytes], tuple[Status, ...]] = field(default_factory=dict, compare=False)
    _paths: dict[bytes, tuple[Path, ...]] = field(default_factory=dict, compare=False)
    _under_way: set[bytes] = field(default_factory=set, compare=False)
    _used: dict[str, datetime] = field(default_factory=dict, compare=False)

    @cached_property
    def _index(self) -> AnchorIndex:
        return AnchorIndex.of(self.anchors)

    def __bool__(self) -> bool:
        return bool(self.crls or self.ocsps or self.fetched_crls or self.fetched_ocsps)

    @property
    def used(self) -> dict[str, datetime]:
        """The SHA-256 in hex of each fetched list or answer that said something, and until when it does."""
        return dict(self._used)

    def statuses(self, certificate: Certificate, issuer: Certificate) -> tuple[Status, ...]:
        """Everything that is said of a certificate."""
        key = certificate.der, issuer.public_key
        if key in self._known:
            return self._known[key]
        listed = self._by_lists(certificate, issuer)
        found = [*_complete(listed), *self._by_responses(certificate, issuer)]
        said = tuple(each for each in found if not self._is_early(each))
        if not self._under_way:
            # Within a question about an issuer of lists, that one's own lists have been left out.
            self._known[key] = said
        return said

    def is_covered(self, certificate: Certificate, issuer: Certificate) -> bool:
        """Whether the file itself brings what says something of a certificate."""
        return any(not each.fetched for each in self.statuses(certificate, issuer))

    def _is_early(self, status: Status) -> bool:
        """A *thisUpdate* that has not come yet makes nothing current; a revocation it tells is believed."""
        ahead = self.now is not None and status.issued > self.now + _CLOCK_TOLERANCE
        return ahead and status.revoked_at is None

    @cached_property
    def _lists(self) -> list[tuple[RevocationList, str | None]]:
        return _read(read_revocation_list, self.crls, self.fetched_crls)

    @cached_property
    def _deltas(self) -> list[tuple[RevocationList, str | None]]:
        return [each for each in self._lists if each[0].is_delta]

    @cached_property
    def _responses(self) -> list[tuple[Response, str | None]]:
        return _read(read_response, self.ocsps, self.fetched_ocsps)

    def _by_lists(self, certificate: Certificate, issuer: Certificate) -> list[Status]:
        found = []
        for crl, fetched in self._lists:
            if crl.is_delta:
                continue
            deltas = [each for each in self._deltas if each[0].is_delta_of(crl)]
            for authority in self._authorities(crl, issuer):
                try:
                    status = crl.status(certificate, authority)
                    if status is not None:
                        found.append(self._told(status, fetched))
                    for delta, fetched_delta in deltas:
                        status = crl.status_with(delta, certificate, authority)
                        if status is not None:
                            found.append(self._told(status, fetched, fetched_delta))
                except _UNUSABLE:
                    continue  # evidence that cannot be read is none, which lowers trust by itself
        return found

    def _by_responses(self, certificate: Certificate, issuer: Certificate) -> list[Status]:
        found = []
        for response, fetched in self._responses:
            try:
                said = response.statuses(certificate, issuer, self._responders, self._was_revoked)
            except _UNUSABLE:
                continue  # as above
            found += [self._told(status, fetched) for status in said]
        return found

    def _told(self, status: Status, *fetched: str | None) -> Status:
        for name in fetched:
            if name is not None:
                self._used[name] = status.until
        return replace(status, fetched=any(fetched))

    @cached_property
    def _responders(self) -> list[Certificate]:
        return [each for each in self.certificates if OCSP_SIGNING in (each.extended_key_usage or ())]

    def _was_revoked(self, responder: Certificate, issuer: Certificate, moment: datetime) -> bool:
        # Lists alone: what a responder says of itself says nothing (RFC 6960, 4.2.2.2.1).
        since = (each.revoked_at for each in self._by_lists(responder, issuer))
        return any(each is not None and each <= moment for each in since)

    def _authorities(self, crl: RevocationList, issuer: Certificate) -> Iterator[Certificate]:
        """Whose key may have signed a list about certificates of ``issuer`` (RFC 5280, 6.3.3 (f)).

        The issuer itself, or another that the same anchor vouches for: its other key, or the issuer of an
        indirect list.
        """
        if same_name(crl.issuer, issuer.subject):
            yield issuer
        for other in dict.fromkeys((*self.anchors, *self.certificates)):
            if (
                other.public_key != issuer.public_key
                and same_name(crl.issuer, other.subject)
                and "crl_sign" in (other.key_usage or ())
                and crl.signed.is_signed_by(other)
                and self._may_speak_for(other, issuer, crl.issued)
            ):
                yield other

    def _may_speak_for(self, other: Certificate, issuer: Certificate, moment: datetime) -> bool:
        if other.der in self._under_way or len(self._under_way) == _DEEPEST:
            return False  # its own status would hang on itself, or on ever more of its kind
        if not other.not_before <= moment <= other.not_after:
            return False
        anchors = {path.certificates[-1] for path in self._paths_from(issuer)}
        self._under_way.add(other.der)
        try:
            return any(
                path.certificates[-1] in anchors
                and not any(
                    status.revoked_at is not None and status.revoked_at <= moment
                    for below, above in path.links
                    for status in self.statuses(below, above)
                )
                for path in self._paths_from(other)
            )
        finally:
            self._under_way.discard(other.der)

    def _paths_from(self, certificate: Certificate) -> tuple[Path, ...]:
        if certificate.der not in self._paths:
            found = []
            for path in find_paths(certificate, self._index, self.certificates):
                try:
                    if path.is_anchored and is_well_formed(path):
                        found.append(path)
                except (BerError, IndexError):
                    continue  # a path that cannot be read leads nowhere
                if len(found) == _MOST_PATHS:
                    break
            self._paths[certificate.der] = tuple(found)
        return self._paths[certificate.der]


def _read(
    read: Callable[[bytes], _Source], brought: Iterable[bytes], fetched: Iterable[bytes]
) -> list[tuple[_Source, str | None]]:
    """Each source with the hash by which whoever fetched it knows it; None where the file brought it.

    Raises:
        TooMuch: none is left out of too many, since it could be the one that says "revoked".
    """
    found = []
    named: dict[bytes, str | None] = dict.fromkeys(brought)
    for der in fetched:
        named.setdefault(der, hashlib.sha256(der).hexdigest())
    if len(named) > _MOST_SOURCES:
        raise TooMuch("too many lists or answers")
    for der, name in named.items():
        try:
            found.append((read(der), name))
        except _UNUSABLE:
            continue  # evidence that cannot be read is none, which lowers trust by itself
    return found


def _complete(listed: Sequence[Status]) -> list[Status]:
    """What lists for some reasons only say together (RFC 5280, 6.3.3, *reasons_mask*).

    "Revoked" stands by itself. "Not revoked" needs lists for every reason, and is as old as the oldest.
    """
    whole = [each for each in listed if each.reasons == EVERY_REASON or each.revoked_at is not None]
    latest: dict[frozenset[int], Status] = {}
    for each in listed:
        if each.reasons != EVERY_REASON and each.revoked_at is None:
            known = latest.get(each.reasons)
            latest[each.reasons] = each if known is None or each.issued > known.issued else known
    parts = list(latest.values())
    if parts and frozenset().union(*(each.reasons for each in parts)) == EVERY_REASON:
        whole.append(
            Status(
                None,
                min(each.issued for each in parts),
                min(each.until for each in parts),
                fetched=any(each.fetched for each in parts),
            )
        )
    return whole
