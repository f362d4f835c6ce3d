"""Finds the links of a page (feeds, sitemaps, the platform's API, further pages of a listing, all URLs in scope),
lists the well-known URLs of feeds and sitemaps for sites that declare none, and finds the images, stylesheets and
fonts that a page or stylesheet needs (its requisites). Scripts, video and audio are not among these.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import islice, zip_longest
from urllib.parse import urljoin, urlsplit

import imagesize
from lxml import etree

from archiver.discovery.safe_parsing import MAX_TARGETS
from archiver.discovery.url_patterns import (
    SCOPE,
    ClassifiedLink,
    classify_link,
    is_asset,
    is_comment_feed,
    is_feed,
    is_part_feed,
    kind_by_address,
    origin_of,
    page_number,
    series_of,
    with_origin,
)
from archiver.discovery.wordpress_api import api_endpoint
from archiver.model.items import DiscoveredURL, DiscoverySource, PageKind, Requisite, RequisiteKind
from archiver.model.lazy_regex import lazy_regex
from archiver.model.urls import (
    IN_FOLDER,
    Scope,
    asset_address,
    folder_of,
    normalize,
    path_and_query,
    srcset_urls,
    urlkey,
)
from archiver.platforms import platform_tables
from archiver.platforms.selector_index import Index

# Well-known addresses. Each guess costs a request.

# The guesses for a site whose platform is unknown. The addresses for known platforms are in the platform tables.
_SITEMAPS = ("sitemap.xml", "sitemap_index.xml", "sitemap-index.xml")
_FEEDS = ("feed/", "feed.xml", "atom.xml", "rss.xml", "index.xml", "rss/")
_ROOT_SITEMAPS = _SITEMAPS[:1]
_MOST = 3
"""At most this many feeds, and as many sitemaps, are guessed for a site whose platform is known."""


def well_known_urls(start_url: str, scope: Scope, platform: str = "") -> tuple[DiscoveredURL, ...]:
    """Returns the well-known addresses of feeds and sitemaps on a site, most likely first. Addresses in the site's
    folder come before sitemaps in the host's root, because the latter may list pages outside the scope.

    If the `platform` is known, returns its usual addresses. Otherwise returns the addresses that the most common
    programs use. The source of the discovered URLs is SEED, because no page links to them.
    """
    parts = urlsplit(start_url)
    root = f"{parts.scheme}://{parts.netloc}/"
    folder = urljoin(root, scope.path)
    if scope.host.partition(":")[0].endswith(".blogspot.com"):
        platform = "blogger"
    table = next((t for t in platform_tables() if t.name == platform), None)
    sitemaps = (table.sitemaps[:_MOST] if table else ()) or _SITEMAPS
    feeds = (table.feeds[:_MOST] if table else ()) or _FEEDS
    rows = [
        (urljoin(folder, name), kind)
        for pair in zip_longest(sitemaps, feeds)
        for name, kind in zip(pair, (PageKind.SITEMAP, PageKind.FEED), strict=True)
        if name is not None
    ]
    if folder != root:
        rows += [(urljoin(root, name), PageKind.SITEMAP) for name in _ROOT_SITEMAPS]
    found: dict[str, DiscoveredURL] = {}
    for url, kind in rows:
        address = normalize(url)
        if address:
            found.setdefault(address, DiscoveredURL(address, DiscoverySource.SEED, kind))
    return tuple(found.values())


# Links on a page.

_FEED_TYPES = lazy_regex(
    r"application/(?:rss|atom|rdf|feed)\+(?:xml|json)|(?:application|text)/(?:rss|atom|x-rss)\b", re.IGNORECASE
)
_FEED_TEXTS = frozenset(("rss", "atom", "rss feed", "rss-feed", "rssfeed", "xml", "feed"))
_REFRESH = lazy_regex(r"\s*\d*\.?\d*\s*[;,]?\s*(?:url\s*=\s*)?[\"']?([^\"'\s]+)", re.IGNORECASE)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4"})
_ENTRY_CLASS = lazy_regex(
    r"(?:^|[\s_-])(?:(?:entry|post|article|story|news|item|card|teaser|blog)[\w-]*?[-_]*"
    r"(?:title|headline|heading|link|name)|"
    r"u-url|p-name|headline|permalink|read-?more|more-link|timestamp-link)(?:$|[\s_-])",
    re.IGNORECASE,
)
_PAGER_CLASS = lazy_regex(
    r"pagination|paginator|page-numbers|pagenavi|page-nav|pager|nav-links|nav-previous|nav-next|older|newer|load-?more|"
    r"next-?page|infinite|prevnext|page-link|extend",
    re.IGNORECASE,
)
_FEED_HOSTS = frozenset({"feeds.feedburner.com", "feedpress.me", "rss.app", "feeds2.feedburner.com"})
_REDIRECTORS = _FEED_HOSTS | {"feedproxy.google.com", "rss.feedsportal.com", "feedads.g.doubleclick.net"}
_LISTING_RELS = frozenset({"tag", "category", "author", "archives", "archive"})
_NEXT_RELS = frozenset({"next", "prev", "previous"})
_LINK_RELS = frozenset({"canonical", "alternate", "sitemap", "amphtml", *_NEXT_RELS})
_NEXT_DATA = ("data-next-url", "data-next-page-url", "data-next-page", "data-load-more-url")
_BUTTON_DATA = ("data-url", "data-href", "data-link", "data-more-url", "data-ajax-url")  # also those of other buttons
_ON_CLICK = lazy_regex(r"\blocation(?:\.href)?\s*=\s*['\"]([^'\"]+)|\blocation\.(?:assign|replace)\(\s*['\"]([^'\"]+)")
_MOST_NEXT_DATA = 20
_FEW_ENTRIES, _MANY_ENTRIES = 5, 50
"""A page of a list that a program divides into pages has so many entries."""
_SLIDER_CLASS = lazy_regex(r"swiper|slick|carousel|slider|splide|glide|owl-|flickity|tns-|gallery", re.IGNORECASE)
_PAGE_DATA = lazy_regex(r"data-(?:\w+-)?(?:page|paged|offset|cursor|skip|maxpages?|max-pages?)(?:-\w+)?")
_MORE_WORDS = lazy_regex(
    r"(?:load|show|view|see) (?:more|older)(?: (?:posts|articles|stories|news|entries|results))?|"
    r"(?:more|older) (?:posts|articles|stories|news|entries)|next page|"
    r"(?:mehr|weitere)(?: (?:beiträge|artikel|meldungen|nachrichten))? (?:laden|anzeigen)|ältere (?:beiträge|artikel)|"
    r"(?:charger|voir|afficher) plus(?: d['’]articles)?|articles plus anciens|(?:cargar|ver|mostrar) más(?: noticias)?|"
    r"entradas anteriores|(?:carregar|ver|mostrar) mais(?: notícias)?|(?:carica|mostra|vedi) altr[oie](?: articoli)?|"
    r"meer (?:laden|tonen|berichten)|(?:załaduj|pokaż) więcej|načíst další|zobrazit více|načítať ďalšie|"
    r"(?:ladda|visa) fler|(?:indlæs|vis|last inn) (?:flere|mer)|lataa lisää|näytä lisää|továbbiak betöltése|"
    r"încarcă mai mult[e]?|daha fazla(?: (?:göster|yükle|haber))?|φόρτωση περισσότερων|περισσότερα άρθρα|"
    r"(?:показать|загрузить) (?:ещ[её]|больше)|ещ[её] новости|(?:показати|завантажити) (?:ще|більше)|покажи още|"
    r"прикажи још|цааш үзэх|дэлгэрэнгүй үзэх|тағы жүктеу|تحميل المزيد|عرض المزيد|المزيد من (?:الأخبار|المقالات)|"
    r"(?:بارگذاری|نمایش) بیشتر|مزید (?:دیکھیں|خبریں)|טען עוד|עוד כתבות|और (?:पढ़ें|लोड करें|देखें)|আরও (?:দেখুন|পড়ুন|খবর)|"
    r"மேலும் (?:காண|செய்திகள்)|(?:ดู|โหลด)เพิ่มเติม|xem thêm|tải thêm|muat(?: lebih banyak|kan lagi)|"
    r"(?:加载|載入|查看|显示|顯示)更多|更多(?:文章|新闻|新聞)|もっと(?:見る|読み込む)|次のページ|"
    r"더 ?(?:보기|불러오기)|ավելին|տեսնել ավելին|მეტის ნახვა|ተጨማሪ (?:ይመልከቱ|አሳይ)|තවත් බලන්න|နောက်ထပ်(?:ကြည့်ရန်)?",
    re.IGNORECASE,
)
_SCROLL_SCRIPT = lazy_regex(
    r"infinite[-_]?scroll|load[-_]?more|IntersectionObserver[\s\S]*\bfetch\(|(?:fetch|get|ajax|open)\([^;]{0,80}[?&/]page\b",
    re.IGNORECASE,
)
_MAX_BUTTON, _MAX_DIGITS, _MAX_SCRIPT = 60, 3, 20_000
_MOST_NUMBERS = 15  # a pager shows at most this many numbers; a calendar shows more
_LISTING_ENTRIES = 3
_ZERO, _TAIL = lazy_regex(r"(?<!\d)0(?!\d)"), 20  # a page number is in the last characters of an address
_MAX_URL_LENGTH = 4_000  # links with more characters than this are ignored, since they would fill the cache
_MOST_SITE_LINKS = 2_048
_MAX_TRAPS = 200


@dataclass(frozen=True, slots=True)
class PageLinks:
    """The addresses to which one page links, each once, in the order of the page.

    - `next_pages`: the next and previous pages of the listing that this page belongs to.
    - `links`: all other addresses in scope. Their kind is LISTING if their address or `rel` says so, otherwise UNKNOWN.
      Their source is LISTING if the link is the title of an entry, otherwise LINK.
    - `refresh`, `canonical`: absolute addresses, which may be out of scope.
    - `nofollow`: True if meta robots asks crawlers not to follow the page's links.
    - `is_listing`: True if the page itself is a listing of posts.
    - `traps`: addresses that are crawl traps, are not worth fetching, or are on the host of a list but outside the
      site's folder, and are therefore only recorded.
    - `titles`: the elements that are titles of entries, with the addresses to which they link.
    - `others`: the elements of other links that may lead to posts, with their addresses.
    """

    feeds: tuple[DiscoveredURL, ...] = ()
    sitemaps: tuple[DiscoveredURL, ...] = ()
    api: str | None = None
    next_pages: tuple[DiscoveredURL, ...] = ()
    links: tuple[DiscoveredURL, ...] = ()
    refresh: str | None = None
    canonical: str | None = None
    nofollow: bool = False
    is_listing: bool = False
    traps: tuple[DiscoveredURL, ...] = ()
    titles: tuple[tuple[etree._Element, str], ...] = field(default=(), compare=False, repr=False)
    others: tuple[tuple[etree._Element, str], ...] = field(default=(), compare=False, repr=False)

    @property
    def all(self) -> tuple[DiscoveredURL, ...]:
        return self.feeds + self.sitemaps + self.next_pages + self.links


def parse_links(
    index: Index, url: str, scope: Scope, link_header: str = "", latest_year: int = 2100, *, with_api: bool = True
) -> PageLinks:
    """Returns the links of the page at `url`, its address after redirects. `index` is the index of its tree (parsed by
    lxml.html), and `link_header` is the Link header of the response. The address of the platform's API is looked for
    only if `with_api` is True. An address with a year after `latest_year` is a trap.

    Leaves out addresses out of scope, assets, comment feeds and AMP copies. Feeds of single categories, tags and
    authors are taken from the home page only, since the listings of these categories, tags and authors contain more
    posts. Feeds and sitemaps may be anywhere on the host; feeds that the page declares may also be on other hosts. If
    the origin of a link differs from the page's own origin only in http/https or www, it is replaced by the page's
    origin. rel=nofollow on a link within the site is ignored, because it only concerns the ranking in search engines.
    """
    return _Page(index, url, scope, latest_year).links(link_header, with_api=with_api)


def _is_button(element: etree._Element) -> bool:
    """Returns True if a visitor can click on an element, but no address says where it leads."""
    if element.tag == "input":
        return (element.get("type") or "").lower() in ("submit", "button", "image")
    address = (element.get("href") or "").strip().lower() if element.tag == "a" else ""
    return address in ("", "#", "#!") or address.startswith("javascript:")


def _has_class(element: etree._Element, pattern: re.Pattern[str]) -> bool:
    """Returns True if a class of an element, or of its nearest ancestors, matches a pattern."""
    near = (element, *islice(element.iterancestors(), 3))
    return any(pattern.search(one.get("class") or "") for one in near)


def has_hidden_pages(index: Index, url: str, scope: Scope, links: PageLinks) -> bool:
    """Returns True if a listing continues on further pages to which no link leads: only a script requests them, or a
    form. `links` are the links of the page; the other parameters are those of `parse_links`.
    """
    return links.is_listing and not _has_further_pages(url, links) and _Page(index, url, scope, 2100).has_hidden_pages()


_NUMBERED = lazy_regex(r"(?P<list>.*?/)(?:page/(?P<number>\d{1,4})/)?")


def _has_further_pages(url: str, links: PageLinks) -> bool:
    """Returns True if a page of a list links to another page of the list. Links in a menu may look like a pager."""
    at = _NUMBERED.fullmatch(url)
    first = at["list"] if at is not None and at["number"] else ""
    return any(page_number(one.url) != 1 or one.url == first for one in links.next_pages)


def usual_next_page(url: str, links: PageLinks, *, is_hidden: bool) -> tuple[DiscoveredURL, ...]:
    """Returns the address at which most programs put the next page of a list (/page/2/), if the page at `url` is a list
    without links to further pages, which scripts may insert; () otherwise. Nothing may be there: no page links to it.
    `is_hidden` is True if the page shows that there are further ones (`has_hidden_pages`).
    """
    at = _NUMBERED.fullmatch(url)
    is_page = is_hidden or _FEW_ENTRIES <= len(links.titles) <= _MANY_ENTRIES
    has_number = any(page_number(one.url) != 1 for one in links.links)
    if at is None or has_number or not is_page or not links.is_listing or _has_further_pages(url, links):
        return ()
    address = f"{at['list']}page/{int(at['number'] or 1) + 1}/"
    return (DiscoveredURL(address, DiscoverySource.SEED, PageKind.LISTING, found_on=url),)


def _is_pager_without_links(block: etree._Element | None) -> bool:
    """Returns True if a block consists of the numbers of pages and words such as "Next", and of no links: a script
    acts when one of them is clicked.
    """
    if block is None or next(block.iter("a"), None) is not None:
        return False
    texts = [
        text for child in islice(block, _MOST_NUMBERS + 1) if (text := "".join(map(str, child.itertext())).strip())
    ]
    return {"1", "2"} < set(texts) and len(texts) <= _MOST_NUMBERS and any(map(str.isalpha, texts))


@lru_cache(maxsize=256)  # the pages of a site share most of their scripts
def _loads_entries(script: str) -> bool:
    return _SCROLL_SCRIPT.search(script) is not None


def is_redirector(url: str) -> bool:
    """Returns True if a URL is on a host that, like FeedBurner, only redirects to the posts of a site."""
    return (urlsplit(url).hostname or "") in _REDIRECTORS


class _Page:
    def __init__(self, index: Index, url: str, scope: Scope, latest_year: int) -> None:
        self.index, self.url, self.scope, self.latest_year = index, url, scope, latest_year
        element = next(iter(index.tag("base")), None)
        self.base = (normalize(element.get("href") or "", url) if element is not None else None) or url
        self.origin = origin_of(url)
        self.rooted = _site_links(origin_of(self.base), self.origin, scope, latest_year)
        self.in_folder = _site_links(folder_of(self.base), self.origin, scope, latest_year)
        self.here = urlkey(url)
        self.is_home = self.here == urlkey(f"http://{scope.host}{scope.path}")
        self.kind = kind_by_address(url, scope.path)
        self.feeds: dict[str, DiscoveredURL] = {}
        self.sitemaps: dict[str, DiscoveredURL] = {}
        self.pagers: dict[str, DiscoveredURL] = {}
        self.found: dict[str, DiscoveredURL] = {}
        self.traps: dict[str, DiscoveredURL] = {}
        self.outside: set[str] = set()
        self.amp: set[str] = set()
        self.canonical: str | None = None
        self.refresh: str | None = None
        self.nofollow = False
        self.entries = 0
        self.titles: list[tuple[etree._Element, str]] = []
        self.others: list[tuple[etree._Element, str]] = []

    def links(self, link_header: str, *, with_api: bool) -> PageLinks:
        for element in self.index.root.iter("a", "area", "link", "option", "meta", "frame"):
            _HANDLERS[element.tag](self, element)
            if len(self.found) + len(self.pagers) >= MAX_TARGETS:
                break
        self._record_load_more_links()
        for address in self.amp & self.found.keys():
            self.traps[address] = DiscoveredURL(address, DiscoverySource.LINK, found_on=self.url, trap="amp")
            del self.found[address]
        is_listing = self.entries >= _LISTING_ENTRIES or self.is_home or self.kind is PageKind.LISTING
        if (self.is_home or self.kind is PageKind.LISTING) and len(self.outside) > len(self.found):
            # The list of a folder links out of it: nothing of that is fetched, and it must be said.
            for address in sorted(self.outside)[:_MAX_TRAPS]:
                self.traps[address] = DiscoveredURL(address, DiscoverySource.LINK, found_on=self.url, trap=SCOPE)
        following: dict[str, DiscoveredURL] = {}
        for address, target in self.pagers.items():
            # If this page is a post and not a listing, "next" leads to the next post.
            if target.kind is PageKind.LISTING or is_listing:
                # This page may be a post that looks like a listing, so only a numbered page certainly belongs to a
                # listing.
                kind = PageKind.LISTING if self._is_in_series(address) else target.kind
                following[address] = DiscoveredURL(address, DiscoverySource.LISTING, kind, self.url)
            else:
                self.found.setdefault(address, target)
        rest = tuple(t for a, t in self.found.items() if a not in following)
        return PageLinks(
            tuple(self.feeds.values()),
            tuple(self.sitemaps.values()),
            api_endpoint(self.index.root, link_header, self.url) if with_api else None,
            tuple(following.values()),
            rest,
            self.refresh,
            self.canonical,
            self.nofollow,
            is_listing,
            tuple(self.traps.values()),
            tuple(self.titles),
            tuple(self.others),
        )

    def has_hidden_pages(self) -> bool:
        """Returns True if the page has a button, or a link without an address, that shows further entries."""
        root, numbers = self.index.root, dict[etree._Element, set[int]]()
        for element in root.iter("button", "input", "a"):
            if not _is_button(element) or _has_class(element, _SLIDER_CLASS):
                continue
            text = " ".join((element.get("value") or "".join(map(str, element.itertext()))).split())[:_MAX_BUTTON]
            if text.isdecimal() and len(text) <= _MAX_DIGITS:
                around = element.getparent()
                while around is not None and len(around) == 1:
                    around = around.getparent()
                if around is not None:
                    numbers.setdefault(around, set()).add(int(text))
            elif (
                _MORE_WORDS.fullmatch(text.strip(" .…»›→↓+"))
                or element in self.in_pagers
                or any(_PAGE_DATA.fullmatch(str(name)) for name in element.keys())  # noqa: SIM118 (not a dict)
            ):
                return True
        if any({2, 3} <= found and len(found) <= _MOST_NUMBERS for found in numbers.values()):
            return True
        if any(map(_is_pager_without_links, {one.getparent() for one in root.iter("span", "li") if one.text == "2"})):
            return True
        scripts = (script.text for script in self.index.tag("script"))
        return any(text and len(text) < _MAX_SCRIPT and _loads_entries(text) for text in scripts)

    def _classify(self, href: str | None) -> ClassifiedLink | None:
        """Returns the classification of the link with this address (`href`, None if missing) if it leads to another
        page in scope; otherwise None. If the link leads to a feed, a sitemap or a trap, it is recorded.
        """
        if not href or href.startswith("#") or len(href) > _MAX_URL_LENGTH:
            return None
        if href.startswith(("http://", "https://", "/")):
            known = self.rooted[href]
        elif IN_FOLDER.match(href):
            known = self.in_folder[href]
        else:
            known = classify_link(href, self.base, self.origin, self.scope, self.latest_year)
        if known is None:
            return None
        url, role, _, rule = known
        if role == "page":
            return known if url != self.url else None
        if role == "sitemap":
            self._sitemap(url)
        elif role == "feed":
            self._feed(url, declared=False)
        elif role == "unwanted" and self.scope.path != "/" and Scope(self.scope.host).contains(url):
            self.outside.add(url)
        elif role == "trap" and len(self.traps) < _MAX_TRAPS and url not in self.traps:
            self.traps[url] = DiscoveredURL(url, DiscoverySource.LINK, found_on=self.url, trap=rule)
        return None

    def _anchor(self, element: etree._Element) -> None:
        known = self._classify(element.get("href"))
        if known is None:
            return
        address, _, kind, _ = known
        if (text := element.text) and text.strip().lower() in _FEED_TEXTS:
            self._feed(address, declared=False)
        rel = element.get("rel")
        rels = rel.lower().split() if rel else ()
        if rels and "amphtml" in rels:
            return
        if rels and not _NEXT_RELS.isdisjoint(rels):
            self._pager(address)
        elif kind is PageKind.UNKNOWN and ("bookmark" in rels or element in self.entry_titles):
            self.titles.append((element, address))
            self._add(address, DiscoverySource.LISTING, kind)
        elif element in self.in_pagers:
            self._pager(address)
        else:
            is_listing = kind is PageKind.UNKNOWN and not _LISTING_RELS.isdisjoint(rels)
            if kind is PageKind.UNKNOWN and not is_listing:
                self.others.append((element, address))
            self._add(address, DiscoverySource.LINK, PageKind.LISTING if is_listing else kind)

    def _add(self, address: str, source: DiscoverySource, kind: PageKind) -> None:
        known = self.found.get(address)
        if known is None or (
            known.source is DiscoverySource.LINK and source is DiscoverySource.LISTING and known.kind is kind
        ):
            if source is DiscoverySource.LISTING:
                self.entries += 1
            self.found[address] = DiscoveredURL(address, source, kind, self.url)

    def _pager(self, address: str) -> None:
        if self._is_page_zero(address):
            return
        kind = kind_by_address(address, self.scope.path)
        self.pagers.setdefault(address, DiscoveredURL(address, DiscoverySource.LINK, kind, self.url))

    def _is_in_series(self, address: str) -> bool:
        """Returns True if an address is a further page of a listing (with a page number), or the first page of the
        listing to which this page belongs.
        """
        if series_of(address):
            return True
        own = series_of(self.url).partition("#")[0].rstrip("/?")
        return bool(own) and own == path_and_query(address)[0].rstrip("/")

    def _is_page_zero(self, address: str) -> bool:
        """Returns True if an address is "page 0" of this page. Some themes link to it from the first page of a listing,
        where there is no previous page: it does not exist, or shows the same as this page.
        """
        if not _ZERO.search(address[-_TAIL:]) or page_number(address) != 0:
            return False
        path, query = path_and_query(self.url)
        return not query and series_of(address).partition("#")[0].rstrip("/?") == path.rstrip("/")

    def _link(self, element: etree._Element) -> None:
        href = element.get("href")
        rels = (element.get("rel") or "").lower().split()
        if not href or _LINK_RELS.isdisjoint(rels):  # most of these elements load files
            return
        address = normalize(href, self.base)
        if not address:
            return
        if "canonical" in rels:
            self.canonical = self.canonical or address
        elif "alternate" in rels and _FEED_TYPES.search(element.get("type") or ""):
            self._feed(address, declared=True)
        elif "sitemap" in rels:
            self._sitemap(address)
        elif "amphtml" in rels:
            self.amp.add(with_origin(address, self.origin))
        else:
            self._related_page(element, href, rels)

    def _related_page(self, element: etree._Element, href: str, rels: list[str]) -> None:
        """Records the link if it leads to the next or previous page of a listing, or to the same page in another
        language.
        """
        is_next = not _NEXT_RELS.isdisjoint(rels)
        is_translation = "alternate" in rels and element.get("hreflang")
        known = self._classify(href) if is_next or is_translation else None
        if known and is_next:
            self._pager(known.url)
        elif known:
            self._add(known.url, DiscoverySource.LINK, known.kind)

    def _meta(self, element: etree._Element) -> None:
        content = element.get("content") or ""
        if (element.get("http-equiv") or "").lower() == "refresh":
            _, separator, rest = content.partition(";")
            match = _REFRESH.match(f"0;{rest}") if separator else None
            address = normalize(match.group(1), self.base) if match else None
            if address and urlkey(address) != self.here:
                self.refresh = self.refresh or address
        elif (element.get("name") or "").lower() == "robots" and re.search(r"\b(?:nofollow|none)\b", content.lower()):
            self.nofollow = True

    def _option(self, element: etree._Element) -> None:
        """Records the address in an <option> of a drop-down list if it leads to another page, as in WordPress's
        archives and categories widgets.
        """
        value = element.get("value") or ""
        if "/" in value and (known := self._classify(value)):
            self._add(known.url, DiscoverySource.LINK, known.kind)

    def _frame(self, element: etree._Element) -> None:
        if known := self._classify(element.get("src")):
            self._add(known.url, DiscoverySource.LINK, known.kind)

    def _record_load_more_links(self) -> None:
        """Records the pages whose addresses "Load more" buttons and the like keep in data attributes or in the script
        for a click. In attributes that other buttons have, too, only an address with a page number counts.
        """
        names = (*_NEXT_DATA, *_BUTTON_DATA)
        buttons = {element for name in names for element in self.index.with_attribute(name)}
        pairs = (pair for element in self.index.sorted(buttons) for pair in element.items())
        for name, value in islice(((str(name), str(value)) for name, value in pairs if name in names), _MOST_NEXT_DATA):
            is_address = "/" in value or (name in _BUTTON_DATA and value.startswith("?"))
            if (
                is_address
                and (known := self._classify(value))
                and (name in _NEXT_DATA or self._is_in_series(known.url))
            ):
                self._pager(known.url)
        for element in islice(self.index.with_attribute("onclick"), _MOST_NEXT_DATA):
            if (m := _ON_CLICK.search(element.get("onclick") or "")) and (known := self._classify(m[1] or m[2])):
                if self._is_in_series(known.url):
                    self._pager(known.url)
                else:
                    target = DiscoveredURL(known.url, DiscoverySource.LINK, kind_by_address(known.url), self.url)
                    self.found.setdefault(known.url, target)

    @cached_property
    def in_pagers(self) -> set[etree._Element]:
        """The elements in the blocks with links to further pages (pagers): these blocks and their descendants down to
        three levels.
        """
        found = self._with_class(_is_pager_class)
        for name, elements in self.index.by_id():
            if _is_pager_class(name[:_MAX_URL_LENGTH]):
                found.update(elements)
        return found | _below(found)

    @cached_property
    def entry_titles(self) -> set[etree._Element]:
        """The elements that may be the title of an entry in a listing, because of their class or a heading in or around
        them. A link among them is the link to a post.
        """
        named = self._with_class(_is_entry_class)
        headings = [heading for name in _HEADINGS for heading in self.index.tag(name)]
        # A link may be a whole card, with the heading inside.
        cards = {card for heading in headings if (card := heading.getparent()) is not None}
        return named | cards | _below(named.union(headings))

    def _with_class(self, is_named: Callable[[str], bool]) -> set[etree._Element]:
        return {
            element
            for names, elements in self.index.by_class_value()
            if is_named(names[:_MAX_URL_LENGTH])
            for element in elements
        }

    def _feed(self, address: str, declared: bool) -> None:
        host = urlsplit(address).hostname or ""
        if is_comment_feed(address) or self._is_own_comment_feed(address):
            return
        if is_asset(address) and not (declared or is_feed(address)):
            return
        if not self.is_home and is_part_feed(address, self.scope.path):
            return
        if declared or host in _FEED_HOSTS or self._on_host(address):
            self.feeds.setdefault(address, DiscoveredURL(address, DiscoverySource.LINK, PageKind.FEED, self.url))

    def _is_own_comment_feed(self, address: str) -> bool:
        """Returns True if a feed's address is the page's own address followed by "feed/". At such an address WordPress
        serves the feed of a post's comments.
        """
        head, _, last = address.rstrip("/").rpartition("/")
        return (
            last == "feed"
            and urlkey(head + "/") == self.here
            and not self.is_home
            and self.kind is not PageKind.LISTING
        )

    def _sitemap(self, address: str) -> None:
        if self._on_host(address):
            self.sitemaps.setdefault(address, DiscoveredURL(address, DiscoverySource.LINK, PageKind.SITEMAP, self.url))

    def _on_host(self, address: str) -> bool:
        return Scope(self.scope.host).contains(address)


_HANDLERS = {
    "a": _Page._anchor,
    "area": _Page._anchor,
    "link": _Page._link,
    "meta": _Page._meta,
    "option": _Page._option,
    "frame": _Page._frame,
}


@lru_cache(maxsize=4_096)
def _is_pager_class(names: str) -> bool:
    return bool(_PAGER_CLASS.search(names))


@lru_cache(maxsize=4_096)
def _is_entry_class(names: str) -> bool:
    return bool(_ENTRY_CLASS.search(names))


def _below(elements: Iterable[etree._Element]) -> set[etree._Element]:
    """Returns the descendants of some elements down to three levels."""
    found: set[etree._Element] = set()
    level = elements
    for _ in range(3):
        level = {child for element in level for child in element}
        found |= level
    return found


class _SiteLinks(dict[str, ClassifiedLink | None]):
    """Maps the links of a site, as written in pages, to their classifications by `classify_link`. It is used for
    absolute links, for those that begin with "/", and for those relative to one folder of the site. A link is
    classified when it first occurs, so that the links of a menu are classified once and not on each page.
    """

    def __init__(self, base: str, origin: str, scope: Scope, latest_year: int) -> None:
        self._context = base, origin, scope, latest_year

    def __missing__(self, href: str) -> ClassifiedLink | None:
        page, separator, _ = href.partition("#")
        if separator and page == page.strip() != "":
            return self[page]  # the links to the comments of a post all lead to the post
        if len(self) >= _MOST_SITE_LINKS:
            self.clear()
        self[href] = known = classify_link(href, *self._context)
        return known


_site_links = lru_cache(maxsize=32)(_SiteLinks)


MAX_REQUISITES = 400
"""At most this many addresses are taken from one page or stylesheet."""
_MAX_CSS = 2_000_000  # at most this many characters of a stylesheet are read
_MAX_REQUISITE_LENGTH = 2_000
# Attributes with addresses of images: attributes of HTML, and attributes from which scripts load images late. In a
# replayed page, these scripts do not run.
_SOURCES = ("src", "data-src", "data-lazy-src", "data-original")
_SETS = ("srcset", "data-srcset", "data-lazy-srcset", "imagesrcset")
_ICONS = frozenset({"icon", "apple-touch-icon"})
# Matches links to image files. They show, at full size, a picture that is small on the page.
_IMAGE_FILE = lazy_regex(r"\.(?:jpe?g|png|gif|webp|avif|svgz?|bmp|tiff?|heic)$", re.IGNORECASE)
_FONT = lazy_regex(r"\.(?:woff2?|ttf|otf|eot)$", re.IGNORECASE)
# Formats of a font that only old browsers request.
_OLD_FONT = lazy_regex(r"\.(?:eot|svg)$", re.IGNORECASE)
_COMMENT = lazy_regex(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
# Matches url(...), plain or quoted, and @import with a URL or a string (CSS Syntax Module 3, section 4.3.6; CSS
# Cascade, section 2).
_NAMED = lazy_regex(
    r"""(@import\s+)?url\(\s*(?:"([^"\n]{1,2000})"|'([^'\n]{1,2000})'|([^\s"'()]{1,2000}))\s*\)"""
    r"""|@import\s+(?:"([^"\n]{1,2000})"|'([^'\n]{1,2000})')""",
    re.IGNORECASE,
)
_FONT_FACE = lazy_regex(r"@font-face\s*\{([^{}]*)\}", re.IGNORECASE)
_ESCAPE = lazy_regex(r"\\([^0-9a-fA-F\n])")


