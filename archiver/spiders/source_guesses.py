"""Feeds and sitemaps that a site does not declare: requested where sites usually have them, one of a kind at a time."""

from __future__ import annotations

from collections.abc import Collection

from archiver.discovery.guess import guesses
from archiver.items import Outcome, PageKind, Target
from archiver.spiders.page_request import PageRequest, ParsedPage
from archiver.urls import Scope, urlkey


class SourceGuesses:
    """Of one run."""

    def __init__(self) -> None:
        self._queues: dict[PageKind, list[Target]] = {}

    def first(self, base: str, scope: Scope, *, declared: Collection[PageKind], waiting: Collection[str],
              asked: Collection[str]) -> list[Target]:
        """The first guess for each kind of source that is not `declared`, the addresses in `asked` left out. A kind in
        `waiting` has a guess that was entered and not answered."""
        for guess in guesses(base, scope):
            if guess.kind not in declared and urlkey(guess.url) not in asked:
                self._queues.setdefault(guess.kind, []).append(guess)
        return [queue.pop(0) for kind, queue in self._queues.items() if queue and kind not in waiting]

    def next(self, page: PageRequest, parsed: ParsedPage) -> list[Target]:
        """A guess that was no source makes way for the next one; one that was ends the guessing."""
        queue = self._queues.get(page.kind)
        if not queue or page.is_seed or parsed.visit.outcome in (Outcome.DUE, Outcome.DUPLICATE):
            return []
        if (parsed.is_feed and page.kind is PageKind.FEED) or (parsed.is_sitemap and page.kind is PageKind.SITEMAP):
            queue.clear()
            return []
        return [queue.pop(0)]
