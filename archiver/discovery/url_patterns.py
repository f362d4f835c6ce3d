"""Classifies URLs by their spelling alone (crawl traps, feeds, sitemaps, listings, files, possible posts), and computes
URL patterns.

Only what is common on the whole web is recognized. The words for listings are those that blog and news programs put in
addresses, in the languages into which these programs are translated.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from archiver.model.items import Outcome, PageKind
from archiver.model.lazy_regex import lazy_regex
from archiver.model.urls import PATH_VALUE, Scope, folder_path, may_name_post, names_post, normalize, path_and_query

# Crawl traps and addresses that are not worth fetching: one table, each rule with its name and its reason.


class TrapRule(NamedTuple):
    """A rule that recognizes one kind of crawl trap by a regular expression for the path, or by one for a query
    parameter.

    - `path`: searched in the unescaped path.
    - `key`, `value`: `key` must match the whole name of a parameter, and `value` the parameter's value.
    - `says`: the reason in messages, as a phrase.
    """

    name: str
    says: str
    path: re.Pattern[str] | None = None
    key: re.Pattern[str] | None = None
    value: re.Pattern[str] | None = None


def _row(name: str, says: str, path: str = "", key: str = "", value: str = "") -> TrapRule:
    one, two, three = (lazy_regex(p, re.IGNORECASE) if p else None for p in (path, key, value))
    return TrapRule(name, says, one, two, three)


_WHOLE_STEP = r"(?:/|$)"
TRAPS: tuple[TrapRule, ...] = (
    _row(
        "account",
        "a login or account page",
        r"/(?:wp-login\.php|wp-signup\.php|wp-register\.php|my-account|login|log-in|signin|sign-in|logout|register|"
        rf"signup|sign-up|user/login|password){_WHOLE_STEP}",
        r"redirect_to|redirect|returnurl|return_to|login|logout|unsubscribe",
    ),
    _row(
        "shop",
        "a page of a shop",
        rf"/(?:cart|basket|checkout|wishlist){_WHOLE_STEP}",
        r"add-to-cart|remove_item|min_price|max_price",
    ),
    _row(
        "machine",
        "for programs and editors, not for readers",
        r"/(?:wp-admin|wp-json|wp-content|wp-includes|wp-trackback\.php|wp-comments-post\.php|xmlrpc\.php|cgi-bin|"
        r"cdn-cgi|mailto:|javascript:|b/post-preview|share-post\.g|comment\.g|post-edit\.g|email-post\.g|"
        rf"delete-comment\.g){_WHOLE_STEP}|/(?:trackback|embed|oembed)/?$",
        r"doing_wp_cron|preview|preview_id|rest_route|oldid|diff|vote|like|rate|bloguid",
    ),
    _row("amp", "the AMP version of a post", r"/amp/?$"),
    _row("print", "the print version of a post", r"/(?:print|printable)/?$", r"print"),
    _row(
        "comments",
        "comments on a post",
        rf"/feed/comments{_WHOLE_STEP}|/comments?/\d+/?$|/comment-page-\d+/?$|#comment",
        r"replytocom|showcomment|reverse-paginate",
    ),
    _row("attachment", "a page for a picture of a post", key=r"attachment_id"),
    _row("share", "a dialog to share a post", key=r"share"),
    _row(
        "search",
        "search results of the site",
        key=r"s|q|query|search|search_query|suche|buscar",
        value=rf"(?!{PATH_VALUE}$).*",
    ),
    _row(
        "sorting",
        "a sorted or filtered list",
        key=r"orderby|order|sort|sortby|filter(?:_\w+|\[.*\])|facets?(?:\[.*\])?",
    ),
    _row(
        "calendar",
        "a page of an endless calendar",
        r"/calendar/|/kalender/\d",
        r"ical|outlook-ical|tribe[-_][\w-]+|eventdisplay|calendar|cal-?date",
    ),
    # The parameter's value must match, too, since old programs also show posts at ?action=...
    _row(
        "action",
        "an action, not a page",
        key=r"action|do|act|mode|op|task",
        value=r"edit|login|logout|register|lostpassword|reply|print|printable|vote|delete|history|raw|submit|search|"
        r"compare|e?mail|send|report|add|new|post",
    ),
)
_SEARCH_PATH = lazy_regex(r"/search/?$", re.IGNORECASE)
_EVENTS = lazy_regex(
    r"/(?:events?|calendar|kalender|agenda|termine|veranstaltungen|calendario|eventos)(?:/|$)", re.IGNORECASE
)
_EVENT_KEYS = frozenset({"date", "month", "year", "day", "week", "view"})
# Matches an address that ends with a date. If a segment followed the date, it would be the address of a post.
_DATE_STEPS = lazy_regex(r"/(?:19|20)\d\d(?:[/_-]\d{1,2}){0,2}/?$")
_YEAR_IN_PATH = lazy_regex(r"/((?:1[0-9]|2[0-9])\d\d)/(?:\d\d?)(?:/|$)")
# Matches an address with a name after a date. It is the address of a post of that day, not of a calendar page.
_NAMED_DAY = lazy_regex(r"/[12]\d{3}/\d\d?/\d\d?/[^/]*[^\W\d_][^/]*/?$")
_MAX_STEPS = 14
_MAX_REPEATS = 4
_EARLIEST = 1990
SCOPE, FILE = "scope", "file"
_OWN_SAYS = {
    SCOPE: "outside the site",
    FILE: "a file and not a web page, according to its extension",
    "growing path": "its path repeats itself, because of wrong relative links",
    "impossible year": "its path has a year before the web existed or in the future",
}
_SAYS = {row.name: row.says for row in TRAPS} | _OWN_SAYS


def trap_reason(rule: str) -> str:
    """Returns a trap rule's reason for messages, as a phrase; "" if `rule` is ""."""
    return _SAYS[rule] if rule else ""


