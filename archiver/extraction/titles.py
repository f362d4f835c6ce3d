"""Collects title candidates (the heading of the post, the titles that the page declares, the title in a feed or API),
and finds the names of the site, which are not part of a title.
"""

from __future__ import annotations

import re
from functools import lru_cache

from lxml.etree import _Element as Element

from archiver.extraction.date_parser import names_a_date, text_around_date
from archiver.extraction.metadata import is_article_item, item_of
from archiver.extraction.normalization import clean_text, element_line, fold_text
from archiver.extraction.page import Page
from archiver.extraction.post_locator import (
    SIGNS_AT_END,
    SIGNS_AT_START,
    TITLE_PARTS,
    Post,
    leads_home,
    names_in_headings,
    other_headings,
    title_in_url,
    title_similarity,
    unshown_article,
    without_name_before,
    without_name_behind,
)
from archiver.model.items import OTHER_HEADING, Candidate, SourceHint, is_from_api
from archiver.model.lazy_regex import lazy_regex

_SEPARATOR = lazy_regex(r"\s+[|·•»«›‹–—:~/\\-]+\s+|\s*[｜|»«]\s*|(?<=\S)_(?=\S)|\s+::\s+|(?<=\S):\s+|\s*—\s*")
_BAR = lazy_regex(r"\s+[|·•»]\s+|\s*｜\s*")
_BARS = ("| ", "｜")
_MAX_LOST = 5
_LOST, _LOST_IN_WORD = lazy_regex("[?\ufffd]"), lazy_regex(r"\w\?\w")
_PERMALINK = lazy_regex(r"\s*[#¶§🔗∞]\s*$")


_MANGLED = lazy_regex("[\u00c2\u00c3\u00e2\u00d0\u00d1][\u0080-\u00bf\u20ac\u2122\u0153]")
_TERM_RELS = frozenset({"category", "tag", "author"})
_BYLINE = lazy_regex(
    r"(?:^|[\s_-])(?:by-?line|entry-?meta|post-?meta|cat-?links|posted-?(?:on|by|in))(?:$|[\s_-])", re.IGNORECASE
)
_DATE_LABEL = 16  # at most this many characters accompany a date, such as "Posted on"
_HIDDEN = lazy_regex(r"screen-reader|sr-only|visually-hidden|headerlink|anchor-?link")
_SITE_TITLES = (
    "#site-title",
    ".site-title",
    ".site-name",
    ".wp-block-site-title",
    "a.navbar-brand",
    "h1.title a",
    ".blog-title",
    "#blog-title",
    "#header h1",
    ".logo-text",
)
_METAS = (
    ("citation_title", 0.85),
    ("og:title", 0.72),
    ("twitter:title", 0.65),
    ("parsely-title", 0.65),
    ("sailthru.title", 0.65),
    ("dc.title", 0.65),
    ("dcterms.title", 0.65),
    ("title", 0.65),
    ("hdl", 0.65),
)
"""The names of meta elements that give a title, with the confidence of each."""
_MAX_WORDS, _MIN_LETTERS = 5, 4
_SENTENCE, _ALIKE = 5, 0.6
_HEADINGS = 10
_OTHERS, _MAX_OTHER, _LINKS_HOME = 4, 200, 12
_TAG = lazy_regex(r"<([a-z][\w-]*)>", re.IGNORECASE)
_INITIALS = lazy_regex(r"[A-Z]{2,6}$")
_SECTIONS = frozenset(
    ("blog", "news", "articles", "article", "magazine", "insights", "resources", "stories", "home", "noticias",
     "artículos", "actualités", "nachrichten", "artikel", "notizie", "новости", "статьи", "блог", "haberler", "tintức",
     "新闻", "新聞", "ニュース", "ブログ", "뉴스", "أخبار", "مقالات", "חדשות")
)  # fmt: skip


