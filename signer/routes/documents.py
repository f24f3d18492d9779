"""The agencies' API: request, approve, follow, fetch and end documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPBearer
from pydantic import BaseModel

from signer import requests
from signer.body import read_model
from signer.requests import AcceptedWarning, Desk, IssueRequest, Replacement, responsible_officer
from signer.routes.examples import BODIES, documented_errors
from signer.routes.models import (
    AcceptedAnswer,
    ApproveBody,
    ChangeBody,
    DocumentAnswer,
    EventAnswer,
    IssueBody,
    RevokeBody,
    SupersedeBody,
)
from storage import status
from storage.api_keys import Client, authenticate
from storage.archive import Archive, final_key, staging_key
from storage.database import transaction
from storage.new_document import Accepted
from storage.reading import Overview, read_overview
from storage.register import Register
from storage.status import Change
from storage.units import get_officer
from storage.vocabulary import Conflict, DocumentState, FieldProblem, InvalidRequest

PREFIX = "/api/v1/documents"

_Apply = Callable[[Client, str, Any, Change], None]


def documents_router(desk: Desk, archive: Archive, example: dict[str, Any]) -> APIRouter:
    """The routes; ``example`` is a request that works, for the OpenAPI document."""
    # Only for the OpenAPI document; `caller` below decides, and answers with a problem.
    bearer = Security(HTTPBearer(auto_error=False, description="An agency's API key"))
    router = APIRouter(prefix=PREFIX, tags=["documents"], dependencies=[bearer])
    register = desk.register

    def caller(request: Request, scope: str) -> Client:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        with transaction(register.engine) as connection:
            client = authenticate(connection, key.strip() if scheme.lower() == "bearer" else "")
        client.require(scope)
        return client

    def overview(client: Client, document_id: str) -> Overview:
        return read_overview(register, client.agency_id, document_id, desk.clock())

    def answer(client: Client, document_id: str) -> DocumentAnswer:
        found = overview(client, document_id)
        values = {name: getattr(found, name) for name in DocumentAnswer.model_fields if hasattr(found, name)}
        values["superseded_by"] = found.successor_number
        values["events"] = [EventAnswer(**event) for event in found.events]
        return DocumentAnswer(**values)

    def accepted(result: Accepted) -> AcceptedAnswer:
        state_url = f"{desk.public_url.rstrip('/')}{PREFIX}/{result.id}"
        return AcceptedAnswer(
            id=result.id, number=result.number, code=result.code, url=result.url, state_url=state_url
        )

    def issuer(request: Request) -> Client:
        return caller(request, "issue")

    @router.post(
        "",
        status_code=202,
        response_model=AcceptedAnswer,
        summary="Request a document",
        responses=documented_errors("issue"),
        openapi_extra=body_schema(IssueBody, {"new": {"summary": "A new document", "value": example}}),
    )
    async def issue(
        request: Request,
        idempotency_key: Annotated[
            str, Header(min_length=1, max_length=200, examples=["permohonan-2026-0001"])
        ],
        # Asked before the headers are judged: a stranger is told nothing but that.
        client: Client = Depends(issuer),  # noqa: B008 - the framework's way
    ) -> AcceptedAnswer:
        """Validated and numbered at once, signed soon after: follow ``state_url``.

        The same Idempotency-Key with the same body gives the same answer, however often.
        """
        body = await read_model(request, IssueBody)
        new = _issue_request(body.type, body.fields, body, body.officer)
        return accepted(await run_in_threadpool(requests.accept, desk, client, idempotency_key, new))

    @router.get(
        "/{document_id}",
        response_model=DocumentAnswer,
        summary="Where a document stands",
        responses=documented_errors("state"),
    )
    def state(request: Request, document_id: str) -> DocumentAnswer:
        """State of the issuing cycle, status in the register, and history."""
        return answer(caller(request, "read"), document_id)

    @router.get(
        "/{document_id}/pdf",
        response_class=Response,
        summary="The issued PDF",
        responses={**_PDF, **documented_errors("pdf")},
    )
    def pdf(request: Request, document_id: str) -> Response:
        """Byte for byte as archived; 409 until the document is issued."""
        client = caller(request, "read")
        found = overview(client, document_id)
        if found.sha256 is None:
            raise Conflict("The document is not issued (yet); ask for its state.", code="NOT_ISSUED")
        return _pdf(archive.read(final_key(client.agency_id, found.sha256)), found.number)

    @router.get(
        "/{document_id}/prepared",
        response_class=Response,
        summary="The PDF to be approved",
        responses={**_PDF, **documented_errors("prepared")},
    )
    def prepared(request: Request, document_id: str) -> Response:
        """The exact bytes that await approval, unsigned; only for officers who approve."""
        client = caller(request, "approve")
        found = overview(client, document_id)
        if found.prepared_sha256 is None or found.state != DocumentState.PREPARED:
            raise Conflict(
                "Nothing is prepared for approval (any more); ask for the state.", code="NOT_PREPARED"
            )
        key = staging_key(client.agency_id, document_id, found.prepared_sha256)
        return _pdf(archive.read(key), found.number)

    @router.post(
        "/{document_id}/approve",
        response_model=DocumentAnswer,
        summary="Approve the prepared PDF",
        responses=documented_errors("approve"),
        openapi_extra=body_schema(ApproveBody, BODIES["approve"]),
    )
    async def approve(request: Request, document_id: str) -> DocumentAnswer:
        """By an officer's key, naming the SHA-256 of what they saw."""
        client = await run_in_threadpool(caller, request, "approve")
        body = await read_model(request, ApproveBody)

        def change() -> DocumentAnswer:
            status.approve(register, client.agency_id, document_id, body.digest, client.officer)
            return answer(client, document_id)

        return await run_in_threadpool(change)

    def add_change(name: str, model: type[ChangeBody], summary: str, apply: _Apply) -> None:
        async def change(request: Request, document_id: str) -> DocumentAnswer:
            client = await run_in_threadpool(caller, request, "status")
            body = await read_model(request, model)

            def commit() -> DocumentAnswer:
                apply(client, document_id, body, _change(desk, client, body))
                return answer(client, document_id)

            return await run_in_threadpool(commit)

        router.add_api_route(
            f"/{{document_id}}/{name}",
            change,
            methods=["POST"],
            response_model=DocumentAnswer,
            name=name,
            summary=summary,
            responses=documented_errors(name),
            openapi_extra=body_schema(model, BODIES[name]),
        )

    add_change(
        "revoke",
        RevokeBody,
        "Withdraw from a day on",
        lambda client, document_id, body, change: status.revoke(
            register, client.agency_id, document_id, change, body.effective_on
        ),
    )

    def simple(act: Callable[[Register, str, str, Change], None]) -> _Apply:
        return lambda client, document_id, body, change: act(register, client.agency_id, document_id, change)

    add_change("suspend", ChangeBody, "Suspend until reinstated", simple(status.suspend))
    add_change("reinstate", ChangeBody, "End a suspension", simple(status.reinstate))
    add_change(
        "annul", ChangeBody, "Treat as never in force; stops an unissued document", simple(status.annul)
    )

    @router.post(
        "/{document_id}/supersede",
        status_code=202,
        response_model=AcceptedAnswer,
        summary="Replace by a newer document",
        responses=documented_errors("supersede"),
        openapi_extra=body_schema(SupersedeBody, BODIES["supersede"]),
    )
    async def supersede(
        request: Request,
        document_id: str,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
    ) -> AcceptedAnswer:
        """By an issued ``successor``, at once; or by a new one with ``fields``, on the day it is issued."""
        client = await run_in_threadpool(caller, request, "status")
        body = await read_model(request, SupersedeBody)
        _check_either(body)

        def commit() -> AcceptedAnswer:
            change = _change(desk, client, body)
            if body.successor is not None:
                status.supersede_by(register, client.agency_id, document_id, body.successor, change)
                found = overview(client, body.successor)
                return accepted(Accepted(found.id, found.number, found.code, found.url))
            client.require("issue")
            if idempotency_key is None:
                raise InvalidRequest(
                    "A new document needs the header Idempotency-Key, so that a retry makes no second one.",
                    (
                        FieldProblem(
                            "/header/idempotency-key",
                            "IDEMPOTENCY_KEY_MISSING",
                            "Send a key of your own choosing.",
                        ),
                    ),
                )
            found = overview(client, document_id)
            new = _issue_request(found.type, body.fields or {}, body, change.officer_id)
            replacement = Replacement(document_id, change.reason_class, change.note)
            return accepted(requests.accept(desk, client, idempotency_key, new, replacement))

        return await run_in_threadpool(commit)

    return router


