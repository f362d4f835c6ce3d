"""Decides again which stored pages of a site are posts, by the verdicts on the site's forms and by its rules. (Pages of
one template have one form; its verdict says whether they are posts.) Stores the pages that prove to be posts, and
withdraws articles whose pages prove not to be. Pages are read from their captures; nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Any

from archiver.articles.impossible_values import drop_impossible_values
from archiver.articles.post_verdicts import SiteVerdicts, judge_article
from archiver.extraction.article import extract_page
from archiver.extraction.page import parse_page
from archiver.extraction.page_classifier import Answer, date_slot, page_form
from archiver.extraction.site_rules import SiteRules
from archiver.learning.stored_pages import RulesByTime, read_response
from archiver.model.items import Article, Outcome, PageForm, PageKind, PageResult, SourceHint
from archiver.model.page_rules import OTHER_FORM_RULE
from archiver.sites.page_objects import load_page_objects
from archiver.storage import Database
from archiver.storage.page_forms import (
    PageToRejudge,
    mark_applied,
    pages_confirmed_since,
    pages_of_handwritten_rules,
    pages_to_rejudge,
)
from archiver.storage.page_writer import Storing, StoringRun, store_again
from archiver.storage.pages import hint_of_capture, moment
from archiver.storage.runs import Counts
from archiver.storage.transactions import writing

_BATCH = 50


@dataclass(frozen=True, slots=True)
class RejudgedPage:
    """The result of deciding again what kind a page is, by the verdict on its form.

    - `kind`, `rule`: the new kind, and the rule that decided it; the previous ones are in `page`.
    - `article`: the article to store; None for a page that is not a post.
    - `form`: the page's form.
    - `at`: the time of its capture.
    - `left`: the reason why the page was left unchanged; "" if it was changed.
    """

    page: PageToRejudge
    kind: PageKind
    rule: str
    article: Article | None = None
    form: PageForm | None = None
    at: datetime | None = None
    left: str = ""

    @property
    def is_changed(self) -> bool:
        return not self.left and (self.kind is PageKind.POST) != self.page.was_post


@dataclass(slots=True)
class RejudgingTally:
    """The result of deciding again which pages of a site are posts.

    - `read`: the number of pages that were read.
    - `posts`: the number of pages that proved to be posts.
    - `withdrawn`: the number of articles that were withdrawn.
    - `formed`: the number of pages whose form was determined now, since it was not stored.
    - `reread`: the number of articles that were extracted again because a value proved to be a constant of the site.
    - `left`, `unreadable`: messages about pages that were left unchanged, and about captures that could not be read.
    - `is_complete`: False if pages remain to be judged.
    """

    read: int = 0
    posts: int = 0
    withdrawn: int = 0
    formed: int = 0
    reread: int = 0
    left: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    is_complete: bool = True


class Rejudging:
    """Decides again, by the verdicts on the forms of one site, which of the site's pages are posts."""

    def __init__(self, db: Database, folder: Path, site: dict[str, Any], verdicts: SiteVerdicts) -> None:
        self.db, self.site, self.verdicts = db, site, verdicts
        self._folder = folder
        self._rules = RulesByTime(db)
        self._page_objects = load_page_objects()

    def pages(self, *, everything: bool = False, confirmed_since: str = "") -> Iterator[PageToRejudge]:
        """Yields the pages whose kind depends on the verdicts and was not yet decided again. If `everything` is True,
        also yields the pages whose kind was decided again before, and those whose kind depends on the site's
        handwritten rules. If `confirmed_since` is a time, also yields the pages that are not posts and that the server
        has called unchanged since then.
        """
        done: set[int] = set()
        if confirmed_since:
            for page in pages_confirmed_since(self.db, self.site["id"], confirmed_since):
                done.add(page.row["id"])
                yield page
        if everything:
            rules = self._rules.at(self.site["id"], datetime.now(UTC))
            hand = rules.by_hand() if rules is not None else None
            may_make_posts = hand is not None and bool(hand.post_by_hand or hand.rule("published"))
            for page in pages_of_handwritten_rules(self.db, self.site["id"], may_make_posts=may_make_posts):
                done.add(page.row["id"])
                yield page
        for page in pages_to_rejudge(self.db, self.site["id"], self.verdicts, everything=everything):
            if page.row["id"] not in done:
                yield page

    def read(self, page: PageToRejudge, late: SourceHint | None = None) -> RejudgedPage:
        """Extracts a page from its capture again and decides its kind by the verdict on its form. Writes nothing. If a
        late hint is given (`late`), it replaces the source hint with which the capture was extracted before.
        """
        row = page.row
        before = RejudgedPage(page, PageKind(row["kind"]), row["rule"] or "")
        found = read_response(self.db, self._folder, row["capture_id"])
        if found is None:
            return replace(before, left=f"capture {row['capture_id']} cannot be read")
        response, capture = found
        at = moment(capture["captured_at"])
        assert at is not None
        hint, rules = late or hint_of_capture(self.db, row["capture_id"]), self._rules.at(self.site["id"], at)
        # Pages that feeds list with a date are posts.
        known = PageKind.POST if late and late.published else PageKind.UNKNOWN
        parsed = parse_page(response.body, row["url"], response.content_type, at)

        def extract(decided: Answer | None = None, rules: SiteRules | None = rules) -> Article:
            return extract_page(parsed, hint, known, posts_only=True, rules=rules, decided=decided)

        form = page_form(parsed)
        article = judge_article(self.verdicts, form, extract(), is_promised=lambda: page.is_promised, extract=extract)
        if article.part > 1 or article.part_of:
            return replace(before, left=f"it is page {article.part} of a post")
        if article.kind is not PageKind.POST:
            # Without a constant of the site, such as the day of an event, the page may not look like a post any more.
            rule = OTHER_FORM_RULE if page.was_post and self.verdicts.is_of_others(form) else article.kind_rule
            return RejudgedPage(page, article.kind, rule, form=form, at=at)
        form = replace(form, date_slot=date_slot(article))
        article = self._page_objects.apply(article, parsed)
        return RejudgedPage(page, article.kind, article.kind_rule, drop_impossible_values(article, at)[0], form, at)

    def write(self, run: StoringRun, pages: list[RejudgedPage], tally: RejudgingTally) -> Counts:
        """Stores the pages whose kind has changed, in one transaction, and counts them in `tally`. Returns the counts
        of new, withdrawn and otherwise changed articles.
        """
        counts = Counts()
        with writing(self.db), run.trust.restored_on_error(), run.forms.restored_on_error():
            for one in pages:
                tally.read += 1
                if one.left:
                    tally.left.append(f"{one.page.row['url']}: {one.left}")
                if one.is_changed:
                    self._store(run, one, counts)
            mark_applied(self.db, [one.page for one in pages], complete=False, site_id=self.site["id"])
        tally.posts += counts.rejudged
        tally.withdrawn += counts.withdrawn
        return counts

    def _store(self, run: StoringRun, one: RejudgedPage, counts: Counts) -> None:
        row, is_post = one.page.row, one.kind is PageKind.POST
        assert one.at is not None
        result = PageResult(
            url=row["url"],
            final_url=row["url"],
            at=one.at,
            outcome=Outcome.ARCHIVED if is_post else Outcome.NOT_ARTICLE,
            kind=one.kind,
            reason="" if is_post else f"it is not a post: {one.rule}",
            rule=one.rule,
            # After an answer without a page, the result is still that of the page in the capture.
            status=HTTPStatus.OK if row["status"] == HTTPStatus.NOT_MODIFIED else row["status"],
            etag=row["etag"] or "",
            last_modified=row["last_modified"] or "",
            article=one.article,
            form=one.form,
        )
        own = Counts()
        storing = Storing(result, own, capture_id=row["capture_id"])
        store_again(run, storing)
        # The page keeps the time and the status of its last fetch, and this does not count as another fetch.
        self.db.execute(
            "update pages set fetched_at = ?, status = ? where id = ?", [row["fetched_at"], row["status"], row["id"]]
        )
        own.fetched, own.rejudged = 0, int(is_post)
        counts.add(own)


