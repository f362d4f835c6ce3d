"""Finds the candidates for a post's authors: what the page declares, what its author elements contain, the bylines
around the heading and after the text, and the boxes about authors.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol
from urllib.parse import urlsplit

from lxml.etree import _Element as Element

from archiver.extraction.boilerplate import opens_comments
from archiver.extraction.bylines import (
    LONG,
    MIDDLE,
    SHORT,
    SURE,
    BylineBlock,
    Sign,
    describes_work,
    is_counted_author,
    name_beside_date,
    names_in_dated_lines,
    names_of_line,
    read_bylines,
    reads_on,
)
from archiver.extraction.listing_addresses import leads_to_person, leads_to_term
from archiver.extraction.marked_lines import (
    AUTHOR,
    BOX,
    HINTS,
    NAME,
    NOT,
    LineReader,
    MarkedLine,
    ancestors_of,
    author_mark,
    is_foreign,
    nodes_after,
    nodes_before,
)
from archiver.extraction.metadata import Node, is_article_item, item_of, types
from archiver.extraction.normalization import clean_text, element_line, fold_text
from archiver.extraction.page import Page
from archiver.extraction.person_names import (
    LABEL,
    OTHER_PART,
    WEAK_ACCOUNTS,
    downgrade_doubtful_authors,
    given_name_first,
    host_names,
    is_full_name,
    is_name,
    is_organization,
    is_role,
    looks_personal,
    match_signature,
    may_sign,
    split_names,
)
from archiver.extraction.post_locator import Post, declared_titles, unshown_article
from archiver.extraction.term_links import text_before
from archiver.extraction.titles import site_names
from archiver.model.items import ORGANIZATIONS, Candidate, Evidence, SourceHint, is_from_api
from archiver.model.lazy_regex import lazy_regex
from archiver.platforms import by_name

_HEADINGS = ("h2", "h3", "h4", "h5", "h6")
_MAX_COUNT = 2  # the boxes of one post are about at most this many people
_BOXES = 60
_NO_BOX = frozenset({"html", "body", "main", "link", "meta"})
_ABOUT = lazy_regex(
    r"^(?:about|meet|über|à propos de|sobre|об авторе:?|hi,? i['’]?m)\s+(?!the\b|me\b|us\b)", re.IGNORECASE
)


def _start_of_comments(page: Page, post: Post) -> float:
    """Returns the position of the comments: of the first heading below the post's title with a text such as
    "2 comments".
    """
    order = page.index.order
    title = -1 if post.title is None else order[post.title]
    below = (
        el for el in page.index.tag(*_HEADINGS) if order[el] > title and len((el.text or "").strip()) <= _LABEL_LENGTH
    )
    return next((order[el] for el in below if opens_comments(_first_texts(el))), math.inf)


def author_boxes(page: Page, start: int, end: float) -> list[tuple[str, str]]:
    """Returns the people in the author boxes between the positions `start` and `end`, as pairs of a name and the first
    line of the box. If the boxes are about more than two people, they are a staff list or belong to other posts, and []
    is returned.
    """
    out: list[tuple[str, str]] = []
    last: Element | None = None
    for el in _author_elements(page)[:_BOXES]:
        if (
            not start < page.index.order[el] < end
            or el.tag in _NO_BOX
            or (last is not None and _is_within(el, last))
            or any(map(is_foreign, (el, *ancestors_of(el))))
        ):
            continue
        last = el
        lines = list(islice(LineReader(600).lines([(el, False)]), 4))
        if who := next((w for x in lines for w in _names_in_box_line(x)), None):
            out.append((who, lines[0].text[:200]))
    return out if len({who for who, _ in out}) <= _MAX_COUNT else []


def _author_elements(page: Page) -> list[Element]:
    """Returns the elements whose classes mark them as containing an author, in document order."""
    found: list[Element] = []
    for classes in page.index.classes_with(HINTS):
        if author_mark(classes) in (BOX, NAME, AUTHOR):
            found += page.index.with_class(classes)
    return sorted(found, key=page.index.order.__getitem__)


def _names_in_box_line(one: MarkedLine) -> Iterator[str]:
    for chunk in one.chunks[:4]:
        text = _ABOUT.sub("", chunk.text)
        if len(text) > 70 or LABEL.fullmatch(text) or chunk.mark == NOT:
            continue
        found = split_names(text, one=True)
        if len(found) == 1 and looks_personal(found[0]) and (is_full_name(found[0]) or chunk.mark == NAME):
            yield found[0]


def _first_texts(el: Element) -> str:
    """Returns the first 20 text nodes of an element as one line. This is enough to distinguish a label from a title."""
    return clean_text(" ".join(islice(map(str, el.itertext()), 20)))


_MANY = 3  # if there are more bylines than this, they belong to several posts
_TOP = 2  # the post's own byline is in the first two lines below the heading, even if many others follow
_NAMES_ROOM, _LABEL_LENGTH = 300, 30
_LAST = 4  # only this many paragraphs at the end of a body are searched for a byline
# The reporters in the dateline of Chinese and Korean newspapers: 本报讯（记者 张三）, [신안=남도신문] 홍길동 기자 =.
_OPENING = lazy_regex(
    r"\s*(?:[^\n（(〔【。，,]{0,24}(?:讯|訊|电|電|消息|报道|報道|報導))?\s*"
    r"[（(〔【]\s*(?P<zh>(?:本报|本報|本网|本网|全媒体|见习|实习|特约|首席)*(?:记者|記者)[^（(〔【）)〕】／/\n]{2,30})(?:[／/][^）)〕】\n]{1,12})?"
    r"[）)〕】]|"
    r"\s*[\[(（【][^\])）】=\n]{1,16}=(?:[^\])）】\n]{1,16}[\])）】]\s*)?"
    r"(?P<ko>[가-힣]{2,4}(?:\s*[·,]\s*[가-힣]{2,4}){0,4}\s*(?:선임|인턴|객원|전문)?\s?기자)\s*[=\])）】|]"
)
_OPENING_NAME = lazy_regex(r"[\u4e00-\u9fff]{2,4}|[가-힣]{2,4}")
_PICTURED = lazy_regex(r"[摄攝图圖影]")
_IN_BRACKETS = lazy_regex(r"[(（\[]\s*([^()（）\[\]]+?)\s*[)）\]][.。]?")
_NAME_ENDS = lazy_regex(r"[.,;(|–—]|\s(?:is|was|who|has|and\s+is)\s")


def find_signatures(
    page: Page, post: Post, declared: Collection[frozenset[str]] = (), *, agreed: bool = False
) -> tuple[list[Sign], bool]:
    """Returns the bylines found, best first. The second value is True if they name so many different authors that they
    belong to several posts or works.

    `declared` are the sets of authors' names in the page's metadata, as returned by `fold_text`. `agreed` is True if
    another visible source names the same people as one of these sets. If it does, or if a byline near the heading does,
    the text after the body is not read, since two sources of different kinds are enough.
    """
    top = _find_heading(page, post)
    out, end = _bylines_around_heading(page, top) if top is not None else ([], -1)
    sure = [s for s in out if s.kind in SURE]
    many = len({s.names for s in sure if s.place == "below"}) > _MANY
    if many or not (agreed or any(s.folded in declared for s in sure)):
        out += _bylines_after(page, post, end)
    titles = set(map(fold_text, [*declared_titles(page), *([element_line(top)] if top is not None else [])]))
    out = [s for s in out if s.kind != "date" or not s.folded <= titles]  # the title again
    return sorted((s for s in out if not many or s.line < _TOP), key=lambda s: -s.confidence), many


def _bylines_around_heading(page: Page, top: Element) -> tuple[list[Sign], int]:
    """Returns the bylines below and above a heading, and the position in the document of the last element that was read
    (-1 if none was).
    """
    above = [x for x in LineReader(700).lines(nodes_before(top)) if len(x.text) < LONG][:6]
    below = list(_lines_until_text(LineReader(3500).lines(nodes_after(top))))
    end = page.index.order.get(below[-1].chunks[-1].el, -1) if below and below[-1].chunks else -1
    out = read_bylines(below, "below", page.date_language)
    # A plain name next to a date right above a heading is as often a topic as a person.
    return out + [s for s in read_bylines(above, "above", page.date_language) if s.kind != "date"], end


def _bylines_after(page: Page, post: Post, end: int) -> list[Sign]:
    """Returns the bylines after the body of a post, and those in author boxes. `end` is the position of the last
    element that was already read.
    """
    out: list[Sign] = []
    if post.body is not None:
        rest = [x for _, x in zip(range(10), LineReader(900).lines(nodes_after(post.body)), strict=False)]
        out += [
            s for s in read_bylines(list(_lines_until_heading(rest)), "after", page.date_language) if s.kind in SURE
        ]
    out += [Sign((who,), "box", "after", raw) for who, raw in author_boxes(page, end, _start_of_comments(page, post))]
    return out + _labelled_names(page)


_LABEL_TAGS = ("h2", "h3", "h4", "h5", "h6", "dt", "th")


def _is_label(el: Element) -> bool:
    """Returns True if an element contains nothing but words that introduce an author's name, such as "Author"."""
    return len((el.text or "").strip()) <= _LABEL_LENGTH and LABEL.fullmatch(_first_texts(el)) is not None


