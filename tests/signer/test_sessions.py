"""Documents signed at BSrE in signing sessions, from the request to the answer of our own verifier."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.checking import check_consistency
from tests.keys.attended import attended_office, signed_in_a_session
from tests.keys.bsre_server import Authority, Bsre, ListServer, server
from tests.keys.serving import serving
from tests.office import Office
from verifier import check
from verifier.trust.folder import read_trust

DOCUMENTS = "/api/v1/documents"


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
    lists = ListServer()
    with serving(lists) as url:
        made = Authority.create(url)
        lists.crl = made.crl
        yield made


@pytest.fixture
def bsre(authority: Authority) -> Iterator[Bsre]:
    service = Bsre(authority)
    yield service
    service.lost.set()


@contextmanager
def office_at(bsre: Bsre, empty: Office, folder: Path, *, version: int = 1) -> Iterator[Office]:
    with serving(server(bsre)) as url:
        yield attended_office(empty, folder, bsre.authority, url.rstrip("/"), version=version)


@pytest.fixture
def office(bsre: Bsre, empty_office: Office, tmp_path: Path) -> Iterator[Office]:
    with office_at(bsre, empty_office, tmp_path) as made:
        yield made


@pytest.mark.parametrize("level", ["b-t", "b-lt"])
@pytest.mark.parametrize(("version", "reply"), [(1, "pdf"), (1, "base64"), (1, "identifier"), (2, "json")])
def test_a_document_is_issued_with_a_signature_of_bsre(
    bsre: Bsre, empty_office: Office, tmp_path: Path, version: int, reply: str, level: str
) -> None:
    bsre.reply, bsre.level = reply, level
    with office_at(bsre, empty_office, tmp_path, version=version) as office:
        accepted = office.request()
        office.work()
        state = office.state(accepted["id"])
        assert (state["state"], state["waiting_for"]) == ("PREPARED", "SIGNING_SESSION")
        assert bsre.requests == []
        session = signed_in_a_session(office)
        assert (session.state, session.signed, bsre.signed) == ("DONE", 1, 1)
        assert office.state(accepted["id"])["state"] == "ISSUED", office.state(accepted["id"])
        path = tmp_path / "sip.pdf"
        path.write_bytes(office.get(f"{DOCUMENTS}/{accepted['id']}/pdf").content)
        report = check(path, anchors=read_trust(office.settings.trust_folder, production=False).encoded())
        signature = report.signatures[0]
        assert (str(report.verdict), signature.integrity) == ("valid", "intact")
        assert signature.level == "PAdES-B-LT", "the type promises it, whatever the provider gives"
        assert signature.signer == "CN=Ratna Kusumawardhani"
        check_consistency(office)
        assert list((office.settings.data / "archive").glob("*/staging/*/*.pdf")) == []
