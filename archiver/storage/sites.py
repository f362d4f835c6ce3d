"""The sites of an archive, with their settings, tags, site rules and next crawls: adds, changes and removes them, and
finds the site to which a URL belongs.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from archiver.discovery.url_patterns import origin_of
from archiver.model.errors import BadAddress, SiteNotEmpty, SiteNotFound, TagNotFound
from archiver.model.fields import LINKS
from archiver.model.items import (
    DiscoveredURL,
    DiscoverySource,
    PageKind,
)
from archiver.model.urls import Scope, start_address, urlkey
from archiver.storage import Database, clusters
from archiver.storage.columns import IS_LIVE, settings_of, stored_time
from archiver.storage.pages import stamp
from archiver.storage.runs import run_as_shown
from archiver.storage.sources import record_discovered_urls, replace_page_references
from archiver.storage.transactions import path_of, writing

if TYPE_CHECKING:
    pass


def list_sites(db: Database, only: Collection[str] | None = None) -> list[dict[str, Any]]:
    """Returns all sites, or only those with the names in `only`, sorted by name. Each site is given as its row of
    `sites` with decoded settings, the number of its articles (`articles`), and the row of its last run (`last_run`).
    """
    return [
        _site_with_last_run(db, row)
        for row in list(db.query("select * from sites order by name"))
        if only is None or row["name"] in only
    ]


def _site_with_last_run(db: Database, row: dict[str, Any]) -> dict[str, Any]:
    articles = db.execute(f"select count(*) from articles where site = ? and {IS_LIVE}", [row["name"]]).fetchone()[0]
    last = next(iter(db.query("select * from runs where site_id = ? order by id desc limit 1", [row["id"]])), None)
    last = run_as_shown(db, row["name"], last) if last else None
    return {**row, "settings": settings_of(row["settings"]), "articles": articles, "last_run": last}


def find_site(db: Database, text: str) -> dict[str, Any]:
    """Returns the site with this name or start URL; the start URL may also be the one that the site had before it
    moved. Raises SiteNotFound, whose message lists the existing sites.
    """
    row = next(iter(db.query("select * from sites where name = ?", [text.strip().rstrip("/")])), None)
    if row is None:
        try:
            scope: Scope | None = Scope.of(start_address(text))
        except BadAddress:
            scope = None
        row = next(iter(db.query("select * from sites where name = ?", [scope.name])), None) if scope else None
        row = row or moved_site(db, scope.name if scope else text)
    if row is None:
        raise SiteNotFound(text, [r["name"] for r in db.query("select name from sites order by name")])
    return _site_with_last_run(db, row)


def site_with_page(db: Database, text: str) -> str:
    """Returns the name of the site that `find_site` finds or, if `text` is the whole URL of a page, of the site to
    which the page belongs. Raises SiteNotFound.
    """
    try:
        return str(find_site(db, text)["name"])
    except SiteNotFound:
        around = SiteLookup(db).of(text) if "://" in text else None
        if around is None:
            raise
        return around.name


def ensure_site(db: Database, start_url: str, now: datetime, *, is_exact: bool = True) -> dict[str, Any]:
    """Returns the row of the site with this start URL; inserts the site if it is new. If a site had this address before
    it moved, returns that site. If the site has another spelling of this address (http or https, with or without www),
    this one replaces it, unless `is_exact` is False, because a person typed no scheme.
    """
    scope = Scope.of(start_url)
    if moved := moved_site(db, scope.name):
        return moved
    db.execute(
        "insert into sites (name, start_url, host, path, settings, added_at) values (?, ?, ?, ?, '{}', ?) "
        "on conflict (name) do nothing",
        [scope.name, start_url, scope.host, scope.path, stamp(now)],
    )
    site = next(iter(db.query("select * from sites where name = ?", [scope.name])))
    key = urlkey(start_url)
    if not is_exact or start_url == site["start_url"] or key != urlkey(site["start_url"]):
        return site
    db.execute("update sites set start_url = ? where id = ?", [start_url, site["id"]])
    db.execute(
        "update pages set url = ?1 || substr(url, instr(substr(url, 9), '/') + 9) "
        "where site_id = ?2 and substr(urlkey, 1, length(?3)) = ?3",
        [origin_of(start_url), site["id"], key.partition(")")[0] + ")"],
    )
    return {**site, "start_url": start_url}


def moved_site(db: Database, name: str) -> dict[str, Any] | None:
    """Returns the row of the site that has moved and had this name before; None if there is none."""
    return next(
        iter(db.query("select s.* from former_sites f join sites s on s.id = f.site_id where f.name = ?", [name])),
        None,
    )


def current_site_names(db: Database) -> dict[str, str]:
    """Returns the present names of the sites that have moved, by their former names."""
    return dict(db.execute("select f.name, s.name from former_sites f join sites s on s.id = f.site_id").fetchall())


def add_site(db: Database, text: str, now: datetime) -> tuple[dict[str, Any], bool]:
    """Returns the site with this start URL, and True if it was inserted because it is new. Raises BadAddress."""
    before = db.execute("select count(*) from sites").fetchone()[0]
    with writing(db):
        row = ensure_site(db, start_address(text), now, is_exact="://" in text)
    return _site_with_last_run(db, row), db.execute("select count(*) from sites").fetchone()[0] > before


def set_settings(db: Database, names: Iterable[str], changes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Changes settings of sites, by name, in one transaction; None resets a setting. Returns the sites with their new
    settings. Raises SiteNotFound.
    """
    out = []
    with writing(db):
        for name in names:
            site = find_site(db, name)
            settings = {k: v for k, v in {**site["settings"], **changes}.items() if v is not None}
            db.execute(
                "update sites set settings = ? where id = ?", [json.dumps(settings, ensure_ascii=False), site["id"]]
            )
            out.append({**site, "settings": settings})
    return out


