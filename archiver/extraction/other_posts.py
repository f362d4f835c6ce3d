"""Finds the lists of other posts beside a text: links and teasers below a label such as "Read also", rows of boxes that
have the same form, and rows of links to tags or to the next post.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice, pairwise

from lxml.etree import _Element as Element

from archiver.extraction.blocks import BlockLayout, TextBlock
from archiver.extraction.boilerplate import heads_related_posts, is_notice, names_neighbour
from archiver.extraction.listing_addresses import kind_of_address
from archiver.extraction.normalization import element_line
from archiver.model.lazy_regex import lazy_regex

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
LINKED = 0.8
"""A block with at least this share of its text in links is a link."""
_ABSOLUTE = lazy_regex(r"(?i:https?:)?//([^/?#:]*)")
_TOOL = lazy_regex(r"(?i)^mailto|#(?:top|comments?|respond|disqus_thread)?$|/(?:feed|trackback)/?$|\bprint\b")
_NEIGHBOUR_RELS = frozenset({"prev", "next", "previous"})
_MAX_LABEL, _MAX_TEASER, _MAX_ROW, _MAX_LINES, _MAX_LINKS = 60, 500, 300, 6, 20
"""Limits of such lists: letters of a label, a teaser and a row of links; blocks of a box; links of a block."""
_BOXES = 3
"""So many boxes, or one less below a heading, are a row. Fewer may be quotations in the post."""

Hosts = tuple[str, ...]
"""The hosts of a page's own addresses."""
Spans = Iterator[tuple[int, int]]
"""Block ranges, as (first, end)."""


def labelled_lists(layout: BlockLayout, lo: int, hi: int, hosts: Hosts) -> Spans:
    """Yields the block ranges of lists of other posts, with their labels, between the blocks `lo` and `hi`. All links
    of such a list lead to pages of the site: a list of references may have such a label, too ("See also").
    """
    blocks = layout.blocks
    for i in range(lo, hi - 1):
        label = blocks[i]
        if len(label.text) > _MAX_LABEL or (label.linked and label.element.tag not in HEADINGS):
            continue
        if not any(b.linked for b in blocks[i + 1 : min(i + 4, hi)]) or not heads_related_posts(label.text):
            continue
        ends = (*_ends_from(layout, label.element, i, hi), *_ends_from(layout, blocks[i + 1].element, i + 1, hi))
        if end := next((z for z in ends if z > i + 1 and _are_teasers(blocks[i + 1 : z], hosts)), None):
            yield i, end


def _ends_from(layout: BlockLayout, el: Element, first: int, hi: int) -> Iterator[int]:
    """Yields the end of the block range of `el` and of each element around it, largest first, if the element begins
    with block `first` and ends at or before `hi`.
    """
    ends = []
    at: Element | None = el
    while at is not None and at is not layout.top:
        a, z = layout.spans.get(at, (first, first))
        if a != first or z > hi:
            break
        ends.append(z)
        at = at.getparent()
    yield from reversed(ends)


def _are_teasers(blocks: list[TextBlock], hosts: Hosts) -> bool:
    """Returns True if blocks are links to pages of the site, each perhaps with a teaser and short lines."""
    titles = teasers = 0
    for b in blocks:
        if b.is_code or b.size > _MAX_TEASER or not all(is_on_site(a, hosts) for a in links_of(b)):
            return False
        titles += b.linked > 0
        teasers += b.size > _MAX_LABEL and b.linked < LINKED * b.size
    return 1 < titles >= teasers or (titles == 1 and not teasers)


