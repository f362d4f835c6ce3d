"""The tags of sites."""

from __future__ import annotations

from collections.abc import Iterable

from archiver.errors import BadSetting, TagNotFound
from archiver.storage import Database

_MAX_TAG = 60


def read_tag(text: str) -> str:
    """Returns a site tag in its stored form: lower case, single spaces. Raises BadSetting if the tag is empty, is too
    long or contains a comma.
    """
    tag = " ".join(text.lower().split())
    if not tag or len(tag) > _MAX_TAG or "," in tag or not tag.isprintable():
        raise BadSetting(text, f"a tag must have 1 to {_MAX_TAG} characters and no comma")
    return tag


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
