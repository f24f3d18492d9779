"""``GET /specimens``: what the first start made to try things out with. Development only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse

from signer.requests import Desk
from storage.archive import Archive, final_key
from storage.reading import read_overview
from storage.vocabulary import NotFound
from verifier.pages.render import render_page

_MEDIA = {".pdf": "application/pdf", ".png": "image/png"}


def add_specimens(
    app: FastAPI, desk: Desk, archive: Archive, made: Sequence[dict[str, str]], samples: Path
) -> None:
    """Put the list and its files on ``app``; ``made`` is what the first start recorded."""
    by_code = {each["code"]: each for each in made}

    def listing() -> list[dict[str, Any]]:
        return [_describe(desk, each) for each in made]

    @app.get("/specimens", include_in_schema=False)
    def specimens(request: Request) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            shown = ("code", "status", "type", "number", "pdf")
            return JSONResponse([{name: each[name] for name in shown} for each in listing()])
        files = sorted(samples.glob("*.*")) if samples.is_dir() else []
        return render_page(
            request,
            "specimens.html",
            specimens=listing(),
            samples=[
                {"name": file.name, "label": file.stem, "url": f"/specimens/files/{file.name}"}
                for file in files
            ],
        )

    @app.get("/specimens/{code}.pdf", include_in_schema=False)
    def specimen_pdf(code: str) -> Response:
        found = _overview(desk, by_code[code]) if code in by_code else None
        if found is None or found.sha256 is None:
            raise NotFound("There is no such specimen.")
        content = archive.read(final_key(by_code[code]["agency_id"], found.sha256))
        return Response(content, media_type="application/pdf")

    @app.get("/specimens/files/{name}", include_in_schema=False)
    def sample_file(name: str) -> Response:
        # Compared with what is there, so that no path can be built from the name.
        file = next((each for each in samples.glob("*.*") if each.name == name), None)
        if file is None:
            raise NotFound("There is no such file.")
        return FileResponse(file, media_type=_MEDIA.get(file.suffix), filename=file.name)


def _describe(desk: Desk, specimen: dict[str, str]) -> dict[str, Any]:
    found = _overview(desk, specimen)
    return {
        "code": found.code,
        "status": found.status,
        "type": found.type,
        "number": found.number,
        "pdf": f"/specimens/{found.code}.pdf" if found.sha256 else None,
        "label": desk.catalogue.get(found.type).label,
    }


def _overview(desk: Desk, specimen: dict[str, str]) -> Any:
    return read_overview(desk.register, specimen["agency_id"], specimen["id"], datetime.now(UTC))