def site_names(page: Page) -> list[str]:
    """Returns the names of the site that the page declares or shows in its header."""
    known = page.names
    if known is None or known[0] is not page.constants:
        known = page.names = page.constants, _site_names(page)
    return known[1]


def _site_names(page: Page) -> list[str]:
    names = [*page.data.names_of_site(), *page.constants.names]
    for selector in _SITE_TITLES:
        names += [
            t
            for e in page.index.select(selector)[:1]
            if (t := element_line(e))
            and len(t) < 80
            and _leads_home(page, e)
            and not _is_long_title(t, page.head_title)
        ]
    headings = [e for e in page.index.tag("h1", "h2")[:_HEADINGS] if leads_home(page, e)]
    names += [t for e in headings if (t := element_line(e)) and len(t) < 80]
    names += _names_in_home_links(page)
    names += names_in_headings(page)
    return list(dict.fromkeys(n for n in names if n))


def _names_in_home_links(page: Page) -> list[str]:
    """Returns the texts of links to the home page that equal the whole <title>, or its first or last part."""
    parts = [fold_text(part) for part in TITLE_PARTS.split(page.head_title)]
    known = {fold_text(page.head_title), parts[0], parts[-1]} - {""}
    links = page.index.tag("a")[:_LINKS_HOME] if known else []
    return [t for a in links if (t := element_line(a)) and fold_text(t) in known and leads_home(page, a)]


def _is_long_title(text: str, declared: str) -> bool:
    """Returns True if a text in the site's header is the post's title and not the site's name: it has many words and is
    similar to the title that the page declares.
    """
    return len(text.split()) >= _SENTENCE and title_similarity(text, declared) >= _ALIKE


def _leads_home(page: Page, el: Element) -> bool:
    """Returns True if an element in the header of a page may be the site's name: it contains no link, or a link to
    another page. A post's title would link to the post.
    """
    link = el if el.tag == "a" else next(el.iter("a"), None)
    if link is None:
        return el.tag != "h1" or not page.head_title.startswith(element_line(el)) or page.path == "/"
    url = page.join(link.get("href"))
    return not url or page.path == "/" or url.partition("#")[0].rstrip("/") not in page.addresses


def _is_site_or_section(part: str, separator: str, host: str, path: str) -> bool:
    """Returns True if the last part of a title is the name or a section of the site. `separator` is what precedes it.

    A part is the name if it is in the host: "Lumo" is the name of drinklumo.example. A part is a section if it is a
    folder in the page's address ("District" in /district/1) or a common word such as "Blog".
    """
    words = part.split()
    if not 1 <= len(words) <= _MAX_WORDS:
        return False
    label = fold_text(host.rpartition(".")[0] or host)
    strong = any(c in separator for c in "|｜·•»«—–")
    alike = [w for w in map(fold_text, words) if len(w) >= _MIN_LETTERS and w in label]
    if alike and (strong or len(alike) == len(words)):
        return True
    folders = {fold_text(s) for s in path.split("/")[:-1]}
    return strong and (fold_text(part) in folders or fold_text(part) in _SECTIONS)


def _initials(name: str) -> str:
    return "".join(word[0] for word in name.split() if word[0].isalpha()).upper()


def repair_mojibake_title(text: str) -> str:
    """Returns a text repaired, if its UTF-8 was wrongly decoded as Latin-1 or Windows-1252; otherwise unchanged."""
    if not _MANGLED.search(text):
        return text
    for encoding in ("latin-1", "cp1252"):
        try:
            return text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return text


