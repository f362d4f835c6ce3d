"""What stops a request on purpose, with the outcome that it has in the ledger."""

from __future__ import annotations

from scrapy.exceptions import IgnoreRequest

from archiver.items import Outcome


class Refusal(IgnoreRequest):
    """Raised where a request must not be made or its answer not be read on. It is never tried again in the same run.

    `reason` goes on where "it" is the address asked for, as all reasons of the ledger do.
    """

    def __init__(self, outcome: Outcome, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.outcome, self.rule, self.reason = outcome, rule, reason


def private_address(reason: str) -> Refusal:
    """The refusal to leave the public internet (see `archiver.frontier.reach`)."""
    return Refusal(Outcome.REFUSED, "private-address", reason)
