"""Learns the rules of a site in a run, and replaces what was read of its posts before by what the rules read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from archiver.extraction.article import garbage_collection_paused
from archiver.extraction.site_rules import SiteConstants, SiteRules
from archiver.learning.captured_posts import CapturedPost, captured_posts
from archiver.learning.site_constants import learn_with_constants, read_without_constants
from archiver.learning.site_model import SiteModel
from archiver.learning.stored_pages import pages_certain_without_post
from archiver.model.items import Article
from archiver.storage.articles import extractor_of, replace_extraction
from archiver.storage.page_writer import StoringRun
from archiver.storage.stored_rules import add_constants, store_learned_rules
from archiver.storage.transactions import writing

ENOUGH = 25
"""Rules are learned from this many posts. At the end of a run, MIN_POSTS are enough."""


@dataclass(frozen=True, slots=True)
class LearnedRules:
    """The rules that a run has learned, as stored, and the articles that they replaced, each before and after."""

    rules: SiteRules
    replaced: tuple[tuple[Article, Article], ...]


def learn_rules_of_run(
    run: StoringRun, folder: Path, model: SiteModel, keys: Sequence[str], read: Mapping[str, Article]
) -> LearnedRules | None:
    """Learns rules from the first of the posts at these urlkeys, stores the rules, and reads all of the posts again by
    them. Returns None if nothing was learned. `read` has those articles, by urlkey, that the run itself has read.
    """
    replaced: list[tuple[Article, Article]] = []
    with garbage_collection_paused():
        posts = list(captured_posts(run.db, folder, keys[:ENOUGH], model.rules, read))
        rules = learn_with_constants(
            [post.sample for post in posts],
            lambda constants: [read_without_constants(post.sample, post.hint, constants) for post in posts],
            pages_certain_without_post(run.db, folder, run.site_id, model.verdicts),
            model.rules.constants if model.rules is not None else SiteConstants(),
        )
        if rules is None:
            return None
        with writing(run.db):
            at = datetime.now(UTC)
            stored = store_learned_rules(run.db, run.site_id, rules, at) if rules.fields else None
            stored = stored or add_constants(run.db, run.site_id, rules.constants, at)
        if rules.fields:
            replaced += _read_again(run, model, posts, stored)
    if rules.fields:
        replaced += _read_again(run, model, captured_posts(run.db, folder, keys[ENOUGH:], model.rules, read), stored)
    return LearnedRules(stored, tuple(replaced))


def _read_again(
    run: StoringRun, model: SiteModel, posts: Iterable[CapturedPost], rules: SiteRules
) -> Iterator[tuple[Article, Article]]:
    found = [pair for post in posts if (pair := post.reread(rules, model.page_objects.apply)) is not None]
    with writing(run.db):
        replaced = [
            replace_extraction(run.db, before, after, extractor_of(run.version, after), run.crawl_started)
            for before, after in found
        ]
    return (pair for pair, is_replaced in zip(found, replaced, strict=True) if is_replaced)
