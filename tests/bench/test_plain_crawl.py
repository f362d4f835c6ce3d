"""bench/plain_crawl.py: what a crawl that follows every link counts."""

from __future__ import annotations

from typing import Any

from plain_crawl import Plain, plain_crawl

from tests.spiders.crawling import text
from tests.spiders.site_server import Answer, home, serving

_XML = {"Content-Type": "application/xml"}


def test_each_page_and_source_is_counted_once() -> None:
    pages: dict[str, Any] = {
        "/": home("/one/", "/one/#part", "/two/", "/moved/", "/gone/", "/a.png", "http://elsewhere.test/"),
        "/one/": home("/", "/two/", "/only-from-one/"),
        "/two/": home("/one/", "/atom.xml"),
        "/only-from-one/": home(),
        "/moved/": text("", 301, Location="/two/"),
        "/atom.xml": Answer(b"<feed/>", headers=_XML),
        "/robots.txt": Answer(b"Sitemap: {base}index.xml", headers={"Content-Type": "text/plain"}),
        "/child.xml": Answer(b"<urlset/>", headers=_XML),
    }
    with serving(pages) as site:
        pages["/robots.txt"].body = f"Sitemap: {site.url}index.xml".encode()
        index = f"<sitemapindex><sitemap><loc>{site.url}child.xml</loc></sitemap></sitemapindex>"
        pages["/index.xml"] = Answer(index.encode(), headers=_XML)
        assert plain_crawl(site.url) == Plain(pages=4, sources=4, others=3)
        assert len(set(site.requests)) == len(site.requests) - site.requests.count("/two/") + 1


def test_the_crawl_stays_in_the_folder_of_its_start() -> None:
    with serving({"/blog/": home("/blog/one", "/other"), "/blog/one": home(), "/other": home()}) as site:
        assert plain_crawl(f"{site.url}blog/").pages == 2


def test_a_site_without_end_is_cut() -> None:
    with serving({f"/{n}": home(f"/{n + 1}") for n in range(30)}) as site:
        assert plain_crawl(f"{site.url}0", most=10) == Plain(pages=10, others=1, cut=True)
