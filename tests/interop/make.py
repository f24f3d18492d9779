"""Makes the foreign corpus: ``python -m tests.interop.make OUT`` writes what the tools at hand can make.

    OUT/authority/   the certificate authority, made anew; OUT/root.pem is its root
    OUT/bases/       what is signed
    OUT/genuine/     the signed files
    OUT/manifest.jsonl

``--tools dss,pyhanko`` makes only those; ``--sample`` writes what the repository keeps: a few small files
that together show every feature of every tool.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from tests.interop import authority, bases
from tests.interop.producers import command_line, stock_pyhanko
from tests.interop.recipes import Recipe, all_recipes
from tests.interop.timestamps import timestamp_server

HERE = Path(__file__).parent
PRODUCERS = HERE / "producers"
JAR = PRODUCERS / "java" / "target" / "producers.jar"
ELDERS_JAR = PRODUCERS / "elders" / "target" / "elders.jar"
GO_PROGRAM = PRODUCERS / "go" / "producer"
JVM_TOOLS = ("dss", "pdfbox", "openpdf", "itext")
ELDER_TOOLS = ("pdfbox2", "itext5")
NODE_TOOLS = ("signpdf", "zgapdf")
SAMPLE_BYTES = 9_000_000

# What the lock files and the pom pin; a test compares them.
VERSIONS = {
    "dss": "EU DSS 6.3",
    "pdfbox": "Apache PDFBox 3.0.5",
    "openpdf": "OpenPDF 2.0.3",
    "itext": "iText Core 9.3.0",
    "pyhanko": f"pyHanko {version('pyhanko')}",
    "signpdf": "@signpdf 3.3.0",
    "endesive": "endesive 3.0.1",
    "pdfbox2": "Apache PDFBox 2.0.36",
    "itext5": "iText 5.5.13.3",
    "zgapdf": "zgapdfsigner 2.8.0",
    "gopdfsign": "digitorus/pdfsign 2025-08-19",
    "poppler": "poppler 22.12",
    "mupdf": "MuPDF 1.21",
    "libreoffice": "LibreOffice 7.4",
}


@dataclass(frozen=True)
class Genuine:
    """One line of the manifest."""

    file: str
    tool: str
    version: str
    base: str
    steps: tuple[str, ...]
    features: tuple[str, ...]
    signatures: int
    document_timestamps: int


def available_tools() -> tuple[str, ...]:
    """The producers that are built here; see docs/interop.md for how."""
    tools = ["pyhanko"]
    if JAR.exists():
        tools += JVM_TOOLS
    if ELDERS_JAR.exists():
        tools += ELDER_TOOLS
    if GO_PROGRAM.exists():
        tools.append("gopdfsign")
    if (PRODUCERS / "node" / "node_modules").is_dir():
        tools += NODE_TOOLS
    if (PRODUCERS / "endesive" / ".venv").is_dir():
        tools.append("endesive")
    return (*tools, *filter(command_line.is_available, command_line.TOOLS))


def make(out: Path, recipes: Sequence[Recipe]) -> tuple[list[Genuine], dict[str, str]]:
    """Make the recipes' files under ``out``; the manifest's lines, and why others could not be made."""
    files = out / "genuine"
    files.mkdir(parents=True, exist_ok=True)
    authority.create(out / "authority")
    shutil.copy(out / "authority" / "root.pem", out / "root.pem")
    found = bases.make(out / "bases")
    refused: dict[str, str] = {}
    wanted = []
    for recipe in recipes:
        if recipe.base in found:
            wanted.append(recipe)
        else:
            refused[recipe.name] = f"the base {recipe.base} needs a tool that is not installed"
    with timestamp_server(out / "authority") as address:
        for command, tools in _commands(out / "authority", address):
            lines = [_line(recipe, files, found) for recipe in wanted if recipe.tool in tools]
            if lines:
                refused |= _run(command, lines)
    for recipe in wanted:
        base = found[recipe.base].read_bytes()
        try:
            if recipe.tool == "pyhanko":
                content = stock_pyhanko.make(out / "authority", base, recipe.steps)
            elif recipe.tool in command_line.TOOLS:
                content = command_line.make(recipe.tool, out / "authority", base, recipe.steps)
            else:
                continue
        except command_line.Refused as error:
            refused[recipe.name] = str(error)
            continue
        (files / recipe.name).write_bytes(content)
    made = [_genuine(recipe) for recipe in wanted if (files / recipe.name).exists()]
    write_manifest(out / "manifest.jsonl", made)
    return made, refused


def write_manifest(path: Path, made: Sequence[Genuine]) -> None:
    path.write_text("".join(f"{json.dumps(asdict(each))}\n" for each in made))


def read_manifest(path: Path) -> list[Genuine]:
    lines = (json.loads(line) for line in path.read_text().splitlines())
    return [
        Genuine(**{**line, "steps": tuple(line["steps"]), "features": tuple(line["features"])})
        for line in lines
    ]


def sample(made: Sequence[Genuine], folder: Path, limit: int = SAMPLE_BYTES) -> list[Genuine]:
    """Few and small files: every tool shows each feature and each order of steps, and every base occurs."""
    wanted = {
        each.file: {("", each.base)} | {(each.tool, shown) for shown in (*each.features, _verbs(each))}
        for each in made
    }
    size = {each.file: (folder / each.file).stat().st_size for each in made}
    missing = set().union(*wanted.values())
    chosen: list[Genuine] = []
    total = 0
    while missing:
        best = max(made, key=lambda each: (len(wanted[each.file] & missing) / size[each.file], each.file))
        total += size[best.file]
        if total > limit:
            raise RuntimeError(f"the sample needs more than {limit} bytes")
        chosen.append(best)
        missing -= wanted[best.file]
    return sorted(chosen, key=lambda each: each.file)


def _verbs(each: Genuine) -> str:
    return "-".join(step.split()[0] for step in each.steps)


def _commands(authority: Path, stamps: str) -> list[tuple[list[str], tuple[str, ...]]]:
    """The programs that read recipes on standard input; ``stamps`` is a time-stamp authority's address."""
    folder, python = str(authority), str(PRODUCERS / "endesive" / ".venv/bin/python")
    return [
        (["java", "-jar", str(JAR), "make", folder], JVM_TOOLS),
        (["java", "-jar", str(ELDERS_JAR), "make", folder], ELDER_TOOLS),
        (["node", str(PRODUCERS / "node" / "make.js"), folder], NODE_TOOLS),
        ([str(GO_PROGRAM), folder, stamps], ("gopdfsign",)),
        ([python, str(PRODUCERS / "endesive" / "make.py"), folder, stamps], ("endesive",)),
    ]


