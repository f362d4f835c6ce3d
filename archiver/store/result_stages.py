"""The stages in which a page result becomes rows: enter, identify, revise, record.

Each is a function of the run and of one result under way, and expects to run inside the batch's transaction
(`store.writer`): what a stage decides depends on the rows that the results before it have just written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlite_utils import Database

from archiver.frontier.schedule import DEFAULT_REVISIT, SOURCE_KINDS, next_visit
from archiver.items import Outcome, PageKind, Source, Target, Visit
from archiver.store import aside, circles, ledger, parts, requisites, tombstones
from archiver.store.addresses import add_alias
from archiver.store.articles import Change, Observation, Stored, edited_at, mark_gone, store_article, touch
from archiver.store.capture_rows import enter_capture
from archiver.store.discovered_urls import record_targets
from archiver.store.rights import store_rights
from archiver.store.runs import Counts, crawl_started
from archiver.store.trust import Trust
from archiver.store.versions import Reread, extractor_of
from archiver.urls import urlkey


@dataclass(slots=True)
class StoringRun:
    """What all results of one run have in common.

    `crawl_started` is when the crawl began that this run continues. `version` is that of the program that read the
    pages, `reread` reads a stored article's capture again. `mode`: which of a page's requisites are captured.
    `listings_wait`: an API counts the site's posts, so that a new listing waits for the revisit period.
    """

    db: Database
    site: dict[str, Any]
    run_id: int
    started: datetime
    revisit: timedelta = DEFAULT_REVISIT
    version: str = ""
    reread: Reread = lambda row: ()
    mode: requisites.Mode = "none"
    listings_wait: bool = False
    crawl_started: datetime = field(init=False)
    trust: Trust = field(init=False)

    def __post_init__(self) -> None:
        self.crawl_started = ledger.moment(crawl_started(self.db, self.site["id"], self.run_id)) or self.started
        self.trust = Trust(self.db, self.site, self.started, self.revisit)

    @property
    def site_id(self) -> int:
        return int(self.site["id"])


@dataclass(frozen=True, slots=True)
class Effect:
    """What a result does to the archive: the page's outcome and reason, its article, and whether that changed."""

    outcome: Outcome
    reason: str
    article_id: int | None = None
    changed: bool = False


@dataclass(slots=True)
class Storing:
    """One result on its way through the stages. `counts` are those of its batch.

    `found` are the discovered URLs that are new, `due_for`, `was` and `known_kind` the page's reason, outcome and kind
    until now. `removal` is the tombstone that keeps its post out.
    """

    result: Visit
    counts: Counts
    capture_id: int | None = None
    found: list[Target] = field(default_factory=list)
    due_for: str = ""
    was: str = ""
    known_kind: str = ""
    removal: tombstones.Removal | None = None
    effect: Effect | None = None

    @property
    def key(self) -> str:
        return urlkey(self.result.url)


Stage = Callable[[StoringRun, Storing], None]


def enter(run: StoringRun, storing: Storing) -> None:
    """Enter the capture, what the response says of its use, and the URLs that the page names."""
    db, result, counts = run.db, storing.result, storing.counts
    if result.capture:
        storing.capture_id = enter_capture(db, run.run_id, result.capture)
        store_rights(db, storing.capture_id, result.rights)
    later = result.at + run.revisit if run.listings_wait else None
    storing.found = record_targets(db, run.site_id, result.targets, result.at, later, run.site["path"],
                                   run.trust.in_dates)
    counts.found += len(storing.found)
    counts.trapped += sum(bool(target.trap) for target in storing.found)
    if result.kind is PageKind.API and result.outcome not in (Outcome.DUE, Outcome.NOT_ARTICLE):
        run.listings_wait = False
        ledger.make_new_due(db, run.site_id)
    if storing.found and result.next_pages and not run.listings_wait:
        ledger.make_due_now(db, result.next_pages, run.started)


def identify(run: StoringRun, storing: Storing) -> None:
    """Find out what the page is: a page of another post, a whole post, part of a redirect loop, a removed post."""
    db, result = run.db, storing.result
    storing.counts.fetched += result.status is not None
    if result.article and result.rule == parts.CLAIM and parts.is_own_post(db, result):
        result = replace(result, outcome=Outcome.ARCHIVED, kind=PageKind.POST, rule=result.article.kind_rule,
                         reason="")
    if result.outcome in (Outcome.ARCHIVED, Outcome.UNCHANGED):
        result = parts.join(db, result)
    known = ledger.standing(db, storing.key)
    storing.due_for, storing.was, storing.known_kind = known.reason, known.outcome, known.kind
    if result.outcome is Outcome.DUPLICATE and circles.is_circle(db, storing.key, urlkey(result.final_url)):
        result = replace(result, outcome=Outcome.FAILED, rule=circles.RULE, reason=circles.REASON)
    if result.article is not None:
        storing.removal = tombstones.ban_of(db, run.site["name"], result.article)
    storing.result = result


