"""Writes the tables of docs/interop.md: ``python -m tests.interop.describe``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.interop.attacks import ATTACKS
from tests.interop.known import DSS_ACCEPTS_ATTACKS, DSS_REJECTS, PDFSIG_REJECTS, REJECTED
from tests.interop.make import VERSIONS
from tests.interop.recipes import all_recipes

PAGE = Path(__file__).parents[2] / "docs" / "interop.md"


def tables() -> dict[str, str]:
    """Each generated part of the page, by the name in its markers."""
    recipes = all_recipes()
    tools = list(VERSIONS)
    counted = {tool: Counter(f for r in recipes if r.tool == tool for f in r.features) for tool in tools}
    features = sorted({feature for counter in counted.values() for feature in counter})
    producers = _table(
        ["feature", *(VERSIONS[tool] for tool in tools)],
        [[f"`{feature}`", *(str(counted[tool][feature] or "") for tool in tools)] for feature in features]
        + [["**files**", *(str(sum(r.tool == tool for r in recipes)) for tool in tools)]],
    )
    return {
        "producers": producers,
        "attacks": _table(
            ["attack", "breaks that", "EU DSS"],
            [[f"`{a.name}`", a.breaks, DSS_ACCEPTS_ATTACKS.get(a.name, "rejects")] for a in ATTACKS],
        ),
        "dss": _rules(DSS_REJECTS),
        "pdfsig": _rules(PDFSIG_REJECTS),
        "ours": _table(["file", "what we do"], [[f"`{name}`", why] for name, why in REJECTED.items()]),
    }


def page(text: str) -> str:
    """The page with its generated parts renewed."""
    for name, table in tables().items():
        before, marker, rest = text.partition(f"<!-- {name} -->\n")
        assert marker, name
        after = rest[rest.index(f"<!-- end {name} -->") :]
        text = f"{before}{marker}{table}{after}"
    return text


def _rules(rules: tuple[tuple[str, tuple[str, ...], str], ...]) -> str:
    rows = [
        [tool or "any", ", ".join(f"`{part}`" for part in parts), reason] for tool, parts, reason in rules
    ]
    return _table(["made by", "where the recipe says", "reason"], rows)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