@dataclass(frozen=True, slots=True)
class Mute:
    """A person's decision that no notifications about a site are sent until a time, and the reason."""

    until: datetime
    why: str

    def as_json(self) -> dict[str, Any]:
        return {"until": self.until.isoformat(timespec="seconds"), "why": self.why}

    def __str__(self) -> str:
        return f"muted until {self.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC: {self.why}"


def read_mute(site: Mapping[str, Any], now: datetime) -> Mute | None:
    """Returns the mute of a site (a row of `sites`); None if the site is not muted, or no longer muted."""
    until = stored_time(site.get("muted_until"))
    return Mute(until, site.get("muted_why") or "") if until and until > now else None


def mute_sites(db: Database, site_ids: Iterable[int], mute: Mute | None) -> None:
    """Mutes sites. If `mute` is None, ends their mute. Runs inside the caller's transaction."""
    values = (stamp(mute.until), mute.why) if mute else (None, None)
    for site_id in site_ids:
        db.execute("update sites set muted_until = ?, muted_why = ? where id = ?", [*values, site_id])


def remove_site(db: Database, name: str, *, with_articles: bool = False) -> int:
    """Removes a site with its pages, runs and articles; returns the number of removed articles.

    Captures are kept, because the WARC files are. Raises SiteNotFound, and SiteNotEmpty if the site has articles and
    `with_articles` is False.
    """
    site = find_site(db, name)
    articles = _count_with_withdrawn(db, site["name"])
    if articles and not with_articles:
        raise SiteNotEmpty(site["name"], articles)
    # Each statement selects its articles or pages by site, so that foreign keys hold after every statement.
    ours = "(select id from articles where site = :name)"
    pages = "(select id from pages where site_id = :id)"
    runs = "(select id from runs where site_id = :id)"
    values = {"name": site["name"], "id": site["id"]}
    with writing(db):
        _replace_originals(db, site["name"])
        # These tables refer to the site's URLs only by urlkey.
        urlkeys = (
            "(select urlkey from pages where site_id = :id union "
            f"select urlkey from article_urls where article_id in {ours})"
        )
        db.execute(f"delete from article_parts where urlkey in {urlkeys} or post_urlkey in {urlkeys}", values)
        db.execute(f"delete from historical_responses where urlkey in {urlkeys}", values)
        clusters.leave_clusters(
            db, [row[0] for row in db.execute("select id from articles where site = :name", values)]
        )
        for table in (*(link.table_of_links for link in LINKS), "geotags", "article_urls", "revisions"):
            db.execute(f"delete from {table} where article_id in {ours}", values)
        db.execute(f"update articles set duplicate_of = null where duplicate_of in {ours}", values)
        db.execute(f"update captures set article_id = null, secondary = null where article_id in {ours}", values)
        db.execute("delete from articles where site = :name", values)
        replace_page_references(db, pages, values)
        db.execute(f"delete from page_discoveries where page_id in {pages}", values)
        db.execute(f"delete from page_forms where page_id in {pages}", values)
        db.execute("delete from forms where site_id = :id", values)
        db.execute("delete from pages where site_id = :id", values)
        db.execute(f"update captures set run_id = null where run_id in {runs}", values)
        db.execute(f"update revisions set run_id = null where run_id in {runs}", values)
        db.execute("delete from site_rules where site_id = :id", values)
        for table in ("site_health", "site_tags", "former_sites", "runs"):
            db.execute(f"delete from {table} where site_id = :id", values)
        db.execute("delete from faults where site = :name", values)
        db.execute("delete from sites where id = :id", values)
        for link in LINKS:
            db.execute(f"delete from {link.table} where id not in (select {link.key} from {link.table_of_links})")
    return articles


