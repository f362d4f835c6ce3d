"""Classifies a page as a post or something else, by an ordered list of rules; each result names its rule."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from lxml.etree import _Element as Element

from archiver.extraction.authors.byline import BylineBlock, byline_beside_heading
from archiver.extraction.date_text import Moment, url_date
from archiver.extraction.metadata import ARTICLE_TYPES, types
from archiver.extraction.page import Page
from archiver.extraction.post_locator import Post, locate_post
from archiver.extraction.text import element_line
from archiver.items import Candidate, PageKind, SourceHint
from archiver.platforms.selector_index import is_below
from archiver.urls import may_name_post

# The signs by which a post differs from other pages: error words, addresses, JSON-LD types, linked headings.

NOT_FOUND = re.compile(
    r"^(?:error\s*)?40[34]\b|\b(?:page|post|file|article)\s+(?:was\s+)?(?:not|cannot be|could not be|"
    r"can't be)\s+found|^not found|nothing (?:was )?found|oops!? that page|"
    r"página no encontrada|no se ha encontrado|page (?:introuvable|non trouvée)|seite (?:wurde )?nicht gefunden|"
    r"pagina non trovata|página não encontrada|"
    r"страница не найдена|không tìm thấy|页面(?:不存在|未找到|没有找到)|找不到(?:页面|頁面|网页)|"
    r"ページが見つかりません|페이지를 찾을 수 없|الصفحة غير موجودة|"
    r"sayfa bulunamadı|העמוד לא נמצא|pagina niet gevonden|nie znaleziono",
    re.IGNORECASE,
)
ENDS = re.compile(r"\s*(?:$|[|·•»«–—!.()-])")
"""What follows the words of an error if they are the whole heading, apart from the site's name."""
WALL = re.compile(
    r"^(?:log ?in|sign ?in|anmelden|connexion|iniciar sesión|đăng nhập|"
    r"登录|登入|ログイン|로그인|войти|accedi|before you continue|"
    r"just a moment|attention required|are you a robot|access denied|verify you are human|checking your browser)\b",
    re.IGNORECASE,
)
ARTICLE_LIKE = re.compile(
    r"^(?:single-)?(?:post|posts|article|articles|news|story|stories|noticia|noticias|actualite|actualites|artikel|"
    r"nachricht|blog|tin-tuc|"
    r"press|press-release|opinion|column|report|interview|review|essay|haber|yazi|novosti|statya|berita|nieuws|"
    r"notizia|notizie)$"
)
LISTING_TYPES = {"collectionpage", "searchresultspage", "itemlist", "blog"}
PAGE_TYPES = {"aboutpage", "contactpage", "faqpage", "profilepage", "checkoutpage", "product", "qapage"}
LISTING_PATH = re.compile(
    r"^/(?:.*/)?(?:tags?|category|categories|authors?|label|labels|topics?|search|sections?|series|taxonomy|etiquetas?|"
    r"categorias?|rubrik|schlagwort|autor|auteur|chuyen-muc|the|archiv(?:es?|o)?/(?:19|20)\d\d(?:/\d\d?)?)/"
    r"(?:[^/]+(?:/page/?\d+)?/?(?:index\.html?)?)?$|"
    r"^/(?:.*/)?(?:archiv(?:es?|o)?/)(?:19|20)\d\d/?(?:\d\d?/?)?$|/page/?\d+/?(?:index\.html?)?$|"
    r"/(?:tags|categories|archiv(?:es?|o)?|authors|search)(?:/|\.html?)?$",
    re.IGNORECASE,
)
IN_SECTION = re.compile(r"/(?:topics?|sections?|series|rubrik)/(?:[^/_-]+[_-]){4,}[^/]*/?$", re.IGNORECASE)
"""A section has a name of a word or two; an address with a whole sentence there is a post in the section."""
_MANY = 60
_DATE_LENGTH = 40  # the text beside a title in a list of posts: a date, the number of comments
DATE_FOLDER = re.compile(r"^/(?:.*/)?(?:19|20)\d\d(?:/\d\d?){0,2}/$")
PAGE_PATH = re.compile(
    r"/(?:about(?:-us|-me)?|contact(?:-us)?|privacy(?:-policy)?|terms(?:-of-\w+)?|imprint|impressum|datenschutz|"
    r"legal|disclaimer|faq|"
    r"about-this-(?:site|blog)|colophon|guest-?book|ga(?:e)?stebuch|livre-d-or|blogroll|"
    r"ueber(?:-(?:mich|uns))?|kontakt|acerca(?:-de(?:-mi)?)?|quienes-somos|quem-somos|contato|"
    r"qui-sommes-nous|contatti|over-(?:ons|mij)|o-(?:mnie|nas|mne)|tentang(?:-kami|-saya)?|hakkinda|hakkimizda|"
    r"gioi-thieu|lien-he|sobre(?:-mi|-nosotros|-nos)?|contacto|mentions-legales|a-propos|chi-siamo|hakkimda|"
    r"iletisim)(?:\.html?|/)?$",
    re.IGNORECASE,
)


