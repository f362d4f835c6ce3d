"""Learns the rules of a site from the captures that are stored of its posts, without a crawl."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from archiver.extraction.article import extract_page
from archiver.extraction.site_rules import SiteConstants, SiteRules
from archiver.learning.rule_induction import MIN_POSTS, Sample, reports_whole_post, text_f1
from archiver.learning.site_constants import learn_with_constants, read_without_constants
from archiver.learning.stored_pages import hint_then_or_latest, pages_without_post, parse_captured_page
from archiver.model.items import Article, PageKind, SourceHint
from archiver.storage import Database
from archiver.storage.articles import article_from_row
from archiver.storage.pages import moment
from archiver.storage.stored_rules import end_of_last_template, rules_valid_at

_SAME_TEXT = 0.9
"""Two texts that are so similar (see `text_f1`) are the text of one post."""


@dataclass(frozen=True, slots=True)
class RelearnedRules:
    """Site rules learned from stored captures. `since` is the time of the first of these captures that the rules fit;
    None if the rules fit all of them.
    """

    rules: SiteRules
    since: datetime | None


def relearn_site_rules(db: Database, folder: Path, site: dict[str, Any], most: int) -> RelearnedRules | None:
    """Learns site rules from the newest captures of a site's posts, at most `most`; returns None if the posts have no
    common template. The known constants of the site are kept.

    If enough of these captures are newer than the last one that today's rules fit, the site was redesigned, and only
    the newer ones are used.
    """
    read = list(_read_newest_captures(db, folder, site["name"], most))
    valid = rules_valid_at(db, site["id"])
    newest = _of_newest_template(read, valid, moment(end_of_last_template(db, site["id"])))
    rules = learn_with_constants(
        [one.sample for one in newest],
        lambda constants: [one.without_constants(constants) for one in newest],
        (page for page, *_ in pages_without_post(db, folder, site["id"])),
        valid.constants if valid is not None else SiteConstants(),
    )
    if rules is None or not rules.fields:
        return None
    fits = [(one.captured_at, one.fits(rules)) for one in read]
    since = (
        None if all(fit for _, fit in fits) else min((at for at, fit in fits if fit and at is not None), default=None)
    )
    return RelearnedRules(rules, since)


@dataclass(frozen=True, slots=True)
class _ReadCapture:
    """The newest capture of a stored post, as a sample from which rules are learned, with its source hint. If
    extraction finds another text in it than the stored one, as after a redesign, `stored` is the stored article, whose
    values the rules have to find; otherwise None.
    """

    sample: Sample
    hint: SourceHint | None
    stored: Article | None

    @property
    def captured_at(self) -> datetime | None:
        return self.sample.page.captured_at

    def without_constants(self, constants: SiteConstants) -> Sample:
        sample = read_without_constants(self.sample, self.hint, constants)
        return replace(sample, article=_with_stored_values(sample.article, self.stored))

    def fits(self, rules: SiteRules) -> bool:
        """Returns True if the capture is read by the rules, which find its text."""
        page = self.sample.page.without_rules()
        found = extract_page(page, self.hint, PageKind.POST, rules=replace(rules, version="new"))
        return found.read_by == "new" and text_f1(found.body, self.sample.article.body) >= _SAME_TEXT


def _with_stored_values(article: Article, stored: Article | None) -> Article:
    if stored is None:
        return article
    return replace(stored, kind=article.kind, kind_rule=article.kind_rule, platform=article.platform, evidence=())


def _of_newest_template(
    read: list[_ReadCapture], valid: SiteRules | None, ended: datetime | None
) -> list[_ReadCapture]:
    """Returns the captures of the site's newest template. These are newer than the last capture that the rules `valid`
    fit (None: no rules), and than the end of the last template (`ended`, None: no earlier template). If they are too
    few, returns all captures.
    """
    fitted = [one.captured_at for one in read if valid is not None and one.fits(valid)]
    last = max((at for at in (*fitted, ended) if at is not None), default=None)
    newer = [one for one in read if last is not None and one.captured_at is not None and one.captured_at > last]
    return newer if len(newer) >= MIN_POSTS else read


_NEWEST_CAPTURES = (
    "select a.*, case when p.outcome in ('archived', 'unchanged', 'held') then coalesce(p.capture_id, a.capture_id) "
    "else a.capture_id end as newest_capture_id from articles a left join pages p on p.urlkey = a.urlkey "
    "where a.site = ? and a.gone_at is null and a.capture_id is not null "
    "order by coalesce(p.fetched_at, a.last_seen) desc, a.id desc limit ?"
)
"""SQL: the articles of a site with the last captures of their pages, those that were fetched last first. The last
capture may be newer than that of the current revision: after a redesign, a page shows the same post by another
template, or is held."""


def _read_newest_captures(db: Database, folder: Path, name: str, most: int) -> Iterator[_ReadCapture]:
    for row in list(db.query(_NEWEST_CAPTURES, [name, most])):
        if (page := parse_captured_page(db, folder, row["newest_capture_id"], row["url"])) is None:
            continue
        hint = hint_then_or_latest(db, row)
        by_api = hint is not None and hint.from_api
        article, stored = extract_page(page, hint, PageKind.POST), article_from_row(row)
        known = None if text_f1(article.body, stored.body) >= _SAME_TEXT else stored
        sample = Sample(page, _with_stored_values(article, known), reports_whole_post(hint), by_api)
        yield _ReadCapture(sample, hint, known)