def requisites_of_page(root: etree._Element, url: str) -> tuple[Requisite, ...]:
    """Returns the images, stylesheets and fonts that a page needs, in the order of the page, each once. Returns at most
    MAX_REQUISITES.

    Includes images that the page links to as files, and every candidate of a `srcset`, since the screen at replay
    decides which one is shown. Leaves out data: URLs and other addresses that are not http(s).
    """
    return _first(_of_page(root, _base(root, url)))


def requisites_of_stylesheet(css: str, url: str) -> tuple[Requisite, ...]:
    """Returns the files that a stylesheet imports or uses in url(...), in its order. If a font is offered in several
    formats, returns only those that current browsers request.
    """
    return _first(_of_css(css, url))


def rewrite_stylesheet_urls(css: str, base: str, put: Callable[[str], str]) -> str:
    """Returns a stylesheet without comments, with each address that it imports or uses in url(...) replaced by
    `put(address)`. `base` is the address to which a relative address is relative.

    If `put` returns "", the address is removed; it must not return quotation marks, backslashes or line ends. data:
    URLs are kept.
    """

    def name(match: re.Match[str]) -> str:
        plain = _ESCAPE.sub(r"\1", next(value for value in match.groups()[1:] if value))
        if plain.startswith(("data:", "#")):
            return match[0]
        url = asset_address(plain, base)
        here = put(url) if url else ""
        if match[0][:1] == "@":
            return f'@import url("{here}")' if here else "@nothing"  # browsers ignore an unknown rule
        return f'url("{here or "data:,"}")'

    return _NAMED.sub(name, _COMMENT.sub(" ", css[:_MAX_CSS]))