def rows_of_boxes(layout: BlockLayout, lo: int, hi: int, hosts: Hosts) -> Spans:
    """Yields the block ranges of rows of boxes about other pages of the site, with the heading above each row, between
    the blocks `lo` and `hi`. The boxes of a row have the same form and are alone in the element around them, since
    boxes among text may be what the post is about.
    """
    blocks, overlays = layout.blocks, set(layout.overlays)
    forms: dict[tuple[Element | None, object, str | None], list[tuple[int, int, str]]] = defaultdict(list)
    for el, (a, z) in layout.spans.items():
        if lo <= a < z <= hi and z - a <= _MAX_LINES and (overlays or blocks[a].linked) and el.tag not in HEADINGS:
            target = _target_of(el, blocks[a:z], overlays, hosts)
            forms[el.getparent(), el.tag, el.get("class")] += [(a, z, target)] if target else []
    for (outer, *_), row in forms.items():
        if not row:
            continue
        first, end = row[0][0], row[-1][1]
        above = blocks[first - 1] if first > lo else None
        is_headed = above is not None and above.element.tag in HEADINGS and above.size <= _MAX_LABEL
        is_row = len({target for *_, target in row}) == len(row) >= _BOXES - is_headed
        a, z = layout.spans.get(outer, (lo, hi)) if outer is not None else (lo, hi)
        others = (*blocks[a : first - is_headed], *blocks[end:z])
        if is_row and all(x[1] == y[0] for x, y in pairwise(row)) and all(b.size <= _MAX_LABEL for b in others):
            yield first - is_headed, end


def _target_of(el: Element, blocks: list[TextBlock], overlays: set[Element], hosts: Hosts) -> str:
    """Returns the address of the page that a box is about: it begins with a link to the page, and lines follow, or a
    link without text is laid over the box. Returns "" if the box is something else.
    """
    links = [a for a in islice(el.iter("a"), _MAX_LINKS) if a.get("href") and not is_term_link(a)]
    is_titled = len(blocks) > 1 and blocks[0].linked >= LINKED * blocks[0].size
    if not (is_titled or not overlays.isdisjoint(links)) or any(b.is_code or b.size > _MAX_TEASER for b in blocks):
        return ""
    targets = {_ABSOLUTE.sub("", a.get("href") or "").partition("#")[0].partition("?")[0] for a in links}
    return targets.pop() if len(targets) == 1 and all(is_on_site(a, hosts) for a in links) else ""


def is_row_of_links(b: TextBlock) -> bool:
    """Returns True if a block consists of hashtags, or of links to tags, categories and comments, or to the next or the
    previous post.
    """
    words = b.text.split()
    if b.size > _MAX_ROW or b.element.tag in HEADINGS or not b.linked:
        return len(words) > 1 and all(word.startswith("#") and len(word) > 1 for word in words)
    links = links_of(b)
    rels = {rel for a in links for rel in (a.get("rel") or "").lower().split()}
    if b.linked >= 0.5 * b.size and (not _NEIGHBOUR_RELS.isdisjoint(rels) or names_neighbour(b.text)):
        return True
    rest = b.text
    for a in links:
        rest = rest.replace(element_line(a), "", 1)
    is_bare = b.linked >= 0.7 * b.size or is_notice(rest.strip(" \n|·•,;/–—-"))
    return is_bare and all(is_term_link(a) or _TOOL.search(a.get("href") or "") for a in links)


def is_term_link(a: Element) -> bool:
    """Returns True if a link leads to a tag or a category."""
    rels = (a.get("rel") or "").lower().split()
    return "tag" in rels or "category" in rels or kind_of_address(a.get("href") or "") is not None


def links_of(b: TextBlock) -> list[Element]:
    """Returns the links of a block: those in its element, or the link that contains the element."""
    if not b.linked:
        return []
    return list(islice(b.element.iter("a"), _MAX_LINKS)) or list(islice(b.element.iterancestors("a"), 1))


def is_on_site(a: Element, hosts: Hosts) -> bool:
    """Returns True if a link leads to one of the hosts, or to a subdomain or a parent domain of one."""
    address = _ABSOLUTE.match(a.get("href") or "")
    host = address[1].lower().removeprefix("www.") if address else ""
    return not host or any(host == own or host.endswith(f".{own}") or own.endswith(f".{host}") for own in hosts if own)
