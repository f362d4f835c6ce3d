"""The signs by which a post differs from other pages: error words, addresses, JSON-LD types, linked headings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

from lxml.etree import _Element as Element

from archiver.extraction.page import Page
from archiver.extraction.scope import Post
from archiver.extraction.structured import types
from archiver.extraction.text import line
from archiver.platforms.selector import is_below

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


def linked_heading(page: Page, el: Element) -> bool:
    """Whether an element contains a heading that links to another page."""
    return any(heading_link(page, h) for h in el.iter("h1", "h2", "h3", "h4"))


def heading_link(page: Page, h: Element) -> str:
    """The address that a heading links to, "" unless it is another page."""
    links = list(h.iter("a"))
    parent = h.getparent()
    if parent is not None and parent.tag == "a":
        links.append(parent)
    for a in links:
        url = page.join(a.get("href"))
        if url and url.partition("#")[0].rstrip("/") not in page.addresses and len(line(a)) > 2:
            return url
    return ""


def linked_headings(page: Page, post: Post) -> list[tuple[Element, str]]:
    """Headings outside the noise that link to other pages of the same site, one for each page."""
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


def teasers_fill(page: Page, heads: list[Element]) -> bool:
    """Whether the blocks around linked headings, each with one heading, make up most of the page's text."""
    if len(heads) >= _MANY:
        return True
    main = next((e for s in ("main", "[role=main]", "body") for e in page.index.select(s)), page.root)
    if any(not is_below(h, main) for h in heads):
        main = page.root
    blocks = _blocks_around(heads, main)
    length = sum(page.index.text_length(b) for b in blocks if not any(a in blocks for a in b.iterancestors()))
    return 2 * length > page.index.text_length(main)


def _blocks_around(heads: list[Element], main: Element) -> set[Element]:
    """For each heading the largest element without another of them; a bare heading counts with its siblings."""
    counts = Counter(at for h in heads for at in _up_to(h, main))
    chosen = set(heads)
    blocks: set[Element] = set()
    for h in heads:
        block = h
        for at in _up_to(h, main):
            if counts[at] > 1 or at is main:
                break
            block = at
        parent = block.getparent()
        if block in chosen and parent is not None:
            blocks.update(e for e in parent if e.tag in ("p", "div", "ul") and e not in chosen)
        blocks.add(block)
    return blocks


def _up_to(el: Element, top: Element) -> Iterator[Element]:
    """The ancestors of an element, up to and including `top`."""
    for at in el.iterancestors():
        yield at
        if at is top:
            return


def linked_items_fill(page: Page, post: Post) -> bool:
    """Whether list items and table rows that are little more than a link to this site make up most of the page."""
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
    """The other page of this site that an item links to, if the item is little more than that link; else ""."""
    links = [(page.join(a.get("href")), page.index.text_length(a)) for a in item.iter("a")]
    own = {url.partition("#")[0]: n for url, n in links if url and _host(url) in hosts}
    if len(own) != 1:
        return ""
    (target, text), = own.items()
    return target if target not in page.addresses and length - text <= _DATE_LENGTH else ""


def main_types(page: Page) -> set[str]:
    """The JSON-LD types of what this page is, or is about."""
    out: set[str] = set()
    for node in page.data.nodes:
        about = {str(node.get(k)) for k in ("url", "@id", "mainEntityOfPage") if isinstance(node.get(k), str)}
        about |= {str(v.get("@id")) for v in [node.get("mainEntityOfPage")] if isinstance(v, dict)}
        if any(a.partition("#")[0].rstrip("/") in page.addresses for a in about):
            out |= types(node)
    return out


def article_node(page: Page) -> bool:
    """Whether JSON-LD declares the page as an article with a date or an author."""
    node = page.data.article(page.addresses)
    return node is not None and ("datePublished" in node or "author" in node)