def without_site(title: str, names: list[str], host: str, path: str = "") -> str:
    """Returns a title without the site's name before or after it and without the section after it; "" if the title
    consists only of the name and a separator.

    `names` are the names of the site, `host` is its host, and `path` is the path of the page's address.
    """
    if len(title) > 500:
        return title
    if _is_name_only(title, names):
        return ""
    bare = re.sub(r"^www\d?\.", "", host.partition(":")[0])
    for name in sorted(names, key=len, reverse=True):
        if cut := without_name_behind(title, name):
            return without_site(cut, names, host, path)
        if cut := without_name_before(title, name):
            return cut
    known = ({fold_text(n) for n in names} | _host_labels(bare)) - {""}
    cuts = list(_SEPARATOR.finditer(title))
    for m in reversed(cuts):
        head, part = title[: m.start()].strip(), title[m.end() :]
        if head and (
            fold_text(part) in known or _is_site_or_section(part, m[0], bare, path) or _is_initials(part, names)
        ):
            return without_site(head, names, host, path)
    for m in cuts:
        if fold_text(title[: m.start()]) in known and title[m.end() :].strip():
            return title[m.end() :].strip()
    return _after_name(title, [bare, *names], path)


def _is_name_only(title: str, names: list[str]) -> bool:
    """Returns True if a title consists only of the site's name and a separator, as it does if a post has no title. What
    follows a bar at the beginning is a name, even if it is not one of the known `names`.
    """
    rest = SIGNS_AT_START.sub("", SIGNS_AT_END.sub("", title))
    return rest != title and (title.startswith(_BARS) or fold_text(rest) in {fold_text(name) for name in names})


def _host_labels(host: str) -> set[str]:
    """Returns the parts of a host that may be the site's name, as returned by `fold_text`."""
    steps = host.split(".")
    labels = {fold_text(part) for part in (host, ".".join(steps[:-1]), ".".join(steps[-2:]), steps[0])}
    return {label for label in labels if len(label) > 2}


def _is_initials(part: str, names: list[str]) -> bool:
    """Returns True if the last part of a title consists of the initials of one of the site's names."""
    return bool(_INITIALS.match(part)) and any(part == _initials(n) for n in names)


def _after_name(title: str, names: list[str], path: str) -> str:
    """Returns a title without one of the site's `names` at its beginning, if no separator follows the name but the slug
    in the page's address has exactly the words of the rest. This proves that the name is not part of the title.
    Otherwise returns the title unchanged.
    """
    for name in names:
        rest = title[len(name) :].strip()
        if rest and title.casefold().startswith(f"{name.casefold()} ") and title_in_url(rest, path) == 1.0:
            return rest
    return title


def heading_text(el: Element) -> str:
    """Returns the text of a heading, without permalink signs, text for screen readers, and other fields such as the
    date.
    """
    text = element_line(el)
    for inner in el.iterdescendants("*"):
        if _is_hidden_or_other_field(inner):
            word = element_line(inner)
            if word and word != text:
                text = clean_text(text.replace(word, " ", 1))
    return _PERMALINK.sub("", text)


def _is_hidden_or_other_field(el: Element) -> bool:
    """Returns True if an element in a heading is for screen readers, or is the date, a category or the byline of the
    post.
    """
    value = el.get("class")
    is_hidden, names_date, is_byline = _meaning_of_class(value) if value else (False, False, False)
    if is_hidden:
        return True
    if el.tag == "a":
        return not _TERM_RELS.isdisjoint((el.get("rel") or "").lower().split())
    if el.tag == "time" or names_date:
        around = text_around_date(element_line(el)[:80])
        return around is not None and len(around[0]) + len(around[1]) <= _DATE_LABEL
    return is_byline and len(element_line(el)) < 80


@lru_cache(maxsize=4_096)
def _meaning_of_class(value: str) -> tuple[bool, bool, bool]:
    """Returns three booleans: whether a class attribute marks an element as hidden, as a date, and as a byline."""
    return bool(_HIDDEN.search(value)), any(map(names_a_date, value.split())), bool(_BYLINE.search(value))


