"""Runs every folder of tests/cases/extraction: page.html, case.json (how and when it was served), expected.json.

expected.json has only the fields that the case tests. Beside the fields of a record it may have `body_begins`,
`body_ends`, `body_lines` (lines that must occur as whole lines), `body_without` (texts that must not occur).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.page_cases import case_differences, find_cases, read_case, read_expected

CASES = Path(__file__).parent.parent / "cases" / "extraction"
FOLDERS = find_cases(CASES)


@pytest.mark.parametrize("folder", FOLDERS, ids=[f.name for f in FOLDERS])
def test_the_case_has_its_expected_fields(folder: Path) -> None:
    article = read_case(folder)
    wrong = case_differences(article, read_expected(folder))
    assert not wrong, (
        f"{folder.name}: " + "; ".join(wrong) + f" (kind rule {article.kind_rule!r}, platform {article.platform!r})"
    )


def test_there_are_cases() -> None:
    assert len(FOLDERS) >= 25
