"""An office that issues documents of every level, with keys of every provider, signed once to four times.

What it issues goes to other validators (test_our_documents.py), so every file comes out of the product as an
agency would get it: through the API, the worker, a signing session, the renewal job, or ``absah sign``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import update

from keys.provider import HumanSecret
from keys.software import PrivateKey, SoftwareKey
from signer.revocation import Revocation, RevocationUnavailable
from signer.sessions import Presence
from signer.timestamp import TimestampUnavailable
from signer.upload import StampPlace, UploadOrder, UploadTools, sign_upload
from signer.worker import extend_next
from storage import sessions, tables
from storage.database import transaction
from templates.stamp import Stamp
from tests.command_line import absah
from tests.faults.checking import check_consistency, let_time_pass
from tests.interop.make import HERE
from tests.keys.attended import typed
from tests.keys.bsre_server import (
    ACTIVATION,
    NIK,
    PASSPHRASE,
    PASSWORD,
    SUBSCRIBER,
    USERNAME,
    Authority,
    Bsre,
    ListServer,
    server,
)
from tests.keys.certificates import DAY, NOW, certificate, p256, root, rsa_key
from tests.keys.csc_place import RemotePlace, pem, remote_place
from tests.keys.csc_server import Credential
from tests.keys.responder import responder
from tests.keys.serving import serving
from tests.keys.softhsm import make_token
from tests.keys.test_software import PASSPHRASE as FILE_PASSPHRASE
from tests.keys.test_software import write_pkcs12
from tests.office import SANDBOX, Office, make_office, open_office
from tests.signer.large_upload import Witness
from tests.signer.test_two_slots import AGENCY, FIELDS, MORE, PAGE, REGENCY, TYPE
from tests.signer.uploads import AT
from verifier.trust.folder import read_trust

SLOTS = ("penelaah", "pemeriksa", "kepala", "segel")
"""Roles of officers, in the order in which they sign: initials, two signatures, the seal."""

_SLOT = """
[[slots]]
role = "{role}"
kind = "{kind}"
label = {{ id = "{role}", en = "{role}" }}
"""
_KINDS = {"penelaah": "initials", "segel": "e_seal"}

FILES = {"pkcs12-p256": p256, "pkcs12-rsa2048": lambda: rsa_key(2048), "pem-p256": p256,
         "pem-rsa2048": lambda: rsa_key(2048)}  # fmt: skip
"""Keys in files, by id."""
SERVICES = {
    "csc1-p256": (1, p256, "ecdsa-sha256"), "csc1-rsa2048": (1, lambda: rsa_key(2048), "rsa-pkcs1-sha256"),
    "csc2-p256": (2, p256, "ecdsa-sha256"), "csc2-pss": (2, lambda: rsa_key(2048), "rsa-pss-sha256"),
}  # fmt: skip
"""Keys at a service of the CSC API: its version, how one is made, and the algorithm."""
TOKENS = {
    "pkcs11-p256": (p256, "ecdsa-sha256"), "pkcs11-rsa2048": (lambda: rsa_key(2048), "rsa-pkcs1-sha256"),
    "pkcs11-pss": (lambda: rsa_key(2048), "rsa-pss-sha256"),
}  # fmt: skip
"""Keys on a PKCS#11 token."""


@dataclass(frozen=True)
class Kind:
    """A document type: how long its signatures stay provable, whose they are, and what an outage costs."""

    level: str
    roles: tuple[str, ...] = ("kepala",)
    outage: str = "wait"

    @property
    def id(self) -> str:
        return f"izin-{self.level.lower()}-{len(self.roles)}-{self.outage}"

    def write(self, folder: Path) -> None:
        """Into a folder of document types, as an operator would."""
        place = folder / self.id
        place.mkdir(parents=True)
        text = (
            TYPE.partition("[[slots]]")[0]
            .replace("izin-lapak", self.id)
            .replace("approval = true", "approval = false")
        )
        text = text.replace("/LAPAK/", f"/{self.level}-{len(self.roles)}{self.outage[0]}/")
        text += f'\n[signing]\nlevel = "PAdES-{self.level}"\noutage = "{self.outage}"\n'
        text += "".join(_SLOT.format(role=each, kind=_KINDS.get(each, "signature")) for each in self.roles)
        (place / "type.toml").write_text(text)
        (place / "fields.json").write_text(json.dumps(FIELDS))
        (place / "document.typ").write_text(PAGE)
        (place / "sample.json").write_text(json.dumps({"pedagang": "Maria", "nik": "9901054107900003"}))


class Silent:
    """Time-stamp authorities that do not answer."""

    def __init__(self, real: Any) -> None:
        self.token_size = real.token_size

    def stamp_digest(self, imprint: bytes) -> Any:
        raise TimestampUnavailable("No time-stamp authority answers now.")


