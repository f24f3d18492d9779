"""The values of an XFA form, which lie beside its fields in XML (ISO 32000-2, annex K).

Programs that know XFA write them again whenever the form is filled or signed. What was filled in has to stay.
"""

from __future__ import annotations

import re
from typing import Any

from verifier.pdf.document import Document
from verifier.pdf.objects import Damaged, Reference, Stream

_DATA = (b"datasets", b"form")  # the values, and the state of the fields; not the template
_MOST_PACKETS = 100
_TEXT = re.compile(rb"<([A-Za-z_][^\s<>/]*)[^<>]*>([^<>]*[^<>\s][^<>]*)<")
# What makes a part of a form vanish.
_PRESENCE = re.compile(rb"presence\s*=|<!")


def xfa_data(document: Document) -> frozenset[int]:
    """The numbers of the streams with the values of the form; none where there is no XFA."""
    packets = document.get(document.catalog, "AcroForm", "XFA")
    if not isinstance(packets, list):
        return frozenset()
    pairs = zip(packets[: 2 * _MOST_PACKETS : 2], packets[1 : 2 * _MOST_PACKETS : 2], strict=False)
    return frozenset(
        part.number for name, part in pairs if document.resolve(name) in _DATA and isinstance(part, Reference)
    )


def keeps_data(then: Document, before: Any, now: Document, after: Any) -> bool:
    """Whether all that was filled in is there still, in its order and under its names."""
    if not isinstance(before, Stream) or not isinstance(after, Stream):
        return False
    try:
        old, new = then.decode(before), now.decode(after)
        if not now.reads_one_way(after):
            return False
    except Damaged:
        return False
    if _PRESENCE.findall(new) != _PRESENCE.findall(old):
        return False
    rest = iter(_TEXT.findall(new))
    return all(any(each == found for found in rest) for each in _TEXT.findall(old))
