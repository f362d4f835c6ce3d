"""Writes page results to the archive, in batches of one transaction.

`store` shows the steps of one result: `enter` what its page shows of other pages, `look_up` what is stored of its post,
`settle` what becomes of it (`articles.decision.decide`), and `record` the page's row. Each step expects to run inside
the batch's transaction, because it depends on the rows written for earlier results.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from archiver.articles.decision import LOOP_RULE, decide
from archiver.articles.guard import GONE_RULES, REASONS, HoldRule
from archiver.frontier.fetch_order import (
    DEFAULT_REVISIT,
    MAY_BE_NEW_POST,
    SOURCE_KINDS,
    next_fetch_time,
    next_try_of_new_page,
)
from archiver.model.due_reasons import DueFor, Remark
from archiver.model.items import (
    UNDONE,
    UNLISTED,
    DiscoveredURL,
    DiscoverySource,
    ListedPosts,
    Outcome,
    PageKind,
    PageResult,
)
from archiver.model.page_rules import OTHER_FORM_RULE, PATTERN_BUDGET_RULE, PLAIN_FAMILIES
from archiver.model.urls import urlkey
from archiver.storage import Database, articles, captures, pages, requisites, sources
from archiver.storage.articles import (
    Change,
    NewArticle,
    Observation,
    Reread,
    Stored,
    add_alias,
    article_from_row,
    complete_articles,
    count_duplicates_of_text,
    edited_at,
    extractor_of,
    find_article_of,
    give_addresses,
    gone_since,
    insert_article,
    is_borrowed_address,
    is_first_seen_since,
    is_unknown,
    keep_page_object_values,
    mark_gone,
    mark_seen,
    publication_time,
    release_borrowed_address,
    restore_article,
    store_identified,
    undone_withdrawal,
    withdraw_article,
    withdrawal_of,
)
from archiver.storage.clusters import COPY, second_addresses
from archiver.storage.held_pages import (
    FetchedPost,
    are_changes_unusual,
    forget_old_changes,
    has_accepted_gain,
    hold_recent_changes,
    next_look,
    record_change,
    release_former_address,
    store_verdict,
)
from archiver.storage.page_forms import SiteForms
from archiver.storage.runs import Counts, RunStatistics, crawl_started, writing_run
from archiver.storage.sources import (
    Trust,
    record_discovered_urls,
    record_entries,
    store_listed_categories,
    store_listed_dates,
)
from archiver.storage.transactions import PATIENCE, is_environment_error


@dataclass(slots=True)
class StoringRun:
    """What the stages need to know about the run whose results they store.

    - `run_id`: None if the run only extracts stored captures again.
    - `crawl_started`: when the crawl began. This run may continue a crawl that an earlier run began.
    - `version`: the version of this program.
    - `reread`: a function that extracts a stored article's capture again.
    - `mode`: which of a page's requisites (images, stylesheets and fonts) are captured.
    - `listings_wait`: True if an API lists all posts, so that new listings wait for the revisit period.
    - `post_revisit`: the revisit period of posts; None if it is the same as for other pages.
    - `rechecked`: the number of posts that were made due because lists no longer show them.
    - `first_crawl_finished`: when the first complete crawl of the site ended; "" if there was none.
    - `incomplete`: the new articles of the batch of which only the row of `articles` is stored so far.
    """

    db: Database
    site: dict[str, Any]
    run_id: int | None
    started: datetime
    revisit: timedelta = DEFAULT_REVISIT
    version: str = ""
    reread: Reread = lambda row: ()
    mode: requisites.Mode = "none"
    listings_wait: bool = False
    post_revisit: timedelta | None = None
    rechecked: int = 0
    crawl_started: datetime = field(init=False)
    trust: Trust = field(init=False)
    forms: SiteForms = field(init=False)
    first_crawl_finished: str = field(init=False)
    incomplete: list[NewArticle] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        began = crawl_started(self.db, self.site["id"], self.run_id) if self.run_id is not None else None
        self.crawl_started = pages.moment(began) or self.started
        self.trust = Trust(self.db, self.site, self.started, self.revisit)
        self.forms = SiteForms(self.db, self.site_id)
        self.first_crawl_finished = pages.first_crawl_finished(self.db, self.site_id)

    @property
    def site_id(self) -> int:
        return int(self.site["id"])

    def complete_articles(self) -> None:
        """Stores the rest of the new articles of the batch: their authors, categories, tags and places, their first
        revisions and their clusters. This must come before anything changes an article.
        """
        if self.incomplete:
            complete_articles(self.db, self.incomplete)
            self.incomplete.clear()


_UNLISTED_REASON = "no source lists it any more, and its page shows no more than an address that does not exist"


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect of a result on its page: the outcome and reason to store, the article that the page shows, and whether
    that article changed. `is_new` is True if the article is new and has only one URL.
    """

    outcome: Outcome
    reason: str
    article_id: int | None = None
    changed: bool = False
    is_new: bool = False


