"""Case folders: pages with the fields that are expected of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from archiver.extraction.article import extract_page
from archiver.extraction.page import parse_page
from archiver.markup.text_marks import pack_marks
from archiver.model.items import Article, GeoTag, PageKind, SourceHint
from archiver.sites.page_objects import PageObjects, parse_rules

PAGE, CASE, EXPECTED, RULES = "page.html", "case.json", "expected.json", "rules.toml"
"""The files of a case folder: the page as it was served; its URL, time and source hint; the expected fields; and the
site rules with which the page is read, if there are any."""


def find_cases(folder: Path) -> list[Path]:
    """Returns the case folders among `folder`, its subfolders and their subfolders. A folder with a page is a case even
    if it has no expected fields.
    """
    return sorted(
        {one.parent for depth in ("", "*/", "*/*/") for name in (PAGE, EXPECTED) for one in folder.glob(depth + name)}
    )


def read_case(folder: Path, page_objects: PageObjects | None = None) -> Article:
    """Extracts the article from the page in a case folder, as it was served at the URL and time in case.json, with the
    source hint and site rules in the folder.
    """
    case = json.loads((folder / CASE).read_text(encoding="utf-8"))
    at = datetime.fromisoformat(case["captured_at"]) if "captured_at" in case else None
    page = parse_page((folder / PAGE).read_bytes(), case["url"], case.get("content_type", ""), at)
    kind = PageKind(case.get("known_kind", PageKind.UNKNOWN))
    rules = parse_rules((folder / RULES).read_bytes(), str(folder / RULES)) if (folder / RULES).exists() else None
    article = extract_page(page, _hint(case.get("hint")), kind, rules=rules)
    return page_objects.apply(article, page) if page_objects else article


def read_expected(folder: Path) -> dict[str, Any]:
    """Returns the expected fields of a case folder."""
    found: dict[str, Any] = json.loads((folder / EXPECTED).read_text(encoding="utf-8"))
    return found


def _hint(given: Mapping[str, Any] | None) -> SourceHint | None:
    if given is None:
        return None
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    for key in ("published", "modified"):
        if key in values:
            values[key] = datetime.fromisoformat(values[key])
    if "geotags" in values:
        values["geotags"] = tuple(GeoTag(**g) for g in values["geotags"])
    return SourceHint(**values)


def case_value(article: Article, name: str) -> Any:
    """Returns the value of an article's field as expected.json contains it."""
    value = getattr(article, name)
    if isinstance(value, datetime):
        return value.isoformat()
    if name == "geotags":
        return [{k: v for k, v in asdict(g).items() if v not in ("", None)} for g in value]
    if name == "markup":
        return pack_marks(value)
    return list(value) if isinstance(value, tuple) else value


def case_differences(article: Article, expected: Mapping[str, Any]) -> list[str]:
    """Returns a sentence for each expectation that an article does not meet."""
    found: list[str] = []
    lines = article.body.split("\n")
    for name, want in expected.items():
        if name == "body_begins":
            got: Any = article.body[: len(want)]
        elif name == "body_ends":
            got = article.body[-len(want) :]
        elif name == "body_lines":
            got = [line for line in want if line in lines]
        elif name == "body_without":
            got, want = [text for text in want if text in article.body], []
        elif not hasattr(article, name):
            found.append(f"{name}: articles have no such field")
            continue
        elif name == "geotags":
            keys = {k for g in want for k in g}
            got = [{k: v for k, v in g.items() if k in keys} for g in case_value(article, name)]
        else:
            got = case_value(article, name)
        if got != want:
            found.append(f"{name}: expected {want!r}, got {got!r}")
    return found
