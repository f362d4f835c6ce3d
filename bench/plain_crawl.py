"""plain_crawl.py URL [PROXY]: follow every link of a site, and count what answers. Prints a line of JSON.

A crawl that knows nothing of sites needs that many requests: one for each HTML page that links reach, and those
for robots.txt, the sitemaps and the feeds. It also sends those that dead links, redirects and other files cost, which
are counted apart (`others`).
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import quote, urldefrag, urljoin, urlsplit

import lxml.etree
import lxml.html

sys.path.append(str(Path(__file__).resolve().parents[1]))

from archiver.discovery.url_patterns import is_asset, is_feed, is_sitemap

_MOST = 5_000
_LINKS = "//a/@href | //area/@href | //link[@rel='next' or @rel='prev']/@href | //iframe/@src"
_SOURCES = "//link[contains(@type, 'rss') or contains(@type, 'atom') or @rel='sitemap']/@href"
_SITEMAPS = "/*[local-name()='sitemapindex']/*/*[local-name()='loc']/text()"
_XHTML = b"http://www.w3.org/1999/xhtml"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: the address that answered, the media type ("" if the status is not 200), and the body."""

    url: str
    kind: str = ""
    body: bytes = b""


@dataclass(slots=True)
class Plain:
    """The counts of a plain crawl: HTML `pages`, `sources` (robots.txt, sitemaps, feeds), and `others` (redirects,
    missing pages, other files), which are not part of `requests`. `cut`: there were more pages than the limit.
    """

    pages: int = 0
    sources: int = 1
    others: int = 0
    cut: bool = False

    @property
    def requests(self) -> int:
        return self.pages + self.sources


@dataclass(slots=True)
class _Queue:
    """The addresses to fetch, each once. `sources` are those that are sitemaps or feeds."""

    scope: str
    waiting: deque[str] = field(default_factory=deque)
    known: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)

    def add(self, url: str, *, is_source: bool = False) -> bool:
        is_source = is_source or is_feed(url) or is_sitemap(url)
        within = urljoin(self.scope, "/") if is_source else self.scope
        if url in self.known or not url.startswith(within) or (is_asset(url) and not is_source):
            return False
        self.known.add(url)
        self.waiting.append(url)
        if is_source:
            self.sources.add(url)
        return True


def plain_crawl(start: str, proxy: str = "", most: int = _MOST) -> Plain:
    """Crawls a site breadth first from its home page, within the folder of the address `start`."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy} if proxy else {}))
    queue, out = _Queue(start.rpartition("/")[0] + "/"), Plain()
    queue.add(start)
    queue.add(urljoin(start, "/sitemap.xml"))
    robots = _fetch(opener, urljoin(start, "/robots.txt"))
    for line in robots.body.decode("utf-8", "replace").splitlines() if robots.kind == "text/plain" else ():
        if line.lower().startswith("sitemap:"):
            queue.add(line.partition(":")[2].strip(), is_source=True)
    while queue.waiting and not out.cut:
        url = queue.waiting.popleft()
        answer = _fetch(opener, url)
        if answer.url != url:
            out.others += 1
            if answer.url in queue.known or not answer.url.startswith(queue.scope):
                continue
            queue.known.add(answer.url)
        _count(out, answer, is_source=url in queue.sources)
        for link in _sitemaps_of(answer):
            queue.add(link, is_source=True)
        for link in _links_of(answer):
            queue.add(link)
        out.cut = out.pages >= most
    return out


def _count(out: Plain, answer: Answer, *, is_source: bool) -> None:
    if _is_page(answer):
        out.pages += 1
    elif answer.kind and is_source:
        out.sources += 1
    else:
        out.others += 1


def _is_page(answer: Answer) -> bool:
    """Returns True for HTML, and for XHTML of any media type, which browsers show as a page."""
    is_xhtml = answer.kind.endswith("xml") and _XHTML in answer.body[:1_000] and b"<html" in answer.body[:1_000]
    return answer.kind == "text/html" or is_xhtml


def _fetch(opener: urllib.request.OpenerDirector, url: str) -> Answer:
    try:
        with opener.open(quote(url, safe=":/?=%&+,;@!$'()*~#[]"), timeout=60) as reply:
            return Answer(reply.url, reply.headers.get_content_type(), reply.read())
    except (urllib.error.URLError, OSError, ValueError):  # a missing page, or an invalid address
        return Answer(url)


def _sitemaps_of(answer: Answer) -> list[str]:
    if not answer.kind.endswith("xml") or _is_page(answer):
        return []
    try:
        return [str(text).strip() for text in lxml.etree.fromstring(answer.body).xpath(_SITEMAPS)]
    except lxml.etree.LxmlError:
        return []


def _links_of(answer: Answer) -> Iterator[str]:
    if not _is_page(answer):
        return
    try:
        root = lxml.html.document_fromstring(answer.body)
    except (lxml.etree.LxmlError, ValueError):  # an empty page
        return
    base = urljoin(answer.url, next(iter(root.xpath("//base/@href")), ""))
    for link in (*root.xpath(_LINKS), *root.xpath(_SOURCES)):
        try:
            url = urldefrag(urljoin(base, str(link).strip())).url
            yield url if urlsplit(url).path else f"{url}/"
        except ValueError:  # a link that is no address
            continue


def main() -> None:
    plain = plain_crawl(*sys.argv[1:3])
    print(json.dumps(asdict(plain) | {"requests": plain.requests}))


if __name__ == "__main__":
    main()
