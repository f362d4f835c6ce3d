"""Collects the candidates for the authors of a post from a platform's bylines, metadata, lines near the heading, and
the byline at the end of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol
from urllib.parse import urlsplit

from lxml.etree import _Element as Element

from archiver.extraction.authors import bylines
from archiver.extraction.authors.bylines import (
    BylineBlock,
    CommentSection,
    find_signatures,
    is_in_card,
    name_beside_date,
    signatures_in_text,
)
from archiver.extraction.authors.person_names import (
    OTHER_PART,
    WEAK_ACCOUNTS,
    downgrade_doubtful_authors,
    given_name_first,
    host_names,
    is_full_name,
    is_name,
    is_organization,
    is_role,
    may_sign,
    split_names,
)
from archiver.extraction.categories import leads_to_person, leads_to_term, text_before
from archiver.extraction.metadata import Node, is_article_item, item_of, types
from archiver.extraction.normalization import clean_text, element_line, fold_text
from archiver.extraction.page import Page
from archiver.extraction.post_locator import Post, unshown_article
from archiver.extraction.titles import site_names
from archiver.items import ORGANIZATIONS, Candidate, Evidence, SourceHint, is_from_api
from archiver.lazy_regex import lazy_regex
from archiver.platforms import by_name

Names = tuple[str, ...]
_MAX_COUNT, _MAX_LABEL = 12, 60
_ADDRESS = lazy_regex(r"(?:https?://)?www\.([\w.-]+)|https?://([\w.-]+)")
_FIRST_TIMES = 3
_MAX_LINKS = 400  # at most this many links are compared with a name
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
    add(_names_in_nextra(page, post), "platform", "time in .not-prose", 0.8, visible=True)
    declared = _declared_candidates(page, post, site)
    named = {frozenset(map(fold_text, c.value)) for c in declared}
    agreed = any(c.visible and frozenset(map(fold_text, c.value)) in named for c in out)
    signed, many = find_signatures(page, post, named, agreed=agreed)
    for sign in [*signed, *signatures_in_text(text)]:
        if sign.kind == "date" and _is_in_menu(page, sign.names):
            continue
        add(list(sign.names), "signed", f"{sign.kind} {sign.place} the text: {sign.raw}", sign.confidence, True)
    out += declared
    if beside.names and not many and (beside.sure or not _is_in_menu(page, beside.names)):
        add(list(beside.names), "byline", "beside the heading", 0.84 if beside.sure else 0.6, visible=True)
    return downgrade_doubtful_authors(out, page, site, text)


def _names_in_nextra(page: Page, post: Post) -> list[str]:
    """Returns the names before the date in the meta line of Nextra's theme for blogs, which has no element for them:
    <div class="not-prose">Ada, <time>. They may be of one word.
    """
    for el in page.index.tag("time")[:_FIRST_TIMES]:
        line = el.getparent()
        if line is None or el.getprevious() is not None or post.is_noise(el):
            continue
        before = clean_text(line.text)
        if before.endswith(",") and any(c.endswith("not-prose") for c in (line.get("class") or "").split()):
            return split_names(before.rstrip(" ,"))
    return []


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
    """Returns the name beside the date in the byline near the heading (`beside`), in a script without letter case.

    Returns () if there is none, and if it is the name of the site, a label, an organization, or the text of a link that
    does not lead to a person, such as a section.
    """
    name = name_beside_date(beside, page.date_language)
    if not name or not is_name(name) or OTHER_PART.match(name) or is_role(name) or is_organization(name):
        return ()
    folded = fold_text(name)
    if folded in map(fold_text, site_names(page)) or WEAK_ACCOUNTS.match(name):
        return ()
    links = (a for a in page.index.tag("a")[:_MAX_LINKS] if not leads_to_person(a.get("href") or ""))
    return () if any(fold_text(element_line(a)) == folded for a in links) else (name,)


def _is_in_menu(page: Page, names: Iterable[str]) -> bool:
    """Returns True if one of the names is also the text of a link in a menu, and so the name of a section, not of a
    person. Links to the home page or to a person's page do not count.
    """
    folded = set(map(fold_text, names))
    return any(
        fold_text(element_line(a)) in folded
        for a in page.index.tag("a")[:_MAX_LINKS]
        if url_path(a.get("href")).strip("/")
        and not leads_to_person(a.get("href") or "")
        and any(map(bylines.is_foreign, bylines.ancestors_of(a)))
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
    generic = by_name("generic")
    comments = CommentSection(page, post)
    found = False
    if page.platform is not generic:
        found = _add_first(post, comments, page.index.present(page.platform.authors), "platform", 0.86, add)
    if not _add_first(post, comments, page.index.present(generic.authors), "class", 0.7, add) and not found:
        links = [a for a in page.index.select(_AUTHOR_LINK) if not comments.has(a)]
        names = _unique_names([name for a in links for name in names_of_element(a)])
        if len(names) == 1 and not any(is_in_card(page, a, post.title) for a in links):
            add(list(names), "class", _AUTHOR_LINK, 0.6, True)


_AUTHOR_LINK = "a[rel~=author]"


def _add_first(
    post: Post, comments: CommentSection, rules: Iterable[str], source: str, confidence: float, add: Add
) -> bool:
    """Calls `add` for the authors in the elements that match the first of `rules` with a name. Returns True if there is
    such a rule.
    """
    for rule in rules:
        found = [
            el for el, _ in post.select([rule]) if not (_is_not_author(el) or _has_other_part(el) or comments.has(el))
        ]
        if value := [name for el in found[:_MAX_COUNT] for name in names_of_element(el)]:
            inside = post.holder is not None and any(_is_inside(el, post.holder) for el in found)
            sure = inside or any(_is_marked(el) for el in found)
            add(value, source, rule, confidence if sure else min(confidence, 0.66), True)
            return True
    return False


def _is_marked(el: Element) -> bool:
    """Returns True if the markup of an author element shows that it contains a name: it is a link, or has a rel
    attribute or the class "fn".
    """
    return bool(el.get("rel") or "fn" in (el.get("class") or "") or el.tag == "a")


def _is_not_author(el: Element) -> bool:
    """Returns True if the class or the link of an element shows that it names something other than an author, such as a
    category.
    """
    outer = el.getparent()
    classes = f"{el.get('class') or ''} {(outer.get('class') or '') if outer is not None else ''}"
    return bylines.author_mark(classes) == bylines.NOT or leads_to_term(el.get("href") or "")


def _has_other_part(el: Element) -> bool:
    """Returns True if the words before an element, such as "Fact checked by", say that the person named in it is not
    the author.
    """
    before = text_before(el, None)
    return isinstance(before, str) and 0 < len(before) <= _MAX_LABEL and OTHER_PART.match(before) is not None


def _is_inside(el: Element, top: Element) -> bool:
    return any(a is top for a in el.iterancestors()) or el is top


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


def _names_before_separator(el: Element) -> list[str]:
    """Returns the names in the text at the beginning of an element, if a separator divides this text from an inner
    element about something else: <span class="author">Ada · <span>Category: ...</span></span>. They may be of one word.
    Returns [] if there is no such text.
    """
    text = clean_text(el.text) if len(el) else ""
    mark = bylines.author_mark(el.get("class") or "")
    if mark != bylines.AUTHOR or not _ENDS_WITH_SEPARATOR.search(text):
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
    comments = CommentSection(page, post)
    for el in page.index.select("[itemprop~=author]") or page.index.select("[itemprop~=creator]"):
        if not (post.is_noise(el) or comments.has(el)) and is_article_item(item_of(el)):
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
                if not (
                    value.startswith(("http", "//", "www.")) or "facebook.com" in value or _is_of_agency(value, page)
                ):
                    found += _names_of_meta(
                        given_name_first(value) if "citation" in key or "dc" in key else value, hosts
                    )
            if len(found) > 1 and fold_text(found[-1]) in hosts:
                found.pop()  # the outlet after its authors
            add(found, "meta", key, confidence)
    _add_twitter_labels(page, add)


def _is_of_agency(value: str, page: Page) -> bool:
    """Returns True if a meta element's author is given with an address on another host, as the company that built the
    site gives it.
    """
    address = _ADDRESS.search(value)
    return address is not None and (address[1] or address[2]).casefold() not in page.hosts[:2]


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
