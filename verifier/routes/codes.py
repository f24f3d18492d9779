"""Checking by code: the page behind every QR code, its JSON, and blind compare."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from storage.code import CROCKFORD
from storage.vocabulary import Verdict
from verifier import metrics
from verifier.by_code import CodeAnswer, Comparison, check_code, compare
from verifier.limits import Allowance, Networks
from verifier.pages.code_page import public_reason, reason_words, status_since, view_code, words_of
from verifier.pages.render import Site, data_language, local_time, page_language, render_page, wants_page
from verifier.parts import PublicParts
from verifier.routes.examples import CODE_RESPONSES, COMPARE_RESPONSES
from verifier.words import Lang

log = structlog.get_logger("verifier")

_MAXIMUM_TYPED = 2_000
_MAXIMUM_FORM = 16_000
_MAXIMUM_FIELD = 300

# Every answer of this kind has one status, so that a program need not read the body to know.
_HTTP_STATUS = {Verdict.UNKNOWN_CODE: 404, Verdict.UNAVAILABLE: 503}


def codes_router(parts: PublicParts, site: Site, misses: Allowance, comparisons: Allowance) -> APIRouter:
    """The routes by code. ``misses`` and ``comparisons`` are what a network may try."""
    router = APIRouter(tags=["check"])
    networks = Networks(parts.proxies)

    def answer_for(typed: str) -> CodeAnswer:
        return check_code(
            typed[:_MAXIMUM_TYPED],
            parts.lookup,
            hosts=parts.hosts,
            official_hosts=parts.official_hosts,
            now=site.clock(),
        )

    async def checked(request: Request, typed: str) -> tuple[CodeAnswer, str]:
        answer = answer_for(typed)
        if answer.verdict is Verdict.UNKNOWN_CODE and answer.typo is None:
            # Only a miss waits: a code that exists is answered whatever its network did before.
            await misses.spend(networks.of(request))
        reference = new_reference()
        metrics.count_code(answer.verdict)
        log.info("check.code", reference=reference, verdict=answer.verdict)
        return answer, reference

    def page(
        request: Request,
        answer: CodeAnswer,
        reference: str,
        *,
        comparison: Comparison | None = None,
        typed: dict[str, str] | None = None,
        self_path: str = "",
    ) -> Response:
        lang = page_language(request)
        view = view_code(answer, site, lang, reference, comparison)
        response = render_page(
            request,
            "code.html",
            status=_HTTP_STATUS.get(answer.verdict, 200),
            self_path=self_path,
            view=view,
            comparison=comparison,
            typed=typed or {},
            checked_at=local_time(site.clock(), view.zone, lang),
        )
        return _with_retry(response)

    @router.get("/api/v1/codes/{code:path}", summary="Check a code", responses=CODE_RESPONSES)
    async def code_as_json(request: Request, code: str) -> Response:
        """What the register says about a verification code.

        The code may be typed in any way: any case, with spaces or hyphens, or as a whole address. An
        unknown or mistyped code has the same shape, with nulls, and HTTP status 404. The language of
        the sentences follows `?lang=` or `Accept-Language`; Indonesian is the default.
        """
        answer, reference = await checked(request, code)
        return code_json(answer, site, data_language(request), reference)

    @router.get("/d/{code}", summary="The page that a QR code opens", responses=CODE_RESPONSES)
    async def code_page(request: Request, code: str) -> Response:
        """A page for people; with `Accept: application/json` the same JSON as `/api/v1/codes/{code}`."""
        answer, reference = await checked(request, code)
        if wants_page(request):
            return page(request, answer, reference)
        return code_json(answer, site, data_language(request), reference)

    @router.get("/periksa", include_in_schema=False)
    async def typed_code(request: Request, kode: str = "") -> Response:
        if not kode.strip():
            return render_page(request, "home.html", status=422, problem="empty")
        answer, reference = await checked(request, kode)
        return page(request, answer, reference)

    @router.post("/periksa", include_in_schema=False)
    async def posted_code(request: Request) -> Response:
        # A scanner types the whole QR code, and what stands behind its “#” may hold a name. As the body of
        # a form it gets into no log on the way, which as part of an address it would.
        typed = (await _read_form(request)).get("kode", "")[:_MAXIMUM_TYPED]
        if not typed.strip():
            return render_page(request, "home.html", status=422, problem="empty", self_path="/")
        if (code := parts.own_code(typed)) is not None:
            return RedirectResponse(f"/d/{code}", 303)
        answer, reference = await checked(request, typed)
        kept = urlencode({"kode": typed.partition("#")[0]})
        return page(request, answer, reference, self_path=f"/periksa?{kept}")

    @router.get("/d/{code}/compare", include_in_schema=False)
    async def compare_again(request: Request, code: str) -> Response:
        # Where a reader lands who reloads, or changes the language of, the answer below.
        return RedirectResponse("/d/" + quote(code, safe=""), 303)

    @router.post(
        "/d/{code}/compare",
        summary="Blind compare",
        responses=COMPARE_RESPONSES,
        openapi_extra={"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": {
            "type": "object",
            "properties": {
                "nama": {"type": "string", "example": "Budi Santoso"},
                "nomor": {"type": "string", "example": "503/001/SIPD/DPMPTSP/2026"},
                "tanggal": {"type": "string", "example": "12 Maret 2026"},
            },
        }}}}},
    )  # fmt: skip
    async def compare_with_paper(request: Request, code: str) -> Response:
        """Whether the name, number and date on a paper are those of the register: for each `match`,
        `differs` or `not_given`; for a date also `unreadable`, and `short_year` where its year has two
        digits. What the register holds is not shown. Attempts are limited.
        """
        form = await _read_form(request)
        typed = {name: form.get(name, "")[:_MAXIMUM_FIELD] for name in ("nama", "nomor", "tanggal")}
        answer, reference = await checked(request, code)
        comparison = None
        record = answer.record
        if record is not None and any(value.strip() for value in typed.values()):
            await comparisons.spend(networks.of(request))
            # A slow digest is computed, so not on the thread that answers everybody else.
            comparison = await asyncio.to_thread(
                compare, record, name=typed["nama"], number=typed["nomor"], day=typed["tanggal"]
            )
            metrics.count_comparison("differs" if comparison.differs else "match")
        if wants_page(request):
            return page(
                request,
                answer,
                reference,
                comparison=comparison,
                typed=typed,
                self_path="/d/" + quote(code, safe=""),
            )
        if record is None:
            return code_json(answer, site, data_language(request), reference)
        shown = comparison or Comparison("not_given", "not_given", "not_given")
        return JSONResponse(
            {"code": answer.code, "nama": shown.name, "nomor": shown.number, "tanggal": shown.date}
        )

    return router


def new_reference() -> str:
    """A number to quote when somebody calls about an answer; it stands in the log beside the verdict."""
    return "".join(CROCKFORD[byte % 32] for byte in secrets.token_bytes(8))


def code_json(answer: CodeAnswer, site: Site, lang: Lang, reference: str) -> Response:
    """The answer as JSON: one shape for every verdict."""
    record, status = answer.record, answer.status
    words = words_of(answer, site, lang)
    reason = public_reason(record, status) if record else None
    contact = record.issuer if record else site.contact
    body: dict[str, Any] = {
        "code": answer.code,
        "verdict": answer.verdict,
        "heading": words.heading,
        "advice": words.advice,
        "lang": lang,
        "status": status,
        "number": record.number if record else None,
        "type": record.type if record else None,
        "type_label": (record.type_label_id if lang == "id" else record.type_label_en) if record else None,
        "issuer": {
            "agency": record.issuer.agency if record else None,
            "regency": record.issuer.regency if record else None,
        },
        "contact": {"phone": contact.phone, "email": contact.email, "website": contact.website},
        "masked_name": record.masked_name if record else None,
        "issued_on": _day(record and record.issued_on),
        "valid_from": _day(record and record.valid_from),
        "valid_until": _day(record and record.valid_until),
        "superseded_by": record.successor_number if record and status == "superseded" else None,
        "successor_date": _day(record.superseded_on) if record and status == "superseded" else None,
        "reason": reason,
        "reason_label": reason_words(reason, lang),
        "status_since": _day(status_since(record, status)) if record else None,
        "specimen": record.specimen if record else None,
        "typo": answer.typo,
        "checked_at": site.clock().isoformat(timespec="seconds"),
        "reference": reference,
    }
    response = Response(
        json.dumps(body, ensure_ascii=False),
        _HTTP_STATUS.get(answer.verdict, 200),
        {"Content-Language": lang},
        media_type="application/json",
    )
    return _with_retry(response)


def _day(value: Any) -> str | None:
    return value.isoformat() if value is not None else None


def _with_retry(response: Response) -> Response:
    if response.status_code == 503:
        response.headers["Retry-After"] = "10"
    return response


async def _read_form(request: Request) -> dict[str, str]:
    """The fields of a small plain form; a form that is no such thing has none."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAXIMUM_FORM:
            return {}
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=20, errors="replace")
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}