def outcome_of_trap_rule(rule: str) -> Outcome:
    """Returns the outcome of an address that a trap rule excludes (OUT_OF_SCOPE or TRAP); DUE if `rule` is ""."""
    return Outcome.DUE if not rule else Outcome.OUT_OF_SCOPE if rule == SCOPE else Outcome.TRAP


def matching_trap_rule(url: str, latest_year: int = 2100) -> str:
    """Returns the name of the rule that recognizes a URL as a crawl trap; "" if no rule matches. A URL with a year
    after `latest_year` in its path is a trap, too.
    """
    path, query = path_and_query(url)
    by_path = next((row.name for row in TRAPS if row.path and row.path.search(path)), "")
    if by_path:
        return by_path
    if _SEARCH_PATH.search(path) and "updated-max" not in query:
        return "search"
    steps = [s for s in path.split("/") if s]
    if len(steps) > _MAX_STEPS or (len(steps) >= _MAX_REPEATS and max(Counter(steps).values()) >= _MAX_REPEATS):
        return "growing path"
    year = _YEAR_IN_PATH.search(path)
    if year and not _EARLIEST <= int(year.group(1)) <= latest_year and not _NAMED_DAY.search(path):
        return "impossible year"
    return _by_query(path, query)


def _by_query(path: str, query: str) -> str:
    if not query:
        return "calendar" if _DATE_STEPS.search(path) and _EVENTS.search(path) else ""
    pairs = parse_qsl(query, keep_blank_values=True)
    for row in TRAPS:
        if row.key and any(row.key.fullmatch(k) and (row.value is None or row.value.fullmatch(v)) for k, v in pairs):
            return row.name
    return "calendar" if any(k.lower() in _EVENT_KEYS for k, _ in pairs) and _EVENTS.search(path) else ""


