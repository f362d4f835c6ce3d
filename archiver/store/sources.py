"""Which feeds, sitemaps and APIs a site is known to have: what a run that died had guessed is not guessed again."""

from __future__ import annotations

from sqlite_utils import Database


def sources_known(db: Database, site_id: int) -> tuple[set[str], set[str], set[str]]:
    """Of feeds, sitemaps and the API: the kinds that the site has, the kinds that are guessed at, the urlkeys of all.

    It has what was read or what it declares, whatever that answers today.
    """
    rows = db.execute(
        "select kind, urlkey, outcome, outcome = 'not-article' or outcome in ('due', 'failed') and exists "
        "(select 1 from page_sources s where s.page_id = p.id and s.source <> 'seed') or outcome = 'failed' and exists "
        "(select 1 from page_sources s where s.found_on = p.url) from pages p where site_id = ? "
        "and kind in ('feed', 'sitemap', 'api')", [site_id]).fetchall()
    return ({row[0] for row in rows if row[3]}, {row[0] for row in rows if row[2] in ("due", "failed") and not row[3]},
            {row[1] for row in rows})
