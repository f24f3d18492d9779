"""What each object of a document is for, found by following every reference from the trailer.

An object may change after signing only as far as each of its roles allows: an appearance stream that is
page content at the same time is page content.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from verifier.pdf.document import Document
from verifier.pdf.objects import Reference, Stream, TooMuch

Kind = Literal[
    "catalog", "information", "metadata", "extensions", "store", "structure", "pages", "page", "annotations",
    "annotation", "form", "fields", "field", "value", "appearance", "resources", "other",
]  # fmt: skip

_MOST_OBJECTS = 2_000_000


@dataclass(frozen=True, slots=True)
class Role:
    """What an object is for; ``owner`` is the number of the field or page that it belongs to."""

    kind: Kind
    owner: int | None = None


OTHER = Role("other")

_FROM_CATALOG: dict[str, Kind] = {
    "AcroForm": "form", "Pages": "pages", "DSS": "store", "Metadata": "metadata",
    "Extensions": "extensions", "StructTreeRoot": "structure",
}  # fmt: skip
# References that point back up or across, and say nothing about what they point at.
_BACK = frozenset({"Parent", "P", "Pg", "Popup", "IRT"})


@dataclass
class Map:
    """Roles by object number, and by which page each was first met."""

    roles: dict[int, set[Role]] = field(default_factory=dict)
    page_of: dict[int, int] = field(default_factory=dict)

    def of(self, number: int) -> set[Role]:
        """The roles of an object; empty where nothing leads to it."""
        return self.roles.get(number, set())


def map_roles(document: Document) -> Map:
    """The roles of everything that a document's trailer leads to, free and missing objects included.

    Raises:
        TooMuch: there is more than any document has.
    """
    return _Walk(document).run()


class _Walk:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._map = Map()
        self._waiting: list[tuple[Reference, Role, int | None]] = []
        self._pages = {
            reference.number: index
            for index, (reference, _) in enumerate(document.pages())
            if reference is not None
        }

    def run(self) -> Map:
        trailer = self._document.trailer
        for key, kind in (("Root", "catalog"), ("Info", "information"), ("Encrypt", "other")):
            self._meet(trailer.get(key), Role(kind), None)  # type: ignore[arg-type]
        steps = 0
        while self._waiting:
            reference, role, page = self._waiting.pop()
            steps += 1
            if steps > _MOST_OBJECTS:
                raise TooMuch("too many objects")
            self._enter(reference, role, page)
        return self._map

    def _meet(self, value: Any, role: Role, page: int | None) -> None:
        """Look through a direct value; what it refers to waits for its turn, with its role."""
        if isinstance(value, Reference):
            self._waiting.append((value, role, page))
        elif isinstance(value, dict | list | Stream):
            self._inside(value, role, page)

    def _enter(self, reference: Reference, role: Role, page: int | None) -> None:
        value = self._document.object(reference)
        role = _own(value, reference.number) or role
        if role.kind in ("field", "annotation") and isinstance(value, dict):
            role = Role(role.kind, reference.number)
        if role.kind == "page":
            page = self._pages.get(reference.number, page)
        if page is not None:
            self._map.page_of.setdefault(reference.number, page)
        known = self._map.roles.setdefault(reference.number, set())
        if role in known:
            return
        known.add(role)
        self._inside(value, role, page)

    def _inside(self, value: Any, role: Role, page: int | None) -> None:
        if isinstance(value, list):
            for item in value:
                self._meet(item, _of_item(role), page)
        elif isinstance(value, Stream):
            self._inside(value.dictionary, role, page)
        elif isinstance(value, dict):
            for key, item in value.items():
                below = _of_key(role, key, value)
                if below is not None:
                    self._meet(item, below, page)


def _own(value: Any, number: int) -> Role | None:
    """The role that an object has by what it is, wherever it is met."""
    if not isinstance(value, dict):
        return None
    kind = value.get("Type")
    if kind == "Page":
        return Role("page", number)
    if kind == "Pages":
        return Role("pages")
    if kind == "Catalog":
        return Role("catalog")
    if value.get("Subtype") == "Widget" or ("FT" in value and "T" in value):
        return Role("field", number)
    if kind == "Annot" and "Subtype" in value:
        return Role("annotation", number)
    return None


def _of_item(role: Role) -> Role:
    if role.kind == "annotations":
        return Role("annotation", role.owner)
    if role.kind == "fields":
        return Role("field")
    return role


def _of_key(role: Role, key: str, value: dict[str, Any]) -> Role | None:
    """The role of what stands under a key; None where the key leads back to what is met elsewhere."""
    kind = role.kind
    if kind == "catalog":
        return Role(_FROM_CATALOG.get(key, "other"))
    if kind == "form":
        return {"Fields": Role("fields"), "DR": Role("resources")}.get(key, OTHER)
    if kind == "field":
        return None if key in _BACK else _below_field(role, key)
    if kind == "page":
        return None if key in _BACK else Role("annotations", role.owner) if key == "Annots" else OTHER
    if kind == "pages":
        return None if key in _BACK else Role("pages") if key == "Kids" else OTHER
    if kind == "annotation":
        return None if key in _BACK else OTHER
    if kind == "structure":
        return None if key in ("Pg", "Obj", "P") else role
    if kind in ("value", "appearance", "resources", "store", "metadata", "extensions", "information"):
        return role
    return None if key in _BACK else OTHER


def _below_field(role: Role, key: str) -> Role:
    if key in ("AP", "V"):
        return Role("appearance" if key == "AP" else "value", role.owner)
    return Role("field") if key == "Kids" else OTHER
