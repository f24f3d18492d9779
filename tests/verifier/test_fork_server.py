"""What the fork server keeps ready: a child that waits, and the sets of trusted certificates."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sample_files import signed_pdf
from small_pki import NOW, Pki

from verifier.anchor_sets import MOST_SETS, digest_of, read_set, write_set
from verifier.confined_child import Job
from verifier.report import FileAnswer
from verifier.sandbox import Sandbox


def trust(answer: FileAnswer) -> str:
    return answer.signatures[0].trust


def on_terms(pem: bytes, until: datetime) -> bytes:
    return b"absah-trusted-until: %s\n" % until.isoformat().encode() + pem


def test_the_same_certificate_on_other_terms_is_another_set(sandbox: Sandbox, people: Pki) -> None:
    pdf = signed_pdf(stamped=NOW)
    ended = on_terms(people.root.pem, datetime(2020, 1, 1, tzinfo=UTC))
    still = on_terms(people.root.pem, NOW + timedelta(days=1))
    expected = [(people.root.pem, "trusted"), (ended, "untrusted"), (still, "trusted"), (ended, "untrusted")]
    for anchor, told in expected:
        assert trust(sandbox.inspect_now(pdf, anchors=[anchor], moment=NOW)) == told
    # And nothing is left of a set where nobody is trusted.
    assert trust(sandbox.inspect_now(pdf, anchors=[], moment=NOW)) == "untrusted"


def test_more_sets_than_are_remembered(sandbox: Sandbox, people: Pki) -> None:
    pdf = signed_pdf(stamped=NOW)
    sets = [
        (on_terms(people.root.pem, NOW + timedelta(days=day if day % 2 else -day - 1)), bool(day % 2))
        for day in range(MOST_SETS + 3)
    ]
    for anchor, trusted in [*sets, *sets]:
        told = trust(sandbox.inspect_now(pdf, anchors=[anchor], moment=NOW))
        assert (told == "trusted") == trusted


def test_a_set_that_cannot_be_read_is_told_and_does_no_harm(sandbox: Sandbox, people: Pki) -> None:
    pdf = signed_pdf(stamped=NOW)
    server = sandbox.server_pid
    for _ in range(2):
        bad = sandbox.inspect_now(pdf, anchors=[people.root.pem, b"no certificate"], moment=NOW)
        assert [each.code for each in bad.findings] == ["BAD_ANCHOR"]
    assert trust(sandbox.inspect_now(pdf, anchors=[people.root.pem], moment=NOW)) == "trusted"
    assert sandbox.server_pid == server


def test_a_new_server_is_told_the_anchors_anew(people: Pki) -> None:
    pdf = signed_pdf(stamped=NOW)
    with Sandbox() as box:
        for _ in range(2):
            assert trust(box.inspect_now(pdf, anchors=[people.root.pem], moment=NOW)) == "trusted"
            assert box.server_pid is not None
            os.kill(box.server_pid, signal.SIGKILL)
        assert trust(box.inspect_now(pdf, anchors=[people.root.pem], moment=NOW)) == "trusted"


def test_a_job_does_not_carry_its_anchors(people: Pki) -> None:
    pdf = signed_pdf()
    descriptor = Job.of(pdf, [people.root.pem] * 400, NOW, None).to_descriptor()
    assert os.fstat(descriptor).st_size < len(pdf) + 200
    os.close(descriptor)


@pytest.mark.parametrize("anchors", [(), (b"",), (b"a", b""), (b"a" * 70_000, b"b")])
def test_a_set_arrives_as_it_was_sent(anchors: tuple[bytes, ...]) -> None:
    descriptor = write_set(anchors)
    assert read_set(descriptor) == (digest_of(anchors), anchors)
    os.close(descriptor)


def test_sets_that_differ_only_in_where_certificates_end_are_two() -> None:
    assert len({digest_of(each) for each in ((b"ab", b"c"), (b"a", b"bc"), (b"abc",), (b"abc", b""))}) == 4


def waiting(box: Sandbox) -> list[int]:
    """The children of the server; without a file at work, the one that waits."""
    tasks = Path(f"/proc/{box.server_pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def one_waits(box: Sandbox) -> int:
    """The only child. After a file that is, for a moment, still the one that answered."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if len(found := waiting(box)) == 1:
            return found[0]
        time.sleep(0.01)
    raise AssertionError(found)


def ends(pid: int) -> bool:
    """Whether a process ends: a signal is on its way for a moment, longer on a busy machine."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if not Path(f"/proc/{pid}").exists():
            return True
        time.sleep(0.01)
    return False


def test_each_file_has_a_child_of_its_own_and_the_next_one_waits(people: Pki) -> None:
    pdf = signed_pdf()
    with Sandbox() as box:
        first = one_waits(box)
        box.inspect_now(pdf, anchors=[], moment=NOW)
        assert ends(first)
        second = one_waits(box)
        assert second != first
    assert ends(second)


def faults(pid: int) -> int:
    """How many pages of memory a process has made its own (proc_pid_stat(5), minflt)."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[7])


def test_a_child_that_waits_makes_memory_its_own_meanwhile(people: Pki) -> None:
    with Sandbox() as box:
        answering = one_waits(box)
        box.inspect_now(signed_pdf(), anchors=[], moment=NOW)
        # The next child is forked a moment later; until then the one that answered may be the only one.
        assert ends(answering)
        child, until = one_waits(box), time.monotonic() + 10
        # To be forked alone costs 250, and what a check touches 1 300.
        while faults(child) < 800 and time.monotonic() < until:
            time.sleep(0.01)
        assert faults(child) >= 800


def test_a_child_that_dies_while_it_waits_costs_no_file(people: Pki) -> None:
    pdf = signed_pdf()
    with Sandbox() as box:
        server = box.server_pid
        child = one_waits(box)
        os.kill(child, signal.SIGKILL)
        assert ends(child)
        assert box.inspect_now(pdf, anchors=[], moment=NOW).signatures
        assert box.server_pid == server


def test_the_child_that_waits_holds_nothing_but_its_socket() -> None:
    with Sandbox() as box:
        child = Path(f"/proc/{one_waits(box)}")
        assert (child / "environ").read_bytes() == b""
        targets = [str(link.readlink()) for link in (child / "fd").iterdir()]
    assert all(target == "/dev/null" or target.startswith("socket:") for target in targets), targets