_WORDS = {
    "category": "category categories cat kategorie kategorien kategori kategoriat kategoria kategorije kategorija "
    "categoria categorias categoría categorías catégorie catégories categorie rubrik rubriken rubrique "
    "rubriques rubrica rubricas rubryka section sections seccion secciones sección secao secoes seção "
    "sezione chuyen-muc danh-muc luokka kategoriya kategoriia rubrika topic topics thema themen theme "
    "themes tema temas sujet sujets dossier dossiers series serie категория категории рубрика рубрики "
    "분류 카테고리 分类 分類 カテゴリー カテゴリ تصنيف קטגוריה หมวดหมู่ κατηγορια",
    "tag": "tag tags tagged etiqueta etiquetas label labels schlagwort schlagworte schlagwoerter stichwort "
    "stichworte etiquette etiquettes mot-cle mots-cles motcle keyword keywords tu-khoa trefwoord etikett "
    "nyckelord avainsana stitek oznaka тег теги метка метки 标签 標籤 タグ 태그 وسم תגית",
    "author": "author authors autor autores autoren auteur auteurs autore autori verfasser byline tac-gia "
    "forfatter forfattare kirjoittaja автор авторы 作者 投稿者 글쓴이 كاتب contributor contributors",
    "archive": "archive archives archiv archivo archivos archivio arquivo arquivos archief arkiv arkisto arhiv "
    "arhiva archiwum luu-tru arsip arşiv архив архивы 归档 歸檔 アーカイブ 보관함 أرشيف",
}
_LISTING_WORD = {word: kind for kind, words in _WORDS.items() for word in words.split()}
_PAGE_WORDS = (
    "page|pagina|página|pàgina|pag|seite|trang|strona|strana|stranica|stranka|stránka|sivu|side|sida|sayfa|halaman|"
    "oldal|puslapis|lehekulg|selida|σελίδα|страница|stranitsa|сторінка|storinka|صفحة|صفحه|עמוד|ページ|頁|页|페이지|"
    "หน้า|पृष्ठ|পাতা|பக்கம்|გვერდი"
)
_PAGE_NUMBER = r"\d{1,5}(?:\.\w{3,5})?/?$"
_NUMBERED_FILE = rf"/index[_-]?\d{{1,4}}\.\w{{3,5}}$|[_-]page[_-]?{_PAGE_NUMBER}"
_PAGED = lazy_regex(rf"/(?:{_PAGE_WORDS})[/_-]?{_PAGE_NUMBER}|{_NUMBERED_FILE}", re.IGNORECASE)
_MONTH, _DAY = "(?:0?[1-9]|1[0-2])", "(?:0?[1-9]|[12]\\d|3[01])"
_DATED = lazy_regex(
    rf"(?<!/\d)(?<!/\d\d)/(?:19|20)\d\d(?:/{_MONTH}(?:/{_DAY})?)?/?$|"
    r"/(?:19|20)\d\d[-_](?:0[1-9]|1[0-2])(?:[-_]\d\d)?(?:[-_]archive\.html)?/?$|/(?:19|20)\d\d[-_]archive\.html$"
)
_LISTING_QUERY = lazy_regex(r"(?:cat|category|category_name|tag|author|author_name|updated-max)", re.IGNORECASE)
_LISTING_NUMBER = lazy_regex(r"(?:paged|page|pg|pagina|seite|year|monthnum|start-index|offset|start)", re.IGNORECASE)

