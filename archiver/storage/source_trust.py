"""Which claims of a site's server and sources are believed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from archiver.discovery.source_hints_and_trust import (
    VALIDATORS,
    ClaimTally,
    are_claims_believed,
    claim_of,
    reasons_of_claim,
)
from archiver.storage import Database
from archiver.storage.pages_and_source_hints import moment, postpone_pages, stamp


class Trust:
    """Records which claims of a site's server about changes are trusted: the dates in its feeds, sitemaps and APIs,
    their other details (but not title and text), and its validators (ETag, Last-Modified).

    Reads and writes the site's column `untrusted`, which holds the claims that proved false (see
    `discovery.source_hints_and_trust`), each with the time when it did. Claims are tested while the results of a run
    are written.
    """

    def __init__(self, db: Database, site: dict[str, Any], now: datetime, revisit: timedelta) -> None:
        self._db, self._site_id, self._now, self._revisit = db, site["id"], now, revisit
        self._since: dict[str, str] = json.loads(site.get("untrusted") or "{}")
        self._tallies: dict[str, ClaimTally] = defaultdict(ClaimTally)

    @contextmanager
    def restored_on_error(self) -> Iterator[None]:
        """A context manager that restores this object's state from before the block if the block raises, because its
        transaction is rolled back too.
        """
        since, tallies = dict(self._since), {name: replace(tally) for name, tally in self._tallies.items()}
        try:
            yield
        except BaseException:
            self._since, self._tallies = since, defaultdict(ClaimTally, tallies)
            raise

    @property
    def in_validators(self) -> bool:
        """Returns True if the server's validators are trusted, so that pages may be requested conditionally."""
        return self.in_claim(VALIDATORS)

    def in_claim(self, claim: str) -> bool:
        """Returns True if a claim of change is trusted, so that it makes a page due. `claim` is its name (from
        `dates_claim` or `details_claim`).
        """
        return are_claims_believed(moment(self._since.get(claim)), self._now)

    def judge_claim(self, reason: str, *, changed: bool) -> None:
        """Tests a source's claim that a page changed. The claim was the `reason` why the page was due; `changed` is
        True if the page really had changed.

        A claim that proves false is no longer trusted, and the other pages that the source reported as changed are
        postponed to the site's revisit period.
        """
        claim = claim_of(reason)
        if not claim:
            return
        tally = self._tallies[claim]
        tally.called += 1
        tally.true += changed
        if tally.lies and self.in_claim(claim):
            self._distrust(claim)
            for phrase in reasons_of_claim(claim):
                postpone_pages(self._db, self._site_id, phrase, self._now + self._revisit)

    def distrust_validators(self) -> None:
        """Stops trusting the server's validators, because a page changed although its validator did not."""
        if self.in_validators:
            self._distrust(VALIDATORS)

    def _distrust(self, claim: str) -> None:
        self._since[claim] = stamp(self._now)
        self._db.update("sites", self._site_id, {"untrusted": json.dumps(self._since)})
