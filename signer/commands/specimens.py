"""Specimens in every state, and files to upload: made by the product, like any other document."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pypdfium2
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from keys.development import create_stranger
from signer import signature
from signer.composition import compose_document
from signer.cycle import Workshop
from signer.parts import open_desk
from signer.requests import Desk, IssueRequest, Replacement, accept
from signer.settings import Settings
from signer.worker import sweep, work_on
from signer.workshop import open_workshop
from storage import code, status
from storage.api_keys import SCOPES, Client
from storage.archive import final_key
from storage.database import transaction
from storage.reading import read_document, read_overview
from storage.status import Change
from storage.units import officer_for_role
from storage.vocabulary import AbsahError, ReasonClass, Status

# Nobody's names; a sample's person keeps the sex that their NIK tells.
_WOMEN = (
    "Sri Wahyuningsih", "Ni Luh Ayu Pramesti", "Siti Nurhaliza Lubis", "Maria Goreti Lamawuran",
    "Dewi Kartikasari", "Nurul Aini", "Putri Maharani Siregar", "Laila Rahmawati",
)  # fmt: skip
_MEN = (
    "Budi Santoso", "Yohanes Wenda", "Agus Firmansyah", "Muhammad Rizal Tanjung", "Hendrik Simanjuntak",
    "Fransiskus Bere", "I Made Sudarsana",
)  # fmt: skip


@dataclass(frozen=True)
class Specimen:
    """An issued or waiting example; its status is looked up whenever it is listed."""

    agency_id: str
    id: str
    code: str
    type: str
    number: str

    def as_json(self) -> dict[str, str]:
        """For the data folder."""
        return asdict(self)


@dataclass
class Studio:
    """Issues specimens one after the other, each for another invented person."""

    desk: Desk
    workshop: Workshop
    settings: Settings
    _women: Iterator[str] = field(default_factory=lambda: itertools.cycle(_WOMEN))
    _men: Iterator[str] = field(default_factory=lambda: itertools.cycle(_MEN))
    _serials: Iterator[int] = field(default_factory=lambda: itertools.count(101))

    @classmethod
    def open(cls, settings: Settings, url: str, transport: Callable[[bytes], bytes] | None) -> Studio:
        """A desk and a workshop in one process, which only the first start and the command line have."""
        return cls(open_desk(settings, url), open_workshop(settings, transport), settings)

    def close(self) -> None:
        """Let go of the register, so that its files can be moved."""
        for part in (self.desk, self.workshop):
            part.register.engine.dispose()

    @property
    def today(self) -> date:
        """Today, as far as specimens care."""
        return datetime.now(UTC).date()

    def head(self, agency_id: str) -> Client:
        """The agency's head, who may do everything."""
        with transaction(self.desk.register.engine) as connection:
            officer = officer_for_role(connection, agency_id, "kepala")
        return Client("first-run", agency_id, officer.id, frozenset(SCOPES))

    def request(
        self,
        agency_id: str,
        type_id: str,
        changes: Mapping[str, Any] | None = None,
        valid_from: date | None = None,
        replacement: Replacement | None = None,
    ) -> Specimen:
        """Request a specimen of a type's own sample, for somebody else than the sample's person."""
        document_type = self.desk.catalogue.get(type_id)
        fields = dict(document_type.sample)
        serial = next(self._serials)
        is_woman = int(fields["nik"][6:8]) > 40
        fields[document_type.holder_name] = next(self._women if is_woman else self._men)
        fields["nik"] = fields["nik"][:12] + f"{serial:04}"
        fields.update(changes or {})
        accepted = accept(
            self.desk,
            self.head(agency_id),
            f"specimen-{serial}",
            IssueRequest(type=type_id, fields=fields, valid_from=valid_from, specimen=True),
            replacement,
        )
        work_on(self.workshop, agency_id, accepted.id)
        return Specimen(agency_id, accepted.id, accepted.code, type_id, accepted.number)

    def approve(self, specimen: Specimen) -> Specimen:
        """Approve what was prepared, and let it be issued."""
        head = self.head(specimen.agency_id)
        found = read_overview(self.desk.register, specimen.agency_id, specimen.id, datetime.now(UTC))
        if found.prepared_sha256 is None:
            raise AbsahError(f"Specimen {specimen.number} was not prepared.", code="SPECIMEN")
        status.approve(
            self.desk.register, specimen.agency_id, specimen.id, found.prepared_sha256, head.officer
        )
        work_on(self.workshop, specimen.agency_id, specimen.id)
        return specimen

    def change(self, specimen: Specimen, how: Callable[..., None], reason: ReasonClass) -> Specimen:
        """Change a specimen's status as its agency's head."""
        change = Change(reason, "Contoh untuk uji coba", self.head(specimen.agency_id).officer)
        how(self.desk.register, specimen.agency_id, specimen.id, change)
        return specimen

    def issued_pdf(self, specimen: Specimen) -> bytes:
        """The issued file."""
        found = read_overview(self.desk.register, specimen.agency_id, specimen.id, datetime.now(UTC))
        if found.sha256 is None:
            raise AbsahError(
                f"Specimen {specimen.number} stands at {found.state}"
                f" ({found.state_reason or found.waiting_for}).",
                code="SPECIMEN",
            )
        return self.workshop.archive.read(final_key(specimen.agency_id, found.sha256))


