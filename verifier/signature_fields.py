"""Where a document keeps its signatures: the fields, their dictionaries and what they forbid to change.

ISO 32000-2, 12.7 (fields), 12.8.1 (signature dictionaries), 12.8.2 (DocMDP, FieldMDP), 12.7.5.5 (locks).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from verifier.font_codes import text_of_value
from verifier.pdf.document import Document
from verifier.pdf.objects import Reference, TooMuch

_MOST_FIELDS = 200_000
_LONGEST_NAME = 4_096
_MOST_SIGNATURES = 200
_LANGUAGE = re.compile("\x1b[A-Za-z]{2,8}\x1b")


@dataclass(frozen=True)
class SignatureField:
    """A filled signature field of a document.

    ``reference`` is that of the field, None where it is a direct object; ``dictionary`` is the signature
    dictionary and ``value`` what the field's /V says, mostly a reference to it.
    """

    name: str
    reference: Reference | None
    field: dict[str, Any]
    value: Any
    dictionary: dict[str, Any]


@dataclass(frozen=True)
class Locks:
    """What a signature allows to happen later.

    ``permission`` is that of DocMDP: 1 nothing, 2 form filling and signing, 3 annotations too, None where
    the document does not say. ``every`` locks all fields but ``names``, else ``names`` are locked.
    """

    permission: int | None = None
    every: bool = False
    names: frozenset[str] = frozenset()

    def forbids(self, field: str) -> bool:
        """Whether the field of that full name is locked; a name locks what is below it, too."""
        listed = any(field == name or field.startswith(name + ".") for name in self.names)
        return not listed if self.every else listed

    def joined(self, other: Locks) -> Locks:
        """Both at once, the stricter permission."""
        permissions = [each for each in (self.permission, other.permission) if each is not None]
        permission = min(permissions) if permissions else None
        if self.every and other.every:
            return Locks(permission, True, self.names & other.names)
        if self.every or other.every:
            every, some = (self, other) if self.every else (other, self)
            return Locks(permission, True, every.names - some.names)
        return Locks(permission, False, self.names | other.names)


def terminal_fields(document: Document) -> Iterator[tuple[str, Reference | None, dict[str, Any], Any]]:
    """Every field without fields below it: its full name, reference, dictionary and inherited type."""
    form = document.get(document.catalog, "AcroForm")
    roots = document.get(form, "Fields") if isinstance(form, dict) else None
    waiting: list[tuple[Any, str, Any]] = [(each, "", None) for each in _reversed(roots)]
    seen: set[Reference] = set()
    steps = 0
    while waiting:
        node, prefix, kind = waiting.pop()
        steps += 1
        if steps > _MOST_FIELDS:
            raise TooMuch("too many fields")
        reference = node if isinstance(node, Reference) else None
        if reference is not None:
            if reference in seen:
                continue
            seen.add(reference)
        node = document.resolve(node)
        if not isinstance(node, dict):
            continue
        title = document.resolve(node.get("T"))
        name = f"{prefix}.{text(title)}".lstrip(".") if isinstance(title, bytes) else prefix
        if len(name) > _LONGEST_NAME:
            # A full name repeats those of all fields above.
            raise TooMuch("a field's name of pages")
        kind = document.resolve(node.get("FT")) or kind
        kids = document.resolve(node.get("Kids"))
        below = [
            each
            for each in (kids if isinstance(kids, list) else [])
            if isinstance(document.get(each), dict) and "T" in document.get(each)
        ]
        if below:
            waiting.extend((each, name, kind) for each in reversed(below))
        else:
            yield name, reference, node, kind


def find_signatures(document: Document) -> tuple[SignatureField, ...]:
    """The filled signature fields, each signature dictionary once, in the form's order.

    Those that only a page shows come last; a producer that forgets to list one hides it from other readers.

    Raises:
        TooMuch: there are more than any document has.
    """
    return document.once(_find_signatures)


def _find_signatures(document: Document) -> tuple[SignatureField, ...]:
    found: list[SignatureField] = []
    seen: set[Any] = set()
    for name, reference, field, kind in terminal_fields(document):
        if kind == "Sig":
            _add(document, found, seen, name, reference, field)
    for reference, field in _loose_widgets(document):
        _add(document, found, seen, text(document.resolve(field.get("T"))), reference, field)
    return tuple(found)


def _add(
    document: Document,
    found: list[SignatureField],
    seen: set[Any],
    name: str,
    reference: Reference | None,
    field: dict[str, Any],
) -> None:
    value = field.get("V")
    dictionary = document.resolve(value)
    if not isinstance(dictionary, dict):
        return
    # A field may be listed twice, and two fields may share one dictionary.
    mark = value if isinstance(value, Reference) else id(dictionary)
    if mark in seen:
        return
    seen.add(mark)
    if len(found) == _MOST_SIGNATURES:
        raise TooMuch("too many signatures")
    found.append(SignatureField(name, reference, field, value, dictionary))


def _loose_widgets(document: Document) -> Iterator[tuple[Reference | None, dict[str, Any]]]:
    for _, page in document.pages():
        for each in document.resolve(page.get("Annots")) or ():
            widget = document.resolve(each)
            if not isinstance(widget, dict) or document.resolve(widget.get("Subtype")) != "Widget":
                continue
            parent = document.resolve(widget.get("Parent"))
            for field in (widget, parent if isinstance(parent, dict) else {}):
                if document.resolve(field.get("FT")) == "Sig" and "V" in field:
                    yield each if isinstance(each, Reference) else None, field
                    break


def locks_of(document: Document, signature: SignatureField) -> Locks:
    """What a signature itself says about later changes, as it stood in ``document``."""
    dictionary = signature.dictionary
    locks = Locks()
    references = document.resolve(dictionary.get("Reference"))
    for each in references if isinstance(references, list) else ():
        parameters = document.get(each, "TransformParams")
        parameters = parameters if isinstance(parameters, dict) else {}
        method = document.get(each, "TransformMethod")
        if method == "DocMDP":
            locks = locks.joined(Locks(_permission(document, parameters, 2)))
        elif method == "FieldMDP":
            locks = locks.joined(_fields(document, parameters))
    lock = document.get(signature.field, "Lock")
    if isinstance(lock, dict):
        locks = locks.joined(_fields(document, lock)).joined(Locks(_permission(document, lock, None)))
    return locks


def certification(document: Document) -> Any:
    """What /Perms says is the certification signature: the value of its entry, None without one."""
    permissions = document.get(document.catalog, "Perms")
    return permissions.get("DocMDP") if isinstance(permissions, dict) else None


def has_usage_rights(document: Document) -> bool:
    """Whether /Perms holds a usage rights signature, by which a maker lets its reader do more (12.8.2.3).

    No person signed anything with it, and no field shows it.
    """
    permissions = document.get(document.catalog, "Perms")
    return isinstance(permissions, dict) and any(
        isinstance(document.resolve(permissions.get(key)), dict) for key in ("UR3", "UR")
    )


def _permission(document: Document, parameters: dict[str, Any], default: int | None) -> int | None:
    value = document.resolve(parameters.get("P"))
    return value if value in (1, 2, 3) else default


def _fields(document: Document, parameters: dict[str, Any]) -> Locks:
    action = document.resolve(parameters.get("Action"))
    listed = document.resolve(parameters.get("Fields"))
    values = (document.resolve(each) for each in (listed if isinstance(listed, list) else ()))
    names = frozenset(text(each) for each in values if isinstance(each, bytes))
    if action == "All":
        return Locks(every=True)
    if action == "Exclude":
        return Locks(every=True, names=names)
    return Locks(names=names) if action == "Include" else Locks()


def text(value: Any) -> str:
    """A text string (ISO 32000-2, 7.9.2.2), without the marks of its language (7.9.2.2.2)."""
    return _LANGUAGE.sub("", text_of_value(value)) if isinstance(value, bytes) else ""


def _reversed(value: Any) -> list[Any]:
    return list(reversed(value)) if isinstance(value, list) else []
