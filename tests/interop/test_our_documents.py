"""What EU DSS and poppler say of documents of ours, of every level, signed once and twice, renewed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.judges import judge_dss, pdfsig_verdicts
from tests.signer.archiving import Archiving
from tests.signer.test_signature import FIELDS, rendered

# Signatures and document time-stamps in each.
COUNTS = {
    "b-b": (1, 0),
    "b-t": (1, 0),
    "b-lt": (1, 0),
    "b-lta": (1, 1),
    "b-lta, answers": (1, 1),
    "twice, b-lt": (2, 0),
    "twice, b-lta": (2, 1),
    "renewed": (2, 2),
    "renewed twice": (2, 3),
}
FORMATS = {
    "b-b": "PAdES-BASELINE-B", "b-t": "PAdES-BASELINE-T", "b-lt": "PAdES-BASELINE-LT",
    "twice, b-lt": "PAdES-BASELINE-LT",
}  # fmt: skip


@pytest.fixture(scope="module")
def archiving(tmp_path_factory: pytest.TempPathFactory) -> Archiving:
    return Archiving.create(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def paths(archiving: Archiving, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    found = {}
    for name, pdf in archiving.files(rendered(), FIELDS).items():
        found[name] = folder / f"{name.replace(', ', '-').replace(' ', '-')}.pdf"
        found[name].write_bytes(pdf)
    return found


def test_dss_tells_the_same_level(jvm: None, archiving: Archiving, paths: dict[str, Path]) -> None:
    answers = judge_dss([*paths.values()], archiving.folder / "root.pem")
    for name, path in paths.items():
        told = answers[path]
        # A warning of its own, which leaves its indication alone: docs/interop.md says why.
        assert told.why in ("", *(["undefined_changes"] if COUNTS[name][0] == 2 else [])), (name, told)
        assert (told.signatures, told.document_timestamps) == COUNTS[name], (name, told)
        expected = FORMATS.get(name, "PAdES-BASELINE-LTA")
        assert told.levels == (expected,) * COUNTS[name][0], (name, told)
        # Without revocation data in the file it cannot conclude; nothing else may keep it from that.
        passed = {"TRY_LATER", "CERTIFICATE_CHAIN_GENERAL_FAILURE"} if name in ("b-b", "b-t") else {"null"}
        assert set(told.subindications) <= passed | {"null"}, (name, told)


@pytest.mark.parametrize("name", COUNTS)
def test_poppler_finds_every_signature_valid(paths: dict[str, Path], name: str) -> None:
    """It does not verify document time-stamps, and says so."""
    signatures, stamps = COUNTS[name]
    told = pdfsig_verdicts(paths[name])
    assert told == ["Signature is Valid."] * signatures + ["Signature has not yet been verified."] * stamps