def _labelled_names(page: Page) -> list[Sign]:
    """Returns the byline below a heading that consists only of a label such as "Author", as in a box with the facts of
    a report. Returns [] if there is none, or if several such headings show that the page has several posts.
    """
    labels = [el for el in page.index.tag(*_LABEL_TAGS)[:_BOXES] if _is_label(el)]
    following = labels[0].getnext() if len(labels) == 1 else None
    if following is None or any(map(is_foreign, (following, *ancestors_of(following)))):
        return []
    record = next((el for el in labels[0].iterancestors("dl", "table")), None)
    if record is not None:
        lines = list(LineReader(_NAMES_ROOM).lines([(record, False)]))
        if any(c.el is labels[0] and describes_work(lines, n) for n, one in enumerate(lines) for c in one.chunks):
            return []
    names: list[str] = []
    for one in islice(LineReader(_NAMES_ROOM).lines([(following, False)]), _LAST):
        if is_counted_author(one):
            return []  # all authors of the site
        found = [n for c in one.chunks for n in split_names(c.text, one=bool(c.href))]
        if not found or not all(map(is_full_name, found)):
            break
        names += found
    return [Sign(tuple(dict.fromkeys(names)), "by", "after", _first_texts(labels[0]))] if names else []


def signatures_in_text(text: str) -> list[Sign]:
    """Returns bylines such as "This post was written by Jane Doe, who keeps bees." in the last paragraphs of a body,
    and the reporters in the dateline at its start.
    """
    out = _reporters_of_dateline(text[:200])
    for paragraph in text[-1500:].split("\n\n")[-_LAST:]:
        one = clean_text(paragraph)
        if len(one) >= MIDDLE or OTHER_PART.match(one) or reads_on(one, ""):
            continue
        lines = [MarkedLine(text=line) for line in paragraph.split("\n")]
        if any(describes_work(lines, number) for number in range(len(lines))):
            continue
        bracketed = _IN_BRACKETS.fullmatch(one)
        line = bracketed[1] if bracketed else one
        m = match_signature(line)
        if m and (bracketed or m.end() > 3) and m.end() < len(line):
            found = [n for n in split_names(_NAME_ENDS.split(line[m.end() :], maxsplit=1)[0]) if is_full_name(n)]
            if found:
                out.append(Sign(tuple(found), "by", "after", one[:200]))
    return out


