"""What each object of a document is for, found by following every reference from the trailer.

An object may change after signing only as far as each of its roles allows: an appearance stream that is
page content at the same time is page content.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from verifier.pdf.document import Document
from verifier.pdf.objects import Name, Reference, Stream, TooMuch

Kind = Literal[
    "catalog", "information", "metadata", "extensions", "store", "structure", "pages", "page", "annotations",
    "annotation", "form", "fields", "field", "value", "appearance", "resources", "names", "number_tree",
    "xfa", "other",
]  # fmt: skip

_MOST_OBJECTS = 2_000_000


@dataclass(frozen=True, slots=True)
class Role:
    """What an object is for; ``owner`` is the number of the field or page that it belongs to."""

    kind: Kind
    owner: int | None = None


OTHER = Role("other")
_STRUCTURE = Role("structure")

_FROM_CATALOG: dict[str, Kind] = {
    "AcroForm": "form", "Pages": "pages", "DSS": "store", "Metadata": "metadata",
    "Extensions": "extensions", "StructTreeRoot": "structure",
    "PieceInfo": "metadata", "MarkInfo": "metadata",
}  # fmt: skip
# References that point back up or across, and say nothing about what they point at. What a page or a field
# has from above counts, so their parents are followed.
_BACK = frozenset({"Parent", "P", "Pg", "Popup", "IRT"})


class Map:
    """Roles by object number, and by which page each was first met.

    The structure for screen readers has more objects than all pages together and shows nothing, so it is
    walked through only when somebody asks for an object that is not met elsewhere.
    """

    def __init__(self, document: Document, known: Map | None = None, changed: Iterable[int] = ()) -> None:
        self._known, self._changed = known, tuple(changed)
        self._roles: dict[int, frozenset[Role]] = dict(known._roles) if known is not None else {}
        self.page_of: dict[int, int] = dict(known.page_of) if known is not None else {}
        self._walk = _Walk(document, self._roles, self.page_of)
        self._whole = False
        self._follow()

    def of(self, number: int) -> frozenset[Role]:
        """The roles of an object; empty where nothing leads to it."""
        if number not in self._roles:
            self._complete()
        return self.shown(number)

    def _complete(self) -> None:
        """Walk through the structure too, here and in what this map extends."""
        if self._whole:
            return
        self._whole = True
        if self._known is not None:
            self._known._complete()
            for number, roles in self._known._roles.items():
                self._roles[number] = roles | self.shown(number)
        self._follow()

    def _follow(self) -> None:
        for number in self._changed:
            if roles := self.shown(number):
                self._walk.look_again(number, roles)
        self._walk.run(structure=self._whole)

    def shown(self, number: int) -> frozenset[Role]:
        """The roles of an object beside that in the structure for screen readers."""
        return self._roles.get(number, _NONE)


_NONE: frozenset[Role] = frozenset()
# What leads nowhere: most of what stands in a document.
_PLAIN = frozenset((int, float, bool, bytes, Name, type(None)))


def map_roles(document: Document) -> Map:
    """The roles of everything that a document's trailer leads to, free and missing objects included.

    Raises:
        TooMuch: there is more than any document has, here or when the map is asked.
    """
    return Map(document)


def extend_roles(known: Map, document: Document, changed: Iterable[int]) -> Map:
    """At least the roles in ``document``: those ``known`` of an earlier state, and what ``changed`` leads to.

    What only the earlier state led to keeps its roles, so that a file of many revisions is walked through
    once. Whoever judges by more roles than there are forbids no less.

    Raises:
        TooMuch: as `map_roles`.
    """
    return Map(document, known, changed)


class _Walk:
    """Follows references and notes roles; what belongs to the structure waits until it is asked for."""

    def __init__(
        self, document: Document, roles: dict[int, frozenset[Role]], page_of: dict[int, int]
    ) -> None:
        self._document = document
        self._roles, self._page_of = roles, page_of
        self._waiting: list[tuple[Reference, Role, int | None]] = []
        self._structure: list[Any] = []
        self._later = True
        self._pages = document.once(page_numbers)
        trailer = document.trailer
        for key, kind in (("Root", "catalog"), ("Info", "information"), ("Encrypt", "other")):
            self._meet(trailer.get(key), Role(kind), None)  # type: ignore[arg-type]
        self._steps = 0

    def run(self, *, structure: bool) -> None:
        """Follow what waits, that of the structure too where it is wanted."""
        self._follow()
        if structure:
            self._later = False
            for value in self._structure:
                self._meet(value, _STRUCTURE, None)
            self._structure.clear()
            self._follow()

    def look_again(self, number: int, known: frozenset[Role]) -> None:
        """Look into an object that is known by these roles and may hold something else now."""
        entry = self._document.entries.get(number)
        value = self._document.object(Reference(number, entry.generation if entry is not None else 0))
        own = _own(value, number)
        is_one = own is not None and any(self._is(own, role, number) for role in known)
        self._roles[number] = roles = known | {own} if own is not None and is_one else known
        page = self._pages.get(number, self._page_of.get(number))
        for role in roles:
            self._inside(value, role, page)

    def _follow(self) -> None:
        while self._waiting:
            reference, role, page = self._waiting.pop()
            self._steps += 1
            if self._steps > _MOST_OBJECTS:
                raise TooMuch("too many objects")
            self._enter(reference, role, page)

    def _meet(self, value: Any, role: Role, page: int | None) -> None:
        """Look through a direct value; what it refers to waits for its turn, with its role."""
        if role.kind == "structure" and self._later:
            self._structure.append(value)
        elif isinstance(value, Reference):
            self._waiting.append((value, role, page))
        elif isinstance(value, dict | list | Stream):
            self._inside(value, role, page)

    def _enter(self, reference: Reference, role: Role, page: int | None) -> None:
        value = self._document.object(reference)
        own = _own(value, reference.number)
        if own is not None and self._is(own, role, reference.number):
            role = own
        if role.kind == "pages" and isinstance(value, dict) and "Kids" not in value:
            role = Role("page", reference.number)  # whatever it calls itself
        if role.kind in ("field", "annotation") and isinstance(value, dict):
            role = Role(role.kind, reference.number)
        if role.kind == "page":
            page = self._pages.get(reference.number, page)
        if page is not None:
            self._page_of.setdefault(reference.number, page)
        known = self._roles.get(reference.number, _NONE)
        if role in known:
            return
        self._roles[reference.number] = known | {role}
        self._inside(value, role, page)

    def _is(self, own: Role, met_as: Role, number: int) -> bool:
        """Whether an object is what it calls itself: where it stands tells, not its /Type alone."""
        if own.kind == "page":
            return number in self._pages
        if own.kind == "catalog":
            root = self._document.trailer.get("Root")
            return isinstance(root, Reference) and root.number == number
        if own.kind == "pages":
            return met_as.kind in ("catalog", "pages", "page")
        return met_as.kind in _PARTS_OF_PAGES or number in self._document.once(on_pages)

    def _inside(self, value: Any, role: Role, page: int | None) -> None:
        if isinstance(value, list):
            below = _of_item(role)
            for item in value:
                if type(item) not in _PLAIN:
                    self._meet(item, below, page)
        elif isinstance(value, Stream):
            self._inside(value.dictionary, role, page)
        elif isinstance(value, dict):
            for key, item in value.items():
                if type(item) not in _PLAIN and (of_key := _of_key(role, key, value)) is not None:
                    self._meet(item, of_key, page)


# Where annotations and fields are met; elsewhere they are listed by a page.
_PARTS_OF_PAGES = frozenset({"annotations", "annotation", "fields", "field"})


def on_pages(document: Document) -> frozenset[int]:
    """The numbers of what pages list as annotations."""
    listed = (document.resolve(page.get("Annots")) for _, page in document.pages())
    return frozenset(
        each.number
        for annotations in listed
        for each in (annotations if isinstance(annotations, list) else ())
        if isinstance(each, Reference)
    )


def page_numbers(document: Document) -> dict[int, int]:
    """The index of each page, from 0, by its object number."""
    return {
        reference.number: index
        for index, (reference, _) in enumerate(document.pages())
        if reference is not None
    }


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
        return {"Fields": Role("fields"), "DR": Role("resources"), "XFA": Role("xfa")}.get(key, OTHER)
    if kind == "field":
        if key == "Parent":
            return Role("field")
        return None if key in _BACK else _below_field(role, key)
    if kind == "page":
        if key == "PieceInfo":
            return Role("metadata")
        if key == "Parent":
            return Role("pages")
        return None if key in _BACK else Role("annotations", role.owner) if key == "Annots" else OTHER
    if kind == "pages":
        if key == "Parent":
            return Role("pages")
        return None if key in _BACK else Role("pages") if key == "Kids" else OTHER
    if kind == "annotation":
        return None if key in _BACK else OTHER
    if kind == "structure":
        if key in ("ParentTree", "IDTree"):
            return Role("number_tree")
        return None if key in ("Pg", "Obj", "P") else role
    if kind == "number_tree":
        return role if key == "Kids" else _STRUCTURE
    if kind == "resources":
        return Role("names")  # of fonts, and of what else a look may use; what they stand for is all its own
    if kind in ("value", "appearance", "store", "metadata", "extensions", "information"):
        return role
    # What a dictionary of resources calls so may be anything.
    return OTHER


def _below_field(role: Role, key: str) -> Role:
    if key in ("AP", "V"):
        return Role("appearance" if key == "AP" else "value", role.owner)
    return Role("field") if key == "Kids" else OTHER
