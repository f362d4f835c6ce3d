"""Codes for why a page is due and for what else a fetch of it showed, with the sentences that are made of them for
people. Both are stored in `pages`. No decision is based on a sentence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class DueFor(StrEnum):
    """Why a page is due, as stored in `pages.due_for`. `pages.due_by` says which discovery source, list, post or run
    made it due.
    """

    ALLOWED = "allowed"
    CLAIMED_PART = "claimed part"
    DELISTED = "delisted"
    LEADING_LIST = "leading list"
    LIST_OF_GONE = "list of gone post"
    LISTED = "listed"
    LISTED_AGAIN = "listed again"
    LISTS_OF_GONE = "lists of gone posts"
    LOST_CAPTURE = "lost capture"
    NEW_DATE = "new date"
    NEW_DETAILS = "new details"
    NEW_RULES = "new rules"
    NEW_TEXT = "new text"
    NO_PART = "no part"
    OLDER_LIST = "older list"
    OLDEST_LIST = "oldest list"
    OTHER_ADDRESS = "other address of gone post"
    REDIRECT_REVERSED = "redirect reversed"
    REDIRECTS_TO_GONE = "redirects to gone page"
    RELEASED = "released"
    REQUESTED = "requested"
    RESTORED = "restored"
    REVOKED_REMOVAL = "revoked removal"
    SAMPLE = "sample"
    SHOWN_AGAIN = "shown again"
    SITE_MOVED = "site moved"
    UNDONE_RUN = "undone run"
    UPDATED = "updated"


_DUE_SENTENCES: Mapping[DueFor, str] = {
    DueFor.ALLOWED: "robots.txt allows it now",
    DueFor.CLAIMED_PART: "{} says that it is a page of this post",
    DueFor.DELISTED: "{} no longer lists it",
    DueFor.LEADING_LIST: "only its list shows the site's newest posts",
    DueFor.LIST_OF_GONE: "a post that it showed is gone",
    DueFor.LISTED: "{} lists it",
    DueFor.LISTED_AGAIN: "{} lists it again",
    DueFor.LISTS_OF_GONE: "several posts are gone, so lists are read again",
    DueFor.LOST_CAPTURE: "its capture was lost with the end of a WARC file",
    DueFor.NEW_DATE: "{} has another date for it",
    DueFor.NEW_DETAILS: "{} has other details for it",
    DueFor.NEW_RULES: "the site has new rules",
    DueFor.NEW_TEXT: "{} has another text for it",
    DueFor.NO_PART: "its post does not list it as a page",
    DueFor.OLDER_LIST: "it shows most of the site's older posts",
    DueFor.OLDEST_LIST: "it shows the site's oldest posts",
    DueFor.OTHER_ADDRESS: "another address of its post is gone",
    DueFor.REDIRECT_REVERSED: "a page to which it redirected redirects to it now",
    DueFor.REDIRECTS_TO_GONE: "it redirects to a page that is gone",
    DueFor.RELEASED: "released by 'archiver sites release'",
    DueFor.REQUESTED: "requested although a trap rule applies",
    DueFor.RESTORED: "{} lists it again after it was gone",
    DueFor.REVOKED_REMOVAL: "its removal was revoked",
    DueFor.SAMPLE: "sampled, because no source says when posts are edited",
    DueFor.SHOWN_AGAIN: "other held pages show their posts again",
    DueFor.SITE_MOVED: "the site has moved to this address",
    DueFor.UNDONE_RUN: "run {} was undone",
    DueFor.UPDATED: "{} says that it changed",
}
CLAIMS: Mapping[DueFor, str] = {DueFor.UPDATED: "dates", DueFor.NEW_DATE: "dates", DueFor.NEW_DETAILS: "details"}
"""The reasons that are claims of a source and may prove false, each with what the source says has changed."""
REPORTED_CHANGES = frozenset({*CLAIMS, DueFor.NEW_TEXT, DueFor.RESTORED})
"""The reasons by which a source says that a page changed. Such a page is requested without validators, so that the
server cannot answer 304."""
ANNOUNCED_CHANGES = REPORTED_CHANGES | {DueFor.DELISTED}
"""The reasons by which a source announces a change: it says that the page changed, or no longer lists it."""


def due_sentence(due_for: str, due_by: str | None) -> str:
    """Returns the sentence for why a page is due, given the two columns of its row."""
    return _DUE_SENTENCES[DueFor(due_for)].format(due_by or "a source")


class Remark(StrEnum):
    """What a fetch showed besides its outcome: a key of the JSON object in `pages.remarks`. Its value there completes
    the sentence.
    """

    COVERED = "covered"
    DELISTED = "delisted"
    HIDDEN_PAGES = "hidden pages"
    KEPT_PARTS = "kept parts"
    UNREAD_PARTS = "unread parts"


Remarks = Mapping[Remark, str]
NO_REMARKS: Remarks = MappingProxyType({})
_REMARK_SENTENCES: Remarks = {
    Remark.COVERED: "a feed, sitemap or API lists all posts, and the last pages like this one led to no other",
    Remark.DELISTED: "{} no longer lists it, but it is still online",
    Remark.HIDDEN_PAGES: "only a script or a form requests its further pages",
    Remark.KEPT_PARTS: "page {} of it cannot be fetched now, so its stored text is kept",
    Remark.UNREAD_PARTS: "page {} of it could not be read",
}


def remark_sentence(remark: Remark, value: str = "") -> str:
    return _REMARK_SENTENCES[remark].format(value)


def with_remarks(reason: str, remarks: Remarks) -> str:
    """Returns the reason of an outcome, followed by the sentences of the remarks."""
    return "; ".join(filter(None, (reason, *(remark_sentence(one, value) for one, value in remarks.items()))))


def remarks_from_json(text: str | None) -> Remarks:
    return {Remark(name): value for name, value in json.loads(text).items()} if text else {}


def remarks_as_json(remarks: Remarks) -> str | None:
    """Returns the remarks as they are stored; None if there are none."""
    return json.dumps(remarks) if remarks else None