def _reporters_of_dateline(text: str) -> list[Sign]:
    m = _OPENING.match(text) if "者" in text or "기자" in text else None
    if m is None or (m["zh"] and _PICTURED.search(m["zh"])):
        return []
    found = split_names(m["zh"] or m["ko"])
    are_names = bool(found) and all(map(_OPENING_NAME.fullmatch, found))
    return [Sign(tuple(found), "by", "below", m[0].strip())] if are_names else []


def _lines_until_text(lines: Iterator[MarkedLine]) -> Iterator[MarkedLine]:
    """Yields the lines up to and including the sixth long paragraph, at most about 50. The byline may be below the
    first paragraphs.
    """
    long = 0
    for n, one in enumerate(lines):
        if _begins_comments(one):
            return
        long += len(one.text) >= LONG
        yield one
        if long == 6 or n > 50:
            return


def _lines_until_heading(lines: list[MarkedLine]) -> Iterator[MarkedLine]:
    """Yields the lines up to the next heading or long paragraph."""
    for one in lines:
        if len(one.text) > LONG or any(c.head for c in one.chunks) or _begins_comments(one):
            return
        yield one


def _begins_comments(one: MarkedLine) -> bool:
    """Returns True if a line is the heading of the comments."""
    if not one.chunks or len(one.text) > SHORT:
        return False
    el = one.chunks[0].el
    outer = el.getparent()
    return (el.tag in _HEADINGS or (outer is not None and outer.tag in _HEADINGS)) and opens_comments(one.text)