@dataclass(slots=True)
class Storing:
    """A page result on its way into the archive, with what was found out so far.

    - `counts`: the counts of the result's batch.
    - `found`: the discovered URLs that are new.
    - `post`: what was stored of the page and its post before this result.
    - `is_confirmed`: True if the page was held and its new state is now stored.
    - `held`: the urlkeys of the pages that the batch's results held.
    """

    result: PageResult
    counts: Counts
    capture_id: int | None = None
    found: list[DiscoveredURL] = field(default_factory=list)
    post: FetchedPost | None = None
    effect: Effect | None = None
    is_confirmed: bool = False
    held: set[str] = field(default_factory=set)

    @property
    def key(self) -> str:
        return urlkey(self.result.url)

    @property
    def stored(self) -> FetchedPost:
        assert self.post is not None
        return self.post

    @property
    def row(self) -> dict[str, Any] | None:
        return self.stored.row

    @property
    def known(self) -> pages.PageState:
        return self.stored.known


def enter(run: StoringRun, storing: Storing) -> None:
    """Stores the discovered URLs of a result. This is the first stage; the capture is already stored."""
    db, result, counts = run.db, storing.result, storing.counts
    later = result.at + run.revisit if run.listings_wait else None
    storing.found = record_discovered_urls(
        db, run.site_id, result.targets, result.at, later, run.site["path"], run.trust.distrusted
    )
    counts.found += len(storing.found)
    counts.trapped += sum(bool(target.trap) for target in storing.found)
    if result.listed is not None:
        _recheck_list(run, result.url, storing.key, result.listed)
        store_listed_categories(db, result.listed.categories)
    if result.listed_dates:
        store_listed_dates(db, result.listed_dates)
    if result.kind is PageKind.LISTING:
        _include_entries(run, storing)
    if result.entries and (listing := pages.known_page(db, storing.key)) is not None:
        record_entries(db, run.site_id, listing.id, result.entries, result.at)
    if result.kind is PageKind.API and result.outcome not in (Outcome.DUE, Outcome.NOT_ARTICLE):
        run.listings_wait = False
        pages.make_new_due(db, run.site_id)
    if storing.found and result.next_pages and not run.listings_wait:
        pages.make_due_now(db, result.next_pages, run.started)


def _include_entries(run: StoringRun, storing: Storing) -> None:
    """Makes due those entries of a listing that were excluded as plain pages: that a listing shows them is a sign that
    they are posts.
    """
    shown = [one for one in storing.result.targets if one.source is DiscoverySource.LISTING and not one.trap]
    rules = [f"{PATTERN_BUDGET_RULE}: {family}" for family in PLAIN_FAMILIES]
    entries = pages.pages_set_aside_at(run.db, [urlkey(one.url) for one in shown], rules)
    pages.include_pages(run.db, entries, pages.EPOCH)
    storing.counts.trapped -= len(entries)


def look_up(run: StoringRun, storing: Storing) -> None:
    """Looks up what is stored of the page and its post. A post that is split over several pages is joined with its
    stored parts.
    """
    db, result = run.db, storing.result
    is_extracted = result.article is not None
    storing.counts.fetched += result.status is not None
    known = pages.page_state(db, storing.key, result.hint_id)
    is_claim = result.rule == articles.CLAIMED_PART_RULE
    if result.article and is_claim and articles.is_own_post(db, result):
        result = replace(result, outcome=Outcome.ARCHIVED, kind=PageKind.POST, rule=result.article.kind_rule, reason="")
    if result.outcome in (Outcome.ARCHIVED, Outcome.UNCHANGED):
        result = articles.join_parts_of(db, result, has_parts=known.has_parts)
    article, site = result.article, run.site["name"]
    post = FetchedPost(db, run.site, run.run_id, run.crawl_started, storing.key, known, new=article)
    if result.outcome is Outcome.DUPLICATE:
        target = urlkey(result.final_url)
        post.closes_redirect_loop = pages.closes_redirect_loop(db, storing.key, target, run.crawl_started)
    if article is not None:
        post.is_unknown = is_unknown(db, site, article, result.redirects)
        if not post.is_unknown:
            post.tombstone = captures.tombstone_of(db, site, article)
        if not post.is_unknown and post.tombstone is None and result.outcome is Outcome.ARCHIVED:
            row = find_article_of(db, site, article, result.redirects)
            post.row = None if row and release_borrowed_address(db, row, article) else row
            if is_extracted:
                post.new = keep_page_object_values(db, post.row, article)
                result = replace(result, article=post.new)
    storing.result, storing.post = result, post


