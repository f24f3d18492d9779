"""Whom a certificate names, and whether it was to be trusted at a given time.

ETSI EN 319 102-1, 5.2.6 (validation now) and 5.6 (validation in the past), over `verifier.paths` and
`verifier.revocation`. Revocation data is used where it is at hand; where there is none, that is told.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Literal

from verifier.algorithms import UnknownAlgorithm, Weakness
from verifier.anchor_sets import MOST_SETS
from verifier.ber import BerError
from verifier.certificate import TIME_STAMPING, Certificate, name_attributes, read_certificate
from verifier.paths import AnchorIndex, Path, find_paths, is_well_formed, weakness_of_path
from verifier.report import Kind, Trust, printable
from verifier.revocation import RevocationData
from verifier.revocation_status import held_since, revoked_since
from verifier.trust.terms import UNLIMITED, Purpose, Terms, read_terms

# RFC 4514, section 3, and the few more that Indonesian certificates carry.
_SHORT = {
    "2.5.4.3": "CN",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.12": "T",
    "2.5.4.42": "GN",
    "2.5.4.4": "SN",
    "2.5.4.97": "organizationIdentifier",
}
# The subject's serial number can be a citizen number, so a report leaves it out, like e-mail addresses.
_SEAL_MARK = re.compile(r"\b(segel elektronik|e-?seal|electronic seal)\b", re.IGNORECASE)
_QC_STATEMENTS = "1.3.6.1.5.5.7.1.3"
# id-etsi-qct-eseal, 0.4.0.1862.1.6.2 (EN 319 412-5, 4.2.3), as DER.
_QCT_ESEAL = bytes.fromhex("060704008e46010602")


_PEM = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END", re.ASCII)
_MOST_PATHS = 20

Known = Literal["known", "stale", "unknown"]


class Anchor(Certificate):
    """A certificate that we trust, and on which terms."""

    def __init__(self, der: bytes, terms: Terms) -> None:
        """Raises `BerError` where ``der`` has not the outer form of a certificate."""
        super().__init__(der)
        self.terms = terms


@dataclass(frozen=True)
class Evidence:
    """What helps to judge certificates: the anchors we trust, and what the file itself brings.

    ``vri_keys`` are the keys of the DSS's /VRI, ``data_end`` is where the revision ends that first brought a
    DSS; None where that is not known or there is none. ``doubtful`` grows while certificates are judged.
    """

    anchors: tuple[Certificate, ...]
    certificates: tuple[Certificate, ...] = ()
    revocation: RevocationData = field(default_factory=RevocationData)
    vri_keys: tuple[str, ...] = ()
    data_end: int | None = None
    _paths: dict[bytes, tuple[Path, ...]] = field(default_factory=dict, compare=False)
    doubtful: dict[Certificate, Certificate] = field(default_factory=dict, compare=False)
    """Certificates of trusted paths that no revocation data at hand speaks about, each with its issuer."""

    @cached_property
    def _index(self) -> AnchorIndex:
        return AnchorIndex.of(self.anchors)

    def paths(self, certificate: Certificate) -> tuple[Path, ...]:
        """The paths from a certificate, built once."""
        if certificate.der not in self._paths:
            found = []
            for path in find_paths(certificate, self._index, self.certificates):
                found.append(path)
                if len(found) == _MOST_PATHS:
                    break
            self._paths[certificate.der] = tuple(found)
        return self._paths[certificate.der]


@dataclass(frozen=True)
class TrustAnswer:
    """Whether a certificate was to be trusted; ``subindication`` is that of EN 319 102-1, None if it was.

    ``revocation`` says whether data at hand could speak about the whole path at that time, ``what`` names an
    old algorithm, ``revoked_at`` the time of a revocation that came later, ``path`` the one that was judged.
    """

    trust: Trust
    subindication: str | None = None
    finding: str | None = None
    revocation: Known = "unknown"
    what: str = ""
    revoked_at: datetime | None = None
    path: Path | None = None


UNREADABLE_CHAIN = TrustAnswer("undetermined", "CERTIFICATE_CHAIN_GENERAL_FAILURE", "SIGNER_UNTRUSTED")


def load_anchors(encoded: Sequence[bytes]) -> tuple[Anchor, ...]:
    """Certificates in DER or PEM; a PEM may hold several, each with its terms in front.

    Raises:
        ValueError: one of them is not a certificate, or its terms make no sense.
    """
    return _load_set(tuple(encoded))


@lru_cache(maxsize=MOST_SETS)
def _load_set(encoded: tuple[bytes, ...]) -> tuple[Anchor, ...]:
    # Remembered with all that has been read of them: anchors come from our settings, never from a file.
    return tuple(anchor for data in encoded for anchor in _read_anchors(data))


def _read_anchors(data: bytes) -> tuple[Anchor, ...]:
    found, before = [], 0
    for match in _PEM.finditer(data):
        found.append((base64.b64decode(match[1]), read_terms(data[before : match.start()])))
        before = match.end()
    anchors = tuple(Anchor(read_certificate(der).der, terms) for der, terms in found or [(data, UNLIMITED)])
    for anchor in anchors:
        # Fail here, not while judging.
        if not is_readable(anchor):
            raise BerError("no certificate")
    return anchors


def is_readable(certificate: Certificate) -> bool:
    """Whether a certificate can be read to its last field."""
    try:
        _ = certificate.not_before, certificate.not_after, certificate.extensions, certificate.key_bits
        _ = certificate.authority, certificate.key_usage, certificate.key_identifier
        _ = certificate.issuer_key_identifier, certificate.extended_key_usage
        _ = certificate.name, name_attributes(certificate.subject), name_attributes(certificate.issuer)
    except (BerError, IndexError, UnknownAlgorithm):
        return False
    return True


def signer_name(certificate: Certificate) -> str:
    """The subject, ``CN=…, O=…``, without serial numbers and addresses."""
    try:
        attributes = name_attributes(certificate.subject)
    except (BerError, IndexError):
        return "—"
    parts = [f"{_SHORT[kind]}={printable(text)}" for kind, text in attributes if kind in _SHORT]
    parts.sort(key=lambda part: not part.startswith("CN="))
    return ", ".join(parts) or "—"


def signer_kind(certificate: Certificate) -> Kind:
    """Whether a certificate is a person's (``signature``) or an organisation's (``e_seal``).

    In this order: the certificate says so itself (QcType, EN 319 412-5); it names a person (given name or
    surname); it names an organisation with a seal's mark: an organisationIdentifier (EN 319 412-3), the
    organisation as its common name, or the words for an e-seal in its name. Otherwise a signature.
    """
    try:
        statements = certificate.extensions.get(_QC_STATEMENTS)
        texts: dict[str, list[str]] = {}
        for kind, text in name_attributes(certificate.subject):
            texts.setdefault(_SHORT.get(kind, ""), []).append(text)
    except (BerError, IndexError):
        return "signature"
    if statements is not None and _QCT_ESEAL in statements[1]:
        return "e_seal"
    organisations, names = texts.get("O", []), texts.get("CN", [])
    if texts.get("GN") or texts.get("SN") or not organisations:
        return "signature"
    marked = any(_SEAL_MARK.search(text) for text in names + texts.get("OU", []))
    same = {text.casefold() for text in names} & {text.casefold() for text in organisations}
    return "e_seal" if marked or same or texts.get("organizationIdentifier") else "signature"


def judge_signer(
    certificate: Certificate,
    evidence: Evidence,
    moment: datetime,
    *,
    time_proven: bool,
    made_after: datetime | None = None,
) -> TrustAnswer:
    """Whether a signer's certificate led to an anchor at ``moment``.

    ``time_proven`` says that a time-stamp proves that the signature existed at ``moment``; without it an
    expired or revoked certificate only leaves open when the signature was made. ``made_after`` is a proven
    time before which it was not made.
    """
    return _best(certificate, evidence, moment, time_proven, made_after, is_signer=True)


def judge_time_stamper(
    certificate: Certificate, evidence: Evidence, moment: datetime, *, time_proven: bool = False
) -> TrustAnswer:
    """Whether a time-stamping authority's certificate leads to an anchor at ``moment``."""
    return _best(certificate, evidence, moment, time_proven, None, is_signer=False)


