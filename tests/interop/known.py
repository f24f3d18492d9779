"""Where verifiers are known to differ: our own open faults, and what others see otherwise, with the reason.

A test that names one of our faults expects it (``xfail(strict=True)``): mending it removes the entry.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.interop.make import Genuine

# Genuine files that we do not accept or do not count right, by name in the sample.
REJECTED: dict[str, str] = {}

# Attacks of which some result is accepted by us, by name.
ACCEPTED: dict[str, str] = {}

# Genuine files that others reject: the tool (or any), words of which the steps or the base must hold one,
# and the reason.
Rule = tuple[str, tuple[str, ...], str]

DSS_REJECTS: tuple[Rule, ...] = (
    ("openpdf", ("sub=x509",), "does not read adbe.x509.rsa_sha1"),
    ("itext", ("gcm",), "PDFBox does not read AES-GCM (ISO/TS 32003)"),
    ("itext", ("key=ed448",), "iText signs the digest by SHAKE256, DSS expects pure Ed448"),
    ("endesive", ("key=p256",), "endesive names another signature algorithm than the key's"),
    (
        "itext",
        ("fill", "renew", "pades", "annotate"),
        "an object that iText rewrites unchanged counts as a change",
    ),
    ("openpdf", ("fill",), "an object that OpenPDF rewrites unchanged counts as a change"),
    ("itext5", ("fill",), "an object that iText 5 rewrites unchanged counts as a change"),
    ("poppler", ("form", "hybrid"), "the field that poppler adds is listed on the page and not in the form"),
    ("pyhanko", ("fill",), "the value of an encrypted field counts as a change"),
    ("dss", ("field",), "a second field signed after the first counts as a change"),
)

PDFSIG_REJECTS: tuple[Rule, ...] = (
    ("", ("stamp", "renew", "level=LTA"), "does not validate document time-stamps"),
    ("", ("level=LT",), "validation data behind the signature: not the total document is signed"),
    (
        "",
        ("fill", "annotate", "extend"),
        "permitted changes behind the signature: not the total document is signed",
    ),
    ("", ("plain", "key=ed25519", "key=ed448", "pss", "SHA3-256"), "NSS lacks the algorithm"),
    ("", ("key=brainpool256", "key=dsa2048"), "NSS lacks the curve or the algorithm"),
    ("", ("sub=x509", "sub=sha1"), "does not read this SubFilter"),
    (
        "pdfbox",
        ("rc4", "aes", "encrypt"),
        "not total document: it counts an end that PDFBox writes in encrypted files",
    ),
    (
        "pdfbox2",
        ("rc4", "aes", "encrypt"),
        "not total document: it counts an end that PDFBox writes in encrypted files",
    ),
    ("itext", ("gcm",), "poppler does not read AES-GCM (ISO/TS 32003)"),
    ("endesive", ("key=p256",), "endesive names another signature algorithm than the key's"),
)

# Attacks that DSS lets pass with all its signals (indication, undefined changes, page differences, overlaps).
_TAIL = "looks at revisions that its parser found, not at the bytes behind them"
_LATER = "a later signature that covers all hides that an earlier one cannot be read"
_MERGED = "compares what PDFBox resolves; a number that a table moves or frees is no difference to it"

DSS_ACCEPTS_ATTACKS: dict[str, str] = {
    "append-bytes": _TAIL,
    "fake-revision": _TAIL,
    "fake-startxref": _TAIL,
    "empty-table": _TAIL,
    "truncate": _TAIL,
    "remap-object": _MERGED,
    "free-object": _MERGED,
    "two-numbers-one-offset": _MERGED,
    "empty-contents": _LATER,
    "missing-contents": _LATER,
    "null-byte-range": _LATER,
    "clear-signature": _LATER,
    "second-signer": "takes the first signer of a CMS",
    "attach-file": "an added attachment is an extension to it",
    "annotate-against-rules": "classifies annotations but does not hold them against P",
    "fill-against-rules": "classifies form filling but does not hold it against P or a lock",
    "replace-kids": "compares as many pages as both revisions have, by their pictures",
    "cover-with-annotation": "overlap is asked of annotations only, not of the page's text",
    "cover-with-field": "overlap is asked of annotations only, not of the page's text",
    "sneaky-signature-field": "overlap is asked of annotations only, not of the page's text",
    "move-signature": "a moved field is form filling to it",
    "appearance-behind-value": "a new appearance is form filling to it",
    "odd-byte-range": _LATER,
    "missing-byte-range": _LATER,
    "odd-contents": _LATER,
    "unfinished-revision": _TAIL,
    "repeated-key": "takes the value of a key named twice that was signed; other programs take the other",
    "join-with-annotation": "overlap is asked of annotations only, not of the page's text",
    "words-in-markup": "overlap is asked of annotations only, not of the page's text",
    "outlines-in-markup": "overlap is asked of annotations only, not of the page's text",
    "look-beside-value": "a new appearance is form filling to it",
    "words-in-signature-field": "overlap is asked of annotations only, not of the page's text",
    "watermark": "any annotation is annotation to it",
    "acting-note": "any annotation is annotation to it",
    "removed-annotations": "a list of annotations that is written again is annotation to it",
    "other-fonts-listed": "looks at the page's picture, which a font that it lacks leaves alike",
    "document-script": "a changed /Names is an extension to it",
    "destinations": "a changed /Names is an extension to it",
    "embedded-files": "an added attachment is an extension to it",
    "field-entry": "any entry of a field is form filling to it",
    "signature-entry": "any entry of a field is form filling to it",
    "hidden-field": "any entry of a field is form filling to it",
    "moved-field": "a moved field is form filling to it",
    "widget-on-other-page": "any entry of a field is form filling to it",
    "parent-of-field": "any entry of a field is form filling to it",
    "kids-of-field": "any entry of a field is form filling to it",
    "open-action": "an action in the catalogue is no page difference",
    "loosen-certification": "a rewritten dictionary is compared only where it is reached from a page",
    "remove-certification": "asks the catalogue of the last revision for the certification",
}


def reason_for(genuine: Genuine, rules: Sequence[Rule]) -> str | None:
    """Why a validator may reject this file."""
    words = " ".join((*genuine.steps, genuine.base))
    for tool, parts, reason in rules:
        if tool in ("", genuine.tool) and any(part in words for part in parts):
            return reason
    return None
