"""Owners who consent in a browser: to the session's address, over the service, and back to us.

The service and our own pages are servers on loopback; the browser is a client that follows redirections.
"""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import uvicorn
from click.testing import CliRunner
from sqlalchemy import select, update
from structlog.testing import capture_logs

from keys.cms import ID_DATA, signed_attributes
from keys.provider import HumanSecret
from keys.software import SoftwareKey
from signer.cli import absah
from signer.sessions import Presence
from signer.worker import run
from storage import sessions, tables
from storage.database import transaction
from storage.sessions import SIGNED, Session
from tests.faults.checking import let_time_pass, rows
from tests.keys.attended import begun, present, typed
from tests.keys.certificates import p256, root
from tests.keys.csc_place import RemotePlace, remote_place
from tests.keys.csc_server import CLIENT_SECRET
from tests.keys.responder import responder
from tests.keys.test_csc_issuing import reopened
from tests.keys.test_issuing import KEY, officer, work
from tests.office import Office, open_office
from tests.services import wait_for
from verifier import check
from verifier.trust.folder import read_trust

AGENCY = "dpmptsp-contoh"
SESSIONS = "/api/v1/signing-sessions"
# Nothing listens there.
AWAY = "http://127.0.0.1:9/csc/v1"


@pytest.fixture(scope="module")
def authority() -> SoftwareKey:
    return root("Akar Produksi")


@pytest.fixture(scope="module")
def ocsp_url(authority: SoftwareKey) -> Iterator[str]:
    with responder(authority) as running:
        yield running.url


@dataclass(frozen=True)
class Place:
    """An office whose officer's key is at a service that asks for consent; its pages are served."""

    remote: RemotePlace
    office: Office
    presence: Presence

    def opened(self, number: int = 2) -> Session:
        """A session for so many documents, and what its worker has found out."""
        for each in range(1, number + 1):
            self.office.request(self.office.sample(serial=each), key=str(each))
        work(self.office)
        begun(self.office)
        assert self.presence.ask_next()
        return self.session()

    def session(self) -> Session:
        """The last one, as it stands."""
        with transaction(self.office.desk.register.engine) as connection:
            query = select(tables.signing_session.c.id).order_by(tables.signing_session.c.created_at.desc())
            newest = connection.scalars(query).first()
        assert newest is not None
        return sessions.read_session(self.office.desk.register, AGENCY, newest)

    def waits(self) -> bool:
        """Whether all documents wait for a session, and nothing was signed."""
        return (
            all(
                each["awaits_session"] and each["state"] == "PREPARED"
                for each in rows(self.office, tables.document)
            )
            and self.remote.server.counts["signatures"] == 0
        )


@pytest.fixture(params=[1, 2], ids=["v1", "v2"])
def place(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    authority: SoftwareKey,
    ocsp_url: str,
    empty_office: Office,
) -> Iterator[Place]:
    private = p256()
    chain = [officer(private, authority), authority.certificate]
    with remote_place(tmp_path, private, chain, request.param) as made, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        made.credential.mode = "oauth2code"
        made.server.redirect_uri = f"http://127.0.0.1:{listening.getsockname()[1]}/consent"
        remote = replace(made, ocsp_url=ocsp_url)
        first = reopened(empty_office, remote, authority, pin=False)
        settings = first.settings.model_copy(update={"consent_url": made.server.redirect_uri})
        office = open_office(settings, first.keys)
        with served(office, listening):
            yield Place(remote, office, present(office))