def _best(
    certificate: Certificate,
    evidence: Evidence,
    moment: datetime,
    time_proven: bool,
    made_after: datetime | None,
    *,
    is_signer: bool,
) -> TrustAnswer:
    """The answer of the first path that holds; where none does, that of the one that failed latest."""
    worst: TrustAnswer | None = None
    try:
        for path in evidence.paths(certificate):
            answer = _judge_path(path, evidence, moment, time_proven, made_after, is_signer=is_signer)
            if answer.trust == "trusted":
                return replace(answer, path=path)
            if worst is None or answer.trust == "revoked":
                worst = replace(answer, path=path)
    except (BerError, IndexError, UnknownAlgorithm, OverflowError):
        return UNREADABLE_CHAIN  # a certificate that cannot be read vouches for nobody
    return worst or UNREADABLE_CHAIN


def _judge_path(
    path: Path,
    evidence: Evidence,
    moment: datetime,
    time_proven: bool,
    made_after: datetime | None,
    *,
    is_signer: bool,
) -> TrustAnswer:
    """EN 319 102-1, 5.2.6.4 for one path, at the proven time or now."""
    purpose: Purpose = "signing" if is_signer else "time_stamping"
    if not path.is_anchored or not _vouches(path.certificates[-1], evidence, purpose, moment):
        ended = (
            path.is_anchored
            and not time_proven
            and _vouched(path.certificates[-1], evidence, purpose, moment)
        )
        name = "NO_CERTIFICATE_CHAIN_FOUND" + ("_NO_POE" if ended else "")
        return TrustAnswer("untrusted", name, "SIGNER_UNTRUSTED")
    certificate = path.certificates[0]
    if not (_may_sign(certificate) if is_signer else _may_stamp(certificate)) or not is_well_formed(path):
        return TrustAnswer("untrusted", "CHAIN_CONSTRAINTS_FAILURE", "SIGNER_UNSUITABLE")
    known = _revocation_known(path, evidence, moment)
    # Revocation first: "revoked" is the stronger statement about a certificate that has expired as well.
    later: datetime | None = None
    suspended: TrustAnswer | None = None
    for position, (below, issuer) in enumerate(path.links):
        statuses = evidence.revocation.statuses(below, issuer)
        held = held_since(statuses)
        if held is not None and held <= moment:
            # 5.2.6.4: a suspension may end, so nothing is certain before it has.
            suspended = TrustAnswer("undetermined", "TRY_LATER", "CERTIFICATE_ON_HOLD")
        since = revoked_since(statuses)
        if since is None:
            continue
        if since > moment:
            later = since if position == 0 else later
        elif position > 0:
            return TrustAnswer("revoked", "REVOKED_CA_NO_POE", "ISSUER_REVOKED")
        else:
            certain = made_after is not None and made_after >= since
            return TrustAnswer("revoked", "REVOKED" if certain else "REVOKED_NO_POE", "SIGNER_REVOKED")
    if suspended is not None:
        return suspended
    # RFC 5280, 6.1: the anchor itself has no end but the one that we give it.
    for below in path.certificates[:-1] or path.certificates:
        if moment < below.not_before:
            name = "NOT_YET_VALID" if time_proven and below is certificate else "OUT_OF_BOUNDS_NO_POE"
            return TrustAnswer("untrusted", name, "SIGNER_NOT_YET_VALID", known)
        if moment > below.not_after:
            return TrustAnswer(
                "expired", _expired_how(path, below, evidence, made_after), "SIGNER_EXPIRED", known
            )
    weakness = weakness_of_path(path)
    if is_too_weak(weakness, moment, time_proven=time_proven):
        what = weakness.name if weakness is not None else ""
        return replace(
            too_weak(time_proven=time_proven), finding="WEAK_ALGORITHM", revocation=known, what=what
        )
    for below, issuer in path.links:
        if not any(each.is_fresh(moment) for each in evidence.revocation.statuses(below, issuer)):
            evidence.doubtful[below] = issuer
    return TrustAnswer("trusted", revocation=known, revoked_at=later)


