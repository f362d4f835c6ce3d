"""What a crawl learns of its site's template while it goes, and how it watches that the site still keeps to it."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from archiver.extraction.article import extract_page
from archiver.extraction.learn import FEWEST, Sample, learn
from archiver.extraction.learn_body import alike
from archiver.extraction.page import Page, parse
from archiver.extraction.rules import SiteRules
from archiver.items import Article, Lead, PageKind
from archiver.store.captured import is_taught

ENOUGH = 25
"""Posts after which a site's template is learned; a run that ends with fewer learns from `FEWEST` or more."""
_OTHERS = 15  # pages that are no posts, to tell posts from
_WATCHED = 20  # the last posts, over which it is judged whether the rules still fit
_MOST_STRANGE = 0.5
_AUDIT_EACH = 25  # posts read by rules, of which one is read as on any site too
_AUDITS = 4
_MOST_WRONG = 3
_ALIKE = 0.9
_LARGEST = 3_000_000  # characters of a page that is worth learning from


@dataclass(frozen=True, slots=True)
class _Kept:
    """A page put by, compressed: trees of 25 pages would take more memory than the crawl."""

    text: bytes
    url: str
    article: Article | None = None
    taught: bool = False

    def page(self) -> Page:
        return parse(zlib.decompress(self.text).decode("utf-8"), self.url)


class Teacher:
    """Reads the posts of one site: as any site's until their template is known, then by its rules.

    `learned` is told of new rules and gives them back as they are stored; `outdated`, that the template changed.
    """

    def __init__(self, rules: SiteRules | None, learned: Callable[[SiteRules], SiteRules],
                 outdated: Callable[[], SiteRules | None]) -> None:
        self.rules = rules
        self._learned, self._outdated = learned, outdated
        self._posts: list[_Kept] = []
        self._others: list[_Kept] = []
        self._fits: deque[bool] = deque(maxlen=_WATCHED)
        self._agrees: deque[bool] = deque(maxlen=_AUDITS)
        self._read = 0

    @property
    def knows(self) -> bool:
        """Whether title and body are read by rules that were learned."""
        return self.rules is not None and bool(self.rules.pages)

    def read(self, page: Page, lead: Lead | None, known: PageKind, part_of: str = "") -> Article:
        """The article of a page, by the site's rules where they fit. What it is learned from is put by."""
        article = extract_page(page, lead, known, posts_only=True, part_of=part_of, rules=self.rules)
        if part_of or article.part > 1:
            return article
        if article.kind is not PageKind.POST:
            self._keep_other(page, article)
        elif self.knows:
            self._watch(page, article, lead, known)
        else:
            self._keep(page, article, lead)
        return article

    def finish(self) -> None:
        """The run is over: learn from what was seen, where that was not done before."""
        if not self.knows and len(self._posts) >= FEWEST:
            self._learn()

    def _keep(self, page: Page, article: Article, lead: Lead | None) -> None:
        if len(page.text) > _LARGEST or not article.body:
            return
        self._posts.append(_Kept(_packed(page), page.url, article, is_taught(lead)))
        if len(self._posts) >= ENOUGH:
            self._learn()

    def _keep_other(self, page: Page, article: Article) -> None:
        if len(self._others) < _OTHERS and not self.knows and len(page.text) <= _LARGEST and (
                article.kind in (PageKind.LISTING, PageKind.PAGE)):
            self._others.append(_Kept(_packed(page), page.url))

    def _learn(self) -> None:
        samples = [Sample(k.page(), k.article, k.taught) for k in self._posts if k.article is not None]
        rules = learn(samples, [k.page() for k in self._others])
        self._posts.clear()
        if rules is not None:
            self.rules = self._learned(rules)
            self._others.clear()
            self._fits.clear()
            self._agrees.clear()

    def _watch(self, page: Page, article: Article, lead: Lead | None, known: PageKind) -> None:
        """Retire rules that half of the last posts do not fit, or that say otherwise than the pages themselves do."""
        fits = bool(article.read_by)
        self._fits.append(fits)
        if fits:
            self._read += 1
            if self._read % _AUDIT_EACH == 1:
                plain = extract_page(parse(page.text, page.url, captured_at=page.captured_at), lead, known,
                                     posts_only=True)
                self._agrees.append(_same(article, plain))
        strange = len(self._fits) == _WATCHED and self._fits.count(False) >= _MOST_STRANGE * _WATCHED
        if strange or self._agrees.count(False) >= _MOST_WRONG:
            self.rules = self._outdated()
            self._fits.clear()
            self._agrees.clear()
            self._keep(page, extract_page(page, lead, known, posts_only=True) if fits else article, lead)


def _packed(page: Page) -> bytes:
    return zlib.compress(page.text.encode("utf-8", errors="replace"), 1)


def _same(ruled: Article, plain: Article) -> bool:
    """Whether two readings of one page agree in what matters: the title or the day, and most of the text."""
    day = ruled.published.date() if ruled.published else None
    plain_day = plain.published.date() if plain.published else None
    return (ruled.title == plain.title or day == plain_day) and alike(ruled.body, plain.body) >= _ALIKE
