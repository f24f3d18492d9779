"""A signature in a PDF that somebody else made: a field of its own, and nothing else is touched.

As `signer.signature.freeze_update`, for a file of which we know nothing but that it can be read: its form,
its other signatures and its structure tree stay, and a stamp is the look of the new field.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from signer.form_xobject import add_page_as_form
from signer.revision import FrozenUpdate, Pdf, Revision, Update, text_string
from signer.signature import (
    APPEND_ONLY,
    SignatureRefused,
    annotation_element,
    field_entries,
    first_page,
    signature_entries,
    unused_name,
)
from verifier.pdf.document import Document
from verifier.pdf.objects import Name, Reference
from verifier.survey_answer import Spot

# Printed; it cannot be moved, and its words cannot be changed (ISO 32000-2, table 167).
_PRINT_AND_FIXED = 4 | 64 | 128 | 512


@dataclass(frozen=True)
class VisibleStamp:
    """What is seen of a signature: a page of `templates.stamp`, where it lies, what a screen reader says."""

    page: bytes
    spot: Spot
    tooltip: str


@dataclass(frozen=True)
class Freezing:
    """The bytes to append, without the signature's value, and the name of its field."""

    update: FrozenUpdate
    field: str


def freeze_countersignature(
    pdf: Pdf,
    *,
    stamp: VisibleStamp | None,
    certify: bool,
    signer_name: str,
    reason: str,
    location: str,
    at: datetime,
    reserved: int,
) -> Freezing:
    """What has to be appended for one more signature.

    Args:
        pdf: the file, in memory or mapped.
        stamp: its look; None makes a field that is not seen.
        certify: whether it certifies the file (DocMDP, P=2); only for the first signature of a file.
        signer_name: as for `signer.signature.freeze`, and so are the others.
        reason: why it is signed; empty leaves it out.
        location: where; empty leaves it out.
        at: the claimed time of signing, aware.
        reserved: how many bytes the CMS with its token may take.

    Raises:
        SignatureRefused: ``PDF_STRUCTURE``.
        signer.revision.RevisionRefused: nothing can be added to that file.
    """
    revision = Revision(pdf)
    document = revision.document
    name = unused_name(document, "Signature")
    entries = signature_entries(certify, signer_name, reason, location, at)
    entries = {key: value for key, value in entries.items() if value != b""}
    try:
        value = revision.add_signature(entries, reserved)
        widget, page = _widget(revision, name, value, stamp)
        reference = revision.add(widget)
        sheet = revision.edit(page)
        revision.edit_inside(sheet, "Annots", []).append(reference)
        if stamp is not None and _is_tagged(document):
            sheet["Tabs"] = Name("S")
            widget["StructParent"] = _tag(revision, page, reference, stamp.tooltip)
        form = revision.edit_from_catalog("AcroForm")
        revision.edit_inside(form, "Fields", []).append(reference)
        form["SigFlags"] = APPEND_ONLY
        if certify:
            revision.edit_inside(revision.catalog, "Perms", {})["DocMDP"] = value
    except (KeyError, IndexError, TypeError, AttributeError) as problem:
        raise SignatureRefused(
            "The PDF's pages or its form are not as a signature needs them.", code="PDF_STRUCTURE"
        ) from problem
    return Freezing(revision.freeze(), name)


def stamp_page(pdf: Pdf, stamp: VisibleStamp) -> Update:
    """What has to be appended for a stamp alone: an annotation that nobody can move (ISO 32000-2, 12.5.6.12).

    For a signature that is written by somebody else and not seen.

    Raises as `freeze_countersignature`.
    """
    revision = Revision(pdf)
    try:
        look, page = _look(revision, stamp)
        annotation = {
            "Type": Name("Annot"),
            "Subtype": Name("Stamp"),
            "F": _PRINT_AND_FIXED,
            "Rect": _rectangle(stamp),
            "P": page,
            "Contents": text_string(stamp.tooltip),
            "AP": {"N": look},
        }
        reference = revision.add(annotation)
        sheet = revision.edit(page)
        revision.edit_inside(sheet, "Annots", []).append(reference)
        if _is_tagged(revision.document):
            sheet["Tabs"] = Name("S")
            annotation["StructParent"] = _tag(revision, page, reference, stamp.tooltip, role="Annot")
    except (KeyError, IndexError, TypeError, AttributeError) as problem:
        raise SignatureRefused(
            "The PDF's pages are not as a stamp needs them.", code="PDF_STRUCTURE"
        ) from problem
    return revision.write()


