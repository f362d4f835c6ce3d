"""The rules of sites for reading their posts, as stored in `site_rules`, and how page objects were used."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from archiver.articles.revision_order import page_objects_named
from archiver.model.fields import EVIDENCE
from archiver.model.items import NO_LONGER_READS, PAGE_OBJECT, PAGE_OBJECT_FAILED, PAGE_OBJECT_KEPT
from archiver.storage import Database
from archiver.storage.pages import stamp
from archiver.storage.transactions import writing

if TYPE_CHECKING:
    from archiver.extraction.site_rules import SiteConstants, SiteRules


def rules_valid_at(db: Database, site_id: int, at: datetime | None = None) -> SiteRules | None:
    """Returns the site rules for a page captured at this time (None: now); None if the site has no rules. Rules written
    by a person override learned rules.
    """
    from archiver.extraction.site_rules import SiteRules

    when = stamp(at) if at else None
    learned = _newest_rules(
        db,
        "site_id = :site and not by_hand and (since is null or :at >= since) and (until is null or :at < until)"
        if when
        else "site_id = :site and not by_hand and until is null",
        {"site": site_id, "at": when},
    )
    hand = _newest_rules(db, "site_id = :site and by_hand", {"site": site_id})
    if learned is None or hand is None:
        return learned or (SiteRules().overruled(hand) if hand else None)
    return learned.overruled(hand)


def rule_versions(db: Database, site_id: int) -> list[dict[str, Any]]:
    """Returns all versions of a site's rules as rows of `site_rules`: those written by a person first, then the learned
    ones, each group newest first.
    """
    return list(db.query("select * from site_rules where site_id = ? order by by_hand desc, id desc", [site_id]))


def rules_without_match(db: Database, site: str) -> list[dict[str, Any]]:
    """Returns the hand-written rules that found nothing on some articles of a site, according to the stored
    evidence.

    Keys: the field, the selectors (`select`), the number of articles on which they found nothing (`without`), and
    the number of all articles read with the rule (`articles`).
    """
    return list(
        db.query(
            "select field, locator as 'select', sum(value = '') as without, count(*) as articles from evidence "
            "where site = ? and source = 'rule by hand' group by field, locator having without > 0 "
            "order by without desc, field",
            [site],
        )
    )


def store_learned_rules(db: Database, site_id: int, rules: SiteRules, at: datetime) -> SiteRules:
    """Stores learned site rules. They replace the previous rules for captures at this time or later; for earlier
    captures, the previous rules stay valid. Returns the rules now valid.
    """
    retire_rules(db, site_id, at)
    return _insert_learned_rules(db, site_id, rules, at, end_of_last_template(db, site_id))


def store_relearned_rules(
    db: Database, site_id: int, rules: SiteRules, at: datetime, since: datetime | None
) -> SiteRules:
    """Stores site rules that were learned from stored captures, for captures at the time `since` or later. If `since`
    is None, they apply to all captures to which the currently valid rules apply. Returns the rules now valid.
    """
    row = db.execute(
        "select since from site_rules where site_id = ? and not by_hand and until is null and pages > 0 "
        "order by id desc limit 1",
        [site_id],
    ).fetchone()
    begin = row[0] if row else end_of_last_template(db, site_id)
    retire_rules(db, site_id, at)
    first = stamp(since) if since is not None else None
    return _insert_learned_rules(db, site_id, rules, at, max(filter(None, (begin, first)), default=None))


def end_of_last_template(db: Database, site_id: int) -> str | None:
    """Returns when the last learned rules of a site ceased to be valid; None if the site never had any. Rules that
    consist only of constants (values of the site itself) are skipped, since they belong to no template.
    """
    (found,) = db.execute(
        "select max(until) from site_rules where site_id = ? and not by_hand and pages > 0", [site_id]
    ).fetchone()
    return str(found) if found is not None else None


def _insert_learned_rules(db: Database, site_id: int, rules: SiteRules, at: datetime, since: str | None) -> SiteRules:
    from archiver.extraction.site_rules import to_toml

    db.insert(
        "site_rules",
        {
            "site_id": site_id,
            "toml": to_toml(rules),
            "by_hand": 0,
            "pages": rules.pages,
            "learned_at": stamp(at),
            "since": since,
        },
    )
    stored = rules_valid_at(db, site_id)
    assert stored is not None
    return stored


def add_constants(db: Database, site_id: int, constants: SiteConstants, at: datetime) -> SiteRules:
    """Adds values that belong to the site, and not to a post, to the site's learned rules. The result is a new version
    of the rules for the same captures. Returns the rules now valid.
    """
    from archiver.extraction.site_rules import SiteRules

    row = db.execute(
        "select since from site_rules where site_id = ? and not by_hand and until is null order by id desc limit 1",
        [site_id],
    ).fetchone()
    learned = _newest_rules(db, "site_id = :site and not by_hand and until is null", {"site": site_id}) or SiteRules()
    retire_rules(db, site_id, at)
    rules = replace(learned, constants=learned.constants.with_others(constants))
    return _insert_learned_rules(db, site_id, rules, at, row[0] if row else None)


def retire_rules(db: Database, site_id: int, at: datetime) -> None:
    """Ends the validity of a site's learned rules at this time."""
    db.execute(
        "update site_rules set until = ? where site_id = ? and not by_hand and until is null", [stamp(at), site_id]
    )


