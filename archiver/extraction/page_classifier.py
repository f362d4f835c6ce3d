"""Classifies a page as a post or something else, by an ordered list of rules. Each result names the rule that decided
it.

Computes the form of a page, too (its markup and the pattern of its address). Pages made from the same template have the
same form.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from itertools import islice
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlsplit
from zlib import crc32

from lxml.etree import _Element as Element

from archiver.extraction.blocks import UNREAD
from archiver.extraction.bylines import CHANGED_BESIDE_HEADING, BylineBlock, byline_beside_heading
from archiver.extraction.date_parser import Moment, is_zero_date, url_date, visible_date
from archiver.extraction.listing_addresses import kind_of_address
from archiver.extraction.metadata import ARTICLE_TYPES, types
from archiver.extraction.normalization import element_line, fold_text
from archiver.extraction.page import Page
from archiver.extraction.post_locator import Post, locate_post, unshown_article
from archiver.model.items import (
    EMPTY,
    LISTED_DATE,
    PAGE_OBJECT,
    PAGE_OBJECT_FAILED,
    PAGE_OBJECT_KEPT,
    REFUSED,
    UNDATED,
    Article,
    Candidate,
    Evidence,
    PageForm,
    PageKind,
    SourceHint,
    reports_post,
)
from archiver.model.lazy_regex import lazy_regex
from archiver.model.page_rules import BY_SOURCE
from archiver.model.urls import folder_path, may_name_post
from archiver.platforms.selector_index import is_below, split_words

# The signs by which a post differs from other pages: error words, addresses, JSON-LD types, linked headings.

NOT_FOUND = lazy_regex(
    r"^(?:error\s*)?40[34]\b|\b(?:page|post|file|article)\s+(?:was\s+)?(?:not|cannot be|could not be|"
    r"can't be)\s+found|^not found|nothing (?:was )?found|oops!? that page|"
    r"página no encontrada|no se ha encontrado|page (?:introuvable|non trouvée)|seite (?:wurde )?nicht gefunden|"
    r"pagina non trovata|página não encontrada|"
    r"страница не найдена|không tìm thấy|页面(?:不存在|未找到|没有找到)|找不到(?:页面|頁面|网页)|"
    r"ページが見つかりません|페이지를 찾을 수 없|الصفحة غير موجودة|"
    r"sayfa bulunamadı|העמוד לא נמצא|pagina niet gevonden|nie znaleziono",
    re.IGNORECASE,
)
ENDS = lazy_regex(r"\s*(?:$|[|·•»«–—!.()-])")
"""Matches what may follow an error message in a heading that contains nothing else: the end, or a separator before the
site's name."""
LOGIN = lazy_regex(
    r"^(?:log ?in|sign ?in|anmelden|connexion|iniciar sesión|đăng nhập|登录|登入|ログイン|로그인|войти|accedi)"
    r"(?P<goes_on> to (?:continue|proceed|view\b.*|your account))?",
    re.IGNORECASE,
)
CHALLENGE = lazy_regex(
    r"^(?:before you continue(?: to \S+)?|just a moment|attention required|are you a robot|access denied|"
    r"verify (?:that )?you are human|checking your browser(?: before \w+ .*)?)(?P<goes_on>\.\.\.|…)?",
    re.IGNORECASE,
)
_CHALLENGE_WORDS = lazy_regex(
    r"cloudflare|captcha|\bray id\b|security (?:check|service|reasons)|unusual traffic|enable (?:javascript|cookies)|"
    r"javascript and cookies|verif(?:y|ying) (?:that )?you|not a robot|permission to access|reference #|"
    r"accept (?:all|cookies)|reject all|cookies and data|you don.t have permission",
    re.IGNORECASE,
)
ARTICLE_LIKE = lazy_regex(
    r"^(?:single-)?(?:post|posts|article|articles|news|story|stories|noticia|noticias|actualite|actualites|artikel|"
    r"nachricht|blog|tin-tuc|"
    r"press|press-release|opinion|column|report|interview|review|essay|haber|yazi|novosti|statya|berita|nieuws|"
    r"notizia|notizie)$"
)
LISTING_TYPES = {"collectionpage", "searchresultspage", "itemlist", "blog"}
PAGE_TYPES = {"aboutpage", "contactpage", "faqpage", "profilepage", "checkoutpage", "product", "qapage"}
_MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    "nov(?:ember)?|dec(?:ember)?"
)
LISTING_PATH = lazy_regex(
    r"^/(?:.*/)?(?:tags?|category|categories|authors?|label|labels|topics?|search|sections?|series|taxonomy|etiquetas?|"
    r"categorias?|rubrik|schlagwort|autor|auteur|chuyen-muc|the)/"
    r"(?:[^/]+(?:/page/?\d+)?/?(?:index\.html?)?)?$|"
    rf"^/(?:.*/)?archiv(?:es?|o)?/(?:19|20)\d\d(?:/(?:\d\d?|{_MONTHS}))?(?:/\d\d?)?(?:\.\w+|/)?(?:index\.\w+)?$|"
    r"/page/?\d+/?(?:index\.html?)?$|"
    r"/(?:tags|categories|archiv(?:es?|o)?|authors|search)(?:/|\.html?)?$",
    re.IGNORECASE,
)
IN_SECTION = lazy_regex(r"/(?:topics?|sections?|series|rubrik)/(?:[^/_-]+[_-]){4,}[^/]*/?$", re.IGNORECASE)
"""Matches the address of a post in a section, as opposed to that of a section: its last segment is a whole sentence,
while the name of a section has only a word or two."""
_CARD = lazy_regex(r"(?:^|[\s_-])(?:card|teaser|entry|post-?item|list-?item)(?:$|[\s_-])", re.IGNORECASE)
_STRETCHED = lazy_regex(
    r"(?:stretched|overlay|cover(?:ing)?|entry|card|block|full)[_-]?link|link[_-]?overlay|absolute inset-0",
    re.IGNORECASE,
)
_NEIGHBOUR_RELS = frozenset({"prev", "next", "previous", "bookmark", "nofollow", "external", "tag", "author"})
_MANY = 60
_NEAR_HEADING = 30
_IN_MENU = 3
_DATE_LENGTH = 40  # in a list of posts, at most this many characters accompany a title: a date, the number of comments
# Matches the address of a year, month or day. If the year follows another date, as in "/2022/03/15/1984/", it is the
# address of a post.
DATE_FOLDER = lazy_regex(r"(?<!/\d)(?<!/\d\d)(?<!/\d{4})/((?:19|20)\d\d)(?:/\d\d?){0,2}/$")
PAGE_PATH = lazy_regex(
    r"/(?:about(?:-us|-me)?|contact(?:-us)?|privacy(?:-policy)?|terms(?:-of-\w+)?|imprint|impressum|datenschutz|"
    r"legal|disclaimer|faq|"
    r"about-this-(?:site|blog)|colophon|guest-?book|ga(?:e)?stebuch|livre-d-or|blogroll|"
    r"ueber(?:-(?:mich|uns))?|kontakt|acerca(?:-de(?:-mi)?)?|quienes-somos|quem-somos|contato|"
    r"qui-sommes-nous|contatti|over-(?:ons|mij)|o-(?:mnie|nas|mne)|tentang(?:-kami|-saya)?|hakkinda|hakkimizda|"
    r"gioi-thieu|lien-he|sobre(?:-mi|-nosotros|-nos)?|contacto|mentions-legales|a-propos|chi-siamo|hakkimda|"
    r"iletisim)(?:\.html?|/)?$",
    re.IGNORECASE,
)


