"""What the address of a link says by itself: a listing, a feed, a sitemap, a trap, or a file that is no page.

Only forms that are valid on the web in general; the words of listings are those that blog and news programs put in
addresses, in the languages they are translated into.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from archiver.discovery.traps import path_and_query, trap_rule
from archiver.items import PageKind
from archiver.urls import Scope, names_post, normalize

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
    "page|pagina|página|pag|seite|trang|strona|strana|stranica|sivu|side|sida|sayfa|halaman|страница|stranitsa|ページ|頁")
_PAGED = re.compile(
    rf"/(?:{_PAGE_WORDS})[/_-]?\d{{1,5}}(?:\.\w{{3,5}})?/?$|/index[_-]?\d{{1,4}}\.\w{{3,5}}$|"
    r"-page-\d{1,5}/?$", re.IGNORECASE)
_MONTH, _DAY = "(?:0?[1-9]|1[0-2])", "(?:0?[1-9]|[12]\\d|3[01])"
_DATED = re.compile(
    rf"(?<!/\d)(?<!/\d\d)/(?:19|20)\d\d(?:/{_MONTH}(?:/{_DAY})?)?/?$|"
    r"/(?:19|20)\d\d[-_](?:0[1-9]|1[0-2])(?:[-_]\d\d)?(?:[-_]archive\.html)?/?$|/(?:19|20)\d\d[-_]archive\.html$")
_LISTING_QUERY = re.compile(r"(?:cat|category|category_name|tag|author|author_name|updated-max)", re.IGNORECASE)
_LISTING_NUMBER = re.compile(r"(?:paged|page|pg|pagina|seite|year|monthnum|start-index|offset|start)", re.IGNORECASE)

_ASSET = re.compile(
    r"\.(?:pdf|docx?|xlsx?|pptx?|od[tsp]|rtf|epub|mobi|ps|eps|csv|tsv|jpe?g|png|gif|webp|avif|svgz?|bmp|tiff?|ico|heic|psd|"
    r"mp[34]|m4[av]|og[gva]|opus|wav|flac|aac|avi|mov|wm[av]|mkv|webm|flv|swf|css|m?js|map|json|geojson|woff2?|ttf|otf|eot|"
    r"zip|gz|tgz|bz2|xz|rar|7z|tar|exe|msi|dmg|apk|iso|deb|rpm|jar|bin|sig|asc|sha\d*|md5|ics|vcf|torrent|kmz?|gpx|"
    r"txt|xml|xsl|xsd|rss|atom|rdf|wasm|ipynb|patch|diff|log|yaml|yml|toml|ini|sql|db)$", re.IGNORECASE)
_FEED_PATH = re.compile(
    r"/(?:feed|rss|atom|rdf|feed/(?:rss2?|atom|rdf)|rss2|rss/feed)/?$|/(?:feed|rss)/index\.(?:xml|html)$|"
    r"/index\.(?:xml|rss|rdf|atom)$|\.(?:rss|atom|rdf)(?:\.xml)?$|/[\w.-]*(?:feed|rss|atom)[\w.-]*\.(?:xml|json|php)$|"
    r"/feeds/(?:posts/(?:default|summary)(?:/-/[^/]+)?|[\w.-]+\.xml)/?$", re.IGNORECASE)
_FEED_QUERY = re.compile(r"(?:^|&)(?:feed=(?:rss2?|atom|rdf|json)|format=feed|alt=rss)", re.IGNORECASE)
_COMMENT_FEED = re.compile(
    r"/comments/(?:feed|rss|atom|default|summary)\b|/feeds/(?:\d+/)*comments/|/comments?[-_.](?:feed|rss|atom)|"
    r"(?:feed|type)=comments|/comments\.(?:rss|atom|xml)$|/feed/comments\b|[?&]withcomments=|"
    r"[?&]feed=[\w-]+&(?:[^#]*&)?(?:p|page_id|attachment_id)=\d|"
    r"[?&](?:p|page_id|attachment_id)=\d+&(?:[^#]*&)?feed=", re.IGNORECASE)
_SITEMAP_PATH = re.compile(r"/[\w.-]*site-?map[\w.-]*\.(?:xml|txt|xml\.gz|gz)$|/wp-sitemap[\w-]*\.xml$", re.IGNORECASE)
_INDEX = re.compile(r"/(?:index|default)\.(?:html?|php|aspx?)$", re.IGNORECASE)
_LONG_SLUG = re.compile(r"(?:[^-_]+[-_]){4,}")


Role = Literal["page", "feed", "sitemap", "comments", "trap", "unwanted"]


class Facts(NamedTuple):
    """What is known of a link before it is followed. `kind` is set only if `role` is page, `rule` only if it is
    trap."""

    url: str
    role: Role
    kind: PageKind
    rule: str = ""


@lru_cache(maxsize=16_384)  # a site's menu is on each of its pages
def facts(href: str, base: str, origin: str, scope: Scope, latest_year: int) -> Facts | None:
    """The facts of a link, or None if it is no web address. `unwanted`: out of scope, or an asset.

    `origin` ("https://example.org/") is the preferred form of the site's address.
    """
    url = normalize(href, base)
    if url is None:
        return None
    url = at_origin(url, origin)
    role: Role = "page"
    rule = ""
    if is_sitemap(url):
        role = "sitemap"
    elif is_comment_feed(url):
        role = "comments"
    elif is_feed(url):
        role = "feed"
    elif not scope.contains(url) or is_asset(url):
        role = "unwanted"
    elif rule := trap_rule(url, latest_year):
        role = "trap"
    return Facts(url, role, kind_by_address(url, scope.path) if role == "page" else PageKind.UNKNOWN, rule)


def origin_of(url: str) -> str:
    """Scheme and host: "https://example.org/"."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"