def has_linked_heading(page: Page, el: Element) -> bool:
    """Returns True if an element contains a heading that links to another page."""
    return any(heading_link(page, h) for h in el.iter("h1", "h2", "h3", "h4"))


def heading_link(page: Page, h: Element) -> str:
    """Returns the address of the other page that a heading links to; "" if it links to none."""
    links = list(h.iter("a"))
    parent = h.getparent()
    if parent is not None and parent.tag == "a":
        links.append(parent)
    for a in links:
        url = page.join(a.get("href"))
        if url and url.partition("#")[0].rstrip("/") not in page.addresses and len(element_line(a)) > 2:
            return url
    return ""


def linked_headings(page: Page, post: Post) -> list[tuple[Element, str]]:
    """Returns the headings that link to other pages of the same site, each with its address, one for each page.

    Headings in comments, navigation and the like are left out.
    """
    out: dict[str, Element] = {}
    hosts = _own_hosts(page)
    for h in page.index.tag("h1", "h2", "h3", "h4"):
        if not post.is_noise(h) and (url := heading_link(page, h)) and _host(url) in hosts:
            out.setdefault(url, h)
            if len(out) >= _MANY:
                break
    return [(h, url) for url, h in out.items()]


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")


def _own_hosts(page: Page) -> set[str]:
    return set(map(_host, page.addresses))


def is_filled_by_teasers(page: Page, heads: list[Element]) -> bool:
    """Returns True if the blocks around these headings, each with one of them, make up most of the page's text."""
    if len(heads) >= _MANY:
        return True
    main = next((e for s in ("main", "[role=main]", "body") for e in page.index.select(s)), page.root)
    if any(not is_below(h, main) for h in heads):
        main = page.root
    blocks = _blocks_around(heads, main)
    length = sum(page.index.text_length(b) for b in blocks if not any(a in blocks for a in b.iterancestors()))
    return 2 * length > page.index.text_length(main)


def _blocks_around(heads: list[Element], main: Element) -> set[Element]:
    """Returns for each heading the largest element with no other of them; a bare heading counts with its siblings."""
    counts = Counter(at for h in heads for at in _ancestors_up_to(h, main))
    chosen = set(heads)
    blocks: set[Element] = set()
    for h in heads:
        block = h
        for at in _ancestors_up_to(h, main):
            if counts[at] > 1 or at is main:
                break
            block = at
        parent = block.getparent()
        if block in chosen and parent is not None:
            blocks.update(e for e in parent if e.tag in ("p", "div", "ul") and e not in chosen)
        blocks.add(block)
    return blocks


def _ancestors_up_to(el: Element, top: Element) -> Iterator[Element]:
    """Yields the ancestors of an element, up to and including `top`."""
    for at in el.iterancestors():
        yield at
        if at is top:
            return


def is_filled_by_linked_items(page: Page, post: Post) -> bool:
    """Returns True if list items and table rows with little more than a link to this site make up most of the page."""
    main = post.body if post.body is not None else next(iter(page.index.tag("body")), page.root)
    whole = page.index.text_length(main)
    items = [(item, page.index.text_length(item)) for tag in ("li", "tr", "dt") for item in page.index.tag(tag)]
    if 2 * sum(length for _, length in items) <= whole:
        return False
    hosts = _own_hosts(page)
    linked: set[str] = set()
    total = 0
    for item, length in items:
        if post.is_noise(item) or item.find(".//li") is not None or item.find(".//tr") is not None:
            continue
        if target := _only_link(page, item, length, hosts):
            linked.add(target)
            total += length
    return len(linked) >= 3 and 2 * total > whole