def _count_with_withdrawn(db: Database, name: str) -> int:
    return int(db.execute("select count(*) from articles where site = ?", [name]).fetchone()[0])


_MISTYPED = "(status in (404, 410) or (outcome = 'failed' and rule in ('no-host', 'no-connection')))"
"""SQL condition: the row of `pages` has an address that is probably mistyped, because its server answers that there is
nothing, or there is no server."""


def forget_unanswered_site(db: Database, name: str) -> bool:
    """Removes a site that turned out not to exist, with all traces of its only run. Either its host does not exist or
    refuses connections, or the server said that there is nothing at its address. WARC files that contain only records
    of this run are deleted.

    Returns False, and keeps the site, if any of its pages had another result, or if the site was crawled before.
    """
    site = find_site(db, name)
    runs = [row[0] for row in db.execute("select id from runs where site_id = ?", [site["id"]])]
    mistyped = db.execute(
        f"select count(*) > 0 and total({_MISTYPED}) = count(*) from pages where site_id = ?", [site["id"]]
    ).fetchone()[0]
    if _count_with_withdrawn(db, site["name"]) or not mistyped or len(runs) != 1:
        return False
    files = {row[0] for row in db.execute("select warc_file from captures where run_id = ?", runs)}
    files.add(site["warc_file"])
    ours = "(select id from captures where run_id = ?)"
    with writing(db):
        db.execute(f"update pages set capture_id = null where capture_id in {ours}", runs)
        db.execute(f"delete from usage_statements where capture_id in {ours}", runs)
        db.execute("delete from captures where run_id = ?", runs)
        if not db.execute("select 1 from sites where host = ? and id <> ?", [site["host"], site["id"]]).fetchone():
            origins = [f"{scheme}://{site['host']}/" for scheme in ("http", "https")]
            db.execute("delete from host_files where origin in (?, ?)", origins)
    remove_site(db, site["name"])
    _delete_unused_warc_files(db, [name for name in files if name])
    return True


def _delete_unused_warc_files(db: Database, names: Iterable[str]) -> None:
    """Deletes those of these WARC files, named relative to the archive's folder, to which no capture refers."""
    from archiver.warc.warc_writer import index_of, open_index_of

    for name in names:
        if not db.execute("select 1 from captures where warc_file = ?", [name]).fetchone():
            file = path_of(db).parent / name
            for each in (file, index_of(file), open_index_of(file)):
                each.unlink(missing_ok=True)


def _replace_originals(db: Database, name: str) -> None:
    """Chooses a new original for articles on other sites whose original is about to be removed with this site. The
    earliest of these articles becomes the original.
    """
    heirs = db.execute(
        "select d.duplicate_of, min(d.id) from articles d join articles o on o.id = d.duplicate_of "
        "where o.site = ? and d.site <> ? group by 1",
        [name, name],
    ).fetchall()
    for original, heir in heirs:
        db.execute(
            "update articles set duplicate_of = ? where duplicate_of = ? and id <> ? and site <> ?",
            [heir, original, heir, name],
        )
        db.execute("update articles set duplicate_of = null where id = ?", [heir])


# -- tags, which group sites; functions that write expect to run inside the caller's transaction


# -- entering thousands of sites, in batches of one transaction

_BATCH = 500


@dataclass(frozen=True, slots=True)
class SiteToEnter:
    """A site to add from a list of sites: its URL, the URL of its feed ("" if the list gives none), its tags and
    settings. `is_exact` is False if the list gives the URL without a scheme.
    """

    url: str
    feed: str
    tags: tuple[str, ...]
    settings: Mapping[str, Any]
    is_exact: bool = True


@dataclass(slots=True)
class EnteredSites:
    """The counts of adding the sites of a list: sites that were added, sites that were known before, and those of the
    known sites that got new tags or settings.
    """

    added: int = 0
    known: int = 0
    changed: int = 0


def enter_sites(db: Database, sites: Iterable[SiteToEnter], now: datetime) -> EnteredSites:
    """Adds the sites of a list. If a site exists, it keeps the settings that the list does not set.

    If the list gives a site's feed, and the feed is on the site's own host, the site's first crawl fetches it like a
    feed that a page declares.
    """
    done = EnteredSites()
    rest = iter(sites)
    while batch := list(islice(rest, _BATCH)):
        with writing(db):
            for one in batch:
                _enter_site(db, one, now, done)
    return done