_ASSET = lazy_regex(
    r"\.(?:pdf|docx?|xlsx?|pptx?|od[tsp]|rtf|epub|mobi|ps|eps|csv|tsv|jpe?g|png|gif|webp|avif|svgz?|bmp|tiff?|ico|heic|psd|"
    r"mp[34]|m4[av]|og[gva]|opus|wav|flac|aac|avi|mov|wm[av]|mkv|webm|flv|swf|css|m?js|map|json|geojson|woff2?|ttf|otf|eot|"
    r"zip|gz|tgz|bz2|xz|rar|7z|tar|exe|msi|dmg|apk|iso|deb|rpm|jar|bin|sig|asc|sha\d*|md5|ics|vcf|torrent|kmz?|gpx|"
    r"txt|xml|xsl|xsd|rss|atom|rdf|wasm|ipynb|patch|diff|log|yaml|yml|toml|ini|sql|db)$",
    re.IGNORECASE,
)
_FEED_PATH = lazy_regex(
    r"/(?:feed|rss|atom|rdf|feed/(?:rss2?|atom|rdf)|rss2|rss/feed)/?$|/(?:feed|rss)/index\.(?:xml|html)$|"
    r"/index\.(?:xml|rss|rdf|atom)$|\.(?:rss|atom|rdf)(?:\.xml)?$|/[\w.-]*(?:feed|rss|atom)[\w.-]*\.(?:xml|json|php)$|"
    r"/feeds/(?:posts/(?:default|summary)(?:/-/[^/]+)?|[\w.-]+\.xml)/?$",
    re.IGNORECASE,
)
_FEED_QUERY = lazy_regex(r"(?:^|&)(?:feed=(?:rss2?|atom|rdf|json)|format=feed|alt=rss)", re.IGNORECASE)
_COMMENT_FEED = lazy_regex(
    r"/comments/(?:feed|rss|atom|default|summary)\b|/feeds/(?:\d+/)*comments/|/comments?[-_.](?:feed|rss|atom)|"
    r"(?:feed|type)=comments|/comments\.(?:rss|atom|xml)$|/feed/comments\b|[?&]withcomments=|"
    r"[?&]feed=[\w-]+&(?:[^#]*&)?(?:p|page_id|attachment_id)=\d|"
    r"[?&](?:p|page_id|attachment_id)=\d+&(?:[^#]*&)?feed=",
    re.IGNORECASE,
)
_SITEMAP_PATH = lazy_regex(r"/[\w.-]*site-?map[\w.-]*\.(?:xml|txt|xml\.gz|gz)$|/wp-sitemap[\w-]*\.xml$", re.IGNORECASE)
_LONG_SLUG = lazy_regex(r"(?:[^-_]+[-_]){4,}")


Role = Literal["page", "feed", "sitemap", "comments", "trap", "unwanted"]


class ClassifiedLink(NamedTuple):
    """The classification of a link by its address: what it leads to (`role`) and, if `role` is "page", the kind of the
    page. `rule` is the name of the trap rule, only set if `role` is "trap".
    """

    url: str
    role: Role
    kind: PageKind
    rule: str = ""


@lru_cache(maxsize=16_384)  # cached because the links of a site's menu are on each of its pages
def classify_link(href: str, base: str, origin: str, scope: Scope, latest_year: int) -> ClassifiedLink | None:
    """Classifies a link by its address; returns None if it is not a web address. The role is `unwanted` if the address
    is out of scope, and `trap` if it is a crawl trap, or a file in scope that is not a web page.

    `base` is the address to which a relative link is relative. `origin` ("https://example.org/") is the scheme and host
    that the site prefers. A year after `latest_year` makes an address a trap.
    """
    url = normalize(href, base)
    if url is None:
        return None
    url = with_origin(url, origin)
    role: Role = "page"
    rule = ""
    if is_sitemap(url):
        role = "sitemap"
    elif is_comment_feed(url):
        role = "comments"
    elif is_feed(url):
        role = "feed"
    elif not scope.contains(url):
        role = "unwanted"
    elif rule := FILE if is_asset(url) else matching_trap_rule(url, latest_year):
        role = "trap"
    return ClassifiedLink(url, role, kind_by_address(url, scope.path) if role == "page" else PageKind.UNKNOWN, rule)


