"""What other people's software signed is accepted: the sample, and files made anew."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.interop import describe
from tests.interop.conftest import genuine_sample
from tests.interop.judges import Judgement, judge_ours
from tests.interop.known import REJECTED
from tests.interop.make import ELDER_TOOLS, JAR, JVM_TOOLS, PRODUCERS, VERSIONS, Genuine, make
from tests.interop.recipes import all_recipes


def _cases() -> list[object]:
    return [
        pytest.param(
            each,
            id=each.file,
            marks=[pytest.mark.xfail(strict=True, reason=REJECTED[each.file])]
            if each.file in REJECTED
            else [],
        )
        for each in genuine_sample()
    ]


@pytest.mark.parametrize("genuine", _cases())
def test_a_genuine_file_is_accepted(genuine: Genuine, ours_of_sample: dict[str, Judgement]) -> None:
    judgement = ours_of_sample[genuine.file]
    assert judgement.accepted, f"{genuine.version}, {'; '.join(genuine.steps)}: {judgement.why}"
    assert judgement.signatures == genuine.signatures
    # A renewal adds a time-stamp or, as some tools do it, more than one.
    assert judgement.document_timestamps >= genuine.document_timestamps


def test_the_sample_shows_every_tool_and_every_feature_of_it() -> None:
    recipes = all_recipes()
    wanted = {(recipe.tool, feature) for recipe in recipes for feature in recipe.features}
    assert {(each.tool, feature) for each in genuine_sample() for feature in each.features} == wanted
    assert len(recipes) >= 200


def test_the_versions_are_those_that_are_pinned() -> None:
    java = (PRODUCERS / "java" / "pom.xml").read_text()
    elders = (PRODUCERS / "elders" / "pom.xml").read_text()
    node = json.loads((PRODUCERS / "node" / "package.json").read_text())["dependencies"]
    pins = {
        "dss": re.findall(r"<dss.version>(.+)<", java)[0],
        "openpdf": re.findall(r"openpdf</artifactId>\s+<version>(.+)<", java)[0],
        "itext": re.findall(r"<itext.version>(.+)<", java)[0],
        "signpdf": node["@signpdf/signpdf"],
        "zgapdf": node["zgapdfsigner"],
        "pdfbox2": re.findall(r">pdfbox</artifactId>\s+<version>(.+)<", elders)[0],
        "itext5": re.findall(r">itextpdf</artifactId>\s+<version>(.+)<", elders)[0],
        "endesive": re.findall(
            r"^endesive==(\S+)", (PRODUCERS / "endesive" / "requirements.lock").read_text(), re.MULTILINE
        )[0],
    }
    assert pins == {tool: VERSIONS[tool].split()[-1] for tool in pins}
    # PDFBox comes with EU DSS.
    libraries = [each.name for each in JAR.parent.glob("lib/pdfbox-3*.jar")]
    assert libraries in ([], [f"pdfbox-{VERSIONS['pdfbox'].split()[-1]}.jar"])


def test_the_page_tells_what_the_recipes_and_the_known_differences_say() -> None:
    assert describe.PAGE.read_text() == describe.page(describe.PAGE.read_text())


def test_files_made_anew_are_accepted(jvm: None, elders: None, go: None, seed: int, tmp_path: Path) -> None:
    tools = (*JVM_TOOLS, *ELDER_TOOLS, "gopdfsign")
    some = [
        recipe
        for number, recipe in enumerate(all_recipes())
        if (recipe.tool in tools and number % 4 == seed % 4)
        or (recipe.tool == "pyhanko" and number % 8 == seed % 8)
    ]
    made, refused = make(tmp_path, some)
    without_tool = {name for name, why in refused.items() if "not installed" in why}
    assert set(refused) == without_tool, refused
    assert len(made) >= 80, f"seed {seed}"
    paths = [tmp_path / "genuine" / each.file for each in made if each.file not in REJECTED]
    judged = judge_ours(paths, tmp_path / "root.pem")
    assert {path.name: each.why for path, each in judged.items() if not each.accepted} == {}, f"seed {seed}"