def _first(found: Iterable[Requisite]) -> tuple[Requisite, ...]:
    out: dict[str, Requisite] = {}
    for one in found:
        out.setdefault(one.url, one)
        if len(out) >= MAX_REQUISITES:
            break
    return tuple(out.values())


def _base(root: etree._Element, url: str) -> str:
    element = next(iter(root.iter("base")), None)
    return (asset_address(element.get("href") or "", url) if element is not None else None) or url


def _of_page(root: etree._Element, base: str) -> Iterator[Requisite]:
    for element in root.iter("link", "style", "img", "source", "video", "input", "image", "body", "table", "td", "a"):
        yield from _of_element(element, base)
    for element in root.iter(etree.Element):
        if "url(" in (style := element.get("style") or ""):
            yield from _of_css(style, base)


def _of_element(element: etree._Element, base: str) -> Iterator[Requisite]:
    tag = element.tag
    if tag == "link":
        yield from _of_link(element, base)
    elif tag == "style":
        yield from _of_css(element.text or "", base)
    elif tag == "video":
        yield from _images((element.get("poster"),), base)
    elif tag == "image":
        yield from _images((element.get("href"), element.get("xlink:href")), base)
    elif tag == "a":
        if _IMAGE_FILE.search((element.get("href") or "").partition("?")[0]):
            yield from _images((element.get("href"),), base)
    elif tag in ("body", "table", "td"):
        yield from _images((element.get("background"),), base)
    elif tag == "img" or (tag == "input" and (element.get("type") or "").lower() == "image"):
        yield from _images((element.get(name) for name in _SOURCES), base)
        yield from _images(_candidates(element), base)
    elif tag == "source" and _parent(element) == "picture":
        yield from _images(_candidates(element), base)


