"""One page under way: what the ledger knew of it when its request was made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from archiver.capture.exchange import Original
from archiver.frontier.schedule import is_news
from archiver.items import Lead, PageKind
from archiver.store.doubt import RULE
from archiver.store.leads import lead_from
from archiver.store.ledger import moment
from archiver.store.parts import StoredPart

if TYPE_CHECKING:
    from archiver.spiders.gathering import Gathering

# The WordPress API is read in steps under one ledger page: all posts, or what changed and then the numbers.
MOST_REDIRECTS = 10
"""Addresses that may lead on to one another. RFC 9110, section 15.4 asks to intervene, and leaves the number open."""
ApiStep = Literal["posts", "changes", "ids"]


# Rules by which the address alone made a page a list; that a list's posts stand on it is seen, and stays so.
_BY_ADDRESS = frozenset({"home", "listing address", "date address"})
_TOLD = "told by its source"
_STANDS = frozenset({"archived", "unchanged", "duplicate", "not-article", "refused", "out-of-scope"})


@dataclass(frozen=True, slots=True)
class Job:
    """`url` and `urlkey` name the row of the ledger; a source of several pages keeps them while it is paged through.

    `hops` counts redirects that stayed at the same address (http to https, a slash); `came_from` are the urlkeys of
    other addresses that redirected here, the nearest first (MOST_REDIRECTS of them at most); `number` counts the
    pages of the source read so far, `captures` the entries of a web archive's list, `alive` how many posts it should
    still count; `known` says
    that the page was read whole in an earlier run. `parts` are the further pages of a post, as they were joined
    before. A further page under way has what it last showed as `text`, and the post it is asked for in `gathering`.
    `anew`: it is asked for whole, whatever validators it had: something tells of a change, or they are put to the test.
    `is_probe`: the address does not exist and has no row; how the site says so is what is asked for. `level` is the
    ledger's priority. `stood`: it was there when it was last asked for; `doubted`: it was gone when most others were;
    `worked`: it told of pages before, and failed `attempts` times in a row since. `judged`: that it is no post
    was read from the page itself, and from nothing that is sure: it may have become one.
    """

    page_id: int
    url: str
    urlkey: str
    kind: PageKind
    is_seed: bool = False
    lead: Lead | None = None
    etag: str = ""
    last_modified: str = ""
    original: Original | None = None
    fetched_at: datetime | None = None
    hops: int = 0
    came_from: tuple[str, ...] = ()
    step: ApiStep = "posts"
    number: int = 1
    alive: int = -1
    captures: int = 0
    stood: bool = False
    doubted: bool = False
    worked: bool = False
    attempts: int = 0
    parts: tuple[StoredPart, ...] = ()
    text: str | None = None
    is_probe: bool = False
    level: int = 0
    gathering: Gathering | None = None
    anew: bool = False
    judged: bool = False

    @property
    def is_source(self) -> bool:
        """Whether this document tells of pages."""
        return self.comes_first or self.kind is PageKind.CDX

    @property
    def comes_first(self) -> bool:
        """Whether it tells more than addresses: while one is under way, no post is asked for."""
        return self.is_seed or self.is_probe or self.kind in (PageKind.FEED, PageKind.SITEMAP, PageKind.API)

    @property
    def known(self) -> bool:
        return self.fetched_at is not None


def job_of(row: dict[str, Any], seed_key: str, *, full: bool, anew: bool = False) -> Job:
    """The job for a row of `ledger.due_pages`; in a full run an API is asked for all posts, not for changes. `anew`: no
    page is asked for conditionally, as one that its source tells news of never is."""
    original = None
    if row["digest"]:
        captured = moment(row["captured_at"])
        assert captured is not None
        original = Original(row["capture_url"], captured, row["digest"])
    fetched_at = moment(row["fetched_at"])
    kind = PageKind(row["kind"])
    return Job(
        page_id=row["id"], url=row["url"], urlkey=row["urlkey"], kind=kind, is_seed=row["urlkey"] == seed_key,
        lead=lead_from(row["source_hints"]), etag=row["etag"] or "", last_modified=row["last_modified"] or "",
        original=original, fetched_at=fetched_at, level=row["priority"],
        anew=anew or is_news(row["reason"] or ""),
        stood=row["outcome"] in _STANDS or row["rule"] == RULE, doubted=row["rule"] == RULE,
        worked=row["outcome"] == "not-article" or bool(row["has_told"]), attempts=row["attempts"] or 0,
        judged=row["outcome"] == "not-article" and (
            row["rule"] in _BY_ADDRESS if kind is PageKind.LISTING else row["rule"] != _TOLD),
        step="changes" if fetched_at and not full and row["outcome"] == "not-article" else "posts",
    )