def has_linked_heading(page: Page, el: Element, with_cards: bool = True) -> bool:
    """Returns True if an element contains a heading with a link to another page. `with_cards` has the same meaning as
    in `heading_link`.
    """
    return any(heading_link(page, h, with_cards) for h in el.iter("h1", "h2", "h3", "h4"))


def heading_link(page: Page, h: Element, with_cards: bool = True) -> str:
    """Returns the address to which a heading links, if that is another page; otherwise "".

    The link is in the heading or around it. If `with_cards` is True, it may also be a link that covers the card around
    the heading (see `_card_link`).
    """
    links = list(h.iter("a"))
    parent = h.getparent()
    if parent is not None and parent.tag == "a":
        links.append(parent)
    for a in links:
        if (url := _other_page(page, a)) and len(element_line(a)) > 2:
            return url
    return _card_link(page, h) if with_cards and not links else ""


def _other_page(page: Page, a: Element) -> str:
    url = page.join(a.get("href"))
    return url if url and url.partition("#")[0].rstrip("/") not in page.addresses else ""


def _card_link(page: Page, h: Element) -> str:
    """Returns the address of the link that covers the card (the box of a teaser) around a heading; "" if there is none.

    Such a link is next to the heading, or is the first or last child of the card. Either it contains neither text nor
    picture, or it has a class for links that are stretched over a card.
    """
    parent = h.getparent()
    card = next((e for e in islice(h.iterancestors(), 4) if e.tag in ("article", "li") or _is_card(e)), None)
    if parent is None or card is None:
        return ""
    ends = [card[0], card[-1]] if len(card) else []
    for a in dict.fromkeys([*ends, *parent.iterchildren("a")]):
        if a.tag == "a" and _covers_card(a) and (url := _other_page(page, a)) and _host(url) in _own_hosts(page):
            return url
    return ""


def _is_card(el: Element) -> bool:
    return bool(_CARD.search(el.get("class") or ""))


def _covers_card(a: Element) -> bool:
    if _STRETCHED.search(a.get("class") or ""):
        return True
    if not _NEIGHBOUR_RELS.isdisjoint((a.get("rel") or "").lower().split()):
        return False
    return a.find(".//img") is None and a.find(".//svg") is None and not element_line(a)


