"""An enveloped XML signature over a whole document (XMLDSIG core 1.1; XAdES, EN 319 132-1).

Only the one shape that ETSI TS 119 612, 5.7.1 prescribes for trusted lists is accepted, because every freedom
of XML signatures is a way to sign something else than what is read. What comes back is parsed from the very
bytes that were digested.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from copy import deepcopy
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lxml import etree  # type: ignore[import-untyped]

from storage.vocabulary import AbsahError
from verifier.trust.anchor import write_fingerprint

_DS = "{http://www.w3.org/2000/09/xmldsig#}"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
_ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_SIGNED_PROPERTIES = "http://uri.etsi.org/01903#SignedProperties"
_XADES = "{http://uri.etsi.org/01903/v1.3.2#}"
_DIGESTS = {
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_MORE_2007 = "http://www.w3.org/2007/05/xmldsig-more#"


class BadXmlSignature(AbsahError):
    """A document is not what somebody signed, or cannot be shown to be."""

    code = "XML_SIGNATURE"


def read_signed_document(xml: bytes, fingerprint: bytes) -> Any:
    """The root element of a document that the certificate with this SHA-256 signed as a whole.

    Raises:
        BadXmlSignature: it is no XML, is not signed, by another certificate, or was changed.
    """
    root = parse(xml)
    signatures = root.findall(f"{_DS}Signature")
    if len(signatures) != 1:
        raise BadXmlSignature("It has to have exactly one signature, directly below its root.")
    signature = signatures[0]
    certificate = _signer(signature, fingerprint)
    signed_info = _one(signature, f"{_DS}SignedInfo")
    if _algorithm(signed_info, "CanonicalizationMethod") != _EXCLUSIVE:
        raise BadXmlSignature("It is canonicalised in a way that trusted lists may not use.")
    _check_value(
        certificate,
        _algorithm(signed_info, "SignatureMethod"),
        _base64(_one(signature, f"{_DS}SignatureValue")),
        _canonical(signed_info),
    )
    content: bytes | None = None
    for reference in signed_info.findall(f"{_DS}Reference"):
        if reference.get("Type") == _SIGNED_PROPERTIES:
            _check_digest(reference, _signed_properties(signature, reference))
        elif content is not None:
            raise BadXmlSignature("It signs two parts, of which only one can be the list.")
        else:
            content = _enveloping_document(root, reference)
            _check_digest(reference, content)
    if content is None:
        raise BadXmlSignature("Its signature does not cover the document.")
    return parse(content)


def parse(xml: bytes) -> Any:
    """The root element; a document type definition is refused, and nothing is ever fetched.

    Raises:
        BadXmlSignature: it is no XML.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(xml, parser)
    except etree.XMLSyntaxError as error:
        raise BadXmlSignature("It is not an XML document.", code="XML_DAMAGED") from error
    if root.getroottree().docinfo.doctype:
        raise BadXmlSignature("It has a document type definition, which no list has.", code="XML_DAMAGED")
    return root


def _signer(signature: Any, fingerprint: bytes) -> x509.Certificate:
    seen = []
    for element in signature.findall(f"{_DS}KeyInfo/{_DS}X509Data/{_DS}X509Certificate"):
        der = _base64(element)
        digest = hashlib.sha256(der).digest()
        if digest == fingerprint:
            try:
                return x509.load_der_x509_certificate(der)
            except ValueError as error:
                raise BadXmlSignature("The signer's certificate cannot be read.") from error
        seen.append(write_fingerprint(digest))
    raise BadXmlSignature(
        "It is not signed by the certificate whose fingerprint was given"
        + (f", but by {seen[0]}." if seen else "; it names none."),
        code="XML_SIGNER",
    )


