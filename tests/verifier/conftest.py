from __future__ import annotations

from collections.abc import Iterator

import pytest
from small_pki import Pki, pki

from verifier.sandbox import Sandbox


@pytest.fixture(scope="session")
def people() -> Pki:
    return pki()


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as box:
        yield box