def _find_heading(page: Page, post: Post) -> Element | None:
    """Returns the post's heading, which may be empty. If it is unknown, returns the first <h1>, or the first <h2> whose
    text is the beginning of the page's <title>; None if there is neither.
    """
    if post.title is not None:
        return post.title
    head = fold_text(page.head_title)
    for el in page.index.tag("h1", "h2")[:20]:
        text = fold_text(element_line(el))
        if len(text) > 3 and (el.tag == "h1" or head.startswith(text)):
            return el
    return None


Names = tuple[str, ...]
_MAX_AUTHORS, _MAX_LABEL = 12, 60
_MAX_AUTHOR_LINKS = 400  # at most this many links are compared with a name
_ENDS_WITH_SEPARATOR = lazy_regex(r"\w\s*[·•⋅|/–—]$")
_WRITTEN_BY = lazy_regex(
    r"writ|author|por$|par$|von$|verfasst|écrit|escrito|autor|作者|著者|執筆|автор|написано|viết bởi|bởi|بقلم|كتب|נכתב|"
    r"yazan|scritto|geschreven|napisane|oleh",
    re.IGNORECASE,
)


class Add(Protocol):
    def __call__(
        self, found: list[str], source: str, locator: str, confidence: float, visible: bool = False
    ) -> None: ...


_PERSON_PAGE = lazy_regex(
    r"/(?:author|authors|profile|people|staff|by|contributors?|users?|writers?|autor|auteur|tac-gia)/", re.IGNORECASE
)
_META = (
    (("citation_author", "citation_authors"), 0.86),
    (("parsely-author",), 0.72),
    (("sailthru.author",), 0.68),
    (("dc.creator", "dcterms.creator", "dc.creator.personalname"), 0.68),
    (("author",), 0.62),
    (("article:author", "og:article:author"), 0.62),
    (
        (
            "byl",
            "byline",
            "article:author_name",
            "article.author",
            "authors",
            "cxense:author",
            "rbauthors",
            "shareaholic:article_author_name",
        ),
        0.62,
    ),
)


def _unique_names(found: list[str]) -> Names:
    out: dict[str, str] = {}
    for name in found:
        out.setdefault(fold_text(name), name)
    return tuple(out.values())