def _vouches(last: Certificate, evidence: Evidence, purpose: Purpose, moment: datetime) -> bool:
    """Whether an anchor with this certificate is trusted for that purpose and time."""
    same = (each for each in evidence.anchors if each == last)
    return any(not isinstance(each, Anchor) or each.terms.allow(purpose, moment) for each in same)


def _vouched(last: Certificate, evidence: Evidence, purpose: Purpose, moment: datetime) -> bool:
    """Whether an anchor was trusted for that purpose until before ``moment`` (5.2.6: its sunset date)."""
    return any(
        isinstance(each, Anchor)
        and purpose in each.terms.purposes
        and each.terms.end is not None
        and each.terms.end < moment
        for each in evidence.anchors
        if each == last
    )


def is_too_weak(weakness: Weakness | None, moment: datetime, *, time_proven: bool) -> bool:
    """Whether an old algorithm spoils a signature, not proven from before it was broken (5.6.2.4)."""
    return weakness is not None and not (time_proven and moment < weakness.since)


def too_weak(*, time_proven: bool) -> TrustAnswer:
    """The answer about what an old algorithm spoils."""
    return TrustAnswer("undetermined", "CRYPTO_CONSTRAINTS_FAILURE" + ("" if time_proven else "_NO_POE"))


def _expired_how(path: Path, expired: Certificate, evidence: Evidence, made_after: datetime | None) -> str:
    certificate = path.certificates[0]
    if expired is certificate and made_after is not None and made_after > certificate.not_after:
        return "EXPIRED"
    if len(path.certificates) > 1 and expired is certificate:
        statuses = evidence.revocation.statuses(certificate, path.certificates[1])
        if statuses and any(max(each.issued, each.until) >= certificate.not_after for each in statuses):
            return "OUT_OF_BOUNDS_NOT_REVOKED"
    return "OUT_OF_BOUNDS_NO_POE"


