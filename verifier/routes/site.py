"""The site around the checks: the home page, style sheet, logo, and what robots are told."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException

from verifier.pages.render import STATIC, render_page
from verifier.parts import PublicParts

_MEDIA = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
# The address of a static file changes with its content.
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_AN_HOUR = {"Cache-Control": "public, max-age=3600"}


def site_router(parts: PublicParts) -> APIRouter:
    """Everything public that checks nothing."""
    router = APIRouter(include_in_schema=False)
    files = {file.name: file.read_bytes() for file in STATIC.iterdir()}

    @router.get("/")
    async def home(request: Request) -> Response:
        return render_page(request, "home.html", problem=None)

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        if name not in files:
            raise HTTPException(404)
        return Response(files[name], media_type=_MEDIA["." + name.rpartition(".")[2]], headers=_FOREVER)

    @router.get("/logo.svg")
    @router.get("/favicon.ico")
    async def logo() -> Response:
        if not parts.logo_svg:
            raise HTTPException(404)
        return Response(parts.logo_svg, media_type="image/svg+xml", headers=_AN_HOUR)

    @router.get("/robots.txt")
    async def robots() -> Response:
        return PlainTextResponse("User-agent: *\nDisallow: /\n", headers=_AN_HOUR)

    return router
