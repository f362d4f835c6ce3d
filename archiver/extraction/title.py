"""Title candidates: what the page shows above the post, what it declares, what its source told."""

from __future__ import annotations

import re

from lxml.etree import _Element as Element

from archiver.extraction.candidates import Candidate, from_api
from archiver.extraction.likeness import in_address, likeness
from archiver.extraction.page import Page
from archiver.extraction.scope import Post
from archiver.extraction.structured import is_article_item, item_of
from archiver.extraction.text import clean, folded, line
from archiver.items import Lead

_SEPARATOR = re.compile(r"\s+[|·•»«›‹–—:~/\\-]+\s+|\s*[｜|»«]\s*|(?<=\S)_(?=\S)|\s+::\s+|(?<=\S):\s+|\s*—\s*")
_BAR = re.compile(r"\s+[|·•»]\s+|\s*｜\s*")
_MOST_LOST = 5
_LOST, _LOST_IN_WORD = re.compile("[?\ufffd]"), re.compile(r"\w\?\w")
_PERMALINK = re.compile(r"\s*[#¶§🔗]\s*$")


_MOST_WORDS, _LEAST_LETTERS = 5, 4
_SENTENCE, _ALIKE = 5, 0.6
_INITIALS = re.compile(r"[A-Z]{2,6}$")
_SECTIONS = frozenset(
    ("blog", "news", "articles", "article", "magazine", "insights", "resources", "stories", "home", "noticias",
     "artículos", "actualités", "nachrichten", "artikel", "notizie", "новости", "статьи", "блог", "haberler", "tintức",
     "新闻", "新聞", "ニュース", "ブログ", "뉴스", "أخبار", "مقالات", "חדשות")
)  # fmt: skip


def site_names(page: Page) -> list[str]:
    """What the site is called: declared, shown in its header, or named like its host."""
    names = list(page.data.names_of_site())
    for selector in (
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
    ):
        names += [
            t
            for e in page.index.select(selector)[:1]
            if (t := line(e)) and len(t) < 80 and _leads_home(page, e) and not _is_long_title(t, page.head_title)
        ]
    return list(dict.fromkeys(n for n in names if n))


def _is_long_title(text: str, declared: str) -> bool:
    """Whether a text is too long for a name and like the page's title: a header may hold the post's own heading."""
    return len(text.split()) >= _SENTENCE and likeness(text, declared) >= _ALIKE


def _leads_home(page: Page, el: Element) -> bool:
    """Whether a name in the header links to a start page, or nowhere; a post's title links to the post."""
    link = el if el.tag == "a" else next(el.iter("a"), None)
    if link is None:
        return el.tag != "h1" or not page.head_title.startswith(line(el)) or page.path == "/"
    url = page.join(link.get("href"))
    return not url or page.path == "/" or url.partition("#")[0].rstrip("/") not in page.addresses


def _named_like(part: str, separator: str, host: str, path: str) -> bool:
    """Whether the last part of a title is the site's name by its host ("Lumo" of drinklumo.example) or a section.

    A section is one by the page's own address ("District" of /district/1), or by a word in common use.
    """
    told = part.split()
    if not 1 <= len(told) <= _MOST_WORDS:
        return False
    label = folded(host.rpartition(".")[0] or host)
    strong = any(c in separator for c in "|｜·•»«—–")
    alike = [w for w in map(folded, told) if len(w) >= _LEAST_LETTERS and w in label]
    if alike and (strong or len(alike) == len(told)):
        return True
    steps = {folded(s) for s in path.split("/")[:-1]}
    return strong and (folded(part) in steps or folded(part) in _SECTIONS)


def _initials(name: str) -> str:
    return "".join(word[0] for word in name.split() if word[0].isalpha()).upper()


def mended(text: str) -> str:
    """A text whose UTF-8 was once read as Latin-1 or Windows-1252, as it was meant."""
    if not _MANGLED.search(text):
        return text
    for encoding in ("latin-1", "cp1252"):
        try:
            return text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return text


_MANGLED = re.compile("[\u00c2\u00c3\u00e2\u00d0\u00d1][\u0080-\u00bf\u20ac\u2122\u0153]")


def without_site(title: str, names: list[str], host: str, path: str = "") -> str:
    """A title without the site's name before or after it, nor its section after it; `path` is the page's own."""
    if len(title) > 500:
        return title
    known = {folded(n) for n in names if n}
    bare = re.sub(r"^www\d?\.", "", host.partition(":")[0])
    steps = bare.split(".")
    labels = {folded(part) for part in (bare, ".".join(steps[:-1]), ".".join(steps[-2:]), steps[0])}
    known |= {k for k in labels if len(k) > 2}
    known.discard("")
    for name in sorted(names, key=len, reverse=True):
        t, n = title.casefold(), name.casefold()
        if n and len(t) > len(n):
            if t.endswith(n):
                head = title[: len(title) - len(name)]
                if re.search(r"[|·•»«›‹–—:~_｜-]\s*$", head) and (cut := re.sub(r"[\s|·•»«›‹–—:~_｜-]+$", "", head)):
                    return without_site(cut, names, host, path)
            if t.startswith(n):
                tail = title[len(name) :]
                if re.match(r"\s*[|·•»«›‹–—:~_｜-]", tail) and (cut := re.sub(r"^[\s|·•»«›‹–—:~_｜-]+", "", tail)):
                    return cut
    cuts = list(_SEPARATOR.finditer(title))
    for m in reversed(cuts):
        part = title[m.end() :]
        if title[: m.start()].strip() and (
            folded(part) in known
            or _named_like(part, m[0], bare, path)
            or (_INITIALS.match(part) and any(part == _initials(n) for n in names))
        ):
            return without_site(title[: m.start()].strip(), names, host, path)
    for m in cuts:
        if folded(title[: m.start()]) in known and title[m.end() :].strip():
            return title[m.end() :].strip()
    return _behind_name(title, [bare, *names], path)