def _of_link(element: etree._Element, base: str) -> Iterator[Requisite]:
    rel = set((element.get("rel") or "").lower().split())
    href, as_what = element.get("href"), (element.get("as") or "").lower()
    if ("stylesheet" in rel and "alternate" not in rel) or ("preload" in rel and as_what == "style"):
        yield from _one(href, base, RequisiteKind.STYLESHEET)
    elif "preload" in rel and as_what == "font":
        yield from _one(href, base, RequisiteKind.FONT)
    elif rel & _ICONS or ("preload" in rel and as_what == "image"):
        yield from _images((href, *_candidates(element)), base)


def _parent(element: etree._Element) -> object:
    parent = element.getparent()
    return parent.tag if parent is not None else None


def _images(values: Iterable[str | None], base: str) -> Iterator[Requisite]:
    for value in values:
        yield from _one(value, base, RequisiteKind.IMAGE)


def _one(value: str | None, base: str, kind: RequisiteKind) -> Iterator[Requisite]:
    text = (value or "").strip()
    if (
        text
        and len(text) <= _MAX_REQUISITE_LENGTH
        and not text.startswith(("data:", "#"))
        and (url := asset_address(text, base))
    ):
        yield Requisite(url, kind)


def _candidates(element: etree._Element) -> Iterator[str]:
    for name in _SETS:
        yield from srcset_urls(element.get(name) or "")


