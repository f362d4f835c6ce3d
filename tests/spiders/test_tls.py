"""Certificates are verified: a page without a trusted certificate is not read, and the reason says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.spiders.certificates import Authority
from tests.spiders.crawling import archiver, crawl, last_run, rows
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


@pytest.mark.parametrize("command", ["crawl", "sites add"])
def test_the_newest_address_that_a_person_gives_is_crawled(tmp_path: Path, command: str) -> None:
    archive = tmp_path / "a.db"
    with serving(PAGES) as site:
        assumed = site.url.replace("http:", "https:")
        failed = crawl(assumed, archive=archive)
        assert failed.returncode == 1
        assert f"try {site.url}" in failed.stderr
        assert f"try {site.url}" in " ".join(archiver("status", archive=archive).stdout.split())
        if command == "sites add":
            archiver("sites", "add", site.url, archive=archive)
            assert crawl(archive=archive).returncode == 0
        else:
            assert crawl(site.url, archive=archive).returncode == 0
        assert rows(archive, "select start_url from sites") == [(site.url,)]
        assert rows(archive, "select title, url from articles") == [("One", f"{site.url}one/")]
        assert crawl(site.url.removeprefix("http://").strip("/"), archive=archive).returncode == 0
        assert rows(archive, "select distinct start_url from sites") == [(site.url,)]


def test_a_site_keeps_its_settings_at_its_other_address(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(PAGES) as site:
        archiver("sites", "add", site.url.replace("http:", "https:"), archive=archive)
        archiver("sites", "set", site.url.removeprefix("http://").strip("/"), "contact=me@example.org", archive=archive)
        assert crawl(site.url, archive=archive).returncode == 0
        assert {"me@example.org" in one.get("user-agent", "") for one in site.asked} == {True}


@pytest.mark.parametrize(("line", "is_changed"), [("http://example.org/", True), ("example.org", False)])
def test_a_list_changes_an_address_only_if_it_has_the_scheme(tmp_path: Path, line: str, is_changed: bool) -> None:
    archive, listed = tmp_path / "a.db", tmp_path / "sites.txt"
    stored = "https://example.org/" if is_changed else "http://example.org/"
    archiver("sites", "add", stored, archive=archive)
    listed.write_text(line)
    assert archiver("sites", "import", str(listed), archive=archive).returncode == 0
    assert rows(archive, "select start_url from sites") == [("http://example.org/",)]
