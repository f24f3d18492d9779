"""What becomes of a document whose template changed between its request and its preparation.

The page that step 1 drew for trial is not the one that would be signed now, so the cycle stops and
asks a human. A new version of the program is the usual reason: the fonts and the renderer count
too. Then the document can go on with the template of today, if that would accept it as it is.
"""

from __future__ import annotations

from datetime import UTC, datetime

from signer.composition import compose_document
from storage.reading import read_document
from storage.register import Register
from storage.vocabulary import InvalidRequest
from templates.catalogue import Catalogue
from templates.render import Renderer

CHANGED = "TEMPLATE_CHANGED"
"""Why such a document is blocked."""


def fitting_template(
    register: Register, catalogue: Catalogue, agency_id: str, document_id: str, *, development: bool
) -> str:
    """The hash of today's template, which would accept the document as step 1 fixed it, and draws it.

    Raises:
        InvalidRequest: ``TEMPLATE_UNFIT``: other signatures, an approval that nobody was told of, or other
            fields. Only a new request can meet that.
        NotFound: no such document; or its type is gone.
        templates.render.RenderFailed: it cannot be drawn.
    """
    document = read_document(register, agency_id, document_id)
    document_type = catalogue.get(document.type)
    _, found = document_type.read(document.fields, issued_on=document.issued_on)
    # What an officer may confirm was judged when the document was requested.
    problems = tuple(problem for problem in found if not problem.overridable)
    asked = [(slot.role, slot.kind) for slot in document.slots]
    same_hands = asked == [(slot.role, slot.kind) for slot in document_type.slots]
    if problems or not same_hands or (document_type.approval and not document.needs_approval):
        raise InvalidRequest(
            "The document type now asks for other fields, signatures or an approval; annul this document and"
            " request it anew.",
            problems,
            code="TEMPLATE_UNFIT",
        )
    Renderer(catalogue).render(
        compose_document(document_type, document, created=datetime.now(UTC), development=development)
    )
    return document_type.template_hash
