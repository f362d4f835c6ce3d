"""`archiver why`: explains what happened to a URL in the crawls of its site."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import click

from archiver.cli.shared_options import archive_option, json_option
from archiver.cli.shell_completion import complete
from archiver.cli.terminal_output import count_noun, format_time, print_details, print_json, print_lines, styled_line
from archiver.storage.article_records import find_article, record
from archiver.storage.database import opened
from archiver.storage.pages import EPOCH, LEARNED_RULES
from archiver.storage.url_history import url_history

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
    with opened(archive, read_only=True) as db:
        addresses = [record(db, find_article(db, one))["url"] if one.isdecimal() else one for one in urls]
        found = [url_history(db, address) for address in addresses]
    if as_json:
        print_json(found if len(found) > 1 else found[0])
        return
    for number, one in enumerate(found):
        print_lines(*([""] if number else []), styled_line((one["url"], "bold")))
        print_details(_format_rows(one), indent=2)


def _is_requisite_only(found: dict[str, Any]) -> bool:
    """Returns True if the URL is known only as an image, stylesheet or font of a page, not as a page itself."""
    return found["requisite"] is not None and not found["sources"] and not found["article"]


def _format_rows(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields everything the archive knows about a URL as (label, text) rows in the order of the output. Rows without
    text are not printed.
    """
    phrases = {**_OUTCOMES, **_REQUISITE_OUTCOMES} if _is_requisite_only(found) else _OUTCOMES
    without_page = "no longer fetched at this URL" if found["captures"] else "never fetched at this URL"
    reason = f": {found['reason']}" if found["reason"] else ""
    yield "normalized to", f"{found['url']} (from {found['typed']})" if found["typed"] else ""
    yield "outcome", phrases.get(found["outcome"], without_page) + reason
    yield "kind", str(found["kind"] or "")
    yield "rule", found["rule"] or ""
    yield "redirects to", found["redirects_to"] or ""
    yield from _format_discovery(found)
    yield from _format_fetching(found)
    if needed := found["requisite"]:
        yield "needed by", _format_needed_by(needed)
        yield "requisite", "" if _is_requisite_only(found) else f"{needed['kind']}: {needed['outcome']}"
    yield from _format_article(found)
    yield from _format_captures(found)


def _format_discovery(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields the discovery sources of a URL, when a web archive has captures of it, and the hints about the post."""
    for source in found["sources"]:
        origin = " ".join(part for part in (source["source"], source["found_on"]) if part)
        days = dict.fromkeys((source["first_seen"][:10], source["last_seen"][:10]))
        yield "found by", f"{origin} ({' to '.join(days)})"
    for source in found["sources"]:
        if first := source.get("first_capture"):
            last = source.get("last_capture")
            times = f"first on {format_time(first)}"
            times += f", last on {format_time(last)}" if last and last != first else ""
            yield "captured", f"{times}, by {urlsplit(source['found_on']).hostname}"
    hint = {key: value for key, value in (found["source_hints"] or {}).items() if key in ("title", "published")}
    yield "hints", ", ".join(f"{key}: {value}" for key, value in hint.items())


def _format_fetching(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if found["outcome"]:
        status = f", HTTP {found['status']}" if found["status"] else ""
        failed = f", {count_noun(found['attempts'], 'failed attempt')} in a row" if found["attempts"] else ""
        yield "fetched", format_time(found["fetched_at"]) + status + failed if found["fetched_at"] else "never"
    if found["outcome"] in _UNREAD:
        yield "fetch now", f"archiver add {shlex.quote(found['url'])}"
    if found["outcome"] == "trap" and (found["rule"] or "").startswith(LEARNED_RULES):
        yield "fetch anyway", f"archiver crawl {found['site']} --set-aside"
    if found["due_at"] and found["outcome"] != "out-of-scope":
        when = "now" if found["due_at"] == EPOCH else format_time(found["due_at"])
        yield "next fetch", f"due {when}: {found['due_for']}"


def _format_article(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields the article at the URL, its later revisions, and the further pages of a post that is split."""
    if article := found["article"]:
        withdrawn = article["withdrawn"]
        details = [
            f"revision {article['revision']}",
            _URL_KINDS.get(article["address_kind"] or "", ""),
            f"gone since {format_time(article['gone_at'])}" if article["gone_at"] else "",
            f"same text as {article['duplicate_of']}" if article["duplicate_of"] else "",
            f"withdrawn {format_time(withdrawn['at'])}: {withdrawn['reason']}" if withdrawn else "",
        ]
        yield "article", f'{article["id"]} "{article["title"]}" ({", ".join(filter(None, details))})'
        for one in article["revisions"][1:]:
            notes = [f"same as revision {one['same_as']}"] if one["same_as"] else []
            notes += [f"undone {format_time(one['undone_at'])}"] if one["undone_at"] else []
            note = f" ({'; '.join(notes)})" if notes else ""
            changed = ", ".join(one["changed"])
            yield "revision", f"{one['revision']}, {format_time(one['observed_at'])}: {changed}{note}"
    for part in found["parts"]:
        name = f"page {part['number']}" if part["number"] else "all pages"
        yield name, f"{part['url']} ({_OUTCOMES[part['outcome']]})"


def _format_captures(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields the captures of the URL, and the usage statements of the newest one."""
    for one in found["captures"]:
        place = f"{one['warc_file']} at {one['warc_offset']}, {one['digest']}"
        yield "capture", f"{format_time(one['captured_at'])} {one['record_type']} {one['status']}, {place}"
    # A 304 response contains no page, and usually not the header fields of the page.
    full = [capture["usage_statements"] for capture in found["captures"] if capture["status"] != 304]
    statements = [
        f"{one['name']} {one['value']} ({one['source']}{' for ' + one['agent'] if one['agent'] else ''})"
        for one in (full[-1] if full else None) or ()
    ]
    yield "usage statements", "; ".join(statements)


def _format_needed_by(needed: dict[str, Any]) -> str:
    named = [
        f"{one['id']} {one['url']}{' (its lead image)' if one['role'] == 'lead' else ''}" for one in needed["needed_by"]
    ]
    more = needed["needed_by_total"] - len({one["id"] for one in needed["needed_by"]})
    return ("; ".join(named) + (f" and {count_noun(more, 'more article')}" if more > 0 else "")) or needed["found_on"]
