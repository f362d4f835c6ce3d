"""Is this page a post? One ordered list of rules; each answer names the rule it came by."""

from __future__ import annotations

import re
from collections.abc import Callable

from archiver.extraction.byline import Beside, beside_heading
from archiver.extraction.datetext import of_url
from archiver.extraction.page import Page
from archiver.extraction.scope import Post, find, text_length
from archiver.extraction.structured import ARTICLE_TYPES, types
from archiver.extraction.text import clean, line
from archiver.items import Lead, PageKind
from archiver.platforms import by_name
from lxml.etree import _Element as Element

Answer = tuple[PageKind, str]

_NOT_FOUND = re.compile(
    r"^(?:error\s*)?40[34]\b|\b(?:page|post|file|article)\s+(?:was\s+)?(?:not|cannot be|could not be|can't be)\s+found|^not found|nothing (?:was )?found|oops!? that page|"
    r"página no encontrada|no se ha encontrado|page (?:introuvable|non trouvée)|seite (?:wurde )?nicht gefunden|pagina non trovata|página não encontrada|"
    r"страница не найдена|không tìm thấy|页面(?:不存在|未找到|没有找到)|找不到(?:页面|頁面|网页)|ページが見つかりません|페이지를 찾을 수 없|الصفحة غير موجودة|"
    r"sayfa bulunamadı|העמוד לא נמצא|pagina niet gevonden|nie znaleziono",
    re.IGNORECASE)
_WALL = re.compile(r"^(?:log ?in|sign ?in|anmelden|connexion|iniciar sesión|đăng nhập|登录|登入|ログイン|로그인|войти|accedi|before you continue|"
                   r"just a moment|attention required|are you a robot|access denied|verify you are human|checking your browser)\b", re.IGNORECASE)
_ARTICLE_LIKE = re.compile(r"^(?:single-)?(?:post|posts|article|articles|news|story|stories|noticia|noticias|actualite|actualites|artikel|nachricht|blog|tin-tuc|"
                           r"press|press-release|opinion|column|report|interview|review|essay|haber|yazi|novosti|statya|berita|nieuws|notizia|notizie)$")
_LISTING_TYPES = {"collectionpage", "searchresultspage", "itemlist", "blog"}
_PAGE_TYPES = {"aboutpage", "contactpage", "faqpage", "profilepage", "checkoutpage", "product", "qapage"}
_LISTING_PATH = re.compile(
    r"^/(?:.*/)?(?:tags?|category|categories|authors?|archives?|archivo|archiv|label|labels|topics?|search|page|sections?|series|taxonomy|etiquetas?|"
    r"categorias?|rubrik|schlagwort|autor|auteur|chuyen-muc|the)/[^/]+(?:/page/?\d+)?/?(?:index\.html?)?$|/page/\d+/?$|/(?:tags|categories|archives?|authors|search)(?:/|\.html)?$",
    re.IGNORECASE)
_PAGE_PATH = re.compile(r"/(?:about(?:-us|-me)?|contact(?:-us)?|privacy(?:-policy)?|terms(?:-of-\w+)?|imprint|impressum|datenschutz|legal|disclaimer|faq|"
                        r"gioi-thieu|lien-he|sobre(?:-mi|-nosotros)?|contacto|mentions-legales|a-propos|chi-siamo|hakkimda|iletisim)(?:\.html?|/)?$", re.IGNORECASE)


def classify(
    page: Page,
    lead: Lead | None = None,
    known_kind: PageKind = PageKind.UNKNOWN,
    post: Post | None = None,
    beside: Beside | None = None,
) -> Answer:
    """What a page is, and the name of the rule that says so.

    `lead`: what a feed or an API told of this address; it makes a page a post unless the page itself
    shows that it is none (an error, a password form, a listing). `known_kind`: what the sitemap or
    the link that led here says. Only POST makes an article.
    """
    post = post or find(page)
    beside = beside or beside_heading(page, post)
    for rule in _RULES:
        answer = rule(page, post, beside, lead, known_kind)
        if answer is not None:
            return answer
    return PageKind.PAGE, "undated"


