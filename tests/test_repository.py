"""Rules of the repository itself: what documents say about code, what may never be in the tree."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key
from packaging.version import Version

from signer.tasks import ISSUE_DOCUMENT, create_celery
from storage import database
from tests.office import Office

ROOT = Path(__file__).parents[1]


def tracked() -> list[Path]:
    git = shutil.which("git")
    assert git is not None
    names = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    files = [ROOT / name for name in names.decode().split("\0") if name]
    return [file for file in files if file.is_file()]


def steps_of(document: str) -> list[tuple[int, str]]:
    """The numbered, bold headings of a cycle's description."""
    text = (ROOT / "docs" / document).read_text()
    return [
        (int(number), name) for number, name in re.findall(r"^(\d+)\. \*\*(.+?)\.?\*\*", text, re.MULTILINE)
    ]


def test_the_issuing_cycle_has_the_steps_that_its_document_describes() -> None:
    code = (ROOT / "signer" / "cycle.py").read_text()
    commented = re.findall(r"^ +# (\d+)\. ([A-Z]\w+)\.", code, re.MULTILINE)
    assert [(int(number), name) for number, name in commented] == steps_of("issue-cycle.md")
    assert [number for number, _ in steps_of("issue-cycle.md")] == list(range(1, 9))


def test_the_check_has_the_steps_that_its_document_describes() -> None:
    code = str(importlib.import_module("verifier.by_file").__doc__)
    listed = re.findall(r"^\d+\. .+$", code, re.MULTILINE)
    assert [int(line.partition(".")[0]) for line in listed] == list(range(1, len(listed) + 1))
    assert "\n".join(listed) in (ROOT / "docs" / "verify-cycle.md").read_text()


def test_there_is_no_private_key_in_the_tree() -> None:
    for file in tracked():
        content = file.read_bytes()
        assert not re.search(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{16}", content), file
        assert file.suffix not in {".p12", ".pfx", ".key", ".jks"}, file
        if content[:1] == b"\x30":
            with pytest.raises((ValueError, TypeError)):
                load_der_private_key(content, None)


def test_the_scan_for_keys_finds_one() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    assert load_pem_private_key(pem, None)
    assert re.search(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{16}", pem)


def test_nothing_in_the_tree_names_a_registry_host_or_this_machine() -> None:
    hosts = re.compile(r"(?:--(?:extra-)?index-url|--find-links|\"resolved\":|https?://[^\s/\"']*pypi)")
    for file in tracked():
        if file.suffix in {".lock", ".toml", ".in", ".cfg", ".txt", ".json"}:
            assert not hosts.search(file.read_text()), file


def test_the_migrations_have_one_head_and_the_newest_file_is_it() -> None:
    script = ScriptDirectory(str(database._MIGRATIONS))
    [head] = script.get_heads()
    files = sorted((database._MIGRATIONS / "versions").glob("[0-9]*.py"))
    assert files[-1].name.partition("_")[0] == head
    assert len(list(script.walk_revisions())) == len(files)


def test_the_task_has_the_name_that_others_call_it_by_and_issues(office: Office) -> None:
    accepted = office.request()
    app = create_celery("memory://", lambda: office.workshop)
    assert ISSUE_DOCUMENT in app.tasks
    for _ in range(3):  # a message that comes three times is one document
        app.tasks[ISSUE_DOCUMENT].apply(("dpmptsp-contoh", accepted["id"]), throw=True)
    state = office.state(accepted["id"])
    assert (state["state"], len(state["events"])) == ("ISSUED", 1)


def pins(lock: str) -> dict[str, Version]:
    found = re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==([\w.]+)", (ROOT / lock).read_text(), re.MULTILINE)
    return {name: Version(version) for name, version in found}


def test_the_lock_files_agree_and_every_pin_has_a_hash() -> None:
    run, test = pins("requirements.lock"), pins("requirements-test.lock")
    assert set(run) <= set(test)
    assert {name: test[name] for name in run} == run
    for lock in ("requirements.lock", "requirements-test.lock"):
        requirements = re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())
        assert all("--hash=sha256:" in each for each in requirements if "==" in each)


# Versions from which on the advisories that we know of are mended; see the threat model.
MENDED = {
    "python-multipart": "0.0.34",
    "starlette": "1.10",
    "pillow": "13",
    "pyhanko": "0.38",
    "urllib3": "2.5",
}


def test_no_pin_has_a_known_advisory() -> None:
    found = pins("requirements-test.lock")
    for name, least in MENDED.items():
        assert found[name] >= Version(least), name
    assert "pypdf" not in found
    assert "pdfminer.six" not in found


def test_every_pin_is_what_runs_here() -> None:
    from importlib.metadata import version

    for name in ("pyhanko", "starlette", "sqlalchemy", "typst", "cryptography", "celery"):
        assert Version(version(name)) == pins("requirements.lock")[name], f"run: make setup-test ({name})"


def test_every_relative_link_leads_somewhere() -> None:
    for file in tracked():
        if file.suffix != ".md":
            continue
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", file.read_text()):
            if "://" not in target and not target.startswith("mailto:"):
                assert (file.parent / target).exists(), f"{file.relative_to(ROOT)}: {target}"


def test_the_changelog_tells_of_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    told = (ROOT / "CHANGELOG.md").read_text()
    assert f"[{version}]" in told or (Version(version).is_prerelease and "[Unreleased]" in told)


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(folder)},
    )


def test_arrows_point_down_and_a_wrong_import_is_noticed(tmp_path: Path) -> None:
    for name in ("signer", "verifier", "templates", "keys", "storage"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.ttf", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    right = lint_imports(tmp_path)
    assert right.returncode == 0, right.stdout
    helper = tmp_path / "storage" / "helper.py"
    for module, imported in (
        ("verifier/by_code.py", "import keys.provider"),
        ("verifier/by_code.py", "import signer.cycle"),
        ("keys/provider.py", "import templates.catalogue"),
        ("storage/code.py", "import verifier.report"),
    ):
        file = tmp_path / module
        before = file.read_text()
        file.write_text(f"{before}\n{imported}\n")
        wrong = lint_imports(tmp_path)
        assert wrong.returncode != 0, (module, imported)
        assert "BROKEN" in wrong.stdout
        file.write_text(before)
    # And also through a third module.
    helper.write_text("import keys.provider\n")
    assert lint_imports(tmp_path).returncode != 0
