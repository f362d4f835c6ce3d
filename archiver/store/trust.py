"""What a site's server says and is not believed: kept with the site, found out while a run is written."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlite_utils import Database

from archiver.frontier.trust import VALIDATORS, Tally, believed, claimant, dates_of
from archiver.items import Source
from archiver.store import ledger


class Trust:
    """Reads and writes the site's `untrusted`: claims (see `frontier.trust`) with the time at which each proved false.

    All methods that write expect to run inside the caller's transaction.
    """

    def __init__(self, db: Database, site: dict[str, Any], now: datetime, revisit: timedelta) -> None:
        self._db, self._site_id, self._now, self._revisit = db, site["id"], now, revisit
        self._since: dict[str, str] = json.loads(site.get("untrusted") or "{}")
        self._tallies: dict[str, Tally] = defaultdict(Tally)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """What is found out meanwhile holds unless an error undoes it, as the transaction around it is undone."""
        since, tallies = dict(self._since), {name: replace(tally) for name, tally in self._tallies.items()}
        try:
            yield
        except BaseException:
            self._since, self._tallies = since, defaultdict(Tally, tallies)
            raise

    @property
    def in_validators(self) -> bool:
        """Whether pages may be asked for conditionally."""
        return self._believes(VALIDATORS)

    def in_dates(self, source: Source) -> bool:
        """Whether a newer date of this source makes a page due."""
        return self._believes(dates_of(source))

    def _believes(self, claim: str) -> bool:
        return believed(ledger.moment(self._since.get(claim)), self._now)

    def hold(self, reason: str, *, changed: bool) -> None:
        """A page was read that was due for this reason. A source whose dates prove false is believed no more, and what
        else it called changed is put off to the site's revisit period."""
        source = claimant(reason)
        if not source:
            return
        tally = self._tallies[source]
        tally.called += 1
        tally.true += changed
        if tally.lies and self._believes(dates_of(source)):
            self._distrust(dates_of(source))
            ledger.put_off(self._db, self._site_id, f"{source} says it changed at ", self._now + self._revisit)

    def validators_lied(self) -> None:
        """A page has changed, and its validator has not."""
        if self.in_validators:
            self._distrust(VALIDATORS)

    def _distrust(self, claim: str) -> None:
        self._since[claim] = ledger.stamp(self._now)
        self._db.table("sites").update(self._site_id, {"untrusted": json.dumps(self._since)})
