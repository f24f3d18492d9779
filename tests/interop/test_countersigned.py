"""What EU DSS and poppler say of files that other programs signed and we signed once more."""

from __future__ import annotations

from pathlib import Path

from tests.interop.conftest import SAMPLE
from tests.interop.judges import judge_dss, pdfsig_verdicts
from tests.signer.uploads import ELSEWHERE, STAMP, open_bench


def test_poppler_and_dss_agree(jvm: None, tmp_path: Path) -> None:
    paths = []
    with open_bench(tmp_path / "bench") as bench:
        for name in ELSEWHERE:
            for kind, stamp in (("plain", None), ("stamp", STAMP)):
                paths.append(tmp_path / f"{name}-{kind}.pdf")
                paths[-1].write_bytes(bench.sign((SAMPLE / "genuine" / f"{name}.pdf").read_bytes(), stamp))
    for path in paths:
        told = pdfsig_verdicts(path)
        assert set(told) <= {"Signature is Valid.", "Signature has not yet been verified."}, path.name
        assert "Signature is Valid." in told
    for path, judged in judge_dss(paths, bench.archiving.folder / "root.pem").items():
        # The new field is what DSS calls an undefined change, a warning; docs/interop.md says why.
        assert set(judged.why.split()) <= {"undefined_changes"}, (path.name, judged)
