"""Date candidates, published and modified."""

from __future__ import annotations

from lxml.etree import _Element as Element

from archiver.extraction.byline import Beside
from archiver.extraction.candidates import Candidate, from_api
from archiver.extraction.datetext import Moment, machine, month_only, of_url, visible
from archiver.extraction.datewords import MODIFIED
from archiver.extraction.page import Page
from archiver.extraction.scope import Post
from archiver.extraction.structured import is_article_item, item_of
from archiver.extraction.text import line
from archiver.items import Lead
from archiver.platforms import by_name

When = Candidate[Moment]
_PUBLISHED = (
    (
        (
            "article:published_time",
            "article:published",
            "og:published_time",
            "og:article:published_time",
            "rnews:datepublished",
        ),
        0.84,
    ),
    (
        (
            "citation_publication_date",
            "citation_online_date",
            "parsely-pub-date",
            "datepublished",
            "publish-date",
            "publishdate",
            "publish_date",
            "publication_date",
            "published_time",
            "pubdate",
            "pub_date",
            "article.published",
            "published-date",
            "originalpublicationdate",
            "sailthru.date",
            "cxenseparse:recs:publishtime",
            "ptime",
            "displaydate",
            "article_date_original",
            "article:created",
            "created",
        ),
        0.74,
    ),
    (
        (
            "dc.date.issued",
            "dcterms.issued",
            "dcterms.created",
            "dc.date.created",
            "dcterms.date",
            "dc.date",
            "date",
            "bt:pubdate",
        ),
        0.68,
    ),
)
_MODIFIED = (
    "article:modified_time",
    "og:updated_time",
    "article:modified",
    "dcterms.modified",
    "dc.date.modified",
    "datemodified",
    "last-modified",
    "lastmod",
    "revised",
    "modified_time",
    "article.updated",
    "sailthru.lastmodified",
)


def stated(moment: Moment, visible: bool) -> float:
    """A little more trust for what is more exact, so that among equals the fullest is kept."""
    return (0.01 if moment.precision != "day" else 0.0) + (0.01 if moment.zoned else 0.0) + (0.005 if visible else 0.0)


def published(page: Page, post: Post, lead: Lead | None, beside: Beside) -> list[When]:
    """When the post was published, by every source that says so."""
    out: list[When] = []

    def add(moment: Moment | None, source: str, locator: str, confidence: float, seen: bool = False) -> None:
        if moment is not None:
            out.append(Candidate(moment, source, locator, confidence + stated(moment, seen), seen))

    if lead is not None and lead.published is not None:
        trusted = from_api(lead)
        add(
            Moment(lead.published, "second", True), "api" if trusted else "feed", "published", 0.97 if trusted else 0.79
        )
    _platform(page, post, add)
    node = page.data.article(page.addresses)
    for key, confidence in (("datePublished", 0.86), ("dateCreated", 0.78), ("uploadDate", 0.7)):
        for text in page.data.texts(node, key)[:1]:
            add(machine(text) or visible(text, page.language or ""), "json-ld", key, confidence)
    if node is None:
        for web in page.data.of_type("webpage")[:1]:
            for text in page.data.texts(web, "datePublished")[:1]:
                add(machine(text), "json-ld", "WebPage", 0.58)
    for el in page.index.select("[itemprop~=datePublished]") + page.index.select("[itemprop~=dateCreated]"):
        if is_article_item(item_of(el)) and not post.is_noise(el):
            moment, seen = of_element(el, page.language or "")
            add(moment, "microdata", "datePublished", 0.86, seen)
            break
    for keys, confidence in _PUBLISHED:
        for key in keys:
            for text in page.data.meta(key)[:1]:
                add(machine(text) or visible(text, page.language or ""), "meta", key, confidence)
    add(beside.moment, "byline", "beside the heading", 0.8, True)
    date = of_url(page.path)
    if date is not None and date[2] is not None:
        add(machine(f"{date[0]:04}-{date[1]:02}-{date[2]:02}"), "address", page.path, 0.55)
    return out


