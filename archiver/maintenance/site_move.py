"""Moves a site to another address. The site keeps its settings, tags, runs, captures and articles, and its posts get
their new addresses. Their former addresses become aliases.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from archiver.model.due_reasons import DueFor
from archiver.model.errors import CannotMoveSite
from archiver.model.items import Outcome
from archiver.model.urls import Scope, start_address, urlkey
from archiver.storage import Database
from archiver.storage.pages import EPOCH, stamp
from archiver.storage.runs import forget_run_health
from archiver.storage.sites import find_site, remove_site
from archiver.storage.sources import replace_page_references
from archiver.storage.transactions import lock_host, lock_site, writing

_UNREAD = (Outcome.DUE, Outcome.FAILED, Outcome.REFUSED, Outcome.OUT_OF_SCOPE)
_DOUBTFUL = (Outcome.GONE, Outcome.HELD)
"""Outcomes that may have been caused by the old address, which no longer works. Pages with these outcomes are fetched
again at their new address."""


@dataclass(slots=True)
class SiteMove:
    """The changes that a move makes, as numbers unless stated otherwise.

    - `articles`, `pages`: articles and pages that get a new address.
    - `aliases`: former addresses of articles, which become aliases.
    - `runs`, `tags`, `settings`: the runs, tags and settings that the site keeps.
    - `crawl`: False if the site's settings exclude it from crawls.
    - `kept`: pages and articles that keep their address, because another page already has the new one.
    - `tombstones`: removed posts whose tombstones also get the new addresses.
    """

    old: str
    new: str
    start_url: str
    articles: int = 0
    aliases: int = 0
    pages: int = 0
    kept: int = 0
    tombstones: int = 0
    runs: int = 0
    tags: int = 0
    settings: int = 0
    crawl: bool = True

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class AddressMapping:
    """Maps the URLs of a site to its new address. The new URL has the same path below the new start URL."""

    old: Scope
    new: Scope
    start_url: str

    def target(self, url: str) -> str | None:
        """Returns the URL that replaces `url` after the move; None if it is outside the old site or already inside the
        new one.
        """
        if not self.old.contains(url) or self.new.contains(url):
            return None
        parts, base = urlsplit(url), urlsplit(self.start_url)
        path = (parts.path or "/") + ("/" if self._is_root(parts.path) else "")
        return urlunsplit((base.scheme, base.netloc, self.new.path + path[len(self.old.path) :], parts.query, ""))

    def _is_root(self, path: str) -> bool:
        return path + "/" == self.old.path


@contextmanager
def locked_for_move(archive: Path, site: dict[str, Any], new_url: str) -> Iterator[None]:
    """Context manager that prevents crawls of a site, at its old and at its new address, during a move. Raises
    ArchiveInUse or HostInUse.
    """
    scope = Scope.of(start_address(new_url))
    with ExitStack() as locks:
        for name in sorted({site["name"], scope.name}):
            locks.enter_context(lock_site(archive, name))
        for host in sorted({site["host"], scope.host}):
            locks.enter_context(lock_host(archive, host))
        yield


def move_site(db: Database, name: str, new_url: str, now: datetime, *, dry_run: bool = False) -> SiteMove:
    """Moves the site with this name to a new start URL, in one transaction. If `dry_run` is True, only counts the
    changes.

    If the archive already contains another site at the new URL that was never crawled, that site is removed. Raises
    SiteNotFound, BadAddress, and CannotMoveSite with what to do instead.
    """
    site = find_site(db, name)
    url = start_address(new_url)
    with writing(db):
        db.execute("savepoint moving")
        done = _Moving(db, site, url, now).move()
        if dry_run:
            db.execute("rollback to moving")
        db.execute("release moving")
    return done


class _Moving:
    def __init__(self, db: Database, site: dict[str, Any], url: str, now: datetime) -> None:
        self._db = db
        self._site = site
        self._id = site["id"]
        self._now = stamp(now)
        self._mapping = AddressMapping(Scope(site["host"], site["path"]), Scope.of(url), url)
        self._done = SiteMove(site["name"], self._mapping.new.name, url)

    def move(self) -> SiteMove:
        self._check()
        self._rename_site()
        self._move_tombstones()  # before the pages, since triggers refuse the addresses of removed posts
        self._move_pages()
        self._move_requisites()
        self._move_articles()
        forget_run_health(self._db, self._id)
        return self._done

    def _check(self) -> None:
        old, new = self._done.old, self._done.new
        if old == new:
            raise CannotMoveSite(old, f"{old} already has the address {self._done.start_url}.")
        other = next(iter(self._db.query("select * from sites where name = ?", [new])), None)
        if other is not None:
            self._remove_other_site(other)
        former = self._db.execute(
            "select s.name, f.site_id from former_sites f join sites s on s.id = f.site_id where f.name = ?", [new]
        ).fetchone()
        if former and former[1] != self._id:
            raise CannotMoveSite(old, f"{old} cannot move to {new}, because that is the former address of {former[0]}.")

    def _remove_other_site(self, other: dict[str, Any]) -> None:
        """Removes the other site at the new address. Raises CannotMoveSite if that site has articles or runs."""
        db, old, new = self._db, self._done.old, self._done.new
        (articles,) = db.execute("select count(*) from articles where site = ?", [new]).fetchone()
        has_runs = db.execute("select 1 from runs where site_id = ? limit 1", [other["id"]]).fetchone() is not None
        if articles or has_runs:
            number = f"{articles:,} {'article' if articles == 1 else 'articles'}"
            raise CannotMoveSite(
                old,
                f"{old} cannot move to {new}, because {new} is a site of the archive, with {number}. If both are the "
                f"same site, 'archiver sites remove {new} --with-articles' removes it and keeps its WARC files; after "
                "the move, 'archiver import' of these files brings its posts back.",
            )
        remove_site(db, new, with_articles=True)

    def _rename_site(self) -> None:
        db, site, new = self._db, self._site, self._mapping.new
        db.execute("delete from former_sites where name = ?", [new.name])
        db.execute(
            "insert into former_sites (name, host, path, start_url, site_id, moved_at) values (?, ?, ?, ?, ?, ?)",
            [site["name"], site["host"], site["path"], site["start_url"], self._id, self._now],
        )
        db.execute(
            "update sites set name = ?, start_url = ?, host = ?, path = ?, quiet_until = null, soft_not_found = null, "
            "soft_not_found_at = null, warc_file = null where id = ?",
            [new.name, self._done.start_url, new.host, new.path, self._id],
        )
        # Moves the notification state to the new name, so that channels are notified when the problem is over.
        db.execute("delete from faults where site = ?", [new.name])
        db.execute("update faults set site = ? where site = ?", [new.name, site["name"]])
        done = self._done
        (done.runs,) = db.execute("select count(*) from runs where site_id = ?", [self._id]).fetchone()
        (done.tags,) = db.execute("select count(*) from site_tags where site_id = ?", [self._id]).fetchone()
        done.settings, done.crawl = len(site["settings"]), site["settings"].get("crawl") is not False

    # Pages.

    def _move_pages(self) -> None:
        """Gives the pages their new URLs. Clears the validators (ETag, Last-Modified), which are meaningless to the new
        server.
        """
        rows = self._db.execute("select id, url, urlkey from pages where site_id = ?", [self._id]).fetchall()
        keys: dict[str, str] = {}
        taken: set[str] = set()
        for page, url, key in rows:
            target = self._mapping.target(url)
            if target is None:
                continue
            new_key = urlkey(target)
            if new_key in taken or not self._free_page(new_key):
                self._done.kept += 1
                continue
            keys[key] = new_key
            taken.add(new_key)
            self._db.execute(
                "update pages set url = ?, urlkey = ?, etag = null, last_modified = null where id = ?",
                [target, new_key, page],
            )
            self._done.pages += 1
        self._follow_pages(keys)
        self._make_due(keys.values())

    def _free_page(self, key: str) -> bool:
        """Makes an address on the new host free for a moved page. If a page of this site has the address and shows no
        article, deletes that page. Returns False if that page must stay.
        """
        row = self._db.execute("select id, site_id, article_id from pages where urlkey = ?", [key]).fetchone()
        if row is None:
            return True
        if row[1] != self._id or row[2] is not None:
            return False
        values: dict[str, object] = {"page": row[0]}
        replace_page_references(self._db, "(select :page)", values)
        self._db.execute("delete from page_discoveries where page_id = :page", values)
        self._db.execute("delete from pages where id = :page", values)
        return True

    def _follow_pages(self, keys: dict[str, str]) -> None:
        """Updates the rows of other tables that refer to pages by urlkey. `keys` maps the old urlkeys to the new ones,
        for all moved pages.
        """
        pairs = [(new, old) for old, new in keys.items()]
        run = self._db.conn.executemany
        run("update pages set redirect_urlkey = ? where redirect_urlkey = ?", pairs)
        self._db.execute(
            "update pages set redirect_urlkey = null where site_id = ? and redirect_urlkey = urlkey", [self._id]
        )
        run("update article_parts set post_urlkey = ? where post_urlkey = ?", pairs)
        for url, key in self._db.execute("select url, urlkey from article_parts").fetchall():
            if key in keys and (target := self._mapping.target(url)):
                self._db.execute(
                    "update or ignore article_parts set url = ?, urlkey = ? where urlkey = ?",
                    [target, keys[key], key],
                )

    def _make_due(self, keys: Iterable[str]) -> None:
        """Makes these pages due: moved pages whose outcome may have been caused by the old address, and pages that were
        outside the site's scope and are now within it.
        """
        unread, doubtful = (", ".join(f"'{outcome}'" for outcome in names) for names in (_UNREAD, _DOUBTFUL))
        run = self._db.conn.executemany
        run(
            "update pages set outcome = case when article_id is null then 'due' else 'archived' end, rule = null, "
            "reason = '', due_for = ?, due_by = null, status = null, redirect_urlkey = null, attempts = 0, due_at = ? "
            f"where urlkey = ? and (outcome in ({unread}) or rule like 'http-30%')",
            [(DueFor.SITE_MOVED, EPOCH, key) for key in keys],
        )
        run(f"update pages set due_at = ? where urlkey = ? and outcome in ({doubtful})", [(EPOCH, key) for key in keys])
        outside = self._db.execute(
            "select id, url from pages where site_id = ? and outcome = 'out-of-scope'", [self._id]
        ).fetchall()
        self._db.conn.executemany(
            "update pages set outcome = 'due', rule = null, reason = '', due_for = ?, due_by = null, "
            "redirect_urlkey = null, due_at = ? where id = ?",
            [(DueFor.SITE_MOVED, EPOCH, page) for page, url in outside if self._mapping.new.contains(url)],
        )

    def _move_requisites(self) -> None:
        """Gives the images and other files that are still to be fetched their new URLs."""
        rows = self._db.execute(
            "select id, url from requisites where site_id = ? and capture_id is null", [self._id]
        ).fetchall()
        self._db.conn.executemany(
            "update or ignore requisites set url = ?, host = ? where id = ?",
            [
                (target, urlsplit(target).netloc, requisite)
                for requisite, url in rows
                if (target := self._mapping.target(url))
            ],
        )

    # Articles.

    def _move_articles(self) -> None:
        """Gives the articles their new URLs. The database's triggers make their former URLs aliases."""
        db, done = self._db, self._done
        db.execute("update articles set site = ? where site = ?", [done.new, done.old])
        aliases = "select a.urlkey, a.url, a.article_id, a.kind, a.first_seen from aliases a join articles r on "
        former = db.execute(f"{aliases} r.id = a.article_id where r.site = ?", [done.new]).fetchall()
        rows = db.execute("select id, url, urlkey, canonical_url from articles where site = ?", [done.new]).fetchall()
        for article, url, _, canonical in rows:
            target = self._mapping.target(url)
            if target is None:
                continue
            key = urlkey(target)
            if self._belongs_to_other(key, article):
                done.kept += 1
                continue
            db.execute("update aliases set kind = 'moved' where article_id = ? and kind = 'url'", [article])
            db.execute(
                "update articles set url = ?, urlkey = ?, canonical_url = ? where id = ?",
                [target, key, canonical and (self._mapping.target(canonical) or canonical), article],
            )
            # first_seen is the time of the move, so that the old address remains the first address and dataset record
            # IDs do not change.
            db.execute(
                "insert into aliases (urlkey, url, article_id, kind, first_seen) values (?, ?, ?, 'url', ?) "
                "on conflict (urlkey) do update set url = excluded.url, kind = 'url'",
                [key, target, article, self._now],
            )
            done.articles += 1
            done.aliases += 1
        for _, url, article, kind, since in former:
            target = self._mapping.target(url)
            if target is not None and kind != "url":
                done.aliases += db.execute(
                    "insert into aliases (urlkey, url, article_id, kind, first_seen) select ?1, ?2, ?3, ?4, ?5 "
                    "where not exists (select 1 from article_urls where urlkey = ?1)",
                    [urlkey(target), target, article, kind, since],
                ).rowcount

    def _belongs_to_other(self, key: str, article: int) -> bool:
        """Returns True if the address with this urlkey belongs to a different article."""
        owners = self._db.execute("select article_id from article_urls where urlkey = ?", [key]).fetchall()
        return any(row[0] != article for row in owners)

    def _move_tombstones(self) -> None:
        """Adds the new addresses to the tombstones of removed posts, so that the posts stay removed there, too."""
        db, done = self._db, self._done
        db.execute("update tombstones set site = ? where site = ?", [done.new, done.old])
        rows = db.execute(
            "select u.url, u.tombstone_id from tombstone_urls u join tombstones t on t.id = u.tombstone_id "
            "where t.site = ?",
            [done.new],
        ).fetchall()
        for url, tombstone in rows:
            if target := self._mapping.target(url):
                done.tombstones += db.execute(
                    "insert into tombstone_urls (urlkey, url, tombstone_id) values (?, ?, ?) on conflict do nothing",
                    [urlkey(target), target, tombstone],
                ).rowcount
