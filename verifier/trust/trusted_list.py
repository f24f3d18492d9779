"""Trusted lists of the European Union (ETSI TS 119 612, version 2): which services are qualified, since when.

Of a list only what can vouch for a PDF is taken: authorities for qualified certificates (CA/QC) and
time-stamping services (TSA/QTST), for the times at which their status was “granted”.
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from storage.vocabulary import AbsahError
from verifier.ber import BerError
from verifier.certificate import read_certificate
from verifier.certificates import is_readable
from verifier.report import printable
from verifier.trust.anchor import Anchor, write_fingerprint
from verifier.trust.folder import KeptList
from verifier.trust.terms import Purpose, Terms
from verifier.trust.xml_signature import read_signed_document

_TSL = "{http://uri.etsi.org/02231/v2#}"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_PURPOSES: dict[str, Purpose] = {
    "http://uri.etsi.org/TrstSvc/Svctype/CA/QC": "signing",
    "http://uri.etsi.org/TrstSvc/Svctype/TSA/QTST": "time_stamping",
}
_GRANTED = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted"
# TS 119 612, 5.5.9.4: what the certificates of a CA/QC service are for.
_FOR = "http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/For"
_WEB_SITES = "http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/ForWebSiteAuthentication"
_TERRITORY = re.compile(r"[A-Z]{2}")


class NotATrustedList(AbsahError):
    """A signed document is not a trusted list that can be used."""

    code = "NOT_A_TRUSTED_LIST"


@dataclass(frozen=True)
class _Period:
    """Between which times a service had one status; ``end`` is None where it has it today."""

    status: str
    start: datetime
    end: datetime | None


def read_trusted_list(
    xml: bytes, fingerprint: bytes, *, now: datetime, source: str, added_by: str
) -> KeptList:
    """A list whose signature by the certificate with this SHA-256 holds, and the anchors in it.

    No anchor of a list counts for a time after the list's next update: from then on nobody says that the
    service is still qualified.

    Raises:
        BadXmlSignature: it is not what that certificate signed.
        NotATrustedList: it is of another kind, or past its next update.
    """
    root = read_signed_document(xml, fingerprint)
    scheme = root.find(f"{_TSL}SchemeInformation")
    if root.tag != f"{_TSL}TrustServiceStatusList" or scheme is None:
        raise NotATrustedList("It is not a trusted list (ETSI TS 119 612).")
    if _text(scheme, "TSLVersionIdentifier") not in ("5", "6"):
        raise NotATrustedList("It is a list of another version than 5 or 6 (TS 119 612, version 2).")
    territory = _text(scheme, "SchemeTerritory").upper()
    if not _TERRITORY.fullmatch(territory):
        raise NotATrustedList("It names no territory.")
    following = scheme.find(f"{_TSL}NextUpdate/{_TSL}dateTime")
    next_update = _time(following.text) if following is not None else None
    issued = _time(_text(scheme, "ListIssueDateTime"))
    if issued > now:
        raise NotATrustedList("It says that it was issued later than now; check the clock.")
    if next_update is not None and next_update < now:
        raise NotATrustedList(
            f"It was to be replaced by {next_update:%Y-%m-%d}; fetch a newer one.", code="TRUST_LIST_STALE"
        )
    sequence = _text(scheme, "TSLSequenceNumber")
    if not re.fullmatch(r"[0-9]{1,9}", sequence):
        raise NotATrustedList("It has no sequence number.")
    anchors = [
        anchor
        for provider in root.iterfind(f"{_TSL}TrustServiceProviderList/{_TSL}TrustServiceProvider")
        for service in provider.iterfind(f"{_TSL}TSPServices/{_TSL}TSPService")
        for anchor in _anchors(service, territory, next_update)
    ]
    return KeptList(
        territory=territory,
        operator=_name(scheme, "SchemeOperatorName"),
        sequence_number=int(sequence),
        issued=issued,
        next_update=next_update,
        source=source,
        signer=write_fingerprint(fingerprint),
        added_by=added_by,
        added_at=now,
        anchors=tuple(dict.fromkeys(anchors)),
    )


def _anchors(service: Any, territory: str, next_update: datetime | None) -> list[Anchor]:
    information = service.find(f"{_TSL}ServiceInformation")
    purpose = _PURPOSES.get(_text(information, "ServiceTypeIdentifier")) if information is not None else None
    if information is None or purpose is None or _only_for_web_sites(information):
        return []
    found = []
    for period in _periods(service, information):
        if period.status != _GRANTED:
            continue
        end = min((each for each in (period.end, next_update) if each is not None), default=None)
        terms = Terms(frozenset((purpose,)), period.start, end)
        for identity in information.iterfind(
            f"{_TSL}ServiceDigitalIdentity/{_TSL}DigitalId/{_TSL}X509Certificate"
        ):
            try:
                certificate = read_certificate(b64decode("".join((identity.text or "").split())))
            except (ValueError, BerError, IndexError):
                continue  # a certificate that cannot be read vouches for nobody
            if is_readable(certificate):
                name = _name(information, "ServiceName")
                found.append(Anchor(certificate.der, terms, "list", territory, note=name))
    return found


def _periods(service: Any, information: Any) -> list[_Period]:
    """The statuses of a service, today's first (TS 119 612, 5.5.10: the history has the same fields)."""
    instances = [information, *service.iterfind(f"{_TSL}ServiceHistory/{_TSL}ServiceHistoryInstance")]
    changes = sorted(
        ((_time(_text(each, "StatusStartingTime")), _text(each, "ServiceStatus")) for each in instances),
        reverse=True,
    )
    periods, end = [], None
    for start, status in changes:
        periods.append(_Period(status, start, end))
        end = start
    return periods


def _only_for_web_sites(information: Any) -> bool:
    uses = {
        (each.text or "").strip()
        for each in information.iter(f"{_TSL}URI")
        if (each.text or "").strip().startswith(_FOR)
    }
    return uses == {_WEB_SITES}


def _text(parent: Any, name: str) -> str:
    element = parent.find(f"{_TSL}{name}")
    return (element.text or "").strip() if element is not None else ""


def _name(parent: Any, name: str) -> str:
    """A name in English where there is one, else in the first language."""
    names = parent.findall(f"{_TSL}{name}/{_TSL}Name")
    names.sort(key=lambda each: each.get(_XML_LANG, "").lower() != "en")
    return printable((names[0].text or "").strip()) if names else ""


def _time(text: str | None) -> datetime:
    try:
        moment = datetime.fromisoformat((text or "").strip())
    except ValueError as error:
        raise NotATrustedList("A time in it makes no sense.") from error
    return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
