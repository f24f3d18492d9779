"""Examples of the agencies' API for its OpenAPI document: bodies that work, and each error of each route."""

from __future__ import annotations

from typing import Any

from signer.problem_words import title
from signer.problems import PROBLEM, PROBLEM_SCHEMA

_NOTE = "Surat permohonan tanggal 3 Maret 2026"


def _body(summary: str, **value: Any) -> dict[str, Any]:
    return {"summary": summary, "value": value}


BODIES: dict[str, dict[str, Any]] = {
    "approve": {
        "seen": _body("By its SHA-256, as the state tells it", digest="9f86d081884c7d65" * 4),
    },
    "revoke": {
        "today": _body("From today on", reason="registration_revoked", note="STR dicabut, surat KKI 12/2026"),
        "later": _body(
            "From a later day on, by a system that names the officer",
            reason="holder_request",
            note=_NOTE,
            officer="kepala-dpmptsp-contoh",
            effective_on="2027-01-01",
        ),
    },
    "suspend": {
        "complaint": _body(
            "While a complaint is looked into", reason="under_investigation", note="Pengaduan 12"
        ),
    },
    "reinstate": {
        "resolved": _body("The complaint had no ground", reason="resolved", note="Hasil pemeriksaan 14/2026"),
    },
    "annul": {
        "error": _body("It should never have been issued", reason="issued_in_error", note="Salah pemohon"),
    },
    "supersede": {
        "new": _body(
            "By a new document; send Idempotency-Key. “fields” are all of its fields, as for a first one",
            reason="place_changed",
            note=_NOTE,
            fields={"nama": "Anindya Larasati", "tempat_praktik": "Klinik Pratama Sehat Bersama"},
            valid_from="2026-12-01",
            recipient={"email": "warga@example.org"},
        ),
        "issued": _body(
            "By a document of the same type and holder that is in force",
            reason="data_corrected",
            note=_NOTE,
            successor="0b4bd4b2-3a33-4f3a-9c0e-6f0f6d1c2a57",
        ),
    },
    "signing-sessions": {
        "all": _body("All that waits for this officer's signature"),
        "some": _body("Some of it", documents=["0b4bd4b2-3a33-4f3a-9c0e-6f0f6d1c2a57"]),
    },
    "secret": {
        "sealed": _body("An HPKE message; this one was made for another session", sealed="bnVsbA==" * 18),
    },
}
"""For each action, the bodies shown for it."""

CUSTODY_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "document"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "The PDF, 25 MB at most",
                        },
                        "document": {
                            "type": "string",
                            "description": "JSON: issuer, number, type; holder_name, issued_on, valid_until,"
                            " accept_unsigned, accept_untrusted, officer where they are known",
                        },
                    },
                },
                "example": {
                    "file": "akta.pdf",
                    "document": '{"issuer": "Ditjen Dukcapil", "number": "3175-LU-12032026-0001",'
                    ' "type": "Akta Kelahiran", "holder_name": "Siti Aminah"}',
                },
            }
        },
    }
}
"""The form of a document that is handed in for custody."""

_Error = tuple[str, str] | tuple[str, str, str, str, str]
"""Code and sentence; then pointer, code and sentence of one thing that is wrong."""

_DENIED: dict[int, _Error] = {
    401: ("UNAUTHENTICATED", "Send a valid API key as “Authorization: Bearer KEY”."),
    403: ("FORBIDDEN", "This API key lacks the scope. Ask the administrator for a key that has it."),
    503: ("DATABASE_UNAVAILABLE", "The register's database does not answer."),
}
_MISSING: dict[int, _Error] = {404: ("DOCUMENT_NOT_FOUND", "This agency has no such document.")}
_KEPT_NOT: dict[int, _Error] = {404: ("DOCUMENT_NOT_FOUND", "This agency keeps no such document.")}
_UNREAD: dict[int, _Error] = {
    400: (
        "MALFORMED_JSON", "An object has the same key twice.",
        "/reason", "JSON_DUPLICATE_KEY", "An object has the same key twice.",
    ),
    413: (
        "TOO_LARGE", "A request may have 4 MB; make the photo smaller.",
        "", "TOO_LARGE", "A request may have 4 MB; make the photo smaller.",
    ),
}  # fmt: skip
_NO_REASON: dict[int, _Error] = {
    422: (
        "INVALID_REQUEST", "The request does not have the expected form.",
        "/reason", "FIELD_REQUIRED", "This field is needed.",
    ),
}  # fmt: skip
_CHANGE: dict[int, _Error] = {**_DENIED, **_MISSING, **_UNREAD, **_NO_REASON}

