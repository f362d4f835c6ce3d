"""The entries of a listing: which links and elements belong to which post, and the categories that they show."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from urllib.parse import unquote

from lxml.etree import _Element as Element

from archiver.extraction.boilerplate import boilerplate_word
from archiver.extraction.listing_addresses import (
    first_page,
    is_ambiguous,
    is_own_site,
    is_paged,
    kind_of_address,
    slug_of,
)
from archiver.extraction.normalization import element_line, fold_text
from archiver.extraction.page import Page
from archiver.extraction.term_links import is_in_prose, kind_before, rels
from archiver.extraction.term_names import Terms, clean_term, is_term, text_of_term_link, unique_terms

_PAGER_DEPTH, _PAGER_LINKS = 2, 20
_ENTRY_DEPTH = 12
_MOST_OF_ENTRY = 5
_MOST_HEADINGS = 5
_MAX_LINKS = 400
_BETWEEN_ENTRIES = frozenset(("article", "nav", "aside", "body", "html"))
"""The tags of elements that are larger than one entry of a listing. Links in them that are in no entry belong to the
site."""

Entries = Sequence[tuple[Element, str]]
"""Links to the posts that a listing shows, or elements around such links, each with the address of the post."""


def entries_of_listing(titles: Entries, others: Entries) -> list[tuple[Element, str]]:
    """Returns the entries of a listing: those with a linked title (`titles`), and the other links that may lead to
    posts (`others`), such as a permalink, apart from those in an <article> with a title.
    """
    titled = {next(element.iterancestors("article"), None) for element, _ in titles} - {None}
    return [*titles, *(one for one in others if next(one[0].iterancestors("article"), None) not in titled)]


def owners_of_elements(entries: Entries) -> dict[Element, str | None]:
    """Maps each element around entries to the address of their post if all of them are of the same post, otherwise to
    None.
    """
    owners: dict[Element, str | None] = {}
    for element, address in entries:
        for around in (element, *islice(element.iterancestors(), _ENTRY_DEPTH)):
            owners[around] = address if owners.get(around, address) == address else None
    return owners


def categories_of_entries(page: Page, entries: Entries) -> dict[str, Terms]:
    """Returns the categories that a listing shows beside the links to its posts, by the address of the post.

    A link belongs to the entry of a post if the smallest element around it that also links to posts links to this post
    only. A listing needs several entries, since a single one does not show where it ends.
    """
    links = {a: clean_term(text_of_term_link(a)) for a in page.index.tag("a")[:_MAX_LINKS] if _is_category(page, a)}
    owners = owners_of_elements([one for one in entries if one[0] not in links])
    if len(set(owners.values()) - {None}) < 2:
        return {}
    prose: dict[Element, bool] = {}
    found: dict[str, list[str]] = {}
    for a, text in links.items():
        around = (e for e in islice(a.iterancestors(), _ENTRY_DEPTH) if e in owners or e.tag in _BETWEEN_ENTRIES)
        post = owners.get(next(around, a))
        if post is not None and not is_in_prose(a, prose) and is_term(text, sure=True):
            found.setdefault(post, []).append(text)
    terms = {post: unique_terms(texts) for post, texts in found.items()}
    return {post: names for post, names in terms.items() if len(names) <= _MOST_OF_ENTRY}


def _is_category(page: Page, a: Element) -> bool:
    """Returns True if a link leads to a category of the site by its address, its rel or the label before it."""
    href = a.get("href") or ""
    if not href or is_paged(href) or not is_own_site(page, href):
        return False
    named = kind_of_address(href) == "category" and not is_ambiguous(href)
    return named or "category" in rels(a) or kind_before(a, None) == "category"


def category_of_listing(page: Page) -> str:
    """Returns the name of the category whose posts a page lists; "" if its address is not that of such a listing, or if
    neither a link to it nor a heading says the name.
    """
    address = first_page(page.url)
    if kind_of_address(address) != "category" or is_ambiguous(address):
        return ""
    slug, own = slug_of(address), unquote(address)
    links = (a for a in page.index.tag("a")[:_MAX_LINKS] if slug_of(a.get("href") or "") == slug)
    named = [a for a in links if unquote(page.join(a.get("href")) or "").rstrip("/") == own and not _is_in_pager(a)]
    names = [text_of_term_link(a) for a in named]
    headings = [element_line(h) for tag in ("h1", "h2") for h in page.index.tag(tag)[:_MOST_HEADINGS]]
    names += [text for text in headings if fold_text(clean_term(text)) == fold_text(slug)]
    return next((text for name in names if is_term(text := clean_term(name), sure=True)), "")


def _is_in_pager(a: Element) -> bool:
    """Returns True if a link stands among links to further pages of a list, as "1" and "Prev" on its second page do."""
    beside = (b for at in islice(a.iterancestors(), _PAGER_DEPTH) for b in islice(at.iter("a"), _PAGER_LINKS))
    return any(element_line(b).isdecimal() or is_paged(b.get("href") or "") for b in beside)


def is_beside_list(el: Element, known: dict[Element, bool]) -> bool:
    """Returns True if an entry (the element `el`, or the <article> around it) is outside the list of posts, for example
    in a sidebar or in navigation. `known` contains the answers for the elements around entries of the same page, and
    the new ones are added.
    """
    passed: list[Element] = []
    is_beside = False
    for at in next(el.iterancestors("article"), el).iterancestors():
        if at in known:
            is_beside = known[at]
            break
        passed.append(at)
        is_beside = at.tag in ("nav", "aside", "footer") or bool(boilerplate_word(at))
        if is_beside:
            break
    known.update(dict.fromkeys(passed, is_beside))
    return is_beside
