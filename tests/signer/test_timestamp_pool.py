"""Several time-stamp authorities: their order, what makes the next one answer, quotas, and what is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from signer.timestamp import TimestampRefused, TimestampUnavailable, Token
from signer.timestamp_pool import Member, TimestampPool, TsaSettings, read_settings
from storage import quota
from storage.register import Register
from storage.vocabulary import Misconfigured

DIGEST = bytes(32)


class Authority:
    """One that does as it is told: gives a token, is down, or says something that nobody believes."""

    def __init__(self, name: str, size: int = 4096) -> None:
        self.name, self.token_size = name, size
        self.problem: Exception | None = None
        self.asked = 0

    def stamp_digest(self, imprint: bytes) -> Token:
        self.asked += 1
        if self.problem is not None:
            raise self.problem
        now = datetime.now(UTC)
        return Token(self.name.encode(), now, now + timedelta(days=1))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def pool(*authorities: Authority, clock: Clock | None = None) -> tuple[TimestampPool, list[str | None]]:
    told: list[str | None] = []
    members = [Member(each.name, each) for each in authorities]
    return TimestampPool(members, clock=clock or Clock(), report=told.append), told


def test_the_first_is_asked_and_the_others_left_alone() -> None:
    one, two = Authority("one"), Authority("two", size=9000)
    stamps, told = pool(one, two)
    assert stamps.stamp_digest(DIGEST).der == b"one"
    assert (two.asked, told) == (0, [])
    assert stamps.token_size == 9000, "the largest token has to have room"


@pytest.mark.parametrize(
    "problem",
    [TimestampUnavailable("down"), TimestampRefused("lie"), TimestampRefused("late", code="TSA_TIME")],
)
def test_the_next_one_answers_instead(problem: Exception) -> None:
    one, two = Authority("one"), Authority("two")
    one.problem = problem
    stamps, told = pool(one, two)
    assert stamps.stamp_digest(DIGEST).der == b"two"
    assert told == [], "nothing has stopped"


def test_who_fails_is_left_alone_for_a_while_that_doubles() -> None:
    clock, one, two = Clock(), Authority("one"), Authority("two")
    stamps, _ = pool(one, two, clock=clock)
    one.problem = TimestampUnavailable("down")
    asked = []
    for _ in range(200):
        stamps.stamp_digest(DIGEST)
        asked.append(one.asked)
        clock.now += 1.0
    pauses = [asked.count(number) for number in range(1, max(asked))]
    assert pauses[:6] == [1, 2, 4, 8, 16, 32]
    assert set(pauses[6:]) <= {60}
    one.problem = None
    clock.now += 60.0
    assert stamps.stamp_digest(DIGEST).der == b"one"
    one.problem = TimestampUnavailable("down")
    stamps.stamp_digest(DIGEST)
    clock.now += 1.0
    one.problem = None
    assert stamps.stamp_digest(DIGEST).der == b"one", "what it did before is forgotten"


def test_who_lies_is_left_alone_for_longer() -> None:
    clock, one, two = Clock(), Authority("one"), Authority("two")
    one.problem = TimestampRefused("lie")
    stamps, _ = pool(one, two, clock=clock)
    stamps.stamp_digest(DIGEST)
    one.problem = None
    clock.now += 599.0
    assert stamps.stamp_digest(DIGEST).der == b"two"
    clock.now += 2.0
    assert stamps.stamp_digest(DIGEST).der == b"one"


def test_one_alone_is_asked_every_time() -> None:
    one = Authority("one")
    one.problem = TimestampUnavailable("down")
    stamps, told = pool(one)
    for _ in range(3):
        with pytest.raises(TimestampUnavailable):
            stamps.stamp_digest(DIGEST)
    assert one.asked == 3
    one.problem = None
    stamps.stamp_digest(DIGEST)
    assert told == ["TSA_UNAVAILABLE", None], "told once, and taken back once"


def test_where_all_contradict_our_clock_it_is_the_clock() -> None:
    one, two = Authority("one"), Authority("two")
    one.problem = two.problem = TimestampRefused("too far", code="TSA_TIME")
    stamps, told = pool(one, two)
    with pytest.raises(TimestampRefused, check=lambda problem: problem.code == "TSA_TIME"):
        stamps.stamp_digest(DIGEST)
    assert told == ["TSA_TIME"]
    two.problem = TimestampRefused("lie")
    stamps, told = pool(one, two)
    with pytest.raises(TimestampRefused, check=lambda problem: problem.code == "TSA_INVALID"):
        stamps.stamp_digest(DIGEST)
    assert told == ["TSA_INVALID"]


def test_a_quota_is_counted_for_all_workers(register: Register) -> None:
    def member(authority: Authority) -> Member:
        return Member(authority.name, authority, lambda: quota.take(register.engine, authority.name, 3))

    one, two = Authority("one"), Authority("two")
    workers = [TimestampPool([member(one), Member("two", two)], clock=Clock()) for _ in range(2)]
    answers = [worker.stamp_digest(DIGEST).der for _ in range(3) for worker in workers]
    assert answers == [b"one"] * 3 + [b"two"] * 3
    assert (one.asked, two.asked) == (3, 3)
    assert not quota.take(register.engine, "one", 3)
    assert quota.take(register.engine, "another", 1)
    assert not quota.take(register.engine, "another", 0)


def test_the_list_is_read(tmp_path: Path) -> None:
    file = tmp_path / "tsa.toml"
    file.write_text(
        '[[tsa]]\nurl = "https://tsa.example/stamp?key=rahasia"\nquota = 10\npolicy = "1.2.3"\n'
        '[[tsa]]\nurl = "http://10.0.0.5/"\ntimeout = 2.5\ntoken_bytes = 9000\n'
    )
    first, second = read_settings(file)
    assert (first.name, first.quota, first.policy) == ("tsa.example", 10, "1.2.3")
    assert second == TsaSettings("http://10.0.0.5/", 2.5, None, None, 9000)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("", "ABSAH_TSA_FILE"),
        ("[[tsa]]\n", "“url”"),
        ('[[tsa]]\nurl = "ftp://tsa.example"\n', "“url”"),
        ('[[tsa]]\nurl = "https://tsa.example"\ntimeot = 3\n', "“timeot”"),
        ('[[tsa]]\nurl = "https://tsa.example"\nquota = 0\n', "“quota”"),
        ('[[tsa]]\nurl = "https://tsa.example"\nquota = true\n', "“quota”"),
        ('[[tsa]]\nurl = "https://tsa.example"\ntimeout = "5"\n', "“timeout”"),
        ('[[tsa]]\nurl = "https://tsa.example"\ntoken_bytes = 10\n', "“token_bytes”"),
        ('[[tsa]]\nurl = "https://tsa.example"\npolicy = "strict"\n', "“policy”"),
        ('[[tsa]]\nurl = "https://a.example"\n[[tsa]]\nurl = 5\n', "number 2"),
        ('tsa = "https://tsa.example"\n', "ABSAH_TSA_FILE"),
    ],
)
def test_what_is_wrong_in_the_list_is_named(tmp_path: Path, written: str, told: str) -> None:
    file = tmp_path / "tsa.toml"
    file.write_text(written)
    with pytest.raises(Misconfigured, match=told):
        read_settings(file)