def settle(run: StoringRun, storing: Storing, *, is_reread: bool) -> None:
    """Decides what becomes of the page, holds or releases it, and changes its article: stores it, a new revision or a
    further part, marks the post as gone, and so on.
    """
    verdict = decide(storing.result, storing.stored, is_reread=is_reread)
    storing.result = verdict.result
    storing.is_confirmed |= verdict.is_confirmed
    storing.counts.gone -= store_verdict(storing.stored, verdict)
    if _may_change_articles(storing):
        run.complete_articles()
    storing.effect = _EFFECTS.get(storing.result.outcome, _store_nothing)(run, storing)


def _may_change_articles(storing: Storing) -> bool:
    """Returns True if a result may change an article that is already stored."""
    result, known = storing.result, storing.known
    return bool(
        storing.row is not None
        or known.article_id is not None
        or known.has_article
        or result.outcome in (Outcome.DUPLICATE, Outcome.PART)
        or (result.outcome is Outcome.ARCHIVED and not storing.stored.is_unknown)
        or result.parts
        or (result.article is not None and result.article.parts)
    )


def record(run: StoringRun, storing: Storing) -> None:
    """Writes the page's row, with the time when it is due again, and its requisites (images, stylesheets and fonts).
    Makes due the other pages that must be fetched because of this result.
    """
    assert storing.effect is not None
    db, result, effect = run.db, storing.result, storing.effect
    if run.mode != "none" and effect.article_id is not None and effect.outcome is not Outcome.DUPLICATE:
        _enter_requisites(run, storing, effect.article_id, changed=effect.changed)
    _judge_claims(run, storing, effect)
    storing.counts.refused += effect.outcome is Outcome.REFUSED
    if effect.outcome is Outcome.NOT_FOUND and storing.known.found_at >= pages.stamp(run.started):
        storing.counts.found -= 1  # it was a guess, and the site has no such feed or sitemap
    if effect.outcome is Outcome.HELD and result.rule not in GONE_RULES:
        storing.held.add(storing.key)
    storing.counts.accepted += storing.is_confirmed and effect.outcome is not Outcome.GONE
    storing.counts.failed += effect.outcome is Outcome.FAILED
    remarks = dict(result.remarks)
    if result.kind is not PageKind.PART:
        remarks |= articles.link_parts_to_article(db, run.site_id, result, effect.article_id, storing.known)
    if _is_delisted(run, storing, effect):
        remarks[Remark.DELISTED] = storing.known.due_by
    storing.result = replace(result, outcome=effect.outcome, reason=effect.reason, remarks=remarks)
    pages.record_result(
        db,
        storing.result,
        article_id=effect.article_id,
        changed=effect.changed or bool(storing.found and result.kind in SOURCE_KINDS),
        capture_id=storing.capture_id if result.capture and result.capture.record_type == "response" else None,
        due_at=_next_due_time(run, storing, effect),
    )
    if storing.known.has_hint_text and result.hint_id is not None and not pages.is_text_needed(result):
        pages.drop_hint_text(db, result.hint_id)
    if result.form is not None and storing.known.id is not None:
        run.forms.add(storing.known.id, result.form)
    if effect.outcome is Outcome.HELD and result.rule == HoldRule.GONE:
        sources.read_list_of(db, storing.key, run.site_id, run.started)
    if effect.outcome in (Outcome.GONE, Outcome.NOT_ARTICLE) and run.run_id is not None:
        pages.make_posts_redirecting_due(db, storing.key)
    if storing.result.rule == LOOP_RULE:
        storing.counts.failed += pages.fail_redirect_loop(db, storing.key)
    _recheck_vanished(run, storing)


