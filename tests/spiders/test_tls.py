"""Certificates are verified: a page without a trusted certificate is not read, and the reason says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.spiders.certificates import Authority
from tests.spiders.crawling import crawl, last_run, rows
from tests.spiders.site_server import home, page, serving

PAGES: dict[str, Any] = {"/": home("/one/"), "/one/": page("One")}
CASES: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "self-signed": (("127.0.0.1",), {"self_signed": True}),
    "other-host": (("other.example",), {}),
    "expired": (("127.0.0.1",), {"days_ago": 3}),
}


@pytest.mark.parametrize("name", CASES)
def test_an_untrusted_certificate_is_a_failure_with_its_reason(tmp_path: Path, name: str) -> None:
    hosts, options = CASES[name]
    authority = Authority(tmp_path)
    with serving(PAGES, authority.certificate(name, *hosts, **options)) as site:
        done = crawl(site.url, archive=tmp_path / "a.db", environment={"SSL_CERT_FILE": str(authority.file)})
        assert not site.requests
    assert done.returncode == 1
    [(outcome, rule, reason)] = rows(tmp_path / "a.db", "select outcome, rule, reason from pages")
    assert (outcome, rule) == ("failed", "tls")
    assert all(part in done.stderr.splitlines()[-1] for part in (site.url, reason))
    assert last_run(tmp_path / "a.db")[0] == "failed"


def test_a_page_with_a_trusted_certificate_is_read(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with serving(PAGES, authority.certificate("good", "127.0.0.1")) as site:
        assert site.url.startswith("https:")
        done = crawl(site.url, archive=tmp_path / "a.db", environment={"SSL_CERT_FILE": str(authority.file)})
    assert done.returncode == 0, done.stderr
    assert rows(tmp_path / "a.db", "select title from articles") == [("One",)]


def test_a_server_without_tls_is_a_failure(tmp_path: Path) -> None:
    with serving(PAGES) as site:
        done = crawl(site.url.replace("http:", "https:"), archive=tmp_path / "a.db")
    assert done.returncode == 1
    assert rows(tmp_path / "a.db", "select outcome, rule from pages") == [("failed", "tls")]
