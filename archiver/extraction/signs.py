"""What tells a post from another page: error words, addresses of listings, types of JSON-LD, linked headings."""

from __future__ import annotations

import re
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
"""What stands behind words of an error where they are all that a heading says, but for the site's name."""
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
"""A section is named by a word or two; what has a whole sentence there is a post that is filed under it."""
_MANY = 60
_DATE_LENGTH = 40  # what a list of posts says beside a title: a date, the number of comments
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
    return any(heading_link(page, h) for h in el.iter("h1", "h2", "h3", "h4"))


def heading_link(page: Page, h: Element) -> str:
    """Where a heading leads, if that is another page."""
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
    """Headings outside the noise that lead to other pages of the same site, one for each page."""
    out: dict[str, Element] = {}
    hosts = {(urlsplit(u).hostname or "").removeprefix("www.") for u in page.addresses}
    for h in page.index.tag("h1", "h2", "h3", "h4"):
        if (
            not post.is_noise(h)
            and (url := heading_link(page, h))
            and (urlsplit(url).hostname or "").removeprefix("www.") in hosts
        ):
            out.setdefault(url, h)
            if len(out) >= _MANY:
                break
    return [(h, url) for url, h in out.items()]


def teasers_fill(page: Page, heads: list[Element]) -> bool:
    """Whether the blocks around linked headings, one heading each, make up most of what the page says."""
    if len(heads) >= _MANY:
        return True
    chosen = set(heads)
    main = next((e for s in ("main", "[role=main]", "body") for e in page.index.select(s)), page.root)
    if any(not is_below(h, main) for h in heads):
        main = page.root
    counts: dict[Element, int] = {}
    for h in heads:
        for at in h.iterancestors():
            counts[at] = counts.get(at, 0) + 1
            if at is main:
                break
    blocks: set[Element] = set()
    for h in heads:
        block = h
        for at in h.iterancestors():
            if counts.get(at, 2) > 1 or at is main:
                break
            block = at
        if block in chosen:
            parent = block.getparent()
            blocks.update(
                e for e in (parent if parent is not None else ()) if e.tag in ("p", "div", "ul") and e not in chosen
            )
        blocks.add(block)
    said = sum(page.index.text_length(b) for b in blocks if not any(a in blocks for a in b.iterancestors()))
    return 2 * said > page.index.text_length(main)


def linked_items_fill(page: Page, post: Post) -> bool:
    """Whether list items or table rows that are each little more than a link to this site make up most of the page."""
    main = post.body if post.body is not None else next(iter(page.index.tag("body")), page.root)
    whole = page.index.text_length(main)
    items = [(item, page.index.text_length(item)) for tag in ("li", "tr", "dt") for item in page.index.tag(tag)]
    if 2 * sum(length for _, length in items) <= whole:
        return False
    hosts = {(urlsplit(u).hostname or "").removeprefix("www.") for u in page.addresses}
    seen: set[str] = set()
    said = 0
    for item, length in items:
        if post.is_noise(item) or (item.find(".//li") is not None or item.find(".//tr") is not None):
            continue
        links = [(page.join(a.get("href")), page.index.text_length(a)) for a in item.iter("a")]
        own = {
            u.partition("#")[0]: n
            for u, n in links
            if u and (urlsplit(u).hostname or "").removeprefix("www.") in hosts
        }
        if len(own) == 1 and not set(own) & set(page.addresses) and length - sum(own.values()) <= _DATE_LENGTH:
            seen.update(own)
            said += length
    return len(seen) >= 3 and 2 * said > whole


def main_types(page: Page) -> set[str]:
    """The types of what JSON-LD says this very page is or is about."""
    out: set[str] = set()
    for node in page.data.nodes:
        about = {str(node.get(k)) for k in ("url", "@id", "mainEntityOfPage") if isinstance(node.get(k), str)}
        about |= {str(v.get("@id")) for v in [node.get("mainEntityOfPage")] if isinstance(v, dict)}
        if any(a.partition("#")[0].rstrip("/") in page.addresses for a in about):
            out |= types(node)
    return out


def article_node(page: Page) -> bool:
    node = page.data.article(page.addresses)
    return node is not None and ("datePublished" in node or "author" in node)
