"""The rows about signatures above B-B, and all levels beside a warm EU DSS.

All sides have the same key, revocation lists and page in memory, and each asks a time-stamp authority in its
own process, so that nobody waits for a network: pyHanko ours, EU DSS its own on the JVM.
"""

from __future__ import annotations

import io
import itertools
import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from asn1crypto import crl as asn1_crl
from asn1crypto import pem, tsp
from asn1crypto import x509 as asn1_x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.timestamps import TimeStamper
from pyhanko_certvalidator import ValidationContext

from keys.timestamp_server import DevelopmentTimeStampAuthority
from signer import levels, signature
from signer.levels import Link, ValidationData
from signer.signature import SignatureField
from signer.timestamp import TOKEN_SIZE
from templates.render import Rendered
from tests.bench.dss import Dss, missing
from tests.bench.row import Row, interleave
from tests.interop import authority
from tests.signer.archiving import Archiving
from verifier.by_file import inspect

# Seconds before each turn beside the JVM, which goes on working behind its answer (docs/verify-cycle.md).
_REST = 0.15
_KEY = "rsa2048"
_LEVELS = ("B", "T", "LT", "LTA")
# What our verifier has to say of everything that is timed here.
_TOLD = {level: f"PAdES-B-{level}" for level in _LEVELS}


