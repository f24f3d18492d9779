"""The rows of the benchmark. Each runs ours and the peer in turn, so that a noisy minute hits both."""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import structlog
from asn1crypto import x509 as asn1_x509
from asn1crypto.keys import PrivateKeyInfo
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.sign.signers import SimpleSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore
from sqlalchemy import update

from keys.development import DevelopmentKeyRing, OfficerSubject, create
from keys.provider import SigningKey
from keys.ring import KeyList
from keys.software import SoftwareKey
from signer import signature
from signer.composition import compose
from signer.cycle import Workshop
from signer.parts import open_desk
from signer.requests import IssueRequest, accept
from signer.settings import Settings
from signer.worker import extend_next, settle, work_on_next
from signer.workshop import development_transport, open_workshop
from storage import code
from storage.api_keys import SCOPES, Client
from storage.database import open_database_to_read, transaction
from storage.lookup import Lookup
from storage.tables import document
from storage.units import get_unit, officer_for_role, regency_of
from templates import qr
from tests.bench import load, peers
from tests.bench.remote import Remote
from tests.bench.row import Row
from tests.bench.signing import Signing
from tests.bench.verifying import Verifying
from tests.keys import softhsm
from tests.office import Office, make_office

_AGENCY = "dpmptsp-contoh"
_BATCH = 8
_RENEWED = 40