def _of_css(css: str, base: str) -> Iterator[Requisite]:
    text = _COMMENT.sub(" ", css[:_MAX_CSS])
    old = {name for face in _FONT_FACE.finditer(text) for name in _unneeded_formats(face[1])}
    for match in _NAMED.finditer(text):
        importing, *values = match.groups()
        name = next((value for value in values if value), "")
        if name in old:
            continue
        imported = importing is not None or match[0][:1] == "@"
        plain = _ESCAPE.sub(r"\1", name)
        path = plain.partition("?")[0].partition("#")[0]
        kind = (
            RequisiteKind.STYLESHEET
            if imported
            else (RequisiteKind.FONT if _FONT.search(path) else RequisiteKind.IMAGE)
        )
        yield from _one(plain, base, kind)


def _unneeded_formats(face: str) -> Iterator[str]:
    """Yields the addresses in a @font-face rule that current browsers do not request: those of fonts in old formats
    and, if there is one in WOFF 2, those of all other formats.
    """
    names = [next(v for v in match.groups()[1:] if v) for match in _NAMED.finditer(face)]
    paths = {name: name.partition("?")[0].partition("#")[0].lower() for name in names}
    best = any(path.endswith(".woff2") for path in paths.values())
    for name, path in paths.items():
        if (_OLD_FONT.search(path) and len(paths) > 1) or (best and _FONT.search(path) and not path.endswith(".woff2")):
            yield name


