"""Servers that report false changes are noticed and no longer believed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.discovery.source_hints import (
    MIN_CLAIMS,
    TRUST_AGAIN_AFTER,
    ClaimTally,
    are_claims_believed,
    claim_of,
    dates_claim,
)
from archiver.frontier.edit_estimates import DEFAULT_SAMPLE
from archiver.frontier.fetch_order import next_fetch_time
from archiver.model.due_reasons import DueFor
from archiver.model.items import DiscoverySource, Outcome, PageKind
from archiver.storage.database import open_archive
from archiver.storage.sites import ensure_site
from archiver.storage.sources import Trust
from archiver.storage.transactions import writing
from tests.spiders.crawling import archiver
from tests.spiders.site_server import Answer, SiteServer, home, page, serving
from tests.spiders.test_faults import counts, rows
from tests.spiders.test_incremental import XML, sitemap, with_base

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def untrusted(archive: Path) -> list[str]:
    [(said,)] = rows(archive, "select untrusted from sites")
    return sorted(json.loads(said or "{}"))


def take_post_requests(site: SiteServer) -> list[str]:
    found = [r for r in site.requests if r.startswith("/post")]
    site.requests.clear()
    return found


def test_dates_that_call_everything_changed_at_each_run_are_believed_once(tmp_path: Path) -> None:
    archive, names = tmp_path / "a.db", [f"post_{n}" for n in range(3 * MIN_CLAIMS)]
    paths = [f"/{n.replace('_', '-')}/" for n in names]
    pages: dict[str, Any] = {"/": home(*paths), **{p: page(f"Title {p.strip('/')}") for p in paths}}
    with serving(pages) as site:
        asked = []
        for day in ("2024-05-01", "2024-06-01", "2024-07-01", "2024-08-01"):
            pages["/sitemap.xml"] = with_base(sitemap(**dict.fromkeys(names, day)), site.url)
            counts(site.url, archive=archive)
            asked.append(len(take_post_requests(site)))
        pages[paths[0]] = page("Title post-0", "An edit that no word but the date tells of. " * 9)
        assert counts(site.url, "--full", archive=archive)["revised"] == 1
    assert asked[0] == len(names)
    assert asked[1] >= MIN_CLAIMS
    assert asked[2:] == [DEFAULT_SAMPLE, DEFAULT_SAMPLE]  # nothing is believed, so posts are sampled
    assert untrusted(archive) == ["sitemap dates"]


def test_dates_that_are_true_stay_believed(tmp_path: Path) -> None:
    archive, names = tmp_path / "a.db", [f"post_{n}" for n in range(MIN_CLAIMS + 5)]
    paths = [f"/{n.replace('_', '-')}/" for n in names]
    pages: dict[str, Any] = {"/": home(*paths), **{p: page(f"Title {p.strip('/')}") for p in paths}}
    with serving(pages) as site:
        for day in ("2024-05-01", "2024-06-01", "2024-07-01"):
            pages["/sitemap.xml"] = with_base(sitemap(**dict.fromkeys(names, day)), site.url)
            edited = {p: page(f"Title {p.strip('/')}", f"As it was told in {day}. " * 9) for p in paths[::10]}
            pages |= edited
            summary = counts(site.url, archive=archive)
        assert summary["revised"] == len(edited)
    assert untrusted(archive) == []


@pytest.mark.parametrize("validator", [{"ETag": '"for ever"'}, {"Last-Modified": "Wed, 01 May 2024 08:00:00 GMT"}])
def test_a_validator_that_outlives_an_edit_is_not_sent_again(tmp_path: Path, validator: dict[str, str]) -> None:
    archive = tmp_path / "a.db"

    def stamped(title: str, text: str = "") -> Answer:
        answer = page(title, text)
        answer.headers |= validator
        return answer

    pages: dict[str, Any] = {"/": home("/one/", "/two/"), "/one/": stamped("One"), "/two/": stamped("Two")}
    with serving(pages) as site:
        pages["/sitemap.xml"] = with_base(sitemap(one="2024-05-01", two="2024-05-01"), site.url)
        counts(site.url, archive=archive)
        pages["/one/"] = stamped("One", "This is not what it said before, and its validator is the old one. " * 6)
        pages["/sitemap.xml"] = with_base(sitemap(one="2024-06-01", two="2024-05-01"), site.url)
        assert counts(site.url, archive=archive)["revised"] == 1
        pages["/two/"] = stamped("Two", "Nor is this, and nothing but the page itself tells of it. " * 6)
        site.asked.clear()
        assert counts(site.url, "--full", archive=archive)["revised"] == 1
        sent = {k for asked in site.asked for k in asked if k.startswith("if-")}
    assert untrusted(archive) == ["validators"]
    assert sent == set()


def test_each_run_reads_some_of_many_undated_sitemaps_and_all_in_turn(tmp_path: Path) -> None:
    archive, numbers = tmp_path / "a.db", range(12)
    pages: dict[str, Any] = {"/": home(), **{f"/post-{n}/": page(f"Title {n}") for n in numbers}}

    def urlset(site: SiteServer, *posts: int) -> Answer:
        locs = "".join(f"<url><loc>{site.url}post-{n}/</loc></url>" for n in posts)
        return Answer(f"<urlset>{locs}</urlset>".encode(), headers=dict(XML))

    with serving(pages) as site:
        index = "".join(f"<sitemap><loc>{site.url}part-{n:02}.xml</loc></sitemap>" for n in numbers)
        pages["/sitemap.xml"] = Answer(f"<sitemapindex>{index}</sitemapindex>".encode(), headers=dict(XML))
        pages |= {f"/part-{n:02}.xml": urlset(site, n) for n in numbers}
        assert counts(site.url, archive=archive)["new"] == 12
        archiver("sites", "set", site.url, "sample_posts=0", archive=archive)
        pages |= {"/part-11.xml": urlset(site, 11, 12), "/post-12/": page("The newest")}
        site.requests.clear()
        assert counts(site.url, archive=archive)["new"] == 1
        assert len(site.requests) <= 10
        everything = {f"/part-{n:02}.xml" for n in numbers}
        for _ in range(12):
            if not everything <= set(site.requests):
                counts(site.url, archive=archive)
        assert everything <= set(site.requests)


@given(st.integers(0, 500), st.integers(0, 500))
def test_a_source_is_distrusted_only_after_reporting_many_false_changes(called: int, true: int) -> None:
    lies = ClaimTally(called, min(true, called)).lies
    assert lies == (called >= MIN_CLAIMS and 20 * min(true, called) < called)


def test_a_claim_that_proved_false_is_believed_again_after_some_time() -> None:
    assert are_claims_believed(None, NOW)
    assert not are_claims_believed(NOW, NOW)
    assert are_claims_believed(NOW, NOW + TRUST_AGAIN_AFTER + timedelta(days=1))
    assert claim_of(DueFor.UPDATED, "sitemap") == "sitemap dates"
    assert claim_of(DueFor.DELISTED, "sitemap") == claim_of("", "") == ""


def test_an_edited_post_is_revisited_sooner() -> None:
    old = datetime(2016, 5, 1, tzinfo=UTC)
    plain = next_fetch_time(Outcome.UNCHANGED, PageKind.POST, NOW, old)
    edited = next_fetch_time(Outcome.UNCHANGED, PageKind.POST, NOW, old, edited=NOW - timedelta(days=20))
    assert plain == NOW + timedelta(days=30)
    assert edited == NOW + timedelta(days=2)


def test_findings_of_a_rolled_back_batch_are_undone(tmp_path: Path) -> None:
    db = open_archive(tmp_path / "a.db", create=True)
    trust = Trust(db, ensure_site(db, "https://a.example/", NOW), NOW, timedelta(days=30))
    for _ in range(MIN_CLAIMS - 1):
        trust.judge_claim(DueFor.UPDATED, "sitemap", changed=False)
    with pytest.raises(KeyError), trust.restored_on_error(), writing(db):
        trust.judge_claim(DueFor.UPDATED, "sitemap", changed=False)
        raise KeyError
    assert trust.in_claim(dates_claim(DiscoverySource.SITEMAP))
    with trust.restored_on_error(), writing(db):
        trust.judge_claim(DueFor.UPDATED, "sitemap", changed=False)
    assert not trust.in_claim(dates_claim(DiscoverySource.SITEMAP))
    assert untrusted(tmp_path / "a.db") == ["sitemap dates"]
    db.close()