def _enter_site(db: Database, one: SiteToEnter, now: datetime, done: EnteredSites) -> None:
    sites_before = db.execute("select max(id) from sites").fetchone()[0] or 0
    site = ensure_site(db, one.url, now, is_exact=one.is_exact)
    new = site["id"] > sites_before
    before = json.loads(site["settings"] or "{}")
    settings = before | {key: value for key, value in one.settings.items() if value is not None}
    if settings != before:
        db.execute("update sites set settings = ? where id = ?", [json.dumps(settings, ensure_ascii=False), site["id"]])
    tagged = add_tags(db, site["id"], one.tags)
    if one.feed and urlsplit(one.feed).hostname in (site["host"], f"www.{site['host']}"):
        record_discovered_urls(db, site["id"], [DiscoveredURL(one.feed, DiscoverySource.SEED, PageKind.FEED)], now)
    done.added += new
    done.known += not new
    done.changed += not new and (bool(tagged) or settings != before)


# -- which site a URL belongs to

_CACHE_SIZE = 10_000


@dataclass(frozen=True, slots=True)
class SiteScope:
    """A site of the archive, with its scope: which URLs belong to it."""

    id: int
    name: str
    scope: Scope
    start_url: str


class SiteLookup:
    """Looks up the site to which a URL belongs. A URL of a site's former address belongs to the site, too. Keeps a
    cache per host, because an archive may have many thousands of sites.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: OrderedDict[str, tuple[SiteScope, ...]] = OrderedDict()

    def of(self, url: str) -> SiteScope | None:
        """Returns the site whose scope contains this URL; None if there is no such site. If there are several such
        sites, returns the one with the longest path.
        """
        return next((site for site in self._at(_scope_host(url)) if site.scope.contains(url)), None)

    def make(self, url: str, now: datetime) -> SiteScope:
        """Adds a site for the host of a URL that belongs to no site yet, and returns it. The site is crawled only if a
        person names it.
        """
        parts = urlsplit(url)
        row = ensure_site(self._db, f"{parts.scheme}://{parts.netloc}/", now)
        self._db.execute(
            "update sites set settings = '{\"crawl\": false}' where id = ? and settings = '{}' and added_at = ?",
            [row["id"], row["added_at"]],
        )
        self._known.pop(row["host"], None)
        return SiteScope(row["id"], row["name"], Scope(row["host"], row["path"]), row["start_url"])

    def forget(self) -> None:
        """Clears the cache after a rollback, because sites inserted in that transaction no longer exist."""
        self._known.clear()

    def _at(self, host: str) -> tuple[SiteScope, ...]:
        found = self._known.get(host)
        if found is None:
            found = tuple(
                SiteScope(row[0], row[1], Scope(row[2], row[3]), row[4])
                for row in self._db.execute(
                    "select * from (select id, name, host, path, start_url from sites where host = ?1 union all "
                    "select s.id, s.name, f.host, f.path, s.start_url from former_sites f "
                    "join sites s on s.id = f.site_id where f.host = ?1) order by length(path) desc",
                    [host],
                )
            )
            self._known[host] = found
            if len(self._known) > _CACHE_SIZE:
                self._known.popitem(last=False)
        return found


def _scope_host(url: str) -> str:
    """Returns the host (and port) of a URL in the form of `Scope.host`."""
    return re.sub(r"^www\d?\.", "", urlsplit(url).netloc.rpartition("@")[2].lower())


# -- site rules, learned or hand-written: one row per version, with the period in which it is valid
#
# Their module is imported late because it loads lxml, which is not needed to find a site.


def tags_of_sites(db: Database) -> dict[int, tuple[str, ...]]:
    """Returns the tags of all sites that have tags, by site ID."""
    out: dict[int, tuple[str, ...]] = {}
    for site, tag in db.execute("select site_id, tag from site_tags order by site_id, tag"):
        out[site] = (*out.get(site, ()), tag)
    return out


def tags_in_use(db: Database) -> list[str]:
    """Returns the tags of all sites."""
    return [row[0] for row in db.execute("select distinct tag from site_tags order by tag")]


def site_ids_with_tag(db: Database, tag: str) -> set[int]:
    """Returns the IDs of the sites with this tag. Raises TagNotFound if there are none."""
    found = {row[0] for row in db.execute("select site_id from site_tags where tag = ?", [tag])}
    if not found:
        raise TagNotFound(tag, tags_in_use(db))
    return found


def add_tags(db: Database, site_id: int, tags: Iterable[str]) -> int:
    """Adds tags to a site; returns the number of tags that it did not have before."""
    return sum(
        db.conn.execute("insert or ignore into site_tags (site_id, tag) values (?, ?)", [site_id, tag]).rowcount
        for tag in tags
    )


def remove_tags(db: Database, site_id: int, tags: Iterable[str]) -> int:
    return sum(
        db.conn.execute("delete from site_tags where site_id = ? and tag = ?", [site_id, tag]).rowcount for tag in tags
    )
