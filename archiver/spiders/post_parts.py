"""A post that is split over several pages, while its pages are read: which comes next, and what each came to.

The post's own visit is held back until then, so that it is stored once and whole; what its further pages show is
stored as it comes. After a kill the post is still due, and the pages that were read are unchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from archiver.articles.identity import is_further_part, repeats_part
from archiver.extraction.pagination import MOST_PARTS, part_urls
from archiver.items import Article, DiscoveredURL, DiscoverySource, Outcome, PageKind, PageResult
from archiver.spiders.page_request import PageRequest, ParsedPage
from archiver.storage.article_tables.article_parts import part_reason
from archiver.urls import Scope, urlkey

_MISSING = frozenset({Outcome.FAILED, Outcome.GONE})


@dataclass(frozen=True, slots=True)
class PartCollection:
    """`request` and `visit` are the post's own, `first` is what its first page says, `waiting` the addresses to fetch.

    `taken` are the numbers and addresses of the pages that are joined, `texts` what was read so far, `asked` the
    urlkeys that were requested; `whole` is the address of the view that has all pages.
    """

    request: PageRequest
    visit: PageResult
    first: Article
    waiting: tuple[str, ...]
    whole: str
    texts: tuple[str, ...]
    taken: tuple[tuple[int, str], ...] = ()
    asked: frozenset[str] = frozenset()

    @property
    def following(self) -> str:
        """The address of the page to ask for; "" where all are read."""
        return self.waiting[0] if self.waiting and len(self.asked) <= MOST_PARTS else ""

    @property
    def result(self) -> PageResult:
        """The post's visit, with its pages."""
        return replace(self.visit, parts=self.taken)


def begin(
    visit: PageResult, request: PageRequest, scope: Scope, stored: Callable[[PageRequest], Article | None]
) -> PartCollection | None:
    """What must be read before this visit is complete; None for nearly every page.

    `stored` gives the article as it is in the archive, for a first page that is unchanged.
    """
    if visit.outcome is Outcome.ARCHIVED and visit.article is not None:
        first, whole = visit.article, visit.article.whole_at
        if whole == first.url:
            return None
        addresses, text = [whole, *first.parts], first.body
    elif visit.outcome is Outcome.UNCHANGED and request.parts:
        known, own = stored(request), next((p.text for p in request.parts if p.number == 1), None)
        if known is None or own is None:
            return None
        first, text = known, own
        whole = next((p.url for p in request.parts if p.number == 0), "")
        addresses = [p.url for p in request.parts if p.number != 1]
    else:
        return None
    waiting = tuple(url for url in addresses if url and scope.contains(url) and urlkey(url) != request.urlkey)
    if not waiting:
        return None
    return PartCollection(request, visit, first, waiting, whole, (text,), asked=frozenset({request.urlkey}))


def take(gathering: PartCollection, parsed: ParsedPage, asked: PageRequest) -> tuple[PageResult, PartCollection]:
    """The answer for the page that was asked for: its visit as it is to be stored, and what is left to do."""
    visit, url = parsed.visit, gathering.following
    number = 0 if url == gathering.whole else len([n for n, _ in gathering.taken if n]) + 2
    left = replace(gathering, waiting=gathering.waiting[1:], asked=gathering.asked | {urlkey(url)})
    target = DiscoveredURL(url, DiscoverySource.LINK, PageKind.PART, found_on=gathering.request.url)
    visit = replace(visit, targets=(target, *visit.targets), next_pages=(), part=number, part_of=gathering.request.url)
    reason = part_reason(number, gathering.request.url)
    if visit.outcome in _MISSING:
        failed = replace(visit, outcome=Outcome.FAILED, kind=PageKind.PART, reason=f"{visit.reason} ({reason})")
        return failed, _with(left, number, url)
    if visit.outcome is Outcome.REFUSED:
        return replace(visit, kind=PageKind.PART, reason=f"{visit.reason} ({reason})"), _with(left, number, url)
    part = replace(visit, outcome=Outcome.PART, kind=PageKind.PART, rule="part", reason=reason)
    if visit.outcome is Outcome.UNCHANGED and asked.text is not None:
        return part, _with(left, number, url, asked.text)
    if visit.outcome is Outcome.DUPLICATE and _number(visit.final_url) > 1:
        return visit, _awaiting(left, (visit.final_url,))
    shown = visit.article if visit.outcome is Outcome.ARCHIVED else None
    if shown is None or not is_further_part(gathering.first, shown):
        if asked.text is None or urlkey(visit.final_url) == gathering.request.urlkey:
            return visit, left
        # It was a page of the post, and the post still lists it: a wall, a fault, a stale copy. Its text stays.
        lost = replace(
            visit,
            outcome=Outcome.FAILED,
            kind=PageKind.PART,
            article=None,
            rule="part that was lost",
            final_url=visit.url,
            reason=f"it no longer shows {reason}",
        )
        return lost, _with(left, number, url, asked.text)
    text = shown.body
    if repeats_part(text, gathering.texts) or (number == 0 and len(text) < len(gathering.texts[0])):
        what = "the same as another page" if number else "less than the page itself"
        return replace(
            part,
            outcome=Outcome.DUPLICATE,
            final_url=gathering.request.url,
            rule="part that repeats",
            article=None,
            reason=f"it shows {what} of {gathering.request.url}",
        ), left
    return part, _awaiting(_with(left, number, url, text), shown.parts)


def _with(gathering: PartCollection, number: int, url: str, text: str | None = None) -> PartCollection:
    """One more page of the post. The view that has all pages makes the others needless."""
    done = number == 0 and text is not None
    texts = gathering.texts if text is None else (*gathering.texts, text)
    return replace(
        gathering, taken=(*gathering.taken, (number, url)), texts=texts, waiting=() if done else gathering.waiting
    )


def _awaiting(gathering: PartCollection, urls: tuple[str, ...]) -> PartCollection:
    """Pages that a later page names, in their place: a long post's page links show only the next few."""
    if any(number == 0 for number, _ in gathering.taken) and not gathering.waiting:
        return gathering
    known = gathering.asked | {urlkey(url) for url in gathering.waiting}
    fresh = tuple(url for url in urls if url and urlkey(url) not in known)
    return replace(gathering, waiting=tuple(sorted((*gathering.waiting, *fresh), key=_number))) if fresh else gathering


def _number(url: str) -> int:
    return next((split.number for split in part_urls(url)), 0)