def linked_headings(page: Page, post: Post) -> list[tuple[Element, str]]:
    """Returns the headings with links to other pages of the same site, each with the address of its link. Returns only
    one heading for each of these pages.

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


@lru_cache(maxsize=4_096)  # the pages of a site share most of the links in their menus
def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")


def _own_hosts(page: Page) -> set[str]:
    return set(map(_host, page.addresses))


def is_filled_by_teasers(page: Page, heads: list[Element]) -> bool:
    """Returns True if most of the page's text is in teasers. The teaser of a heading in `heads` is the largest block
    around it without another of these headings.
    """
    if len(heads) >= _MANY:
        return True
    main = next((e for s in ("main", "[role=main]", "body") for e in page.index.select(s)), page.root)
    if any(not is_below(h, main) for h in heads):
        main = page.root
    blocks = _blocks_around(heads, main)
    length = sum(page.index.text_length(b) for b in blocks if not any(a in blocks for a in b.iterancestors()))
    return 2 * length > page.index.shown_length(main)


def _blocks_around(heads: list[Element], main: Element) -> set[Element]:
    """Returns, for each heading in `heads`, the largest element around it that contains no other heading of `heads`. If
    there is no such element, returns the heading and its siblings instead. Only elements inside `main` are considered.
    """
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


def is_filled_by_linked_items(page: Page, post: Post, has_own_date: bool = False) -> bool:
    """Returns True if most of the post's body, or of the whole page, consists of list items and table rows with little
    more than a link to this site.

    If the page has a body and a date near its heading (`has_own_date`), only the body is examined, since a sidebar may
    be longer than a short post.
    """
    whole = next(iter(page.index.tag("body")), page.root)
    if post.body is None:
        return _is_filled_by_items(page, post, whole)
    return _is_filled_by_items(page, post, post.body) or (not has_own_date and _is_filled_by_items(page, post, whole))


def _is_filled_by_items(page: Page, post: Post, main: Element) -> bool:
    index = page.index
    first, end = index.order[main], index.end(main)
    whole = index.text_length(main)
    items = [
        (item, index.text_length(item))
        for tag in ("li", "tr", "dt")
        for item in index.tag(tag)
        if first <= index.order[item] < end
    ]
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
    """Returns the address of the only link in an item if it leads to another page on one of `hosts` and the item has
    little other text; otherwise "". `length` is the length of the item's text.
    """
    links = [(a, page.index.text_length(a)) for a in item.iter("a")]
    if length - max((n for _, n in links), default=0) > _DATE_LENGTH:
        return ""
    urls = [(page.join(a.get("href")), n) for a, n in links]
    own = {url.partition("#")[0]: n for url, n in urls if url and _host(url) in hosts}
    if len(own) != 1:
        return ""
    ((target, text),) = own.items()
    return target if target not in page.addresses and length - text <= _DATE_LENGTH else ""


def is_list_of_files(page: Page) -> bool:
    """Returns True if a page is the list that a server makes of a folder without an index page: the page has the
    address of a folder and no sentences, and all its links lead to files or folders in it, under their own names, or to
    a folder above.
    """
    folder, names = urlsplit(page.url).path, 0
    for a in page.index.tag("a"):
        path = urlsplit(page.join(a.get("href"))).path
        if folder.startswith(path):  # the folder above, or this page in another order
            continue
        name, shown = unquote(path.removeprefix(folder)).rstrip("/"), element_line(a).rstrip("/.>…")
        if not path.startswith(folder) or "/" in name or not shown or not name.startswith(shown):
            return False
        names += 1
    texts = (text.strip() for el in page.index.tag("body")[:1] for text in el.itertext())
    return folder.endswith("/") and names > 0 and all(len(text) <= 2 * _DATE_LENGTH for text in texts)


def main_types(page: Page) -> set[str]:
    """Returns the types (in lower case) of the JSON-LD nodes that describe this page or its main subject."""
    out: set[str] = set()
    for node in page.data.nodes:
        about = {str(node.get(k)) for k in ("url", "@id", "mainEntityOfPage") if isinstance(node.get(k), str)}
        about |= {str(v.get("@id")) for v in [node.get("mainEntityOfPage")] if isinstance(v, dict)}
        if any(a.partition("#")[0].rstrip("/") in page.addresses for a in about):
            out |= types(node)
    return out


def has_article_node(page: Page) -> bool:
    """Returns True if JSON-LD declares the page as an article with a date or an author.

    An article whose date is what programs write for "no date" does not count, since some themes declare every page as
    such an article.
    """
    node = page.data.article(page.addresses)
    if node is None or any(map(is_zero_date, page.data.texts(node, "datePublished")[:1])):
        return False
    return "datePublished" in node or "author" in node


def declares_article(page: Page) -> bool:
    """Returns True if Open Graph declares the page as an article with a time of publication (ogp.me, "article").

    Error pages and listings declare no such time, even if their address or heading looks like a post's.
    """
    return _is_typed_article(page) and bool(page.data.meta("article:published_time"))


def _is_typed_article(page: Page) -> bool:
    return any(kind.lower() == "article" for kind in page.data.meta("og:type"))


Answer = tuple[PageKind, str]


_SINGLE_BUT_NO_KIND = ("single-format", "single-attachment", "single-author", "single-sidebar", "single-column")
_ENTRY_TYPES = {"type-post": PageKind.POST, "type-page": PageKind.PAGE, "type-attachment": PageKind.OTHER}
_ENTRY_CLASSES = ("hentry", "h-entry", "type-post", "wp-block-post")
_MARKS_OF_POST = frozenset({"hentry", "h-entry", "type-post", "e-content"})
_PROPERTIES_OF_POST = frozenset({"articleBody", "blogPost"})
_FORM_LENGTH, _INTRODUCTION = 60, 200
_TEXT_IN_SCRIPTS = 200
_FEW_WORDS = 200
_LOG_DAYS, _LOG_TABLES, _LOG_COLUMNS, _LOG_ROWS, _LOG_LINE = 3, 10, 5, 60, 80
_MEDIA = ("img", "picture", "video", "audio", "iframe", "embed", "object")
_REFRESH = lazy_regex(r"\s*(\d+)\s*[;,]\s*url\s*=\s*['\"]?(\S+?)['\"]?\s*$", re.IGNORECASE)


class Located(Protocol):
    """An object with the post on a page and the byline beside its heading. It may locate them only when they are
    needed.
    """

    @property
    def post(self) -> Post: ...

    @property
    def beside(self) -> BylineBlock: ...


class PostLocator:
    """Locates the post on a page, and the byline beside its heading, when they are first needed. The kind of most
    listings is clear without them, from the address or the classes of <body>.
    """

    def __init__(self, page: Page) -> None:
        self.page = page

    @cached_property
    def post(self) -> Post:
        return locate_post(self.page)

    @cached_property
    def beside(self) -> BylineBlock:
        return byline_beside_heading(self.page, self.post)


@dataclass(frozen=True, slots=True)
class _NotLocated:
    """A post that has not been located yet."""

    post: Post
    beside: BylineBlock = field(default_factory=BylineBlock)


@dataclass(frozen=True, slots=True)
class _Context:
    """What the classification rules examine: the page, the post and the byline that were `located` on it, its source
    hint, and the kind that its source suggests (`known`).
    """

    page: Page
    located: Located
    hint: SourceHint | None
    known: PageKind

    @property
    def post(self) -> Post:
        return self.located.post

    @property
    def beside(self) -> BylineBlock:
        return self.located.beside

    @property
    def text_length(self) -> int:
        el = self.post.body if self.post.body is not None else self.post.holder
        return self.page.index.text_length(el) if el is not None else 0

    @property
    def has_content(self) -> bool:
        """True if the post contains an image, a recording or an embedded page, or if its text, however short, is in an
        element that the platform's markup or machine-readable markup marks as the text of a post.
        """
        post = self.post
        if post.body is None:
            return False
        if next(post.body.iter(*_MEDIA), None) is not None:
            return True
        return self.text_length > 0 and (_is_platform_body(post) or _is_marked_as_post(post.body))

    @property
    def has_own_date(self) -> bool:
        """True if the post has a body and a date near its title, and the title does not link to another page."""
        post = self.post
        is_dated = self.beside.moment is not None and post.body is not None and post.title is not None
        return is_dated and post.title is not None and not heading_link(self.page, post.title)

    def has_body_shorter_than(self, length: int) -> bool:
        """Returns True if the post has no body, or a body with fewer than `length` characters."""
        return self.post.body is None or self.page.index.text_length(self.post.body) < length


def _is_platform_body(post: Post) -> bool:
    platform = post.page.platform
    return platform.name != "generic" and post.body_rule in platform.body


def _is_marked_as_post(body: Element) -> bool:
    """Returns True if machine-readable markup says that an element is a post or a part of one."""
    for el in (body, *islice(body.iterancestors(), 8)):
        names = (el.get("class") or "").split()
        if not _MARKS_OF_POST.isdisjoint(names) or not _PROPERTIES_OF_POST.isdisjoint(
            (el.get("itemprop") or "").split()
        ):
            return True
    return False


def classify_page(
    page: Page,
    hint: SourceHint | None = None,
    known_kind: PageKind = PageKind.UNKNOWN,
    located: Located | None = None,
) -> Answer:
    """Returns the kind of a page and the name of the rule that determined it. Only a page of kind POST becomes an
    article.

    - `hint`: what a feed or an API says about this address. It makes the page a post unless the page itself is clearly
      something else (an error, a password form, a listing).
    - `known_kind`: the kind that the sitemap or link with the address suggests.
    - `located`: the post on the page and the byline near its heading; None if they have not been located yet.
    """
    context = _Context(page, located or PostLocator(page), hint, known_kind)
    return _first_answer(_RULES, context) or (PageKind.PAGE, UNDATED)


def classify_at_a_glance(page: Page, post: Post, hint: SourceHint | None, known: PageKind) -> Answer | None:
    """Returns the kind and rule of a page if one of these decides them: its address, the classes of <body>, a redirect,
    or the title of an error or login page. Otherwise returns None. `hint` is what a feed or an API says about the post,
    None if nothing; `known` is the kind that its source suggests.
    """
    return _first_answer(_GLANCES, _Context(page, _NotLocated(post), hint, known))


def classify_by_facts(page: Page, post: Post, hint: SourceHint | None, known: PageKind) -> Answer | None:
    """Returns the kind and rule of a page if nothing needs to be guessed: its platform's classes declare its kind, or
    it is an error page, an empty page, a redirect or a password form. Otherwise returns None. `hint` is what a feed or
    an API says about the post, None if nothing; `known` is the kind that its source suggests.
    """
    return _first_answer(_FACTS, _Context(page, _NotLocated(post), hint, known))


def _first_answer(rules: Iterable[_Rule], context: _Context) -> Answer | None:
    for rule in rules:
        answer = rule(context)
        if answer is not None:
            return answer
    return None


def _empty(context: _Context) -> Answer | None:
    page = context.page
    if context.hint is not None and context.hint.body_html:
        return None  # a script fills the page, but its feed or API has the text
    body = page.index.tag("body")
    if body and (page.index.text_length(body[0]) >= 3 or body[0].find(".//img") is not None):
        return None
    refresh = any((el.get("http-equiv") or "").lower() == "refresh" for el in page.index.select("meta[http-equiv]"))
    return PageKind.OTHER, "redirect-stub" if refresh else EMPTY


def _redirect_stub(context: _Context) -> Answer | None:
    """Returns OTHER for a short page that redirects the browser with a meta refresh, with the name of the rule; None
    for any other page.
    """
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
    if not any(map(_is_password_field, context.page.index.tag("input"))):
        return None
    body = context.post.body
    return (PageKind.OTHER, "password") if body is not None and asks_for_password(body) else None


def _is_password_field(el: Element) -> bool:
    return (el.get("type") or "").lower() == "password"


def asks_for_password(body: Element) -> bool:
    """Returns True if the body of a post is only a password field and a few words, because its text is encrypted in a
    script.
    """
    if not any(map(_is_password_field, body.iter("input"))):
        return False
    shown = (e for e in body.iter("*") if e.tag not in UNREAD)  # the encrypted text is in a script
    return sum(len((e.text or "").strip()) + len((e.tail or "").strip()) for e in shown) < _FEW_WORDS


def _is_outside_post(post: Post, el: Element) -> bool:
    return post.body is not None and post.holder is not None and not any(a is post.holder for a in el.iterancestors())


def _platform_classes(context: _Context) -> Answer | None:
    """Returns the kind of page that the platform declares in the classes of <body>, with the name of the rule; None if
    it declares none.
    """
    page, hint = context.page, context.hint
    classes = page.body_classes
    if page.platform.name == "wordpress" and (answer := _wordpress_single(context, classes)):
        return answer
    for pattern, kind, rule in page.platform.kinds:
        is_listed_home = kind is PageKind.LISTING and rule == "home" and reports_post(hint)
        if not is_listed_home and any(re.fullmatch(pattern, c) for c in classes):
            return kind, f"{page.platform.name} {rule}"
    return None


def _entry_type(context: _Context) -> Answer | None:
    """Returns the kind by the class that WordPress gives the only entry of a page (type-post, type-page or
    type-attachment), with the name of the rule; None if there is no such class.

    This is needed for themes that mark the entry but not <body>. An entry with a permalink to another page belongs to a
    list and does not count.
    """
    page = context.page
    entries = [e for e in page.index.with_class("hentry") if not context.post.is_noise(e)]
    if len(entries) != 1 or has_linked_heading(page, entries[0]):
        return None
    permalinks = (a for a in entries[0].iter("a") if "bookmark" in (a.get("rel") or "").split())
    if any(_other_page(page, a) for a in permalinks):
        return None
    classes = (entries[0].get("class") or "").split()
    return next(((kind, name) for name, kind in _ENTRY_TYPES.items() if name in classes), None)


def _wordpress_single(context: _Context, classes: Sequence[str]) -> Answer | None:
    """Returns the kind by WordPress's class "single-post", or "single-TYPE" if the site defines post types, with the
    name of the rule; None if there is no such class.
    """
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
    return None if reports_post(context.hint) else (PageKind.PAGE, singles[0])


def _not_found(context: _Context) -> Answer | None:
    """Returns OTHER for an error, login or consent page, recognized by its headings, with the name of the rule; None
    for any other page.
    """
    page = context.page
    heads = [page.head_title] + [element_line(h) for h in page.index.tag("h1")[:3]]
    errors = [m for h in heads if len(h) < 90 and (m := NOT_FOUND.search(h))]
    is_wall = any(_names_wall(page, h) for h in heads)
    if not errors and not is_wall:
        return None
    # A heading with a date near it is a headline: "404 new homes approved", "Access denied: the council ...".
    is_dated = context.beside.moment is not None and context.text_length >= 100
    is_error = any(not is_dated or ENDS.match(m.string, m.end()) for m in errors)
    is_article = has_article_node(page) or declares_article(page)
    if is_error and context.has_body_shorter_than(1_500) and not is_article:
        return PageKind.OTHER, "not-found"
    if not is_dated and is_wall and context.has_body_shorter_than(600):
        return PageKind.OTHER, "wall"
    return None


def _names_wall(page: Page, heading: str) -> bool:
    """Returns True if a heading is that of a login form or of a check for robots. The words in it must be confirmed: by
    the rest of the heading, by a password field, or by other words on the page that are typical of such a check.
    """
    if m := LOGIN.match(heading):
        is_form = any(map(_is_password_field, page.index.tag("input")))
        return bool(ENDS.match(heading, m.end())) and (is_form or m["goes_on"] is not None)
    m = CHALLENGE.match(heading)
    if m is None or not ENDS.match(heading, m.end()):
        return False
    return m["goes_on"] is not None or bool(_CHALLENGE_WORDS.search(" ".join(map(str, page.root.itertext()))[:20_000]))


def _by_platform_path(context: _Context) -> Answer | None:
    platform = context.page.platform
    for pattern, kind, rule in platform.paths:
        if re.fullmatch(pattern, context.page.path) and not (kind is PageKind.LISTING and reports_post(context.hint)):
            return kind, f"{platform.name} {rule}"
    return None


def _own_feed(context: _Context) -> Answer | None:
    """Returns LISTING and the name of the rule for a page that declares a feed of its own in its folder (index.xml).
    Hugo writes one for each section and term, and for no post; the feed of all terms has their pages as its entries.
    Returns None for any other page, and for one that declares that it is an article.
    """
    page = context.page
    if page.path in ("/", "") or declares_article(page) or has_article_node(page):
        return None
    own = f"{page.path.rstrip('/')}/index.xml"
    links = (el for el in page.index.select("link[rel~=alternate]") if (el.get("href") or "").endswith("index.xml"))
    return (
        (PageKind.LISTING, "own feed") if any(urlsplit(page.join(el.get("href"))).path == own for el in links) else None
    )


def _by_source_hint(context: _Context) -> Answer | None:
    hint = context.hint
    if hint is not None and (hint.post_id or hint.published or hint.body_html):
        return PageKind.POST, "api" if hint.post_id else "feed"
    return None


def _by_known_kind(context: _Context) -> Answer | None:
    """Returns the kind that a sitemap or a link suggests for a page, with the name of the rule. Returns None if it
    suggests none, if the page contains a title, a body and a date, or if it declares a time of publication.
    """
    if context.has_own_date or declares_article(context.page):
        return None
    if context.known in (PageKind.LISTING, PageKind.PAGE):
        return context.known, BY_SOURCE
    return None


def _by_listing_address(context: _Context) -> Answer | None:
    page = context.page
    if page.path in ("/", "") and not may_name_post(parse_qsl(urlsplit(page.url).query, keep_blank_values=True)):
        return PageKind.LISTING, "home"
    is_article = has_article_node(page) or declares_article(page)
    dated = DATE_FOLDER.search(page.path)
    if dated and not is_article and not _is_of_another_year(context, int(dated[1])):
        return PageKind.LISTING, "date address"
    return (PageKind.LISTING, "listing address") if _has_listing_address(page) and not is_article else None


def _has_listing_address(page: Page) -> bool:
    return bool(LISTING_PATH.search(page.path)) and not IN_SECTION.search(page.path)


def _is_of_another_year(context: _Context, year: int) -> bool:
    """Returns True if the date near the title of a page is not in `year`, the year in its address. The page is then a
    post and not the list of that year's posts.
    """
    moment, title = context.beside.moment, context.post.title
    if moment is None or title is None or heading_link(context.page, title):
        return False
    return moment.day.year != year


def _several_posts(context: _Context) -> Answer | None:
    """Returns LISTING and the name of the rule for a page that lists posts; None for any other page, and for one that
    declares an article in JSON-LD, unless its address is that of a listing: some themes declare one on each page.

    A listing has entries of several posts, has the page's title among its linked headings, or is filled by teasers or
    links. At the address of a listing, one linked post is enough.
    """
    page, post = context.page, context.post
    is_list = _has_listing_address(page)
    if has_article_node(page) and not is_list:
        return None
    if _has_several_entries(page, post):
        return PageKind.LISTING, "several posts"
    heads = linked_headings(page, post)
    if (is_list or kind_of_address(page.path) is not None) and _is_post_of_list(page, post, [h for h, _ in heads]):
        return PageKind.LISTING, "one post"
    if len(heads) >= 2 and post.title is not None and heading_link(page, post.title):
        return PageKind.LISTING, "several headings"
    if (
        len(heads) >= 3
        and not page.data.meta("article:published_time")
        and is_filled_by_teasers(page, [h for h, _ in heads])
    ):
        return PageKind.LISTING, "teasers"
    if is_filled_by_linked_items(page, post, context.has_own_date):
        return PageKind.LISTING, "list of links"
    if is_list_of_files(page):
        return PageKind.LISTING, "list of files"
    return None


def _is_post_of_list(page: Page, post: Post, heads: list[Element]) -> bool:
    """Returns True if the text of a page belongs to an entry in a list, since the heading above it links to another
    page. This occurs in a category with only one post, for example. `heads` are the page's linked headings.
    """
    is_list = _has_listing_address(page)
    if page.data.meta("article:published_time") and not is_list:
        return False
    if post.title is not None and _host(heading_link(page, post.title, with_cards=False)) in _own_hosts(page):
        return True
    if is_list and post.title is not None:
        start = page.index.text_length_before(post.title, page.root)
        return any(0 < page.index.text_length_before(h, page.root) - start < _INTRODUCTION for h in heads)
    if post.body is None:
        return False
    start = page.index.order[post.body]
    return any(page.index.order[h] < start and (post.holder is None or is_below(h, post.holder)) for h in heads)


def _has_several_entries(page: Page, post: Post) -> bool:
    """Returns True if at least two elements of a page are marked as posts and have a heading with a link, and at most
    one <article> is left over.
    """
    articles = [e for e in page.index.tag("article") if not post.is_noise(e)]
    groups = [
        [e for e in page.index.with_class(name) if e.tag not in ("body", "main") and not post.is_noise(e)]
        for name in _ENTRY_CLASSES
    ]
    # Cards do not count in a post that declares when it was published, since they may be the entries of a ranking.
    with_cards = not page.data.meta("article:published_time")
    most = max(_count_entries(page, group, with_cards)[0] for group in [*groups, articles])
    return most >= 2 and most >= _count_entries(page, articles, with_cards)[1] - 1


def _count_entries(page: Page, marked: list[Element], with_cards: bool) -> tuple[int, int]:
    """Returns how many of the elements marked as posts have a heading with a link, and how many there are. Neither
    number contains those nested in an element that is itself a post: its own heading does not link to another page, and
    its own text is longer than what is nested in it.
    """
    all_marked, nested = set(marked), dict[Element, list[Element]]()
    for el in marked:
        if (around := next((a for a in el.iterancestors() if a in all_marked), None)) is not None:
            nested.setdefault(around, []).append(el)
    posts = {el for el, inner in nested.items() if _is_post_with_teasers(page, el, inner)}
    teasers = {el for post in posts for el in nested[post]}
    left = [el for el in marked if el not in teasers]
    return sum(has_linked_heading(page, el, with_cards) for el in left if el not in posts), len(left)


def _is_post_with_teasers(page: Page, el: Element, inner: list[Element]) -> bool:
    heads = [h for h in el.iter("h1", "h2", "h3", "h4") if not any(is_below(h, one) for one in inner)]
    if not heads or any(heading_link(page, h) for h in heads):
        return False
    return page.index.text_length(el) > 2 * sum(map(page.index.text_length, inner))


def _by_json_ld(context: _Context) -> Answer | None:
    page = context.page
    if page.data.article(page.addresses) is not None and has_article_node(page):
        return (PageKind.PAGE, "search form") if _is_empty_form(context) else (PageKind.POST, "json-ld")
    main = main_types(page)
    if main & LISTING_TYPES:
        return PageKind.LISTING, "json-ld"
    if main & PAGE_TYPES:
        return PageKind.PAGE, "json-ld"
    return None


def _is_empty_form(context: _Context) -> bool:
    """Returns True if the only content of a page is a form, as on the search page of a site."""
    post = context.post
    el = post.body if post.body is not None else post.holder
    if el is None or next(el.iter(*_MEDIA), None) is not None:
        return False
    form = next((e for e in el.iter("form", "input") if (e.get("type") or "").lower() != "hidden"), None)
    return form is not None and context.page.index.text_length(el) < _FORM_LENGTH


def _documentation(context: _Context) -> Answer | None:
    """Returns PAGE and the name of the rule for reference documentation, recognized by the program that generated it;
    None for any other page, and if a time of publication is declared.
    """
    page = context.page
    if not page.platform.is_documentation or page.data.meta("article:published_time"):
        return None
    return PageKind.PAGE, "documentation"


def _log(context: _Context) -> Answer | None:
    """Returns PAGE and the name of the rule for a history or changelog, which has several dates as headings or in one
    column of a table; None for any other page.

    Also returns None if the page declares when it was published, or if its address contains a date, since a post may
    contain such a table, too.
    """
    page, post = context.page, context.post
    top = post.body if post.body is not None else post.holder
    if top is None or has_article_node(page) or page.data.meta("article:published_time"):
        return None
    if (address := url_date(page.path)) is not None and address.day is not None:
        return None
    language = page.date_language
    for tags in (("h2",), ("h3",), ("h4",), ("dt",)):
        if len(_days_of((e for e in top.iter(*tags) if not post.is_noise(e)), language)) >= _LOG_DAYS:
            return PageKind.PAGE, "log"
    for table in islice(top.iter("table"), _LOG_TABLES):
        rows = [list(row.iterchildren("td", "th"))[:_LOG_COLUMNS] for row in islice(table.iter("tr"), _LOG_ROWS)]
        for column in range(_LOG_COLUMNS):
            cells = [row[column] for row in rows if column < len(row)]
            if len(days := _days_of(cells, language)) >= _LOG_DAYS and 2 * len(days) >= len(cells) - 1:
                return PageKind.PAGE, "log"
    return None


def _days_of(elements: Iterable[Element], language: str) -> set[date]:
    """Returns the distinct days named in those elements whose text is short, such as headings and cells."""
    days: set[date] = set()
    for el in islice(elements, _LOG_ROWS):
        text = element_line(el)
        if 6 <= len(text) <= _LOG_LINE and any(c.isdigit() for c in text):
            moment = visible_date(text, language)
            if moment is not None:
                days.add(moment.day)
    return days


def _by_date(context: _Context) -> Answer | None:
    """Returns a kind, with the name of the rule: POST for a page with a date of publication, PAGE for an address that
    is usual for static pages ("/about/"). Returns None if neither is true.
    """
    from archiver.extraction.date_candidates import published_candidates

    page, post = context.page, context.post
    if PAGE_PATH.search(page.path):
        return PageKind.PAGE, "page address"
    if post.title is None and post.body is None:
        return None
    found = published_candidates(page, post, None, context.beside)
    if _has_published_meta(page, found):
        return PageKind.POST, "published time"
    length, named = context.text_length, context.has_content
    if (named or length >= 20) and any(
        c.confidence > 0.6 and (c.visible or c.source in ("microdata", "rdfa")) for c in found
    ):
        return PageKind.POST, "dated"
    if (named or length >= 100) and any(map(_is_changed_beside_heading, found)) and _is_changed_post(context):
        return PageKind.POST, "dated"
    address = url_date(page.path)
    if (length >= 100 or (named and post.title is not None)) and address and address.day is not None:
        return PageKind.POST, "dated address"
    if (named or length >= 100) and any(_is_of_article(page, c) for c in found):
        return PageKind.POST, "published time"
    return None


def _is_changed_beside_heading(found: Candidate[Moment]) -> bool:
    """Returns True if a date is the time of the last change in the line below the heading ("Last updated at ..."). Some
    themes show no other date of a post.
    """
    return found.source == "byline" and found.locator == CHANGED_BESIDE_HEADING


def _is_changed_post(context: _Context) -> bool:
    """Returns True if a page that only says when it was changed is a post. A link to a category or tag must follow the
    heading within a few elements, and the page must not be in its own menu. The pages of a manual may have both a date
    of change and tags, but they are all in its menu.
    """
    title, order = context.post.title, context.page.index.order
    if title is None:
        return False
    near = (a for a in context.page.index.tag("a") if order[title] < order[a] <= order[title] + _NEAR_HEADING)
    has_terms = any(kind_of_address(a.get("href") or "") in ("category", "tag") for a in near)
    return has_terms and not _is_in_own_menu(context.page)


def _is_in_own_menu(page: Page) -> bool:
    """Returns True if a list or menu of the page contains a link to the page itself and links to at least three other
    pages of the site. Links to the folders above the page (breadcrumbs) and to its translations do not count.
    """
    for own in page.index.tag("a"):
        if not _leads_to_own_page(page, own):
            continue
        menu = next(own.iterancestors("ul", "ol", "nav"), None)
        links = (a for a in menu.iter("a") if not a.get("hreflang")) if menu is not None else ()
        others = {url.partition("#")[0].rstrip("/") for a in links if (url := _other_page(page, a))}
        if sum(_host(url) in _own_hosts(page) and not page.url.startswith(f"{url}/") for url in others) >= _IN_MENU:
            return True
    return False


def _leads_to_own_page(page: Page, a: Element) -> bool:
    href = a.get("href") or ""
    return not href.startswith("#") and page.join(href).partition("#")[0].rstrip("/") in page.addresses


def _is_of_article(page: Page, found: Candidate[Moment]) -> bool:
    """Returns True if a date of publication in JSON-LD or a meta element shows that the page is an article. In a meta
    element, it does so only if the page declares no type other than "article", since some programs write the time of
    the file into each page.
    """
    if found.source == "json-ld":
        return found.locator != "WebPage"
    return found.source == "meta" and (not page.data.meta("og:type") or _is_typed_article(page))


def _has_published_meta(page: Page, found: Sequence[Candidate[Moment]]) -> bool:
    """Returns True if a meta element declares a time of publication, and Open Graph declares either no type or the type
    "article".
    """
    kinds = {t.lower() for t in page.data.meta("og:type")}
    return (not kinds or "article" in kinds) and any(c.source == "meta" and c.confidence > 0.8 for c in found)


def _known_post(context: _Context) -> Answer | None:
    if context.known is PageKind.POST:
        return PageKind.POST, BY_SOURCE
    return None


def _by_byline(context: _Context) -> Answer | None:
    is_long = context.text_length >= 200 or (context.has_content and context.post.title is not None)
    if context.beside.names and context.beside.sure and is_long:
        return PageKind.POST, "byline"
    select = context.page.index.select
    marked = select("[itemtype*='schema.org/BlogPosting']") + select("[itemtype*='schema.org/NewsArticle']")
    if sum(not context.post.is_noise(e) for e in marked) == 1 and context.text_length >= 100:
        return PageKind.POST, "microdata"
    return None


def _by_scripts(context: _Context) -> Answer | None:
    """Returns POST and the name of the rule if the page itself shows hardly any text, and the data of its scripts
    contain an article with a date and a text; otherwise None.
    """
    article = unshown_article(context.post)
    texts = article.get("articleBody", [""])
    return (PageKind.POST, "dated") if len(texts[0]) >= _TEXT_IN_SCRIPTS else None


def _by_listed_date(context: _Context) -> Answer | None:
    """Returns POST and the name of the rule for a page with a title and a text for which a list of posts shows a date;
    None for any other page.
    """
    if context.hint is None or not context.hint.listed_date or context.post.title is None:
        return None
    return (PageKind.POST, LISTED_DATE) if context.has_content or context.text_length >= 20 else None


_Rule = Callable[[_Context], Answer | None]
_RULES: tuple[_Rule, ...] = (
    _empty,
    _redirect_stub,
    _password,
    _platform_classes,
    _not_found,
    _by_platform_path,
    _own_feed,
    _by_source_hint,
    _by_listing_address,
    _entry_type,
    _several_posts,
    _by_json_ld,
    _documentation,
    _by_known_kind,
    _log,
    _by_date,
    _known_post,
    _by_byline,
    _by_scripts,
    _by_listed_date,
)
_FACTS: tuple[_Rule, ...] = (_empty, _redirect_stub, _password, _platform_classes, _not_found)
_GLANCES: tuple[_Rule, ...] = (
    _redirect_stub,
    _password,
    _platform_classes,
    _not_found,
    _by_platform_path,
    _own_feed,
    _by_source_hint,
    _by_listing_address,
    _by_known_kind,
)


# Names that belong to one page only: names with digits, and names made from the terms of the page's post ("tag-maps").
_PAGE_SPECIFIC = lazy_regex(r"\d|^(?:category|tag|author|term|label|format|language|lang)-")
# Markup inside these elements belongs to the text and differs from post to post.
_TEXT_TAGS = frozenset(
    ("p", "blockquote", "pre", "code", "figure", "td", "tr", "th", "em", "strong", "b", "i", "h2", "h3", "h4", "dd")
)
_DECLARED = ("rel", "itemprop")
_MAX_ALIKE = 6  # at most this many elements with equal classes are read, since further rows of a menu add nothing
_MAX_TOKENS = 600
_MAX_NAMES = 8
_MAX_VALUE_LENGTH = 400
_MAX_TITLE_LENGTH = 400
_FORM_MEDIA = ("img", "iframe", "video", "audio", "embed", "object")
_MAX_MEDIA = 99
_HENTRY = lazy_regex(r"type-([a-z][a-z_-]{0,30})")
_DATE_SLUG = lazy_regex(r"(?:19|20)\d\d-\d\d?-\d\d?-(?=.)")


@lru_cache(maxsize=1)  # cached because it is needed twice for each page
def page_form(page: Page) -> PageForm:
    """Returns the form of a page, by which pages of one template are recognized: the tokens of its markup, the pattern
    of its address, and some facts about its content.
    """
    return PageForm(
        markup_tokens(page),
        address_pattern(page.url),
        _own_hentry_type(page),
        page.text_length.bit_length(),
        min(sum(len(page.index.tag(tag)) for tag in _FORM_MEDIA), _MAX_MEDIA),
        _titles(page),
        declares=has_article_node(page) or declares_article(page),
    )


def markup_tokens(page: Page) -> frozenset[int]:
    """Returns the hashes of the tokens that describe a page's markup: `parent>tag.class`, `parent>tag#id`,
    `tag[rel=...]` and `tag[itemprop=...]` for each element.

    Names with digits are left out, and so is the markup inside paragraphs, tables and the like, since it belongs to the
    text.
    """
    index = page.index
    found: set[int] = set()
    for value, elements in index.by_class_value():
        for parent, tag in {(_parent_tag(el), el.tag) for el in elements[:_MAX_ALIKE]}:
            found.update(_class_tokens(parent, tag, value))
    for value, elements in index.by_id():
        found.update(_id_tokens(_parent_tag(elements[0]), elements[0].tag, value))
    for name in _DECLARED:
        for value, elements in index.by_word(name):
            found.update(_declared_tokens(elements[0].tag, name, value))
    if len(found) > _MAX_TOKENS:
        return frozenset(sorted(found)[:_MAX_TOKENS])
    return frozenset(found)


def _parent_tag(el: Element) -> str:
    parent = el.getparent()
    return parent.tag if parent is not None else ""


@lru_cache(maxsize=16_384)
def _class_tokens(parent: str, tag: str, value: str) -> tuple[int, ...]:
    if parent in _TEXT_TAGS or len(value) > _MAX_VALUE_LENGTH:
        return ()
    names = [name for name in split_words(value) if not _PAGE_SPECIFIC.search(name)]
    return tuple(_hash(f"{parent}>{tag}.{name}") for name in names[:_MAX_NAMES])


@lru_cache(maxsize=16_384)
def _id_tokens(parent: str, tag: str, value: str) -> tuple[int, ...]:
    if parent in _TEXT_TAGS or tag in _TEXT_TAGS or _PAGE_SPECIFIC.search(value) or len(value) > _MAX_VALUE_LENGTH:
        return ()
    return (_hash(f"{parent}>{tag}#{value}"),)


@lru_cache(maxsize=16_384)
def _declared_tokens(tag: str, name: str, value: str) -> tuple[int, ...]:
    return () if _PAGE_SPECIFIC.search(value) else (_hash(f"{tag}[{name}={value}]"),)


def _hash(text: str) -> int:
    return crc32(text.encode("utf-8", errors="replace"))


def address_pattern(url: str) -> str:
    """Returns the pattern of an address: "Y/9/s" for "/2024/05/a-name/". The names of query parameters are appended.

    Each segment of the path becomes `Y` if it is a year, `9` if it is another number, `D-s` if it is a date followed by
    words, and `s` otherwise. A segment after a year, month and day is always `s`. The extension of a file name is kept.
    """
    parts = urlsplit(url)
    path, _, kept = unquote(parts.path).partition("?")  # in a static copy, the query is in the name of the file
    query = parts.query or kept.removesuffix(".html")
    steps = [step for step in folder_path(path).split("/") if step]
    out: list[str] = []
    for n, step in enumerate(steps, 1):
        is_name = out[-3:] == ["Y", "9", "9"]  # after a complete date, even a number is a name
        out.append(_step_pattern(step, is_last=n == len(steps), is_name=is_name))
    names = sorted({part.partition("=")[0] for part in query.split("&") if part})[:_MAX_NAMES]
    return "/".join(out)[:120] + (f"?{'&'.join(names)}"[:60] if names else "")


def _step_pattern(step: str, *, is_last: bool, is_name: bool) -> str:
    name, dot, ending = step.rpartition(".") if is_last else (step, "", "")
    if not dot or not 1 < len(ending) <= 5 or not ending.isalnum():
        name, dot, ending = step, "", ""
    if name.isdecimal() and not is_name:
        kind = "Y" if len(name) == 4 and name[:2] in ("19", "20") else "9"
    else:
        kind = "D-s" if _DATE_SLUG.match(name) else "s"
    return f"{kind}{dot}{ending}"


def _own_hentry_type(page: Page) -> str:
    """Returns the post type in the classes of the page's only `hentry` ("post", "page"); "" if there is none."""
    entries = page.index.with_class("hentry")
    if len(entries) != 1:
        return ""
    found = next((m for name in split_words(entries[0].get("class") or "") if (m := _HENTRY.fullmatch(name))), None)
    return found[1] if found else ""