def store(run: StoringRun, storing: Storing) -> None:
    """Stores one page result: what its page shows of other pages, what becomes of its article, and its own row. Of a
    result with the outcome DUE, only the first is stored, because further documents of its source are still to be
    fetched.
    """
    enter(run, storing)
    if storing.result.outcome is not Outcome.DUE:
        look_up(run, storing)
        settle(run, storing, is_reread=run.run_id is None)
        record(run, storing)


def store_again(run: StoringRun, storing: Storing) -> None:
    """Stores the result of a stored capture that is extracted again. What its page shows of other pages was stored when
    it was fetched.
    """
    try:
        look_up(run, storing)
        settle(run, storing, is_reread=True)
        record(run, storing)
        run.complete_articles()
        run.forms.write()
    finally:
        run.incomplete.clear()


def _store_archived(run: StoringRun, storing: Storing) -> Effect:
    result, db = storing.result, run.db
    if result.article is None:
        return _store_nothing(run, storing)
    if result.is_shell and storing.row is not None and sources.is_left_out(db, storing.key, storing.known):
        storing.result = replace(result, rule=UNLISTED)
        return Effect(Outcome.UNCHANGED, _UNLISTED_REASON, storing.row["id"])
    extractor: str | None = extractor_of(run.version, result.article)
    capture_id = storing.capture_id
    if result.status == 304:
        # The page itself has not changed. A further page of the post has changed, and the capture of that page proves
        # the edit.
        capture_id = extractor = None
    observed = Observation(result.at, run.crawl_started, capture_id, run.run_id, result.redirects, extractor)
    if storing.stored.is_unknown:
        run.incomplete.append(insert_article(db, run.site["name"], result.article, observed))
        stored = Stored(run.incomplete[-1].id, Change.NEW)
    else:
        stored = store_identified(
            db,
            storing.row,
            run.site["name"],
            result.article,
            observed,
            reread=run.reread,
            completes=Remark.UNREAD_PARTS in storing.known.remarks,
        )
    if result.parts and stored.change is not Change.GONE:
        articles.set_capture_of_parts(db, stored.article_id, storing.key)
    undone = undone_withdrawal(db, stored.article_id, run.run_id) if stored.change is not Change.NEW else None
    if undone and stored.change in _SHOWN_AS_STORED:
        storing.result = replace(result, rule=UNDONE)
        return Effect(Outcome.NOT_ARTICLE, undone.reason, stored.article_id)
    if stored.change is Change.REVISED or not undone:
        restore_article(db, stored.article_id)
    if storing.row is not None and storing.row["urlkey"] != storing.key and stored.change is not Change.COPY:
        release_former_address(db, storing.row["urlkey"])
    if stored.change is Change.REVISED and stored.changed:
        _record_edit(run, storing, stored.article_id)
    _count_change(storing.counts, stored)
    outcome, changed = _CHANGES.get(stored.change, (Outcome.UNCHANGED, False))
    if stored.change is Change.GONE:
        changed = bool(stored.changed)
    is_new = stored.change is Change.NEW and not stored.aliases
    return Effect(outcome, _reason_for_page(run, result, stored, extractor), stored.article_id, changed, is_new=is_new)


def _record_edit(run: StoringRun, storing: Storing, article_id: int) -> None:
    """Records an edit that a crawl found, so that the edits of the last days can be examined together. A revert to an
    earlier revision does not count, since it may be the end of a fault, nor does an edit that adds what a person
    accepted for other posts.
    """
    if run.run_id is None or storing.is_confirmed:
        return
    row, new = storing.row, storing.result.article
    if row and new and has_accepted_gain(run.db, run.site_id, article_from_row(row), new):
        return
    number, same_as = run.db.execute(
        "select a.revision, (select o.revision from revisions o where o.article_id = a.id and o.revision = r.same_as "
        "and o.undone_at is null) from articles a join revisions r on r.article_id = a.id and r.revision = a.revision "
        "where a.id = ?",
        [article_id],
    ).fetchone()
    if not same_as:
        record_change(run.db, storing.key, article_id, number, storing.result.at, announced=storing.stored.is_announced)