@dataclass
class Place:
    """The office, the service that its attended keys are at, and the roots under which it signs (PEM)."""

    office: Office
    bsre: Bsre
    roots: bytes
    environment: dict[str, str]
    _serial: Iterator[int] = field(default_factory=lambda: iter(range(1, 9999)))

    def request(self, kind: Kind, keys: Sequence[str]) -> str:
        """A document that those keys will sign, one for each role; its id."""
        with transaction(self.office.desk.register.engine) as connection:
            for role, key_id in zip(kind.roles, keys, strict=True):
                held = update(tables.officer).where(tables.officer.c.role == role)
                connection.execute(held.values(key_id=key_id))
        serial = next(self._serial)
        body = self.office.sample(kind.id, serial=serial)
        return str(self.office.request(body, AGENCY, f"k{serial}")["id"])

    def issue(self, kind: Kind, keys: Sequence[str]) -> str:
        """The id of a document that is signed and issued."""
        document_id = self.request(kind, keys)
        self.office.work()
        for _ in kind.roles:
            if self.state(document_id)["waiting_for"] == "SIGNING_SESSION":
                self._attend(document_id)
        state = self.state(document_id)
        assert state["state"] == "ISSUED", state
        return document_id

    def issue_in_an_outage(self, kind: Kind, keys: Sequence[str]) -> tuple[bytes, str]:
        """What a document was issued as while no authority answered, and its id."""
        whole = self.office.workshop

        def ask(kind: str, url: str, request: bytes | None) -> bytes:
            raise RevocationUnavailable("Nobody answers.")

        revocation = Revocation(whole.register.engine, ask, responders=["nobody:"])
        self.office.workshop = replace(whole, timestamps=Silent(whole.timestamps), revocation=revocation)  # type: ignore[arg-type]
        document_id = self.issue(kind, keys)
        self.office.workshop = whole
        return self.file(document_id), document_id

    def extend(self, document_id: str) -> None:
        """Let the day come at which the document's file is due, and the job do its work."""
        with transaction(self.office.desk.register.engine) as connection:
            due = update(tables.document).where(tables.document.c.id == document_id)
            connection.execute(due.values(extend_at=1, next_attempt_at=0, lease_until=0))
        told = extend_next(self.office.workshop)
        assert told is not None
        assert told.error is None, told

    def raise_level(self) -> None:
        """What the job does by itself after an outage."""
        let_time_pass(self.office)
        while (told := extend_next(self.office.workshop)) is not None:
            assert told.error is None, told

    def sign_upload(self, file: Path, *options: str) -> None:
        """``absah sign`` of a file that was made elsewhere; the signed one takes its place."""
        out = file.with_suffix(".signed")
        absah(
            self.office.settings.data, "sign", str(file), "-o", str(out), "--agency", AGENCY, *options,
            **self.environment,
        )  # fmt: skip
        out.rename(file)

    def countersign(self, file: Path, key_id: str, stamp: Stamp | None, level: str = "PAdES-B-T") -> None:
        """What that command does, without a process of its own, and where the passphrase is typed."""
        workshop = self.office.workshop
        anchors = read_trust(self.office.settings.trust_folder, production=False).encoded()
        tools = UploadTools(SANDBOX, anchors, workshop.timestamps, workshop.revocation)
        key = workshop.keys.key(key_id)
        order = UploadOrder(
            key, level, "Ahmad", "Mengetahui", "Contoh", AT, stamp, StampPlace(),
            lambda: HumanSecret("passphrase", PASSPHRASE),
        )  # fmt: skip
        sign_upload(tools, file, order, Witness())

    def file(self, document_id: str) -> bytes:
        content: bytes = self.office.get(f"/api/v1/documents/{document_id}/pdf", AGENCY).content
        return content

    def state(self, document_id: str) -> Any:
        return self.office.state(document_id, AGENCY)

    def check(self) -> None:
        """The register agrees with what was signed."""
        check_consistency(self.office)

    def _attend(self, document_id: str) -> None:
        presence = Presence(self.office.workshop)
        presence.beat()
        session = sessions.open_session(
            self.office.desk.register, AGENCY, opened_by="test", document_ids=[document_id]
        )
        typed(self.office, session, HumanSecret("passphrase", PASSPHRASE))
        assert presence.work_on_next()
        let_time_pass(self.office)
        self.office.work()