# Responses for requisites.

KEPT_STATUSES = frozenset({200, 301, 302, 303, 304, 307, 308})
"""The statuses of responses that are stored: 200 (the requisite itself), 304 (not modified), and the statuses of
redirects, which replay follows."""
ACCEPT = {
    RequisiteKind.IMAGE: "image/*,*/*;q=0.5",
    RequisiteKind.STYLESHEET: "text/css,*/*;q=0.1",
    RequisiteKind.FONT: "font/*,*/*;q=0.5",
}
"""The Accept header by kind. It prefers no format, since a server then usually sends the original file."""
_ARTICLES = {kind: f"an {kind}" if kind is RequisiteKind.IMAGE else f"a {kind}" for kind in RequisiteKind}
_HEAD = 1_024
_TYPES = {
    RequisiteKind.IMAGE: lazy_regex(r"image/.+"),
    RequisiteKind.STYLESHEET: lazy_regex(r"text/css"),
    RequisiteKind.FONT: lazy_regex(r"(?:font/.+|application/(?:x-)?(?:font-?|vnd\.ms-font).*|image/svg\+xml)"),
}
# Types that servers send for files of unknown type. The first bytes of the body then decide (WHATWG MIME Sniffing,
# sections 6.1 and 6.2).
_UNKNOWN_TYPES = frozenset({"", "application/octet-stream", "binary/octet-stream", "text/plain", "application/unknown"})
_MAGIC = {
    RequisiteKind.IMAGE: lazy_regex(
        rb"\x89PNG\r\n|GIF8[79]a|\xff\xd8\xff|RIFF....WEBP|BM|\x00\x00\x01\x00|II\*\x00|MM\x00\*|"
        rb"....ftyp(?:avif|avis|heic|mif1)|\x00\x00\x00\x0cJXL |\s*(?:<\?xml[^>]*>\s*)?<svg",
        re.DOTALL,
    ),
    RequisiteKind.STYLESHEET: lazy_regex(rb"[^\x00<]*\{|\s*(?:/\*|@)"),
    RequisiteKind.FONT: lazy_regex(rb"wOFF|wOF2|OTTO|true|\x00\x01\x00\x00|ttcf"),
}
_PAGE = lazy_regex(rb"(?:\xef\xbb\xbf)?\s*(?:<!doctype\s+html|<html|<head|<body|<script|<title)", re.IGNORECASE)