def _empty(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    body = page.index.tag("body")
    if not body or (text_length(body[0]) < 3 and body[0].find(".//img") is None):
        for el in page.index.select("meta[http-equiv]"):
            if (el.get("http-equiv") or "").lower() == "refresh":
                return PageKind.OTHER, "redirect-stub"
        return PageKind.OTHER, "empty"
    return None


def _stub(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    for value in page.data.meta("refresh"):
        m = re.match(r"\s*(\d+)\s*[;,]\s*url\s*=\s*['\"]?(\S+?)['\"]?\s*$", value, re.IGNORECASE)
        if m and int(m[1]) <= 10 and text_length(page.root) < 1_000:
            target = page.join(m[2])
            if target and target.rstrip("/") != page.url.rstrip("/"):
                return PageKind.OTHER, "redirect-stub"
    return None


def _password(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    if lead is not None and lead.protected:
        return PageKind.OTHER, "password"
    forms = page.index.select(".post-password-form") + [f for f in page.index.tag("form") if "postpass" in (f.get("action") or "")]
    if any(not _in_list(post, f) for f in forms) and (post.body is None or text_length(post.body) < 700):
        return PageKind.OTHER, "password"
    return None


def _in_list(post: Post, el: Element) -> bool:
    return post.body is not None and post.holder is not None and not any(a is post.holder for a in el.iterancestors())


def _platform_classes(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    classes = page.body_classes
    if page.platform.name == "wordpress":
        if any(c in ("single-post", "single-format-standard") for c in classes) and "attachment" not in classes and "error404" not in classes:
            return PageKind.POST, "single-post"
        kinds = [c.removeprefix("single-") for c in classes if c.startswith("single-")
                 and not c.startswith(("single-format", "single-attachment", "single-author", "single-sidebar", "single-column"))]
        if "single" in classes and kinds and "attachment" not in classes and "error404" not in classes:
            own = _main_types(page) & ARTICLE_TYPES
            if own or _ARTICLE_LIKE.match(kinds[0]):
                return PageKind.POST, "single-" + kinds[0]
            if lead is None:
                return PageKind.PAGE, "single-" + kinds[0]
    for pattern, kind, rule in page.platform.kinds:
        if any(re.fullmatch(pattern, c) for c in classes):
            if kind is PageKind.LISTING and rule == "home" and lead is not None:
                continue
            return kind, f"{page.platform.name} {rule}"
    return None


def _not_found(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    heads = [page.head_title] + [line(h) for h in page.index.tag("h1")[:3]]
    if any(_NOT_FOUND.search(h) for h in heads if len(h) < 90) and (post.body is None or text_length(post.body) < 1_500) and not _article_node(page):
        return PageKind.OTHER, "not-found"
    if any(_WALL.match(h) for h in heads) and (post.body is None or text_length(post.body) < 600):
        return PageKind.OTHER, "wall"
    return None


def _paths(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    for pattern, kind, rule in page.platform.paths:
        if re.fullmatch(pattern, page.path):
            if kind is PageKind.LISTING and lead is not None:
                continue
            return kind, f"{page.platform.name} {rule}"
    return None


def _led(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    if lead is not None and (lead.post_id or lead.published or lead.body_html):
        return PageKind.POST, "api" if lead.post_id else "feed"
    return None


def _known(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    if known in (PageKind.LISTING, PageKind.PAGE):
        return known, "told by its source"
    return None


def _home(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    if page.path in ("/", "", "/index.html", "/index.php"):
        return PageKind.LISTING, "home"
    if _LISTING_PATH.search(page.path) and not _article_node(page):
        return PageKind.LISTING, "listing address"
    return None


def _many(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    """Several posts, each with a linked heading of its own, and no one of them the page's."""
    entries = 0
    for name in ("hentry", "h-entry", "type-post", "wp-block-post"):
        entries = max(entries, sum(1 for e in page.index.with_class(name) if e.tag not in ("body", "main") and not post.is_noise(e) and _linked_heading(page, e)))
    articles = [e for e in page.index.tag("article") if not post.is_noise(e)]
    linked = sum(1 for e in articles if _linked_heading(page, e))
    if max(entries, linked) >= 2 and max(entries, linked) >= len(articles) - 1 and not _article_node(page):
        return PageKind.LISTING, "several posts"
    heads = {u for h in page.index.tag("h1", "h2", "h3") if not post.is_noise(h) for u in [_heading_link(page, h)] if u}
    if len(heads) >= 4 and (post.title is None or _heading_link(page, post.title)) and not _article_node(page):
        return PageKind.LISTING, "several headings"
    return None


def _linked_heading(page: Page, el: Element) -> bool:
    return any(_heading_link(page, h) for h in el.iter("h1", "h2", "h3", "h4"))


def _heading_link(page: Page, h: Element) -> str:
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


def _main_types(page: Page) -> set[str]:
    """The types of what JSON-LD says this very page is or is about."""
    out: set[str] = set()
    for node in page.data.nodes:
        about = {str(node.get(k)) for k in ("url", "@id", "mainEntityOfPage") if isinstance(node.get(k), str)}
        about |= {str(v.get("@id")) for v in [node.get("mainEntityOfPage")] if isinstance(v, dict)}
        if any(a.partition("#")[0].rstrip("/") in page.addresses for a in about):
            out |= types(node)
    return out


def _article_node(page: Page) -> bool:
    node = page.data.article(page.addresses)
    return node is not None and ("datePublished" in node or "author" in node)


def _declared(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    if page.data.article(page.addresses) is not None and _article_node(page):
        return PageKind.POST, "json-ld"
    main = _main_types(page)
    if main & _LISTING_TYPES:
        return PageKind.LISTING, "json-ld"
    if main & _PAGE_TYPES:
        return PageKind.PAGE, "json-ld"
    return None


def _dated(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    from archiver.extraction.dates import published

    if _PAGE_PATH.search(page.path):
        return PageKind.PAGE, "page address"
    if not (post.title is not None or post.body is not None):
        return None
    kinds = {t.lower() for t in page.data.meta("og:type")}
    found = published(page, post, None, beside)
    if any(c.source == "meta" and c.confidence > 0.8 for c in found) and (not kinds or "article" in kinds):
        return PageKind.POST, "published time"
    if any(c.visible or c.source == "microdata" for c in found if c.confidence > 0.6) and _text(post) >= 20:
        return PageKind.POST, "dated"
    date = of_url(page.path)
    if date and date[2] is not None and _text(post) >= 100:
        return PageKind.POST, "dated address"
    if any(c.source in ("meta", "json-ld") and c.locator != "WebPage" for c in found) and _text(post) >= 100:
        return PageKind.POST, "published time"
    return None


def _text(post: Post) -> int:
    el = post.body if post.body is not None else post.holder
    return text_length(el) if el is not None else 0


def _told(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    if known is PageKind.POST:
        return PageKind.POST, "told by its source"
    return None


def _bylined(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    if beside.names and beside.sure and _text(post) >= 200:
        return PageKind.POST, "byline"
    items = [e for e in page.index.select("[itemtype*=schema.org/BlogPosting]") + page.index.select("[itemtype*=schema.org/NewsArticle]") if not post.is_noise(e)]
    if len(items) == 1 and by_name("generic") is not None and _text(post) >= 100:
        return PageKind.POST, "microdata"
    return None


_RULES: tuple[Callable[[Page, Post, Beside, Lead | None, PageKind], Answer | None], ...] = (
    _empty, _stub, _password, _platform_classes, _not_found, _paths, _led, _known, _home, _many, _declared, _dated, _told, _bylined,
)