def origin_of(url: str) -> str:
    """Returns the scheme and host of a URL: "https://example.org/"."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"


def with_origin(url: str, origin: str) -> str:
    """Returns `url` with the scheme and host of `origin` if their hosts differ at most in www; otherwise returns `url`
    unchanged.
    """
    own = origin_of(url)
    if own != origin and _bare(own) == _bare(origin):
        return origin + url[len(own) :]
    return url


@lru_cache(maxsize=1_024)
def _bare(origin: str) -> str:
    return re.sub(r"^https?://(?:www\d?\.)?", "", origin)


def is_feed(url: str) -> bool:
    """Returns True if a URL has the form of a feed (RSS, Atom or JSON Feed), as used by WordPress, Blogger and static
    site generators.
    """
    parts = urlsplit(url)
    return bool(_FEED_PATH.search(unquote(parts.path)) or _FEED_QUERY.search(parts.query))


def is_part_feed(url: str, folder: str = "/") -> bool:
    """Returns True if a feed contains only the posts of one category, tag, author or month, judging by its address.
    `folder` is the scope's path.
    """
    query = urlsplit(url).query
    if _FEED_QUERY.search(query) and _kind_by_query(query) is PageKind.LISTING:
        return True
    head = re.sub(
        r"/(?:feed|rss2?|atom|index\.xml|feed\.xml|rss\.xml|atom\.xml)(?:/(?:rss2?|atom|rdf))?/?$",
        "/",
        url.partition("?")[0],
    )
    return (head != url and kind_by_address(head, folder) is PageKind.LISTING) or "/feeds/posts/default/-/" in url


def is_comment_feed(url: str) -> bool:
    """Returns True if a URL has the form of a comment feed (WordPress, Blogger and similar programs)."""
    return bool(_COMMENT_FEED.search(url[len(origin_of(url)) - 1 :]))


def is_sitemap(url: str) -> bool:
    """Returns True if a URL has the form of an XML or text sitemap."""
    return bool(_SITEMAP_PATH.search(urlsplit(url).path))


def is_asset(url: str) -> bool:
    """Returns True if the last segment of a URL's path has the file extension of a document, media file, script or data
    file. A wiki's page about a file (File:quay.jpg) is not an asset.
    """
    last = path_and_query(url)[0].rpartition("/")[2]
    return ":" not in last and bool(_ASSET.search(last))


def kind_by_address(url: str, folder: str = "/") -> PageKind:
    """Returns the kind of page at a URL, as far as the form of the URL shows the kind: LISTING, PAGE (WordPress's
    ?page_id=) or UNKNOWN. `folder` is the scope's path.
    """
    path, query = path_and_query(url)
    if query and (kind := _kind_by_query(query)):
        return kind
    if folder != "/" and path.startswith(folder):
        path = "/" + path[len(folder) :]
    path = folder_path(path)
    if _PAGED.search(path) or _DATED.search(path):
        return PageKind.LISTING
    return PageKind.LISTING if _is_listing_path([s for s in path.lower().split("/") if s]) else PageKind.UNKNOWN


_SLUG_WORDS = lazy_regex(r"[^\W_]+")
_YEAR_STEP = lazy_regex(r"(?:19|20)\d\d(?:[-_]?(?:0[1-9]|1[0-2]))?")
_NAME_WITHOUT_SPACES = lazy_regex(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]{6}")
"""Matches the beginning of a title in a script without spaces between words, such as Thai or Chinese."""
_PAGE_FILE = lazy_regex(r"\.(?:[sx]?html?|php\d?|aspx?|jspx?|cfm)$", re.IGNORECASE)
_MANY_WORDS, _LONG_NUMBER = 4, 5


def looks_like_post(url: str) -> bool:
    """Returns True if a URL looks like the address of one post and not of a whole site: it contains a year and a name,
    the number of a post, or a title of several words.
    """
    path, query = path_and_query(url)
    if kind_by_address(url) is not PageKind.UNKNOWN or is_feed(url) or is_sitemap(url):
        return False
    if query and names_post(parse_qsl(query)):
        return True
    *before, last = [step for step in folder_path(path).split("/") if step] or [""]
    name = _PAGE_FILE.sub("", last)
    words = len(_SLUG_WORDS.findall(name))
    if not name or name.startswith("~"):
        return False
    if any(_YEAR_STEP.fullmatch(step) for step in before) and not name.isdecimal():
        return True
    if name.isdecimal():
        return len(name) >= _LONG_NUMBER and bool(before)
    is_page = name != last or (words > 1 and bool(re.search(rf"\d{{{_LONG_NUMBER},}}$|^\d{{{_LONG_NUMBER},}}", name)))
    return words >= (2 if is_page else _MANY_WORDS) or bool(_NAME_WITHOUT_SPACES.match(name))


def _kind_by_query(query: str) -> PageKind | None:
    values = dict(parse_qsl(query, keep_blank_values=True))
    if "page_id" in values:
        return PageKind.PAGE
    if "p" in values or "id" in values or names_post(values.items()):
        return PageKind.UNKNOWN
    if re.fullmatch(r"\d{4}(?:\d\d){0,2}", values.get("m", "")):
        return PageKind.LISTING
    listing = any(
        v and (_LISTING_QUERY.fullmatch(k) or (v.isdecimal() and _LISTING_NUMBER.fullmatch(k)))
        for k, v in values.items()
    )
    return PageKind.LISTING if listing else None


def _is_listing_path(segments: list[str]) -> bool:
    return bool(listing_word(segments)) or segments[:2] == ["search", "label"] or _is_listing_overview(segments)


def _is_listing_overview(segments: list[str]) -> bool:
    """Returns True if a path ends with a word for listings. Such a page lists all tags or archives: /tags/,
    /en/archive.html.
    """
    first = next((at for at, s in enumerate(segments[:3]) if _bare_word(s) in _LISTING_WORD), -1)
    return first >= 0 and not segments[first + 1 :]


def listing_word(segments: list[str]) -> str:
    """Returns the word in a path that makes it a listing of one category, tag or author, such as "tag" in /en/tag/sea/.
    Returns "" for other paths.
    """
    for at, segment in enumerate(segments[:3]):
        kind, rest = _LISTING_WORD.get(_bare_word(segment)), segments[at + 1 :]
        if kind is None or not rest:
            continue
        last = _bare_word(rest[-1])
        if kind == "archive":  # many sites have posts, not listings, under /archives/
            return ""
        is_post = _LONG_SLUG.match(last) or (last.isdecimal() and len(last) > 4) or len(rest) > 3
        return "" if is_post else segment
    return ""


_PAGE_ENDING = lazy_regex(r"\.(?:html?|php|aspx?)$")


def _bare_word(segment: str) -> str:
    return _PAGE_ENDING.sub("", segment) if "." in segment else segment


# URL patterns: what a URL has in common with other URLs that the same program generated.

_NUMBER = lazy_regex(r"\d+")
_DATED_PATH = lazy_regex(r"/(?:19|20)\d\d(?:[/_-]\d{1,2}){0,2}(?:[-_]archive\.html)?/?$")
_PAGE_STEP = lazy_regex(rf"/(?:{_PAGE_WORDS}|p)[/_-]?{_PAGE_NUMBER}|{_NUMBERED_FILE}", re.IGNORECASE)
_PAGE_KEY = lazy_regex(r"(?:paged?|pg|pagina|seite|start|start-index|offset|skip|from|chunk|p)", re.IGNORECASE)
# Parameters that identify a page of a list by the last entry of the page before, such as Blogger's updated-max and
# cursors.
_CHAIN_KEY = lazy_regex(
    r"updated-max|max-results|before|after|cursor|max_id|page_?token|start-?after|older-?than", re.IGNORECASE
)
_DATE_KEYS = frozenset({"m", "year", "monthnum"})
_SEARCH = lazy_regex(r"/(?:search|suche|buscar|recherche|cerca|busca)/[^/]+/?$", re.IGNORECASE)


class URLPattern(NamedTuple):
    """The pattern of a URL: what it has in common with other URLs that the same program generated.

    `family` is paging, dates, terms (tags, categories, authors, searches), query, numbers, or "" if the URL has no
    pattern. The frontier adds five families:

    - below: addresses below the address of a post.
    - captures: addresses known only from a web archive.
    - folder: plain pages of one folder that no feed, sitemap or API lists.
    - form: plain pages that no feed, sitemap or API lists, with addresses like /news/9/9/s.html (see `form_pattern`).
    - feeds: feeds of parts of the site.

    `key` is the address of the list if the family is paging. For the other families, it is the part that all URLs of
    the pattern have in common.
    """

    family: str
    key: str


NO_PATTERN = URLPattern("", "")
_FAMILIES_OF_POSTS = frozenset({"", "numbers", "query"})


@lru_cache(maxsize=16_384)
def pattern_of(url: str, folder: str = "/") -> URLPattern:
    """Returns the pattern of a URL. An index file at the end makes no difference. `folder` is the scope's path."""
    path, query = path_and_query(url)
    path = folder_path(path)
    pairs = parse_qsl(query, keep_blank_values=True)
    if term := _term(path, folder) or _term_query(pairs):
        return URLPattern("terms", term)
    if series := _series(path, pairs):
        return URLPattern("paging", series)
    is_listing = kind_by_address(url, folder) is PageKind.LISTING
    return _pattern_by_query(path, pairs, is_listing) if pairs else _pattern_by_path(path, is_listing)


