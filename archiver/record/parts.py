"""One post from several pages: whether a page belongs to it, and the text of all pages as one body."""

from __future__ import annotations

import re
from collections.abc import Sequence

from archiver.extraction.split.partwords import BARE_MARK, MARK, PAGER
from archiver.items import Article
from archiver.record.identity import folded

_MOST_PAGER = 120
_MOST_SEAM = 6


def belongs(first: Article, part: Article) -> bool:
    """Whether a page belongs to the post with the given first page: the same number, day and title, as far as both
    have them.

    The title may be followed by the page's number, and may be in any place where the page gives its title.
    """
    if first.post_id and part.post_id and first.post_id != part.post_id:
        return False
    if first.published and part.published and abs((first.published.date() - part.published.date()).days) > 1:
        return False
    titles = {_unpaged(t) for t in (part.title, *(e.value for e in part.evidence if e.field == "title"))}
    return folded(MARK.sub("", first.title)) in titles or (not part.title and bool(part.body))


def _unpaged(title: str) -> str:
    return folded(BARE_MARK.sub("", MARK.sub("", title)))


def repeats(text: str, before: Sequence[str]) -> bool:
    """Whether a page is the same as another: programs answer a number past the last page with the last or first."""
    return bool(text) and folded(text) in {folded(t) for t in before}


def joined(texts: Sequence[str]) -> str:
    """The texts of a post's pages, in order, as one body, without what each page repeats.

    Keeps the introduction above each page at the first, and the note below each at the last. Keeps a paragraph once
    that ends one page and begins the next. Leaves out paragraphs that are only page links.
    """
    pages = [_without_pager(text.split("\n\n")) for text in texts if text.strip()]
    if len(texts) < 2 or not pages:
        return texts[0] if texts else ""
    foot = min((_common(pages[0][::-1], page[::-1]) for page in pages[1:]), default=0)
    out = list(pages[0])
    for page in pages[1:]:
        fresh = page[_common(pages[0], page):]
        if foot and out and len(fresh) >= foot:
            del out[-foot:]
        out += fresh[_seam(out, fresh):]
    return "\n\n".join(out)


def _without_pager(paragraphs: list[str]) -> list[str]:
    return [p for at, p in enumerate(paragraphs)
            if not (at in (0, 1, len(paragraphs) - 2, len(paragraphs) - 1) and _is_pager(p))]


def _is_pager(paragraph: str) -> bool:
    return len(paragraph) <= _MOST_PAGER and bool(re.search(r"\w", paragraph)) and bool(PAGER.fullmatch(paragraph))


def _common(a: list[str], b: list[str]) -> int:
    """How many paragraphs two pages have in common at their beginning."""
    count = 0
    for one, other in zip(a, b, strict=False):
        if not folded(one) or folded(one) != folded(other):
            break
        count += 1
    return count


def _seam(before: list[str], after: list[str]) -> int:
    """How many paragraphs at the end of one page are repeated at the beginning of the next."""
    ends = [folded(p) for p in before[-_MOST_SEAM:]]
    begins = [folded(p) for p in after[:_MOST_SEAM]]
    for n in range(min(len(ends), len(begins)), 0, -1):
        if all(begins[:n]) and ends[-n:] == begins[:n]:
            return n
    return 0