_DECLARED, _BY_NAME = 0.9, 0.7
"""The confidence that an author is an organization if the page declares it, and if only its name shows it."""
_IN_SCRIPT = 0.5
_OF_ACCOUNT = 0.4
"""The highest confidence of an account such as "admin". It is not a person's name, although the page shows it as the
author."""
_DESK = lazy_regex(
    r".*\b(?:desk|team|staff|bureau|newsroom|editors?|editorial|agency|agencies|service|redaktion|rédaction|redacción|"
    r"redazione|editorial board|wire)$|.*(?:编辑部|編集部|记者|本报讯)$",
    re.IGNORECASE,
)


def _people_only(found: Names, site: set[str]) -> Names:
    """Returns the names of a byline without the site's names (`site`) and without desks such as "Sports desk". Returns
    all names if nothing else would remain.
    """
    if len(found) < 2:
        return found
    people = tuple(n for n in found if fold_text(n) not in site and not _DESK.match(n))
    return people or found


def _adding_to(out: list[Candidate[Names]], site: set[str]) -> Add:
    def add(found: list[str], source: str, locator: str, confidence: float, visible: bool = False) -> None:
        value = _people_only(_unique_names(found), site)
        if value:
            weak = all(WEAK_ACCOUNTS.match(name) for name in value)
            out.append(Candidate(value, source, locator, min(confidence, _OF_ACCOUNT) if weak else confidence, visible))

    return add


def author_candidates(
    page: Page,
    post: Post,
    hint: SourceHint | None,
    site: set[str],
    beside: BylineBlock,
    end: Names = (),
    text: str = "",
) -> list[Candidate[Names]]:
    """Returns the candidates for a post's authors. The value of each candidate is a tuple of names.

    `hint` is what a feed or an API says about the post, None if nothing. `site` are the site's own names, as returned
    by `fold_text`. `beside` is the byline near the heading. `end` are the names in the byline at the end of the body,
    and `text` is the body.
    """
    out: list[Candidate[Names]] = []
    add = _adding_to(out, site)
    if hint is not None and hint.authors:
        trusted = is_from_api(hint)
        add(list(hint.authors), "api" if trusted else "feed", "author", 0.97 if trusted else 0.5)
    if end:
        add(list(end), "byline", "end of the post", 0.96, visible=True)
    _add_visible(page, post, add)
    declared = _declared_candidates(page, post, site)
    named = {frozenset(map(fold_text, c.value)) for c in declared}
    agreed = any(c.visible and frozenset(map(fold_text, c.value)) in named for c in out)
    signed, many = find_signatures(page, post, named, agreed=agreed)
    for sign in [*signed, *signatures_in_text(text)]:
        if page.constants.refuses_byline(sign.raw, sign.names):
            continue
        if sign.kind == "date" and _is_in_menu(page, sign.names):
            continue
        add(list(sign.names), "signed", f"{sign.kind} {sign.place} the text: {sign.raw}", sign.confidence, True)
    out += declared
    for names in names_in_dated_lines(page, post):
        add(list(names), "byline", "beside the date", 0.84, visible=True)
    if beside.names and not many and (beside.sure or not _is_in_menu(page, beside.names)):
        add(list(beside.names), "byline", "beside the heading", 0.84 if beside.sure else 0.6, visible=True)
    return downgrade_doubtful_authors(out, page, site, text)


def _declared_candidates(page: Page, post: Post, site: set[str]) -> list[Candidate[Names]]:
    """Returns the candidates that a page declares in its metadata and scripts."""
    out: list[Candidate[Names]] = []
    add = _adding_to(out, site)
    add(_names_of_node(page, page.data.article(page.addresses)), "json-ld", "author", 0.85)
    _add_microdata(page, post, add)
    add(_names_of_node(page, page.data.rdfa_article(page.addresses)), "rdfa", "author", 0.84)
    _add_metas(page, add)
    people = unshown_article(post).get("author", ())
    add([name for one in people for name in split_names(one)], "script", "author", _IN_SCRIPT)
    return out