_SHOWN_AS_STORED = (Change.UNCHANGED, Change.REEXTRACTED, Change.STUB)
_CHANGES = {
    Change.NEW: (Outcome.ARCHIVED, True),
    Change.REVISED: (Outcome.ARCHIVED, True),
    Change.REVERTED: (Outcome.ARCHIVED, True),
    Change.COPY: (Outcome.DUPLICATE, False),
    Change.GONE: (Outcome.GONE, False),
}
"""By change of an article: the outcome of its page, and True if the page counts as changed. The default is
"unchanged"."""


def _count_change(counts: Counts, stored: Stored) -> None:
    """Adds to `counts` how storing an article changed the archive (`stored`)."""
    if stored.change is Change.GONE:
        counts.gone += bool(stored.changed)
        return
    counts.new += stored.change is Change.NEW
    counts.revised += stored.change in (Change.REVISED, Change.REVERTED)
    counts.unchanged += stored.change in (Change.UNCHANGED, Change.REEXTRACTED, Change.STUB)
    counts.duplicate += stored.shares_text
    counts.aliased += len(stored.aliases)


def _reason_for_page(run: StoringRun, result: PageResult, stored: Stored, extractor: str | None) -> str:
    if stored.change is Change.COPY:
        own = run.db.execute("select url from articles where id = ?", [stored.article_id]).fetchone()
        return f"another address of {own[0]}"
    return {
        Change.GONE: "it no longer shows any part of the post",
        Change.REVISED: f"revised: {', '.join(stored.changed)}",
        Change.REVERTED: f"reverted to revision {stored.back}",
        Change.REEXTRACTED: f"extracted again by {extractor}",
        Change.STUB: "it shows only a stub of the stored text",
    }.get(stored.change, result.reason)


def _store_part(run: StoringRun, storing: Storing) -> Effect:
    return Effect(Outcome.PART, storing.result.reason, articles.enter_part(run.db, storing.result))


def _store_gone(run: StoringRun, storing: Storing) -> Effect:
    if _is_wrong_guess(run, storing):
        return Effect(Outcome.NOT_FOUND, storing.result.reason)
    article_id = mark_gone(run.db, storing.key, storing.result.at) if storing.known.has_article else None
    storing.counts.gone += article_id is not None
    return Effect(Outcome.GONE, storing.result.reason, article_id, article_id is not None)


def _store_duplicate(run: StoringRun, storing: Storing) -> Effect:
    result = storing.result
    if result.kind in SOURCE_KINDS:  # a feed that redirects to a post is no address of it
        return Effect(Outcome.DUPLICATE, result.reason)
    article_id, is_new = add_alias(run.db, urlkey(result.final_url), result.url, result.at)
    storing.counts.aliased += is_new
    return Effect(Outcome.DUPLICATE, result.reason, article_id)


def _store_unchanged(run: StoringRun, storing: Storing) -> Effect:
    result = storing.result
    article_id = storing.known.article_id
    if not article_id:
        return Effect(Outcome.NOT_ARTICLE, result.reason)
    if (withdrawn := withdrawal_of(run.db, article_id)) is not None:
        return Effect(Outcome.NOT_ARTICLE, withdrawn.reason)
    mark_seen(run.db, article_id, result.at)
    storing.counts.unchanged += 1
    return Effect(Outcome.UNCHANGED, result.reason, article_id)


def _store_not_article(run: StoringRun, storing: Storing) -> Effect:
    """Withdraws the article of a page if the page's form shows that it is not a post; changes no other article. A
    guessed address of a feed or sitemap gets the outcome NOT_FOUND if it shows a web page, including the site's page
    for missing addresses.
    """
    result = storing.result
    is_web_page = result.is_shell or result.kind in (PageKind.PAGE, PageKind.OTHER)
    if is_web_page and _is_wrong_guess(run, storing):
        storing.result = replace(result, kind=PageKind(storing.known.kind))
        shown = "the same as an address that does not exist" if result.is_shell else "a web page, not a feed or sitemap"
        return Effect(Outcome.NOT_FOUND, f"it shows {shown}")
    if result.rule == OTHER_FORM_RULE and storing.known.article_id:
        _withdraw(run, storing.counts, storing.known.article_id, result.reason)
    return Effect(result.outcome, result.reason)


