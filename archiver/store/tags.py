"""Tags of sites, which make groups of them. Functions that write expect to run inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable

from sqlite_utils import Database

from archiver.errors import BadSetting

_LONGEST = 60


def read_tag(text: str) -> str:
    """A tag as it is stored: small letters, single blanks. Raises BadSetting."""
    tag = " ".join(text.lower().split())
    if not tag or len(tag) > _LONGEST or "," in tag or not tag.isprintable():
        raise BadSetting(text, f"a tag has 1 to {_LONGEST} characters and no comma")
    return tag


def tags_of_sites(db: Database) -> dict[int, tuple[str, ...]]:
    """The tags of all sites that have some, by the site's number."""
    out: dict[int, tuple[str, ...]] = {}
    for site, tag in db.execute("select site_id, tag from site_tags order by site_id, tag"):
        out[site] = (*out.get(site, ()), tag)
    return out


def add_tags(db: Database, site_id: int, tags: Iterable[str]) -> int:
    """Give a site these tags; how many it did not have."""
    return sum(db.conn.execute("insert or ignore into site_tags (site_id, tag) values (?, ?)", [site_id, tag]).rowcount
               for tag in tags)


def remove_tags(db: Database, site_id: int, tags: Iterable[str]) -> int:
    return sum(db.conn.execute("delete from site_tags where site_id = ? and tag = ?", [site_id, tag]).rowcount
               for tag in tags)