def people_beside_heading(page: Page, post: Post, beside: BylineBlock) -> Names:
    """Returns the authors in the byline near the heading (`beside`).

    Returns () if there are none, and if other sources may know better: the names are those of accounts, organizations
    or perhaps sections, or the page declares further authors.
    """
    if not beside.names:
        return ()
    site = {fold_text(name) for name in site_names(page)}
    found = _people_only(_unique_names(list(beside.names)), site)
    if all(WEAK_ACCOUNTS.match(name) for name in found) or all(map(is_organization, found)):
        return ()
    people = {fold_text(name) for name in found}
    declared = ({fold_text(name) for name in one.value} for one in _declared_candidates(page, post, site))
    is_in_doubt = any(people < more for more in declared) or (not beside.sure and _is_in_menu(page, found))
    return () if is_in_doubt else found


def person_beside_date(page: Page, beside: BylineBlock) -> Names:
    """Returns the name beside the date in the byline near the heading (`beside`) that its form does not show to be one.

    Returns () if there is none, and if it is the name of the site, a label, a role, or the text of a link that does not
    lead to a person, such as a section.
    """
    name = name_beside_date(beside, page.date_language)
    if not name or not is_name(name) or OTHER_PART.match(name) or is_role(name):
        return ()
    folded = fold_text(name)
    if folded in map(fold_text, site_names(page)) or WEAK_ACCOUNTS.match(name):
        return ()
    links = (a for a in page.index.tag("a")[:_MAX_AUTHOR_LINKS] if not leads_to_person(a.get("href") or ""))
    return () if any(fold_text(element_line(a)) == folded for a in links) else (name,)


def _is_in_menu(page: Page, names: Iterable[str]) -> bool:
    """Returns True if one of the names is also the text of a link in a menu, and so the name of a section, not of a
    person. Links to the home page or to a person's page do not count.
    """
    folded = set(map(fold_text, names))
    return any(
        fold_text(element_line(a)) in folded
        for a in page.index.tag("a")[:_MAX_AUTHOR_LINKS]
        if url_path(a.get("href")).strip("/")
        and not leads_to_person(a.get("href") or "")
        and any(map(is_foreign, ancestors_of(a)))
    )


def organization_evidence(page: Page, authors: Names) -> list[Evidence]:
    """Returns evidence for those authors of a post that are organizations and not persons. JSON-LD declares this, or
    the name shows it ("dpa", "The Harbour Team", "Acme GmbH").
    """
    if not authors:
        return []
    declared = _declared_kinds(page)
    out: list[Evidence] = []
    for name in authors:
        kinds = declared.get(fold_text(name), frozenset())
        if kinds & _PERSON_TYPES and is_full_name(name):
            continue
        if any(kind.endswith("organization") for kind in kinds):
            out.append(Evidence(ORGANIZATIONS, name, "json-ld", "author @type", _DECLARED))
        elif is_organization(name):
            out.append(Evidence(ORGANIZATIONS, name, "name", "", _BY_NAME))
    return out


_PERSON_TYPES = frozenset(("person",))


def _declared_kinds(page: Page) -> dict[str, frozenset[str]]:
    """Returns the types, such as "person", that JSON-LD declares for the authors of a post, by name. Names are given as
    `fold_text` returns them.
    """
    node = page.data.article(page.addresses) or {}
    return {
        fold_text(name): frozenset(types(value))
        for value in page.data.resolve(node.get("author") or node.get("creator"))
        if isinstance(value, dict)
        for name in page.data.texts(value, "name")
    }


