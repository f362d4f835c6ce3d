"""What page objects did for the articles of a site, according to the stored evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace

from archiver.articles.revision_order_reverts_and_kept_values import page_objects_named
from archiver.fields import EVIDENCE
from archiver.items import NO_LONGER_READS, PAGE_OBJECT, PAGE_OBJECT_FAILED, PAGE_OBJECT_KEPT
from archiver.storage import Database


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
