"""What each object of a document is for, found by following every reference from the trailer.

An object may change after signing only as far as each of its roles allows: an appearance stream that is
page content at the same time is page content.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from verifier.pdf.document import Document
from verifier.pdf.objects import Reference, Stream, TooMuch

Kind = Literal[
    "catalog", "information", "metadata", "extensions", "store", "structure", "pages", "page", "annotations",
    "annotation", "form", "fields", "field", "value", "appearance", "resources", "other",
]  # fmt: skip

_MOST_OBJECTS = 2_000_000


class Role(NamedTuple):
    """What an object is for; ``owner`` is the number of the field or page that it belongs to."""

    kind: Kind
    owner: int | None = None


OTHER = Role("other")
_FIELD, _FIELDS, _PAGES, _RESOURCES = Role("field"), Role("fields"), Role("pages"), Role("resources")

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
        self._links: dict[tuple[int, Role], tuple[Any, list[tuple[Reference, Role]]]] = document.file.links
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
        self._waiting.extend((reference, below, page) for reference, below in _links(value, role))

    def _enter(self, reference: Reference, role: Role, page: int | None) -> None:
        number = reference.number
        value = self._document.object(reference)
        role = _own(value, number) or role
        if role.kind in ("field", "annotation") and isinstance(value, dict):
            role = Role(role.kind, number)
        if role.kind == "page":
            page = self._pages.get(number, page)
        if page is not None:
            self._map.page_of.setdefault(number, page)
        known = self._map.roles.setdefault(number, set())
        if role in known:
            return
        known.add(role)
        if not isinstance(value, dict | list | Stream):
            return
        # The states of a file share what was parsed, so most of them is looked through once for all.
        key = (id(value), role)
        links = self._links.get(key)
        if links is None:
            links = self._links[key] = (value, _links(value, role))
        for below, its_role in links[1]:
            self._waiting.append((below, its_role, page))


def _links(value: Any, role: Role) -> list[tuple[Reference, Role]]:
    """Every reference in a value of that role, with the role of what it refers to."""
    found: list[tuple[Reference, Role]] = []
    _collect(value, role, found)
    return found


def _collect(value: Any, role: Role, found: list[tuple[Reference, Role]]) -> None:
    if isinstance(value, Reference):
        found.append((value, role))
    elif isinstance(value, list):
        below = _of_item(role)
        for item in value:
            if isinstance(item, Reference | list | dict):
                _collect(item, below, found)
    elif isinstance(value, dict | Stream):
        items = value.dictionary if isinstance(value, Stream) else value
        for key, item in items.items():
            # What can hold no reference needs no role; a reference is itself a tuple.
            if isinstance(item, Reference | list | dict):
                role_below = _of_key(role, key)
                if role_below is not None:
                    _collect(item, role_below, found)


def _own(value: Any, number: int) -> Role | None:
    """The role that an object has by what it is, wherever it is met."""
    if not isinstance(value, dict):
        return None
    kind = value.get("Type")
    if kind == "Page":
        return Role("page", number)
    if kind == "Pages":
        return _PAGES
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
    return _FIELD if role.kind == "fields" else role


def _of_key(role: Role, key: str) -> Role | None:
    """The role of what stands under a key; None where the key leads back to what is met elsewhere."""
    kind = role.kind
    if kind == "structure":
        return None if key in ("Pg", "Obj", "P") else role
    if kind == "catalog":
        return Role(_FROM_CATALOG.get(key, "other"))
    if kind == "form":
        return _FIELDS if key == "Fields" else _RESOURCES if key == "DR" else OTHER
    if kind in ("value", "appearance", "resources", "store", "metadata", "extensions", "information"):
        return role
    if key in _BACK:
        return None
    if kind == "field":
        return _below_field(role, key)
    if kind == "page":
        return Role("annotations", role.owner) if key == "Annots" else OTHER
    if kind == "pages":
        return _PAGES if key == "Kids" else OTHER
    return OTHER


def _below_field(role: Role, key: str) -> Role:
    if key in ("AP", "V"):
        return Role("appearance" if key == "AP" else "value", role.owner)
    return _FIELD if key == "Kids" else OTHER
