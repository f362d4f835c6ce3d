"""Thousands of sites at a time: entered in batches, each a transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from sqlite_utils import Database

from archiver.items import PageKind, Source, Target
from archiver.store.discovered_urls import record_targets
from archiver.store.runs import ensure_site
from archiver.store.tags import add_tags
from archiver.store.transaction import writing
from archiver.urls import Scope

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """A site to enter: a feed that was told of it, its tags and settings."""

    url: str
    feed: str
    tags: tuple[str, ...]
    settings: Mapping[str, Any]


@dataclass(slots=True)
class Entered:
    """How many sites are new, how many were there, and of these how many got further tags or settings."""

    added: int = 0
    known: int = 0
    changed: int = 0


def enter_sites(db: Database, wanted: Iterable[Wanted], now: datetime) -> Entered:
    """Enter sites; what a person has set of one that is there stays, but for what the list sets. A feed of the site's
    own host is asked for by its first crawl, like any that a page names."""
    done = Entered()
    rest = iter(wanted)
    while batch := list(islice(rest, _BATCH)):
        with writing(db):
            for one in batch:
                _enter(db, one, now, done)
    return done


def _enter(db: Database, one: Wanted, now: datetime, done: Entered) -> None:
    new = db.execute("select 1 from sites where name = ?", [Scope.of(one.url).name]).fetchone() is None
    site = ensure_site(db, one.url, now)
    before = json.loads(site["settings"] or "{}")
    settings = before | {key: value for key, value in one.settings.items() if value is not None}
    if settings != before:
        db.execute("update sites set settings = ? where id = ?",
                   [json.dumps(settings, ensure_ascii=False), site["id"]])
    tagged = add_tags(db, site["id"], one.tags)
    if one.feed and urlsplit(one.feed).hostname in (site["host"], f"www.{site['host']}"):
        record_targets(db, site["id"], [Target(one.feed, Source.SEED, PageKind.FEED)], now)
    done.added += new
    done.known += not new
    done.changed += not new and (bool(tagged) or settings != before)