ERRORS: dict[str, dict[int, _Error]] = {
    "issue": {
        **_DENIED,
        **_UNREAD,
        404: (
            "UNKNOWN_TYPE", "There is no document type of that name here; known: sip-dokter.",
            "/type", "UNKNOWN_TYPE", "There is no document type of that name here; known: sip-dokter.",
        ),
        409: (
            "TOO_MANY_IN_FORCE",
            "The holder already has 3 such documents in force; 3 are allowed. Revoke or replace one first.",
        ),
        422: (
            "FIELDS_INVALID", "Some fields are missing or wrong; nothing was recorded.",
            "/fields/nik", "NIK_INVALID", "A NIK has 16 digits and ends in a serial from 0001.",
        ),
    },
    "state": {**_DENIED, **_MISSING},
    "pdf": {
        **_DENIED,
        **_MISSING,
        409: ("NOT_ISSUED", "The document is not issued (yet); ask for its state."),
    },
    "prepared": {
        **_DENIED,
        **_MISSING,
        409: ("NOT_PREPARED", "Nothing is prepared for approval (any more); ask for the state."),
    },
    "approve": {
        **_CHANGE,
        409: (
            "OTHER_DIGEST",
            "The digest is not that of the prepared document; open it again and approve what you see.",
        ),
        422: (
            "INVALID_REQUEST", "The request does not have the expected form.",
            "/digest", "FIELD_VALUE", "This value is not accepted; the schema states its form.",
        ),
    },
    "revoke": {
        **_CHANGE,
        409: (
            "ALREADY_REVOKED",
            "This document is already revoked from 2027-01-01 on; only an earlier day can be given now.",
        ),
        422: (
            "VALIDATION",
            "The revocation cannot take effect on that day."
            " Give a day from 2026-03-12 (its issue) to 2031-03-11, or leave it out for today.",
            "/effective_on", "EFFECTIVE_ON_RANGE",
            "Give a day from 2026-03-12 (its issue) to 2031-03-11, or leave it out for today.",
        ),
    },
    "suspend": {
        **_CHANGE,
        409: ("ALREADY_SUSPENDED", "This document is already suspended; reinstate it to end that."),
    },
    "reinstate": {**_CHANGE, 409: ("NOT_SUSPENDED", "This document is not suspended.")},
    "annul": {
        **_CHANGE,
        409: (
            "ALREADY_ANNULLED",
            "This document is annulled; its status cannot change any more. Issue a new one.",
        ),
    },
    "custody": {
        **_DENIED,
        400: (
            "MALFORMED_JSON", "An object has the same key twice.",
            "/issuer", "JSON_DUPLICATE_KEY", "An object has the same key twice.",
        ),
        408: ("UPLOAD_TIMEOUT", "The file stopped arriving; check the connection and send it again."),
        413: ("TOO_LARGE", "A file may have 25 MB."),
        409: ("ALREADY_KEPT", "This agency keeps this file already."),
        422: (
            "CUSTODY_ALTERED", "This file was changed after it was signed; ask its issuer for the original.",
            "/file", "CUSTODY_ALTERED",
            "This file was changed after it was signed; ask its issuer for the original.",
        ),
    },
    "custody_state": {**_DENIED, **_KEPT_NOT},
    "custody_pdf": {**_DENIED, **_KEPT_NOT},
    "supersede": {
        **_CHANGE,
        409: ("OTHER_HOLDER", "The successor belongs to another holder; name one of the same holder."),
        422: (
            "INVALID_REQUEST", "Give either the id of the successor, or the fields of a new document.",
            "/successor", "SUCCESSOR_OR_FIELDS", "Give one of “successor” and “fields”.",
        ),
    },
    "signing-sessions": {
        **_DENIED,
        **_UNREAD,
        404: ("DOCUMENT_NOT_FOUND", "This agency has no such document."),
        409: ("NOTHING_TO_SIGN", "No document waits for a signing session of this officer."),
        422: (
            "INVALID_REQUEST", "The request does not have the expected form.",
            "/documents", "FIELD_LENGTH", "Give at least 1 characters.",
        ),
        503: (
            "NO_WORKER",
            "No worker is running that could use this key; start one, then begin the session again.",
        ),
    },
    "session": {
        **_DENIED,
        404: ("SESSION_NOT_FOUND", "This agency has no such signing session."),
    },
    "secret": {
        **_DENIED,
        **_UNREAD,
        404: ("SESSION_NOT_FOUND", "This agency has no such signing session."),
        409: ("SESSION_ENDED", "This signing session takes no secret (any more); begin a new one."),
        422: (
            "INVALID_REQUEST", "The secret is not encrypted as the schema says.",
            "/sealed", "FIELD_VALUE", "Give the HPKE message in Base64; see the schema.",
        ),
    },
}  # fmt: skip
"""For each route, the error that its callers most often meet with each status."""


def documented_errors(route: str) -> dict[int | str, dict[str, Any]]:
    """The error responses of a route, each with its own example."""
    responses: dict[int | str, dict[str, Any]] = {
        status: _response(title(status, "en"), _problem(status, error))
        for status, error in sorted(ERRORS[route].items())
    }
    # Also keeps the framework from adding a 422 of a form that nothing here answers with.
    responses["default"] = _response(
        "Any other problem",
        _problem(500, ("INTERNAL", "Something failed on our side; nothing was recorded.")),
    )
    return responses


def _response(description: str, example: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {PROBLEM: {"schema": PROBLEM_SCHEMA, "example": example}}}


def _problem(status: int, error: _Error) -> dict[str, Any]:
    code, detail, *wrong = error
    example: dict[str, Any] = {
        "type": "about:blank", "title": title(status, "en"), "status": status, "code": code, "detail": detail,
    }  # fmt: skip
    if wrong:
        pointer, wrong_code, sentence = wrong
        example["errors"] = [
            {"pointer": pointer, "code": wrong_code, "detail": sentence, "overridable": False}
        ]
    return example