def _withdraw(run: StoringRun, counts: Counts, article_id: int, reason: str, rule: str = "") -> None:
    """Withdraws an article and counts that. An article of this run is no longer counted as new, nor as a duplicate."""
    shared = count_duplicates_of_text(run.db, article_id)
    if not withdraw_article(run.db, article_id, reason, run.started, rule):
        return
    counts.withdrawn += 1
    if is_first_seen_since(run.db, article_id, run.started):
        counts.new -= 1
        counts.duplicate -= shared - count_duplicates_of_text(run.db, article_id)


def withdraw_copies(run: StoringRun, counts: Counts) -> None:
    """Withdraws the articles of the site whose pages only repeat other posts of the site, such as print versions, and
    makes their URLs aliases of these posts.
    """
    for article_id, original in second_addresses(run.db, run.site["name"]).items():
        (url,) = run.db.execute("select url from articles where id = ?", [original]).fetchone()
        _withdraw(run, counts, article_id, f"it is a copy of {url}", COPY)
        give_addresses(run.db, article_id, original, run.started)
        pages.make_copy(run.db, article_id, original, f"another address of {url}")


_GUESSED_KINDS = (PageKind.FEED, PageKind.SITEMAP, PageKind.LISTING)


def _is_wrong_guess(run: StoringRun, storing: Storing) -> bool:
    return storing.known.kind in _GUESSED_KINDS and pages.is_wrong_guess(run.db, storing.key)


def _store_held(run: StoringRun, storing: Storing) -> Effect:
    """Stores a held page; its article is not changed. If the page shows a stub, the post is marked as still online."""
    result = storing.result
    if result.rule == HoldRule.STUB and storing.row is not None:
        mark_seen(run.db, storing.row["id"], result.at)
    return Effect(Outcome.HELD, result.reason)


def _store_refused(run: StoringRun, storing: Storing) -> Effect:
    """Keeps out the address of a removed post. Its new capture is erased before the next crawl begins."""
    if storing.stored.tombstone is not None:
        captures.keep_url_out(run.db, storing.stored.tombstone, storing.result.url)
    return _store_nothing(run, storing)


def _store_nothing(run: StoringRun, storing: Storing) -> Effect:
    """Changes no article; the page keeps the result's outcome and reason."""
    return Effect(storing.result.outcome, storing.result.reason)


_EFFECTS: dict[Outcome, Callable[[StoringRun, Storing], Effect]] = {
    Outcome.ARCHIVED: _store_archived,
    Outcome.PART: _store_part,
    Outcome.GONE: _store_gone,
    Outcome.DUPLICATE: _store_duplicate,
    Outcome.UNCHANGED: _store_unchanged,
    Outcome.NOT_ARTICLE: _store_not_article,
    Outcome.HELD: _store_held,
    Outcome.REFUSED: _store_refused,
}


def _judge_claims(run: StoringRun, storing: Storing, effect: Effect) -> None:
    """Tests what the sources and the server claimed about changes of the page: compares it with whether the page really
    changed. Claims that prove false are no longer trusted.
    """
    result = storing.result
    if result.kind is PageKind.POST and effect.outcome in (Outcome.ARCHIVED, Outcome.UNCHANGED):
        run.trust.judge_claim(storing.known.due_for, storing.known.due_by, changed=effect.changed)
    if result.same_validator and (
        storing.found if result.kind in SOURCE_KINDS else effect.changed and effect.outcome is Outcome.ARCHIVED
    ):
        run.trust.distrust_validators()


def _next_due_time(run: StoringRun, storing: Storing, effect: Effect) -> datetime | None:
    result = storing.result
    if result.kind is PageKind.PART:
        return None
    if effect.outcome is Outcome.HELD:
        return next_look(run.db, run.site_id, storing.key, result.rule, result.at)
    revisit = (run.post_revisit if result.kind is PageKind.POST else None) or run.revisit
    was_stored = storing.known.has_article
    if effect.outcome is Outcome.GONE and was_stored and (since := gone_since(run.db, storing.key)):
        return next_try_of_new_page(since, result.at, revisit)
    if found := _found_as_new_page(run, storing, effect):
        return next_try_of_new_page(found, result.at, run.revisit)
    known_article = None if effect.is_new else effect.article_id
    published = result.article.published if result.article else publication_time(run.db, known_article)
    only_from_cdx = (
        effect.outcome is Outcome.GONE and effect.article_id is None and pages.is_only_from_cdx(run.db, storing.key)
    )
    return next_fetch_time(
        effect.outcome,
        result.kind,
        result.at,
        published,
        revisit,
        edited_at(run.db, known_article),
        hearsay=only_from_cdx,
    )


