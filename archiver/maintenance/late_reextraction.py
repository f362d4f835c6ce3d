"""Extracts stored captures again at the end of a run with source hints that were found after their pages were captured,
for example because a feed failed in the first crawl. Nothing is fetched, and values from late hints do not make
revisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from archiver.learning.rejudging import Rejudging, RejudgingTally
from archiver.maintenance.reextraction_reader import ReextractedArticle, ReextractionReader
from archiver.maintenance.reextraction_request import ReextractionRequest
from archiver.maintenance.reextraction_run import begin_reextraction, reextract
from archiver.model.items import SourceHint, reports_post
from archiver.storage import Database
from archiver.storage.field_evidence import decode_evidence
from archiver.storage.page_forms import PageToRejudge
from archiver.storage.page_writer import StoringRun
from archiver.storage.pages import HINT_IS_LATE, LATEST_HINT, drop_hint_text, hint_from_json, is_text_from_source, stamp
from archiver.storage.runs import Counts
from archiver.storage.transactions import writing

_BATCH = 40
_MOST_PAGES = 5_000
"""At most this many pages are extracted again at the end of a run; the next run continues."""
_NO_FORM = -1


@dataclass(frozen=True, slots=True)
class LateHint:
    """A source hint that was found after the capture of its page was extracted. `article_id` is None if the page has no
    article, because it was not taken for a post.
    """

    page_id: int
    capture_id: int
    article_id: int | None
    hint_id: int
    hint: SourceHint


@dataclass(slots=True)
class LateHintTally:
    """The result of extracting captures again with late hints.

    - `read`: the number of articles that were extracted again.
    - `changed`: the number of these articles that changed.
    - `posts`: the number of other pages that proved to be posts.
    - `unreadable`: a message for each capture that could not be read.
    - `counts`: what the posts add to the counts of the run.
    """

    read: int = 0
    changed: int = 0
    posts: int = 0
    unreadable: list[str] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)


def find_late_hints(db: Database, site_id: int, now: datetime, most: int = _MOST_PAGES) -> list[LateHint]:
    """Returns the late hints of a site, at most `most`. Pages that are due are left out, because they will be extracted
    with their hints when they are fetched.
    """
    rows = db.execute(
        f"select p.id, c.id, a.id, h.id, h.hint from source_hints h join pages p on {LATEST_HINT} "
        "left join articles a on a.id = p.article_id and a.urlkey = p.urlkey "
        "join captures c on c.id = coalesce(a.capture_id, p.capture_id) "
        f"where p.site_id = ? and {HINT_IS_LATE} and p.due_at > ? and p.priority > 0 "
        "and ((a.id is not null and p.outcome in ('archived', 'unchanged')) "
        "or (p.outcome = 'not-article' and p.rule is not 'not-html' "
        "and (h.digests <> '{}' or instr(h.hint, '\"listed_date\"')))) order by p.id limit ?",
        [site_id, stamp(now), most],
    ).fetchall()
    return [
        LateHint(page_id, capture_id, article_id, hint_id, hint)
        for page_id, capture_id, article_id, hint_id, text in rows
        if (hint := hint_from_json(text)) is not None
    ]


def read_late_hints(
    db: Database, folder: Path, judging: Rejudging, run: StoringRun, found: Sequence[LateHint], at: datetime
) -> LateHintTally:
    """Reads the captures of one site again with their late hints, at the end of a run. Decides again which of the pages
    without an article are posts, and stores those that are.
    """
    tally = LateHintTally()
    of_pages = iter([one for one in found if one.article_id is None])
    while batch := list(islice(of_pages, _BATCH)):
        judged = RejudgingTally()
        read = [judging.read(_page_to_judge(db, one), one.hint) for one in batch]
        with writing(db):
            tally.counts.add(judging.write(run, read, judged))
            for one in batch:
                _attach(db, one)
        tally.posts += judged.posts
        tally.unreadable += judged.left
    of_articles = {one.article_id: one for one in found if one.article_id is not None}
    if not of_articles:
        return tally
    request = ReextractionRequest(articles=tuple(of_articles))
    begun = begin_reextraction(db, request, run.version, at)
    late = {one.capture_id: one.hint for one in of_articles.values()}
    reader = ReextractionReader(db, folder, run.version, begun.started_at, request, late=late)

    def attach(outcome: ReextractedArticle) -> None:
        with writing(db):
            _attach(db, of_articles[outcome.article_id])

    done = reextract(db, begun, list(of_articles), lambda ids: ([reader.read(one)] for one in ids), attach)
    tally.read += done.articles
    tally.changed += done.changed
    tally.unreadable += done.unreadable + done.left
    return tally


def _page_to_judge(db: Database, one: LateHint) -> PageToRejudge:
    row: dict[str, Any] = next(iter(db.query("select * from pages where id = ?", [one.page_id])))
    return PageToRejudge(row, _NO_FORM, is_promised=reports_post(one.hint))


def _attach(db: Database, one: LateHint) -> None:
    """Links a capture to the hint with which it was extracted, and gives its article the hint's post ID and guid."""
    db.execute("update captures set hint_id = ? where id = ?", [one.hint_id, one.capture_id])
    db.execute(
        "update articles set guid = coalesce(nullif(guid, ''), ?), post_id = coalesce(nullif(post_id, ''), ?) "
        "where id = ?",
        [one.hint.guid or None, one.hint.post_id or None, one.article_id],
    )
    for row in list(db.query("select * from articles where id = ?", [one.article_id])):
        if not is_text_from_source(decode_evidence(db, row)):
            drop_hint_text(db, one.hint_id)
