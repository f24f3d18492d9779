"""The sample of foreign files, what is made of it, and what our verifier says of all that, once a session."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from tests.interop.attacks import ATTACKS
from tests.interop.judges import Judgement, judge_dss, judge_ours
from tests.interop.make import ELDERS_JAR, GO_PROGRAM, HERE, JAR, Genuine, read_manifest
from tests.services import missing

SAMPLE = HERE / "sample"
PER_ATTACK = 5


@dataclass(frozen=True)
class Damaged:
    """A file that must not be accepted."""

    path: Path
    attack: str
    source: str


def genuine_sample() -> Sequence[Genuine]:
    return read_manifest(SAMPLE / "manifest.jsonl")


@pytest.fixture(scope="session")
def seed() -> int:
    """Printed where a test fails; ``ABSAH_INTEROP_SEED`` takes another one."""
    return int(os.environ.get("ABSAH_INTEROP_SEED", "20261122"))


@pytest.fixture(scope="session")
def damaged(seed: int, tmp_path_factory: pytest.TempPathFactory) -> list[Damaged]:
    """Every attack on a few files of the sample, drawn by the seed."""
    folder = tmp_path_factory.mktemp("damaged")
    made = []
    for attack in ATTACKS:
        random = Random(f"{seed} {attack.name}")
        sources = list(genuine_sample())
        random.shuffle(sources)
        count = 0
        for source in sources:
            result = attack.on((SAMPLE / "genuine" / source.file).read_bytes(), random)
            if result is None:
                continue
            path = folder / f"{attack.name}--{source.file}"
            path.write_bytes(result)
            made.append(Damaged(path, attack.name, source.file))
            count += 1
            if count == PER_ATTACK:
                break
    return made


@pytest.fixture(scope="session")
def ours_of_sample() -> dict[str, Judgement]:
    files = [SAMPLE / "genuine" / each.file for each in genuine_sample()]
    return {path.name: judgement for path, judgement in judge_ours(files, SAMPLE / "root.pem").items()}


@pytest.fixture(scope="session")
def ours_of_damaged(damaged: list[Damaged]) -> dict[Path, Judgement]:
    return judge_ours([each.path for each in damaged], SAMPLE / "root.pem")


@pytest.fixture(scope="session")
def jvm() -> None:
    if not JAR.exists():
        missing("the foreign signers of the JVM", "mvn -q -f tests/interop/producers/java package")


@pytest.fixture(scope="session")
def elders() -> None:
    if not ELDERS_JAR.exists():
        missing("the elder signers of the JVM", "mvn -q -f tests/interop/producers/elders package")


@pytest.fixture(scope="session")
def go() -> None:
    if not GO_PROGRAM.exists():
        missing("the signer written in Go", "(cd tests/interop/producers/go && go build -o producer .)")


@pytest.fixture(scope="session")
def dss_of_sample(jvm: None) -> dict[str, Judgement]:
    files = [SAMPLE / "genuine" / each.file for each in genuine_sample()]
    return {path.name: judgement for path, judgement in judge_dss(files, SAMPLE / "root.pem").items()}
