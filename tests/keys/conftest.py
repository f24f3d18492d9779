from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from keys import pkcs11_token
from tests.keys.softhsm import SoftHsm, make_place, make_token, modules


@pytest.fixture(scope="session")
def hsm_modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """The PKCS#11 modules, with a place for tokens that is this session's own."""
    found = modules()
    configuration = make_place(tmp_path_factory.mktemp("softhsm"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SOFTHSM2_CONF", str(configuration))
        yield found


@pytest.fixture
def hsm(hsm_modules: dict[str, Path], tmp_path: Path) -> Iterator[SoftHsm]:
    """A new token behind p11-kit. In one process all tests go through it: what it locks is the process's."""
    yield make_token(tmp_path, hsm_modules["p11-kit"])
    pkcs11_token._tokens.clear()
    pkcs11_token._modules.clear()