def _pattern_by_query(path: str, pairs: list[tuple[str, str]], is_listing: bool) -> URLPattern:
    if is_listing and any(k in _DATE_KEYS for k, _ in pairs):
        return URLPattern("dates", f"{_digitless(path)}?{'&'.join(sorted(k for k, _ in pairs))}")
    return NO_PATTERN if may_name_post(pairs) else URLPattern("query", f"{_digitless(path)}?")


def _pattern_by_path(path: str, is_listing: bool) -> URLPattern:
    if _DATED_PATH.search(path) or (is_listing and _NUMBER.search(path)):
        return URLPattern("dates", _digitless(path))
    steps = [s for s in path.split("/") if s]
    is_numbered = len(steps) > 1 and re.fullmatch(r"[\d._-]+", steps[-1])
    return URLPattern("numbers", _digitless(path)) if is_numbered else NO_PATTERN


@lru_cache(maxsize=4_096)  # cached because the links of a site's menu are on each of its listings
def series_of(url: str) -> str:
    """Returns the address of a list without the page number, given the URL of one of its pages; "" if the URL contains
    no page number.
    """
    path, query = path_and_query(url)
    return _series(folder_path(path), parse_qsl(query, keep_blank_values=True))


@lru_cache(maxsize=4_096)
def page_number(url: str) -> int | None:
    """Returns the page number in a URL; 1 if the URL contains none. Returns None if the URL identifies a page of a list
    by something other than a number (Blogger's `updated-max`, cursors).
    """
    path, query = path_and_query(url)
    path, pairs = folder_path(path), parse_qsl(query, keep_blank_values=True)
    if not _series(path, pairs):
        return 1
    step = _PAGE_STEP.search(path)
    numbers = re.findall(r"\d+", step[0]) if step else [v for k, v in pairs if _PAGE_KEY.fullmatch(k)]
    by_entry = any(v and _CHAIN_KEY.fullmatch(k) for k, v in pairs)
    return int(numbers[0]) if len(numbers) == 1 and numbers[0].isdecimal() and not by_entry else None


