"""The sites of an archive and the settings a person may give each."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from archiver.errors import BadAddress, BadSetting, SiteNotEmpty, SiteNotFound
from archiver.fields import LINKS
from archiver.frontier.cadence import DEFAULT, read_cadence
from archiver.store import clusters
from archiver.store.requisites import MODES
from archiver.store.runs import ensure_site
from archiver.store.shapes import settings_of
from archiver.store.tellers import keep_places
from archiver.store.transaction import writing
from archiver.urls import Scope, start_address

_NAMED_IN_ERROR = 8
PUBLISHED = ("reference", "features", "excerpt", "full")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a site: how it is read from text (raises ValueError with a reason) and what it means."""

    name: str
    read: Callable[[str], Any]
    doc: str


def _number(low: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"{text!r} is no number") from None
        if not low <= value <= 1e6:
            raise ValueError(f"it must be between {low:g} and 1,000,000")
        return value
    return read


def _count(text: str) -> int:
    value = _number(1)(text)
    if value != int(value):
        raise ValueError(f"{text!r} is no whole number")
    return int(value)


def _yes(text: str) -> bool:
    if text.lower() not in ("yes", "no"):
        raise ValueError("it is yes or no")
    return text.lower() == "yes"


def _contact(text: str) -> str:
    if "@" not in text and not text.startswith(("http://", "https://")):
        raise ValueError("give a mail address or the address of a page")
    return text


def _cdx(text: str) -> str | None:
    from archiver.discovery.cdx_query import SERVICES, service_address  # loads lxml, which a search need not wait for

    if text.lower() == "no":
        return None
    service_address(text)
    return text.lower() if text.lower() in SERVICES else text


def _requisites(text: str) -> str:
    if text.lower() not in MODES:
        raise ValueError(f"it is one of {', '.join(MODES)}")
    return text.lower()


def _tier(text: str) -> str:
    if text.lower() not in PUBLISHED:
        raise ValueError(f"it is one of {', '.join(PUBLISHED)}")
    return text.lower()


def _cadence(text: str) -> str:
    return str(read_cadence(text))


SETTINGS: tuple[Setting, ...] = (
    Setting("delay", _number(0), "seconds between two requests to its host"),
    Setting("revisit_days", _count, "days within which every known page is looked at again"),
    Setting("max_pages", _count, "pages fetched in one run at most"),
    Setting("max_megabytes", _number(0.001), "megabytes (1,000,000 bytes) received in one run at most"),
    Setting("max_minutes", _number(0.001), "minutes that one run takes at most"),
    Setting("contact", _contact, "mail address or page named in the User-Agent to this site"),
    Setting("cdx", _cdx, "internet-archive, or the address of another web archive's CDX server, which is asked for "
                         "addresses that the site had; no: none"),
    Setting("requisites", _requisites, "what is captured beside a post's page: lead (its lead image, the default), all "
                                       "(all images, stylesheets and fonts of the page) or none"),
    Setting("publish", _tier, "what of its posts may be published at most: reference, features, excerpt or full "
                              "(docs/publish.md)"),
    Setting("licence", str, "the licence that its posts are under: its address, or its SPDX identifier"),
    Setting("crawl", _yes, "no: it is crawled only where it is named, as sites are that an import brought"),
    Setting("private", _yes, "yes: its host may have a private address, in a network of your own"),
    Setting("cadence", _cadence, "how often 'archiver schedule' crawls it: a period (6h, 2d), cron:MINUTE HOUR DAY "
                                 "MONTH WEEKDAY in UTC, or adaptive:1h..7d, as often as it has news "
                                 f"({DEFAULT} is the default)"),
)


def list_sites(db: Database, only: Collection[str] | None = None) -> list[dict[str, Any]]:
    """All sites (or those of these names) by name: the row of `sites` with settings decoded, the number of articles,
    the last run's row."""
    return [_site(db, row) for row in list(db.query("select * from sites order by name"))
            if only is None or row["name"] in only]


def _site(db: Database, row: dict[str, Any]) -> dict[str, Any]:
    articles = db.execute("select count(*) from articles where site = ?", [row["name"]]).fetchone()[0]
    last = next(iter(db.query("select * from runs where site_id = ? order by id desc limit 1", [row["id"]])), None)
    return {**row, "settings": settings_of(row["settings"]), "articles": articles, "last_run": last}


def find_site(db: Database, text: str) -> dict[str, Any]:
    """The site a person means, by its name or by an address in it. Raises SiteNotFound, which names those there are."""
    row = next(iter(db.query("select * from sites where name = ?", [text.strip().rstrip("/")])), None)
    if row is None:
        try:
            scope: Scope | None = Scope.of(start_address(text))
        except BadAddress:
            scope = None
        row = next(iter(db.query("select * from sites where name = ?", [scope.name])), None) if scope else None
    if row is None:
        names = [r["name"] for r in db.query("select name from sites order by name")]
        more = len(names) - _NAMED_IN_ERROR
        raise SiteNotFound(text, ", ".join(names[:_NAMED_IN_ERROR]) + (f" and {more} more" if more > 0 else ""))
    return _site(db, row)


