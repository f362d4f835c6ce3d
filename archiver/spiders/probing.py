"""When a known site is asked anew for an address that does not exist, and what its answer tells of the whole site.

A domain that is for sale and a site under repair show one page for every address, with status 200. Its words must not
come in the place of the posts that stood there.
"""

from __future__ import annotations

from archiver.discovery.nowhere import Nowhere, from_json
from archiver.frontier.schedule import SOURCE_KINDS
from archiver.items import Outcome, PageKind, Visit
from archiver.spiders.page_request import PageRequest


class Probing:
    """Of one run. While it is asked for, no post is (`PageRequest.comes_first`)."""

    def __init__(self) -> None:
        self._doubtful = self._asked = self._sound = False

    def seen(self, request: PageRequest, visit: Visit) -> None:
        """Enter what came of a page: a source that answered before and is a page now is doubtful; where another is what
        it was, the site is not one page. The list of a web archive says nothing of the site."""
        if request.kind not in SOURCE_KINDS or request.kind is PageKind.CDX:
            return
        if visit.kind in SOURCE_KINDS and visit.outcome in (Outcome.NOT_ARTICLE, Outcome.UNCHANGED):
            self._sound = True
        elif request.worked:  # an API that is none is refused, whatever it shows
            self._doubtful |= visit.status == 200 and visit.outcome in (Outcome.NOT_ARTICLE, Outcome.REFUSED)

    def silent(self, visit: Visit, *, alone: bool) -> None:
        """Enter what came of a known home page: so is one that leads to nothing new, where there are no sources."""
        if alone:
            self._doubtful |= visit.status == 200 and visit.outcome is Outcome.NOT_ARTICLE

    @property
    def is_due(self) -> bool:
        """Whether it is time to ask: once in a run."""
        if not self._doubtful or self._asked:
            return False
        self._asked = True
        return True

    def verdict(self, found: Nowhere, home: Nowhere, told: str | None) -> str:
        """Why nothing is to be believed of a site whose home page leads nowhere and shows what the site shows for
        nothing; "" where something speaks for it. `told`: what it answered for nothing in earlier runs; a site that
        ever did so is filled by scripts."""
        before = from_json(told)
        if not self._doubtful or self._sound or before is None or found.look is None:
            return ""
        if home.look is None or not found.is_like(home.look):
            return ""
        if before.look is not None and before.is_like(found.look):
            return ""
        return (f"it shows one page for every address ({found.look.title[:80]!r}), as a domain that is for sale and a "
                "site under repair do; what is stored is kept")