def revise(run: StoringRun, storing: Storing) -> None:
    """Do to the articles what the result's outcome means: `_EFFECTS` is the table."""
    result = storing.result
    if storing.removal is not None:
        # Under an address that nobody knew of: what was captured of it goes before the next crawl begins.
        tombstones.keep_out(run.db, storing.removal, result.url)
        storing.effect = Effect(Outcome.REFUSED, storing.removal.told)
        return
    storing.effect = _EFFECTS.get(result.outcome, _none)(run, storing)


def record(run: StoringRun, storing: Storing) -> None:
    """Write the page's row, and what follows from its outcome: when it is due again, and which other pages are."""
    assert storing.effect is not None
    db, result, effect = run.db, storing.result, storing.effect
    if run.mode != "none" and effect.article_id is not None and effect.outcome is not Outcome.DUPLICATE:
        _enter_requisites(run, storing, effect.article_id, changed=effect.changed)
    _judge_claims(run, storing, effect)
    storing.counts.refused += effect.outcome is Outcome.REFUSED
    storing.counts.failed += effect.outcome is Outcome.FAILED
    reason = effect.reason
    if result.kind is not PageKind.PART:
        reason = "; ".join(filter(None, (reason, parts.settle(db, run.site_id, result, effect.article_id))))
    rule = tombstones.RULE if effect.outcome is Outcome.REFUSED and result.article else result.rule
    storing.result = replace(result, outcome=effect.outcome, reason=reason, rule=rule)
    ledger.record_visit(
        db, storing.result, article_id=effect.article_id,
        changed=effect.changed or bool(storing.found and result.kind in SOURCE_KINDS),
        capture_id=storing.capture_id if result.capture and result.capture.record_type == "response" else None,
        due_at=_due_again(run, storing, effect))
    if rule == circles.RULE:
        storing.counts.failed += circles.close_circle(db, storing.key)
    _recheck_vanished(run, storing.result)


STAGES: tuple[Stage, ...] = (enter, identify, revise, record)
"""In the order in which a result passes them. One whose outcome is DUE is only entered: its source goes on."""


def _archived(run: StoringRun, storing: Storing) -> Effect:
    result, db = storing.result, run.db
    if result.article is None:
        return _none(run, storing)
    extractor: str | None = extractor_of(run.version, result.article)
    capture_id = storing.capture_id
    if result.status == 304:
        # The page has not changed: what did is a further page, whose capture proves it.
        capture_id = extractor = None
    stored = store_article(
        db, run.site["name"], result.article,
        Observation(result.at, run.crawl_started, capture_id, run.run_id, result.redirects, extractor),
        reread=run.reread, completes=parts.was_incomplete(db, storing.key))
    if result.parts and stored.change is not Change.GONE:
        parts.prove(db, stored.article_id, storing.key)
    _count(storing.counts, stored)
    outcome, changed = _CHANGES.get(stored.change, (Outcome.UNCHANGED, False))
    if stored.change is Change.GONE:
        changed = bool(stored.changed)
    return Effect(outcome, _reason(run, result, stored, extractor), stored.article_id, changed)


_CHANGES = {
    Change.NEW: (Outcome.ARCHIVED, True), Change.REVISED: (Outcome.ARCHIVED, True),
    Change.REVERTED: (Outcome.ARCHIVED, True), Change.COPY: (Outcome.DUPLICATE, False),
    Change.GONE: (Outcome.GONE, False),
}
"""What a change of an article makes of its page, and whether the page counts as changed; else it is unchanged."""


def _count(counts: Counts, stored: Stored) -> None:
    if stored.change is Change.GONE:
        counts.gone += bool(stored.changed)
        return
    counts.new += stored.change is Change.NEW
    counts.revised += stored.change is Change.REVISED
    counts.unchanged += stored.change in (Change.UNCHANGED, Change.REEXTRACTED, Change.REVERTED, Change.STUB)
    counts.duplicate += stored.shares_text
    counts.aliased += len(stored.aliases)