def _behind_name(title: str, names: list[str], path: str) -> str:
    """A title that follows the site's name without any sign between them, where the address was made from it alone."""
    for name in names:
        rest = title[len(name) :].strip()
        if rest and title.casefold().startswith(f"{name.casefold()} ") and in_address(rest, path) == 1.0:
            return rest
    return title


def heading(el: Element) -> str:
    """The text of a heading, without a permalink sign and what only a screen reader says."""
    hidden = [
        e
        for e in el.iter("*")
        if e is not el
        and re.search(r"screen-reader|sr-only|visually-hidden|headerlink|anchor-?link", e.get("class") or "")
    ]
    if hidden:
        text = line(el)
        for e in hidden:
            word = line(e)
            if word and word != text:
                text = clean(text.replace(word, " ", 1))
    else:
        text = line(el)
    return _PERMALINK.sub("", text)


def without_labels(el: Element, declared: set[str]) -> str:
    """The text of a heading; without a kicker before or a subtitle after the title, where a declaration has none.

    `declared`: folded titles that the page declares. Only what is an element of its own in the heading is taken away.
    """
    text = heading(el)
    children = [t for child in el if isinstance(child.tag, str) and (t := line(child))]
    if not children or folded(text) in declared:
        return text
    first, last = children[0], children[-1]
    for before, after in ((first, ""), ("", last), (first, last)):
        if text.startswith(before) and text.endswith(after) and len(text) > len(before) + len(after):
            rest = text[len(before) : len(text) - len(after)].strip(" :|·•–—-")
            if rest and folded(rest) in declared:
                return rest
    return text


def without_section(text: str, declared: set[str], bare: str) -> str:
    """A heading without the section or site that stands behind it, where a declaration has none.

    `declared`: folded titles that the page declares; `bare`: the heading without the site's name as it is declared.
    What stands before it stays: "Lumo: a new lamp" of the site Lumo may be declared without its beginning only by our
    own cut.
    """
    if folded(text) in declared:
        return text
    for cut in (bare, *(text[: m.start()] for m in _BAR.finditer(text))):
        if folded(cut) in declared and text.startswith(cut):
            return cut
    return text


def restored(text: str, declared: list[str]) -> str:
    """A heading in which "?" or U+FFFD stands for signs that were lost, as a declaration has it; else as it is.

    "The ferry?s pier" is "The ferry’s pier". A question mark is one where the declaration has the same letters.
    """
    parts = _LOST.split(text)
    if not 1 < len(parts) <= _MOST_LOST:
        return text
    pattern = re.compile(".{0,3}".join(map(re.escape, parts)), re.IGNORECASE)
    sure = "\ufffd" in text or _LOST_IN_WORD.search(text)
    for one in declared:
        if pattern.fullmatch(one) and not _LOST.search(one) and (sure or folded(one) != folded(text)):
            return one
    return text


def candidates(page: Page, post: Post, lead: Lead | None, host: str) -> list[Candidate[str]]:
    """Titles with their sources, without the site's name; a post that shows an empty title gives "" as one."""
    names = site_names(page)
    out: list[Candidate[str]] = []

    def add(text: str, source: str, locator: str, confidence: float, seen: bool = False) -> None:
        text = mended(clean(text))
        if text or seen:
            out.append(Candidate(text, source, locator, confidence, seen))

    article = page.data.article(page.addresses)
    for text in page.data.texts(article, "headline", "name")[:1]:
        add(without_site(mended(text), names, host, page.path), "json-ld", "headline", 0.8)
    for el in page.index.select("[itemprop~=headline]"):
        if is_article_item(item_of(el)) and not post.is_noise(el):
            add(el.get("content") or heading(el), "microdata", "headline", 0.8)
            break
    for text in page.data.texts(page.data.rdfa_article(page.addresses), "headline", "name")[:1]:
        add(without_site(mended(text), names, host, page.path), "rdfa", "headline", 0.8)
    for keys, confidence in (
        (("citation_title",), 0.85),
        (("og:title",), 0.72),
        (("twitter:title",), 0.65),
        (("parsely-title", "sailthru.title", "dc.title", "dcterms.title", "title", "hdl"), 0.65),
    ):
        for key in keys:
            for text in page.data.meta(key)[:1]:
                add(without_site(mended(text), names, host, page.path), "meta", key, confidence)
    add(without_site(page.head_title, names, host, page.path), "head", "title", 0.6)
    declared, out[:] = out[:], []
    if from_api(lead) and lead is not None:
        add(lead.title, "api", "title", 0.93, seen=True)
    if post.title is not None:
        rule = post.title_rule
        known = rule in page.platform.title and page.platform.name != "generic"
        said = {folded(c.value) for c in declared if c.source != "microdata"}
        text = without_labels(post.title, said)
        text = without_section(text, said, without_site(text, names, ""))
        source, trust = ("platform", 0.95) if known else ("heading", 0.7 if rule == "h1" else 0.85)
        if not text or folded(text) != folded(host.removeprefix("www.")):
            add(restored(text, [c.value for c in declared]), source, rule, trust, seen=True)
    out += declared
    if lead is not None and not from_api(lead):
        add(lead.title, "feed", "title", 0.75)
    return out
