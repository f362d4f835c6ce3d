"""Compares two archives of the same site, record by record."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from archiver.storage.articles import FULL_CONTENT
from tests.article_columns import CONTENT_COLUMNS

_FIELDS = (
    *CONTENT_COLUMNS,
    "revision",
    "content_digest",
    "meaning_digest",
    "site",
    "platform",
    "guid",
    "post_id",
)
# A page may be requested once more than in the other archive.
_SAME = {"unchanged": "archived"}
Records = dict[str, dict[str, Any]]


def differences(expected: Path, actual: Path) -> list[str]:
    """Return the differences of the second archive from the first, one per line; [] if they are equal."""
    out = []
    for what, read in (("article", _articles), ("page", _pages)):
        old, new = read(expected), read(actual)
        if what == "page":
            _leave_out_samples(old, new)
        out += [f"{what} {key} is missing" for key in old.keys() - new.keys()]
        out += [f"{what} {key} is too much" for key in new.keys() - old.keys()]
        out += [
            f"{what} {key}: {name} is {new[key][name]!r} and should be {value!r}"
            for key in sorted(old.keys() & new.keys())
            for name, value in old[key].items()
            if new[key][name] != value
        ]
    return out


def _leave_out_samples(old: Records, new: Records) -> None:
    """Make the pages equal in what depends on a random sample: which of the pages of an excluded pattern were read all
    the same, and which listings therefore show a post. Articles and the pages of posts are compared in full.
    """
    sampled = {key for pages in (old, new) for key, page in pages.items() if page["outcome"] == "trap"}
    if not sampled:
        return
    for pages in (old, new):
        for key, page in pages.items():
            page["sources"] = [source for source in page["sources"] if source != "listing"]
            if key in sampled or page["kind"] == "listing":
                page.update(outcome="sampled or not", kind="", fetched=None, captured=None)


def _articles(archive: Path) -> Records:
    """Return the articles by URL. A second article with the same URL gets its own key."""
    db = _open(archive)
    out: Records = {}
    for row in db.execute("select * from articles order by id"):
        key = row["urlkey"]
        while key in out:
            key += " (again)"
        out[key] = {name: row[name] for name in _FIELDS}
        out[key]["gone"] = row["gone_at"] is not None
        out[key]["duplicate_of"] = next(
            (r[0] for r in db.execute("select urlkey from articles where id = ?", [row["duplicate_of"]])), None
        )
        out[key]["aliases"] = sorted(
            r[0] for r in db.execute("select url from article_urls where article_id = ? and kind <> 'url'", [row["id"]])
        )
        out[key]["revisions"] = [
            (r["revision"], r["changed"], r["meaning_digest"], json.loads(r["said"]))
            for r in db.execute(
                f"select r.*, {FULL_CONTENT} as said from revisions r join articles a on "
                "a.id = r.article_id where a.id = ? order by 1",
                [row["id"]],
            )
        ]
        out[key]["captured"] = row["capture_id"] is not None
    db.close()
    return out


def _pages(archive: Path) -> Records:
    db = _open(archive)
    out: Records = {}
    for row in db.execute(
        "select p.*, a.urlkey as article, h.hint from pages p left join articles a on a.id = p.article_id "
        "left join source_hints h on h.page_id = p.id and h.digests is not null"
    ):
        sources = sorted(r[0] for r in db.execute("select source from page_sources where page_id = ?", [row["id"]]))
        out[row["urlkey"]] = {
            "url": row["url"],
            "kind": row["kind"],
            "outcome": _SAME.get(row["outcome"], row["outcome"]),
            # A redirect's article is found by its alias: the row has it only if the post was stored before.
            "redirect": row["redirect_urlkey"],
            "article": row["redirect_urlkey"] or row["article"],
            "sources": sources,
            "lead": _without_listed_values(row["hint"]),
            "fetched": row["fetched_at"] is not None,
            "captured": row["capture_id"] is not None,
        }
    db.close()
    return out


def _without_listed_values(hint: str | None) -> str | None:
    """Whether a list is read before its posts depends on the order of the answers, and only then do posts that show
    their categories or dates have those of the list in their hint, too. They do not use them, and `_articles` compares
    what articles have.
    """
    kept = {name: value for name, value in json.loads(hint or "{}").items() if not name.startswith("listed_")}
    return json.dumps(kept, sort_keys=True) if kept else None


def _open(archive: Path) -> sqlite3.Connection:
    db = sqlite3.connect(archive)
    db.row_factory = sqlite3.Row
    return db