def at_origin(url: str, origin: str) -> str:
    """`url` with the scheme and host of `origin`, if it differs from it only in http/https or www."""
    own = origin_of(url)
    if own != origin and _bare(own) == _bare(origin):
        return origin + url[len(own):]
    return url


@lru_cache(maxsize=1_024)
def _bare(origin: str) -> str:
    return re.sub(r"^https?://(?:www\d?\.)?", "", origin)


def is_feed(url: str) -> bool:
    """Whether an address has the form of a feed's (RSS, Atom, JSON Feed; WordPress, Blogger, static generators)."""
    parts = urlsplit(url)
    return bool(_FEED_PATH.search(unquote(parts.path)) or _FEED_QUERY.search(parts.query))


def is_part_feed(url: str, folder: str = "/") -> bool:
    """Whether a feed is that of one category, tag, author or month, by its address."""
    query = urlsplit(url).query
    if _FEED_QUERY.search(query) and _kind_by_query(query) is PageKind.LISTING:
        return True
    head = re.sub(r"/(?:feed|rss2?|atom|index\.xml|feed\.xml|rss\.xml|atom\.xml)(?:/(?:rss2?|atom|rdf))?/?$", "/",
                  url.partition("?")[0])
    return (head != url and kind_by_address(head, folder) is PageKind.LISTING) or "/feeds/posts/default/-/" in url


def is_comment_feed(url: str) -> bool:
    """Whether an address has the form of a feed of comments (WordPress, Blogger and similar programs)."""
    return bool(_COMMENT_FEED.search(url[len(origin_of(url)) - 1:]))


def is_sitemap(url: str) -> bool:
    """Whether an address has the form of an XML or text sitemap's."""
    return bool(_SITEMAP_PATH.search(urlsplit(url).path))


def is_asset(url: str) -> bool:
    """Whether an address ends like a file that is no page: documents, media, scripts, data."""
    return bool(_ASSET.search(urlsplit(url).path))


def kind_by_address(url: str, folder: str = "/") -> PageKind:
    """LISTING, PAGE (WordPress's ?page_id=), or UNKNOWN. `folder` is the scope's path."""
    path, query = path_and_query(url)
    if query and (kind := _kind_by_query(query)):
        return kind
    if folder != "/" and path.startswith(folder):
        path = "/" + path[len(folder):]
    path = _INDEX.sub("/", path)
    if _PAGED.search(path) or _DATED.search(path):
        return PageKind.LISTING
    return PageKind.LISTING if _is_listing_path([s for s in path.lower().split("/") if s]) else PageKind.UNKNOWN


def _kind_by_query(query: str) -> PageKind | None:
    values = dict(parse_qsl(query, keep_blank_values=True))
    if "page_id" in values:
        return PageKind.PAGE
    if "p" in values or "id" in values or names_post(values.items()):
        return PageKind.UNKNOWN
    if re.fullmatch(r"\d{4}(?:\d\d){0,2}", values.get("m", "")):
        return PageKind.LISTING
    listing = any(v and (_LISTING_QUERY.fullmatch(k) or (v.isdecimal() and _LISTING_NUMBER.fullmatch(k)))
                  for k, v in values.items())
    return PageKind.LISTING if listing else None


def _is_listing_path(segments: list[str]) -> bool:
    return bool(listing_word(segments)) or segments[:2] == ["search", "label"] or _is_overview(segments)


def _is_overview(segments: list[str]) -> bool:
    """A listing's word with nothing after it: /tags/, /en/archive.html."""
    first = next((at for at, s in enumerate(segments[:3]) if _bare_word(s) in _LISTING_WORD), -1)
    return first >= 0 and not segments[first + 1:]


def listing_word(segments: list[str]) -> str:
    """The word by which a path lists the posts of one term ("tag" of /en/tag/sea/), "" for other paths."""
    for at, segment in enumerate(segments[:3]):
        kind, rest = _LISTING_WORD.get(_bare_word(segment)), segments[at + 1:]
        if kind is None or not rest:
            continue
        last = _bare_word(rest[-1])
        if kind == "archive":  # many sites have the posts themselves under /archives/
            return ""
        is_post = _LONG_SLUG.match(last) or (last.isdecimal() and len(last) > 4) or len(rest) > 3
        return "" if is_post else segment
    return ""


def _bare_word(segment: str) -> str:
    return re.sub(r"\.(?:html?|php|aspx?)$", "", segment)