_PDF: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A PDF",
        "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def _issue_request(
    type_id: str, fields: dict[str, Any], body: IssueBody | SupersedeBody, officer: str | None
) -> IssueRequest:
    return IssueRequest(
        type=type_id,
        fields=fields,
        valid_from=body.valid_from,
        recipient=body.recipient.email if body.recipient else None,
        overrides=tuple(AcceptedWarning(each.code, each.reason) for each in body.overrides),
        officer=officer,
    )


def _check_either(body: SupersedeBody) -> None:
    """A successor that exists, or what a new one needs: never some of both, of which a part is ignored."""
    if (body.successor is None) == (body.fields is None):
        raise InvalidRequest(
            "Give either the id of the successor, or the fields of a new document.",
            (FieldProblem("/successor", "SUCCESSOR_OR_FIELDS", "Give one of “successor” and “fields”."),),
        )
    if body.successor is not None:
        message = "This is for a new document only; remove it, or give “fields” instead of “successor”."
        surplus = tuple(
            FieldProblem(f"/{name}", "NOT_WITH_SUCCESSOR", message)
            for name in ("valid_from", "recipient", "overrides")
            if getattr(body, name)
        )
        if surplus:
            raise InvalidRequest("A successor that is issued already takes none of this.", surplus)


def _change(desk: Desk, client: Client, body: ChangeBody) -> Change:
    officer_id = responsible_officer(client, body.officer)
    with transaction(desk.register.engine) as connection:
        get_officer(connection, client.agency_id, officer_id)
    return Change(body.reason, body.note, officer_id)


def _pdf(content: bytes, number: str) -> Response:
    name = "".join(character if character.isalnum() else "-" for character in number)
    return Response(
        content,
        media_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{name}.pdf"'},
    )


def body_schema(model: type[BaseModel], examples: dict[str, Any]) -> dict[str, Any]:
    """The body in OpenAPI: it is read by `signer.body`, which is stricter than the framework."""
    content: dict[str, Any] = {"schema": _inlined(model), "examples": examples}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def _inlined(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def resolve(value: Any) -> Any:
        if isinstance(value, dict):
            if "$ref" in value:
                return resolve(definitions[value["$ref"].rpartition("/")[2]])
            return {name: resolve(item) for name, item in value.items()}
        return [resolve(item) for item in value] if isinstance(value, list) else value

    resolved: dict[str, Any] = resolve(schema)
    return resolved
