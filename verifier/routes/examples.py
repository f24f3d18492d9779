"""What the public routes answer, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, get_args

from storage.vocabulary import Status, Verdict
from verifier.by_code import Match
from verifier.report import Changes, Covers, Indication, Integrity, Kind, Level, Severity, Trust

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
    "additionalProperties": False,
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
    # No parameter of these routes can be wrong, but the framework would announce its own form of this.
    422: _problem(422, "Invalid request", "INVALID_REQUEST", "The request does not have the expected form."),
    429: _LIMITED,
    503: _json("The register does not answer", _UNAVAILABLE, _CODE_SCHEMA),
}

_COMPARED: dict[str, Any] = {
    "code": "7K3M9QX2R4TPXA",
    "nama": "match",
    "nomor": "differs",
    "tanggal": "not_given",
}
_COMPARED_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": list(_COMPARED),
    "properties": {
        "code": {"type": "string"},
        **{name: {"type": "string", "enum": ["match", "differs", "not_given"]} for name in ("nama", "nomor")},
        "tanggal": {"type": "string", "enum": list(get_args(Match))},
    },
}
COMPARE_RESPONSES: dict[int | str, dict[str, Any]] = {
    **CODE_RESPONSES,
    200: _json("Field by field, whether it is what the register holds", _COMPARED, _COMPARED_SCHEMA),
}

_REPORT: dict[str, Any] = {
    "file": "izin.pdf",
    "sha256": "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7",
    "verdict": "valid",
    "summary": "Original file, in force.",
    "signatures": [
        {
            "field": "Penanda_tangan_1",
            "kind": "signature",
            "signer": "CN=dr. Ratna Contoh, T=Kepala Dinas, O=Kabupaten Contoh, C=ID",
            "integrity": "intact",
            "changes": "none",
            "covers": "whole_file",
            "trust": "trusted",
            "level": "PAdES-B-T",
            "indication": "TOTAL-PASSED",
            "subindication": None,
            "signed_at": "2026-03-12T02:15:04Z",
            "signed_at_source": "timestamp",
        }
    ],
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

_UNCHECKED: dict[str, Any] = {
    **_REPORT,
    "verdict": "unavailable",
    "summary": "Cannot be checked right now.",
    "signatures": [],
    "register": {"known": False, **dict.fromkeys(("status", "number", "type", "superseded_by"))},
    "findings": [
        {
            "code": "SANDBOX_BUSY",
            "severity": "error",
            "message": "Too many files are being checked; try again in a moment.",
        }
    ],
}


def _one_of(kind: Any) -> dict[str, Any]:
    return {"type": "string", "enum": [str(each) for each in get_args(kind)]}


def _closed(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An object with these members and no other."""
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
        **more,
    }


_WORD = {"type": "string"}
_SIGNATURE_SCHEMA = _closed(
    {
        "field": _WORD,
        "kind": _one_of(Kind),
        "signer": _WORD,
        "integrity": _one_of(Integrity),
        "changes": _one_of(Changes),
        "covers": _one_of(Covers),
        "trust": _one_of(Trust),
        "level": _one_of(Level),
        "indication": _one_of(Indication),
        "subindication": _TEXT,
        "signed_at": _nullable("string", format="date-time"),
        "signed_at_source": {"type": "string", "enum": ["timestamp", "claimed"]},
    }
)
_REGISTER_SCHEMA = _closed(
    {
        "known": {"type": "boolean"},
        "status": _nullable("string", enum=[*map(str, Status), None]),
        "number": _TEXT,
        "type": _TEXT,
        "superseded_by": _TEXT,
    },
    type=["object", "null"],
)
_REPORT_SCHEMA: dict[str, Any] = _closed(
    {
        "file": _WORD,
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "verdict": {"type": "string", "enum": [str(verdict) for verdict in Verdict]},
        "summary": _WORD,
        "signatures": {"type": "array", "items": _SIGNATURE_SCHEMA},
        "register": _REGISTER_SCHEMA,
        "findings": {
            "type": "array",
            "items": _closed({"code": _WORD, "severity": _one_of(Severity), "message": _WORD}),
        },
        "elapsed_ms": {"type": "number"},
    }
)


_XML = {
    "application/xml": {
        "schema": _WORD,
        "example": '<ValidationReport xmlns="http://uri.etsi.org/19102/v1.4.1#">…</ValidationReport>',
    }
}


def _unavailable() -> dict[str, Any]:
    """As a report where the file arrived and could not be checked, as a problem where it could not arrive."""
    busy = _problem(
        503,
        "Temporarily unavailable",
        "UPLOAD_BUSY",
        "Too many files are being received. Try again in a moment.",
    )
    report = _json("", _UNCHECKED, _REPORT_SCHEMA)
    return {
        "description": "Too many files are being checked, or the register does not answer",
        "content": {**report["content"], **_XML, **busy["content"]},
    }


def _checked() -> dict[str, Any]:
    """The report, or with ``?report=etsi`` the validation report of ETSI TS 119 102-2."""
    report = _json("The verdict on the file", _REPORT, _REPORT_SCHEMA)
    return {**report, "content": {**report["content"], **_XML}}


FILE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: _checked(),
    400: _problem(400, "Malformed form", "MALFORMED_FORM", "The form is damaged or was cut off."),
    408: _problem(408, "Too slow", "UPLOAD_TIMEOUT", "The file stopped arriving; send it again."),
    413: _problem(413, "Content too large", "TOO_LARGE", "A file may have 25 MB."),
    422: _problem(422, "Invalid request", "NO_FILE", "Choose a file, and send it in a part named “file”."),
    503: _unavailable(),
}  # fmt: skip

HASH_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: _json("The answer for the original", {**_REPORT, "signatures": []}, _REPORT_SCHEMA),
    404: _problem(404, "Not found", "UNKNOWN_FILE", "No file with this SHA-256 was issued here."),
    422: _problem(422, "Invalid request", "MALFORMED_SHA256", "A SHA-256 has 64 hexadecimal digits."),
    503: _problem(503, "Temporarily unavailable", "REGISTER_UNAVAILABLE", "The register does not answer."),
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
