"""What another archive knows of sites, runs, imports and hosts, entered here; and which number here is which there.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
from typing import Any

from sqlite_utils import Database

from archiver.store.ledger import last_rowid

Numbers = dict[int, int]


def merge_sites(db: Database, theirs: Database) -> Numbers:
    """Sites by name. What a person has set here stays, what is set there alone comes."""
    numbers: Numbers = {}
    for row in theirs.query("select * from sites order by id"):
        own = next(iter(db.query("select * from sites where name = ?", [row["name"]])), None)
        if own is None:
            db.table("sites").insert({k: v for k, v in row.items() if k != "id"})
            numbers[row["id"]] = last_rowid(db)
            continue
        settings = json.loads(row["settings"] or "{}") | json.loads(own["settings"] or "{}")
        if own["settings"] == "{}" and json.loads(row["settings"] or "{}") == {"crawl": False}:
            settings = {}  # an import made it there, a crawl or a person here
        db.table("sites").update(own["id"], {
            "settings": json.dumps(settings, ensure_ascii=False) if settings else "{}",
            "added_at": min(own["added_at"], row["added_at"]),
            **{name: own[name] or row[name]
               for name in ("platform", "soft_not_found", "soft_not_found_at", "untrusted")},
            "quiet_until": max(filter(None, (own["quiet_until"], row["quiet_until"])), default=None)})
        numbers[row["id"]] = own["id"]
    for site, tag in theirs.execute("select site_id, tag from site_tags"):
        db.execute("insert or ignore into site_tags (site_id, tag) values (?, ?)", [numbers[site], tag])
    return numbers


def merge_runs(db: Database, theirs: Database, sites: Numbers) -> Numbers:
    """Runs by site and beginning. One that never ended there is one that was interrupted."""
    numbers: Numbers = {}
    for row in theirs.query("select * from runs order by id"):
        site = sites[row["site_id"]]
        own = db.execute("select id from runs where site_id = ? and started_at = ?", [site, row["started_at"]]
                         ).fetchone()
        if own is None:
            db.table("runs").insert({**{k: v for k, v in row.items() if k != "id"}, "site_id": site,
                                     "outcome": row["outcome"] or "interrupted",
                                     "reason": row["reason"] or ("" if row["outcome"] else "it was merged unfinished")})
        numbers[row["id"]] = own[0] if own else last_rowid(db)
    return numbers


def merge_imports(db: Database, theirs: Database) -> Numbers:
    """Imports by file, options and beginning. One that was broken off there is not taken up here: it is read anew."""
    numbers: Numbers = {}
    for row in theirs.query("select * from imports order by id"):
        key = [row["digest"], row["options"], row["started_at"]]
        own = db.execute("select id from imports where digest = ? and options is ? and started_at = ?", key).fetchone()
        if own is None:
            db.table("imports").insert({**{k: v for k, v in row.items() if k != "id"}, "warc_file": None,
                                        "warc_end": None, "outcome": row["outcome"] or "limited",
                                        "member_offset": row["member_offset"] if row["outcome"] else 0,
                                        "inner_offset": row["inner_offset"] if row["outcome"] else 0})
        numbers[row["id"]] = own[0] if own else last_rowid(db)
    return numbers


def merge_rules(db: Database, theirs: Database, sites: Numbers) -> Numbers:
    """The rules of sites. Where both have some, those here stay in use; the others are kept for what was read by them.
    """
    has = {row[0]: row[1] for row in db.execute("select site_id, max(by_hand) from site_rules group by 1")}
    numbers: Numbers = {}
    for row in theirs.query("select * from site_rules order by id"):
        site = sites[row["site_id"]]
        own = db.execute("select id from site_rules where site_id = ? and toml = ? and learned_at = ?",
                         [site, row["toml"], row["learned_at"]]).fetchone()
        if own is None:
            kept = {"by_hand": 0, "since": row["learned_at"], "until": row["learned_at"]} if site in has and (
                has[site] or not row["by_hand"]) else {}
            db.table("site_rules").insert({**{k: v for k, v in row.items() if k != "id"}, "site_id": site, **kept})
        numbers[row["id"]] = own[0] if own else last_rowid(db)
    return numbers


def merge_hosts(db: Database, theirs: Database) -> None:
    """robots.txt and tdmrep.json as they were read last."""
    for row in theirs.query("select * from host_files"):
        _upsert(db, "host_files", row, ("origin", "name"), "excluded.fetched_at > host_files.fetched_at")


def merge_past(db: Database, theirs: Database, imports: Numbers) -> None:
    """What imports read that became no article: it counts for what comes later, too."""
    for row in theirs.query("select * from historical_pages"):
        db.execute("insert into historical_pages (key, kind) values (:key, :kind) on conflict do nothing", row)
    for table in ("historical_responses", "unresolved_revisits"):
        for row in theirs.query(f"select * from {table}"):
            values = {k: v for k, v in row.items() if k != "id"} | {"import_id": imports.get(row["import_id"] or 0)}
            names = ", ".join(values)
            db.execute(f"insert into {table} ({names}) values ({', '.join(f':{name}' for name in values)}) "
                       "on conflict do nothing", values)


def _upsert(db: Database, table: str, row: dict[str, Any], key: tuple[str, ...], newer: str) -> None:
    names = ", ".join(row)
    others = ", ".join(f"{name} = excluded.{name}" for name in row if name not in key)
    db.execute(f"insert into {table} ({names}) values ({', '.join(f':{name}' for name in row)}) "
               f"on conflict ({', '.join(key)}) do update set {others} where {newer}", row)
