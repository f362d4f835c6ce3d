"""Runs each folder of tests/cases/discovery: input.*, case.json (parser, URL ...), expected.json (the complete
result).
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import lxml.html
import pytest

from archiver.discovery import cdx, feeds, page_links, sitemaps, wordpress_api
from archiver.model.urls import Scope
from archiver.platforms.selector_index import Index

CASES = Path(__file__).parent.parent / "cases" / "discovery"


def answer(folder: Path) -> Any:
    case = json.loads((folder / "case.json").read_text("utf-8"))
    body = next(folder.glob("input.*")).read_bytes()
    url = case["url"]
    if case["parser"] == "feed":
        assert feeds.looks_like_feed(body) or case.get("odd") or "broken" in folder.name
        return feeds.parse_feed(body, url)
    if case["parser"] == "sitemap":
        return sitemaps.parse_sitemap(body, url)
    if case["parser"] == "api":
        return wordpress_api.parse_posts(body, case.get("headers", {}), url)
    if case["parser"] == "cdx":
        return cdx.parse_cdx(body, case.get("fields", ()))
    if case["parser"] == "cdx-targets":
        return cdx.cdx_candidates(cdx.parse_cdx(body).entries, Scope.of(case["scope"]), url, case["latest_year"])
    root = lxml.html.fromstring(body.decode())
    return page_links.parse_links(Index(root), url, Scope.of(case["scope"]), latest_year=case.get("latest_year", 2100))


def plain(value: Any) -> Any:
    """Convert a value to JSON types without empty values and without the elements of the page."""
    if is_dataclass(value) and not isinstance(value, type):
        value = {f.name: getattr(value, f.name) for f in fields(value) if f.compare}
    if isinstance(value, dict):
        return {k: p for k, v in value.items() if (p := plain(v)) not in (None, "", [], False)}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.isoformat() if isinstance(value, datetime) else value


@pytest.mark.parametrize("folder", sorted(CASES.iterdir()), ids=lambda p: p.name)
def test_the_case_has_its_expected_result(folder: Path) -> None:
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    assert json.loads(json.dumps(plain(answer(folder)))) == expected
