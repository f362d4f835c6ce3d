"""Crawl traps and addresses that an archive does not want: one table, each rule with its name and its reason.

Only what is true of the web in general is here; what is special to a site is learned during the crawl
(`frontier.allowance`, `frontier.twins`). The rules apply to links only: what a feed, a sitemap or an API lists is
fetched.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from archiver.items import Outcome
from archiver.urls import PATH_VALUE


class Trap(NamedTuple):
    """One rule: `path` is searched in the unescaped path, `key` must match a whole parameter name, `value` its
    value."""

    name: str
    says: str
    path: re.Pattern[str] | None = None
    key: re.Pattern[str] | None = None
    value: re.Pattern[str] | None = None


def _row(name: str, says: str, path: str = "", key: str = "", value: str = "") -> Trap:
    one, two, three = (re.compile(p, re.IGNORECASE) if p else None for p in (path, key, value))
    return Trap(name, says, one, two, three)


_WHOLE_STEP = r"(?:/|$)"
TRAPS: tuple[Trap, ...] = (
    _row("account", "it leads to a log-in or an account",
         r"/(?:wp-login\.php|wp-signup\.php|wp-register\.php|my-account|login|log-in|signin|sign-in|logout|register|"
         rf"signup|sign-up|user/login|password){_WHOLE_STEP}",
         r"redirect_to|redirect|returnurl|return_to|login|logout|unsubscribe"),
    _row("shop", "it leads into a shop", rf"/(?:cart|basket|checkout|wishlist){_WHOLE_STEP}",
         r"add-to-cart|remove_item|min_price|max_price"),
    _row("machine", "it is for programs and editors, not for readers",
         r"/(?:wp-admin|wp-json|wp-content|wp-includes|wp-trackback\.php|wp-comments-post\.php|xmlrpc\.php|cgi-bin|"
         r"cdn-cgi|mailto:|javascript:|b/post-preview|share-post\.g|comment\.g|post-edit\.g|email-post\.g|"
         rf"delete-comment\.g){_WHOLE_STEP}|/(?:trackback|embed|oembed)/?$",
         r"doing_wp_cron|preview|preview_id|rest_route|oldid|diff|vote|like|rate|bloguid"),
    _row("amp", "it shows the same post for telephones (AMP)", r"/amp/?$"),
    _row("print", "it shows the same post for printing", r"/(?:print|printable)/?$", r"print"),
    _row("comments", "it shows comments of a post",
         rf"/feed/comments{_WHOLE_STEP}|/comments?/\d+/?$|/comment-page-\d+/?$|#comment",
         r"replytocom|showcomment|reverse-paginate"),
    _row("attachment", "it shows a picture of a post", key=r"attachment_id"),
    _row("share", "it opens a window to share a post", key=r"share"),
    _row("search", "it is a search on the site", key=r"s|q|query|search|search_query|suche|buscar",
         value=rf"(?!{PATH_VALUE}$).*"),
    _row("sorting", "it shows a list sorted or filtered",
         key=r"orderby|order|sort|sortby|filter(?:_\w+|\[.*\])|facets?(?:\[.*\])?"),
    _row("calendar", "it is a page of a calendar, which has no end", r"/calendar/|/kalender/\d",
         r"ical|outlook-ical|tribe[-_][\w-]+|eventdisplay|calendar|cal-?date"),
    # Old programs also show their posts by ?action=, so the value decides.
    _row("action", "it does something instead of showing something", key=r"action|do|act|mode|op|task",
         value=r"edit|login|logout|register|lostpassword|reply|print|printable|vote|delete|history|raw|submit|search|"
               r"compare|e?mail|send|report|add|new|post"),
)
_SEARCH_PATH = re.compile(r"/search/?$", re.IGNORECASE)
_EVENTS = re.compile(r"/(?:events?|calendar|kalender|agenda|termine|veranstaltungen|calendario|eventos)(?:/|$)",
                     re.IGNORECASE)
_EVENT_KEYS = frozenset({"date", "month", "year", "day", "week", "view"})
_DATE_STEPS = re.compile(r"/(?:19|20)\d\d(?:[/_-]\d{1,2}){0,2}/?$")  # with a segment after it, it is a dated post
_YEAR_IN_PATH = re.compile(r"/((?:1[0-9]|2[0-9])\d\d)/(?:\d\d?)(?:/|$)")
_MOST_STEPS = 14
_MOST_ALIKE = 4
_EARLIEST = 1990
SCOPE = "scope"
_OWN_SAYS = {
    SCOPE: "it lies outside the site",
    "growing path": "its path repeats itself, as wrong relative links make it do",
    "impossible year": "its path names a year in which there was no web, or one to come",
}
_SAYS = {row.name: row.says for row in TRAPS} | _OWN_SAYS


def says(rule: str) -> str:
    """The reason of a rule, as half a sentence; "" without a rule."""
    return _SAYS[rule] if rule else ""


def outcome_of(rule: str) -> Outcome:
    """The outcome of an address that is not fetched by this rule; DUE without a rule."""
    return Outcome.DUE if not rule else Outcome.OUT_OF_SCOPE if rule == SCOPE else Outcome.TRAP


def trap_rule(url: str, latest_year: int = 2100) -> str:
    """The name of the rule by which an address is a trap, "" if it is none."""
    path, query = path_and_query(url)
    by_path = next((row.name for row in TRAPS if row.path and row.path.search(path)), "")
    if by_path:
        return by_path
    if _SEARCH_PATH.search(path) and "updated-max" not in query:
        return "search"
    steps = [s for s in path.split("/") if s]
    if len(steps) > _MOST_STEPS or (steps and max(Counter(steps).values()) >= _MOST_ALIKE):
        return "growing path"
    year = _YEAR_IN_PATH.search(path)
    if year and not _EARLIEST <= int(year.group(1)) <= latest_year:
        return "impossible year"
    return _by_query(path, query)


def _by_query(path: str, query: str) -> str:
    events = bool(_EVENTS.search(path))
    if not query:
        return "calendar" if events and _DATE_STEPS.search(path) else ""
    pairs = parse_qsl(query, keep_blank_values=True)
    for row in TRAPS:
        if row.key and any(row.key.fullmatch(k) and (row.value is None or row.value.fullmatch(v)) for k, v in pairs):
            return row.name
    return "calendar" if events and any(k.lower() in _EVENT_KEYS for k, _ in pairs) else ""


def path_and_query(url: str) -> tuple[str, str]:
    """Path (unescaped) and query. A static copy of a site has the query in the file name, as "%3F...html"."""
    parts = urlsplit(url)
    path, separator, kept = unquote(parts.path).partition("?")
    return path, f"{parts.query}&{kept.removesuffix('.html')}".strip("&") if separator else parts.query