def without_labels(el: Element, declared: set[str]) -> str:
    """Returns the text of a heading without the short line above it (kicker) or below it (subtitle), if a declared
    title equals the rest. Otherwise returns the whole text.

    `declared` are the titles that the page declares, as returned by `fold_text`. A kicker or subtitle is removed only
    if it is a child element of the heading.
    """
    text = heading_text(el)
    children = [t for child in el if isinstance(child.tag, str) and (t := element_line(child))]
    if not children or fold_text(text) in declared:
        return text
    first, last = children[0], children[-1]
    for before, after in ((first, ""), ("", last), (first, last)):
        if text.startswith(before) and text.endswith(after) and len(text) > len(before) + len(after):
            rest = text[len(before) : len(text) - len(after)].strip(" :|·•–—-")
            if rest and fold_text(rest) in declared:
                return rest
    return text


def without_section(text: str, declared: set[str], bare: str) -> str:
    """Returns a heading without the name of a section or site at its end, if the rest equals a title that the page
    declares. Otherwise returns the heading unchanged.

    `declared` are these titles, as returned by `fold_text`. `bare` is the heading without the declared name of the
    site. A name at the beginning is not removed, since it may belong to the title, as in "Lumo: a new lamp" on the site
    Lumo.
    """
    if fold_text(text) in declared:
        return text
    for cut in (bare, *(text[: m.start()] for m in _BAR.finditer(text))):
        if fold_text(cut) in declared and text.startswith(cut):
            return cut
    return text


def restore_lost_characters(text: str, declared: list[str]) -> str:
    """Repairs a heading in which characters became "?" or U+FFFD: returns the declared title that is equal except for
    these characters. "The ferry?s pier" becomes "The ferry’s pier". If there is no such title, returns the heading
    unchanged.

    A "?" at the end of a word may be a real question mark. If this is the only sign of a loss, and the declared title
    consists of the same letters, the heading is kept.
    """
    parts = _LOST.split(text)
    if not 1 < len(parts) <= _MAX_LOST:
        return text
    pattern = re.compile(".{0,3}".join(map(re.escape, parts)), re.IGNORECASE)
    sure = "\ufffd" in text or _LOST_IN_WORD.search(text)
    for one in declared:
        if pattern.fullmatch(one) and not _LOST.search(one) and (sure or fold_text(one) != fold_text(text)):
            return one
    return text


def with_sign_after_kicker(text: str, heading: Element, declared: list[str]) -> str:
    """Returns the declared title in place of a heading that only lacks the sign after its kicker, because styles set
    the two apart: "Transport The ferry moves" becomes "Transport: The ferry moves".
    """
    first = next((line for child in heading if isinstance(child.tag, str) and (line := element_line(child))), "")
    if not first or not text.startswith(f"{first} "):
        return text
    rest = text[len(first) :].lstrip()
    found = (one for one in declared if one.startswith(first) and one.endswith(rest) and len(one) > len(text))
    return next((one for one in found if _ONLY_SIGN.fullmatch(one[len(first) : len(one) - len(rest)])), text)


_ONLY_SIGN = lazy_regex(r"\s?[:：–—-]\s|[:：]")


def restore_lost_tags(text: str, heading: Element, declared: list[str]) -> str:
    """Returns the declared title in place of a heading from which a word in angle brackets is missing, because the page
    does not escape it and it became a tag. Otherwise returns the heading unchanged.

    "Closing the" becomes "Closing the <dialog>" if the heading contains an element <dialog>. A declared title with an
    end tag is not used, since its tags are markup and not words.
    """
    for one in declared:
        tags = _TAG.findall(one)
        if tags and "</" not in one and fold_text(_TAG.sub(" ", one)) == fold_text(text):
            names = {str(el.tag).lower() for el in heading.iter("*")}
            if all(tag.lower() in names for tag in tags):
                return one
    return text


