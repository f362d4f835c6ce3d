"""Pages that were gone together with most others: not believed before a crawl a day later finds them gone as well."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlite_utils import Database

from archiver.items import Outcome, Visit
from archiver.store.ledger import stamp

RULE = "gone with most others"
_WAIT = timedelta(hours=20)


def doubted(visit: Visit) -> Visit:
    """The visit of a page that is gone, as it is entered meanwhile: failed, so that every crawl asks for it first."""
    return replace(visit, outcome=Outcome.FAILED, rule=RULE,
                   reason=f"{visit.reason}, as for most pages at once: not believed before a crawl a day later")


def is_confirmed(db: Database, site_id: int, now: datetime) -> bool:
    """Whether the pages have been gone since a crawl of yesterday or before, and nothing said otherwise since."""
    return db.execute("select 1 from pages where site_id = ? and rule = ? and fetched_at < ?",
                      [site_id, RULE, stamp(now - _WAIT)]).fetchone() is not None
