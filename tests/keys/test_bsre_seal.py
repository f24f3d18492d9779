"""An agency's seal at BSrE: documents are issued with it, and nobody types anything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keys.bsre_seal import BsreSeal
from keys.ring import KeyList
from storage import tables
from storage.vocabulary import Misconfigured
from tests.faults.checking import let_time_pass, rows
from tests.keys.attended import KEY, office_with_keys, write_certificates
from tests.keys.bsre_server import ACTIVATION, PASSWORD, SUBSCRIBER, USERNAME, Authority, Bsre, server
from tests.keys.serving import serving
from tests.office import Office
from verifier import check
from verifier.trust.folder import read_trust


def write_list(folder: Path, authority: Authority, url: str) -> Path:
    (folder / "segel.id").write_text(f"{SUBSCRIBER}\n")
    (folder / "segel.totp").write_text(f"{ACTIVATION}\n")
    write_certificates(folder, authority, "segel.pem", authority.seal)
    listing = folder / "keys.toml"
    listing.write_text(
        "\n".join(
            ["[[key]]", f'id = "{KEY}"', f'bsre_seal = "{url}"', 'subscriber_file = "segel.id"',
             'activation_file = "segel.totp"', f'username = "{USERNAME}"', 'password_file = "bsre.password"',
             'certificate = "segel.pem"', 'chain = "bsre.pem"', 'officer = "Dinas Contoh"', ""]
        )
    )  # fmt: skip
    return listing


@contextmanager
def sealing_office(bsre: Bsre, empty: Office, folder: Path) -> Iterator[Office]:
    """A copy of the empty office whose only key is the seal, while BSrE answers."""
    with serving(server(bsre)) as url:
        listing = write_list(folder, bsre.authority, url.rstrip("/"))
        yield office_with_keys(empty, folder, bsre.authority, listing)


@pytest.fixture
def office(bsre: Bsre, empty_office: Office, tmp_path: Path) -> Iterator[Office]:
    with sealing_office(bsre, empty_office, tmp_path) as made:
        yield made


@pytest.mark.parametrize("mode", ["good", "wrapped"])
def test_documents_are_issued_and_nobody_types_anything(
    office: Office, bsre: Bsre, tmp_path: Path, mode: str
) -> None:
    bsre.mode = mode
    for serial in (1, 2):
        document = office.issue(office.sample(serial=serial), key=str(serial))
    path = tmp_path / "sip.pdf"
    path.write_bytes(office.get(f"/api/v1/documents/{document['id']}/pdf").content)
    report = check(path, anchors=read_trust(office.settings.trust_folder, production=False).encoded())
    made = report.signatures[0]
    assert (str(report.verdict), made.integrity, made.level) == ("valid", "intact", "PAdES-B-LT")
    assert made.signer == "CN=Dinas Contoh"
    # A TOTP of its own for each document, used once.
    assert bsre.requests == ["POST /api/v2/seal/get/totp", "POST /api/v2/seal/pdf"] * 2
    assert bsre.given == ["", ""]


@pytest.mark.parametrize("mode", ["good", "codes as text"])
def test_without_activation_documents_wait_and_it_is_sent_once(
    office: Office, bsre: Bsre, tmp_path: Path, mode: str
) -> None:
    bsre.activation, bsre.mode = "604422", mode
    accepted = office.request()
    for _ in range(3):
        office.work()
        let_time_pass(office)
    waiting = office.state(accepted["id"])
    assert (waiting["state"], waiting["waiting_for"]) == ("PREPARED", "KEY_ACTIVATION")
    assert (bsre.wrong, bsre.signed) == (1, 0)

    (tmp_path / "segel.totp").write_text("604422\n")
    os.utime(tmp_path / "segel.totp", (2_000_000_000, 2_000_000_000))
    office.work()
    assert office.state(accepted["id"])["state"] == "ISSUED"


@pytest.mark.parametrize(
    ("mode", "code"),
    [("500", "REPLY_LOST"), ("other key", "PROVIDER_SIGNER"), ("visible", "PROVIDER_VISIBLE"),
     ("rewritten", "PROVIDER_ALTERED")],
)  # fmt: skip
def test_another_answer_stops_the_document(office: Office, bsre: Bsre, mode: str, code: str) -> None:
    bsre.mode = mode
    accepted = office.request()
    for _ in range(2):
        office.work()
        let_time_pass(office)
    state = office.state(accepted["id"])
    assert (state["state"], state["state_reason"]) == ("BLOCKED", f"{code}@PREPARED")
    assert not rows(office, tables.document_file)


def test_a_service_that_is_away_is_waited_for(empty_office: Office, bsre: Bsre, tmp_path: Path) -> None:
    with sealing_office(bsre, empty_office, tmp_path) as office:
        accepted = office.request()
    office.work()
    state = office.state(accepted["id"])
    assert (state["state"], state["waiting_for"]) == ("PREPARED", "KEY_PROVIDER")


def test_no_secret_is_printed_or_kept(office: Office, bsre: Bsre, tmp_path: Path) -> None:
    key = KeyList.open(tmp_path / "keys.toml").key(KEY)
    assert isinstance(key, BsreSeal)
    assert (key.capability, key.human_cost) == ("pdf", "nothing")
    office.issue()
    told = repr([rows(office, each) for each in (tables.document, tables.audit_event, tables.outbox)])
    for secret in (SUBSCRIBER, ACTIVATION, PASSWORD):
        assert secret not in f"{key!r} {key.login!r} {told}"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('subscriber_file = "segel.id"', "", "lacks “subscriber_file”"),
        ('activation_file = "segel.totp"', "", "lacks “activation_file”"),
        ('activation_file = "segel.totp"', 'activation_file = "empty"', "holds no plain text"),
        ('"http://10.0.0.5"', '"ftp://10.0.0.5"', "needs an address"),
        ('username = "absah"', 'username = "absah"\nnik_file = "x"', "unknown entry “nik_file”"),
    ],
)
def test_a_wrong_entry_is_one_sentence(
    tmp_path: Path, bsre_authority: Authority, old: str, new: str, said: str
) -> None:
    listing = write_list(tmp_path, bsre_authority, "http://10.0.0.5")
    (tmp_path / "empty").write_text("\n")
    text = listing.read_text()
    assert old in text
    listing.write_text(text.replace(old, new))
    with pytest.raises(Misconfigured, match=said):
        KeyList.open(listing)
