"""run_peer.py WAY START PROXY URLS OUT THREADS: crawl a site with another program's library, and write its articles.

It runs in the peer's own environment (created by measure_peers.py) and imports none of our modules. URLS is a file with
the URLs of the posts, for peers that do not discover them. OUT gets a line of JSON per article: url, title, text,
authors, date. PROXY serves the host of START; no other host is contacted, so that suffix lists and the like are those
of the package. There are no delays between requests.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Article = dict[str, Any]
SECONDS = 30


def newspaper_build(start: str, urls: list[str], threads: int, work: Path) -> Iterator[Article]:
    """newspaper4k discovers the posts: through links on the home page and its categories, and through feeds."""
    import newspaper

    source = newspaper.build(start, **_newspaper(threads))
    source.download_articles()
    source.parse_articles()
    return map(_of_newspaper, source.articles)


def newspaper_addresses(start: str, urls: list[str], threads: int, work: Path) -> Iterator[Article]:
    """newspaper4k gets all URLs; its threads download and parse them."""
    from newspaper import Article as Parsed
    from newspaper.configuration import Configuration
    from newspaper.mthreading import fetch_news

    config = Configuration()
    config.update(**_newspaper(threads))
    return map(_of_newspaper, fetch_news([Parsed(url, config=config) for url in urls], threads))


def _newspaper(threads: int) -> dict[str, Any]:
    """Return its settings. `allow_binary_content` avoids a HEAD and a range request before each page, which test for
    binary files."""
    return {
        "memorize_articles": False,
        "disable_category_cache": True,
        "fetch_images": False,
        "number_threads": threads,
        "request_timeout": SECONDS,
        "thread_timeout_seconds": SECONDS,
        "allow_binary_content": True,
    }


def _of_newspaper(a: Any) -> Article:
    return {"url": a.url, "title": a.title, "text": a.text, "authors": a.authors, "date": a.publish_date}


def trafilatura_sitemap(start: str, urls: list[str], threads: int, work: Path) -> Iterator[Article]:
    """trafilatura downloads the URLs of the sitemaps in threads and extracts them one by one, like its command line."""
    from trafilatura.sitemaps import sitemap_search

    config = _trafilatura()
    return _extracted(sitemap_search(start, sleep_time=0, config=config), threads, config)


def trafilatura_spider(start: str, urls: list[str], threads: int, work: Path) -> Iterator[Article]:
    """trafilatura's spider runs while it has listings to visit; then the pages it found are downloaded and extracted.

    It treats URLs with different fragments as different pages; here each page is fetched once.
    """
    from trafilatura.spider import focused_crawler, is_still_navigation

    config = _trafilatura()
    todo, known = focused_crawler(start, max_seen_urls=1, config=config)
    while is_still_navigation(todo):
        todo, known = focused_crawler(start, max_seen_urls=10, todo=todo, known_links=known, config=config)
    return _extracted(dict.fromkeys(url.partition("#")[0] for url in todo), threads, config)


def _trafilatura() -> Any:
    from trafilatura.settings import use_config

    config = use_config()
    config["DEFAULT"].update({"SLEEP_TIME": "0", "SSRF_PROTECTION": "off", "DOWNLOAD_TIMEOUT": str(SECONDS)})
    return config


def _extracted(urls: Iterable[str], threads: int, config: Any) -> Iterator[Article]:
    from trafilatura import bare_extraction
    from trafilatura.downloads import buffered_downloads
    from trafilatura.settings import Extractor

    for url, html in buffered_downloads(list(urls), threads, Extractor(config=config)):
        found = bare_extraction(html, url=url, with_metadata=True, config=config) if html else None
        if found:
            yield {"url": url, "title": found.title, "text": found.text, "authors": found.author, "date": found.date}


def newsplease_urls(start: str, urls: list[str], threads: int, work: Path) -> Iterator[Article]:
    """news-please gets all URLs: one thread per parallel download, and one process per core for extraction."""
    from newsplease import NewsPlease

    for at in range(0, len(urls), 500):
        found = NewsPlease.from_urls(urls[at : at + 500], request_args={"timeout": SECONDS}, fetch_images=False)
        for url, article in found.items():
            if article:
                yield {
                    "url": url,
                    "title": article.title,
                    "text": article.maintext,
                    "authors": article.authors,
                    "date": article.date_publish,
                }


def newsplease_crawler(start: str, urls: list[str], threads: int, work: Path) -> Iterator[Article]:
    """Run the Scrapy spider of news-please on the sitemaps, with its pipelines and its storage as HTML and JSON files.

    It names these files by month and second if URLs end with a slash, so that files overwrite each other. Therefore the
    articles are taken from its in-memory storage.

    Its default heuristic for articles needs og:type, which not every site has, so the one for sitemaps is used. The
    path of the sitemap is configured, because by default it only looks in robots.txt.
    """
    import newsplease
    from newsplease.pipeline.pipelines import InMemoryStorage
    from newsplease.single_crawler import SingleCrawler

    text = (Path(newsplease.__file__).parent / "config" / "config.cfg").read_text(encoding="utf-8")
    for key, value in {
        "working_path": f"{work}/",
        "LOG_LEVEL": "ERROR",
        "CONCURRENT_REQUESTS_PER_DOMAIN": str(threads),
        "sitemap_patterns": '["sitemap.xml"]',
        "enabled_heuristics": '{"crawler_contains_only_article_alikes": True}',
        "pass_heuristics_condition": '"crawler_contains_only_article_alikes"',
        "extractors": "[('newspaper_extractor_no_images', 'NewspaperExtractorNoImages'), 'readability_extractor', "
        "'date_extractor', 'lang_detect_extractor']",
        "ITEM_PIPELINES": str(
            {
                f"newsplease.pipeline.pipelines.{name}": at
                for at, name in enumerate(
                    ("ArticleMasterExtractor", "HtmlFileStorage", "JsonFileStorage", "InMemoryStorage"), start=1
                )
            }
        ),
    }.items():
        text = re.sub(rf"(?m)^{key} ?=.*(\n[ \t]+\S.*)*$", lambda _, line=f"{key} = {value}": line, text)
    config, sites = work / "config.cfg", work / "sitelist.hjson"
    config.write_text(text, encoding="utf-8")
    sites.write_text(json.dumps({"base_urls": [{"url": start, "crawler": "SitemapCrawler"}]}), encoding="utf-8")
    SingleCrawler(str(config), str(sites), 0, False, False)
    for url, a in InMemoryStorage.get_results().items():
        yield {
            "url": url,
            "title": a["title"],
            "text": a["maintext"],
            "authors": a["authors"],
            "date": a["date_publish"],
        }


def _only(name: str, port: int) -> None:
    """Connect this host name to a port on loopback, and make connections to any other host fail."""
    asked = socket.getaddrinfo

    def lookup(host: Any, service: Any = 0, *rest: Any, **named: Any) -> Any:
        if host == name:
            return asked("127.0.0.1", port, *rest, **named)
        if host in ("127.0.0.1", "localhost"):
            return asked(host, service, *rest, **named)
        raise socket.gaierror(socket.EAI_NONAME, f"{host} is blocked during a measurement")

    socket.getaddrinfo = lookup


WAYS: dict[str, Callable[[str, list[str], int, Path], Iterator[Article]]] = {
    f.__name__: f
    for f in (
        newspaper_build,
        newspaper_addresses,
        trafilatura_sitemap,
        trafilatura_spider,
        newsplease_urls,
        newsplease_crawler,
    )
}


def main() -> None:
    way, start, proxy, listed, out, threads = sys.argv[1:]
    _only(urlsplit(start).hostname or "", urlsplit(proxy).port or 80)
    if not way.startswith("trafilatura"):  # trafilatura takes every proxy for a SOCKS proxy
        os.environ["http_proxy"] = proxy
    urls = Path(listed).read_text(encoding="utf-8").split()
    with Path(out).open("w", encoding="utf-8") as file:
        for article in WAYS[way](start, urls, int(threads), Path(out).parent):
            file.write(json.dumps(article, ensure_ascii=False, default=str) + "\n")


if __name__ == "__main__":
    main()
