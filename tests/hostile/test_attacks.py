"""Each attack has its expected outcome and does not affect the site's other posts. One process crawls them, many at a
time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.hostile.attacks import ATTACKS, MB, Attack, Site, attacking
from tests.hostile.world import Crawled, World

LIMITS = {
    "DOWNLOAD_TIMEOUT": 20,  # a busy machine needs seconds for a good page, too
    "RETRY_TIMES": 0,
    "PAGE_MAXSIZE": MB // 2,
    "DOWNLOAD_MAXSIZE": 8 * MB,
    "DOWNLOAD_HEADER_MAXSIZE": 64 * 1024,
}


@dataclass(frozen=True)
class Fight:
    crawled: Crawled
    sites: dict[str, Site]
    results: dict[str, Any]


@pytest.fixture(scope="module")
def fight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fight]:
    folder = tmp_path_factory.mktemp("fight")
    with ExitStack() as stack:
        sites = {attack.name: stack.enter_context(attacking(attack)) for attack in ATTACKS}
        crawled = World(settings=LIMITS).crawl(
            folder, *(site.url for site in sites.values()), "--workers", "12", "--json"
        )
        results = {row["url"]: row for row in json.loads(crawled.out)}
        yield Fight(crawled, sites, results)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_the_attack_has_its_outcome(fight: Fight, attack: Attack) -> None:
    site = fight.sites[attack.name]
    rows = {url: row for url, row in fight.crawled.rows.items() if url.startswith(site.url + attack.path[1:])}
    outcome, rule = attack.expected
    found = [row for row in rows.values() if row[0] == outcome and (not rule or row[1] in rule.split("|"))]
    assert found, rows


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_the_other_posts_are_archived_all_the_same(fight: Fight, attack: Attack) -> None:
    site = fight.sites[attack.name]
    rows = fight.crawled.rows
    assert [rows[f"{site.url}good-{n}/"][0] for n in (1, 2)] == ["archived", "archived"]
    result = fight.results[site.url]
    assert result["outcome"] == "finished"
    assert bool(result["failed"]) == (attack.expected[0] == "failed")


def test_nothing_but_the_sites_themselves_was_connected_to(fight: Fight) -> None:
    assert set(fight.crawled.connections) <= {site.url.split("/")[2] for site in fight.sites.values()}
    assert fight.crawled.rows["http://far.invalid/a"][:2] == ("out-of-scope", "scope")


def test_an_endless_redirect_makes_few_rows(fight: Fight) -> None:
    site = fight.sites["redirects without end"]
    rows = [row for url, row in fight.crawled.rows.items() if url.startswith(f"{site.url}attack/")]
    assert len(rows) == 11
    assert [row[1] for row in rows if row[0] == "failed"] == ["redirect-loop"]


def test_time_memory_and_requests_are_bounded(fight: Fight) -> None:
    assert fight.crawled.code == 1
    assert fight.crawled.busy < 60
    assert fight.crawled.peak < 600 * MB
    assert all(len(site.asked) < 60 for site in fight.sites.values())
