"""The table of status changes, walked whole on a real register, and what surrounds it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from storage import status
from storage.database import transaction
from storage.new_document import Predecessor
from storage.reading import read_overview
from storage.records import day_in
from storage.register import Register
from storage.rows import row_of
from storage.standing import TRANSITIONS, Action, Standing, standing_of
from storage.tables import public_record
from storage.vocabulary import Conflict, InvalidRequest, NotFound, ReasonClass, Status
from tests.agencies import TODAY as ISSUED_ON
from tests.agencies import accept, add_agency
from tests.storage.test_register import CHANGE, issue, overview

UNTIL = date(2031, 3, 11)


def today() -> date:
    return day_in("Asia/Jakarta", datetime.now(UTC))


def tomorrow() -> date:
    return today() + timedelta(days=1)


class Shelf:
    """Documents of one agency on a register, and the changes that an officer makes to them."""

    def __init__(self, register: Register) -> None:
        self.register = register
        self.agency = add_agency(register)
        self._keys = itertools.count(1)

    def accepted(self, **changes: Any) -> str:
        return accept(self.register, self.agency, str(next(self._keys)), **changes).id

    def issued(self, **changes: Any) -> str:
        document_id = self.accepted(**changes)
        issue(self.register, self.agency.id, document_id)
        return document_id

    def act(self, action: Action, document_id: str, **more: Any) -> None:
        change = replace(CHANGE, reason_class=more.pop("reason", CHANGE.reason_class))
        if action is Action.SUPERSEDE:
            successor = more.get("by") or self.issued()
            status.supersede_by(self.register, self.agency.id, document_id, successor, change)
        else:
            call: Callable[..., None] = getattr(status, action)
            call(self.register, self.agency.id, document_id, change, **more)

    def public(self, document_id: str) -> Mapping[str, Any]:
        query = select(public_record).where(public_record.c.document_id == document_id)
        with transaction(self.register.engine) as connection:
            return dict(connection.execute(query).mappings().one())

    def standing(self, document_id: str) -> Standing:
        with transaction(self.register.engine) as connection:
            state = row_of(connection, self.agency.id, document_id)["state"]
        return standing_of(state, self.public(document_id), today())

    def replaced(self, document_id: str, **changes: Any) -> str:
        """The issued document that was requested to replace this one."""
        predecessor = Predecessor(document_id, ReasonClass.RENEWED, "", "kepala-dinas")
        return self.issued(predecessor=predecessor, **changes)

    def let_expire(self, document_id: str) -> None:
        """As if its last day had passed; no change of status can bring that about."""
        with transaction(self.register.engine) as connection:
            connection.execute(
                update(public_record)
                .where(public_record.c.document_id == document_id)
                .values(valid_until=today() - timedelta(days=1))
            )

    def at(self, standing: Standing) -> str:
        """A new document that stands there."""
        document_id = self.accepted() if standing is Standing.UNISSUED else self.issued()
        steps: dict[Standing, list[tuple[Action, dict[str, Any]]]] = {
            Standing.SUSPENDED: [(Action.SUSPEND, {})],
            Standing.ENDING: [(Action.REVOKE, {"effective_on": UNTIL})],
            Standing.SUSPENDED_ENDING: [(Action.REVOKE, {"effective_on": UNTIL}), (Action.SUSPEND, {})],
            Standing.SUSPENDED_OUTGOING: [(Action.SUSPEND, {})],
            Standing.REVOKED: [(Action.REVOKE, {})],
            Standing.SUPERSEDED: [(Action.SUPERSEDE, {})],
            Standing.SUPERSEDED_SUSPENDED: [(Action.SUSPEND, {}), (Action.SUPERSEDE, {})],
            Standing.EXPIRED_SUSPENDED: [(Action.SUSPEND, {})],
            Standing.ANNULLED: [(Action.ANNUL, {})],
        }
        for action, more in steps.get(standing, []):
            self.act(action, document_id, **more)
        if standing in (Standing.EXPIRED, Standing.EXPIRED_SUSPENDED):
            self.let_expire(document_id)
        if standing in (Standing.OUTGOING, Standing.SUSPENDED_OUTGOING):
            self.replaced(document_id, valid_from=tomorrow())
        assert self.standing(document_id) is standing
        return document_id


# Where each allowed change leads, written apart from the table that allows it.
LEADS_TO = {
    (Standing.IN_FORCE, Action.SUSPEND): Standing.SUSPENDED,
    (Standing.IN_FORCE, Action.REVOKE): Standing.REVOKED,
    (Standing.IN_FORCE, Action.SUPERSEDE): Standing.SUPERSEDED,
    (Standing.SUSPENDED, Action.REINSTATE): Standing.IN_FORCE,
    (Standing.SUSPENDED, Action.REVOKE): Standing.REVOKED,
    (Standing.SUSPENDED, Action.SUPERSEDE): Standing.SUPERSEDED_SUSPENDED,
    (Standing.ENDING, Action.SUSPEND): Standing.SUSPENDED_ENDING,
    (Standing.ENDING, Action.REVOKE): Standing.REVOKED,
    (Standing.ENDING, Action.SUPERSEDE): Standing.SUPERSEDED,
    (Standing.SUSPENDED_ENDING, Action.REINSTATE): Standing.ENDING,
    (Standing.SUSPENDED_ENDING, Action.REVOKE): Standing.REVOKED,
    (Standing.SUSPENDED_ENDING, Action.SUPERSEDE): Standing.SUPERSEDED_SUSPENDED,
    (Standing.OUTGOING, Action.SUSPEND): Standing.SUSPENDED_OUTGOING,
    (Standing.OUTGOING, Action.REVOKE): Standing.REVOKED,
    (Standing.SUSPENDED_OUTGOING, Action.REINSTATE): Standing.OUTGOING,
    (Standing.SUSPENDED_OUTGOING, Action.REVOKE): Standing.REVOKED,
    (Standing.SUPERSEDED_SUSPENDED, Action.REINSTATE): Standing.SUPERSEDED,
    (Standing.EXPIRED, Action.REVOKE): Standing.REVOKED,
    (Standing.EXPIRED, Action.SUPERSEDE): Standing.SUPERSEDED,
    (Standing.EXPIRED_SUSPENDED, Action.REINSTATE): Standing.EXPIRED,
    (Standing.EXPIRED_SUSPENDED, Action.REVOKE): Standing.REVOKED,
    (Standing.EXPIRED_SUSPENDED, Action.SUPERSEDE): Standing.SUPERSEDED_SUSPENDED,
    **{(each, Action.ANNUL): Standing.ANNULLED for each in Standing if each is not Standing.ANNULLED},
}


def test_every_change_from_every_standing(register: Register) -> None:
    shelf = Shelf(register)
    assert set(TRANSITIONS) == set(Standing)
    for standing, action in itertools.product(Standing, Action):
        document_id = shelf.at(standing)
        refusal = TRANSITIONS[standing][action]
        assert (refusal is None) == ((standing, action) in LEADS_TO), (standing, action)
        more: dict[str, Any] = {}
        if action is Action.REVOKE and standing in (Standing.EXPIRED, Standing.EXPIRED_SUSPENDED):
            more = {"effective_on": ISSUED_ON}  # the day of a decision that has to lie in the validity
        if refusal is None:
            shelf.act(action, document_id, **more)
            assert shelf.standing(document_id) is LEADS_TO[standing, action], (standing, action)
            continue
        before = shelf.public(document_id), len(overview(register, document_id).events)
        with pytest.raises(Conflict) as refused:
            shelf.act(action, document_id)
        assert refused.value.code == refusal.code, (standing, action)
        assert (shelf.public(document_id), len(overview(register, document_id).events)) == before


def test_a_planned_revocation_can_be_brought_forward_and_never_put_off(register: Register) -> None:
    shelf = Shelf(register)
    document_id = shelf.issued()
    shelf.act(Action.REVOKE, document_id, effective_on=UNTIL)
    for day in (UNTIL, UNTIL - timedelta(days=30)):
        if day == UNTIL:
            with pytest.raises(Conflict) as refused:
                shelf.act(Action.REVOKE, document_id, effective_on=day)
            assert refused.value.code == "ALREADY_REVOKED"
        else:
            shelf.act(Action.REVOKE, document_id, effective_on=day)
            assert shelf.public(document_id)["revoked_from"] == day
    with pytest.raises(Conflict):
        shelf.act(Action.REVOKE, document_id, effective_on=UNTIL)
    shelf.act(Action.SUSPEND, document_id)
    assert overview(register, document_id).status == Status.SUSPENDED
    shelf.act(Action.REVOKE, document_id)
    assert overview(register, document_id).status == Status.REVOKED


@pytest.mark.parametrize(
    "day", [date.min, ISSUED_ON - timedelta(days=1), UNTIL + timedelta(days=1), date(9999, 12, 31)]
)
def test_a_revocation_outside_the_validity_is_refused_with_the_days_to_choose_from(
    register: Register, day: date
) -> None:
    shelf = Shelf(register)
    document_id = shelf.issued()
    with pytest.raises(InvalidRequest) as refused:
        shelf.act(Action.REVOKE, document_id, effective_on=day)
    assert refused.value.code == "VALIDATION"
    [problem] = refused.value.problems
    assert problem.pointer == "/effective_on"
    assert str(ISSUED_ON) in problem.message and str(UNTIL) in problem.message
    assert shelf.public(document_id)["revoked_from"] is None
    for edge in (UNTIL, ISSUED_ON):
        shelf.act(Action.REVOKE, document_id, effective_on=edge)


def test_a_document_without_end_is_not_revoked_in_9999(register: Register) -> None:
    shelf = Shelf(register)
    document_id = shelf.issued(valid_until=None)
    with pytest.raises(InvalidRequest):
        shelf.act(Action.REVOKE, document_id, effective_on=date(9999, 12, 31))
    shelf.act(Action.REVOKE, document_id, effective_on=today() + timedelta(days=365))


def test_a_reinstated_document_tells_the_reason_of_what_still_stands(register: Register) -> None:
    shelf = Shelf(register)
    document_id = shelf.issued()
    shelf.act(Action.REVOKE, document_id, effective_on=UNTIL, reason=ReasonClass.COURT_DECISION)
    shelf.act(Action.SUSPEND, document_id, reason=ReasonClass.UNDER_INVESTIGATION)
    assert shelf.public(document_id)["reason_class"] == "under_investigation"
    shelf.act(Action.REINSTATE, document_id, reason=ReasonClass.RESOLVED)
    assert shelf.public(document_id)["reason_class"] == "court_decision"


def test_a_successor_is_in_force_of_the_same_type_and_holder(register: Register) -> None:
    shelf = Shelf(register)
    old = shelf.issued()
    plain = shelf.issued
    refused = {
        "SUCCESSOR_IS_ITSELF": [old],
        "OTHER_TYPE": [plain(type="lain", series="lain/2026")],
        "OTHER_HOLDER": [plain(holder=("3175024107900009",))],
        "SUCCESSOR_NOT_ISSUED": [shelf.accepted()],
        "SUCCESSOR_NOT_IN_FORCE": [
            plain(valid_from=tomorrow()),
            *(
                shelf.at(each)
                for each in Standing
                if each not in (Standing.IN_FORCE, Standing.UNISSUED)
            ),
        ],
    }  # fmt: skip
    for code, successors in refused.items():
        for successor in successors:
            with pytest.raises(Conflict) as caught:
                shelf.act(Action.SUPERSEDE, old, by=successor)
            assert caught.value.code == code, shelf.standing(successor)
    other = add_agency(register, "lain")
    theirs = accept(register, other, "1").id
    for successor in (theirs, "nobody"):
        with pytest.raises(NotFound):
            shelf.act(Action.SUPERSEDE, old, by=successor)
    assert shelf.standing(old) is Standing.IN_FORCE
    good = plain(holder=("3175024107900001",))
    shelf.act(Action.SUPERSEDE, old, by=good)
    assert overview(register, old).successor_number == overview(register, good).number


def test_no_cycle_of_successors(register: Register) -> None:
    shelf = Shelf(register)
    first, second, third = shelf.issued(), shelf.issued(), shelf.issued()
    shelf.act(Action.SUPERSEDE, first, by=second)
    shelf.act(Action.SUPERSEDE, second, by=third)
    for successor in (first, second):
        with pytest.raises(Conflict) as refused:
            shelf.act(Action.SUPERSEDE, third, by=successor)
        assert refused.value.code == "SUCCESSOR_NOT_IN_FORCE"


def test_no_cycle_of_two_successors_at_the_same_moment(register: Register) -> None:
    shelf = Shelf(register)
    for _ in range(5):
        pair = shelf.issued(), shelf.issued()
        results: list[str] = []
        barrier = threading.Barrier(2)

        def call(one: str, other: str, results: list[str] = results, start: Any = barrier) -> None:
            start.wait()
            try:
                shelf.act(Action.SUPERSEDE, one, by=other)
                results.append("superseded")
            except Conflict as error:
                results.append(error.code)

        threads = [threading.Thread(target=call, args=order) for order in (pair, pair[::-1])]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert sorted(results) == ["SUCCESSOR_NOT_IN_FORCE", "superseded"]


def test_a_new_document_replaces_only_what_the_table_and_the_holder_allow(register: Register) -> None:
    shelf = Shelf(register)

    def replacing(document_id: str, **changes: Any) -> str:
        predecessor = Predecessor(document_id, ReasonClass.RENEWED, "", "kepala-dinas")
        return shelf.accepted(predecessor=predecessor, **changes)

    for standing in Standing:
        document_id = shelf.at(standing)
        refusal = TRANSITIONS[standing][Action.SUPERSEDE]
        if refusal is None:
            with pytest.raises(Conflict) as refused:
                replacing(document_id, holder=("3175024107900009",))
            assert refused.value.code == "OTHER_HOLDER"
            replacing(document_id)
            with pytest.raises(Conflict, match="on its way"):
                shelf.act(Action.SUPERSEDE, document_id)
        else:
            with pytest.raises(Conflict) as refused:
                replacing(document_id)
            assert refused.value.code == refusal.code


def status_on(register: Register, document_id: str, day: date) -> Status:
    return read_overview(register, "dinas", document_id, datetime(*day.timetuple()[:3], 5, tzinfo=UTC)).status


def test_between_a_document_and_its_successor_lies_no_day_without_either(register: Register) -> None:
    shelf = Shelf(register)
    begins = today() + timedelta(days=30)
    old = shelf.issued()
    new = shelf.replaced(old, valid_from=begins)
    for day in (today(), begins - timedelta(days=1)):
        assert (status_on(register, old, day), status_on(register, new, day)) == (
            Status.IN_FORCE, Status.NOT_YET_VALID,
        )  # fmt: skip
    assert (status_on(register, old, begins), status_on(register, new, begins)) == (
        Status.SUPERSEDED, Status.IN_FORCE,
    )  # fmt: skip
    [event] = [each for each in overview(register, old).events if each["kind"] == "superseded"]
    assert event["effective_on"] == begins
    assert overview(register, old).successor_number == overview(register, new).number


def test_a_successor_that_begins_at_once_or_has_begun_replaces_on_the_day_of_its_issue(
    register: Register,
) -> None:
    shelf = Shelf(register)
    for begins in (today(), ISSUED_ON):
        old = shelf.issued()
        shelf.replaced(old, valid_from=begins)
        assert shelf.public(old)["superseded_on"] == today()
        assert overview(register, old).status == Status.SUPERSEDED


def test_an_outgoing_document_is_revoked_before_its_successor_begins_or_not_at_all(
    register: Register,
) -> None:
    shelf = Shelf(register)
    begins = today() + timedelta(days=30)
    old = shelf.issued()
    shelf.replaced(old, valid_from=begins)
    with pytest.raises(InvalidRequest) as refused:
        shelf.act(Action.REVOKE, old, effective_on=begins)
    assert str(begins - timedelta(days=1)) in refused.value.problems[0].message
    shelf.act(Action.REVOKE, old, effective_on=begins - timedelta(days=1))
    assert overview(register, old).status == Status.IN_FORCE


def test_what_expired_before_its_successor_begins_is_not_replaced_a_second_time(register: Register) -> None:
    shelf = Shelf(register)
    old = shelf.issued()
    shelf.replaced(old, valid_from=tomorrow())
    shelf.let_expire(old)
    assert overview(register, old).status == Status.EXPIRED
    with pytest.raises(Conflict) as refused:
        shelf.act(Action.SUPERSEDE, old)
    assert refused.value.code == "ALREADY_ENDED"


def test_an_outgoing_document_keeps_its_place_until_its_successor_begins(register: Register) -> None:
    shelf = Shelf(register)
    begins = today() + timedelta(days=30)
    rules = {"one_per_place": True, "max_in_force": 3, "issued_on": today()}
    old = shelf.issued(place=("Lama",), **rules)
    shelf.replaced(old, place=("Baru",), valid_from=begins, **rules)
    with pytest.raises(Conflict) as refused:
        shelf.accepted(place=("Lama",), valid_from=begins - timedelta(days=1), **rules)
    assert refused.value.code == "SAME_PLACE"
    with pytest.raises(Conflict) as refused:
        shelf.accepted(place=("Baru",), valid_from=today(), **rules)
    assert refused.value.code == "SAME_PLACE"
    shelf.accepted(place=("Lama",), valid_from=begins, **rules)


def test_a_document_and_its_successor_to_come_count_as_one_of_three(register: Register) -> None:
    shelf = Shelf(register)
    rules = {"max_in_force": 3, "issued_on": today()}
    first = shelf.issued(valid_from=today(), **rules)
    successor = shelf.replaced(first, valid_from=today() + timedelta(days=30), **rules)
    shelf.issued(valid_from=today(), **rules)
    third = shelf.issued(valid_from=today(), **rules)
    with pytest.raises(Conflict) as refused:
        shelf.accepted(valid_from=today(), **rules)
    assert refused.value.code == "TOO_MANY_IN_FORCE"
    assert "already has 3" in refused.value.message
    # A successor that was never valid leaves the first one's own last days, and nothing after them.
    shelf.act(Action.ANNUL, successor)
    with pytest.raises(Conflict):
        shelf.accepted(valid_from=today(), **rules)
    shelf.act(Action.REVOKE, third)
    shelf.accepted(valid_from=today(), **rules)


def test_what_was_annulled_meanwhile_keeps_its_reason_once_its_successor_is_issued(
    register: Register,
) -> None:
    shelf = Shelf(register)
    old = shelf.issued()
    new = shelf.accepted(predecessor=Predecessor(old, ReasonClass.RENEWED, "", "kepala-dinas"))
    shelf.act(Action.ANNUL, old, reason=ReasonClass.ISSUED_IN_ERROR)
    issue(register, shelf.agency.id, new)
    assert overview(register, old).status == Status.ANNULLED
    assert shelf.public(old)["reason_class"] == "issued_in_error"


def test_the_documentation_shows_the_same_table() -> None:
    text = (Path(__file__).parents[2] / "docs" / "issue-cycle.md").read_text()
    for standing, row in TRANSITIONS.items():
        cells = ["yes" if refusal is None else f"`{refusal.code}`" for refusal in row.values()]
        assert f"| {standing} | {' | '.join(cells)} |" in text
