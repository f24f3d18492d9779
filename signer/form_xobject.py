"""A page of another PDF as a form XObject of a revision (ISO 32000-2, 8.10): how a stamp gets into a file.

The other PDF is our own renderer's. Its objects are copied with new numbers, nothing is decoded or drawn
anew.
"""

from __future__ import annotations

from typing import Any

from signer.revision import Revision
from verifier.pdf.document import Document, File
from verifier.pdf.objects import Name, Reference, Stream

# How the form's axes lie on a page that is turned clockwise when it is displayed, so that it stands upright.
_MATRICES = {
    0: [1, 0, 0, 1, 0, 0],
    90: [0, 1, -1, 0, 0, 0],
    180: [-1, 0, 0, -1, 0, 0],
    270: [0, -1, 1, 0, 0, 0],
}


def add_page_as_form(revision: Revision, page: bytes, width: float, height: float, turn: int) -> Reference:
    """The first page of ``page`` as a form of that size, in points; for ``turn`` see `Spot`."""
    document = File(page).whole()
    _, sheet = document.pages()[0]
    copies = _Copies(revision, document)
    return revision.add_stream(
        _content(document, sheet.get("Contents")),
        Type=Name("XObject"),
        Subtype=Name("Form"),
        BBox=[0, 0, width, height],
        Matrix=_MATRICES[turn],
        Resources=copies.of(document.resolve(sheet.get("Resources"))),
    )


def _content(document: Document, contents: Any) -> bytes:
    parts = document.resolve(contents)
    streams = [document.resolve(each) for each in (parts if isinstance(parts, list) else [parts])]
    return b"\n".join(document.decode(each) for each in streams if isinstance(each, Stream))


class _Copies:
    """The objects of a document in a revision of another file, each once."""

    def __init__(self, revision: Revision, document: Document) -> None:
        self._revision, self._document = revision, document
        self._made: dict[Reference, Reference] = {}

    def of(self, value: Any) -> Any:
        """A value with everything that it refers to."""
        if isinstance(value, Reference):
            return self._reference(value)
        if isinstance(value, dict):
            return {key: self.of(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.of(item) for item in value]
        return value

    def _reference(self, reference: Reference) -> Any:
        if reference in self._made:
            return self._made[reference]
        value = self._document.object(reference)
        # Noted before it is filled, since objects may refer to each other in a ring.
        if isinstance(value, Stream):
            entries: dict[str, Any] = {}
            self._made[reference] = made = self._revision.add(
                Stream(entries, value.data, value.start, value.end)
            )
            entries.update(self.of(value.dictionary) | {"Length": value.end - value.start})
        elif isinstance(value, dict):
            entries = {}
            self._made[reference] = made = self._revision.add(entries)
            entries.update(self.of(value))
        else:
            return self.of(value)
        return made