def add_site(db: Database, text: str, now: datetime) -> tuple[dict[str, Any], bool]:
    """The site that starts at this address, and whether it is new. Raises BadAddress."""
    before = db.execute("select count(*) from sites").fetchone()[0]
    with writing(db):
        row = ensure_site(db, start_address(text), now)
    return _site(db, row), db.execute("select count(*) from sites").fetchone()[0] > before


def read_setting(text: str) -> tuple[str, Any]:
    """KEY=VALUE as a setting; an empty VALUE is None, which takes the setting back. Raises BadSetting."""
    key, equals, value = text.partition("=")
    key, value = key.strip(), value.strip()
    if not equals:
        raise BadSetting(text, "write it as KEY=VALUE, for example delay=2")
    known = {s.name: s for s in SETTINGS}
    if key not in known:
        raise BadSetting(text, f"there is no setting {key!r}; there are {', '.join(known)}")
    try:
        return key, known[key].read(value) if value else None
    except ValueError as error:
        raise BadSetting(text, str(error)) from error


def set_settings(db: Database, name: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Change a site's settings; None takes one back. Returns the site. Raises SiteNotFound."""
    site = find_site(db, name)
    settings = {k: v for k, v in {**site["settings"], **changes}.items() if v is not None}
    with writing(db):
        db.execute("update sites set settings = ? where id = ?",
                   [json.dumps(settings, ensure_ascii=False), site["id"]])
    return {**site, "settings": settings}


def remove_site(db: Database, name: str, *, with_articles: bool = False) -> int:
    """Take a site out of the archive, with its ledger and runs; returns how many articles went with it.

    Captures stay, for the WARC files do. Raises SiteNotFound, and SiteNotEmpty where it has
    articles and `with_articles` is not given.
    """
    site = find_site(db, name)
    if site["articles"] and not with_articles:
        raise SiteNotEmpty(site["name"], site["articles"])
    # Each statement names its articles or pages by the site, so that foreign keys hold after every step.
    ours = "(select id from articles where site = :name)"
    pages = "(select id from pages where site_id = :id)"
    runs = "(select id from runs where site_id = :id)"
    values = {"name": site["name"], "id": site["id"]}
    with writing(db):
        _rehome_duplicates(db, site["name"])
        # What is known of its addresses by these alone: pages of split posts, and what old captures answered there.
        ways = ("(select urlkey from pages where site_id = :id union "
                f"select urlkey from article_urls where article_id in {ours})")
        db.execute(f"delete from article_parts where urlkey in {ways} or post_urlkey in {ways}", values)
        db.execute(f"delete from historical_responses where urlkey in {ways}", values)
        clusters.leave(db, [row[0] for row in db.execute("select id from articles where site = :name", values)])
        for table in (*(link.table_of_links for link in LINKS), "geotags", "article_urls", "revisions"):
            db.execute(f"delete from {table} where article_id in {ours}", values)
        db.execute(f"update articles set duplicate_of = null where duplicate_of in {ours}", values)
        db.execute(f"update captures set article_id = null, secondary = null where article_id in {ours}", values)
        db.execute("delete from articles where site = :name", values)
        keep_places(db, pages, values)
        db.execute(f"delete from page_discoveries where page_id in {pages}", values)
        db.execute("delete from pages where site_id = :id", values)
        db.execute(f"update captures set run_id = null where run_id in {runs}", values)
        db.execute(f"update revisions set run_id = null where run_id in {runs}", values)
        db.execute("delete from site_rules where site_id = :id", values)
        for table in ("site_health", "site_tags", "runs"):
            db.execute(f"delete from {table} where site_id = :id", values)
        db.execute("delete from sites where id = :id", values)
        for link in LINKS:
            db.execute(f"delete from {link.table} where id not in (select {link.key} from {link.table_of_links})")
    return int(site["articles"])


def _rehome_duplicates(db: Database, name: str) -> None:
    """Where an original leaves, the earliest of its duplicates elsewhere is the original of the others."""
    heirs = db.execute(
        "select d.duplicate_of, min(d.id) from articles d join articles o on o.id = d.duplicate_of "
        "where o.site = ? and d.site <> ? group by 1", [name, name]).fetchall()
    for original, heir in heirs:
        db.execute("update articles set duplicate_of = ? where duplicate_of = ? and id <> ? and site <> ?",
                   [heir, original, heir, name])
        db.execute("update articles set duplicate_of = null where id = ?", [heir])
