"""Makes and signs small trusted lists (ETSI TS 119 612), good ones and ones that are wrong in one way."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree
from small_pki import NOW, Identity

QC = "http://uri.etsi.org/TrstSvc/Svctype/CA/QC"
QTST = "http://uri.etsi.org/TrstSvc/Svctype/TSA/QTST"
GRANTED = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted"
WITHDRAWN = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/withdrawn"
WEB = "http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/ForWebSiteAuthentication"
SIGNATURES = "http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/ForeSignatures"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_DS = "http://www.w3.org/2000/09/xmldsig#"
_XADES = "http://uri.etsi.org/01903/v1.3.2#"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"


@dataclass(frozen=True)
class Service:
    certificate: x509.Certificate
    kind: str = QC
    status: str = GRANTED
    since: datetime = NOW - timedelta(days=400)
    history: Sequence[tuple[str, datetime]] = ()
    uses: Sequence[str] = ()


@dataclass(frozen=True)
class ListMaker:
    services: Sequence[Service]
    sequence_number: int = 7
    issued: datetime = NOW - timedelta(days=10)
    next_update: datetime | None = NOW + timedelta(days=150)
    version: str = "5"
    territory: str = "XX"
    reference: str = ""
    transforms: Sequence[str] = field(default=(ENVELOPED, EXCLUSIVE))

    def unsigned(self) -> bytes:
        following = f"<dateTime>{_time(self.next_update)}</dateTime>" if self.next_update else ""
        services = "".join(_service(each) for each in self.services)
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<!-- made by a test -->\n'
            '<TrustServiceStatusList xmlns="http://uri.etsi.org/02231/v2#" Id="list"'
            ' TSLTag="http://uri.etsi.org/19612/TSLTag">\n<SchemeInformation>'
            f"<TSLVersionIdentifier>{self.version}</TSLVersionIdentifier>"
            f"<TSLSequenceNumber>{self.sequence_number}</TSLSequenceNumber>"
            '<SchemeOperatorName><Name xml:lang="id">Badan</Name><Name xml:lang="en">Sample Agency</Name>'
            f"</SchemeOperatorName><SchemeTerritory>{self.territory}</SchemeTerritory>"
            f"<ListIssueDateTime>{_time(self.issued)}</ListIssueDateTime><NextUpdate>{following}</NextUpdate>"
            "</SchemeInformation>\n<TrustServiceProviderList><TrustServiceProvider><TSPInformation/>"
            f"<TSPServices>{services}</TSPServices></TrustServiceProvider></TrustServiceProviderList>\n"
            "</TrustServiceStatusList>"
        ).encode()

    def signed(self, by: Identity) -> bytes:
        """The list with an enveloped XAdES signature as the last child of its root."""
        root = etree.fromstring(self.unsigned())
        properties = (
            f'<xades:SignedProperties xmlns:xades="{_XADES}" Id="properties">'
            "<xades:SignedSignatureProperties>"
            f"<xades:SigningTime>{_time(self.issued)}</xades:SigningTime>"
            "</xades:SignedSignatureProperties></xades:SignedProperties>"
        )
        covered = root.getroottree() if self.reference == "" else root
        transforms = "".join(f'<ds:Transform Algorithm="{each}"/>' for each in self.transforms)
        method = "ecdsa-sha256" if isinstance(by.key, ec.EllipticCurvePrivateKey) else "rsa-sha256"
        info = (
            f'<ds:SignedInfo xmlns:ds="{_DS}"><ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"/>'
            f'<ds:SignatureMethod Algorithm="{_MORE}{method}"/>'
            f'<ds:Reference URI="{self.reference}"><ds:Transforms>{transforms}</ds:Transforms>'
            f"{_digest(_canonical(covered))}</ds:Reference>"
            '<ds:Reference URI="#properties" Type="http://uri.etsi.org/01903#SignedProperties"><ds:Transforms>'
            f'<ds:Transform Algorithm="{EXCLUSIVE}"/></ds:Transforms>'
            f"{_digest(_canonical(etree.fromstring(properties)))}</ds:Reference></ds:SignedInfo>"
        )
        value = base64.b64encode(_sign(by, _canonical(etree.fromstring(info)))).decode()
        certificate = base64.b64encode(by.certificate.public_bytes(serialization.Encoding.DER)).decode()
        root.append(
            etree.fromstring(
                f'<ds:Signature xmlns:ds="{_DS}">{info}<ds:SignatureValue>{value}</ds:SignatureValue>'
                f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data>"
                f'</ds:KeyInfo><ds:Object><xades:QualifyingProperties xmlns:xades="{_XADES}">{properties}'
                "</xades:QualifyingProperties></ds:Object></ds:Signature>"
            )
        )
        return etree.tostring(root.getroottree(), xml_declaration=True, encoding="UTF-8")


def fingerprint(certificate: x509.Certificate) -> bytes:
    return certificate.fingerprint(hashes.SHA256())


def _service(service: Service) -> str:
    der = base64.b64encode(service.certificate.public_bytes(serialization.Encoding.DER)).decode()
    extensions = "".join(
        f"<Extension><AdditionalServiceInformation><URI>{use}</URI></AdditionalServiceInformation></Extension>"
        for use in service.uses
    )
    history = "".join(
        f"<ServiceHistoryInstance><ServiceTypeIdentifier>{service.kind}</ServiceTypeIdentifier>"
        f"<ServiceStatus>{status}</ServiceStatus><StatusStartingTime>{_time(since)}</StatusStartingTime>"
        "</ServiceHistoryInstance>"
        for status, since in service.history
    )
    return (
        f"<TSPService><ServiceInformation><ServiceTypeIdentifier>{service.kind}</ServiceTypeIdentifier>"
        '<ServiceName><Name xml:lang="en">A service</Name></ServiceName><ServiceDigitalIdentity><DigitalId>'
        f"<X509Certificate>{der}</X509Certificate></DigitalId></ServiceDigitalIdentity>"
        f"<ServiceStatus>{service.status}</ServiceStatus>"
        f"<StatusStartingTime>{_time(service.since)}</StatusStartingTime>"
        f"<ServiceInformationExtensions>{extensions}</ServiceInformationExtensions></ServiceInformation>"
        f"<ServiceHistory>{history}</ServiceHistory></TSPService>"
    )


def _sign(by: Identity, content: bytes) -> bytes:
    if isinstance(by.key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(by.key.sign(content, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return by.key.sign(content, padding.PKCS1v15(), hashes.SHA256())


def _canonical(element: object) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def _digest(content: bytes) -> str:
    value = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return f'<ds:DigestMethod Algorithm="{_SHA256}"/><ds:DigestValue>{value}</ds:DigestValue>'


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