@contextmanager
def served(office: Office, listening: socket.socket) -> Iterator[None]:
    """The office's own web program, on a socket that is bound already."""
    server = uvicorn.Server(uvicorn.Config(office.app, log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield
    finally:
        server.should_exit = True
        thread.join()


def browse(address: str | None) -> httpx.Response:
    """What the owner sees in the end."""
    assert address is not None
    with httpx.Client(trust_env=False, follow_redirects=True) as browser:
        return browser.get(address)


def sent_back(address: str | None) -> str:
    """Where the service sends the owner, who does not go there yet."""
    assert address is not None
    with httpx.Client(trust_env=False) as browser:
        return browser.get(address).headers["location"]


@pytest.mark.parametrize("pushed", [True, False])
def test_an_owner_consents_once_for_a_batch(place: Place, pushed: bool) -> None:
    place.remote.server.pushed_requests = pushed
    session = place.opened(3)
    assert (session.state, session.asks_for) == ("OPEN", "consent")
    assert not place.presence.work_on_next()
    with capture_logs() as logs:
        page = browse(session.consent_address)
        assert page.status_code == 200
        assert "return to the application" in page.text and "kembali ke aplikasi" in page.text
        assert place.session().state == "SUBMITTED"
        [row] = rows(place.office, tables.signing_session)
        assert place.presence.work_on_next()
    ended = place.session()
    assert (ended.state, ended.code, ended.consent_address) == ("DONE", None, None)
    assert {each.outcome for each in ended.documents} == {SIGNED}
    let_time_pass(place.office)
    place.office.work()
    trust = read_trust(place.office.settings.trust_folder, production=False).encoded()
    for each in ended.documents:
        path = place.remote.folder / f"{each.document_id}.pdf"
        path.write_bytes(place.office.get(f"/api/v1/documents/{each.document_id}/pdf").content)
        report = check(path, anchors=trust)
        [made] = report.signatures
        assert (str(report.verdict), made.integrity) == ("valid", "intact")
    counts = place.remote.server.counts
    assert (counts["consent"], counts["signatures/signHash"], counts["signatures"]) == (1, 1, 3)
    assert counts["credentials/authorize"] == 0
    # The code is in no log, no row and no audit event, nor is what only the worker and the service share.
    brought = parse_qs(urlsplit(str(page.url)).query)
    told = repr(
        [logs, row, rows(place.office, tables.audit_event), rows(place.office, tables.signing_session)]
    )
    assert brought["code"][0] not in told and brought["state"][0] not in told and CLIENT_SECRET not in told
    assert brought["code"][0] not in page.text


def test_the_consent_is_asked_for_exactly_what_is_signed(place: Place) -> None:
    session = place.opened(2)
    browse(session.consent_address)
    [consented] = [sad for _, sad in place.remote.server.codes.values()]
    key = place.office.workshop.keys.key(KEY)
    digests = [bytes.fromhex(each["digest"]) for each in rows(place.office, tables.signature)]
    expected = [
        hashlib.sha256(signed_attributes(key.certificate, ID_DATA, each)).digest() for each in digests
    ]
    assert sorted(consented.hashes) == sorted(base64.b64encode(each).decode() for each in expected)
    assert consented.left == 2
    assert place.presence.work_on_next()
    assert place.session().signed == 2


def test_an_owner_who_refuses_ends_the_session(place: Place) -> None:
    session = place.opened()
    place.remote.server.owner_agrees = False
    back = sent_back(session.consent_address)
    page = browse(back)
    assert page.status_code == 200 and "You did not consent" in page.text
    ended = place.session()
    assert (ended.state, ended.code, ended.consent_address) == ("STOPPED", "CONSENT_REFUSED", None)
    assert not place.presence.work_on_next() and place.waits()
    assert not rows(place.office, tables.approval)
    # The state counts once, whatever it brought.
    again = browse(back.replace("error=access_denied", "code=abc"))
    assert (again.status_code, "CONSENT_USED" in again.text) == (409, True)
    assert place.session().state == "STOPPED"


def test_a_service_that_fails_is_told_of(place: Place) -> None:
    session = place.opened(1)
    back = sent_back(session.consent_address)
    state = parse_qs(urlsplit(back).query)["state"][0]
    page = browse(
        f"{place.remote.server.redirect_uri}?error=server_error&error_description=%3Cb%3E&state={state}"
    )
    assert page.status_code == 200 and "gave no consent" in page.text and "<b>" not in page.text
    assert (place.session().state, place.session().code) == ("STOPPED", "CONSENT_FAILED")


def test_who_comes_with_another_state_or_none_changes_nothing(place: Place) -> None:
    session = place.opened(1)
    back = sent_back(session.consent_address)
    code = parse_qs(urlsplit(back).query)["code"][0]
    ours = place.remote.server.redirect_uri
    for query, status, told in (
        (f"code={code}&state=lain", 404, "CONSENT_UNKNOWN"),
        (f"code={code}&state={session.id}", 404, "CONSENT_UNKNOWN"),
        ("error=access_denied&state=%00", 404, "CONSENT_UNKNOWN"),
        (f"code={code}", 422, "CONSENT_MALFORMED"),
        (f"state={parse_qs(urlsplit(back).query)['state'][0]}", 422, "CONSENT_MALFORMED"),
        (f"{urlsplit(back).query}&state=lain", 422, "CONSENT_MALFORMED"),
        (f"{urlsplit(back).query}&code=lain", 422, "CONSENT_MALFORMED"),
        ("state=" + "a" * 5000 + "&code=b", 422, "CONSENT_MALFORMED"),
        ("", 422, "CONSENT_MALFORMED"),
    ):
        page = browse(f"{ours}?{query}")
        assert (page.status_code, told in page.text) == (status, True), query
        assert code not in page.text
    assert place.session().state == "OPEN"
    # And it is still good for whom it was meant.
    assert browse(back).status_code == 200
    assert browse(back).status_code == 409
    assert place.presence.work_on_next()
    assert place.session().state == "DONE"


def test_a_code_of_another_session_signs_nothing(place: Place) -> None:
    """The state chooses the session; the service knows by PKCE that the code was another one's."""
    first = place.opened(1)
    document = place.office.request(place.office.sample(serial=2), key="2")
    work(place.office)
    second = begun(place.office, [document["id"]])
    assert place.presence.ask_next()
    second = sessions.read_session(place.office.desk.register, AGENCY, second.id)
    code = parse_qs(urlsplit(sent_back(first.consent_address)).query)["code"][0]
    state = parse_qs(urlsplit(sent_back(second.consent_address)).query)["state"][0]
    page = browse(f"{place.remote.server.redirect_uri}?code={code}&state={state}")
    assert page.status_code == 200
    assert place.presence.work_on_next()
    ended = sessions.read_session(place.office.desk.register, AGENCY, second.id)
    assert (ended.state, ended.code, ended.signed) == ("STOPPED", "KEY_AUTHORISATION", 0)
    assert place.waits()
    assert sessions.read_session(place.office.desk.register, AGENCY, first.id).state == "OPEN"


@pytest.mark.parametrize(("how", "code"), [("late", "SESSION_EXPIRED"), ("gone", "WORKER_LOST")])
def test_who_comes_back_too_late_is_told_so(place: Place, how: str, code: str) -> None:
    session = place.opened(1)
    back = sent_back(session.consent_address)
    if how == "gone":
        place.presence.leave()
    else:
        with transaction(place.office.desk.register.engine) as connection:
            connection.execute(update(tables.signing_session).values(expires_at=1))
    page = browse(back)
    assert (page.status_code, code in page.text) == (409, True)
    assert place.session().code == code
    assert place.session().consent_address is None
    assert not place.presence.work_on_next() and place.waits()


def test_another_worker_than_the_one_that_asked_signs_nothing(place: Place) -> None:
    session = place.opened(1)
    assert browse(session.consent_address).status_code == 200
    other = present(place.office)
    assert not other.work_on_next()
    # Nor one that has lost what it asked for.
    place.presence.consents.take(session.id)
    assert place.presence.work_on_next()
    assert place.session().code == "SECRET_UNREADABLE"
    assert place.waits()


def test_a_key_by_consent_takes_no_secret(place: Place) -> None:
    place.office.request()
    work(place.office)
    session = begun(place.office)
    # Before the worker has looked, somebody types one all the same.
    typed(place.office, session, HumanSecret("passphrase", "1234"))
    assert place.presence.work_on_next()
    assert place.session().code == "CONSENT_NEEDED"
    assert place.remote.server.counts["credentials/authorize"] == 0 and place.waits()


def test_what_the_service_cannot_do_stops_the_session(place: Place) -> None:
    place.remote.credential.multisign = 1
    # What a credential can do is read once.
    office = open_office(place.office.settings, place.office.keys)
    place.presence.leave()
    place = Place(place.remote, office, present(office))
    session = place.opened(2)
    assert (session.state, session.code, session.asks_for) == ("STOPPED", "KEY_TOO_MANY", None)
    assert place.waits()


def test_a_service_that_is_away_stops_neither_the_worker_nor_its_sessions(place: Place) -> None:
    place.office.request()
    work(place.office)
    place.presence.leave()
    listing = place.office.settings.keys_file
    assert listing is not None
    away = place.remote.folder / "away.toml"
    away.write_text(listing.read_text().replace(place.remote.server.url(place.remote.version), AWAY))
    office = open_office(place.office.settings.model_copy(update={"keys_file": away}), place.office.keys)
    assert (office.workshop.attended_keys, office.workshop.unattended_keys) == ((KEY,), ())
    presence = present(office)
    begun(office)
    assert presence.ask_next()
    assert (place.session().state, place.session().code) == ("STOPPED", "KEY_SERVICE")
    assert place.waits()


@contextmanager
def working(office: Office) -> Iterator[None]:
    stop = threading.Event()
    worker = threading.Thread(target=run, args=(office.workshop, stop, time.monotonic, 1))
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()


def test_an_application_leads_the_owner_by_the_api(place: Place) -> None:
    place.presence.leave()
    office = place.office
    accepted = office.request()
    with working(office):
        wait_for(lambda: office.state(accepted["id"])["waiting_for"] == "SIGNING_SESSION")
        answers: list[Any] = []

        def accepted_here() -> bool:
            answers.append(office.post(SESSIONS, {}))
            return bool(answers[-1].status_code == 201)

        wait_for(accepted_here)
        path = f"{SESSIONS}/{answers[-1].json()['id']}"
        wait_for(lambda: office.get(path).json()["asks_for"] is not None)
        told = office.get(path).json()
        assert (told["state"], told["asks_for"]) == ("OPEN", "consent")
        refused = office.post(f"{path}/secret", {"sealed": "A" * 400})
        assert (refused.status_code, refused.json()["code"]) == (409, "CONSENT_NEEDED")
        # Nobody else is led there.
        assert office.get(path, "bakesbangpol-contoh").json()["code"] == "SESSION_NOT_FOUND"
        assert browse(told["consent_url"]).status_code == 200
        wait_for(lambda: office.get(path).json()["state"] not in ("SUBMITTED", "WORKING"))
        ended = office.get(path).json()
        assert (ended["state"], ended["consent_url"]) == ("DONE", None)
        wait_for(lambda: office.state(accepted["id"])["state"] == "ISSUED")


def test_the_command_line_shows_the_address(place: Place) -> None:
    place.presence.leave()
    office = place.office
    documents = [office.request(office.sample(serial=each), key=str(each)) for each in (1, 2)]
    environment = {
        "ABSAH_DATA": str(office.settings.data), "ABSAH_KEYS_FILE": str(office.settings.keys_file),
    }  # fmt: skip
    pages: list[httpx.Response] = []
    addresses: list[str | None] = []

    def owner() -> None:
        wait_for(lambda: bool(rows(office, tables.signing_session)))
        wait_for(lambda: place.session().consent_address is not None)
        addresses.append(place.session().consent_address)
        # They read before they click.
        time.sleep(0.5)
        pages.append(browse(addresses[0]))

    with working(office):
        wait_for(
            lambda: all(office.state(each["id"])["waiting_for"] == "SIGNING_SESSION" for each in documents)
        )
        wait_for(lambda: bool(rows(office, tables.worker_key)))
        at_home = threading.Thread(target=owner)
        at_home.start()
        called = CliRunner().invoke(absah, ["sign-batch", "--most", "1"], env=environment)
        at_home.join()
    assert called.exit_code == 0, called.output
    assert addresses[0] is not None and addresses[0] in called.output
    assert "1 of 1 documents signed" in called.output and "Passphrase" not in called.output
    assert pages[0].status_code == 200