def _platform(page: Page, post: Post, add: object) -> None:
    generic = by_name("generic")
    language = page.language or ""
    tables = [(page.platform, 0.9)] if page.platform is not generic else []
    for platform, confidence in [*tables, (generic, 0.72)]:
        for rule in platform.published:
            found = [
                (m, seen, el)
                for el, _ in post.select([rule])[:3]
                for m, seen in [of_element(el, language)]
                if m is not None and not _says_modified(el)
            ]
            if found:
                moment, seen, el = found[0]
                inside = post.holder is not None and any(a is post.holder for a in el.iterancestors())
                add(
                    moment,
                    "platform" if platform is not generic else "class",
                    rule,  # type: ignore[operator]
                    confidence if inside else confidence - 0.08,
                    el.tag != "meta",
                )
                text = visible(line(el), language)
                tip = visible(el.get("title") or "", language)
                if tip is not None and not tip.zoned and moment.zoned and tip.precision != "day":
                    add(tip, "text", f"{rule} title", confidence - 0.05, True)  # type: ignore[operator]
                if seen is False and text is not None and el.tag != "meta":
                    add(text, "text", rule, confidence - 0.05, True)  # type: ignore[operator]
                break


def _says_modified(el: Element) -> bool:
    names = f"{el.get('class') or ''} {el.get('itemprop') or ''}"
    if "publish" in names.lower() or "create" in names.lower():
        return False
    previous, parent = el.getprevious(), el.getparent()
    before = (previous.tail or "") if previous is not None else (parent.text or "") if parent is not None else ""
    return bool(MODIFIED.search(names) or MODIFIED.search(before[-40:]) or MODIFIED.search(line(el)[:60]))


def of_element(el: Element, language: str) -> tuple[Moment | None, bool]:
    """The date of an element, and whether it was read from its visible text (no attribute had it)."""
    for attr in ("datetime", "content", "title", "data-datetime", "data-time", "data-timestamp"):
        value = el.get(attr)
        if value and (moment := machine(value) or (visible(value, language) if attr == "title" else None)):
            if (
                moment.precision == "day"
                and (text := visible(line(el)[:120], language))
                and text.day == moment.day
                and text.precision != "day"
            ):
                return text, True
            return moment, False
    for inner in el.iter("time", "abbr", "meta"):
        if (
            inner is not el
            and (value := inner.get("datetime") or inner.get("title") or inner.get("content"))
            and (m := machine(value))
        ):
            return m, False
    text_line = line(el)
    if len(text_line) > 200:
        return None, False
    return visible(text_line, language, True) or month_only(text_line), True


def modified(page: Page, post: Post, lead: Lead | None, beside: Beside) -> list[When]:
    """When the page says it was last changed."""
    out: list[When] = []

    def add(moment: Moment | None, source: str, locator: str, confidence: float, seen: bool = False) -> None:
        if moment is not None:
            out.append(Candidate(moment, source, locator, confidence + stated(moment, seen), seen))

    if lead is not None and lead.modified is not None:
        trusted = from_api(lead)
        add(Moment(lead.modified, "second", True), "api" if trusted else "feed", "modified", 0.97 if trusted else 0.7)
    for text in page.data.texts(page.data.article(page.addresses), "dateModified")[:1]:
        add(machine(text), "json-ld", "dateModified", 0.86)
    for rule in page.platform.modified + by_name("generic").modified:
        for el, _ in post.select([rule])[:1]:
            moment, seen = of_element(el, page.language or "")
            add(moment, "platform", rule, 0.84, seen)
    for key in _MODIFIED:
        for text in page.data.meta(key)[:1]:
            add(machine(text) or visible(text, page.language or ""), "meta", key, 0.8)
    add(beside.modified, "byline", "beside the heading", 0.6, True)
    return out