def _only_link(page: Page, item: Element, length: int, hosts: set[str]) -> str:
    """Returns the address of the page of this site that an item links to, if the item is little more than that link.

    "" if the item has more text or several links. `length`: the item's length.
    """
    links = [(page.join(a.get("href")), page.index.text_length(a)) for a in item.iter("a")]
    own = {url.partition("#")[0]: n for url, n in links if url and _host(url) in hosts}
    if len(own) != 1:
        return ""
    ((target, text),) = own.items()
    return target if target not in page.addresses and length - text <= _DATE_LENGTH else ""


def main_types(page: Page) -> set[str]:
    """Returns the types of the JSON-LD nodes that represent this page or its main subject, in lower case."""
    out: set[str] = set()
    for node in page.data.nodes:
        about = {str(node.get(k)) for k in ("url", "@id", "mainEntityOfPage") if isinstance(node.get(k), str)}
        about |= {str(v.get("@id")) for v in [node.get("mainEntityOfPage")] if isinstance(v, dict)}
        if any(a.partition("#")[0].rstrip("/") in page.addresses for a in about):
            out |= types(node)
    return out


def has_article_node(page: Page) -> bool:
    """Returns True if JSON-LD declares the page as an article with a date or an author."""
    node = page.data.article(page.addresses)
    return node is not None and ("datePublished" in node or "author" in node)


GUESSES = frozenset(
    ("undated", "dated", "dated address", "byline", "learned", "kind given by its source", "page address",
     "several posts", "several headings", "teasers", "list of links", "listing address", "date address", "wall",
     "form of the site's posts", "not the form of the site's posts")
)  # fmt: skip
"""The rules that guess a page's kind. All other rules read what the page, an API or a feed declares."""


def is_declared(rule: str) -> bool:
    """Returns True if a rule reads a declaration, which is final; a guess may be overruled by the form of the page."""
    return bool(rule) and rule not in GUESSES


