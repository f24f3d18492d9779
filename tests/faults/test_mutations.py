"""The tests can fail: without a safeguard, the test that is named for it does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from storage.confidential import Vault
from storage.database import migrate, open_database, sqlite_url
from storage.register import Register
from tests.faults import mutations, test_killed_worker
from tests.faults.test_killed_worker import (
    test_a_zombie_wakes_up_after_its_lease_and_changes_nothing as zombie,
)
from tests.faults.test_killed_worker import (
    test_the_intention_is_committed_before_the_key_is_called as intention,
)
from tests.faults.test_killed_worker import (
    test_what_was_frozen_is_what_is_signed_whatever_changes_meanwhile as frozen,
)
from tests.office import Office
from tests.storage.test_register import test_the_fence_stops_a_worker_that_was_overtaken as overtaken

# A test says no by an assertion, or by `pytest.raises` that saw nothing raised.
FAILS = (AssertionError, pytest.fail.Exception)


@pytest.mark.parametrize(
    ("safeguard", "test"),
    [("fence", zombie), ("intention", intention), ("freeze", frozen)],
    ids=["fence", "intention", "freeze"],
)
def test_without_a_safeguard_its_test_fails(
    office: Office, monkeypatch: pytest.MonkeyPatch, safeguard: str, test: Callable[[Office], None]
) -> None:
    mutations.MUTATIONS[safeguard](monkeypatch.setattr)
    monkeypatch.setattr(test_killed_worker, "MUTATION", safeguard)
    with pytest.raises(FAILS):
        test(office)


def test_without_the_fence_the_registers_own_test_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_database(sqlite_url(tmp_path / "register.db"))
    migrate(engine)
    mutations.remove_fence(monkeypatch.setattr)
    with pytest.raises(FAILS):
        overtaken(Register(engine, Vault(b"m" * 32)))
    engine.dispose()
