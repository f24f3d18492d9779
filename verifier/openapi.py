"""The public routes' examples in the OpenAPI document, whole.

The framework drops every null of the document, and so those of the examples, which then are not what the
schema beside them demands.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from verifier.routes.examples import CODE_RESPONSES, COMPARE_RESPONSES, FILE_RESPONSES, HASH_RESPONSES

_RESPONSES = {
    ("/api/v1/codes/{code}", "get"): CODE_RESPONSES,
    ("/d/{code}", "get"): CODE_RESPONSES,
    ("/d/{code}/compare", "post"): COMPARE_RESPONSES,
    ("/api/v1/verify", "post"): FILE_RESPONSES,
    ("/api/v1/verify/{sha256}", "get"): HASH_RESPONSES,
}


def keep_examples(app: FastAPI) -> None:
    """Let the application's OpenAPI document show the examples as they were written."""
    build = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = build()
            for (path, method), responses in _RESPONSES.items():
                described = document["paths"][path][method]["responses"]
                for status, response in responses.items():
                    described[str(status)]["content"] = response["content"]
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as its documentation says to extend it
