"""The agencies' API for documents of other issuers: hand in, look up, deliver."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPBearer

from signer.body import model_of
from signer.custody import CustodyDesk, CustodyRequest, keep, read_file
from signer.problems import MalformedJson
from signer.routes.examples import CUSTODY_BODY, documented_errors
from signer.routes.models import CustodyAnswer, CustodyBody
from storage.api_keys import Client, authenticate
from storage.custody import Kept, read_kept
from storage.database import transaction
from verifier.upload import UploadMemory, read_upload

PREFIX = "/api/v1/custody"
LARGEST_FILE = 25_000_000


def custody_router(desk: CustodyDesk) -> APIRouter:
    """The routes."""
    bearer = Security(HTTPBearer(auto_error=False, description="An agency's API key"))
    router = APIRouter(prefix=PREFIX, tags=["custody"], dependencies=[bearer])
    memory = UploadMemory()

    def caller(request: Request, scope: str) -> Client:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        with transaction(desk.register.engine) as connection:
            client = authenticate(connection, key.strip() if scheme.lower() == "bearer" else "")
        client.require(scope)
        return client

    def issuer(request: Request) -> Client:
        return caller(request, "issue")

    @router.post(
        "",
        status_code=201,
        response_model=CustodyAnswer,
        summary="Hand in a document of another issuer",
        responses=documented_errors("custody"),
        openapi_extra=CUSTODY_BODY,
    )
    async def hand_in(
        request: Request,
        idempotency_key: Annotated[str, Header(min_length=1, max_length=200, examples=["titipan-2026-0001"])],
        client: Client = Depends(issuer),  # noqa: B008 - the framework's way
    ) -> CustodyAnswer:
        """Checked at once, kept byte for byte under its issuer's number; it is never stamped or signed by us.

        The same Idempotency-Key with the same file and description gives the same answer, however often.
        """
        with memory.account() as account:
            upload = await read_upload(request, LARGEST_FILE, account)
            if upload.description is None:
                raise MalformedJson("Describe the document as JSON, in a part named “document”.")
            body = model_of(upload.description, CustodyBody)
            kept = await run_in_threadpool(
                keep, desk, client, idempotency_key, upload.content, CustodyRequest(**body.model_dump())
            )
        return _answer(kept)

    @router.get(
        "/{document_id}",
        response_model=CustodyAnswer,
        summary="What is kept, and what it was found to be",
        responses=documented_errors("custody_state"),
    )
    def state(request: Request, document_id: str) -> CustodyAnswer:
        """The verdict is that of the day on which it was handed in."""
        client = caller(request, "read")
        return _answer(read_kept(desk.register, client.agency_id, document_id))

    @router.get(
        "/{document_id}/pdf",
        response_class=Response,
        summary="The file, byte for byte as it was handed in",
        responses={**_PDF, **documented_errors("custody_pdf")},
    )
    def pdf(request: Request, document_id: str) -> Response:
        """Its SHA-256 is the one that was recorded."""
        client = caller(request, "read")
        kept, file = read_file(desk, client.agency_id, document_id)
        name = "".join(each if each.isascii() and each.isalnum() else "-" for each in kept.number)
        return Response(
            file,
            media_type="application/pdf",
            headers={"Content-Disposition": f'attachment; filename="{name}.pdf"'},
        )

    return router


_PDF: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A PDF",
        "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def _answer(kept: Kept) -> CustodyAnswer:
    return CustodyAnswer(**{name: getattr(kept, name) for name in CustodyAnswer.model_fields})
