"""A check's answer as a validation report of ETSI TS 119 102-2 (XML).

For programs that ask several validators and keep what they said. It says no more than `Report` does: each
signature's indications, what was used to come to them, and by when each of that is proven to have existed.
The report is not signed.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from importlib.metadata import version

from lxml import etree  # type: ignore[import-untyped]  # ships no annotations

from verifier.details import (
    Algorithm,
    Chain,
    Existence,
    ObjectKind,
    SignatureDetails,
    Stamp,
    StampReference,
    Stated,
    ValidationObject,
)
from verifier.etsi_constraints import Constraint, constraints_of
from verifier.etsi_names import (
    OWN,
    REPORT,
    SCHEMA,
    SCHEMA_INSTANCE,
    TRUSTED_LIST,
    URN,
    XADES,
    XML_SIGNATURE,
    digest_uri,
    signature_uri,
)
from verifier.inventory import iso
from verifier.report import Observation, Report, SignatureReport, is_altered, printable
from verifier.words import finding_message

MEDIA_TYPE = "application/xml"

_NAMESPACES = {
    None: REPORT, "ds": XML_SIGNATURE, "xades": XADES, "tsl": TRUSTED_LIST, "xs": SCHEMA,
    "xsi": SCHEMA_INSTANCE,
}  # fmt: skip
_OBJECTS: dict[ObjectKind, str] = {
    "certificate": "certificate", "crl": "CRL", "ocsp_response": "OCSPResponse", "time_stamp": "timestamp",
}  # fmt: skip
_STAMPS = {
    "signature": "SignatureTimeStamp", "content": "AllDataObjectsTimeStamp", "document": "DocTimeStamp",
}  # fmt: skip
# EN 319 102-1, 5.1.3 leaves "any other reason" without a name that TS 119 102-2 would have a URN for.
_UNNAMED = "GENERIC"


def write_etsi_report(report: Report) -> bytes:
    """The report about one file as an XML document in UTF-8.

    One ``SignatureValidationReport`` for each signature and e-seal. Document time-stamps are validation
    objects; they have one of their own where they count against the file, or it has nothing else. A file
    without signatures, or one that could not be read, has one that says so, as the schema demands one. What
    `verifier.check.check` was not asked for (``in_detail``) is left out.
    """
    root = etree.Element(_name("ValidationReport"), nsmap=_NAMESPACES)
    details = report.details.signatures if report.details is not None else (None,) * len(report.signatures)
    pairs = list(zip(report.signatures, details, strict=True))
    signers = [pair for pair in pairs if pair[0].kind != "document_timestamp" or _spoils(pair[0])] or pairs
    told_of = _told_of(report)
    for number, (signature, detail) in enumerate(signers, 1):
        _signature(root, report, signature, detail, number, told_of)
    if not signers:
        element = _add(root, "SignatureValidationReport")
        _time_info(element, report, None)
        status = _status(element, "indeterminate", None)
        _data(_add(status, "AssociatedValidationReportData"), _told(report, None, {}))
    objects = report.details.objects if report.details is not None else ()
    if objects:
        listed = _add(root, "SignatureValidationObjects")
        for item in objects:
            _object(listed, report, item)
    validator = _add(_add(root, "SignatureValidator"), "DigitalId")
    # Nothing signs for the validator, so there is no certificate to name.
    _add(validator, "Other", f"Absah {version('absah')}", namespace=TRUSTED_LIST)
    etree.indent(root)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def _spoils(stamp: SignatureReport) -> bool:
    """Whether a document time-stamp says that the file is not what it was, which must not be overlooked.

    One that is merely not trusted proves no time, and takes nothing from the signatures.
    """
    return is_altered(stamp) or "undetermined" in (stamp.integrity, stamp.changes)


def _name(tag: str, namespace: str = REPORT) -> str:
    return f"{{{namespace}}}{tag}"


def _add(
    parent: etree._Element, tag: str, text: str | None = None, *, namespace: str = REPORT, **attributes: str
) -> etree._Element:
    element = etree.SubElement(parent, _name(tag, namespace), attributes)
    element.text = text
    return element


def _refer(parent: etree._Element, tag: str, identifiers: Iterable[str]) -> None:
    """A reference to validation objects; none where there is nothing to refer to."""
    joined = " ".join(identifiers)
    if joined:
        _add(parent, tag, VOReference=joined)


def _digest(parent: etree._Element, algorithm: str, value: str) -> None:
    element = _add(parent, "DigestAlgAndValue")
    _digest_parts(element, algorithm, value)


def _digest_parts(element: etree._Element, algorithm: str, value: str) -> None:
    _add(element, "DigestMethod", namespace=XML_SIGNATURE, Algorithm=digest_uri(algorithm))
    _add(element, "DigestValue", _base64(value), namespace=XML_SIGNATURE)


def _base64(hexadecimal: str) -> str:
    return b64encode(bytes.fromhex(hexadecimal)).decode()


def _signature(
    root: etree._Element,
    report: Report,
    signature: SignatureReport,
    detail: SignatureDetails | None,
    number: int,
    told_of: _ToldOf,
) -> None:
    element = _add(root, "SignatureValidationReport")
    identifier = detail.identifier if detail is not None else f"S-{number}"
    _identify(element, identifier, signature, detail)
    _constraints(element, constraints_of(signature, detail))
    _time_info(element, report, detail.existence if detail is not None else None)
    if detail is not None and detail.covered:
        _digest(_add(element, "SignersDocument"), "sha256", detail.covered)
    if detail is not None:
        _attributes(element, detail)
        if detail.chain is not None:
            _signer(element, signature.signer, detail.chain)
    process = _add(element, "SignatureValidationProcess")
    _add(process, "SignatureValidationProcessID", f"{URN}validationprocess:{_process(detail)}")
    status = _status(element, signature.indication.lower(), signature.subindication)
    data = _add(status, "AssociatedValidationReportData")
    if detail is not None:
        _chain(data, detail.chain)
        _cryptography(data, identifier, detail.algorithm)
    _data(data, _told(report, detail, told_of, signature))


def _identify(
    element: etree._Element, identifier: str, signature: SignatureReport, detail: SignatureDetails | None
) -> None:
    found = _add(element, "SignatureIdentifier", id=identifier)
    if detail is not None and detail.to_be_signed is not None:
        _digest(found, detail.to_be_signed.algorithm, detail.to_be_signed.value)
    if detail is not None and detail.value:
        _add(found, "SignatureValue", detail.value, namespace=XML_SIGNATURE)
    _add(found, "HashOnly", "false")
    _add(found, "DocHashOnly", "false")
    if signature.field:
        _add(found, "DAIdentifier", printable(signature.field))


def _constraints(element: etree._Element, constraints: Iterable[Constraint]) -> None:
    evaluated = _add(element, "ValidationConstraintsEvaluationReport")
    policy = _add(evaluated, "SignatureValidationPolicy")
    identifier = _add(policy, "SignaturePolicyIdentifier")
    _add(identifier, "SignaturePolicyImplied", namespace=XADES)
    _add(policy, "PolicyName", "Absah, docs/verify-cycle.md")
    for each in constraints:
        constraint = _add(evaluated, "ValidationConstraint")
        _add(constraint, "ValidationConstraintIdentifier", f"{OWN}step:{each.step}")
        status = _add(constraint, "ConstraintStatus")
        _add(status, "Status", f"{URN}constraintStatus:{each.status}")
        if each.status == "overridden":
            _add(status, "OverriddenBy", f"{OWN}policy:revocation-data-optional")
        if each.indication is not None:
            _status(constraint, each.indication, each.subindication, tag="ValidationStatus")


def _status(
    element: etree._Element,
    indication: str,
    subindication: str | None,
    tag: str = "SignatureValidationStatus",
) -> etree._Element:
    status = _add(element, tag)
    _add(status, "MainIndication", f"{URN}mainindication:{indication}")
    if subindication is not None and subindication != _UNNAMED:
        _add(status, "SubIndication", f"{URN}subindication:{subindication}")
    return status


def _time_info(element: etree._Element, report: Report, existence: Existence | None) -> None:
    checked = iso(report.checked_at)
    info = _add(element, "ValidationTimeInfo")
    _add(info, "ValidationTime", checked)
    _existence(info, "BestSignatureTime", existence or Existence(checked))


def _existence(element: etree._Element, tag: str, existence: Existence) -> None:
    proof = _add(element, tag)
    _add(proof, "POETime", existence.time)
    _add(proof, "TypeOfProof", f"{URN}poetype:validation")
    _refer(proof, "POEObject", [existence.by] if existence.by else [])


def _process(detail: SignatureDetails | None) -> str:
    """The process of EN 319 102-1 that the material led through: 5.6 (LTA), 5.5 (LTVM) or 5.3 (Basic)."""
    if detail is None:
        return "Basic"
    if any(each.role == "document" for each in detail.stamps):
        return "LTA"
    revocation = detail.chain is not None and detail.chain.sources
    return "LTVM" if detail.stamps or revocation else "Basic"


def _attributes(element: etree._Element, detail: SignatureDetails) -> None:
    attributes = etree.Element(_name("SignatureAttributes"))
    stated = detail.stated
    if stated.signing_time is not None:
        _add(_add(attributes, "SigningTime", Signed="true"), "Time", stated.signing_time)
    if stated.certificate is not None:
        named = _add(attributes, "SigningCertificate", Signed="true")
        if detail.chain is not None:
            _refer(named, "AttributeObject", detail.chain.certificates[:1])
        _digest_parts(_add(named, "CertID"), stated.certificate.algorithm, stated.certificate.value)
    if stated.message_digest:
        digest = _add(attributes, "MessageDigest", Signed="true")
        _add(digest, "Digest", _base64(stated.message_digest))
    if stated.policy is not None:
        policy = _add(attributes, "SigPolicyIdentifier", Signed="true")
        _add(policy, "SigPolicyId", f"urn:oid:{stated.policy}")
    for stamp in detail.stamps:
        _stamp_attribute(attributes, stamp)
    _dictionary(attributes, stated, detail.byte_range)
    if len(attributes):
        element.append(attributes)


def _stamp_attribute(attributes: etree._Element, stamp: StampReference) -> None:
    # A content time-stamp is signed; the others were added to what was.
    signed = {"Signed": "true"} if stamp.role == "content" else {}
    attribute = _add(attributes, _STAMPS[stamp.role], **signed)
    _refer(attribute, "AttributeObject", [stamp.identifier])
    _add(attribute, "TimeStampValue", stamp.time)


def _dictionary(attributes: etree._Element, stated: Stated, byte_range: tuple[int, ...]) -> None:
    """The entries of the signature dictionary, which the ByteRange covers."""
    for tag, inner, value in (
        ("SignatureProductionPlace", "AddressString", stated.location),
        ("Reason", "ReasonElement", stated.reason),
        ("Name", "NameElement", stated.name),
        ("ContactInfo", "ContactInfoElement", stated.contact),
        ("SubFilter", "SubFilterElement", stated.sub_filter),
    ):
        if value:
            _add(_add(attributes, tag, Signed="true"), inner, value)
    if byte_range:
        _add(attributes, "ByteRange", " ".join(map(str, byte_range)))
    if stated.filter:
        _add(_add(attributes, "Filter"), "Filter", stated.filter)


def _signer(element: etree._Element, name: str, chain: Chain) -> None:
    information = _add(element, "SignerInformation")
    _refer(information, "SignerCertificate", chain.certificates[:1])
    _add(information, "Signer", name)


def _chain(data: etree._Element, chain: Chain | None) -> None:
    if chain is None:
        return
    anchor = chain.certificates[-1:] if chain.anchored else ()
    _refer(data, "TrustAnchor", anchor)
    path = _add(data, "CertificateChain")
    _refer(path, "SigningCertificate", chain.certificates[:1])
    between = chain.certificates[1:-1] if chain.anchored else chain.certificates[1:]
    for each in between:
        _refer(path, "IntermediateCertificate", [each])
    _refer(path, "TrustAnchor", anchor)
    _refer(data, "RelatedValidationObject", chain.sources)
    for revocation in chain.revoked[:1]:
        revoked = _add(data, "RevocationStatusInformation")
        _refer(revoked, "ValidationObjectId", [revocation.certificate])
        _add(revoked, "RevocationTime", revocation.time)
        _refer(revoked, "RevocationObject", [revocation.source])


def _cryptography(data: etree._Element, identifier: str, algorithm: Algorithm | None) -> None:
    if algorithm is None:
        return
    information = _add(data, "CryptoInformation")
    _refer(information, "ValidationObjectId", [identifier])
    _add(information, "Algorithm", signature_uri(algorithm))
    _add(information, "SecureAlgorithm", "false" if algorithm.weak else "true")
    if algorithm.weak_since is not None:
        _add(information, "NotAfter", algorithm.weak_since)


# The sentence of a finding, and the signatures that it is about, by their identifiers.
_ToldOf = dict[tuple[str, str], set[str]]


def _told_of(report: Report) -> _ToldOf:
    found: _ToldOf = {}
    sentences = [_sentence(each, report) for each in report.observations]
    for each in report.details.signatures if report.details is not None else ():
        for number in each.findings:
            found.setdefault(sentences[number], set()).add(each.identifier)
    return found


def _told(
    report: Report,
    detail: SignatureDetails | None,
    told_of: _ToldOf,
    signature: SignatureReport | None = None,
) -> list[tuple[str, str]]:
    """What has no place of its own in the schema: the verdict, the changes, the sentences of the findings."""
    told = [("file", printable(report.file, 1000)), ("file-sha256", report.sha256)]
    told += [("verdict", str(report.verdict)), ("summary", report.summary)]
    if signature is not None:
        told += [("kind", signature.kind), ("level", signature.level)]
        told += [("changes", signature.changes), ("covers", signature.covers)]
    for finding in report.findings:
        others = told_of.get((finding.code, finding.message))
        if others is None or detail is None or detail.identifier in others:
            told.append((f"finding:{finding.severity}:{finding.code}", finding.message))
    return [(name, value) for name, value in told if value]


def _sentence(observation: Observation, report: Report) -> tuple[str, str]:
    return observation.code, finding_message(observation.code, report.lang, **dict(observation.values))


def _data(data: etree._Element, values: Iterable[tuple[str, str]]) -> None:
    additional = _add(data, "AdditionalValidationReportData")
    for name, text in values:
        item = _add(additional, "ReportData")
        _add(item, "Type", OWN + name)
        value = _add(item, "Value", printable(text, 4000))
        value.set(_name("type", SCHEMA_INSTANCE), "xs:string")


def _object(listed: etree._Element, report: Report, item: ValidationObject) -> None:
    element = _add(listed, "ValidationObject", id=item.identifier)
    _add(element, "ObjectType", f"{URN}validationObject:{_OBJECTS[item.kind]}")
    representation = _add(element, "ValidationObjectRepresentation")
    if item.encoded:
        _add(representation, "base64", item.encoded)
    else:
        _digest(representation, "sha256", item.sha256)
    _existence(element, "POE", item.existence)
    if item.stamp is None:
        return
    stamp = item.stamp
    if stamp.time is not None and (stamp.objects or stamp.signatures):
        _provide(element, report, stamp, stamp.time)
    own = _add(element, "ValidationReport")
    if stamp.chain is not None:
        _signer(own, stamp.signer, stamp.chain)
    status = _status(own, stamp.indication.lower(), stamp.subindication)
    if stamp.chain is not None or stamp.algorithm is not None:
        data = _add(status, "AssociatedValidationReportData")
        _chain(data, stamp.chain)
        _cryptography(data, item.identifier, stamp.algorithm)


def _provide(element: etree._Element, report: Report, stamp: Stamp, time: str) -> None:
    """What a believed time-stamp proves the existence of."""
    provided = _add(element, "POEProvisioning")
    _add(provided, "POETime", time)
    for identifier in stamp.objects:
        _refer(provided, "ValidationObject", [identifier])
    for each in report.details.signatures if report.details is not None else ():
        if each.identifier in stamp.signatures and each.to_be_signed is not None:
            reference = _add(provided, "SignatureReference")
            _add(reference, "DigestMethod", digest_uri(each.to_be_signed.algorithm))
            _add(reference, "DigestValue", _base64(each.to_be_signed.value))
