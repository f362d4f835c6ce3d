"""Runs every folder of tests/cases/extraction: page.html, case.json (how and when it was served), expected.json.

expected.json has only the fields that the case tests. Beside the fields of a record it may have `body_begins`,
`body_ends`, `body_lines` (lines that must occur as whole lines), `body_without` (texts that must not occur).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from archiver.extraction.article import extract_page
from archiver.extraction.page import parse_page
from archiver.items import Article, GeoTag, PageKind, SourceHint

CASES = Path(__file__).parent.parent / "cases" / "extraction"
FOLDERS = sorted(p.parent for p in CASES.glob("*/expected.json"))


def lead_of(given: dict[str, Any] | None) -> SourceHint | None:
    if given is None:
        return None
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    for key in ("published", "modified"):
        if key in values:
            values[key] = datetime.fromisoformat(values[key])
    if "geotags" in values:
        values["geotags"] = tuple(GeoTag(**g) for g in values["geotags"])
    return SourceHint(**values)


def read(folder: Path) -> Article:
    case = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    captured_at = datetime.fromisoformat(case["captured_at"]) if "captured_at" in case else None
    page = parse_page((folder / "page.html").read_bytes(), case["url"], case.get("content_type", ""), captured_at)
    return extract_page(page, lead_of(case.get("hint")), PageKind(case.get("known_kind", "unknown")))


def field_value(article: Article, field: str) -> Any:
    """Return a field in the form of expected.json."""
    value = getattr(article, field)
    if isinstance(value, datetime):
        return value.isoformat()
    if field == "geotags":
        return [{k: v for k, v in asdict(g).items() if v not in ("", None)} for g in value]
    return list(value) if isinstance(value, tuple) else value


def differences(article: Article, expected: dict[str, Any]) -> list[str]:
    found: list[str] = []
    lines = article.body.split("\n")
    for field, want in expected.items():
        if field == "body_begins":
            got: Any = article.body[: len(want)]
        elif field == "body_ends":
            got = article.body[-len(want) :]
        elif field == "body_lines":
            got, want = [line for line in want if line in lines], want
        elif field == "body_without":
            got, want = [text for text in want if text in article.body], []
        elif field == "geotags":
            keys = {k for g in want for k in g}
            got = [{k: v for k, v in g.items() if k in keys} for g in field_value(article, field)]
        else:
            got = field_value(article, field)
        if got != want:
            found.append(f"{field}: expected {want!r}, got {got!r}")
    return found


@pytest.mark.parametrize("folder", FOLDERS, ids=[f.name for f in FOLDERS])
def test_the_case_has_its_expected_fields(folder: Path) -> None:
    article = read(folder)
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    wrong = differences(article, expected)
    assert not wrong, (
        f"{folder.name}: " + "; ".join(wrong) + f" (kind rule {article.kind_rule!r}, platform {article.platform!r})"
    )


def test_there_are_cases() -> None:
    assert len(FOLDERS) >= 25
