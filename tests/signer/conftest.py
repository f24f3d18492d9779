from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.signer.office import Office, make_office, open_office


@pytest.fixture(scope="session")
def empty_office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """Made once: keys take longer than everything else."""
    return make_office(tmp_path_factory.mktemp("office") / "data")


@pytest.fixture
def office(empty_office: Office, tmp_path: Path) -> Iterator[Office]:
    """A copy of the empty office, for one test."""
    empty_office.desk.register.engine.dispose()
    data = tmp_path / "data"
    shutil.copytree(empty_office.settings.data, data)
    yield open_office(empty_office.settings.model_copy(update={"data": data}), empty_office.keys)
