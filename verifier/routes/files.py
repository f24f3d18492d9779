"""Checking a file: the upload page and its JSON. Nothing of a file is kept or logged."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from storage.vocabulary import Unavailable, Verdict
from verifier import metrics
from verifier.by_hash import check_hash
from verifier.check import check
from verifier.etsi_report import MEDIA_TYPE, write_etsi_report
from verifier.page_pictures import PagePictures, field_to_compare
from verifier.pages.file_page import SEND_AGAIN, view_file
from verifier.pages.render import Site, data_language, local_time, page_language, render_page
from verifier.parts import PublicParts
from verifier.report import Observation, Report
from verifier.routes.codes import new_reference
from verifier.routes.examples import FILE_BODY, FILE_RESPONSES, HASH_RESPONSES
from verifier.sandbox import PICTURE_SECONDS
from verifier.upload import Upload, UploadMemory, read_upload
from verifier.words import Lang

log = structlog.get_logger("verifier")

_RETRY_SECONDS = "10"
_MAXIMUM_NAME = 200
# An answer within ten seconds, pictures and all.
_ANSWER_SECONDS = 9.5
_LEAST_PICTURE_SECONDS = 0.5


def files_router(parts: PublicParts, site: Site) -> APIRouter:
    """The routes by file."""
    router = APIRouter(tags=["check"])
    memory = UploadMemory()
    # More threads than the sandbox has places, so that a file that the register knows by its hash is
    # answered while strangers' files wait for theirs.
    threads = ThreadPoolExecutor(32, thread_name_prefix="check")

    def check_upload(
        upload: Upload, lang: Lang, *, with_pictures: bool, in_detail: bool
    ) -> tuple[Report, PagePictures | None]:
        began = perf_counter()
        report = check(
            upload.content,
            lookup=parts.lookup,
            anchors=parts.anchors,
            sandbox=parts.sandbox,
            revocation=parts.revocation,
            now=site.clock(),
            lang=lang,
            password=upload.password,
            hosts=parts.hosts,
            name=upload.name[:_MAXIMUM_NAME],
            in_detail=in_detail,
        )
        if not with_pictures:
            return report, None
        return report, _draw(parts, upload, report, _ANSWER_SECONDS - (perf_counter() - began))

    async def checked(
        request: Request, lang: Lang, *, with_pictures: bool = False, in_detail: bool = False
    ) -> tuple[Report, PagePictures | None, str]:
        with memory.account() as account:
            upload = await read_upload(request, parts.upload_limit, account)
            report, pictures = await asyncio.get_running_loop().run_in_executor(
                threads,
                lambda: check_upload(upload, lang, with_pictures=with_pictures, in_detail=in_detail),
            )
        return report, pictures, told(report)

    def told(report: Report) -> str:
        """The reference of an answer, which is counted and logged without anything of the file."""
        reference = new_reference()
        metrics.count_file(report.verdict, report.elapsed_ms)
        log.info("check.file", reference=reference, verdict=report.verdict)
        return reference

    @router.post("/api/v1/verify", summary="Check a file", responses=FILE_RESPONSES, openapi_extra=FILE_BODY)
    async def file_as_json(
        request: Request,
        report: Annotated[
            Literal["etsi"] | None,
            Query(
                description="`etsi`: answer with a validation report of ETSI TS 119 102-2 (XML), unsigned."
            ),
        ] = None,
    ) -> Response:
        """Whether a file is what was signed, by whom, and whether the document is in force.

        Any signed PDF can be checked, also one that was not issued here. Nothing that a file names is opened
        or fetched, but for revocation at addresses that the operator lists. Sentences follow `?lang=` or
        `Accept-Language`; Indonesian is the default.
        """
        lang = data_language(request)
        answer, _, _ = await checked(request, lang, in_detail=report is not None)
        headers = {"Content-Language": lang}
        if report is None:
            return _answered(answer, JSONResponse(answer.to_json(), headers=headers))
        written = await asyncio.get_running_loop().run_in_executor(threads, write_etsi_report, answer)
        return _answered(answer, Response(written, media_type=MEDIA_TYPE, headers=headers))

    @router.get("/api/v1/verify/{sha256}", summary="Ask by a file's SHA-256", responses=HASH_RESPONSES)
    async def hash_as_json(request: Request, sha256: str) -> Response:
        """Whether a file with this SHA-256 (64 hexadecimal digits) was issued here, and its document's state.

        For an untouched original this is the answer that the file itself would get, without sending it and
        without its list of signatures. Of any other file only the file itself can tell: HTTP status 404.
        """
        lang = data_language(request)
        report = check_hash(sha256, parts.lookup, now=site.clock(), lang=lang)
        told(report)
        return JSONResponse(report.to_json(), headers={"Content-Language": lang})

    @router.get("/periksa-file/{sha256}", include_in_schema=False)
    async def hash_page(request: Request, sha256: str) -> Response:
        lang = page_language(request)
        report = check_hash(sha256, parts.lookup, now=site.clock(), lang=lang)
        view = view_file(report, site, lang, told(report))
        checked_at = local_time(report.checked_at, view.zone, lang)
        return render_page(request, "file.html", view=view, checked_at=checked_at)

    @router.post("/periksa-file", include_in_schema=False)
    async def file_page(request: Request) -> Response:
        lang = page_language(request)
        report, pictures, reference = await checked(request, lang, with_pictures=True)
        view = view_file(report, site, lang, reference, pictures)
        checked_at = local_time(report.checked_at, view.zone, lang)
        return _answered(
            report,
            render_page(
                request,
                "file.html",
                # Nothing of a file is kept, so another language needs the file once more.
                self_path="/periksa-file",
                send_again=SEND_AGAIN,
                view=view,
                checked_at=checked_at,
            ),
        )

    @router.get("/periksa-file", include_in_schema=False)
    async def upload_page(request: Request) -> Response:
        # Where a reader lands who reloads an answer in another tab: the file has to be chosen again.
        return render_page(request, "home.html", problem=None)

    return router


def _draw(parts: PublicParts, upload: Upload, report: Report, seconds: float) -> PagePictures | None:
    """The pages that changed after a signature; None where none can be meant. The verdict stands already."""
    # Of an original, whoever issued it signed each page as it is.
    field = None if report.original else field_to_compare(report.signatures)
    if field is None:
        return None
    if field in report.undrawn:
        return PagePictures(field)
    if seconds < _LEAST_PICTURE_SECONDS:
        return PagePictures(field, findings=(Observation.of("PAGE_PICTURES_STOPPED", page=1),))
    try:
        return parts.sandbox.draw_now(
            upload.content, field=field, password=upload.password, seconds=min(seconds, PICTURE_SECONDS)
        )
    except Unavailable:
        return PagePictures(field, findings=(Observation("PAGE_PICTURES_BUSY"),))


def _answered(report: Report, response: Response) -> Response:
    """503 where the fault is ours: the busy sandbox, the silent register."""
    if report.verdict is Verdict.UNAVAILABLE:
        response.status_code = 503
        response.headers["Retry-After"] = _RETRY_SECONDS
    return response