def _reason(run: StoringRun, result: Visit, stored: Stored, extractor: str | None) -> str:
    if stored.change is Change.COPY:
        own = run.db.execute("select url from articles where id = ?", [stored.article_id]).fetchone()
        return f"another address of {own[0]}"
    return {
        Change.GONE: "it shows nothing any more of the post that stood there",
        Change.REVISED: f"revised: {', '.join(stored.changed)}",
        Change.REVERTED: f"says again what version {stored.back} said",
        Change.REEXTRACTED: f"read anew by {extractor}",
        Change.STUB: "shows only a stub of the stored text",
    }.get(stored.change, result.reason)


def _part(run: StoringRun, storing: Storing) -> Effect:
    return Effect(Outcome.PART, storing.result.reason, parts.enter_part(run.db, storing.result))


def _gone(run: StoringRun, storing: Storing) -> Effect:
    article_id = mark_gone(run.db, storing.key, storing.result.at)
    storing.counts.gone += article_id is not None
    return Effect(Outcome.GONE, storing.result.reason, article_id, article_id is not None)


def _duplicate(run: StoringRun, storing: Storing) -> Effect:
    result = storing.result
    article_id, is_new = add_alias(run.db, urlkey(result.final_url), result.url, result.at)
    storing.counts.aliased += is_new
    return Effect(Outcome.DUPLICATE, result.reason, article_id)


def _unchanged(run: StoringRun, storing: Storing) -> Effect:
    result = storing.result
    row = run.db.execute("select article_id from pages where urlkey = ?", [storing.key]).fetchone()
    if row is None or not row[0]:
        return Effect(Outcome.NOT_ARTICLE, result.reason)
    touch(run.db, row[0], result.at)
    storing.counts.unchanged += 1
    return Effect(Outcome.UNCHANGED, result.reason, row[0])


def _none(run: StoringRun, storing: Storing) -> Effect:
    """No article changes: the page's own outcome is all."""
    return Effect(storing.result.outcome, storing.result.reason)


_EFFECTS: dict[Outcome, Callable[[StoringRun, Storing], Effect]] = {
    Outcome.ARCHIVED: _archived, Outcome.PART: _part, Outcome.GONE: _gone, Outcome.DUPLICATE: _duplicate,
    Outcome.UNCHANGED: _unchanged,
}


def _judge_claims(run: StoringRun, storing: Storing, effect: Effect) -> None:
    """Compare what a source and the server said of the page with what it is: who is wrong too often is not believed."""
    result = storing.result
    if result.kind is PageKind.POST and effect.outcome in (Outcome.ARCHIVED, Outcome.UNCHANGED):
        run.trust.hold(storing.due_for, changed=effect.changed)
    if result.same_validator and (
            storing.found if result.kind in SOURCE_KINDS else effect.changed and effect.outcome is Outcome.ARCHIVED):
        run.trust.validators_lied()


def _due_again(run: StoringRun, storing: Storing, effect: Effect) -> datetime | None:
    result = storing.result
    if result.kind is PageKind.PART:
        return None
    published = result.article.published if result.article else None
    hearsay = effect.outcome is Outcome.GONE and effect.article_id is None and aside.is_hearsay(run.db, storing.key)
    return next_visit(effect.outcome, result.kind, result.at, published, run.revisit,
                      edited_at(run.db, effect.article_id), hearsay=hearsay)


def _recheck_vanished(run: StoringRun, result: Visit) -> None:
    """Make posts due that a sitemap or API no longer lists, where it was read to its end: they may be gone."""
    source = {PageKind.SITEMAP: Source.SITEMAP, PageKind.API: Source.API}.get(result.kind)
    if source is None or result.status != 200 or result.rule in ("api changes", "api count"):
        return
    missing = ledger.vanished(run.db, run.site_id, source, result.url, run.started)
    ledger.recheck(run.db, missing, f"{source} lists it no more")


def _enter_requisites(run: StoringRun, storing: Storing, article_id: int, *, changed: bool) -> None:
    """Enter what the page needs to be shown, in the same transaction as its article."""
    result = storing.result
    if result.article is None:
        return
    lead = requisites.lead_image(result.article.image) if result.kind is not PageKind.PART else ()
    needed_by = requisites.NeededBy(run.site_id, article_id, result.final_url, result.at)
    requisites.enter(run.db, needed_by, (*lead, *result.requisites), changed=changed,
                     crawl_started=run.crawl_started, revisit=run.revisit)
