"""What a PDF carries besides its pages: our document.json, and things that would run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pyhanko.pdf_utils.misc import PdfDecodeLimitError
from pyhanko.pdf_utils.reader import PdfFileReader

from storage.code import is_well_formed, normalise

NAME = "document.json"
_MAXIMUM_BYTES = 1024 * 1024
_MAXIMUM_FILES = 100


def read_signed_code(reader: PdfFileReader, revision: int) -> str | None:
    """The verification code in ``document.json`` as it stood at a signed revision, or None.

    The caller vouches that an intact signature covers ``revision``: what a later revision attaches or
    swaps is not seen here.
    """
    try:
        root = reader.get_historical_root(revision)
        for specification in _file_specifications(root):
            name = specification.get("/UF", specification.get("/F"))
            if str(name) == NAME:
                return _code(specification["/EF"]["/F"].data)
    except (MemoryError, PdfDecodeLimitError):
        raise
    except Exception:  # an attachment that cannot be read names no document
        return None
    return None


def has_active_content(reader: PdfFileReader) -> bool:
    """Whether opening the document would run a script or start something. Nothing is run here."""
    try:
        root: Any = reader.root
        action = root.get("/OpenAction")
        if hasattr(action, "get") and action.get("/S") in (
            "/JavaScript",
            "/Launch",
            "/ImportData",
            "/SubmitForm",
        ):
            return True
        return "/AA" in root or "/JavaScript" in root.get("/Names", {})
    except (MemoryError, PdfDecodeLimitError):
        raise
    except Exception:  # a catalogue that cannot be read is judged where it matters
        return False


def _code(data: bytes) -> str | None:
    if len(data) > _MAXIMUM_BYTES:
        return None
    document = json.loads(data)
    code = normalise(str(document["code"])) if isinstance(document, dict) and "code" in document else ""
    return code if is_well_formed(code) else None


def _file_specifications(root: Any) -> Iterator[Any]:
    """Associated files (ISO 32000-2, 14.13), then the name tree of embedded files (7.9.6)."""
    count = 0
    for item in root.get("/AF", ()):
        count += 1
        if count > _MAXIMUM_FILES:
            return
        yield item.get_object()
    nodes = [root.get("/Names", {}).get("/EmbeddedFiles", {})]
    while nodes and count <= _MAXIMUM_FILES:
        count += 1
        node = nodes.pop().get_object() if hasattr(nodes[-1], "get_object") else nodes.pop()
        names = node.get("/Names", ())
        for index in range(1, len(names), 2):
            count += 1
            if count > _MAXIMUM_FILES:
                return
            yield names[index]
        nodes.extend(node.get("/Kids", ()))
