from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from tests.journeys.public_site import Made, make_data, parts, public_app
from verifier.sandbox import Sandbox


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_data(tmp_path_factory.getbasetemp() / "public-site")


@pytest.fixture
def client(made: Made, sandbox: Sandbox) -> Iterator[TestClient]:
    """Public routes over every specimen; its own allowance of misses for each test."""
    with without_lifespan(made, sandbox) as client:
        yield client


def without_lifespan(made: Made, sandbox: Sandbox, **changes: object) -> TestClient:
    # Not entered as a context by the tests: the sandbox belongs to the session and must not be closed.
    return _Client(public_app(parts(made, sandbox, **changes)), raise_server_exceptions=False)


class _Client(TestClient):
    def __enter__(self) -> TestClient:  # type: ignore[override]
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