def _add_visible(page: Page, post: Post, add: Add) -> None:
    """Calls `add` for the authors shown in elements that match the platform's author selectors or the generic author
    selectors.

    In each of these two groups of selectors, only the first selector that finds a name is used. If none finds one, a
    link with rel=author counts wherever it is, if all such links on the page name the same author.
    """
    generic, end = by_name("generic"), _start_of_comments(page, post)
    found = False
    if page.platform is not generic:
        found = _add_first(post, end, page.index.present(page.platform.authors), "platform", 0.86, add)
    if not _add_first(post, end, page.index.present(generic.authors), "class", 0.7, add) and not found:
        links = [a for a in page.index.select(_AUTHOR_LINK) if page.index.order[a] < end and not _has_other_part(a)]
        names = _unique_names([name for a in links for name in names_of_element(a)])
        if len(names) == 1:
            add(list(names), "class", _AUTHOR_LINK, 0.6, True)


_AUTHOR_LINK = "a[rel~=author]"


def _add_first(post: Post, end: float, rules: Iterable[str], source: str, confidence: float, add: Add) -> bool:
    """Calls `add` for the authors in the elements before the position `end` that match the first of `rules` with a
    name. Returns True if there is such a rule.
    """
    order = post.page.index.order
    for rule in rules:
        found = [el for el, _ in post.select([rule]) if order[el] < end]
        found = [el for el in found if not (_is_not_author(el) or _has_other_part(el))]
        if value := [name for el in found[:_MAX_AUTHORS] for name in names_of_element(el)]:
            add(value, source, rule, confidence, True)
            return True
    return False


def _is_not_author(el: Element) -> bool:
    """Returns True if the class or the link of an element shows that it names something other than an author, such as a
    category.
    """
    outer = el.getparent()
    classes = f"{el.get('class') or ''} {(outer.get('class') or '') if outer is not None else ''}"
    return author_mark(classes) == NOT or leads_to_term(el.get("href") or "")


def _has_other_part(el: Element) -> bool:
    """Returns True if the words before an element, such as "Fact checked by", say that the person named in it is not
    the author.
    """
    before = text_before(el)
    return isinstance(before, str) and 0 < len(before) <= _MAX_LABEL and OTHER_PART.match(before) is not None


def _is_within(el: Element, top: Element) -> bool:
    return el is top or any(a is top for a in ancestors_of(el))


def names_of_element(el: Element) -> list[str]:
    """Returns the names in an author element: the names in its links to profiles or, if it has no such links, the names
    in its text.
    """
    if el.tag == "meta":
        return split_names(el.get("content") or "", one=True)
    if el.tag == "a" or "fn" in (el.get("class") or "").split() or "name" in (el.get("itemprop") or "").split():
        return split_names(element_line(el), one=True)
    return (
        [n for a in el.iter("a") if _leads_to_author(a) for n in split_names(element_line(a), one=True)]
        or _names_before_separator(el)
        or split_names(element_line(el))
    )


def names_of_found(found: Sequence[Element | str]) -> tuple[str, ...]:
    """Returns the names in the elements and texts that a rule for authors found on a page. A line with a date or
    handles is the whole byline.
    """
    out: dict[str, str] = {}
    for one in found:
        if isinstance(one, str):
            names = split_names(one)
        elif len(text := element_line(one)) > MIDDLE:
            if out:
                break  # the selector of the byline also matches in the text of the post
            continue
        elif any(c.isdigit() or c == "@" for c in text):
            if whole := names_of_line(one):
                return tuple(dict.fromkeys(whole))
            continue
        else:
            names = names_of_element(one)
        for name in names:
            out.setdefault(name.casefold(), name)
    return tuple(out.values())


def _names_before_separator(el: Element) -> list[str]:
    """Returns the names in the text at the beginning of an element, if a separator divides this text from an inner
    element about something else: <span class="author">Ada · <span>Category: ...</span></span>. They may be of one word.
    Returns [] if there is no such text.
    """
    text = clean_text(el.text) if len(el) else ""
    mark = author_mark(el.get("class") or "")
    if mark != AUTHOR or not _ENDS_WITH_SEPARATOR.search(text):
        return []
    return [name for name in split_names(text) if may_sign(name) and not is_role(name)]


