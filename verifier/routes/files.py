"""Checking a file: the upload page and its JSON. Nothing of a file is kept or logged."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from storage.vocabulary import Verdict
from verifier import metrics
from verifier.check import check
from verifier.pages.file_page import SEND_AGAIN, view_file
from verifier.pages.render import Site, data_language, local_time, page_language, render_page
from verifier.parts import PublicParts
from verifier.report import Report
from verifier.routes.codes import new_reference
from verifier.routes.examples import FILE_BODY, FILE_RESPONSES
from verifier.upload import UploadMemory, read_upload
from verifier.words import Lang

log = structlog.get_logger("verifier")

_RETRY_SECONDS = "10"
_MAXIMUM_NAME = 200


def files_router(parts: PublicParts, site: Site) -> APIRouter:
    """The routes by file."""
    router = APIRouter(tags=["check"])
    memory = UploadMemory()
    # More threads than the sandbox has places, so that a file that the register knows by its hash is
    # answered while strangers' files wait for theirs.
    threads = ThreadPoolExecutor(32, thread_name_prefix="check")

    async def checked(request: Request, lang: Lang) -> tuple[Report, str]:
        with memory.account() as account:
            upload = await read_upload(request, parts.upload_limit, account)
            report = await asyncio.get_running_loop().run_in_executor(
                threads,
                lambda: check(
                    upload.content,
                    lookup=parts.lookup,
                    anchors=parts.anchors,
                    sandbox=parts.sandbox,
                    now=site.clock(),
                    lang=lang,
                    password=upload.password,
                    hosts=parts.hosts,
                    name=upload.name[:_MAXIMUM_NAME],
                ),
            )
        reference = new_reference()
        metrics.count_file(report.verdict, report.elapsed_ms)
        log.info("check.file", reference=reference, verdict=report.verdict)
        return report, reference

    @router.post("/api/v1/verify", summary="Check a file", responses=FILE_RESPONSES, openapi_extra=FILE_BODY)
    async def file_as_json(request: Request) -> Response:
        """Whether a file is what was signed, by whom, and whether the document is in force.

        Any signed PDF can be checked, also one that was not issued here. Nothing that a file names is
        ever opened or fetched. Sentences follow `?lang=` or `Accept-Language`; Indonesian is the default.
        """
        lang = data_language(request)
        report, _ = await checked(request, lang)
        return _answered(report, JSONResponse(report.to_json(), headers={"Content-Language": lang}))

    @router.post("/periksa-file", include_in_schema=False)
    async def file_page(request: Request) -> Response:
        lang = page_language(request)
        report, reference = await checked(request, lang)
        view = view_file(report, site, lang, reference)
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


def _answered(report: Report, response: Response) -> Response:
    """503 where the fault is ours: the busy sandbox, the silent register."""
    if report.verdict is Verdict.UNAVAILABLE:
        response.status_code = 503
        response.headers["Retry-After"] = _RETRY_SECONDS
    return response
