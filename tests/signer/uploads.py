"""What signs files of others in tests, without an office: an authority, a sandbox, a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from keys.provider import AnyKey
from signer.upload import StampPlace, UploadOrder, UploadTools, sign_upload
from templates.stamp import Stamp
from tests.interop.conftest import SAMPLE
from tests.signer.archiving import Archiving
from tests.signer.large_upload import NothingRevoked, Witness
from verifier.sandbox import Sandbox

AT = datetime.now(UTC).replace(microsecond=0)
STAMP = Stamp("drg. Ahmad Contoh, M.Kes.", "Kepala Dinas Contoh", AT, "Asia/Jakarta")
ELSEWHERE = (
    "dss-048-sign-sign-sign-form", "dss-053-sign-extend-extend-permit", "dss-057-field-sign-letter",
    "gopdfsign-010-sign-permit-objstm", "gopdfsign-032-sign-sign-stamp-hybrid",
    "gopdfsign-033-sign-sign-sign-form-linearized", "itext5-033-sign-fill-form-objstm",
    "openpdf-028-save-sign-letter",
)  # fmt: skip
"""Files of the sample that other programs signed: once and more often, with each kind of cross-references."""

_WHEREVER = StampPlace()


@dataclass(frozen=True)
class Bench:
    """Signs copies in its folder."""

    tools: UploadTools
    archiving: Archiving
    folder: Path

    def sign(
        self,
        pdf: bytes,
        stamp: Stamp | None = None,
        place: StampPlace = _WHEREVER,
        key: AnyKey | None = None,
    ) -> bytes:
        copy = self.folder / "copy.pdf"
        copy.write_bytes(pdf)
        witness = Witness()
        key = key or self.archiving.key("p256")
        order = UploadOrder(key, "PAdES-B-T", "Ahmad", "Mengetahui", "Contoh", AT, stamp, place)
        made = sign_upload(self.tools, copy, order, witness)
        assert witness == Witness([made.digest])
        return copy.read_bytes()


@contextmanager
def open_bench(folder: Path) -> Iterator[Bench]:
    """A bench that trusts its own authority and that of the sample."""
    archiving = Archiving.create(folder / "authority")
    anchors = [archiving.root, (SAMPLE / "root.pem").read_bytes()]
    with Sandbox() as sandbox:
        tools = UploadTools(sandbox, anchors, archiving.stamps, NothingRevoked())  # type: ignore[arg-type]
        yield Bench(tools, archiving, folder)