def _titles(page: Page) -> tuple[int, int]:
    """Returns the hashes of the page's <title>, and of its first heading or, if it has none, of the title or
    description that it declares. The hash of a missing or empty one is 0.
    """
    headings = (text for tag in ("h1", "h2") for el in page.index.tag(tag)[:1] if (text := element_line(el)))
    declared = page.data.meta_first("og:title", "description")
    return _text_hash(page.head_title), _text_hash(next(headings, declared))


def _text_hash(text: str) -> int:
    folded = fold_text(text[:_MAX_TITLE_LENGTH])
    return _hash(folded) if folded else 0


def date_slot(article: Article) -> int:
    """Returns a number for the place in the page's markup where the date of publication is shown; 0 if the page does
    not show it. The number is equal for all pages that show the date in the same place.

    - It is 0 if the date is uncertain, or is only declared in the head or in the address.
    - It is `HEAD_SLOT` if a learned rule reads the date from the head, since it is then unknown whether the page shows
      it.
    - A date of the last change in the byline counts if it is used as the date of publication and the page shows no
      other.
    """
    shown = [e for e in article.evidence if e.field == "published" and e.source not in _NOT_SHOWN]
    if article.published is None:
        return 0
    day = article.published.date().isoformat()
    found = [e for e in shown if e.confidence > _CERTAIN] or [
        e for e in shown if e.locator == CHANGED_BESIDE_HEADING and e.value.startswith(day)
    ]
    if not found:
        return 0
    best = max(found, key=lambda e: e.confidence)
    return HEAD_SLOT if best.locator.startswith(_IN_HEAD) else _hash(_slot_of(best))


def shows_one_date(article: Article) -> bool:
    """Returns True if all dates on the page that may be its date of publication, however uncertain, are on the same
    day. For a post without a heading, this is the only sign that the date is right.
    """
    shown = {e.value[:10] for e in article.evidence if e.field == "published" and e.source not in _NOT_SHOWN}
    return article.published is not None and len(shown) == 1


_CERTAIN = 0.6
HEAD_SLOT = 1
"""The value of `date_slot` if a learned rule reads the date in the head of the page."""
_IN_HEAD = ("ld+json", "meta[")
_NOT_SHOWN = frozenset(
    (
        "api",
        "feed",
        "meta",
        "json-ld",
        "url",
        "address",
        "listing",
        "sitemap",
        REFUSED,
        PAGE_OBJECT,
        PAGE_OBJECT_FAILED,
        PAGE_OBJECT_KEPT,
    )
)


def _slot_of(evidence: Evidence) -> str:
    return f"{evidence.source}:{re.sub(r'[0-9]+', '', evidence.locator)}"
