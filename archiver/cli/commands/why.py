"""`archiver why`: explains what happened to a URL in the crawls of its site."""

from __future__ import annotations

import shlex
from typing import Any
from urllib.parse import urlsplit

import click

from archiver.cli.shared_options import archive_option, json_option
from archiver.cli.shell_completion import complete
from archiver.cli.terminal_output import count_noun, format_time, print_details, print_json, print_lines, styled_line

_OUTCOMES = {
    "due": "waiting to be fetched",
    "archived": "archived",
    "unchanged": "archived, unchanged at the last fetch",
    "duplicate": "another URL of an archived article",
    "part": "part of an article",
    "not-article": "fetched, not an article",
    "gone": "gone from the site",
    "held": "held: its new state is not stored until it is confirmed",
    "not-found": "a guess: the site has no such feed or sitemap",
    "refused": "not fetched (refused)",
    "out-of-scope": "outside the site's scope",
    "trap": "skipped: crawler trap",
    "failed": "failed to fetch",
}
_UNREAD = ("due", "failed", "trap")
"""Outcomes of pages that `archiver add` may be able to fetch now."""
_REQUISITE_OUTCOMES = {
    "archived": "captured",
    "unchanged": "captured, unchanged at the last fetch",
    "duplicate": "redirects",
    "gone": "not found",
    "refused": "not captured (refused)",
    "failed": "failed to fetch",
}
_URL_KINDS = {
    "url": "its URL",
    "canonical": "canonical URL that its page declares",
    "redirect": "redirects to it",
    "moved": "a former URL",
    "copy": "another URL with the same text",
    "part": "a further page of it",
}


@click.command(short_help="Explain what happened to a URL.")
@click.argument("urls", metavar="URL|ID...", nargs=-1, required=True, shell_complete=complete("article"))
@json_option
@archive_option
def why(urls: tuple[str, ...], as_json: bool, archive: str) -> None:
    """Explain what happened to URLs, or to the URLs of articles: which sources found them, their outcome, and the rule
    behind that.

    \b
    Examples:
      archiver why https://blog.example.org/2024/05/a-post
      archiver why 7 12
      archiver why https://blog.example.org/?p=7 --json
    """
    from archiver.storage.article_records import find_article, record
    from archiver.storage.database import opened
    from archiver.storage.url_history import url_history

    with opened(archive, read_only=True) as db:
        addresses = [record(db, find_article(db, one))["url"] if one.isdecimal() else one for one in urls]
        found = [url_history(db, address) for address in addresses]
    if as_json:
        print_json(found if len(found) > 1 else found[0])
        return
    for number, one in enumerate(found):
        print_lines(*([""] if number else []), styled_line((one["url"], "bold")))
        print_details(_format_rows(one), indent=2)


def _format_rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Formats everything the archive knows about a URL as (label, text) rows in the order of the output. Rows without
    text are not printed.
    """
    return [
        (
            "normalized to",
            f"{found['url']} (from {found['typed']})" if found["typed"] else "",
        ),
        ("outcome", _format_outcome(found)),
        ("kind", f"{found['kind'] or ''}"),
        ("rule", found["rule"] or ""),
        ("redirects to", found["redirects_to"] or ""),
        *_format_discovery(found),
        *_format_fetching(found),
        *_format_requisite(found),
        *_format_article(found),
        *_format_captures(found),
    ]


def _is_requisite_only(found: dict[str, Any]) -> bool:
    """Returns True if the URL is known only as an image, stylesheet or font of a page, not as a page itself."""
    return found["requisite"] is not None and not found["sources"] and not found["article"]


def _format_outcome(found: dict[str, Any]) -> str:
    phrases = {**_OUTCOMES, **_REQUISITE_OUTCOMES} if _is_requisite_only(found) else _OUTCOMES
    without_page = "no longer fetched at this URL" if found["captures"] else "never fetched at this URL"
    outcome = phrases.get(found["outcome"], without_page)
    return outcome + (f": {found['reason']}" if found["reason"] else "")


def _format_discovery(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Formats the discovery sources of a URL and their hints about the post as (label, text) rows."""
    hint = {key: value for key, value in (found["source_hints"] or {}).items() if key in ("title", "published")}
    return [
        *(("found by", _format_source(source)) for source in found["sources"]),
        *(("captured", _format_capture_times(source)) for source in found["sources"] if source.get("first_capture")),
        ("hints", ", ".join(f"{key}: {value}" for key, value in hint.items())),
    ]


def _format_fetching(found: dict[str, Any]) -> list[tuple[str, str]]:
    due = found["due_at"] and found["outcome"] != "out-of-scope"
    return [
        ("fetched", _format_last_fetch(found) if found["outcome"] else ""),
        ("fetch now", f"archiver add {shlex.quote(found['url'])}" if found["outcome"] in _UNREAD else ""),
        ("fetch anyway", f"archiver crawl {found['site']} --set-aside" if _is_excluded_by_learned_rule(found) else ""),
        ("next fetch", f"due {format_time(found['due_at'])}: {found['due_for']}" if due else ""),
    ]