class Signing:
    """A page, a key and an authority; each row signs that page anew."""

    def __init__(self, folder: Path, seconds: float, render: Callable[[], Rendered]) -> None:
        self._folder, self._seconds, self._render = folder, seconds, render

    def measures(self) -> dict[str, Callable[[str], Row | None]]:
        """By the names of the rows."""
        return {
            **{f"sign {key}, B-B, DSS": self._row("B", key, dss=True) for key in ("p256", _KEY, "rsa3072")},
            **{f"sign {_KEY}, B-{level}": self._row(level, _KEY, dss=False) for level in _LEVELS[1:]},
            **{f"sign {_KEY}, B-{level}, DSS": self._row(level, _KEY, dss=True) for level in _LEVELS[1:]},
            "renew, B-LTA": self._renew,
        }

    @cached_property
    def _archiving(self) -> Archiving:
        return Archiving.create(self._folder / "signing")

    @cached_property
    def _page(self) -> Rendered:
        return self._render()

    def _row(self, level: str, key: str, *, dss: bool) -> Callable[[str], Row | None]:
        def measure(name: str) -> Row | None:
            ours = self._ours(level, key)
            if not dss:
                return interleave(self._seconds, name, ours, "pyHanko PdfSigner", self._pyhanko(level, key))
            reason = missing()
            if reason is not None:
                print(f"{name}: left out, {reason}", file=sys.stderr)
                return None
            peer = Dss(self._archiving.folder / "root.pem")
            try:
                pdf, out = self._folder / "page.pdf", self._folder / "dss.pdf"
                pdf.write_bytes(self._page.pdf)
                peer.warm_signing(pdf, out, level=level, key=key)
                self._expect(out.read_bytes(), level)
                return interleave(
                    self._seconds,
                    name,
                    ours,
                    "EU DSS",
                    lambda: peer.sign(pdf, out, level=level, key=key),
                    rest=_REST,
                )
            finally:
                peer.close()

        return measure

    def _ours(self, level: str, key_name: str) -> Callable[[], float]:
        archiving, key = self._archiving, self._archiving.key(key_name)
        field = SignatureField.over(self._page.boxes[0], "Tanda tangan")
        cache = self._cache(key_name)
        stamped = level != "B"

        def sign() -> bytes:
            frozen = signature.freeze(
                self._page.pdf, fields=(field,), slot=1, certify=True, signer_name="Bench", reason="",
                location="", at=datetime.now(UTC),
                reserved=signature.reserved_size(key, TOKEN_SIZE if stamped else 0),
            )  # fmt: skip
            made = signature.sign(frozen.digest, key)
            if stamped:
                token = archiving.stamps.stamp_digest(signature.stamped_digest(made))
                made = signature.embed_timestamp(made, token.der)
            pdf = signature.assemble(frozen.pdf, frozen.byte_range, made)
            if level in ("B", "T"):
                return pdf
            data = _gather(levels.needed_evidence([made]), cache)
            if level == "LT":
                return levels.add_validation_data(pdf, data)
            frozen = levels.freeze_document_timestamp(pdf, TOKEN_SIZE, data)
            token = archiving.stamps.stamp_digest(frozen.digest)
            return signature.assemble(frozen.pdf, frozen.byte_range, token.der)

        self._expect(sign(), level)
        return _timed(sign)

    def _cache(self, *names: str) -> dict[Link, bytes]:
        """The list that speaks about each certificate, as a cache in the database would have it."""
        lists = [(self._archiving.folder / f"{each}.crl").read_bytes() for each in ("issuing", "root")]
        found = {}
        for name in (*names, "tsa"):
            chain = self._archiving.data(name).certificates
            found |= {Link(*pair): crl for pair, crl in zip(itertools.pairwise(chain), lists, strict=True)}
        return found

    def _pyhanko(self, level: str, key_name: str) -> Callable[[], float]:
        """As its documentation shows it; pyHanko asks the same authority as ours, in this process."""
        folder = self._archiving.folder
        signer = SimpleSigner.load_pkcs12(
            str(folder / f"{key_name}.p12"), passphrase=authority.PASSPHRASE.encode()
        )
        root = asn1_x509.Certificate.load(pem.unarmor(self._archiving.root)[2])
        stamps = DevelopmentTimeStampAuthority(self._archiving.key("tsa"))
        data = self._archiving.data(key_name, "tsa")
        # It warns at each signature that it may not fetch what it was given.
        logging.getLogger("pyhanko").setLevel(logging.ERROR)

        def sign() -> bytes:
            above_t = level in ("LT", "LTA")
            context = ValidationContext(
                trust_roots=[root], allow_fetching=False, revocation_mode="require",
                crls=[asn1_crl.CertificateList.load(each) for each in data.crls],
                other_certs=[_certificate(each) for each in data.certificates],
            )  # fmt: skip
            metadata = PdfSignatureMetadata(
                field_name="Signature1", subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256",
                validation_context=context if above_t else None, embed_validation_info=above_t,
                use_pades_lta=level == "LTA",
            )  # fmt: skip
            stamper = _InProcess(stamps) if level != "B" else None
            out = io.BytesIO()
            PdfSigner(metadata, signer=signer, timestamper=stamper).sign_pdf(
                IncrementalPdfFileWriter(io.BytesIO(self._page.pdf)), output=out
            )
            return out.getvalue()

        self._expect(sign(), level)
        return _timed(sign)

    def _renew(self, name: str) -> Row:
        """A second document time-stamp, and the data of the first: documents a second."""
        archiving = self._archiving
        field = SignatureField.over(self._page.boxes[0], "Tanda tangan")
        pdf = archiving.archive(
            archiving.sign(self._page.pdf, _KEY, fields=(field,), stamped=True), _KEY, "tsa", lists=False
        )
        cache = self._cache()

        def renew() -> bytes:
            last = levels.signed_data_of(pdf)[-1]
            evidence = _gather(levels.needed_evidence([last]), cache)
            frozen = levels.freeze_document_timestamp(pdf, TOKEN_SIZE, evidence)
            token = archiving.stamps.stamp_digest(frozen.digest)
            return signature.assemble(frozen.pdf, frozen.byte_range, token.der)

        self._expect(renew(), "LTA", stamps=2)
        row = interleave(self._seconds, name, _timed(renew), None, None)
        return Row(name, 1e3 / row.ours, None, None, row.cpu_ms, row.runs, unit="per_s")

    def _expect(self, pdf: bytes, level: str, stamps: int | None = None) -> None:
        """What is measured has to be a signature of that level."""
        answer = inspect(pdf, anchors=[self._archiving.root], moment=datetime.now(UTC))
        kinds = [each.kind for each in answer.signatures]
        assert answer.signatures[0].level == _TOLD[level], (level, answer.signatures, answer.findings)
        assert {each.indication for each in answer.signatures} == {"TOTAL-PASSED"}, answer.findings
        assert stamps is None or kinds.count("document_timestamp") == stamps


class _InProcess(TimeStamper):
    """pyHanko's client without HTTP."""

    def __init__(self, authority: DevelopmentTimeStampAuthority) -> None:
        super().__init__()
        self._authority = authority

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        return tsp.TimeStampResp.load(self._authority.respond(req.dump()))


def _gather(needed: tuple[Link, ...], cache: dict[Link, bytes]) -> ValidationData:
    certificates = dict.fromkeys(each for link in needed for each in (link.certificate, link.issuer))
    return ValidationData(tuple(certificates), crls=tuple(dict.fromkeys(cache[link] for link in needed)))


def _certificate(der: bytes) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(der)


def _timed(run: Callable[[], bytes]) -> Callable[[], float]:
    def timed() -> float:
        began = time.perf_counter()
        run()
        return time.perf_counter() - began

    return timed
