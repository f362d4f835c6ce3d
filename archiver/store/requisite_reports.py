"""What is known of images, stylesheets and fonts: of one address, one article, one site. Reads only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database

from archiver.store.requisites import DEFAULT_MODE
from archiver.urls import asset_address

NEEDED = (
    "with recursive needed (id) as (select requisite_id from article_requisites where article_id in ({articles}) "
    "union select p.requisite_id from requisite_parts p join needed n on n.id = p.parent_id) "
    "select c.id from needed n join requisites r on r.id = n.id join captures c on c.url = r.url")
"""The captures of all that some articles (a query for their numbers) need to be shown, by way of stylesheets too."""
_NAMED = 5
_REASONS = 10
_CAPTURED = "capture_id is not null"


def captures_of(db: Database, articles: Sequence[int]) -> list[int]:
    """The numbers of the captures of all that these articles need to be shown."""
    query = NEEDED.format(articles="select value from json_each(?)")
    return [row[0] for row in db.execute(query, [json.dumps(list(articles))])]


def lead_image(db: Database, article_id: int) -> dict[str, Any] | None:
    """What was captured as an article's lead image; None where it has none that is known of.

    Keys: url, outcome, reason, media_type, bytes, width, height, capture (as in a record, None where there is none).
    Of one that redirects, media type, size and capture are those of where it leads.
    """
    row = next(iter(db.query(
        "select r.* from article_requisites l join requisites r on r.id = l.requisite_id join articles a "
        "on a.id = l.article_id where l.article_id = ? and l.role = 'lead' order by r.url = a.image desc, r.id desc "
        "limit 1", [article_id])), None)
    if row is None:
        return None
    seen, shown = {row["id"]}, row
    while shown["outcome"] == "duplicate" and (onward := _leads_to(db, shown["id"])) and onward["id"] not in seen:
        seen.add(onward["id"])
        shown = onward
    names = ("outcome", "reason", "media_type", "bytes", "width", "height")
    capture = next(iter(db.query("select captured_at, digest, warc_file, warc_offset, warc_length from captures "
                                 "where id = ?", [shown["capture_id"]])), None)
    return {"url": row["url"], **{name: shown[name] for name in names}, "capture": capture}


def _leads_to(db: Database, number: int) -> dict[str, Any] | None:
    return next(iter(db.query("select r.* from requisite_parts p join requisites r on r.id = p.requisite_id "
                              "where p.parent_id = ?", [number])), None)


def requisite_at(db: Database, address: str) -> dict[str, Any] | None:
    """What is known of an address as an image, stylesheet or font; None where it is none.

    The columns of its row, the site's name as `site`, `needed_by` (id, url and role of the first articles that need it,
    by way of stylesheets and redirects too) and `needed_by_total`.
    """
    url = asset_address(address if "://" in address else f"https://{address}")
    if url is None:
        return None
    row = next(iter(db.query("select r.*, s.name as site from requisites r join sites s on s.id = r.site_id "
                             "where r.url = ? order by r.capture_id is null, r.id", [url])), None)
    if row is None:
        return None
    above = ("with recursive above (id) as (select ? union select p.parent_id from requisite_parts p join above a "
             "on a.id = p.requisite_id) ")
    users = list(db.query(
        f"{above} select distinct t.id, t.url, l.role from above a join article_requisites l on l.requisite_id = a.id "
        "join articles t on t.id = l.article_id order by t.id limit ?", [row["id"], _NAMED]))
    total = db.execute(f"{above} select count(distinct l.article_id) from above a join article_requisites l "
                       "on l.requisite_id = a.id", [row["id"]]).fetchone()[0]
    return {**row, "needed_by": users, "needed_by_total": total}


def state(db: Database, site: dict[str, Any]) -> dict[str, Any]:
    """What of a site's requisites is captured, ready for JSON.

    Keys: mode (none, lead, all), captured (kind to number), outcomes (what came of all addresses), lacking (those that
    were asked for and are not captured: outcome, reason, number, example; the most frequent first).
    """
    mode = json.loads(site["settings"] or "{}") if isinstance(site["settings"], str) else site["settings"]
    out: dict[str, Any] = {"mode": mode.get("requisites", DEFAULT_MODE), "captured": {}, "outcomes": {}, "lacking": []}
    number = [site["id"]]
    out["captured"] = dict(db.execute(f"select kind, count(*) from requisites where site_id = ? and {_CAPTURED} and "
                                      "outcome <> 'duplicate' group by 1 order by 2 desc, 1", number).fetchall())
    out["outcomes"] = dict(db.execute("select outcome, count(*) from requisites where site_id = ? group by 1 "
                                      "order by 2 desc, 1", number).fetchall())
    out["lacking"] = list(db.query(
        "select outcome, reason, count(*) as number, min(url) as example from requisites where site_id = ? and "
        "outcome in ('failed', 'gone', 'refused') group by 1, 2 order by 3 desc, 1, 2 limit ?", [site["id"], _REASONS]))
    return out
