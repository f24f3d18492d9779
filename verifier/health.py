"""Liveness and readiness, the same for every program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from storage.vocabulary import AbsahError


def health_router(
    checks: Mapping[str, Callable[[], None]],
    *,
    stale_lists: Callable[[], Sequence[str]] = tuple,
    expiring_keys: Callable[[], Mapping[str, int]] = dict,
) -> APIRouter:
    """``/healthz``: the process answers. ``/readyz``: each part in ``checks`` does; a check raises if not.

    ``stale_lists`` names the trusted lists that are past their next update. They are told and do not make the
    program unready: every replica has the same ones, and what needs no list is answered as before. So are
    ``expiring_keys``, signing keys whose certificates end soon, with the days that are left.
    """
    router = APIRouter(tags=["health"])

    @router.get("/healthz", summary="The process answers")
    async def healthz() -> dict[str, str]:
        """Always ok; says nothing about other parts."""
        return {"status": "ok"}

    @router.get(
        "/readyz", summary="Every part answers", responses={503: {"description": "Some part does not"}}
    )
    def readyz() -> JSONResponse:
        """The parts and, of those that fail, the error's code; lists that are stale, keys that end soon."""
        parts = {}
        for name, check in checks.items():
            try:
                check()
                parts[name] = "ok"
            except AbsahError as error:
                parts[name] = error.code
        ready = all(state == "ok" for state in parts.values())
        answer: dict[str, object] = {"status": "ok" if ready else "unready", "parts": parts}
        if stale := list(stale_lists()):
            answer["stale_lists"] = stale
        if ready and (expiring := dict(expiring_keys())):
            answer["expiring_keys"] = expiring
        return JSONResponse(answer, 200 if ready else 503)

    return router