def capture_pattern(url: str) -> URLPattern:
    """Returns the pattern of a URL that only a web archive reports and that has no other pattern. Such URLs have the
    same pattern if they are in the same folder.
    """
    return URLPattern("captures", _digitless(path_and_query(url)[0].rstrip("/").rpartition("/")[0]))


def folder_pattern(url: str, folder: str = "/") -> URLPattern:
    """Returns the pattern of a plain page that no feed, sitemap or API lists. All pages below the same subfolder of
    `folder`, the scope's path, have the same pattern.
    """
    path = folder_path(path_and_query(url)[0])
    below = path.removeprefix(folder).lstrip("/")
    first, slash, rest = below.partition("/")
    return URLPattern("folder", f"{folder}{first}/*" if slash and rest else f"{folder}*")


def form_pattern(url: str, folder: str = "/") -> URLPattern:
    """Returns the pattern of a plain page by the form of its address: `/news/9/9/s.html` for /news/2014/08/a-name.html.
    Keeps the first segment below `folder`, the scope's path, unless it is a number.
    """
    below = folder_path(path_and_query(url)[0]).removeprefix(folder).strip("/")
    first, *rest = below.split("/")
    head = first if rest and not first.isdecimal() else _form_of_step(first)
    return URLPattern("form", folder + "/".join([head, *map(_form_of_step, rest)]))


def _form_of_step(step: str) -> str:
    if step.isdecimal():
        return "9"
    extension = re.search(r"\.[a-z]\w{0,4}$", step, re.IGNORECASE)
    return f"s{extension[0].lower()}" if extension else "s"


_INDEX_FEED = lazy_regex(r"/index\.(?:xml|rdf)$", re.IGNORECASE)