def title_candidates(
    page: Page, post: Post, hint: SourceHint | None, names: list[str], host: str
) -> list[Candidate[str]]:
    """Returns the title candidates with their sources, without the site's name, and without titles that belong to the
    site and not to the post (constants) or are the page's own address, as in "Permalink: https://...".

    `hint` is what a feed or an API says about the post, None if nothing. `names` are the names of the site, from
    `site_names`, and `host` is its host. If the element for the post's title is empty, "" is a candidate.
    """
    declared = _declared_titles(page, post, names, host)
    out: list[Candidate[str]] = []
    if hint is not None and is_from_api(hint):
        out.append(Candidate(_clean_title(hint.title), "api", "title", 0.93, True))
    if post.title is not None and (shown := _shown_title(post, post.title, names, host, declared)) is not None:
        out.append(shown)
    out += declared
    if hint is not None and not is_from_api(hint) and (text := _clean_title(hint.title)):
        out.append(Candidate(text, "feed", "title", 0.75))
    out += _other_headings(post)
    own = {address for address in page.addresses if "://" in address}
    return [c for c in out if not page.constants.refuses_title(c.value) and c.value.rstrip("/") not in own]


def _other_headings(post: Post) -> list[Candidate[str]]:
    """Returns the page's other headings that may be the title, as candidates with a low confidence."""
    found: list[str] = []
    for el in other_headings(post):
        if 0 < len(text := _clean_title(heading_text(el))) <= _MAX_OTHER and text not in found:
            found.append(text)
            if len(found) == _OTHERS:
                break
    return [Candidate(text, OTHER_HEADING, "", round(0.3 - n / 100, 2)) for n, text in enumerate(found)]


def _clean_title(text: str) -> str:
    return repair_mojibake_title(clean_text(text))


def _declared_titles(page: Page, post: Post, names: list[str], host: str) -> list[Candidate[str]]:
    """Returns the titles that the page declares (JSON-LD, microdata, RDFa, meta elements, <title>, scripts), as
    candidates. The site's name before or after a title is removed: `names` are the names of the site, and `host` is its
    host.
    """
    out: list[Candidate[str]] = []

    def add(text: str, source: str, locator: str, confidence: float) -> None:
        if text := _clean_title(text):
            out.append(Candidate(text, source, locator, confidence))

    def add_bare(text: str, source: str, locator: str, confidence: float) -> None:
        add(without_site(repair_mojibake_title(text), names, host, page.path), source, locator, confidence)

    data = page.data
    for text in data.texts(data.article(page.addresses), "headline", "name")[:1]:
        add_bare(text, "json-ld", "headline", 0.8)
    for el in page.index.select("[itemprop~=headline]"):
        if is_article_item(item_of(el)) and not post.is_noise(el):
            add(el.get("content") or heading_text(el), "microdata", "headline", 0.8)
            break
    for text in data.texts(data.rdfa_article(page.addresses), "headline", "name")[:1]:
        add_bare(text, "rdfa", "headline", 0.8)
    for key, confidence in _METAS:
        for text in data.meta(key)[:1]:
            add_bare(text, "meta", key, confidence)
    add(without_site(page.head_title, names, host, page.path), "head", "title", 0.6)
    for text in unshown_article(post).get("headline", ())[:1]:
        add_bare(text, "script", "headline", 0.61)
    return out


def _shown_title(
    post: Post, el: Element, names: list[str], host: str, declared: list[Candidate[str]]
) -> Candidate[str] | None:
    """Returns the post's heading as a candidate, corrected by means of the titles that the page declares. Returns None
    if the heading is only the name of the host.
    """
    rule, platform = post.title_rule, post.page.platform
    titles = {fold_text(c.value) for c in declared if c.source != "microdata"}
    text = without_labels(el, titles)
    text = without_section(text, titles, without_site(text, names, ""))
    if text and fold_text(text) == fold_text(host.removeprefix("www.")):
        return None
    text = _clean_title(restore_lost_characters(text, [c.value for c in declared]))
    text = restore_lost_tags(text, el, [c.value for c in declared])
    text = with_sign_after_kicker(text, el, [c.value for c in declared])
    if rule in platform.title and platform.name != "generic":
        return Candidate(text, "platform", rule, 0.95, True)
    return Candidate(text, "heading", rule, 0.7 if rule in ("h1", "largest font") else 0.85, True)
