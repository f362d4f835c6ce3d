"""What pages need to be shown, of another archive: each address once a site, with who needs it and what it leads to.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlite_utils import Database

from archiver.store.merging.captures import Captures

_STATE = ("outcome", "rule", "reason", "status", "media_type", "bytes", "width", "height", "etag", "last_modified",
          "fetched_at", "due_at", "attempts")
"""What came of the last time that it was asked for: it comes whole from the archive that asked last."""


def merge_requisite(db: Database, row: dict[str, Any], sites: Mapping[int, int], captures: Captures) -> None:
    """One address. What is asked for here is not asked for again, where it was captured there."""
    site = sites[row["site_id"]]
    capture_id = captures.of(row["capture_id"])
    own = next(iter(db.query("select * from requisites where site_id = ? and url = ?", [site, row["url"]])), None)
    if own is None:
        db.table("requisites").insert({**{k: v for k, v in row.items() if k != "id"}, "site_id": site,
                                       "capture_id": capture_id})
        return
    newer = (row["fetched_at"] or "") > (own["fetched_at"] or "")
    state = {name: row[name] for name in _STATE} if newer else {}
    db.table("requisites").update(own["id"], {
        **state, "wanted": min(own["wanted"], row["wanted"]), "depth": min(own["depth"], row["depth"]),
        "found_at": min(own["found_at"], row["found_at"]),
        "capture_id": (capture_id or own["capture_id"]) if newer else (own["capture_id"] or capture_id)})


def merge_links(db: Database, theirs: Database, sites: Mapping[int, int]) -> None:
    """Which article needs what, by the temporary table `merged_articles`, and what leads to what."""
    for number, role, site, url in theirs.execute(
            "select l.article_id, l.role, r.site_id, r.url from article_requisites l join requisites r "
            "on r.id = l.requisite_id order by l.article_id"):
        db.execute("insert or ignore into article_requisites (article_id, requisite_id, role) select m.ours, r.id, ? "
                   "from merged_articles m, requisites r where m.theirs = ? and m.ours is not null and r.site_id = ? "
                   "and r.url = ?", [role, number, sites[site], url])
    for site, parent, url in theirs.execute(
            "select r.site_id, t.url, r.url from requisite_parts p join requisites r on r.id = p.requisite_id "
            "join requisites t on t.id = p.parent_id order by p.parent_id"):
        db.execute("insert or ignore into requisite_parts (parent_id, requisite_id) select t.id, r.id from "
                   "requisites t, requisites r where t.site_id = ? and t.url = ? and r.site_id = ? and r.url = ?",
                   [sites[site], parent, sites[site], url])
