"""What an annotation's appearance is made of (ISO 32000-2, 12.5.5)."""

from __future__ import annotations

import re
from typing import Any

from verifier.pdf.document import Document
from verifier.pdf.objects import Damaged, Stream

# Operators that show text, paint an inline image or a shading (annex A), outside of names and words.
_WRITES = re.compile(rb"(?:^|[\x00\t\n\x0c\r \])>])(?:T[jJ]|'|\"|BI|sh)(?=[\x00\t\n\x0c\r ]|$)")
_DEEPEST = 4
_MOST = 50


def writes_or_depicts(document: Document, annotation: dict[str, Any]) -> bool:
    """Whether an annotation's look shows text or a picture; what cannot be read may.

    Markers, underlines and icons are drawn with lines and areas; producers put those into nested forms.
    """
    looks = document.get(annotation, "AP")
    return isinstance(looks, dict) and any(_writes(document, look, 0) for look in looks.values())


def _writes(document: Document, look: Any, depth: int) -> bool:
    look = document.resolve(look)
    if look is None:
        return False
    if isinstance(look, dict):  # one for each state
        return depth > 0 or len(look) > _MOST or any(_writes(document, each, 1) for each in look.values())
    if not isinstance(look, Stream) or depth > _DEEPEST:
        return True
    if document.get(look, "Subtype") == "Image":
        return True
    try:
        content = document.decode(look)
    except Damaged:
        return True
    if _WRITES.search(content):
        return True
    if document.get(look, "Resources", "Pattern") or document.get(look, "Resources", "Shading"):
        return True  # which may hold words
    inner = document.get(look, "Resources", "XObject")
    if not isinstance(inner, dict):
        return False
    return len(inner) > _MOST or any(_writes(document, each, depth + 1) for each in inner.values())
