"""Reads a post that is split over several pages.

The parts are fetched one after the other. The post's own result is held back until all parts are read, so that it is
stored once and complete; the results of parts are stored as they arrive. If the crawl is killed, the post is still due,
and the server can answer that the parts already read are unchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from archiver.extraction.post_parts import MAX_PARTS, part_urls
from archiver.model.items import Article, DiscoveredURL, DiscoverySource, Outcome, PageKind, PageResult
from archiver.model.urls import Scope, urlkey
from archiver.spiders.page_request import PageRequest, ParsedPage
from archiver.storage.articles import is_further_part, part_reason, repeats_part

_MISSING = frozenset({Outcome.FAILED, Outcome.GONE})


@dataclass(frozen=True, slots=True)
class PartCollection:
    """The parts of one post that have been read, and those still to be read.

    - `request`, `result`: the request for the post itself, and its result.
    - `first`: the article on its first page.
    - `waiting`: the addresses still to fetch.
    - `whole`: the address of a view that shows all parts on one page; it counts as part 0.
    - `texts`: the texts of the parts that were read.
    - `taken`: the numbers and addresses of the parts that were read.
    - `asked`: the urlkeys that were requested.
    """

    request: PageRequest
    result: PageResult
    first: Article
    waiting: tuple[str, ...]
    whole: str
    texts: tuple[str, ...]
    taken: tuple[tuple[int, str], ...] = ()
    asked: frozenset[str] = frozenset()

    @property
    def following(self) -> str:
        """Returns the address of the part to request next; "" if all parts are read, or as many as are allowed."""
        return self.waiting[0] if self.waiting and len(self.asked) <= MAX_PARTS else ""

    @property
    def without_following(self) -> PartCollection:
        """Returns the collection without the part to request next, which is known to be another post."""
        return replace(self, waiting=self.waiting[1:])

    @property
    def with_parts(self) -> PageResult:
        """Returns the post's result, with the numbers and addresses of the parts that were read."""
        return replace(self.result, parts=self.taken)


def begin_collection(
    result: PageResult, request: PageRequest, scope: Scope, stored: Callable[[PageRequest], Article | None]
) -> PartCollection | None:
    """Returns a collection of the parts that must be read before this result is complete. Returns None if the page is
    not split, which is the usual case.

    `stored` returns the stored article of a page, for a first page that is unchanged.
    """
    if result.outcome is Outcome.ARCHIVED and result.article is not None:
        first, whole = result.article, result.article.whole_at
        if whole == first.url:
            return None
        addresses, text = [whole, *first.parts], first.body
    elif result.outcome is Outcome.UNCHANGED and request.parts:
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
    return PartCollection(request, result, first, waiting, whole, (text,), asked=frozenset({request.urlkey}))


def add_part(collection: PartCollection, parsed: ParsedPage, request: PageRequest) -> tuple[PageResult, PartCollection]:
    """Adds the response for the part that `request` asked for. Returns that part's result, and the new collection."""
    result, url = parsed.result, collection.following
    number = 0 if url == collection.whole else len([n for n, _ in collection.taken if n]) + 2
    left = replace(collection, waiting=collection.waiting[1:], asked=collection.asked | {urlkey(url)})
    target = DiscoveredURL(url, DiscoverySource.LINK, PageKind.PART, found_on=collection.request.url)
    result = replace(
        result, targets=(target, *result.targets), next_pages=(), part=number, part_of=collection.request.url
    )
    reason = part_reason(number, collection.request.url)
    if result.outcome in _MISSING:
        failed = replace(result, outcome=Outcome.FAILED, kind=PageKind.PART, reason=f"{result.reason} ({reason})")
        return failed, _with_part(left, number, url)
    if result.outcome is Outcome.REFUSED:
        return replace(result, kind=PageKind.PART, reason=f"{result.reason} ({reason})"), _with_part(left, number, url)
    part = replace(result, outcome=Outcome.PART, kind=PageKind.PART, rule="part", reason=reason)
    if result.outcome is Outcome.UNCHANGED and request.text is not None:
        return part, _with_part(left, number, url, request.text)
    if result.outcome is Outcome.DUPLICATE and _number(result.final_url) > 1:
        return result, _with_waiting(left, (result.final_url,))
    shown = result.article if result.outcome is Outcome.ARCHIVED else None
    if shown is None or not is_further_part(collection.first, shown):
        if request.text is None or urlkey(result.final_url) == collection.request.urlkey:
            return result, left
        # The post still lists this page as a part, so the response is a wall, an error or a stale copy. The stored
        # text is kept.
        failed = replace(
            result,
            outcome=Outcome.FAILED,
            kind=PageKind.PART,
            article=None,
            rule="part that was lost",
            final_url=result.url,
            reason=f"it no longer shows {reason}",
        )
        return failed, _with_part(left, number, url, request.text)
    text = shown.body
    if repeats_part(text, collection.texts) or (number == 0 and len(text) < len(collection.texts[0])):
        what = "the same as another part" if number else "less than the first page"
        return replace(
            part,
            outcome=Outcome.DUPLICATE,
            final_url=collection.request.url,
            rule="part that repeats",
            article=None,
            reason=f"it shows {what} of {collection.request.url}",
        ), left
    return part, _with_waiting(_with_part(left, number, url, text), shown.parts)


def _with_part(collection: PartCollection, number: int, url: str, text: str | None = None) -> PartCollection:
    """Returns the collection with one more part that was read, and with its text (None if it has none). If the part is
    the view of all parts (number 0) and has a text, no other parts are fetched.
    """
    done = number == 0 and text is not None
    texts = collection.texts if text is None else (*collection.texts, text)
    return replace(
        collection, taken=(*collection.taken, (number, url)), texts=texts, waiting=() if done else collection.waiting
    )


def _with_waiting(collection: PartCollection, urls: tuple[str, ...]) -> PartCollection:
    """Returns the collection with further parts to fetch, found as links in a part. The first page of a long post may
    link only to the next few parts.
    """
    if any(number == 0 for number, _ in collection.taken) and not collection.waiting:
        return collection
    known = collection.asked | {urlkey(url) for url in collection.waiting}
    new = tuple(url for url in urls if url and urlkey(url) not in known)
    return replace(collection, waiting=tuple(sorted((*collection.waiting, *new), key=_number))) if new else collection


def _number(url: str) -> int:
    return next((split.number for split in part_urls(url)), 0)
