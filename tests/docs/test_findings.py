"""docs/trouble.md is a runbook: it has a section on each finding that the code can make."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@cache
def made_codes() -> set[str]:
    """Returns the codes of all findings that the code makes."""
    codes: set[str] = set()
    for path in (ROOT / "archiver").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if "HealthFinding" in text else ():
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "HealthFinding" and node.args:
                code = node.args[0]
                assert isinstance(code, ast.Constant), f"{path.name}:{node.lineno}: the code is no literal"
                codes.add(code.value)
    return codes


def sections() -> dict[str, str]:
    """Returns the sections below the heading Findings, by their heading."""
    text = (ROOT / "docs" / "trouble.md").read_text(encoding="utf-8").partition("\n## Findings\n")[2]
    parts = re.split(r"^### (.+)$", re.split(r"^## ", text, flags=re.MULTILINE)[0], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_code_makes_findings() -> None:
    assert len(made_codes()) > 20


def test_each_finding_has_a_section_and_each_section_a_finding() -> None:
    assert set(sections()) == made_codes()


@pytest.mark.parametrize("code", sorted(made_codes()))
def test_a_section_says_what_it_means_how_to_look_and_what_to_do(code: str) -> None:
    meaning, look, do = re.split(r"^\*\*(?:Look|Do)\*\*: ", sections()[code].strip(), flags=re.MULTILINE)
    assert min(map(len, (meaning, look, do))) > 20
    assert meaning.startswith(("Green", "Amber", "Red"))
    assert "`" in look + do or "browser" in look