def type_mismatch(kind: RequisiteKind, content_type: str, body: bytes, content_coding: str = "") -> str:
    """Returns, as a phrase, why a response with status 200 is not a file of this kind; "" if it is one.

    `body` is the body as received, with its content coding. An HTML page never counts as such a file, whatever its
    declared type, because many hosts answer with a page if a file does not exist.
    """
    if not body:
        return "the response is empty"
    media_type = content_type.partition(";")[0].strip().lower()
    head = body_prefix(body, content_coding)
    if head is not None and _PAGE.match(head):
        return f"a page instead of {_ARTICLES[kind]}"
    if _TYPES[kind].fullmatch(media_type):
        return ""
    if media_type in _UNKNOWN_TYPES and head is not None and _MAGIC[kind].match(head):
        return ""
    return f"not {_ARTICLES[kind]} ({media_type or 'no content type'})"


def body_prefix(body: bytes, content_coding: str) -> bytes | None:
    """Returns the first bytes of a response body, decoded from its content coding; None if the coding is unsupported or
    the data is broken.
    """
    coding = content_coding.strip().lower()
    if coding in ("", "identity"):
        return body[:_HEAD]
    if coding in ("gzip", "x-gzip", "deflate"):
        wbits = 31 if coding != "deflate" else (15 if body[:1] == b"\x78" else -15)
        try:
            return zlib.decompressobj(wbits).decompress(body, _HEAD)
        except zlib.error:
            return None
    return None


def image_size(body: bytes) -> tuple[int, int] | None:
    """Returns the width and height of an image in pixels, as shown (after EXIF rotation). Returns None if the image's
    header does not state them, and always for SVG, which has no size in pixels.
    """
    if body.lstrip()[:1] == b"<":
        return None
    width, height = imagesize.get(io.BytesIO(body))
    return (width, height) if width > 0 and height > 0 else None