def feed_without_format(url: str) -> str:
    """Returns the address of a feed without the name of a feed format, so that the RSS and the Atom version of a feed
    have the same result: /news/*.xml for /news/rss.xml, /feed/ for /feed/atom/.

    Movable Type and Hugo name the RSS form of a folder's feed index.xml, and Movable Type its RDF form index.rdf.
    """
    url = _INDEX_FEED.sub("/*.xml", url)
    return re.sub(r"(?<![a-z])(?:rss2?|atom|rdf)(?![a-z])", "*", url, flags=re.IGNORECASE).replace("/feed/*", "/feed")


def may_be_post(url: str, found_on: URLPattern, folder: str = "/") -> bool:
    """Returns True if a URL may be that of a post: some posts have URLs of its pattern, and the pattern differs from
    `found_on`, that of the page with the link. `folder` is the path of the site's scope.
    """
    pattern = pattern_of(url, folder)
    return pattern.family in _FAMILIES_OF_POSTS and pattern != found_on


def is_secondary_listing(url: str, folder: str = "/") -> bool:
    """Returns True if a URL is a secondary listing: a list by tag, author, category, date or a parameter. The entries
    of such a list are also in other lists.
    """
    return pattern_of(url, folder).family in ("terms", "dates", "query")


def _series(path: str, pairs: list[tuple[str, str]]) -> str:
    if paged := _PAGE_STEP.search(path):
        return f"{path[: paged.start()]}/#?{_rest(pairs, set())}"
    keys = {k for k, v in pairs if (v.isdecimal() and _PAGE_KEY.fullmatch(k)) or (v and _CHAIN_KEY.fullmatch(k))}
    if keys == {"p"} and path in ("", "/", "/index.php"):
        return ""  # in WordPress, this `p` is the number of a post
    return f"{path}?{_rest(pairs, keys)}#" if keys else ""


def _rest(pairs: list[tuple[str, str]], without: set[str]) -> str:
    return "&".join(sorted(f"{k}={v}" for k, v in pairs if k not in without))


def _term(path: str, folder: str) -> str:
    if _SEARCH.search(path):
        return "search"
    bare = _PAGE_STEP.sub("", path)
    if folder != "/" and bare.startswith(folder):
        bare = "/" + bare[len(folder) :]
    word = listing_word([s for s in bare.lower().split("/") if s])
    return f"/{word}/*" if word else ""


def _term_query(pairs: list[tuple[str, str]]) -> str:
    if names_post(pairs):
        return ""
    return next(
        (f"?{k}" for k, v in pairs if v and k in ("cat", "category", "category_name", "tag", "author", "author_name")),
        "",
    )


def _digitless(path: str) -> str:
    return _NUMBER.sub("9", path.rstrip("/"))


# File names of sitemaps, as Yoast, Rank Math, WordPress core, Jetpack, Ghost, Squarespace and news sites write them.
# The first row that matches decides.
_KINDS: tuple[tuple[re.Pattern[str], PageKind], ...] = tuple(
    (lazy_regex(pattern), kind)
    for pattern, kind in (
        (
            r"taxonom|categor|(?:^|[-_.])tags?(?:[-_.\d]|$)|post_tag|product_|author|(?:^|[-_.])users?(?:[-_.\d]|$)|"
            r"archive|rubri|sections?(?:[-_.]|$)|topics?(?:[-_.]|$)",
            PageKind.LISTING,
        ),
        (r"image|video", PageKind.UNKNOWN),
        (r"posts?-page|(?:^|[-_.])pages?(?:[-_.\d]|$)|static|misc", PageKind.PAGE),
        (r"posts?-post|(?:^|[-_.])posts?(?:[-_.\d]|$)|news|article|blog|stories|story", PageKind.POST),
    )
)


def kind_of_sitemap(url: str) -> PageKind:
    """Returns the kind of the pages that a sitemap lists, judging by the sitemap's file name: POST for
    "post-sitemap2.xml", LISTING for "wp-sitemap-users-1.xml".
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return PageKind.UNKNOWN
    name = unquote(parts.path).rsplit("/", 1)[-1].lower()
    name = re.sub(r"\.(?:xml|txt|php)?(?:\.gz)?$", "", re.sub(r"\.(?:xml|txt|php)", "", name))
    for pattern, kind in _KINDS:
        if pattern.search(name.replace("sitemap", "-")):
            return kind
    return PageKind.UNKNOWN