def _widget(
    revision: Revision, name: str, value: Reference, stamp: VisibleStamp | None
) -> tuple[dict[str, Any], Reference]:
    """Field and annotation in one, and the page that it lies on."""
    if stamp is None:
        page = first_page(revision.document)
        return {**field_entries(name, page), "V": value}, page
    look, page = _look(revision, stamp)
    return {
        **field_entries(name, page, _rectangle(stamp)),
        "V": value,
        "TU": text_string(stamp.tooltip),
        "AP": {"N": look},
    }, page


def _look(revision: Revision, stamp: VisibleStamp) -> tuple[Reference, Reference]:
    """The stamp as a form, and the page that it lies on."""
    spot = stamp.spot
    page = revision.document.pages()[spot.page][0]
    if page is None:
        raise KeyError("a page of its own")
    width, height = spot.x1 - spot.x0, spot.y1 - spot.y0
    if spot.turn in (90, 270):
        width, height = height, width
    return add_page_as_form(revision, stamp.page, round(width, 2), round(height, 2), spot.turn), page


def _rectangle(stamp: VisibleStamp) -> list[float]:
    spot = stamp.spot
    return [spot.x0, spot.y0, spot.x1, spot.y1]


def _is_tagged(document: Document) -> bool:
    return document.get(document.catalog, "MarkInfo", "Marked") is True and isinstance(
        document.get(document.catalog, "StructTreeRoot"), dict
    )


def _tag(
    revision: Revision, page: Reference, annotation: Reference, tooltip: str, *, role: str = "Form"
) -> int:
    """Put an element into the structure tree; returns the annotation's key in the parent tree.

    ISO 14289-1, 7.18.4; ISO 32000-2, 14.7.2 (structure) and 7.9.7 (number trees).
    """
    document = revision.document
    root_reference = document.catalog["StructTreeRoot"]
    tree = revision.edit_from_catalog("StructTreeRoot")
    top, owner = _top_element(document, tree, root_reference)
    parent = tree if owner is None else revision.edit(owner)
    element = revision.add(annotation_element(role, top, page, annotation, tooltip))
    _append_child(revision, parent, element)
    return _register_parent(revision, tree, element)


def _top_element(document: Document, tree: dict[str, Any], root: Any) -> tuple[Any, Reference | None]:
    """Under which element the new one goes: the document's own where there is one, else the root."""
    kids = document.resolve(tree.get("K"))
    first = kids[0] if isinstance(kids, list) and kids else tree.get("K")
    if isinstance(first, Reference) and document.get(first, "S") == "Document":
        return first, first
    if not isinstance(root, Reference):
        raise KeyError("a structure tree of its own")
    return root, None


def _append_child(revision: Revision, parent: dict[str, Any], element: Reference) -> None:
    present = parent.get("K")
    if isinstance(revision.document.resolve(present), list):
        revision.edit_inside(parent, "K").append(element)
    else:
        parent["K"] = [*([] if present is None else [present]), element]


def _register_parent(revision: Revision, tree: dict[str, Any], element: Reference) -> int:
    """The next key of the parent tree, which now leads to ``element``."""
    document = revision.document
    parents = revision.edit_inside(tree, "ParentTree", {"Nums": []})
    highest = _highest_key(document, parents)
    stated = document.resolve(tree.get("ParentTreeNextKey"))
    key = max(highest + 1, stated if isinstance(stated, int) else 0)
    if isinstance(document.resolve(parents.get("Kids")), list):
        leaf = revision.add({"Limits": [key, key], "Nums": [key, element]})
        revision.edit_inside(parents, "Kids").append(leaf)
    else:
        nums = revision.edit_inside(parents, "Nums", [])
        nums += (key, element)
    tree["ParentTreeNextKey"] = key + 1
    return key


def _highest_key(document: Document, node: dict[str, Any]) -> int:
    """The last key of a number tree, whose keys are in order; -1 where it has none."""
    for _ in range(32):
        nums = document.resolve(node.get("Nums"))
        if isinstance(nums, list) and len(nums) >= 2:
            last = document.resolve(nums[-2])
            return last if isinstance(last, int) else -1
        kids = document.resolve(node.get("Kids"))
        below = document.resolve(kids[-1]) if isinstance(kids, list) and kids else None
        if not isinstance(below, dict):
            return -1
        node = below
    raise KeyError("a parent tree of sane depth")
