"""An office whose only key is at BSrE, by the server of these tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from keys.provider import HumanSecret
from signer.secrecy import seal
from signer.sessions import Presence
from storage import sessions
from storage.sessions import Session
from tests.faults.checking import let_time_pass
from tests.keys.bsre_server import (
    NIK,
    PASSPHRASE,
    PASSWORD,
    USERNAME,
    Authority,
    Bsre,
    Identity,
    ListServer,
    server,
)
from tests.keys.serving import serving
from tests.office import Office, open_office

AGENCY, KEY = "dpmptsp-contoh", "kepala-dpmptsp-contoh"


def write_key(folder: Path, authority: Authority, url: str, *lines: str, version: int = 1) -> Path:
    """The key list with the official's key, and what it names."""
    (folder / "kepala.nik").write_text(f"{NIK}\n")
    write_certificates(folder, authority, "kepala.pem", authority.official)
    listing = folder / "keys.toml"
    listing.write_text(
        "\n".join(
            ["[[key]]", f'id = "{KEY}"', f'bsre = "{url}"', f"version = {version}", 'nik_file = "kepala.nik"',
             f'username = "{USERNAME}"', 'password_file = "bsre.password"', 'certificate = "kepala.pem"',
             'chain = "bsre.pem"', *lines, ""]
        )
    )  # fmt: skip
    return listing


def write_certificates(folder: Path, authority: Authority, name: str, signer: Identity) -> None:
    """What each entry of BSrE names beside the key's own: password, the signer's certificate, the root."""
    (folder / "bsre.password").write_text(f"{PASSWORD}\n")
    (folder / name).write_bytes(signer.certificate.public_bytes(Encoding.PEM))
    (folder / "bsre.pem").write_bytes(authority.root.certificate.public_bytes(Encoding.PEM))


def attended_office(
    empty: Office, folder: Path, authority: Authority, url: str, *, version: int = 1
) -> Office:
    """A copy of the empty office whose officer signs at BSrE."""
    listing = write_key(folder, authority, url, version=version)
    return office_with_keys(empty, folder, authority, listing)


def office_with_keys(empty: Office, folder: Path, authority: Authority, listing: Path) -> Office:
    """A copy of the empty office that has the keys of a list, and trusts BSrE's root."""
    data = folder / "data"
    if not data.exists():
        empty.desk.register.engine.dispose()
        shutil.copytree(empty.settings.data, data)
    root = authority.root.certificate.public_bytes(Encoding.PEM)
    (data / "trust" / "bsre.pem").write_bytes(root)
    changed = {"data": data, "keys_file": listing}
    return open_office(empty.settings.model_copy(update=changed), empty.keys)


@contextmanager
def published_authority() -> Iterator[Authority]:
    """BSrE's authority, with a server that gives its revocation list."""
    lists = ListServer()
    with serving(lists) as url:
        made = Authority.create(url)
        lists.crl = made.crl
        yield made


@contextmanager
def office_at(bsre: Bsre, empty: Office, folder: Path, *, version: int = 1) -> Iterator[Office]:
    """`attended_office` while that BSrE answers."""
    with serving(server(bsre)) as url:
        yield attended_office(empty, folder, bsre.authority, url.rstrip("/"), version=version)


def typed(office: Office, session: Session, secret: HumanSecret | None = None) -> Session:
    """The officer types the secret: it is encrypted and submitted."""
    secret = secret or HumanSecret("passphrase", PASSPHRASE)
    sealed = seal(secret, session.public_key, session.id, session.batch_digest)
    return sessions.submit(office.desk.register, session.agency_id, session.id, session.officer_id, sealed)


def begun(office: Office, documents: list[str] | None = None) -> Session:
    return sessions.open_session(
        office.desk.register, AGENCY, opened_by="test", key_id=KEY, document_ids=documents
    )


def present(office: Office) -> Presence:
    presence = Presence(office.workshop)
    presence.beat()
    return presence


def signed_in_a_session(office: Office, secret: HumanSecret | None = None) -> Session:
    """All that waits, signed by a worker that is there for it; the session in the end."""
    presence = present(office)
    session = begun(office)
    typed(office, session, secret)
    assert presence.work_on_next()
    let_time_pass(office)
    office.work()
    return sessions.read_session(office.desk.register, AGENCY, session.id)