def _format_requisite(found: dict[str, Any]) -> list[tuple[str, str]]:
    needed = found["requisite"]
    if not needed:
        return []
    also = [] if _is_requisite_only(found) else [("requisite", f"{needed['kind']}: {needed['outcome']}")]
    return [("needed by", _format_needed_by(needed)), *also]


def _format_article(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Formats the article at the URL, and the further pages of a post that is split over several pages, as (label,
    text) rows.
    """
    rows = [
        (f"page {part['number']}" if part["number"] else "all pages", f"{part['url']} ({_OUTCOMES[part['outcome']]})")
        for part in found["parts"]
    ]
    article = found["article"]
    if not article:
        return rows
    details = [
        f"revision {article['revision']}",
        _URL_KINDS.get(article["address_kind"] or "", ""),
        f"gone since {format_time(article['gone_at'])}" if article["gone_at"] else "",
        f"same text as {article['duplicate_of']}" if article["duplicate_of"] else "",
        f"withdrawn {format_time(article['withdrawn']['at'])}: {article['withdrawn']['reason']}"
        if article["withdrawn"]
        else "",
    ]
    shown = f'{article["id"]} "{article["title"]}" ({", ".join(filter(None, details))})'
    return [("article", shown), *(("revision", _format_revision(one)) for one in article["revisions"][1:]), *rows]


def _format_revision(revision: dict[str, Any]) -> str:
    """Formats an observed change of an article: "2, 2026-03-01 08:00:00 UTC: title, body (same as revision 1)"."""
    notes = [f"same as revision {revision['same_as']}"] if revision["same_as"] else []
    notes += [f"undone {format_time(revision['undone_at'])}"] if revision["undone_at"] else []
    note = f" ({'; '.join(notes)})" if notes else ""
    return f"{revision['revision']}, {format_time(revision['observed_at'])}: {', '.join(revision['changed'])}{note}"


def _format_captures(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Formats the captures of the URL, and the usage statements of the newest one, as (label, text) rows."""
    rows = [
        (
            "capture",
            f"{format_time(c['captured_at'])} {c['record_type']} {c['status']}, {c['warc_file']} at "
            f"{c['warc_offset']}, {c['digest']}",
        )
        for c in found["captures"]
    ]
    # A 304 response contains no page, and usually not the header fields of the page.
    full = [capture["usage_statements"] for capture in found["captures"] if capture["status"] != 304]
    if full and full[-1]:
        rows.append(("usage statements", "; ".join(_format_usage_statement(one) for one in full[-1])))
    return rows


def _format_needed_by(needed: dict[str, Any]) -> str:
    named = [
        f"{one['id']} {one['url']}{' (its lead image)' if one['role'] == 'lead' else ''}" for one in needed["needed_by"]
    ]
    more = needed["needed_by_total"] - len({one["id"] for one in needed["needed_by"]})
    return ("; ".join(named) + (f" and {count_noun(more, 'more article')}" if more > 0 else "")) or needed["found_on"]


def _format_usage_statement(statement: dict[str, Any]) -> str:
    agent = f" for {statement['agent']}" if statement["agent"] else ""
    return f"{statement['name']} {statement['value']} ({statement['source']}{agent})"


def _is_excluded_by_learned_rule(found: dict[str, Any]) -> bool:
    """Returns True if the URL was excluded as a crawl trap by a learned rule. `crawl --set-aside` fetches such URLs."""
    from archiver.storage.pages import LEARNED_RULES

    return found["outcome"] == "trap" and (found["rule"] or "").startswith(LEARNED_RULES)


def _format_source(source: dict[str, Any]) -> str:
    origin = " ".join(part for part in (source["source"], source["found_on"]) if part)
    days = dict.fromkeys((source["first_seen"][:10], source["last_seen"][:10]))
    return f"{origin} ({' to '.join(days)})"


def _format_capture_times(source: dict[str, Any]) -> str:
    """Formats the times of the first and last capture that a web archive lists for the URL."""
    first, last = source["first_capture"], source.get("last_capture")
    times = f"first on {format_time(first)}" + (f", last on {format_time(last)}" if last and last != first else "")
    return f"{times}, by {urlsplit(source['found_on']).hostname}"


def _format_last_fetch(found: dict[str, Any]) -> str:
    if not found["fetched_at"]:
        return "never"
    status = f", HTTP {found['status']}" if found["status"] else ""
    failed = f", {count_noun(found['attempts'], 'failed attempt')} in a row" if found["attempts"] else ""
    return format_time(found["fetched_at"]) + status + failed
