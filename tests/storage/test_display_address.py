"""The address of a post that has several: a readable one that answers, in whatever order they are read."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.model.items import DiscoveredURL, DiscoverySource, Outcome, PageKind
from archiver.storage.articles import KnownAddress, is_preferred
from archiver.storage.sources import record_discovered_urls
from archiver.storage.transactions import writing
from tests.proved_archive import QUAY, START, Run, text
from tests.proved_archive import page as post_page
from tests.spiders.crawling import rows

READABLE, NUMBERED = f"{QUAY}2024/05/a-post/index.html", f"{QUAY}index.html%3Fp=217.html"
PLAIN, MOBILE = f"{QUAY}a-post/", f"{QUAY}a-post/amp/"


def head(canonical: str = "", shared: str = "", short: str = "", data: str = "") -> str:
    found = f'<link rel="canonical" href="{canonical}">' if canonical else ""
    found += f'<meta property="og:url" content="{shared}">' if shared else ""
    found += f'<link rel="shortlink" href="{short}">' if short else ""
    return found + (f'<script type="application/ld+json">{data}</script>' if data else "")


def crawled(tmp_path: Path, pages: dict[str, str], order: tuple[str, ...], feed: tuple[str, ...] = ()) -> Path:
    """Stores one post, read at each of these addresses in this order; `feed` are those that a feed lists."""
    archive = tmp_path / "archive.db"
    with Run(archive, QUAY, START) as run:
        with writing(run.db):
            listed = [DiscoveredURL(url, DiscoverySource.FEED, PageKind.POST, found_on=f"{QUAY}feed") for url in feed]
            record_discovered_urls(run.db, run.site["id"], listed, run.at)
        for url in order:
            run.post(url, post_page("A post", text(1)).replace(b"</head>", pages[url].encode() + b"</head>"))
    return archive


def address(archive: Path) -> str:
    [(url,)] = rows(archive, "select url from articles")
    return str(url)


MIRROR = head(NUMBERED, READABLE, NUMBERED)
CASES = {
    "a mirror whose canonical names the post by number": ({READABLE: MIRROR, NUMBERED: MIRROR}, (), READABLE),
    "a query with a number": ({PLAIN: "", f"{QUAY}?p=217": ""}, (), PLAIN),
    "a declared shortlink": (
        {f"{QUAY}s/Ab3": head(short=f"{QUAY}s/Ab3"), PLAIN: head(short=f"{QUAY}s/Ab3")},
        (),
        PLAIN,
    ),
    "an AMP page": ({PLAIN: head(PLAIN, PLAIN), MOBILE: head(PLAIN, PLAIN)}, (), PLAIN),
    "an AMP page that gives itself as og:url": ({PLAIN: head(PLAIN, PLAIN), MOBILE: head(PLAIN, MOBILE)}, (), PLAIN),
    "a canonical to the home page": ({PLAIN: head(QUAY), MOBILE: head(QUAY)}, (), PLAIN),
    "a canonical to another host": (
        {PLAIN: head("https://agency.example/1/"), MOBILE: head("https://agency.example/1/")},
        (),
        PLAIN,
    ),
    "an address that the feed lists": ({MOBILE: "", PLAIN: ""}, (MOBILE,), MOBILE),
    "the longer of two is canonical": ({MOBILE: head(MOBILE), PLAIN: head(MOBILE)}, (), MOBILE),
    "only its length differs": ({MOBILE: "", PLAIN: ""}, (), PLAIN),
}


@pytest.mark.parametrize("turn", [0, 1])
@pytest.mark.parametrize("case", CASES)
def test_the_readable_address_is_the_articles_own(case: str, turn: int, tmp_path: Path) -> None:
    pages, feed, expected = CASES[case]
    archive = crawled(tmp_path, pages, list(permutations(pages))[turn], feed)
    assert address(archive) == expected
    others = {url for url in pages if url != expected}
    assert set(rows(archive, "select url, kind from article_urls where kind <> 'url'")) == {
        (url, "copy") for url in others
    }


def test_a_readable_address_that_is_gone_gives_way(tmp_path: Path) -> None:
    archive = crawled(tmp_path, {PLAIN: "", f"{QUAY}?p=217": ""}, (f"{QUAY}?p=217", PLAIN))
    assert address(archive) == PLAIN
    with Run(archive, QUAY, START.replace(day=2)) as run:
        run.visit(PLAIN, Outcome.GONE, run.capture(PLAIN, b"gone", 410))
    assert address(archive) == f"{QUAY}?p=217"
    assert rows(archive, "select gone_at from articles") == [(None,)]


def test_a_post_that_moved_between_crawls_has_its_new_address(tmp_path: Path) -> None:
    archive = crawled(tmp_path, {PLAIN: head(PLAIN)}, (PLAIN,))
    new = f"{QUAY}2024/05/a-post/"
    with Run(archive, QUAY, START.replace(day=2)) as run:
        run.post(new, post_page("A post", text(1)).replace(b"</head>", head(new).encode() + b"</head>"))
    assert address(archive) == new
    assert rows(archive, "select kind from article_urls where url <> (select url from articles)") == [("moved",)]


ADDRESSES = st.builds(
    KnownAddress,
    st.sampled_from([READABLE, NUMBERED, PLAIN, MOBILE, f"{QUAY}?p=217", f"{QUAY}?id=9"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


@given(ADDRESSES, ADDRESSES, ADDRESSES)
def test_the_preference_is_an_order(a: KnownAddress, b: KnownAddress, c: KnownAddress) -> None:
    assert is_preferred(a, a) is None
    back = is_preferred(b, a)
    assert is_preferred(a, b) == (None if back is None else not back)
    if is_preferred(a, b) and is_preferred(b, c):
        assert is_preferred(a, c)
