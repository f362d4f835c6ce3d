"""How a run ends before all is done, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Ending:
    """`outcome` as in `runs`: finished (at a bound that was set), waiting (for the host), failed.

    `reason` is a whole sentence where it is not finished. `pages` is what the ledger says of the pages that are still
    due; until `quiet_until` no run asks the host again.
    """

    outcome: str
    reason: str
    pages: str = ""
    quiet_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: `failures` says what failed how often, `due` how many addresses are still to be fetched."""

    outcome: str
    reason: str
    seconds: float
    failures: tuple[tuple[str, int], ...]
    due: int


def at_bound(reason: str) -> Ending:
    """A limit or budget that a person set is reached."""
    return Ending("finished", reason)


def cannot_crawl(start_url: str, reason: str) -> Ending:
    """There is nothing to crawl at the start address."""
    return Ending("failed", f"{start_url} cannot be crawled: {reason}.")


def broken(start_url: str, error: Exception) -> Ending:
    """A mistake of this program: what it was stands in the log."""
    what = f"{type(error).__name__}: {str(error)[:200]}".removesuffix(": ")
    return Ending("failed", f"{start_url} could not be crawled for a mistake of this program ({what}); log/crawl.log "
                            "beside the archive tells more.")


def robots_unreadable(start_url: str, reason: str) -> Ending:
    """RFC 9309, section 2.3.1.4: until robots.txt can be read, nothing is allowed."""
    pages = f"robots.txt could not be read ({reason}): nothing is fetched until it can"
    return Ending("waiting", f"{start_url} is left alone for now: its {pages}; the next crawl tries again.", pages)


def host_busy(start_url: str, why: str, until: datetime | None) -> Ending:
    """The host asked to be left alone, for a time that it names or by answering so again and again."""
    if until is None:
        return Ending("waiting", f"{start_url} is left alone for now: {why}; the next crawl goes on from here.", why)
    when = f"until {until:%Y-%m-%d %H:%M} UTC"
    return Ending("waiting", f"{start_url} is left alone {when}: {why} and asks to wait so long; a crawl after that "
                             "goes on from here.", f"{why} and asks to wait {when}", until)


def still_quiet(start_url: str, until: datetime) -> Ending:
    """An earlier run was asked to wait for longer than it has been since."""
    return Ending("waiting", f"{start_url} asked to be left alone until {until:%Y-%m-%d %H:%M} UTC: nothing was asked "
                             "of it; crawl it again after that.")


def walled(start_url: str, wall: str) -> str:
    """Why a site cannot be crawled that shows nothing but a wall ("a consent wall")."""
    return (f"{start_url} cannot be crawled: a {wall} stands before the site and is all that its pages show; "
            "ask its owner for access, or take it out with 'archiver sites remove'.")