def rows(only: str | None, seconds: float) -> Iterator[Row]:
    """Every row whose name has ``only`` in it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), seconds)
        # As a worker does; the peers in this process profit as well.
        settle()
        for name, measure in bench.measures().items():
            if (only is None or only in name) and (row := measure(name)) is not None:
                yield row


_renewing: list[Workshop] = []


def _open_renewing(settings: Settings) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    _renewing.append(open_workshop(settings, development_transport(settings)))
    settle()


def _renew_all() -> int:
    """How many files this process has renewed, as `absah renew` does it."""
    done = 0
    while (extended := extend_next(_renewing[0])) is not None:
        assert extended.error is None, extended.error
        done += 1
    return done


class Bench:
    """An office in a temporary folder, and the measures on it."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        self._office: Office = make_office(folder / "data")
        desk = self._office.desk
        self._fields = desk.catalogue.get("sip-dokter").clean(desk.catalogue.get("sip-dokter").sample)
        # Typst remembers what it laid out: every run has to be a page that it has not seen.
        self._serial = itertools.count(1)

    def measures(self) -> dict[str, Callable[[str], Row | None]]:
        verifying = Verifying(
            self._folder, self._seconds, lambda: self._office.desk.renderer.render(self._page())
        )
        signing = Signing(
            self._folder, self._seconds, lambda: self._office.desk.renderer.render(self._page())
        )
        return {
            "render": self._render,
            "qr": self._qr,
            "sign P-256": lambda name: self._sign(name, "p256"),
            "sign RSA-2048": lambda name: self._sign(name, "rsa2048"),
            "sign RSA-3072": lambda name: self._sign(name, "rsa3072"),
            "sign RSA-2048, SoftHSM2": self._sign_on_token,
            **Remote(self._folder).measures(),
            **signing.measures(),
            "issue, one worker": self._issue,
            "renew an archive": self._renew,
            "look-ups by code": self._look_ups,
            "verify, cold start": self._verify_cold,
            **verifying.measures(),
        }

    def _render(self, name: str) -> Row:
        logo = self._logo()

        def ours() -> None:
            self._office.desk.renderer.render(self._page())

        def theirs() -> None:
            fields = self._person()
            verification = code.draw()
            url = f"http://cek.example.org/d/{verification}"
            # The symbol is part of the page on both sides; the peer gets the faster one for free.
            peers.render(fields, "503/001", verification, "cek.example.org", logo, qr.svg(url).encode())

        return self._interleave(name, ours, "WeasyPrint", theirs)

    def _qr(self, name: str) -> Row:
        def text() -> str:
            return f"https://cek.example.go.id/d/{code.draw()}"

        return self._interleave(
            name, lambda: qr.svg(text()), "qrcode, defaults", lambda: peers.draw_qr(text())
        )

    def _sign(self, name: str, algorithm: Any) -> Row:
        pdf = self._office.desk.renderer.render(self._page())
        key = self._software_key(algorithm)
        peer = self._simple_signer(key)
        ours = self._signing(pdf, key)
        return self._interleave(name, ours, "pyHanko SimpleSigner", lambda: peers.sign(pdf.pdf, peer))

    def _sign_on_token(self, name: str) -> Row | None:
        """The same key behind PKCS#11 and in our process; the difference is what the token costs."""
        modules = softhsm.installed()
        if not modules:
            return None
        pdf = self._office.desk.renderer.render(self._page())
        key = self._software_key("rsa2048")
        folder = self._folder / "softhsm"
        folder.mkdir()
        os.environ["SOFTHSM2_CONF"] = str(softhsm.make_place(folder))
        token = softhsm.make_token(folder, modules["p11-kit"])
        token.add("bench", key.private, key.certificate)
        (folder / "keys.toml").write_text(token.entry("bench", 'label = "bench"'))
        on_token = KeyList.open(folder / "keys.toml").key("bench")
        assert on_token.capability == "raw"
        return self._interleave(
            name, self._signing(pdf, on_token), "the same key in software", self._signing(pdf, key)
        )

    def _software_key(self, algorithm: Any) -> SoftwareKey:
        folder = self._folder / algorithm
        create(folder, [OfficerSubject("bench", "Bench", "Bench", "Bench", algorithm)])
        return DevelopmentKeyRing.open(folder).key("bench")

    @staticmethod
    def _signing(pdf: Any, key: SigningKey) -> Callable[[], None]:
        field = signature.SignatureField.over(pdf.boxes[0], "Tanda tangan")

        def sign() -> None:
            frozen = signature.freeze(
                pdf.pdf, fields=(field,), slot=1, certify=True, signer_name="Bench", reason="", location="",
                at=datetime.now(UTC), reserved=signature.reserved_size(key, 0),
            )  # fmt: skip
            signature.assemble(frozen.pdf, frozen.byte_range, signature.sign(frozen.digest, key))

        return sign

    def _issue(self, name: str) -> Row:
        """Documents from request to ISSUED, time-stamped, self-checked, archived; against bare signed PDFs.

        As the embedded default works: one process accepts, one worker issues; milliseconds a document.
        """
        office, logo = self._office, self._logo()
        folder = self._folder / "peer"
        create(folder, [OfficerSubject("bench", "Bench", "Bench", "Bench", "p256")])
        signer = self._simple_signer(DevelopmentKeyRing.open(folder).key("bench"))
        here, there = multiprocessing.Pipe()
        accepting = multiprocessing.get_context("spawn").Process(
            target=accept_on_demand, args=(office.settings, there), daemon=True
        )
        accepting.start()

        def ours() -> None:
            here.send([self._person() for _ in range(_BATCH)])
            issued = itertools.count(1)
            done = threading.Event()

            def work() -> None:
                while not done.is_set():
                    if not work_on_next(office.workshop):
                        done.wait(0.001)
                    elif next(issued) == _BATCH:
                        done.set()

            hands = [threading.Thread(target=work) for _ in range(office.settings.worker_hands)]
            [hand.start() for hand in hands]
            [hand.join() for hand in hands]
            here.recv()

        def theirs() -> None:
            for _ in range(_BATCH):
                verification = code.draw()
                symbol = peers.draw_qr(f"http://cek.example.org/d/{verification}")
                page = peers.render(self._person(), "503/001", verification, "cek.example.org", logo, symbol)
                peers.sign(page, signer)

        try:
            return self._interleave(name, ours, "WeasyPrint + qrcode + SimpleSigner", theirs, batch=_BATCH)
        finally:
            accepting.kill()

    def _renew(self, name: str) -> Row:
        """Files of an archive under a new document time-stamp, as the worker does it: documents a second.

        Read, proven, stamped, checked by our own verifier, stored, read back and registered.
        """
        office = self._office
        for serial in range(_RENEWED):
            office.issue(office.sample(serial=9000 + serial), key=f"renew-{serial}")
        jobs = os.cpu_count() or 1
        processes = ProcessPoolExecutor(
            jobs,
            multiprocessing.get_context("spawn"),
            initializer=_open_renewing,
            initargs=(office.settings,),
        )
        rates = []
        # The first round starts the processes, and is not counted.
        [each.result() for each in [processes.submit(_renew_all) for _ in range(jobs)]]
        for _ in range(3):
            with transaction(office.workshop.register.engine) as connection:
                connection.execute(
                    update(document)
                    .where(document.c.extend_at.is_not(None))
                    .values(extend_at=1, next_attempt_at=0, lease_until=0)
                )
            began = time.perf_counter()
            done = sum(each.result() for each in [processes.submit(_renew_all) for _ in range(jobs)])
            rates.append(done / (time.perf_counter() - began))
        processes.shutdown()
        assert min(rates) > 0
        return Row(name, statistics.median(rates), None, None, 0.0, len(rates), unit="per_s")

    def _look_ups(self, name: str) -> Row:
        """Requests a second against a real server process, 32 connections."""
        accepted = self._office.issue(self._office.sample(serial=9998), key="look-up")
        lookup = Lookup(open_database_to_read(self._office.settings.database))
        assert lookup.by_code(accepted["code"]) is not None
        with load.server(self._office.settings.data) as port:
            rate, cpu_ms, count = load.measure(port, f"/api/v1/codes/{accepted['code']}", self._seconds)
        return Row(name, rate, None, None, cpu_ms, count, unit="per_s")

    def _verify_cold(self, name: str) -> Row:
        document = self._office.issue(self._office.sample(serial=9997), key="verify")
        pdf = self._office.get(f"/api/v1/documents/{document['id']}/pdf").content
        file, root = self._folder / "cold.pdf", self._folder / "root.pem"
        # Another hash than the registered one, so that ours has to open the file too.
        file.write_bytes(pdf + b"\n")
        shutil.copy(self._office.settings.trust_folder / "root.pem", root)
        ours = [sys.executable, "-m", "signer", "verify", "--offline", "--trust", str(root), str(file)]
        theirs = [
            str(Path(sys.executable).with_name("pyhanko")), "sign", "validate", "--trust", str(root),
            "--trust-replace", "--no-revocation-check", str(file),
        ]  # fmt: skip

        def run(command: list[str]) -> Callable[[], None]:
            return lambda: subprocess.run(command, capture_output=True, check=True) and None

        return self._interleave(name, run(ours), "pyHanko's own CLI", run(theirs), children=True)

    def _interleave(
        self,
        name: str,
        ours: Callable[[], Any],
        peer: str,
        theirs: Callable[[], Any],
        *,
        children: bool = False,
        batch: int = 1,
    ) -> Row:
        for _ in range(2 if batch == 1 else 1):
            ours(), theirs()
        mine, peers_own, cpu = [], [], []
        until = time.monotonic() + self._seconds
        while len(mine) < 5 or time.monotonic() < until:
            began, cpu_began = time.perf_counter(), _cpu(children)
            ours()
            mine.append(time.perf_counter() - began)
            cpu.append(_cpu(children) - cpu_began)
            began = time.perf_counter()
            theirs()
            peers_own.append(time.perf_counter() - began)
        each = 1e3 / batch
        median = statistics.median
        return Row(name, median(mine) * each, peer, median(peers_own) * each, median(cpu) * each, len(mine))

    def _person(self) -> dict[str, Any]:
        serial = next(self._serial)
        fields = {**self._fields, "nama": f"Anindya Larasati {serial}"}
        # Everybody is another holder, or the limit of three permits would end the run.
        fields["nik"] = f"{fields['nik'][:12]}{serial % 9990 + 1:04}"
        return fields

    def _page(self) -> Any:
        desk, fields, verification = self._office.desk, self._person(), code.draw()
        with transaction(desk.register.engine) as connection:
            agency = get_unit(connection, _AGENCY)
            regency = regency_of(connection, agency)
            head = officer_for_role(connection, _AGENCY, "kepala")
        return compose(
            desk.catalogue.get("sip-dokter"), fields, number="503/001/SIPD/DPMPTSP/III/2026",
            code=verification,
            url=desk.url(verification), issued_on=date(2026, 3, 12), valid_from=date(2026, 3, 12),
            valid_until=date(2031, 3, 11), agency=agency, regency=regency, officers=(head,),
            created=datetime(2026, 3, 12, 3, tzinfo=UTC), specimen=False, development=True,
        )  # fmt: skip

    def _logo(self) -> bytes:
        with transaction(self._office.desk.register.engine) as connection:
            return get_unit(connection, "kabupaten-contoh").logo_svg or b""

    def _simple_signer(self, key: Any) -> SimpleSigner:
        private = key.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        chain = [asn1_x509.Certificate.load(each.public_bytes(Encoding.DER)) for each in key.chain]
        return SimpleSigner(
            signing_cert=asn1_x509.Certificate.load(key.certificate.public_bytes(Encoding.DER)),
            signing_key=PrivateKeyInfo.load(private),
            cert_registry=SimpleCertificateStore.from_certs(chain),
        )


def accept_on_demand(settings: Settings, requests: Connection) -> None:
    """The process that accepts: a list of fields comes in, they are accepted one after the other."""
    desk = open_desk(settings, "http://cek.example.org")
    with transaction(desk.register.engine) as connection:
        head = officer_for_role(connection, _AGENCY, "kepala")
    client = Client("bench", _AGENCY, head.id, frozenset(SCOPES))
    while True:
        for fields in requests.recv():
            accept(desk, client, code.draw(), IssueRequest(type="sip-dokter", fields=fields))
        requests.send("accepted")


def _cpu(children: bool) -> float:
    times = os.times()
    return times.children_user + times.children_system if children else time.process_time()