def _run(command: list[str], lines: list[str]) -> dict[str, str]:
    done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr[-2000:]}")
    answers = [line.split("\t") for line in done.stdout.splitlines()]
    return {Path(answer[1]).name: answer[2] for answer in answers if answer[0] == "failed"}


def _line(recipe: Recipe, files: Path, found: dict[str, Path]) -> str:
    return "\t".join([recipe.tool, str(files / recipe.name), str(found[recipe.base]), *recipe.steps])


def _genuine(recipe: Recipe) -> Genuine:
    return Genuine(
        recipe.name,
        recipe.tool,
        VERSIONS[recipe.tool],
        recipe.base,
        recipe.steps,
        recipe.features,
        recipe.signatures,
        recipe.document_timestamps,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--tools", default=",".join(available_tools()))
    parser.add_argument("--sample", action="store_true", help="renew tests/interop/sample from what was made")
    arguments = parser.parse_args()
    tools = arguments.tools.split(",")
    made, refused = make(arguments.out, [recipe for recipe in all_recipes() if recipe.tool in tools])
    for name, reason in refused.items():
        print(f"not made: {name}: {reason}")
    print(f"{len(made)} files by {', '.join(sorted({each.tool for each in made}))}")
    if arguments.sample:
        _renew_sample(arguments.out, made)


def _renew_sample(out: Path, made: Sequence[Genuine]) -> None:
    target = HERE / "sample"
    chosen = sample(made, out / "genuine")
    shutil.rmtree(target, ignore_errors=True)
    (target / "genuine").mkdir(parents=True)
    for each in chosen:
        shutil.copy(out / "genuine" / each.file, target / "genuine" / each.file)
    shutil.copy(out / "root.pem", target / "root.pem")
    write_manifest(target / "manifest.jsonl", chosen)
    total = sum(file.stat().st_size for file in (target / "genuine").iterdir())
    print(f"sample: {len(chosen)} files, {total / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
