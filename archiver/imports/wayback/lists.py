"""Asking for a whole list: page by page where the server has keys to go on by, by shorter times where it has none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from archiver.capture.damage import Damage, Problem
from archiver.discovery import cdx
from archiver.discovery.cdx_query import captures_url, limit_of, resumed
from archiver.discovery.markup import decode, plain_text
from archiver.discovery.mementos import has_resume_keys, parse_timemap
from archiver.imports.wayback.listing import Listing
from archiver.imports.wayback.plan import FIRST, Plan

_MOST_TIMEMAPS = 500
_SECOND = timedelta(seconds=1)


class NoList(Exception):
    """The service gave no list."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url} gave no list of captures: {reason}")
        self.url, self.reason = url, reason


class Lists:
    """`next` is the address to ask now, None when all is told; `read` takes its answer and tells `listing`.

    A server without resume keys that has more than it tells at once is asked for the halves of the time, and so on.
    """

    def __init__(self, plan: Plan, listing: Listing) -> None:
        self._plan, self._listing = plan, listing
        self.problems: list[Problem] = []
        self._spans: list[tuple[datetime | None, datetime | None]] = [(plan.since, plan.until)]
        self._maps = [plan.service.timemap(plan.url)] if plan.service.is_timemap else []
        self._known = set(self._maps)
        self._asked = self._resumed = ""

    def next(self) -> str | None:
        if self._plan.service.is_timemap:
            self._asked = self._maps.pop() if self._maps else ""
        elif self._resumed:
            self._asked = self._resumed
        else:
            self._asked = captures_url(self._plan.service.asks, self._plan.address, *self._spans[-1]) if (
                self._spans) else ""
        return self._asked or None

    def read(self, status: int, location: str, body: bytes) -> None:
        """Raises NoList for what is none."""
        if 300 <= status < 400:
            raise NoList(self._asked, f"it redirects to {location[:200]}; name that address with --service")
        nothing = status == 404 and (self._plan.service.is_timemap or b"no captures" in body[:1000].lower())
        if status != 200 and not nothing:
            raise NoList(self._asked, f"it answers {status} {plain_text(decode(body[:2_000]), 150)}".strip())
        if self._plan.service.is_timemap:
            self._timemap(b"" if nothing else body)
        else:
            self._cdx(cdx.CdxPage() if nothing else cdx.parse(body))

    def _timemap(self, body: bytes) -> None:
        page, more = parse_timemap(body, self._plan.url)
        if page.error:
            raise NoList(self._asked, f"its answer is no TimeMap: {page.error}")
        self._listing.add(page.entries)
        new = [url for url in more if url.startswith(self._plan.service.asks) and url not in self._known]
        self._known |= set(new)
        if page.is_cut or len(self._known) > _MOST_TIMEMAPS:
            self.problems.append(Problem(Damage.CUT_LIST, self._asked, self._plan.url))
        else:
            self._maps += new

    def _cdx(self, page: cdx.CdxPage) -> None:
        if page.error:
            raise NoList(self._asked, f"its answer is no list of captures: {page.error}")
        since, until = self._spans[-1]
        if has_resume_keys(self._plan.service):
            self._listing.add(page.entries)
            following = resumed(captures_url(self._plan.service.asks, self._plan.address, since, until),
                                page.resume_key) if page.resume_key and page.entries else ""
            # Keys that lead in a circle lead on for ever.
            self._resumed = following if following not in self._known else ""
            self._known.add(following)
            if not self._resumed:
                self._spans.pop()
            return
        self._spans.pop()
        begin, end = since or FIRST, until or datetime.now(UTC)
        if not page.is_cut and len(page.entries) + page.bad < limit_of(self._asked):
            self._listing.add(page.entries)
        elif end - begin < _SECOND:  # both ends are told of: a second further on is two to ask for
            self._listing.add(page.entries)
            self.problems.append(Problem(Damage.CUT_LIST, self._asked, self._plan.url, f"at {begin:%Y-%m-%d %H:%M:%S}"))
        else:
            middle = (begin + (end - begin) / 2).replace(microsecond=0)
            self._spans += [(middle + _SECOND, until), (since, middle)]
