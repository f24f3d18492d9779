"""Signing sessions in the agencies' API: an official types a secret once, for one batch of documents.

Or consents once in a browser, and comes back by `signer.routes.consent`.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from signer.body import read_model
from signer.requests import Desk
from signer.routes.documents import body_schema
from signer.routes.examples import BODIES, documented_errors
from storage import sessions
from storage.api_keys import Client, authenticate
from storage.database import transaction
from storage.sessions import MOST_DOCUMENTS, MOST_SEALED_BYTES, Session
from storage.vocabulary import FieldProblem, InvalidRequest

PREFIX = "/api/v1/signing-sessions"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SessionBody(_Body):
    """Which documents; all that wait for the caller's own signature if left out."""

    documents: Annotated[
        list[Annotated[str, Field(max_length=36)]] | None,
        Field(min_length=1, max_length=MOST_DOCUMENTS, examples=[["0b4bd4b2-3a33-4f3a-9c0e-6f0f6d1c2a57"]]),
    ] = None


class SecretBody(_Body):
    """The secret, encrypted to the session's public key."""

    sealed: Annotated[
        str,
        Field(
            max_length=MOST_SEALED_BYTES * 4 // 3 + 4,
            description=(
                "Base64 of a single HPKE message (RFC 9180, base mode; DHKEM(X25519, HKDF-SHA256),"
                " HKDF-SHA256, AES-256-GCM): encapsulated key and ciphertext. The info is “absah signing"
                " session 1”, the id and the batch's digest, each ended by LF. The plaintext is JSON such as"
                ' {"passphrase": "…"} or {"totp": "…"}, filled up with spaces to 1024 bytes.'
            ),
        ),
    ]


class SessionDocument(BaseModel):
    """One document of a session. ``outcome``: SIGNED, why not, or null while nothing happened."""

    id: str
    number: Annotated[str, Field(examples=["503/001/SIPD/DPMPTSP/2026"])]
    digest: Annotated[str, Field(description="SHA-256 of the PDF that would be signed")]
    outcome: Annotated[str | None, Field(examples=["SIGNED"])]


class SessionAnswer(BaseModel):
    """Where a session stands. OPEN awaits what ``asks_for`` says; SUBMITTED and WORKING go on alone."""

    id: str
    state: Annotated[
        str, Field(examples=["OPEN", "SUBMITTED", "WORKING", "DONE", "STOPPED", "LOST", "EXPIRED"])
    ]
    code: Annotated[str | None, Field(description="Why it ended early", examples=["KEY_PASSPHRASE"])]
    asks_for: Annotated[
        str | None,
        Field(
            description="“secret”: encrypt and send it; “consent”: let the officer open consent_url; null for"
            " the moment until that is known, so ask again",
            examples=["secret"],
        ),
    ]
    consent_url: Annotated[
        str | None,
        Field(
            description="Where the officer's browser has to go: the remote service asks there for their"
            " consent and sends them back here. For their eyes only, and only while the session is OPEN"
        ),
    ]
    key: str
    officer: str
    batch_digest: Annotated[
        str, Field(description="SHA-256 over the documents' digests (hexadecimal), sorted, each ended by LF")
    ]
    public_key: Annotated[
        str, Field(description="X25519, 32 bytes in Base64: what the secret is encrypted to")
    ]
    expires_at: datetime
    refused_before: Annotated[
        int, Field(description="Wrong secrets of this key since the last that was right")
    ]
    documents: list[SessionDocument]


def sessions_router(desk: Desk) -> APIRouter:
    """The routes; all need an officer's key that may approve, and show only that officer's sessions."""
    bearer = Security(HTTPBearer(auto_error=False, description="An agency's API key"))
    router = APIRouter(prefix=PREFIX, tags=["signing sessions"], dependencies=[bearer])
    register = desk.register

    def officer(request: Request) -> Client:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        with transaction(register.engine) as connection:
            client = authenticate(connection, key.strip() if scheme.lower() == "bearer" else "")
        client.require("approve")
        _ = client.officer
        return client

    @router.post(
        "",
        status_code=201,
        response_model=SessionAnswer,
        summary="Begin to sign what waits",
        responses=documented_errors("signing-sessions"),
        openapi_extra=body_schema(SessionBody, BODIES["signing-sessions"]),
    )
    async def begin(request: Request) -> SessionAnswer:
        """For documents with ``waiting_for`` SIGNING_SESSION. Lasts a quarter of an hour at most."""
        client = await run_in_threadpool(officer, request)
        body = await read_model(request, SessionBody)

        def commit() -> SessionAnswer:
            return _answer(
                sessions.open_session(
                    register,
                    client.agency_id,
                    opened_by=client.id,
                    officer_id=client.officer,
                    document_ids=body.documents,
                )
            )

        return await run_in_threadpool(commit)

    @router.get(
        "/{session_id}",
        response_model=SessionAnswer,
        summary="Where a signing session stands",
        responses=documented_errors("session"),
    )
    def state(request: Request, session_id: str) -> SessionAnswer:
        """LOST means that the worker ended before it was done: begin a new session and type again."""
        client = officer(request)
        return _answer(sessions.read_session(register, client.agency_id, session_id, client.officer))

    @router.post(
        "/{session_id}/secret",
        status_code=202,
        response_model=SessionAnswer,
        summary="Hand over the encrypted passphrase or TOTP",
        responses=documented_errors("secret"),
        openapi_extra=body_schema(SecretBody, BODIES["secret"]),
    )
    async def secret(request: Request, session_id: str) -> SessionAnswer:
        """It is also the officer's approval of every document of the session. Each session takes one.

        None where ``asks_for`` is “consent” (CONSENT_NEEDED); that consent is the approval then.
        """
        client = await run_in_threadpool(officer, request)
        body = await read_model(request, SecretBody)
        sealed = _decoded(body.sealed)

        def commit() -> SessionAnswer:
            return _answer(sessions.submit(register, client.agency_id, session_id, client.officer, sealed))

        return await run_in_threadpool(commit)

    return router


def _decoded(text: str) -> bytes:
    try:
        sealed = base64.b64decode(text, validate=True)
    except binascii.Error:
        sealed = b""
    if not 48 < len(sealed) <= MOST_SEALED_BYTES:
        raise InvalidRequest(
            "The secret is not encrypted as the schema says.",
            (FieldProblem("/sealed", "FIELD_VALUE", "Give the HPKE message in Base64; see the schema."),),
        )
    return sealed


def _answer(session: Session) -> SessionAnswer:
    return SessionAnswer(
        id=session.id,
        state=session.state,
        code=session.code,
        asks_for=session.asks_for,
        consent_url=session.consent_address,
        key=session.key_id,
        officer=session.officer_id,
        batch_digest=session.batch_digest,
        public_key=base64.b64encode(session.public_key).decode("ascii"),
        expires_at=datetime.fromtimestamp(session.expires_at / 1000, UTC),
        refused_before=session.refused_before,
        documents=[
            SessionDocument(
                id=each.document_id, number=each.number, digest=each.frozen_sha256, outcome=each.outcome
            )
            for each in session.documents
        ],
    )