def _found_as_new_page(run: StoringRun, storing: Storing, effect: Effect) -> datetime | None:
    """Returns when a page was found, if it may be a new post that its site does not show yet, or not at the moment;
    None for any other page.
    """
    outcome, known = effect.outcome, storing.known
    if not run.first_crawl_finished or known.found_at <= run.first_crawl_finished:
        return None
    found = pages.moment(known.found_at)
    if effect.article_id is not None:
        return None if effect.is_new or not is_borrowed_address(run.db, storing.key) else found
    if outcome not in (Outcome.GONE, Outcome.NOT_ARTICLE, Outcome.DUPLICATE):
        return None
    rules = {known.rule, storing.result.rule}  # a page that the server calls unchanged keeps the rule of its last state
    if outcome is Outcome.GONE or rules & MAY_BE_NEW_POST:
        return found
    # A server that cannot reach the site's software may say so in JSON or plain text, with status 200.
    return found if "not-html" in rules and pages.is_reported(run.db, storing.key) else None


def _is_delisted(run: StoringRun, storing: Storing, effect: Effect) -> bool:
    """Returns True if a post was fetched because a source or listing no longer shows it, is still online, and was found
    nowhere else in this run. With the rule UNLISTED, the page shows the same for every address and cannot say whether
    its post is online.
    """
    is_online = effect.outcome in (Outcome.ARCHIVED, Outcome.UNCHANGED) and storing.result.rule != UNLISTED
    is_removed = is_online and storing.known.due_for == DueFor.DELISTED
    return is_removed and not sources.is_listed_since(run.db, storing.key, run.started)


def _recheck_vanished(run: StoringRun, storing: Storing) -> None:
    """Makes due the posts that a sitemap or API no longer lists, although it was read in full, and those that the last
    page of a list showed if this page is gone, since they may be gone.
    """
    result = storing.result
    if result.outcome is Outcome.GONE and storing.known.due_for == DueFor.OLDEST_LIST:
        sources.recheck_after_last_list(run.db, storing.key, run.site_id, run.started)
    source = {PageKind.SITEMAP: DiscoverySource.SITEMAP, PageKind.API: DiscoverySource.API}.get(result.kind)
    if source is None or result.status != 200 or result.rule in ("api changes", "api count"):
        return
    missing = pages.pages_no_longer_listed(run.db, run.site_id, source, result.url, run.started)
    pages.make_pages_due(run.db, missing, DueFor.DELISTED, source)


def _recheck_list(run: StoringRun, url: str, key: str, listed: ListedPosts) -> None:
    """Makes due posts whose entries changed in the feed or listing at `url`: posts that are missing although the part
    of the list where they would be was read, gone posts that are listed again, and posts at former addresses.
    """
    changes = sources.changes_of_list(run.db, key, listed, run.started)
    sources.recheck_removed(run.db, changes.removed, url, run.rechecked, run.started)
    run.rechecked += len(changes.removed)
    sources.note_delisted(run.db, changes, url)
    pages.make_pages_due(run.db, changes.again, DueFor.LISTED_AGAIN, url)
    if changes.has_moved_up:
        sources.make_lists_due(run.db, run.site_id, (), run.started)


def _enter_requisites(run: StoringRun, storing: Storing, article_id: int, *, changed: bool) -> None:
    """Records the requisites (images, stylesheets and fonts) of a post's page, in the transaction that stores its
    article. `changed` is True if the article is new or was edited.
    """
    result = storing.result
    if result.article is None:
        return
    lead = requisites.lead_image(result.article.image) if result.kind is not PageKind.PART else ()
    needed_by = requisites.NeededBy(run.site_id, article_id, result.final_url, result.at)
    requisites.enter_requisites(
        run.db,
        needed_by,
        (*lead, *result.requisites),
        changed=changed,
        crawl_started=run.crawl_started,
        revisit=run.revisit,
    )


# -- batches

_BATCH = 100
_log = logging.getLogger(__name__)


class WrittenPage(NamedTuple):
    """A result that was written, the ID of the article that its page shows (None if it shows none), and the URLs that
    it reported for the first time.
    """

    result: PageResult
    article_id: int | None
    found: list[DiscoveredURL]


