"""What a PDF carries besides its pages: our document.json, and things that would run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from storage.code import is_well_formed, normalise
from verifier.pdf.document import Document
from verifier.pdf.objects import Damaged, Stream
from verifier.signature_fields import text

NAME = "document.json"
_MAXIMUM_BYTES = 1024 * 1024
_MAXIMUM_FILES = 100
_RUNNING = ("JavaScript", "Launch", "ImportData", "SubmitForm")


def read_signed_code(document: Document) -> str | None:
    """The verification code in ``document.json`` of a state of the file, or None.

    The caller vouches that an intact signature covers it: what a later revision attaches or swaps is not
    seen here.
    """
    for specification in _file_specifications(document):
        name = document.get(specification, "UF") or document.get(specification, "F")
        if text(name) == NAME:
            return _code(document, document.get(specification, "EF", "F"))
    return None


def has_active_content(document: Document) -> bool:
    """Whether opening the document would run a script or start something. Nothing is run here."""
    catalog = document.catalog
    if document.get(catalog, "OpenAction", "S") in _RUNNING:
        return True
    return "AA" in catalog or document.get(catalog, "Names", "JavaScript") is not None


def _code(document: Document, stream: Any) -> str | None:
    if not isinstance(stream, Stream):
        return None
    try:
        data = document.decode(stream)
        content = json.loads(data) if len(data) <= _MAXIMUM_BYTES else None
    except (Damaged, ValueError, RecursionError):
        return None  # an attachment that cannot be read names no document
    code = normalise(str(content["code"])) if isinstance(content, dict) and "code" in content else ""
    return code if is_well_formed(code) else None


def _file_specifications(document: Document) -> Iterator[Any]:
    """Associated files (ISO 32000-2, 14.13), then the name tree of embedded files (7.9.6)."""
    associated = document.get(document.catalog, "AF")
    count = 0
    for each in associated if isinstance(associated, list) else ():
        count += 1
        if count > _MAXIMUM_FILES:
            return
        yield each
    nodes: list[Any] = [document.get(document.catalog, "Names", "EmbeddedFiles")]
    while nodes and count <= _MAXIMUM_FILES:
        count += 1
        node = nodes.pop()
        names = document.get(node, "Names")
        for each in (names if isinstance(names, list) else [])[1::2]:
            count += 1
            if count > _MAXIMUM_FILES:
                return
            yield each
        kids = document.get(node, "Kids")
        nodes.extend(kids if isinstance(kids, list) else ())
