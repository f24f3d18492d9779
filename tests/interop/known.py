"""Where verifiers are known to differ: our own open faults, and what others see otherwise, with the reason.

A test that names one of our faults expects it (``xfail(strict=True)``): mending it removes the entry.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.interop.make import Genuine

# Genuine files that we do not accept or do not count right, by name in the sample.
REJECTED: dict[str, str] = {
    "signpdf-015-sign-sign-form.pdf": "two signature fields of one name are reported as one signature",
}

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
    ("itext", ("gcm",), "poppler does not read AES-GCM (ISO/TS 32003)"),
    ("endesive", ("key=p256",), "endesive names another signature algorithm than the key's"),
)

# Attacks that DSS lets pass with all its signals (indication, undefined changes, page differences, overlaps).
DSS_ACCEPTS_ATTACKS: dict[str, str] = {}


def reason_for(genuine: Genuine, rules: Sequence[Rule]) -> str | None:
    """Why a validator may reject this file."""
    words = " ".join((*genuine.steps, genuine.base))
    for tool, parts, reason in rules:
        if tool in ("", genuine.tool) and any(part in words for part in parts):
            return reason
    return None
