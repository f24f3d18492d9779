"""The nodes of a form, each with what it inherits (ISO 32000-2, 12.7.4.1)."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any

from verifier.pdf.document import Document
from verifier.pdf.objects import Reference, TooMuch
from verifier.signature_fields import text

_MOST_NODES = 200_000


@dataclass(frozen=True)
class FormNode:
    """A field as it is inherited at one node: full name, type, value, and whether a signature fills it."""

    name: str
    kind: Any
    value: Any
    signed: bool


@dataclass(frozen=True)
class _Part:
    """What one root of the form leads to, and the numbers of all that it was read from."""

    nodes: dict[int, FormNode]
    read: set[int]


@dataclass(frozen=True)
class Form:
    """Every node of a form by its object number."""

    nodes: dict[int, FormNode]
    parts: dict[Reference, _Part] = field(default_factory=dict)


def read_form(document: Document, known: Form | None = None, changed: Set[int] = frozenset()) -> Form:
    """The form of a document; what did not change since ``known``, of an earlier state, is not read again.

    Raises:
        TooMuch: there are more nodes than any form has.
    """
    roots = document.get(document.catalog, "AcroForm", "Fields")
    form = Form({})
    for root in roots if isinstance(roots, list) else ():
        part = known.parts.get(root) if known is not None and isinstance(root, Reference) else None
        if part is None or not part.read.isdisjoint(changed):
            part = _read_part(document, root)
        if isinstance(root, Reference):
            form.parts[root] = part
        form.nodes.update(part.nodes)
        if len(form.nodes) > _MOST_NODES:
            raise TooMuch("too many fields")
    return form


def _read_part(document: Document, root: Any) -> _Part:
    part = _Part({}, set())
    waiting: list[tuple[Any, str, Any, Any]] = [(root, "", None, None)]
    while waiting:
        value, prefix, kind, value_above = waiting.pop()
        if isinstance(value, Reference):
            if value.number in part.read:
                continue
            part.read.add(value.number)
        node = document.resolve(value)
        if not isinstance(node, dict):
            continue
        part.read.update(each.number for each in node.values() if isinstance(each, Reference))
        title = document.resolve(node.get("T"))
        name = f"{prefix}.{text(title)}".lstrip(".") if isinstance(title, bytes) else prefix
        kind = document.resolve(node.get("FT")) or kind
        value_here = node.get("V", value_above)
        filled = document.resolve(value_here)
        if isinstance(value, Reference):
            signed = bool(isinstance(filled, dict) and kind == "Sig")
            part.nodes[value.number] = FormNode(name, kind, value_here, signed)
        kids = document.resolve(node.get("Kids"))
        if isinstance(kids, list):
            waiting.extend((each, name, kind, value_here) for each in kids)
        if len(part.read) > _MOST_NODES:
            raise TooMuch("too many fields")
    return part
