"""The metrics for Prometheus, at the URL that a scrape requests."""

from __future__ import annotations

from tests.web.conftest import Served


def test_metrics_are_served(served: Served) -> None:
    got = served.get("/-/metrics")
    assert got.status == 200
    assert got.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'archiver_site_health{site="harbour.example"} ' in got.text
    assert "archiver_disk_free_bytes" in got.text