Answer = tuple[PageKind, str]
_SINGLE_BUT_NO_KIND = ("single-format", "single-attachment", "single-author", "single-sidebar", "single-column")
_ENTRY_CLASSES = ("hentry", "h-entry", "type-post", "wp-block-post")
_REFRESH = re.compile(r"\s*(\d+)\s*[;,]\s*url\s*=\s*['\"]?(\S+?)['\"]?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Context:
    """What the classification rules look at: page, located post, byline, source hint, and the kind expected of the
    page.
    """

    page: Page
    post: Post
    beside: BylineBlock
    hint: SourceHint | None
    known: PageKind

    @property
    def text_length(self) -> int:
        el = self.post.body if self.post.body is not None else self.post.holder
        return self.page.index.text_length(el) if el is not None else 0

    def has_body_shorter_than(self, length: int) -> bool:
        """Returns True if the page has no body or one shorter than `length` characters."""
        return self.post.body is None or self.page.index.text_length(self.post.body) < length


def classify_page(
    page: Page,
    hint: SourceHint | None = None,
    known_kind: PageKind = PageKind.UNKNOWN,
    post: Post | None = None,
    beside: BylineBlock | None = None,
) -> Answer:
    """Returns the kind of a page, and the name of the rule that determined it.

    `hint`: what a feed or an API says about this address; it makes the page a post, unless the page itself is
    clearly something else (an error, a password form, a listing). `known_kind`: the kind expected from the sitemap
    or link where the address was found. Only a page of kind POST becomes an article.
    """
    post = post or locate_post(page)
    context = _Context(page, post, beside or byline_beside_heading(page, post), hint, known_kind)
    return _first_answer(_RULES, context) or (PageKind.PAGE, "undated")


def classify_at_a_glance(page: Page, post: Post, hint: SourceHint | None, known: PageKind) -> Answer | None:
    """Returns kind and rule by address, <body> classes or the title of an error or login page; None if unclear."""
    return _first_answer(_GLANCES, _Context(page, post, BylineBlock(), hint, known))


def _first_answer(rules: Iterable[_Rule], context: _Context) -> Answer | None:
    for rule in rules:
        answer = rule(context)
        if answer is not None:
            return answer
    return None


def _empty(context: _Context) -> Answer | None:
    page = context.page
    body = page.index.tag("body")
    if body and (page.index.text_length(body[0]) >= 3 or body[0].find(".//img") is not None):
        return None
    refresh = any((el.get("http-equiv") or "").lower() == "refresh" for el in page.index.select("meta[http-equiv]"))
    return PageKind.OTHER, "redirect-stub" if refresh else "empty"


def _redirect_stub(context: _Context) -> Answer | None:
    """Recognises a short page that redirects the browser by a meta refresh."""
    page = context.page
    for value in page.data.meta("refresh"):
        m = _REFRESH.match(value)
        if m and int(m[1]) <= 10 and page.index.text_length(page.root) < 1_000:
            target = page.join(m[2])
            if target and target.rstrip("/") != page.url.rstrip("/"):
                return PageKind.OTHER, "redirect-stub"
    return None


def _password(context: _Context) -> Answer | None:
    if context.hint is not None and context.hint.protected:
        return PageKind.OTHER, "password"
    forms = context.page.index.select(".post-password-form") + [
        f for f in context.page.index.tag("form") if "postpass" in (f.get("action") or "")
    ]
    if any(not _is_outside_post(context.post, f) for f in forms) and context.has_body_shorter_than(700):
        return PageKind.OTHER, "password"
    return None


def _is_outside_post(post: Post, el: Element) -> bool:
    return post.body is not None and post.holder is not None and not any(a is post.holder for a in el.iterancestors())


def _platform_classes(context: _Context) -> Answer | None:
    """Returns the kind of page that the platform marks in the classes of <body>."""
    page, hint = context.page, context.hint
    classes = page.body_classes
    if page.platform.name == "wordpress" and (answer := _wordpress_single(context, classes)):
        return answer
    for pattern, kind, rule in page.platform.kinds:
        is_listed_home = kind is PageKind.LISTING and rule == "home" and hint is not None
        if not is_listed_home and any(re.fullmatch(pattern, c) for c in classes):
            return kind, f"{page.platform.name} {rule}"
    return None


def _wordpress_single(context: _Context, classes: Sequence[str]) -> Answer | None:
    """Returns the kind by WordPress's class "single-post", or "single-TYPE" for a post type that the site defined."""
    if "attachment" in classes or "error404" in classes:
        return None
    if "single-post" in classes or "single-format-standard" in classes:
        return PageKind.POST, "single-post"
    if "single" not in classes:
        return None
    singles = [c for c in classes if c.startswith("single-") and not c.startswith(_SINGLE_BUT_NO_KIND)]
    if not singles:
        return None
    if main_types(context.page) & ARTICLE_TYPES or ARTICLE_LIKE.match(singles[0].removeprefix("single-")):
        return PageKind.POST, singles[0]
    return (PageKind.PAGE, singles[0]) if context.hint is None else None


def _not_found(context: _Context) -> Answer | None:
    """Recognises an error, login or consent page by its headings."""
    page = context.page
    heads = [page.head_title] + [element_line(h) for h in page.index.tag("h1")[:3]]
    # "404 new homes approved", "Access denied: the council ...": a heading with a date beside it is a headline.
    is_dated = context.beside.moment is not None and context.text_length >= 100
    errors = [m for h in heads if len(h) < 90 and (m := NOT_FOUND.search(h))]
    is_error = any(not is_dated or ENDS.match(m.string, m.end()) for m in errors)
    if is_error and context.has_body_shorter_than(1_500) and not has_article_node(page):
        return PageKind.OTHER, "not-found"
    if not is_dated and any(WALL.match(h) for h in heads) and context.has_body_shorter_than(600):
        return PageKind.OTHER, "wall"
    return None


def _by_platform_path(context: _Context) -> Answer | None:
    platform = context.page.platform
    for pattern, kind, rule in platform.paths:
        if re.fullmatch(pattern, context.page.path) and not (kind is PageKind.LISTING and context.hint is not None):
            return kind, f"{platform.name} {rule}"
    return None


def _by_source_hint(context: _Context) -> Answer | None:
    hint = context.hint
    if hint is not None and (hint.post_id or hint.published or hint.body_html):
        return PageKind.POST, "api" if hint.post_id else "feed"
    return None


def _by_known_kind(context: _Context) -> Answer | None:
    if context.known in (PageKind.LISTING, PageKind.PAGE):
        return context.known, "kind given by its source"
    return None


def _by_listing_address(context: _Context) -> Answer | None:
    page = context.page
    if page.path in ("/", "") and not may_name_post(parse_qsl(urlsplit(page.url).query, keep_blank_values=True)):
        return PageKind.LISTING, "home"
    if DATE_FOLDER.search(page.path) and not has_article_node(page):
        return PageKind.LISTING, "date address"
    if LISTING_PATH.search(page.path) and not (IN_SECTION.search(page.path) or has_article_node(page)):
        return PageKind.LISTING, "listing address"
    return None


def _several_posts(context: _Context) -> Answer | None:
    """Recognises a listing by several posts with linked headings, none of which is the page's own post."""
    page, post = context.page, context.post
    if has_article_node(page):
        return None
    if _has_several_entries(page, post):
        return PageKind.LISTING, "several posts"
    heads = linked_headings(page, post)
    if len(heads) >= 2 and post.title is not None and heading_link(page, post.title):
        return PageKind.LISTING, "several headings"
    if (
        len(heads) >= 3
        and not page.data.meta("article:published_time")
        and is_filled_by_teasers(page, [h for h, _ in heads])
    ):
        return PageKind.LISTING, "teasers"
    if is_filled_by_linked_items(page, post):
        return PageKind.LISTING, "list of links"
    return None


def _has_several_entries(page: Page, post: Post) -> bool:
    """Returns True if two or more elements are marked as posts and link to them, and at most one <article> does not."""
    articles = [e for e in page.index.tag("article") if not post.is_noise(e)]
    groups = [
        [e for e in page.index.with_class(name) if e.tag not in ("body", "main") and not post.is_noise(e)]
        for name in _ENTRY_CLASSES
    ]
    most = max(sum(has_linked_heading(page, e) for e in group) for group in [*groups, articles])
    return most >= 2 and most >= len(articles) - 1


def _by_json_ld(context: _Context) -> Answer | None:
    page = context.page
    if page.data.article(page.addresses) is not None and has_article_node(page):
        return PageKind.POST, "json-ld"
    main = main_types(page)
    if main & LISTING_TYPES:
        return PageKind.LISTING, "json-ld"
    if main & PAGE_TYPES:
        return PageKind.PAGE, "json-ld"
    return None


def _by_date(context: _Context) -> Answer | None:
    """Recognises a post by its date, and a static page by an address that most sites have ("/about/")."""
    from archiver.extraction.dates import published_candidates

    page, post = context.page, context.post
    if PAGE_PATH.search(page.path):
        return PageKind.PAGE, "page address"
    if post.title is None and post.body is None:
        return None
    found = published_candidates(page, post, None, context.beside)
    if _has_published_meta(page, found):
        return PageKind.POST, "published time"
    length = context.text_length
    if length >= 20 and any(c.confidence > 0.6 and (c.visible or c.source in ("microdata", "rdfa")) for c in found):
        return PageKind.POST, "dated"
    address = url_date(page.path)
    if length >= 100 and address and address.day is not None:
        return PageKind.POST, "dated address"
    if length >= 100 and any(c.source in ("meta", "json-ld") and c.locator != "WebPage" for c in found):
        return PageKind.POST, "published time"
    return None


def _has_published_meta(page: Page, found: Sequence[Candidate[Moment]]) -> bool:
    """Returns True if a meta element gives the time of publication and Open Graph, if present, says "article"."""
    kinds = {t.lower() for t in page.data.meta("og:type")}
    return (not kinds or "article" in kinds) and any(c.source == "meta" and c.confidence > 0.8 for c in found)


def _known_post(context: _Context) -> Answer | None:
    if context.known is PageKind.POST:
        return PageKind.POST, "kind given by its source"
    return None


def _by_byline(context: _Context) -> Answer | None:
    if context.beside.names and context.beside.sure and context.text_length >= 200:
        return PageKind.POST, "byline"
    select = context.page.index.select
    marked = select("[itemtype*='schema.org/BlogPosting']") + select("[itemtype*='schema.org/NewsArticle']")
    if sum(not context.post.is_noise(e) for e in marked) == 1 and context.text_length >= 100:
        return PageKind.POST, "microdata"
    return None


_Rule = Callable[[_Context], Answer | None]
_RULES: tuple[_Rule, ...] = (
    _empty,
    _redirect_stub,
    _password,
    _platform_classes,
    _not_found,
    _by_platform_path,
    _by_source_hint,
    _by_listing_address,
    _several_posts,
    _by_json_ld,
    _by_known_kind,
    _by_date,
    _known_post,
    _by_byline,
)
_GLANCES: tuple[_Rule, ...] = (
    _redirect_stub,
    _password,
    _platform_classes,
    _not_found,
    _by_platform_path,
    _by_source_hint,
    _by_listing_address,
    _by_known_kind,
)