def issue_specimens(studio: Studio, step: Callable[[str], None]) -> list[Specimen]:
    """One document in every state, and each shipped type at least once."""
    permits, research, other = "dpmptsp-contoh", "bakesbangpol-contoh", "dpmptsp-teladan"
    made: list[Specimen] = []

    def add(specimen: Specimen, expected: Status) -> Specimen:
        found = read_overview(studio.desk.register, specimen.agency_id, specimen.id, datetime.now(UTC))
        if found.status != expected:
            raise AbsahError(
                f"The specimen {specimen.number} is {found.status}, not {expected}"
                f" ({found.state_reason or found.waiting_for or found.state}).",
                code="SPECIMEN",
            )
        step(f"Issuing specimens: {expected}")
        made.append(specimen)
        return specimen

    add(studio.request(permits, "sip-dokter"), Status.IN_FORCE)
    in_a_month = studio.today + timedelta(days=30)
    add(studio.request(permits, "sip-perawat", valid_from=in_a_month), Status.NOT_YET_VALID)

    old = studio.request(permits, "sip-dokter")
    document = read_document(studio.desk.register, old.agency_id, old.id)
    replacement = Replacement(old.id, ReasonClass.PLACE_CHANGED, "Contoh: pindah tempat praktik")
    moved = {
        **document.fields,
        "tempat_praktik": "Klinik Pratama Sehat Bersama",
    }
    new = studio.request(permits, "sip-dokter", moved, replacement=replacement)
    add(old, Status.SUPERSEDED)
    add(new, Status.IN_FORCE)

    suspended = studio.request(permits, "sip-apoteker")
    add(studio.change(suspended, status.suspend, ReasonClass.UNDER_INVESTIGATION), Status.SUSPENDED)
    revoked = studio.request(permits, "sip-dokter-gigi")
    add(studio.change(revoked, status.revoke, ReasonClass.REGISTRATION_REVOKED), Status.REVOKED)
    annulled = studio.request(permits, "sip-bidan")
    add(studio.change(annulled, status.annul, ReasonClass.ISSUED_IN_ERROR), Status.ANNULLED)

    past = {
        "waktu_mulai": str(studio.today - timedelta(days=200)),
        "waktu_selesai": str(studio.today - timedelta(days=20)),
    }
    began = studio.today - timedelta(days=200)
    expired = studio.request(research, "surat-keterangan-penelitian", past, valid_from=began)
    add(studio.approve(expired), Status.EXPIRED)
    approved = studio.request(research, "surat-keterangan-penelitian")
    add(studio.approve(approved), Status.IN_FORCE)
    waiting = studio.request(research, "surat-keterangan-penelitian")
    add(waiting, Status.NOT_YET_ISSUED)

    add(studio.request(other, "sip-bidan"), Status.IN_FORCE)
    sweep(studio.workshop)
    return made


def write_samples(studio: Studio, specimens: list[Specimen], folder: Path) -> None:
    """Files to try the upload page with: the original, and what people bring instead of it."""
    folder.mkdir(parents=True, exist_ok=True)
    original = studio.issued_pdf(specimens[0])
    unsigned = _unregistered_page(studio, specimens[0])
    for name, content in (
        ("asli.pdf", original),
        ("diubah.pdf", _altered(original)),
        ("tanpa-tanda-tangan.pdf", unsigned.pdf),
        ("penanda-tangan-asing.pdf", _signed_by_a_stranger(studio, unsigned)),
        ("hasil-pindai.png", _scanned(original)),
    ):
        (folder / name).write_bytes(content)


def _altered(pdf: bytes) -> bytes:
    """The file with its page turned: an update after the signature, as any PDF editor would write."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Rotate"] = generic.NumberObject(180)
    writer.update_container(page)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _unregistered_page(studio: Studio, like: Specimen) -> Any:
    """A page that looks like the specimen and whose code nobody registered."""
    document = read_document(studio.desk.register, like.agency_id, like.id)
    invented = code.draw()
    page = compose_document(
        studio.desk.catalogue.get(document.type),
        replace(document, code=invented, url=studio.desk.url(invented)),
        created=datetime.now(UTC),
        development=True,
    )
    return studio.desk.renderer.render(page)


def _signed_by_a_stranger(studio: Studio, rendered: Any) -> bytes:
    key = create_stranger(studio.settings.keys_folder / "stranger")
    frozen = signature.freeze(
        rendered.pdf,
        fields=(signature.SignatureField.over(rendered.boxes[0], "Tanda tangan"),),
        slot=1,
        certify=True,
        signer_name="Orang asing",
        reason="Contoh untuk uji coba",
        location="",
        at=datetime.now(UTC),
        reserved=signature.reserved_size(key, studio.workshop.timestamps.token_size),
    )
    cms = signature.sign(frozen.digest, key)
    token = studio.workshop.timestamps.stamp_digest(signature.stamped_digest(cms))
    return signature.assemble(frozen.pdf, frozen.byte_range, signature.embed_timestamp(cms, token.der))


def _scanned(pdf: bytes) -> bytes:
    """A print put on a scanner: grey, slightly turned."""
    page = pypdfium2.PdfDocument(pdf)[0]
    image = page.render(scale=150 / 72).to_pil().convert("L").rotate(0.7, fillcolor=250)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()
