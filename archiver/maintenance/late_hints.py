"""Extracts stored captures again with source hints that were found after them, for example because a feed failed in the
first crawl or was found late.

Nothing is fetched, and values that sources give late do not make revisions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver.items import SourceHint
from archiver.maintenance.reextraction import ReextractedArticle, ReextractionReader, ReextractionRequest
from archiver.maintenance.reextraction_run import (
    ReextractionTally,
    StartedReextraction,
    begin_reextraction,
    finish_reextraction,
    write_reextraction,
)
from archiver.maintenance.rejudging import Rejudging, RejudgingTally
from archiver.storage.article_tables.evidence import decode_evidence
from archiver.storage.connection import writing
from archiver.storage.page_forms import PageToRejudge
from archiver.storage.page_result_writer import StoringRun
from archiver.storage.pages import HINT_IS_LATE, LATEST_HINT, drop_hint_text, hint_from_json, is_text_from_source, stamp
from archiver.storage.runs import Counts

_BATCH = 40
_MOST = 5_000
"""At most this many pages are extracted again at the end of a run; the next run continues."""
_NO_FORM = -1


@dataclass(frozen=True, slots=True)
class LateHint:
    """A source hint that was found after the capture of its page was extracted. `article_id` is None if the page was
    not classified as a post.
    """

    page_id: int
    capture_id: int
    article_id: int | None
    hint_id: int
    hint: SourceHint


@dataclass(slots=True)
class LateHintTally:
    """The result of extracting captures again with late hints: the number of articles that were `read`, the number of
    these that `changed`, and the number of other pages that proved to be `posts`. `unreadable` has a message for each
    capture that could not be read.
    """

    read: int = 0
    changed: int = 0
    posts: int = 0
    unreadable: list[str] = field(default_factory=list)


def find_late_hints(db: Database, site_id: int, now: datetime, most: int = _MOST) -> list[LateHint]:
    """Returns the late hints of a site for pages that are not due. The other pages will be read with their hints when
    they are fetched.
    """
    rows = db.execute(
        f"select p.id, c.id, a.id, h.id, h.hint from source_hints h join pages p on {LATEST_HINT} "
        "left join articles a on a.id = p.article_id and a.urlkey = p.urlkey "
        "join captures c on c.id = coalesce(a.capture_id, p.capture_id) "
        f"where p.site_id = ? and {HINT_IS_LATE} and p.due_at > ? and p.priority > 0 "
        "and ((a.id is not null and p.outcome in ('archived', 'unchanged')) "
        "or (p.outcome = 'not-article' and p.rule is not 'not-html')) order by p.id limit ?",
        [site_id, stamp(now), most],
    ).fetchall()
    return [
        LateHint(page_id, capture_id, article_id, hint_id, hint)
        for page_id, capture_id, article_id, hint_id, text in rows
        if (hint := hint_from_json(text)) is not None
    ]


class LateHintReading:
    """Reads the captures of one site again with their late hints, at the end of a run."""

    def __init__(self, db: Database, folder: Path, judging: Rejudging, run: StoringRun) -> None:
        self._db, self._folder = db, folder
        self._judging, self._run = judging, run
        self.tally, self.counts = LateHintTally(), Counts()

    def read_all(self, found: Iterable[LateHint], at: datetime) -> None:
        of_pages: list[LateHint] = []
        of_articles: list[LateHint] = []
        for one in found:
            (of_pages if one.article_id is None else of_articles).append(one)
        for batch in _batches(of_pages):
            self._read_pages(batch)
        if of_articles:
            self._read_articles(of_articles, at)

    def _read_pages(self, hints: list[LateHint]) -> None:
        """Re-classifies, with their late hints, pages that were not taken for posts. Stores the pages that prove to be
        posts.
        """
        tally = RejudgingTally()
        read = [self._judging.read(_page_to_judge(self._db, one), one.hint) for one in hints]
        with writing(self._db):
            self.counts.add(self._judging.write(self._run, read, tally))
            for one in hints:
                _attach(self._db, one)
        self.tally.posts += tally.posts
        self.tally.unreadable += tally.left

    def _read_articles(self, hints: list[LateHint], at: datetime) -> None:
        request = ReextractionRequest(articles=tuple(one.article_id for one in hints if one.article_id is not None))
        begun = begin_reextraction(self._db, request, self._run.version, at)
        tally = ReextractionTally()
        for batch in _batches(hints):
            late = {one.capture_id: one.hint for one in batch}
            reader = ReextractionReader(self._db, self._folder, self._run.version, begun.started_at, request, late=late)
            read = [(one, reader.read(one.article_id)) for one in batch if one.article_id is not None]
            for outcome in self._write_articles(read, begun):
                tally.add(outcome)
        finish_reextraction(self._db, begun.id, tally, at)
        self.tally.read += tally.articles
        self.tally.changed += tally.changed
        self.tally.unreadable += tally.unreadable + tally.left

    def _write_articles(
        self, read: list[tuple[LateHint, ReextractedArticle]], begun: StartedReextraction
    ) -> list[ReextractedArticle]:
        """Writes results together with the links of their captures to the late hints. An article that another program
        changed meanwhile is left for the next run.
        """
        with writing(self._db):
            stale = write_reextraction(self._db, [outcome for _, outcome in read], begun)
            done = [(one, outcome) for one, outcome in read if outcome not in stale]
            for one, _ in done:
                _attach(self._db, one)
        return [outcome for _, outcome in done]


def _page_to_judge(db: Database, one: LateHint) -> PageToRejudge:
    row: dict[str, Any] = next(iter(db.query("select * from pages where id = ?", [one.page_id])))
    return PageToRejudge(row, _NO_FORM, is_promised=True)


def _attach(db: Database, one: LateHint) -> None:
    """Links a capture to the hint that it was extracted with, and gives its article the hint's post ID and guid."""
    db.execute("update captures set hint_id = ? where id = ?", [one.hint_id, one.capture_id])
    db.execute(
        "update articles set guid = coalesce(nullif(guid, ''), ?), post_id = coalesce(nullif(post_id, ''), ?) "
        "where id = ?",
        [one.hint.guid or None, one.hint.post_id or None, one.article_id],
    )
    for row in list(db.query("select * from articles where id = ?", [one.article_id])):
        if not is_text_from_source(decode_evidence(db, row)):
            drop_hint_text(db, one.hint_id)


def _batches(hints: Iterable[LateHint]) -> Iterator[list[LateHint]]:
    left = iter(hints)
    while some := list(islice(left, _BATCH)):
        yield some