class PageWriter:
    """Collects the page results of a run and writes them in order, in batches; each result is written with all its rows
    or not at all.

    - `counts`: the counts of all results written so far.
    - `measuring`: the statistics of the run.
    - `on_written`: called after each batch with what it has written.

    `sync` is called before each batch is committed. It writes the WARC files that the rows name to the disk.
    """

    def __init__(self, run: StoringRun, sync: Callable[[], None] = lambda: None) -> None:
        self.counts = Counts()
        self.measuring = RunStatistics()
        self.on_written: Callable[[Sequence[WrittenPage]], None] = lambda written: None
        self._run = run
        self._sync = sync
        self._waiting: list[PageResult] = []
        self._written: list[WrittenPage] = []
        self._held: set[str] = set()  # the urlkeys of the pages that the run has held, each of which counts once

    @property
    def trust(self) -> Trust:
        """The claims of the site's server and sources that are trusted."""
        return self._run.trust

    def add(self, result: PageResult) -> None:
        self._waiting.append(result)
        if len(self._waiting) >= _BATCH:
            self.flush()

    def flush(self, patience: float = PATIENCE) -> bool:
        """Writes the collected results; returns False if there are none. If the disk or the database fails, raises the
        error, writes nothing and keeps the results; `patience` is how many seconds to wait for another program's lock.
        A result whose content cannot be stored is recorded as a failed page; all other results are stored.
        """
        if not self._waiting and not self._written:
            return False
        self._sync()
        try:
            self._commit(self._waiting, patience)
        except Exception as error:
            if is_environment_error(error):
                raise
            while self._waiting:
                self._commit_alone(self._waiting[0], patience)
                del self._waiting[0]
        self._waiting.clear()
        self.on_written(self._written)
        self._written.clear()
        return True

    def _commit(self, results: list[PageResult], patience: float) -> None:
        counts, run = Counts(), self._run
        assert run.run_id is not None
        run.incomplete.clear()  # a batch that failed left its new articles here
        with (
            run.trust.restored_on_error(),
            run.forms.restored_on_error(),
            writing_run(run.db, run.run_id, run.site, patience),
        ):
            held: set[str] = set()
            entered = captures.enter_captures(
                run.db, run.run_id, [(one.capture, one.hint_id, one.usage_statements) for one in results if one.capture]
            )
            ids = iter(entered)
            written = [Storing(result, counts, next(ids) if result.capture else None, held=held) for result in results]
            for storing in written:
                store(run, storing)
            run.complete_articles()
            run.forms.write()
            if counts.revised:
                held |= self._hold_unusual_changes(results[-1].at, counts)
        counts.held = len(held - self._held)
        self._held |= held
        self.counts.add(counts)
        for storing in written:
            if storing.effect is not None:
                self._written.append(WrittenPage(storing.result, storing.effect.article_id, storing.found))
                known = storing.known
                self.measuring.count_result(storing.result, storing.effect.outcome, known.outcome, known.kind)
                if known.due_for == DueFor.SAMPLE:
                    self.measuring.count_sampled(storing.effect.outcome, changed=storing.effect.changed)

    def _hold_unusual_changes(self, now: datetime, counts: Counts) -> set[str]:
        """If implausibly many posts were edited in the last days, takes these edits back and holds the posts' pages.
        Returns the urlkeys of these pages.
        """
        run = self._run
        forget_old_changes(run.db, run.site_id, now)
        if not are_changes_unusual(run.db, run.site, now):
            return set()
        done = hold_recent_changes(run.db, run.site_id, run.run_id, now)
        _log.warning("%s: Holding %d posts: %s", run.site["name"], len(done.held), REASONS[HoldRule.MASS_CHANGE])
        counts.revised -= done.undone
        return set(done.held)

    def _commit_alone(self, result: PageResult, patience: float) -> None:
        try:
            self._commit([result], patience)
        except Exception as error:
            if is_environment_error(error):
                raise
            _log.exception("%s could not be stored", result.url)
            reason = f"it could not be stored ({type(error).__name__}: {str(error)[:200]})"
            self._commit(
                [
                    PageResult(
                        url=result.url,
                        final_url=result.url,
                        at=result.at,
                        outcome=Outcome.FAILED,
                        kind=result.kind,
                        status=result.status,
                        reason=reason,
                        rule="not-stored",
                    )
                ],
                patience,
            )