def _leads_to_author(a: Element) -> bool:
    return "author" in (a.get("rel") or "").split() or bool(_PERSON_PAGE.search(url_path(a.get("href"))))


def url_path(href: str | None) -> str:
    """Returns the path of an address (`href`); "" if the address is missing or malformed."""
    try:
        return urlsplit(href or "").path
    except ValueError:
        return ""


def _names_of_node(page: Page, node: Node | None) -> list[str]:
    """Returns the names of the authors in a JSON-LD or RDFa node; [] if there is no node."""
    found: list[str] = []
    if node is None:
        return found
    for value in page.data.resolve(node.get("author") or node.get("creator")):
        if isinstance(value, dict):
            found += _names_of_person(page, value)
        elif isinstance(value, str) and not value.startswith(("http:", "https:", "#", "/")):
            found += split_names(value)
    return found


def _names_of_person(page: Page, person: Node) -> list[str]:
    found: list[str] = []
    for name in page.data.texts(person, "name"):
        if not name.startswith(("http:", "https:")):
            found += split_names(name, one=not (types(person) <= {"person"} and "," in name))
    if not person.get("name") and person.get("givenName"):
        found.append(clean_text(f"{person.get('givenName')} {person.get('familyName') or ''}"))
    return found


def _add_microdata(page: Page, post: Post, add: Add) -> None:
    found: list[str] = []
    end = _start_of_comments(page, post)
    for el in page.index.select("[itemprop~=author]") or page.index.select("[itemprop~=creator]"):
        if page.index.order[el] < end and not post.is_noise(el) and is_article_item(item_of(el)):
            found += (
                split_names(el.get("content") or element_line(el))
                if el.get("itemscope") is None
                else _names_of_item(el)
            )
    add(found, "microdata", "author", 0.84)


def _names_of_item(el: Element) -> list[str]:
    """Returns the names in the microdata item of an author."""
    inner = [e for e in el.iter("*") if "name" in (e.get("itemprop") or "").split()]
    return [n for e in inner[:3] for n in split_names(e.get("content") or element_line(e), one=True)] or split_names(
        element_line(el), one=True
    )


def _add_metas(page: Page, add: Add) -> None:
    hosts = host_names(page)
    for keys, confidence in _META:
        for key in keys:
            found: list[str] = []
            for value in page.data.meta(key):
                if not (value.startswith(("http", "//", "www.")) or "facebook.com" in value):
                    found += _names_of_meta(
                        given_name_first(value) if "citation" in key or "dc" in key else value, hosts
                    )
            if len(found) > 1 and fold_text(found[-1]) in hosts:
                found.pop()  # the outlet after its authors
            add(found, "meta", key, confidence)
    _add_twitter_labels(page, add)


def _names_of_meta(value: str, hosts: set[str]) -> list[str]:
    """Returns the names in a meta element. If the first of several is an organization, such as the outlet, those after
    it that are not full names are its place: "Harbour Online, Hamburg, Germany".
    """
    found = split_names(value)
    first, comma, _ = value.partition(",")
    if not comma:
        return found
    if is_organization(first) or any(fold_text(first).startswith(host) for host in hosts):
        people = [name for name in found if is_full_name(name) and name != first.strip()]
        return people or [name for name in found if is_organization(name)]
    return found


def _add_twitter_labels(page: Page, add: Add) -> None:
    """Calls `add` for the author named in a page's Twitter card: twitter:label1 "Written by", twitter:data1
    "Jane Doe".
    """
    for n in ("1", "2"):
        label = page.data.meta_first(f"twitter:label{n}")
        value = page.data.meta_first(f"twitter:data{n}")
        if value and _WRITTEN_BY.search(label) and is_name(value):
            add(split_names(value, one=True), "meta", f"twitter:data{n}", 0.72)
