"""The document types that this installation issues: one folder each, data rather than code."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from storage.vocabulary import FieldProblem, Misconfigured, NotFound
from templates.definition import read_type
from templates.document_type import DocumentType, Limits, Slot

__all__ = ["Catalogue", "DocumentType", "Limits", "Slot", "UnknownType"]

SHIPPED = Path(__file__).parent / "catalogue"


class UnknownType(NotFound):
    """No document type has that id here."""

    code = "UNKNOWN_TYPE"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.problems = (FieldProblem("/type", self.code, message),)


class Catalogue:
    """Every type, by its id."""

    def __init__(self, types: Iterable[DocumentType]) -> None:
        self._types: dict[str, DocumentType] = {}
        patterns: dict[str, str] = {}
        for each in types:
            if each.id in self._types:
                raise Misconfigured(
                    f"The document type {each.id} is defined twice, in {self._types[each.id].folder} "
                    f"and {each.folder}; rename or remove one."
                )
            # A number is unique within its series; two types with one pattern would share numbers.
            twin = patterns.setdefault(each.numbering.pattern, each.id)
            if twin != each.id:
                raise Misconfigured(
                    f"The document types {twin} and {each.id} number by the same pattern; "
                    "change it in one type.toml."
                )
            self._types[each.id] = each

    @classmethod
    def load(cls, *folders: Path) -> Catalogue:
        """The shipped types, and those in each of ``folders``, whose sub-folders are one type each.

        Raises:
            Misconfigured: a folder is missing, or a type in it cannot be used.
        """
        types = []
        for folder in (SHIPPED, *folders):
            if not folder.is_dir():
                raise Misconfigured(
                    f"The folder of document types {folder} does not exist; create or unset it."
                )
            types += [
                read_type(each, shipped=folder is SHIPPED)
                for each in sorted(folder.iterdir())
                if (each / "type.toml").exists()
            ]
        return cls(types)

    @property
    def types(self) -> tuple[DocumentType, ...]:
        """All types, sorted by id."""
        return tuple(self._types[id_] for id_ in sorted(self._types))

    def get(self, type_id: str) -> DocumentType:
        """The type of that id.

        Raises:
            UnknownType: there is none.
        """
        try:
            return self._types[type_id]
        except KeyError:
            raise UnknownType(
                f"There is no document type of that name here; known: {', '.join(sorted(self._types))}."
            ) from None