@contextmanager
def open_place(folder: Path, kinds: Sequence[Kind], pkcs11_module: Path | None) -> Iterator[Place]:
    """The office in an empty folder; without a module it has no keys on tokens."""
    with ExitStack() as stack:
        authority, lists = root("Akar Produksi"), ListServer()
        national = Authority.create(stack.enter_context(serving(lists)))
        lists.crl = national.crl
        bsre = Bsre(national)
        address = stack.enter_context(serving(server(bsre))).rstrip("/")
        asked = stack.enter_context(responder(authority))
        first, *_ = held = {each: made() for each, (_, made, _) in SERVICES.items()}
        remote = stack.enter_context(remote_place(folder, held[first], _chain(held[first], authority)))

        for each in kinds:
            each.write(folder / "types")
        listed = ", ".join(f'"{each.id}"' for each in kinds)
        (folder / "regency.toml").write_text((REGENCY + MORE).replace('"izin-lapak"', listed))
        office = make_office(folder / "data", folder / "regency.toml", types=folder / "types")
        roots = b"".join(
            [authority.certificate.public_bytes(Encoding.PEM),
             national.root.certificate.public_bytes(Encoding.PEM)]
        )  # fmt: skip
        roots += (HERE / "sample" / "root.pem").read_bytes()
        (office.settings.trust_folder / "others.pem").write_bytes(roots)
        text = (
            _files(folder, authority) + _services(remote, held, authority) + _bsre(folder, national, address)
        )
        if pkcs11_module is not None:
            text += _tokens(folder, pkcs11_module, authority)
        listing = folder / "keys.toml"
        listing.write_text(text)
        changed = {"keys_file": listing, "ocsp_url": asked.url}
        opened = open_office(office.settings.model_copy(update=changed), office.keys)
        roots += (office.settings.trust_folder / "root.pem").read_bytes()
        environment = {
            "ABSAH_KEYS_FILE": str(listing),
            "ABSAH_OCSP_URL": asked.url,
            "ABSAH_TYPES": str(folder / "types"),
            **{name: os.environ[name] for name in ("SOFTHSM2_CONF",) if name in os.environ},
        }  # fmt: skip
        yield Place(opened, bsre, roots, environment)
        for each in (office, opened):
            each.desk.register.engine.dispose()
            each.workshop.register.engine.dispose()
        remote.server.released.set()
        bsre.lost.set()


def _chain(private: PrivateKey, authority: SoftwareKey) -> list[x509.Certificate]:
    made = certificate(private, issuer=authority, name="Yohana Wenda", ends=NOW + 700 * DAY)
    return [made, authority.certificate]


def _files(folder: Path, authority: SoftwareKey) -> str:
    text = ""
    (folder / "passphrase").write_bytes(FILE_PASSPHRASE)
    for key_id, make in FILES.items():
        private = make()
        chain = _chain(private, authority)
        if key_id.startswith("pkcs12"):
            write_pkcs12(folder / f"{key_id}.p12", private, chain)
            kind = f'pkcs12 = "{key_id}.p12"\npassphrase_file = "passphrase"'
        else:
            (folder / f"{key_id}.key.pem").write_bytes(pem(private))
            (folder / f"{key_id}.pem").write_bytes(
                b"".join(each.public_bytes(Encoding.PEM) for each in chain)
            )
            kind = f'pem = "{key_id}.key.pem"\nchain = "{key_id}.pem"'
        text += f'[[key]]\nid = "{key_id}"\n{kind}\n'
    return text


def _services(remote: RemotePlace, held: dict[str, PrivateKey], authority: SoftwareKey) -> str:
    text = ""
    for key_id, (version, _, algorithm) in SERVICES.items():
        chain = [each.public_bytes(Encoding.DER) for each in _chain(held[key_id], authority)]
        remote.server.credentials[key_id] = Credential(pem(held[key_id]), chain)
        place = replace(remote, version=version)
        lines = (f'credential = "{key_id}"', f'algorithm = "{algorithm}"')
        text += place.entry(key_id, *lines, credential=False)
    return text


def _tokens(folder: Path, module: Path, authority: SoftwareKey) -> str:
    token, text = make_token(folder, module), ""
    for number, (key_id, (make, algorithm)) in enumerate(TOKENS.items(), 1):
        private = make()
        token.add(key_id, private, _chain(private, authority)[0], number=number)
        text += token.entry(key_id, f'label = "{key_id}"', f'algorithm = "{algorithm}"')
    return text


def _bsre(folder: Path, authority: Authority, address: str) -> str:
    (folder / "nik").write_text(NIK)
    (folder / "password").write_text(PASSWORD)
    (folder / "official.pem").write_bytes(
        authority.official.certificate.public_bytes(Encoding.PEM)
        + authority.root.certificate.public_bytes(Encoding.PEM)
    )
    (folder / "seal.pem").write_bytes(
        authority.seal.certificate.public_bytes(Encoding.PEM)
        + authority.root.certificate.public_bytes(Encoding.PEM)
    )
    (folder / "subscriber").write_text(SUBSCRIBER)
    (folder / "activation").write_text(ACTIVATION)
    seal = (
        f'[[key]]\nid = "bsre-seal"\nbsre_seal = "{address}"\nsubscriber_file = "subscriber"\n'
        f'activation_file = "activation"\nusername = "{USERNAME}"\npassword_file = "password"\n'
        'certificate = "seal.pem"\n'
    )
    return seal + "".join(
        f'[[key]]\nid = "bsre{version}"\nbsre = "{address}"\nversion = {version}\nnik_file = "nik"\n'
        f'username = "{USERNAME}"\npassword_file = "password"\ncertificate = "official.pem"\n'
        for version in (1, 2)
    )