def rejudge(
    judging: Rejudging,
    run: StoringRun | None,
    *,
    everything: bool = False,
    confirmed_since: str = "",
    most: int | None = None,
    take: Callable[[RejudgedPage], None] = lambda page: None,
) -> tuple[RejudgingTally, Counts]:
    """Decides again which pages of a site are posts, for at most `most` pages (None: all). `everything` and
    `confirmed_since` have the same meaning as in `Rejudging.pages`. Stores the changes, unless `run` is None. `take` is
    called with the result for each page. Returns the figures of the result, and the counts of new, withdrawn and
    otherwise changed articles.
    """
    tally, counts = RejudgingTally(), Counts()
    pages = judging.pages(everything=everything, confirmed_since=confirmed_since)
    todo = islice(pages, most) if most is not None else pages
    while batch := [judging.read(page) for page in islice(todo, _BATCH)]:
        if run is not None:
            counts.add(judging.write(run, batch, tally))
        else:
            tally.read += len(batch)
            tally.posts += sum(one.is_changed and one.kind is PageKind.POST for one in batch)
            tally.withdrawn += sum(one.is_changed and one.kind is not PageKind.POST for one in batch)
            tally.left += [f"{one.page.row['url']}: {one.left}" for one in batch if one.left]
        for one in batch:
            take(one)
    tally.is_complete = next(pages, None) is None
    if run is not None and tally.is_complete:
        with writing(judging.db):
            mark_applied(judging.db, (), complete=True, site_id=judging.site["id"])
    return tally, counts
