"""Revocation that a file does not bring is asked for: at listed addresses, bounded, and each thing once."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from loopback_authority import DAY, Authority, authority
from sample_files import plain_pdf, signed_pdf
from small_pki import NOW, Identity, Pki, revocation_list
from test_verdict import record

from storage.vocabulary import Misconfigured, Verdict
from verifier.check import check
from verifier.fetch import Body, FetchRefused, fetch, is_public
from verifier.inspection import inspect_asking
from verifier.report import Report
from verifier.revocation_addresses import parse_setting, read_addresses
from verifier.revocation_exchange import RevocationNeed
from verifier.revocation_source import Kind, Outcome, RevocationSource
from verifier.sandbox import Sandbox
from verifier.settings import VerifierSettings, load_settings

_ROOT = Path(__file__).parents[2]


def loopback(address: object) -> bool:
    return str(address) == "127.0.0.1"


@pytest.fixture
def ca() -> Iterator[Authority]:
    with authority() as made:
        yield made


class Asking:
    """Checks files with addresses listed; ``counted`` says what became of the questions."""

    def __init__(self, ca: Authority, sandbox: Sandbox, people: Pki, *listed: str, **options: Any) -> None:
        self.counted: list[tuple[Kind, Outcome]] = []
        options.setdefault("permitted", loopback)
        self.source = RevocationSource(
            listed or (ca.url,), count=lambda *what: self.counted.append(what), **options
        )
        self._ca, self._sandbox, self._people = ca, sandbox, people

    def __call__(self, pdf: bytes | None = None, **options: Any) -> Report:
        options.setdefault("anchors", [self._ca.anchor, self._people.root.pem])
        options.setdefault("now", NOW)
        return check(
            pdf or signed_pdf(by=self._ca.officer, stamped=NOW - 10 * DAY),
            sandbox=self._sandbox, revocation=self.source, lang="en", **options,
        )  # fmt: skip


@pytest.fixture
def asking(ca: Authority, sandbox: Sandbox, people: Pki) -> Asking:
    return Asking(ca, sandbox, people)


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


# What an answer changes


def test_nothing_is_asked_unless_an_address_is_listed(ca: Authority, sandbox: Sandbox, people: Pki) -> None:
    pdf = signed_pdf(by=ca.officer, stamped=NOW - 10 * DAY)
    report = check(pdf, anchors=[ca.anchor, people.root.pem], sandbox=sandbox, now=NOW)
    assert codes(report) == {"REVOCATION_NOT_CHECKED"}
    assert ca.server.connections == 0


def test_a_good_answer_takes_the_doubt_away_and_raises_no_level(ca: Authority, asking: Asking) -> None:
    report = asking()
    assert (report.verdict, codes(report)) == (Verdict.VALID, {"REVOCATION_ASKED"})
    assert report.signatures[0].level == "PAdES-B-T"
    assert sorted(ca.server.asked) == ["/lists/root.crl", "/ocsp"]


def test_evidence_for_the_whole_path_raises_no_level(ca: Authority, asking: Asking) -> None:
    report = asking(signed_pdf(by=ca.officer, stamped=NOW - 10 * DAY, tsa=ca.stamper))
    assert codes(report) == {"REVOCATION_ASKED"}
    assert sorted(ca.server.asked) == ["/lists/ca.crl", "/lists/root.crl", "/ocsp"]
    assert report.signatures[0].level == "PAdES-B-T"


def test_a_time_stamper_that_was_revoked_proves_no_time(ca: Authority, asking: Asking) -> None:
    ca.revoked[ca.stamper.certificate.serial_number] = NOW - 20 * DAY
    report = asking(signed_pdf(by=ca.officer, stamped=NOW - 10 * DAY, tsa=ca.stamper))
    assert {"TIMESTAMP_REVOKED", "TIME_CLAIMED"} <= codes(report)
    assert report.signatures[0].signed_at_source == "claimed"


def test_an_unproven_signature_is_asked_about_as_of_now(ca: Authority, asking: Asking) -> None:
    assert codes(asking(signed_pdf(by=ca.officer))) == {"TIME_CLAIMED", "REVOCATION_ASKED"}
    ca.revoked[ca.officer.certificate.serial_number] = NOW - DAY
    again = Asking(ca, asking._sandbox, asking._people)
    assert again(signed_pdf(by=ca.officer)).signatures[0].subindication == "REVOKED_NO_POE"


@pytest.mark.parametrize("source", ["/ocsp", "/lists/ca.crl"])
@pytest.mark.parametrize(
    ("days_ago", "verdict", "finding"),
    [(15, Verdict.REVOKED_SIGNER, "SIGNER_REVOKED"), (5, Verdict.VALID, "REVOKED_LATER")],
)
def test_a_revocation_counts_from_its_date(
    ca: Authority, asking: Asking, source: str, days_ago: int, verdict: Verdict, finding: str
) -> None:
    ca.revoked[ca.officer.certificate.serial_number] = NOW - days_ago * DAY
    for path in {"/ocsp", "/lists/ca.crl"} - {source}:
        del ca.server.answers[path]
    report = asking()
    assert report.verdict is verdict
    assert finding in codes(report)
    assert report.signatures[0].integrity == "intact"


@pytest.mark.parametrize("refusal", [b"0\3\n\1\3", b"", b"<html>", b"\x30\x80\xff"])
def test_where_a_responder_says_nothing_its_list_is_asked(
    ca: Authority, asking: Asking, refusal: bytes
) -> None:
    ca.server.answers["/ocsp"] = lambda request: request.reply(refusal)
    assert codes(asking()) == {"REVOCATION_ASKED"}
    assert ca.server.asked.count("/lists/ca.crl") == 1
    assert ("OCSP", "unusable") in asking.counted


def test_an_answer_of_somebody_else_is_not_believed(ca: Authority, asking: Asking) -> None:
    with authority() as other:
        ca.server.answers["/ocsp"] = lambda request: request.reply(b"", 500)
        ca.server.answers["/lists/ca.crl"] = lambda request: request.reply(
            other.list_of(other.ca, {ca.officer.certificate.serial_number: NOW - 20 * DAY})
        )
        report = asking()
    assert report.verdict is Verdict.VALID
    assert {"REVOCATION_NOT_CHECKED", "REVOCATION_NO_ANSWER"} <= codes(report)


def test_a_stale_answer_is_none(ca: Authority, asking: Asking) -> None:
    del ca.server.answers["/ocsp"]
    old = revocation_list(Identity(ca.ca.key, ca.ca.certificate, ()), {}, issued=NOW - 60 * DAY)
    ca.server.answers["/lists/ca.crl"] = lambda request: request.reply(old)
    assert {"REVOCATION_STALE", "REVOCATION_NO_ANSWER"} <= codes(asking())


def test_an_original_is_answered_without_asking(ca: Authority, asking: Asking) -> None:
    class Knows:
        def by_sha256(self, _: str) -> object:
            return record()

    assert asking(lookup=Knows()).original
    assert ca.server.connections == 0


# Whom is asked


def test_an_untrusted_signers_addresses_are_never_asked(ca: Authority, asking: Asking, people: Pki) -> None:
    report = asking(anchors=[people.root.pem])
    assert report.verdict is Verdict.UNTRUSTED_SIGNER
    report = asking(signed_pdf(by=ca.officer)[:-40] + b"broken", anchors=[people.root.pem])
    assert ca.server.connections == 0


def test_a_broken_signatures_addresses_are_never_asked(ca: Authority, asking: Asking) -> None:
    pdf = signed_pdf(by=ca.officer)
    place = pdf.index(b"Tj ET") - 4
    asking(pdf[:place] + bytes([pdf[place] ^ 1]) + pdf[place + 1 :])
    assert ca.server.connections == 0


@pytest.mark.parametrize(
    "listed",
    [
        "https://127.0.0.1:{port}/", "http://127.0.0.1:1/", "http://localhost:{port}/",
        "http://127.0.0.1:{port}/ocs", "http://127.0.0.1:{port}/list", "http://127.0.0.1:{port}/OCSP",
    ],
)  # fmt: skip
def test_an_address_that_is_not_listed_is_not_asked(
    ca: Authority, sandbox: Sandbox, people: Pki, listed: str
) -> None:
    report = Asking(ca, sandbox, people, listed.format(port=ca.server.server_port))()
    assert codes(report) == {"REVOCATION_NOT_CHECKED"}
    assert ca.server.connections == 0


def test_only_what_lies_below_a_listed_address_is_asked(ca: Authority, sandbox: Sandbox, people: Pki) -> None:
    report = Asking(ca, sandbox, people, f"{ca.url}/lists/", f"{ca.url}/lists/root.crl")()
    assert codes(report) == {"REVOCATION_ASKED"}
    assert sorted(ca.server.asked) == ["/lists/ca.crl", "/lists/root.crl"]


def test_a_private_address_is_refused_even_where_it_is_listed(
    ca: Authority, sandbox: Sandbox, people: Pki
) -> None:
    report = Asking(ca, sandbox, people, permitted=is_public)()
    assert {"REVOCATION_NOT_CHECKED", "REVOCATION_NO_ANSWER"} == codes(report)
    assert ca.server.connections == 0


@pytest.mark.parametrize("second", ["10.0.0.1", "169.254.169.254", "::1", "64:ff9b::7f00:1"])
def test_a_name_that_leads_to_a_private_address_as_well_is_refused(
    monkeypatch: pytest.MonkeyPatch, second: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        answers = [(2, 1, 6, "", ("127.0.0.1", port)), (2, 1, 6, "", (second, port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
        with pytest.raises(FetchRefused, match="private"):
            fetch(f"http://crl.example.id:{port}/a", schemes=("http",), permitted=loopback, seconds=2)
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()


def test_a_redirect_is_not_followed(ca: Authority, asking: Asking) -> None:
    for path in ("/ocsp", "/lists/ca.crl"):
        ca.server.answers[path] = lambda request: request.reply(b"", 302, Location="/secret")
    assert "REVOCATION_NO_ANSWER" in codes(asking())
    assert "/secret" not in ca.server.asked


# Bounds


def test_an_address_that_nobody_serves_is_told_and_changes_nothing_else(
    ca: Authority, sandbox: Sandbox, people: Pki
) -> None:
    asking = Asking(ca, sandbox, people)
    ca.server.answers.clear()
    report = asking()
    assert (report.verdict, report.signatures[0].integrity) == (Verdict.VALID, "intact")
    assert codes(report) == {"REVOCATION_NOT_CHECKED", "REVOCATION_NO_ANSWER"}
    said = [each.message for each in report.findings if each.code == "REVOCATION_NO_ANSWER"]
    assert [word in text for word, text in zip(("OCSP", "CRL"), said, strict=True)] == [True, True]
    assert {each.severity for each in report.findings} == {"warning", "info"}
    # It is not asked again at once: a dead address costs one file its time, not every one.
    connections = ca.server.connections
    assert codes(asking()) == codes(report)
    assert ca.server.connections == connections
    assert ("OCSP", "failed") in asking.counted


def test_an_address_that_does_not_answer_is_not_waited_for(ca: Authority, asking: Asking) -> None:
    gone_on = threading.Event()
    for path in ca.server.answers:
        ca.server.answers[path] = lambda _: gone_on.wait(60)
    try:
        report = asking()  # would end after a minute, if it waited
        assert not gone_on.is_set()
        assert "REVOCATION_NO_ANSWER" in codes(report)
        # The next file may wait for what has just been asked, those after it for nothing.
        connections = ca.server.connections
        assert [codes(asking()), codes(asking())] == [codes(report)] * 2
        assert ca.server.connections == connections
        assert ("CRL", "busy") in asking.counted
    finally:
        gone_on.set()


def test_no_place_in_the_sandbox_is_held_while_an_address_is_waited_for(ca: Authority, people: Pki) -> None:
    asked, gone_on = threading.Event(), threading.Event()

    def wait(request: Any) -> None:
        asked.set()
        gone_on.wait(60)
        ca.answer_ocsp(request)

    ca.server.answers["/ocsp"] = wait
    with Sandbox(children=1, waiting=0) as box, ThreadPoolExecutor(1) as threads:
        running = threads.submit(Asking(ca, box, people))
        assert asked.wait(60)
        assert box.inspect_now(plain_pdf(), anchors=[], moment=NOW).unsigned
        gone_on.set()
        assert codes(running.result()) == {"REVOCATION_ASKED"}


def test_a_body_without_an_end_is_cut_off(ca: Authority, asking: Asking) -> None:
    sent = {"/ocsp": 0, "/lists/ca.crl": 0}

    def pour(request: Any) -> None:
        request.send_response(200)
        request.end_headers()
        for _ in range(300):
            request.wfile.write(b"x" * 1_000_000)
            sent[request.path] += 1_000_000

    for path in sent:
        ca.server.answers[path] = pour
    assert "REVOCATION_NO_ANSWER" in codes(asking())
    assert sent["/ocsp"] < 30_000_000  # what was under way when the line was cut
    assert sent["/lists/ca.crl"] < 60_000_000


def test_an_announced_size_is_refused_before_it_comes(ca: Authority) -> None:
    def announce(request: Any) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "300000000")
        request.end_headers()

    ca.server.answers["/big"] = announce
    with pytest.raises(FetchRefused, match="larger"):
        fetch(f"{ca.url}/big", schemes=("http",), permitted=loopback, maximum_bytes=1000, seconds=30)


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_server_that_drips_is_left(begin: bytes) -> None:
    """In the status line, in the headers and in the body; each octet alone comes in time."""
    left = threading.Event()

    def drip(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            try:
                connection.sendall(begin)
                for _ in range(500):  # ten seconds
                    connection.sendall(b"H")
                    if left.wait(0.02):
                        return
            except OSError:
                left.set()  # whoever asked has gone, as is meant

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drip, args=(listening,))
        thread.start()
        try:
            with pytest.raises(FetchRefused, match="TimeoutError"):
                fetch(
                    f"http://127.0.0.1:{listening.getsockname()[1]}/", schemes=("http",), permitted=loopback,
                    body=Body(b"x", "text/plain"), seconds=0.4,
                )  # fmt: skip
        finally:
            left.set()
            thread.join()


# What is kept


def test_an_answer_is_asked_for_once(ca: Authority, asking: Asking) -> None:
    for _ in range(3):
        assert codes(asking()) == {"REVOCATION_ASKED"}
    assert ca.server.connections == 2
    assert asking.counted.count(("OCSP", "kept")) == 2


def test_where_what_is_kept_does_not_help_the_next_address_is_asked(ca: Authority, asking: Asking) -> None:
    asking(signed_pdf(by=ca.officer))
    assert "/lists/ca.crl" not in ca.server.asked
    # The responder's answer of then has ended by the clock of this check; the lists have not.
    assert codes(asking(signed_pdf(by=ca.officer), now=NOW + 2 * DAY)) == {"TIME_CLAIMED", "REVOCATION_ASKED"}
    assert "/lists/ca.crl" in ca.server.asked


def test_files_that_need_the_same_answer_at_once_ask_once(ca: Authority, people: Pki) -> None:
    gone_on = threading.Event()

    def wait(request: Any) -> None:
        gone_on.wait(1)
        ca.answer_ocsp(request)

    ca.server.answers["/ocsp"] = wait
    pdf = signed_pdf(by=ca.officer, stamped=NOW - 10 * DAY)
    with Sandbox(children=4) as box, ThreadPoolExecutor(4) as threads:
        asking = Asking(ca, box, people)
        for report in threads.map(lambda _: asking(pdf), range(4)):
            assert codes(report) == {"REVOCATION_ASKED"}
    assert ca.server.asked.count("/ocsp") == 1


def test_an_answer_is_kept_until_it_ends(ca: Authority, asking: Asking) -> None:
    need = RevocationNeed("00" * 20, "00" * 20, 7, (), (f"{ca.url}/lists/ca.crl",))
    for used, again in ((NOW + DAY, 1), (NOW - DAY, 1), (None, 1)):
        source = RevocationSource((ca.url,), permitted=loopback)
        ca.server.asked.clear()
        gathered = source.gather([need], 30)
        (name,) = gathered.keys
        source.learn(gathered, [(name, used.isoformat())] if used else [], NOW)
        after = source.gather([need], 30)
        assert len(ca.server.asked) == again
        # What has ended or said nothing is passed over for a while, like an address that does not answer.
        assert bool(after.answers) is (used == NOW + DAY)


def test_what_one_citizen_asked_is_not_kept_by_name(ca: Authority, asking: Asking) -> None:
    asking()
    kept = repr(asking.source.__dict__) + repr(list(asking.source._kept))
    assert "127.0.0.1" not in kept.replace(repr(asking.source._listed), "")


# Settings


@pytest.mark.parametrize(
    ("listed", "url", "covered"),
    [
        ("http://a.example", "http://a.example", True),
        ("http://a.example/", "http://A.EXAMPLE:80/x?y", True),
        ("HTTP://A.example", "http://a.example/x", True),
        ("http://a.example:8080", "http://a.example/", False),
        ("http://a.example", "https://a.example/", False),
        ("http://a.example", "http://a.example.id/", False),
        ("http://a.example", "http://a.example@b.example/", False),
        ("http://a.example", "http://b.example/", False),
        ("http://a.example", "http://x@a.example/", False),
        ("http://a.example/x", "http://a.example/xy", False),
        ("http://a.example/x", "http://a.example/x/../y", False),
        ("http://a.example/x", "http://a.example/x/%2e%2E/y", False),
        ("http://a.example/x", "http://a.example/x/..%2fy", False),
        ("http://a.example/x", "http://a.example/x\\..\\y", False),
        ("http://a.example/x", "http://a.example/x/y z", False),
        ("http://a.example", "http://a.example/\n", False),
        ("http://a.example", "http://[::1/", False),
        ("http://a.example", "http://a.example:99999/", False),
        ("http://a.example/x", "http://a.example/x/a..b/c", True),
        ("http://a.example", "ldap://a.example/", False),
    ],
)
def test_what_a_listed_address_covers(listed: str, url: str, covered: bool) -> None:
    (address,) = read_addresses([listed])
    assert address.covers(url) is covered


@pytest.mark.parametrize(
    "text", ['["ocsp.example.id"]', '["ftp://a.example"]', '["http://u@a.example"]', '["http://a.example/?x"]',
             '["http:///x"]', '["http://a.example/../x"]', "{}", "[1]", "http://a.example", '["http://a.example:x"]'],
)  # fmt: skip
def test_a_list_that_makes_no_sense_stops_the_start(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    with pytest.raises(Misconfigured, match="ABSAH_REVOCATION_ADDRESSES"):
        parse_setting(text)
    monkeypatch.setenv("ABSAH_REVOCATION_ADDRESSES", text)
    with pytest.raises(Misconfigured, match="ABSAH_REVOCATION_ADDRESSES"):
        load_settings()


def test_the_setting_is_empty_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert VerifierSettings().revocation_addresses == ()
    assert parse_setting("") == ()
    monkeypatch.setenv("ABSAH_REVOCATION_ADDRESSES", '["http://ocsp.example.id/"]')
    assert load_settings().revocation_addresses == ("http://ocsp.example.id/",)


def absah_verify(tmp_path: Path, ca: Authority, setting: str, *more: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "a.pdf").write_bytes(signed_pdf(by=ca.officer))
    (tmp_path / "root.pem").write_bytes(ca.anchor)
    return subprocess.run(
        [sys.executable, "-m", "verifier.cli", str(tmp_path / "a.pdf"), "--json", "--trust",
         str(tmp_path / "root.pem"), *more],
        cwd=_ROOT, capture_output=True, text=True, timeout=120, check=False,
        env={"ABSAH_DATA": str(tmp_path), "ABSAH_REVOCATION_ADDRESSES": setting, "PATH": "/usr/bin:/bin"},
    )  # fmt: skip


def test_the_command_asks_listed_public_addresses_only(ca: Authority, tmp_path: Path) -> None:
    ended = absah_verify(tmp_path, ca, f'["{ca.url}"]')
    assert "REVOCATION_NO_ANSWER" in ended.stdout, ended.stderr
    assert (ended.returncode, ended.stderr) == (0, "")
    offline = absah_verify(tmp_path, ca, f'["{ca.url}"]', "--offline")
    assert "REVOCATION_NO_ANSWER" not in offline.stdout
    assert "REVOCATION_NOT_CHECKED" in offline.stdout
    assert ca.server.connections == 0
    wrong = absah_verify(tmp_path, ca, "ocsp.example.id")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("ABSAH_REVOCATION_ADDRESSES has to be")


def test_where_the_time_has_run_out_nothing_is_asked(ca: Authority, sandbox: Sandbox, people: Pki) -> None:
    class Slow:
        """The sandbox, after which little is left of the ten seconds."""

        def inspect_now(self, *arguments: Any, **options: Any) -> Any:
            threading.Event().wait(4.5)
            return sandbox.inspect_now(*arguments, **options)

    answer = inspect_asking(
        Slow(), signed_pdf(by=ca.officer), RevocationSource((ca.url,), permitted=loopback),
        anchors=[ca.anchor], moment=NOW, password=None,
    )  # fmt: skip
    assert "REVOCATION_NO_TIME" in {each.code for each in answer.findings}
    assert ca.server.connections == 0
    assert answer.signatures[0].trust == "trusted"