def _enveloping_document(root: Any, reference: Any) -> bytes:
    """The document without its signature, canonical; nothing else may be done to it before it is digested."""
    transforms = [each.get("Algorithm") for each in reference.findall(f"{_DS}Transforms/{_DS}Transform")]
    if transforms != [_ENVELOPED, _EXCLUSIVE]:
        raise BadXmlSignature("It is transformed before it is signed as no trusted list may be.")
    uri = reference.get("URI")
    if uri != "" and (uri is None or uri != f"#{root.get('Id')}"):
        raise BadXmlSignature("Its signature does not cover the whole document.")
    copy = deepcopy(root.getroottree()).getroot()
    signature = copy.find(f"{_DS}Signature")
    # The text behind the signature belongs to the document.
    before = signature.getprevious()
    if before is not None:
        before.tail = (before.tail or "") + (signature.tail or "")
    else:
        copy.text = (copy.text or "") + (signature.tail or "")
    copy.remove(signature)
    return _canonical(copy.getroottree() if uri == "" else copy)


def _signed_properties(signature: Any, reference: Any) -> bytes:
    """XAdES: what the signer says about the signature, which the signature has to cover too."""
    found = [
        each
        for each in signature.findall(f"{_DS}Object/{_XADES}QualifyingProperties/{_XADES}SignedProperties")
        if each.get("Id") and f"#{each.get('Id')}" == reference.get("URI")
    ]
    if len(found) != 1:
        raise BadXmlSignature("The signed properties that it names are not there.")
    transforms = [each.get("Algorithm") for each in reference.findall(f"{_DS}Transforms/{_DS}Transform")]
    if transforms not in ([], [_EXCLUSIVE], [_INCLUSIVE]):
        raise BadXmlSignature("Its signed properties are transformed in an unknown way.")
    return _canonical(found[0], exclusive=transforms == [_EXCLUSIVE])


def _check_digest(reference: Any, content: bytes) -> None:
    name = _DIGESTS.get(_algorithm(reference, "DigestMethod"))
    if name is None:
        raise BadXmlSignature("It is digested with an algorithm that is not accepted (SHA-256 or better is).")
    if hashlib.new(name, content).digest() != _base64(_one(reference, f"{_DS}DigestValue")):
        raise BadXmlSignature("It was changed after it was signed.", code="XML_CHANGED")


def _check_value(certificate: x509.Certificate, method: str, value: bytes, content: bytes) -> None:
    key = certificate.public_key()
    name = next((each for each in _HASHES if method.lower().split("#")[-1].find(each) >= 0), None)
    try:
        if name is not None and isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048:
            algorithm = _HASHES[name]
            if method == f"{_MORE}rsa-{name}":
                key.verify(value, content, padding.PKCS1v15(), algorithm)
                return
            if method == f"{_MORE_2007}{name}-rsa-MGF1":
                # RFC 9231, 2.3.10: the salt is as long as the digest.
                filling = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
                key.verify(value, content, filling, algorithm)
                return
        if (
            name is not None
            and isinstance(key, ec.EllipticCurvePublicKey)
            and method == f"{_MORE}ecdsa-{name}"
            and len(value) % 2 == 0
        ):
            # XMLDSIG core, 6.4.3: r and s one behind the other, not as DER.
            half = len(value) // 2
            r, s = (int.from_bytes(part, "big") for part in (value[:half], value[half:]))
            key.verify(encode_dss_signature(r, s), content, ec.ECDSA(_HASHES[name]))
            return
    except InvalidSignature as error:
        raise BadXmlSignature("Its signature is not that of the certificate.", code="XML_CHANGED") from error
    raise BadXmlSignature("It is signed with an algorithm that is not accepted here.", code="XML_ALGORITHM")


def _canonical(element: Any, *, exclusive: bool = True) -> bytes:
    canonical: bytes = etree.tostring(element, method="c14n", exclusive=exclusive, with_comments=False)
    return canonical


def _one(parent: Any, name: str) -> Any:
    found = parent.findall(name)
    if len(found) != 1:
        raise BadXmlSignature("Its signature is incomplete.")
    return found[0]


def _algorithm(parent: Any, name: str) -> str:
    element = _one(parent, f"{_DS}{name}")
    if name == "CanonicalizationMethod" and len(element):
        raise BadXmlSignature("Its canonicalisation has parameters, which are not accepted.")
    return str(element.get("Algorithm", ""))


def _base64(element: Any) -> bytes:
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadXmlSignature("Its signature cannot be read.") from error