def retire_template(db: Database, site_id: int, at: datetime) -> SiteRules | None:
    """Ends the validity of a site's learned rules at this time, because the site's template has changed. Constants,
    which are values of the site itself such as its name, stay valid. Returns the rules now valid, None if there are
    none.
    """
    from archiver.extraction.site_rules import SiteRules

    learned = _newest_rules(db, "site_id = :site and not by_hand and until is null", {"site": site_id})
    retire_rules(db, site_id, at)
    if learned is not None and learned.constants:
        return _insert_learned_rules(db, site_id, SiteRules(constants=learned.constants), at, stamp(at))
    return rules_valid_at(db, site_id)


def store_handwritten_rules(db: Database, site_id: int, text: str, subject: str, at: datetime) -> SiteRules:
    """Stores site rules written by a person (TOML) in place of earlier handwritten rules, and returns them. Raises
    BadRules, whose message names `subject`.
    """
    from archiver.extraction.site_rules import from_toml

    rules = from_toml(text, subject, by_hand=True)
    with writing(db):
        forget_rules(db, site_id, by_hand=True)
        db.insert("site_rules", {"site_id": site_id, "toml": text, "by_hand": 1, "pages": 0, "learned_at": stamp(at)})
    return rules


def handwritten_rules(db: Database, site_id: int) -> str:
    """Returns the rules (TOML) that a person wrote for a site; "" if there are none."""
    row = db.execute(
        "select toml from site_rules where site_id = ? and by_hand order by id desc limit 1", [site_id]
    ).fetchone()
    return str(row[0]) if row else ""


def forget_rules(db: Database, site_id: int, *, by_hand: bool) -> int:
    """Deletes the learned rules of a site, or, if `by_hand` is True, the rules that a person wrote; returns the number
    of deleted versions.

    For articles that were extracted with these rules, the column `extractor` is cleared, so that any later extraction
    may replace them.
    """
    db.execute(
        "update articles set extractor = null where extractor like '% rules-%' "
        "and site = (select name from sites where id = ?)",
        [site_id],
    )
    return int(db.execute("delete from site_rules where site_id = ? and by_hand = ?", [site_id, int(by_hand)]).rowcount)


def _newest_rules(db: Database, where: str, values: dict[str, Any]) -> SiteRules | None:
    from archiver.extraction.site_rules import from_toml

    row = db.execute(
        f"select id, toml, by_hand from site_rules where {where} order by id desc limit 1", values
    ).fetchone()
    if row is None:
        return None
    number, text, by_hand = row
    return from_toml(text, f"version {number}", by_hand=bool(by_hand), version=f"rules-{number}")


@dataclass(frozen=True, slots=True)
class PageObjectUse:
    """What a page object did for one field of a site's articles, according to the stored evidence.

    - `page_object`, `file`: its name, and the name of its file.
    - `returned`: the number of articles for which it returned a value, or said that the field is empty.
    - `failed`: the number of articles for which it failed or was not loaded.
    - `kept`: how many of the `failed` articles keep the value that it returned earlier.
    - `error`, `example`: the place and reason of its most frequent failure, and the URL of an article with it.
    """

    page_object: str
    file: str
    field: str
    returned: int = 0
    failed: int = 0
    error: str = ""
    example: str = ""
    kept: int = 0

    @property
    def is_missing(self) -> bool:
        """Returns True if the page object is no longer loaded, or is no longer responsible for these articles."""
        return self.error.endswith(NO_LONGER_READS)


def page_objects_of_site(db: Database, site: str) -> frozenset[str]:
    """Returns the names of the page objects that have read the stored articles of a site."""
    rows = db.execute("select distinct extractor from articles where site = ? and instr(extractor, '@') > 0", [site])
    return frozenset(name for (extractor,) in rows for name in page_objects_named(extractor))


def page_object_uses(db: Database, site: str, *, only_failed: bool = False) -> list[PageObjectUse]:
    """Returns what page objects did for the articles of a site, one entry for each page object and field. If
    `only_failed` is True, only entries with failures are returned.
    """
    failures = (PAGE_OBJECT_FAILED, PAGE_OBJECT_KEPT)
    sources = failures if only_failed else (PAGE_OBJECT, *failures)
    among = f"source in ({', '.join('?' * len(sources))})"
    is_known = f"select 1 from evidence_kinds where field in ({', '.join('?' * len(EVIDENCE))}) and {among} limit 1"
    if not db.execute(is_known, [*EVIDENCE, *sources]).fetchone():
        return []
    out: dict[tuple[str, str, str], PageObjectUse] = {}
    # The extractor of an article contains "@" if a page object read it, so no other article's evidence is read.
    rows = db.execute(
        "select field, source, locator, count(distinct article_id) as number, min(article_id) from evidence where "
        "article_id in (select id from articles where site = ? and gone_at is null and instr(extractor, '@') > 0) "
        f"and {among} group by 1, 2, 3 order by number desc, 3",
        [site, *sources],
    ).fetchall()
    for name, source, locator, number, article_id in rows:
        page_object, _, place = locator.partition(", ")
        key = page_object, place.partition(":")[0], name
        one = out.get(key) or PageObjectUse(*key)
        if source == PAGE_OBJECT:
            out[key] = replace(one, returned=one.returned + number)
            continue
        if not one.failed:
            (url,) = db.execute("select url from articles where id = ?", [article_id]).fetchone()
            one = replace(one, error=place, example=url)
        kept = number if source == PAGE_OBJECT_KEPT else 0
        out[key] = replace(one, failed=one.failed + number, kept=one.kept + kept)
    return sorted(out.values(), key=lambda one: (one.page_object, EVIDENCE.index(one.field)))