def _may_sign(certificate: Certificate) -> bool:
    """RFC 5280, 4.2.1.3: a certificate without the extension may be used for anything."""
    usage = certificate.key_usage
    return usage is None or bool(usage & {"digital_signature", "non_repudiation"})


def _may_stamp(certificate: Certificate) -> bool:
    """RFC 3161, 2.3: the purpose has to be named. RFC 5280, 4.2.1.12: and the key usage has to allow it."""
    return TIME_STAMPING in (certificate.extended_key_usage or ()) and _may_sign(certificate)


def _revocation_known(path: Path, evidence: Evidence, moment: datetime) -> Known:
    """Whether every certificate below the anchor has revocation data that can speak about ``moment``."""
    answer: Known = "known"
    for below, issuer in path.links:
        statuses = evidence.revocation.statuses(below, issuer)
        if not statuses:
            return "unknown"
        if not any(each.is_fresh(moment) for each in statuses):
            answer = "stale"
    return answer


def is_revocation_complete(certificates: Iterable[Certificate | None], evidence: Evidence) -> bool:
    """Whether the file brings revocation data for each certificate and all above it (EN 319 142-1, 5.4).

    A path that breaks off counts as it was found: the level is what is there, whoever we trust.
    """
    for certificate in certificates:
        if certificate is None:
            return False
        try:
            paths = evidence.paths(certificate)
            if not any(_has_data_throughout(path, evidence) for path in paths):
                return False
        except (BerError, IndexError, UnknownAlgorithm):
            return False
    return True


def _has_data_throughout(path: Path, evidence: Evidence) -> bool:
    links = list(path.links)
    last = path.certificates[-1]
    ended = path.is_anchored or last.is_self_issued
    return ended and all(evidence.revocation.is_covered(below, issuer) for below, issuer in links)
