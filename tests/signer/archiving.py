"""Files of every level, made with keys whose revocation is published: an authority with lists and answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from keys.provider import SigningKey
from keys.software import load_pem
from keys.timestamp_server import DevelopmentTimeStampAuthority
from signer import levels, signature
from signer.levels import ValidationData
from signer.signature import SignatureField
from signer.timestamp import TOKEN_SIZE, TimeStampAuthority
from tests.interop import authority

AT = datetime(2026, 7, 1, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Archiving:
    """The authority in ``folder``."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> Archiving:
        authority.create(folder, now=datetime.now(UTC) - timedelta(days=1))
        return cls(folder)

    def key(self, name: str) -> SigningKey:
        return load_pem(
            self.folder / f"{name}.key.pem", self.folder / f"{name}.chain.pem", None,
            key_id=name, development=True,
        )  # fmt: skip

    @cached_property
    def root(self) -> bytes:
        return (self.folder / "root.pem").read_bytes()

    @cached_property
    def stamps(self) -> TimeStampAuthority:
        server = DevelopmentTimeStampAuthority(self.key("tsa"))
        anchors = [x509.load_pem_x509_certificate(self.root)]
        return TimeStampAuthority(server.respond, anchors, clock=lambda: datetime.now(UTC))

    def data(self, *names: str, lists: bool = True) -> ValidationData:
        """What proves the certificates of these members: lists, or else answers."""
        chain = [each.public_bytes(Encoding.DER) for name in names for each in self._chain(name)]
        if lists:
            crls = tuple((self.folder / f"{each}.crl").read_bytes() for each in ("root", "issuing"))
            return ValidationData(tuple(dict.fromkeys(chain)), crls=crls)
        ocsps = tuple((self.folder / f"{each}.ocsp").read_bytes() for each in (*names, "issuing"))
        return ValidationData(tuple(dict.fromkeys(chain)), ocsps=ocsps)

    def _chain(self, name: str) -> list[x509.Certificate]:
        return x509.load_pem_x509_certificates((self.folder / f"{name}.chain.pem").read_bytes())

    def sign(
        self, pdf: bytes, name: str, slot: int = 1, fields: tuple[SignatureField, ...] = (), *, stamped: bool
    ) -> bytes:
        """A signature in a slot, at level B-T or B-B."""
        key = self.key(name)
        frozen = signature.freeze(
            pdf, fields=fields, slot=slot, certify=slot == 1, signer_name="Penanda Uji", reason="Uji",
            location="Kabupaten Contoh", at=AT,
            reserved=signature.reserved_size(key, TOKEN_SIZE if stamped else 0),
        )  # fmt: skip
        made = signature.sign(frozen.digest, key)
        if stamped:
            token = self.stamps.stamp_digest(signature.stamped_digest(made))
            made = signature.embed_timestamp(made, token.der)
        return signature.assemble(frozen.pdf, frozen.byte_range, made)

    def archive(self, pdf: bytes, *names: str, lists: bool = True) -> bytes:
        """The next document time-stamp, over the data about these members."""
        frozen = levels.freeze_document_timestamp(pdf, TOKEN_SIZE, self.data(*names, lists=lists))
        token = self.stamps.stamp_digest(frozen.digest)
        return signature.assemble(frozen.pdf, frozen.byte_range, token.der)

    def files(self, rendered: bytes, fields: tuple[SignatureField, ...]) -> dict[str, bytes]:
        """Files by what was done to them."""
        first = self.sign(rendered, "p256", fields=fields, stamped=True)
        twice = self.sign(first, "rsa3072", 2, stamped=True)
        found = {
            "b-b": self.sign(rendered, "rsa2048", fields=fields, stamped=False),
            "b-t": first,
            "b-lt": levels.add_validation_data(first, self.data("p256", "tsa")),
            "b-lta": self.archive(first, "p256", "tsa"),
            "b-lta, answers": self.archive(first, "p256", "tsa", lists=False),
            "twice, b-lt": levels.add_validation_data(twice, self.data("p256", "rsa3072", "tsa")),
            "twice, b-lta": self.archive(twice, "p256", "rsa3072", "tsa"),
        }
        found["renewed"] = self.archive(found["twice, b-lta"], "tsa", lists=False)
        found["renewed twice"] = self.archive(found["renewed"], "tsa")
        return found
