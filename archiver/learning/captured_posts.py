"""The posts of a run as they are read again from their captures: by the rules of a person alone, or by learned ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from archiver.articles.impossible_values import drop_impossible_values
from archiver.extraction.article import extract_page
from archiver.extraction.page import Page
from archiver.extraction.site_rules import SiteRules
from archiver.learning.rule_induction import Sample, reports_whole_post
from archiver.learning.site_model import is_split
from archiver.learning.stored_pages import parse_captured_page
from archiver.model.items import Article, PageKind, SourceHint
from archiver.storage import Database
from archiver.storage.held_pages import hold_of
from archiver.storage.pages import captured_page, hint_of_capture

_MAX_PAGE_LENGTH = 3_000_000
"""Pages with more characters than this are not used for learning."""


@dataclass(frozen=True, slots=True)
class CapturedPost:
    """A post, read from its capture. `key` is its urlkey; `article` is what was read without learned rules."""

    key: str
    page: Page
    hint: SourceHint | None
    article: Article

    @property
    def sample(self) -> Sample:
        by_api = self.hint is not None and self.hint.from_api
        return Sample(self.page, self.article, reports_whole_post(self.hint), by_api)

    def reread(self, rules: SiteRules, apply: Callable[[Article, Page], Article]) -> tuple[Article, Article] | None:
        """Returns the article as it was read, and as the rules read it; None if they do not fit. `apply` sets the
        values of the page object that is responsible for the page.
        """
        after = extract_page(self.page.without_rules(), self.hint, PageKind.POST, rules=rules)
        if after.read_by != rules.version or is_split(self.article):
            return None
        at = self.page.captured_at
        assert at is not None
        before, after = (drop_impossible_values(apply(one, self.page), at)[0] for one in (self.article, after))
        return before, after


def captured_posts(
    db: Database,
    folder: Path,
    keys: Iterable[str],
    rules: SiteRules | None = None,
    read: Mapping[str, Article] | None = None,
) -> Iterator[CapturedPost]:
    """Yields the posts at these urlkeys whose captures can be read, by `rules`. `read` has the articles that need not
    be read again, by urlkey.
    """
    for key in keys:
        if (found := captured_page(db, key)) is None:
            continue
        url, capture_id, rule = found
        page = parse_captured_page(db, folder, capture_id, url)
        if page is None or len(page.text) > _MAX_PAGE_LENGTH:
            continue
        hint = hint_of_capture(db, capture_id)
        article = (read or {}).get(key) or extract_page(page, hint, rules=rules, decided=(PageKind.POST, rule))
        yield CapturedPost(key, page, hint, article)


def without_held(db: Database, keys: Iterable[str]) -> list[str]:
    """Returns those of these urlkeys whose pages are not held, each once."""
    return [key for key in dict.fromkeys(keys) if hold_of(db, key) is None]
