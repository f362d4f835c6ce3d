"""A crawl without errors writes nothing to Scrapy's log."""

from __future__ import annotations

import re
from pathlib import Path

from tests.processes import run
from tests.spiders.site_server import home, page, serving


def test_a_crawl_logs_no_warning(tmp_path: Path) -> None:
    with serving({"/": home("/one/"), "/one/": page("The first")}) as site:
        done = run(
            "scrapy",
            "crawl",
            "site",
            "-a",
            f"url={site.url}",
            "-s",
            f"ARCHIVE_PATH={tmp_path / 'a.db'}",
            "-s",
            "LOG_SUMMARY=0",
            "-s",
            "DOWNLOAD_DELAY=0",
            "-s",
            "LOG_LEVEL=INFO",
        )
    assert "Spider closed (finished)" in done.stderr
    assert re.findall(r".*\b(?:WARNING|ERROR|CRITICAL)\b.*", done.stderr) == []
    assert "Warning" not in done.stderr
