"""Backfill: enters articles extracted from historical captures among the revisions of a post, at the times of the
captures.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from archiver.articles.article_comparison import changed_fields, is_part_url, is_stub, meaning_digest
from archiver.articles.revision_order import (
    MOST_REVERTS,
    Changed,
    Placement,
    RevisionRun,
    Sighting,
    changed_between,
    index_of_run_at,
    insert_into_runs,
    with_source_values,
)
from archiver.model.fields import EVIDENCE, LATEST, LINKS
from archiver.model.items import Article, MarkedText
from archiver.model.urls import urlkey
from archiver.storage import Database, clusters
from archiver.storage.articles import (
    Change,
    NewRevision,
    Observation,
    Stored,
    add_aliases,
    article_from_revision,
    article_from_row,
    count_revert,
    count_reverts,
    edited_fields,
    entries,
    find_article_of,
    latest_values,
    mark_seen,
    merge_evidence,
    overwrite,
    parts_of,
    revision_rows,
    rewrite_revision,
    shorten_current,
    store_article,
    store_superseded,
    with_body,
    write_revision,
)
from archiver.storage.captures import redirects_to
from archiver.storage.field_evidence import decode_evidence, pack_evidence
from archiver.storage.pages import moment, stamp

# -- the revisions of an article, each as a run: the consecutive captures that show it

ExtractWithoutHints = Callable[[int | None, str], Sequence[Article]]
"""A function that extracts a capture (its ID and URL) again, without source hints; () if it cannot be extracted."""
_NEVER = "9999"


def revision_runs_of(db: Database, row: dict[str, Any]) -> list[RevisionRun]:
    """Returns the stored revisions of an article (`row`) in the order of their times, each as a run of consecutive
    captures that show the same revision. The run holds only the first of them.
    """
    rows = revision_rows(
        db,
        "r.article_id = ? order by r.observed_at, r.revision",
        [row["id"]],
        "(select c.digest from captures c where c.id = r.capture_id) as digest",
    )
    return [
        RevisionRun(
            moment(r["observed_at"]) or datetime.min,
            article_from_revision(r),
            r["capture_id"],
            r["digest"] or "",
            r["revision"],
            tuple(json.loads(r["changed"] or "[]")),
            row["extractor"] if r["revision"] == row["revision"] else r["extractor"],
        )
        for r in rows
    ]


def edited_between(db: Database, extract_again: ExtractWithoutHints) -> Changed:
    """Returns a function that compares two revisions and returns the fields that the site edited, even if the two were
    extracted differently.

    `extract_again` extracts a stored capture again, without source hints.
    """

    def changed(before: RevisionRun, after: RevisionRun) -> tuple[str, ...]:
        differs = changed_between(before, after)
        new, old = (after, before) if not after.number else (before, after)
        if not differs or not old.number or _same_extraction(db, old, new):
            return differs
        readings = extract_again(old.capture, old.article.url)
        return edited_fields((), new.article, differs, readings) if readings else differs

    return changed


def _same_extraction(db: Database, stored: RevisionRun, extracted: RevisionRun) -> bool:
    """Returns True if a stored revision was extracted in the same way as the new one: both from imported captures and,
    as far as known, by the same extractor.
    """
    if stored.extractor is not None and stored.extractor != extracted.extractor:
        return False
    row = db.execute("select import_id from captures where id = ?", [stored.capture]).fetchone()
    return row is not None and row[0] is not None


def find_next_sighting(
    db: Database, row: dict[str, Any], runs: Sequence[RevisionRun], run: RevisionRun, extract_again: ExtractWithoutHints
) -> Sighting | None:
    """Returns the first capture after the new capture `run` that shows the same revision of the stored article (`row`),
    and comes before the next revision in `runs`; None if there is none. `extract_again` extracts a stored capture
    again.
    """
    n = index_of_run_at(runs, run)
    if n is None:
        return None
    until = stamp(runs[n + 1].at) if n + 1 < len(runs) else _NEVER
    urls = [url for (url,) in db.execute("select url from article_urls where article_id = ?", [row["id"]])]
    urls += [_other_scheme(url) for url in urls]
    marks = ",".join("?" * len(urls))
    between = "captured_at > ? and captured_at < ?"
    found = db.execute(
        f"select captured_at, id, digest, url from captures where article_id = ? and secondary is null and {between} "
        f"union all select captured_at, id, digest, null from captures where url in ({marks}) and import_id is null "
        f"and status in (200, 304) and {between} order by 1, 3 limit 1",
        [row["id"], stamp(run.at), until, *urls, stamp(run.at), until],
    ).fetchone()
    if found:
        # Extract an imported capture again: its text may differ in typography although the meaning is the same.
        shown = extract_again(found[1], found[3])[:1] if found[3] else ()
        same = [one for one in shown if not changed_fields(runs[n].article, one)]
        return Sighting(moment(found[0]) or run.at, found[1], found[2] or "", same[0] if same else None)
    if (
        n + 1 < len(runs)
        or row["last_seen"] <= stamp(run.at)
        or db.execute(
            "select 1 from captures where article_id = ? and secondary and captured_at = ?",
            [row["id"], row["last_seen"]],
        ).fetchone()
    ):
        return None  # the article was last seen in a stub, which does not show the revision
    return Sighting(moment(row["last_seen"]) or run.at, runs[n].capture, runs[n].digest)


def _other_scheme(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{'http' if scheme == 'https' else 'https'}://{rest}"


def write_revisions(
    db: Database,
    row: dict[str, Any],
    before: Sequence[RevisionRun],
    after: Sequence[RevisionRun],
    extracted: RevisionRun,
) -> None:
    """Replaces the stored revisions `before` of an article (`row`) with `after`, in which the revision from a new
    capture, `extracted`, has its place. Then updates the article's row to the last revision.
    """
    article_id = row["id"]
    stored = {v.number: v for v in before}
    numbers = {v.number: n for n, v in enumerate(after, 1) if v.number}
    store_superseded(db, row)
    for number in stored.keys() - numbers.keys():
        db.execute("delete from revisions where article_id = ? and revision = ?", [article_id, number])
    _mark_stub_captures(db, article_id, before, extracted)
    db.execute("update revisions set revision = -revision where article_id = ?", [article_id])
    for number, run in enumerate(after, 1):
        if run.number:
            _renumber_revision(db, article_id, number, run, stored[run.number].article)
        else:
            new = NewRevision(number, run.article, run.at, run.changed, run.capture)
            write_revision(db, article_id, new)
            _write_provenance(db, article_id, number, run)
    _link_revisions(db, article_id, after, numbers)
    if row["revision"] != before[-1].number and row["revision"] in numbers:
        # The post had reverted to an earlier revision, which is still current.
        db.execute("update articles set revision = ? where id = ?", [numbers[row["revision"]], article_id])
    else:
        _make_current(db, row, before, after[-1], len(after), numbers, extracted)
    shorten_current(db, article_id)


def _renumber_revision(db: Database, article_id: int, number: int, run: RevisionRun, was: Article) -> None:
    db.execute(
        "update revisions set revision = ?, observed_at = ?, changed = ?, capture_id = ? "
        "where article_id = ? and revision = ?",
        [number, stamp(run.at), json.dumps(list(run.changed)), run.capture, article_id, -run.number],
    )
    if run.article is not was:
        rewrite_revision(db, article_id, number, run.article)
        _write_provenance(db, article_id, number, run)


def _write_provenance(db: Database, article_id: int, number: int, run: RevisionRun) -> None:
    """Stores which extractor extracted a revision, and its evidence if the revision has any."""
    evidence = pack_evidence(entries(run.article)) if run.article.evidence else None
    db.execute(
        "update revisions set extractor = ?, read_at = ?, evidence = coalesce(?, evidence) "
        "where article_id = ? and revision = ?",
        [run.extractor, stamp(run.at), evidence, article_id, number],
    )


def _link_revisions(db: Database, article_id: int, after: Sequence[RevisionRun], numbers: dict[int, int]) -> None:
    """Stores with each of the revisions `after` the number of the revision that was current before it (`previous`) and
    the number of the earlier revision with the same content (`same_as`). `numbers` maps the old numbers of the
    revisions to the new ones.

    `previous` is usually the preceding number. If a revision was made while the post had reverted to an earlier
    revision, its stored `previous` is kept, unless a new revision comes between the two.
    """
    by_digest: dict[str, int] = {}
    known = dict(db.execute("select revision, previous from revisions where article_id = ?", [article_id]).fetchall())
    for number, run in enumerate(after, 1):
        digest = meaning_digest(run.article)
        previous = number - 1 or None
        stored = known.get(number)
        if run.number and number > 1 and after[number - 2].number and stored in numbers:
            previous = numbers[stored] if numbers[stored] < number else previous
        db.execute(
            "update revisions set previous = ?, same_as = ? where article_id = ? and revision = ?",
            [previous, by_digest.get(digest), article_id, number],
        )
        by_digest[digest] = number


def _make_current(
    db: Database,
    row: dict[str, Any],
    before: Sequence[RevisionRun],
    last: RevisionRun,
    number: int,
    numbers: dict[int, int],
    extracted: RevisionRun,
) -> None:
    """Updates the article's row (`row`) to its last revision, `last`, whose number is `number`. `before` are the
    revisions that were stored until now, `numbers` maps their numbers to the new ones, and `extracted` is the revision
    from the new capture.
    """
    facts: dict[str, Any] = {"revision": number, "capture_id": last.capture or row["capture_id"]}
    if last.article is before[-1].article:
        db.update("articles", row["id"], facts)
        return
    now = article_from_row(row)
    is_last = last.article is extracted.article and not last.number
    if (is_last or before[-1].number not in numbers) and urlkey(last.article.url) == row["urlkey"]:
        now = last.article  # all later captures showed stubs and do not count
    kept = {name: value for name in LATEST if (value := getattr(now, name)) and value != getattr(last.article, name)}
    evidence = None
    if kept:
        own = row["extractor"], row["capture_id"], row["read_at"]
        replaced = [name for name in EVIDENCE if name not in kept]
        stored = [one for one in decode_evidence(db, row) if one["field"] in kept]
        evidence = merge_evidence(stored, last.article, [*replaced, "encoding"], own=own)
    overwrite(
        db, row, replace(last.article, **kept), last.extractor, evidence=evidence, **facts, read_at=stamp(last.at)
    )


def _mark_stub_captures(db: Database, article_id: int, before: Sequence[RevisionRun], extracted: RevisionRun) -> None:
    """Marks those captures of an article as secondary that turn out to show only a stub, because `extracted`, the
    revision from a new capture, is earlier and contains the full text. `before` are the stored revisions.
    """
    for n, run in enumerate(before):
        until = before[n + 1].order if n + 1 < len(before) else None
        if until is not None and extracted.order >= until:
            continue
        if not is_stub(extracted.article.body, run.article.body):
            return
        db.execute(
            "update captures set secondary = 1 where article_id = ? and captured_at >= ? and captured_at > ? "
            "and captured_at < ?",
            [article_id, stamp(run.at), stamp(extracted.at), stamp(until[0]) if until else _NEVER],
        )


def article_at_time(db: Database, row: dict[str, Any], at: datetime) -> Article | None:
    """Returns the state of an article, given as its row, at a time: the revision that was current at that time, or the
    first revision if the time is earlier. Returns None if no revision is stored.
    """
    runs = revision_runs_of(db, row)
    found = [v for v in runs if v.at <= at] or runs[:1]
    return found[-1].article if found else None


# -- articles extracted from historical captures

_WRITTEN = (Placement.INSERTED, Placement.EXTENDED)


@dataclass(frozen=True, slots=True)
class HistoricalArticle:
    """An article extracted from a historical capture. `at` is when it was captured. `digest` is the capture's payload
    digest.

    If the post is split over several pages, `whole` is True if the body contains the text of all of them.
    """

    article: Article
    at: datetime
    capture_id: int | None
    digest: str
    extractor: str
    whole: bool = False


def enter_historical_article(
    db: Database, site: str, extracted: HistoricalArticle, extract_again: ExtractWithoutHints
) -> Stored:
    """Enters an article extracted from a historical capture at its time: as a new article, as a revision of an existing
    one, or only as a sighting of a revision.

    A stored revision may have been extracted differently, for example by a crawl with source hints. A difference from
    such a revision is not an edit if it disappears when `extract_again` extracts that revision's capture in the same
    way as this one.
    """
    redirects = {redirect.url: redirect for redirect in redirects_to(db, urlkey(extracted.article.url))}
    stored = _enter(db, site, extracted, list(redirects), extract_again)
    for url in stored.aliases:
        if url in redirects:
            db.execute(
                "update article_urls set first_seen = ? where urlkey = ?", [stamp(redirects[url].first), urlkey(url)]
            )
    return stored


def _enter(
    db: Database, site: str, extracted: HistoricalArticle, redirects: list[str], extract_again: ExtractWithoutHints
) -> Stored:
    article = extracted.article
    row = find_article_of(db, site, article, redirects)
    if row is None:
        return store_article(db, site, article, _observed(extracted, redirects))
    if not extracted.whole and parts_of(db, row["urlkey"]):
        # The capture shows one page of a post that is split over several.
        stored = article_from_row(row)
        extracted = replace(extracted, article=with_body(article, MarkedText(stored.body, stored.markup)))
    if stamp(extracted.at) > row["last_seen"]:
        return _enter_as_newest(db, site, row, extracted, redirects, extract_again)
    return _enter_among_revisions(db, row, extracted, extract_again)


def _enter_as_newest(
    db: Database,
    site: str,
    row: dict[str, Any],
    extracted: HistoricalArticle,
    redirects: list[str],
    extract_again: ExtractWithoutHints,
) -> Stored:
    """Enters the article `extracted`, which was captured later than all stored revisions of its post (`row`). Stores it
    as a crawl would, except that stored content is not replaced by equal content. `redirects` are the URLs that
    redirected to its page; `extract_again` extracts a stored capture without source hints.

    Up to MOST_REVERTS reverts are stored as revisions. Further reverts are only counted, as in a crawl
    (`articles.revision_order`).
    """
    run = _as_run(extracted)
    before = RevisionRun(
        moment(row["last_seen"]) or datetime.min,
        article_from_row(row),
        row["capture_id"],
        number=row["revision"],
        extractor=row["extractor"],
    )
    then = decode_evidence(db, row)
    if changed_between(before, run):
        article = with_source_values(extracted.article, article_from_row(row), then, but=("modified",))
        extracted = replace(extracted, article=article)
        run = _as_run(extracted)
    differs = changed_between(before, run) and not is_stub(row["body"], extracted.article.body)
    if differs and not edited_between(db, extract_again)(before, run):
        _mark_seen(db, row, extracted.at)
        add_aliases(db, row["id"], [extracted.article.url], "copy", extracted.at)
        return Stored(row["id"], Change.UNCHANGED)
    last = db.execute("select max(revision) from revisions where article_id = ?", [row["id"]]).fetchone()[0]
    if (
        differs
        and last == row["revision"]
        and urlkey(extracted.article.url) == row["urlkey"]
        and (_equal_revision(db, row, extracted.article) and count_reverts(db, row["id"]) < MOST_REVERTS)
    ):
        stored = _enter_among_revisions(db, row, extracted, extract_again)
        _mark_seen(db, row, extracted.at)
        return stored
    stored = store_article(
        db,
        site,
        extracted.article,
        _observed(extracted, redirects),
        reread=lambda old: extract_again(old["capture_id"], old["url"]),
    )
    _restore_gone(db, row, extracted.at)
    return stored


def _observed(extracted: HistoricalArticle, redirects: list[str]) -> Observation:
    return Observation(extracted.at, extracted.at, extracted.capture_id, None, tuple(redirects), extracted.extractor)


def _equal_revision(db: Database, row: dict[str, Any], article: Article) -> int | None:
    """Returns the number of the article's last revision that has the same `meaning_digest` as `article`; None if there
    is none.
    """
    found = db.execute(
        "select max(revision) from revisions where article_id = ? and meaning_digest = ?",
        [row["id"], meaning_digest(article)],
    ).fetchone()
    return int(found[0]) if found[0] else None


def _mark_seen(db: Database, row: dict[str, Any], at: datetime) -> None:
    mark_seen(db, row["id"], at)
    _restore_gone(db, row, at)


def _restore_gone(db: Database, row: dict[str, Any], at: datetime) -> None:
    """Stores again the time at which an article was found gone, if it is later than `at`. `row` is the article as it
    was before it was marked as seen at `at`, which cleared this time.
    """
    if row["gone_at"] and row["gone_at"] > stamp(at):
        db.execute("update articles set gone_at = ? where id = ?", [row["gone_at"], row["id"]])


def _enter_among_revisions(
    db: Database, row: dict[str, Any], extracted: HistoricalArticle, extract_again: ExtractWithoutHints
) -> Stored:
    """Enters the article `extracted` among the stored revisions of its post (`row`), at the time at which it was
    captured. `extract_again` extracts a stored capture without source hints.
    """
    aliases = _enter_url(db, row, extracted)
    runs = revision_runs_of(db, row)
    n = index_of_run_at(runs, _as_run(extracted))
    if (-1 if n is None else n) >= len(runs) - 2:  # the capture falls within the current revision or right before it
        extracted = _with_current_source_values(db, row, extracted)
    article_id, run = row["id"], _as_run(extracted)
    next_sighting = find_next_sighting(db, row, runs, run, extract_again)
    merged, placed = insert_into_runs(runs, run, next_sighting, edited_between(db, extract_again))
    if (
        placed is Placement.INSERTED
        and (equal := _equal_revision(db, row, extracted.article))
        and count_reverts(db, row["id"]) >= MOST_REVERTS
    ):
        count_revert(db, article_id, equal, extracted.at)
        placed = Placement.COUNTED
    elif placed in _WRITTEN:
        write_revisions(db, row, runs, merged, run)
    elif placed is Placement.WITHIN and next_sighting is None and index_of_run_at(runs, run) == len(runs) - 1:
        extraction = extracted.extractor, extracted.capture_id, stamp(extracted.at)
        db.update("articles", article_id, latest_values(db, row, extracted.article, extraction))
    db.execute("update articles set first_seen = min(first_seen, ?) where id = ?", [stamp(extracted.at), article_id])
    db.execute(
        "update article_urls set first_seen = min(first_seen, ?) where urlkey = ?",
        [stamp(extracted.at), urlkey(extracted.article.url)],
    )
    if placed is Placement.INSERTED:
        changed = next((v.changed for v in merged if v.capture == extracted.capture_id and v.at == extracted.at), ())
        return Stored(article_id, Change.REVISED, changed, aliases)
    return Stored(article_id, Change.STUB if placed is Placement.STUB else Change.UNCHANGED, aliases=aliases)


def _with_current_source_values(db: Database, row: dict[str, Any], extracted: HistoricalArticle) -> HistoricalArticle:
    """Returns the article `extracted`, completed with the values that only a source (a feed or an API) gave for the
    current revision of its post (`row`). An imported capture has no source hints. If the article shows another
    revision, it is returned unchanged.
    """
    current = article_from_row(row)
    article = with_source_values(extracted.article, current, decode_evidence(db, row))
    return extracted if changed_fields(current, article) else replace(extracted, article=article)


def _enter_url(db: Database, row: dict[str, Any], extracted: HistoricalArticle) -> tuple[str, ...]:
    """Records the URL that a post had when it was captured; returns it if it is new, otherwise (). If nothing shows
    that the post has moved, the older of its URLs becomes the article's own URL.
    """
    url, here, there = extracted.article.url, urlkey(extracted.article.url), row["urlkey"]
    if here == there or is_part_url(here, there):
        return ()
    settled = (
        (row["canonical_url"] and urlkey(row["canonical_url"]) == there)
        or row["post_id"]
        or db.execute("select 1 from article_urls where urlkey = ? and article_id = ?", [here, row["id"]]).fetchone()
    )
    added = add_aliases(db, row["id"], [url], "moved" if settled else "copy", extracted.at)
    if not settled and added and stamp(extracted.at) < row["first_seen"]:
        db.execute("update article_urls set kind = 'copy' where urlkey = ?", [there])
        db.execute("update article_urls set kind = 'url' where urlkey = ?", [here])
        db.execute("update articles set url = ?, urlkey = ? where id = ?", [url, here, row["id"]])
        row.update(url=url, urlkey=here)
    return tuple(added)


def _as_run(extracted: HistoricalArticle) -> RevisionRun:
    return RevisionRun(
        extracted.at, extracted.article, extracted.capture_id, extracted.digest, extractor=extracted.extractor
    )


def merge_articles(db: Database, into: int, other: int, extract_again: ExtractWithoutHints) -> None:
    """Merges the article with the ID `other` into the article `into`, with its revisions and URLs, because both are the
    same post, which has moved. `extract_again` has the same purpose as in `enter_historical_article`.
    """
    rows = {row["id"]: row for row in db.query("select * from articles where id in (?, ?)", [into, other])}
    gone = rows[other]
    db.execute("update captures set article_id = ? where article_id = ?", [into, other])
    for run in revision_runs_of(db, gone):
        row = next(iter(db.query("select * from articles where id = ?", [into])))
        runs = revision_runs_of(db, row)
        fresh = replace(run, number=0, changed=())
        merged, placed = insert_into_runs(runs, fresh, find_next_sighting(db, row, runs, fresh, extract_again))
        if placed in _WRITTEN:
            write_revisions(db, row, runs, merged, fresh)
    db.execute(
        "update articles set first_seen = min(first_seen, ?), last_seen = max(last_seen, ?) where id = ?",
        [gone["first_seen"], gone["last_seen"], into],
    )
    db.execute("update article_urls set article_id = ?, kind = 'moved' where article_id = ?", [into, other])
    db.execute("update pages set article_id = ? where article_id = ?", [into, other])
    clusters.leave_clusters(db, [other])
    for table in (*(link.table_of_links for link in LINKS), "geotags", "revisions"):
        db.execute(f"delete from {table} where article_id = ?", [other])
    db.execute("update articles set duplicate_of = null where duplicate_of = ?", [other])
    db.execute("delete from articles where id = ?", [other])
