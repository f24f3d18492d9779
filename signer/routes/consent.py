"""Where a remote signing service sends an owner's browser back to after a consent (RFC 6749, 4.1.2).

Whoever comes has no API key: the ``state``, which only the address of one session's officer led to, is what
lets them in, once. The code that they bring is encrypted for the session's worker at once; it is neither
kept here nor logged, and the page that answers holds nothing of the request.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from markupsafe import escape

from signer.problem_words import sentence
from signer.problems import status_of
from signer.sealing import LONGEST_CODE, seal_content
from storage import consents
from storage.register import Register
from storage.sessions import Session
from storage.vocabulary import AbsahError, InvalidRequest

PATH = "/consent"
_LONGEST_STATE = 200
_GIVEN = (
    "Persetujuan diterima. Dokumen sedang ditandatangani; kembali ke aplikasi.",
    "Your consent has arrived. The documents are being signed; return to the application.",
)
_REFUSED = (
    "Anda tidak menyetujui; tidak ada yang ditandatangani. Kembali ke aplikasi.",
    "You did not consent; nothing was signed. Return to the application.",
)
_FAILED = (
    "Layanan penandatanganan tidak memberi persetujuan; tidak ada yang ditandatangani."
    " Mulai sesi baru di aplikasi.",
    "The signing service gave no consent; nothing was signed. Begin a new session in the application.",
)


def consent_router(register: Register) -> APIRouter:
    """The one route. It is for browsers, and so stands in no OpenAPI document."""
    router = APIRouter(include_in_schema=False)

    @router.get(PATH)
    def come_back(request: Request) -> HTMLResponse:
        try:
            state = _only(request, "state", _LONGEST_STATE)
            if "error" in request.query_params:
                refused = request.query_params["error"] == "access_denied"
                consents.bring_refusal(register, state, consents.REFUSED if refused else consents.FAILED)
                return _page(200, *(_REFUSED if refused else _FAILED))
            code = _only(request, "code", LONGEST_CODE)

            def seal(session: Session) -> bytes:
                content = {"code": code, "state": state}
                return seal_content(content, session.public_key, session.id, session.batch_digest)

            consents.bring_code(register, state, seal)
        except AbsahError as error:
            return _page(
                status_of(error), sentence(error.code, error.message, "id"), error.message, error.code
            )
        return _page(200, *_GIVEN)

    return router


def _only(request: Request, name: str, longest: int) -> str:
    """RFC 6749, 3.1: no parameter is there twice."""
    values = request.query_params.getlist(name)
    if len(values) != 1 or not 0 < len(values[0]) <= longest:
        raise InvalidRequest(
            "This is not how a signing service sends you back; begin again in the application.",
            code="CONSENT_MALFORMED",
        )
    return values[0]


def _page(status: int, indonesian: str, english: str, code: str = "") -> HTMLResponse:
    hint = f"<p><small>{escape(code)}</small></p>\n" if code else ""
    return HTMLResponse(
        '<!doctype html>\n<html lang="id">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<title>Absah</title>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(indonesian)}</h1>\n"
        f'<p lang="en">{escape(english)}</p>\n{hint}'
        "</main>\n</body>\n</html>\n",
        status,
        {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"},
    )
