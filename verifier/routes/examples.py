"""What the public routes answer, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

_CODE: dict[str, Any] = {
    "code": "7K3M9QX2R4TPXA",
    "verdict": "valid",
    "heading": "Registered and in force",
    "advice": "A code can be copied, so compare name, number and dates with your paper.",
    "lang": "en",
    "status": "in_force",
    "number": "503/001/SIPD/DPMPTSP/2026",
    "type": "sip-dokter",
    "type_label": "Doctor's practice licence",
    "issuer": {
        "agency": "Dinas Penanaman Modal dan Pelayanan Terpadu Satu Pintu",
        "regency": "Kabupaten Contoh",
    },
    "contact": {
        "phone": "(021) 555-0101",
        "email": "dpmptsp@contoh.example",
        "website": "dpmptsp.contoh.example",
    },
    "masked_name": "B*** S***",
    "issued_on": "2026-03-12",
    "valid_from": "2026-03-12",
    "valid_until": "2031-03-11",
    "superseded_by": None,
    "successor_date": None,
    "reason": None,
    "reason_label": None,
    "status_since": None,
    "specimen": False,
    "typo": None,
    "checked_at": "2026-03-12T02:30:00+00:00",
    "reference": "4T7K9WQ2",
}


def _without_record(verdict: str, heading: str, advice: str) -> dict[str, Any]:
    kept = ("code", "lang", "contact", "checked_at", "reference")
    words = {"verdict": verdict, "heading": heading, "advice": advice}
    nobody = {"issuer": {"agency": None, "regency": None}}
    return {**dict.fromkeys(_CODE), **{name: _CODE[name] for name in kept}, **words, **nobody}


_UNKNOWN = _without_record(
    "unknown_code",
    "Code not found",
    "Recheck all 14 characters; if they match, do not accept, and call the official contact, not the number"
    " on the paper.",
)
_UNAVAILABLE = _without_record(
    "unavailable",
    "Cannot be checked right now",
    "The fault is in our service, not the document; try again before deciding.",
)


def _nullable(*kinds: str, **more: Any) -> dict[str, Any]:
    return {"type": [*kinds, "null"], **more}


_DAY = _nullable("string", format="date")
_TEXT = _nullable("string")

_CODE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": list(_CODE),
    "properties": {
        **{key: {"type": "string"} for key in ("code", "verdict", "heading", "advice", "reference")},
        "lang": {"type": "string", "enum": ["id", "en"]},
        **dict.fromkeys(("status", "number", "type", "type_label", "masked_name"), _TEXT),
        **dict.fromkeys(("superseded_by", "reason", "reason_label"), _TEXT),
        **dict.fromkeys(("issued_on", "valid_from", "valid_until", "successor_date", "status_since"), _DAY),
        "issuer": {"type": "object", "properties": {"agency": _TEXT, "regency": _TEXT}},
        "contact": {
            "type": "object",
            "properties": {key: {"type": "string"} for key in ("phone", "email", "website")},
        },
        "specimen": _nullable("boolean"),
        "typo": _nullable("string", enum=["empty", "length", "character", None]),
        "checked_at": {"type": "string", "format": "date-time"},
    },
}


def _json(description: str, example: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": schema, "example": example}}
    return {"description": description, "content": content}


_PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        **{key: {"type": "string"} for key in ("type", "title", "code", "detail")},
        "status": {"type": "integer"},
    },
}


def _problem(status: int, title: str, code: str, detail: str) -> dict[str, Any]:
    example = {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail}
    content = {"application/problem+json": {"schema": _PROBLEM_SCHEMA, "example": example}}
    return {"description": title, "content": content}


_LIMITED = _problem(
    429,
    "Too many requests",
    "RATE_LIMITED",
    "Too many attempts from this network. Try again in 10 seconds.",
)

CODE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: _json("What the register says", _CODE, _CODE_SCHEMA),
    404: _json("An unknown or mistyped code", _UNKNOWN, _CODE_SCHEMA),
    429: _LIMITED,
    503: _json("The register does not answer", _UNAVAILABLE, _CODE_SCHEMA),
}

_REPORT: dict[str, Any] = {
    "file": "izin.pdf",
    "sha256": "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7",
    "verdict": "valid",
    "summary": "Original file, in force.",
    "signatures": [],
    "register": {
        "known": True,
        "status": "in_force",
        "number": "503/001/SIPD/DPMPTSP/2026",
        "type": "sip-dokter",
        "superseded_by": None,
    },
    "findings": [
        {
            "code": "ORIGINAL",
            "severity": "info",
            "message": "This file is identical, bit by bit, to the one that was issued.",
        }
    ],
    "elapsed_ms": 1.9,
}

_REPORT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": list(_REPORT),
    "properties": {
        **{key: {"type": "string"} for key in ("file", "sha256", "verdict", "summary")},
        "signatures": {"type": "array", "items": {"type": "object"}},
        "register": _nullable("object"),
        "findings": {"type": "array", "items": {"type": "object"}},
        "elapsed_ms": {"type": "number"},
    },
}

FILE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: _json("The verdict on the file", _REPORT, _REPORT_SCHEMA),
    400: _problem(400, "Malformed form", "MALFORMED_FORM", "The form is damaged or was cut off."),
    408: _problem(408, "Too slow", "UPLOAD_TIMEOUT", "The file stopped arriving; send it again."),
    413: _problem(413, "Content too large", "TOO_LARGE", "A file may have 25 MB."),
    422: _problem(422, "No file", "NO_FILE", "Choose a file, and send it in a part named “file”."),
    503: _json("Too many files are being checked, or the register does not answer",
               {**_REPORT, "verdict": "unavailable", "register": None}, _REPORT_SCHEMA),
}  # fmt: skip

FILE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "a PDF, or a photo or scan (PNG, JPEG) with a QR code",
                        },
                        "password": {"type": "string", "description": "of an encrypted PDF"},
                    },
                }
            }
        },
    }
}
