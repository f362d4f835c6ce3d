"""`archiver why`: the history of one address."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import click

from archiver.cli.options import archive_option, json_option
from archiver.cli.terminal import count_noun, format_time, print_details, print_json, print_line, print_lines

_MEANS = {
    "due": "waiting to be fetched",
    "archived": "archived",
    "unchanged": "archived, and unchanged at the last visit",
    "duplicate": "another address of an archived article",
    "part": "a part of an article",
    "not-article": "fetched, and no article",
    "gone": "gone from the site",
    "refused": "not fetched, because it is refused",
    "out-of-scope": "outside the site's scope",
    "trap": "set aside and not fetched",
    "failed": "could not be fetched",
}
_MEANS_OF_REQUISITES = {
    "archived": "captured",
    "unchanged": "captured, and unchanged when it was last asked for",
    "duplicate": "it leads on",
    "gone": "not there",
    "refused": "not captured, because it is refused",
    "failed": "could not be captured",
}
_ADDRESS = {
    "url": "its own address",
    "canonical": "the address its page declares",
    "redirect": "an address that leads to it",
    "moved": "an address it had before",
    "copy": "a second address of the same text",
    "part": "a further page of it",
}


@click.command(short_help="Tell what happened to one address, and why.")
@click.argument("url")
@json_option
@archive_option
def why(url: str, as_json: bool, archive: str) -> None:
    """Tell what happened to one address: who found it, what was decided, by which rule, what came of it.

    \b
    Examples:
      archiver why https://blog.example.org/2024/05/a-post
      archiver why https://blog.example.org/?p=7 --json
    """
    from archiver.storage.completeness import url_history
    from archiver.storage.connection import opened

    with opened(archive, read_only=True) as db:
        found = url_history(db, url)
    if as_json:
        print_json(found)
        return
    print_lines(print_line((found["url"], "bold")))
    print_details(_rows(found), indent=2)


def _rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Labels and values, in the order in which they are shown; those without a value are left out later."""
    return [
        (
            "read as",
            f"{found['url']} (what was left out of {found['typed']} says nothing of the page)"
            if found["typed"]
            else "",
        ),
        ("outcome", _outcome(found)),
        ("kind", f"{found['kind'] or ''}"),
        ("rule", found["rule"] or ""),
        ("leads to", found["redirects_to"] or ""),
        *_discovery(found),
        *_fetching(found),
        *_requisite(found),
        *_article(found),
        *_evidence(found),
    ]


def _is_requisite_only(found: dict[str, Any]) -> bool:
    """Whether the address is known as an image, stylesheet or font of a page alone."""
    return found["requisite"] is not None and not found["sources"] and not found["article"]


def _outcome(found: dict[str, Any]) -> str:
    means = {**_MEANS, **_MEANS_OF_REQUISITES} if _is_requisite_only(found) else _MEANS
    outcome = means.get(found["outcome"], "never fetched by this name")
    return outcome + (f": {found['reason']}" if found["reason"] else "")


def _discovery(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Who found it, and what they said of it."""
    hint = {key: value for key, value in (found["source_hints"] or {}).items() if key in ("title", "published")}
    return [
        *(("found by", _source(source)) for source in found["sources"]),
        *(("captured", _captured(source)) for source in found["sources"] if source.get("first_capture")),
        ("told", ", ".join(f"{key}: {value}" for key, value in hint.items())),
    ]


def _fetching(found: dict[str, Any]) -> list[tuple[str, str]]:
    due = found["due_at"] and found["outcome"] != "out-of-scope"
    return [
        ("fetched", _fetched(found) if found["outcome"] else ""),
        ("ask anyway", f"archiver crawl {found['site']} --set-aside" if _is_learned(found) else ""),
        ("next", f"due {format_time(found['due_at'])}" if due else ""),
    ]


def _requisite(found: dict[str, Any]) -> list[tuple[str, str]]:
    needed = found["requisite"]
    if not needed:
        return []
    held = [] if _is_requisite_only(found) else [("held as", f"{needed['kind']}: {needed['outcome']}")]
    return [("needed by", _needed_by(needed)), *held]


def _article(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The article of the address, and the further pages of that."""
    rows = [
        (f"page {part['number']}" if part["number"] else "all pages", f"{part['url']} ({_MEANS[part['outcome']]})")
        for part in found["parts"]
    ]
    article = found["article"]
    if not article:
        return rows
    facts = [
        f"version {article['revision']}",
        _ADDRESS.get(article["address_kind"] or "", ""),
        f"gone since {format_time(article['gone_at'])}" if article["gone_at"] else "",
        f"same text as {article['duplicate_of']}" if article["duplicate_of"] else "",
    ]
    shown = f'{article["id"]} "{article["title"]}" ({", ".join(filter(None, facts))})'
    return [("article", shown), *rows]


def _evidence(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The captures, and what the newest of them says of its use."""
    rows = [
        (
            "capture",
            f"{format_time(c['captured_at'])} {c['record_type']} {c['status']}, {c['warc_file']} at "
            f"{c['warc_offset']}, {c['digest']}",
        )
        for c in found["captures"]
    ]
    # An answer 304 has no page, and mostly not its header fields either.
    whole = [capture["usage_statements"] for capture in found["captures"] if capture["status"] != 304]
    if whole and whole[-1]:
        rows.append(("its use", "; ".join(_right(right) for right in whole[-1])))
    return rows


def _needed_by(needed: dict[str, Any]) -> str:
    named = [
        f"{one['id']} {one['url']}{' (its lead image)' if one['role'] == 'lead' else ''}" for one in needed["needed_by"]
    ]
    more = needed["needed_by_total"] - len({one["id"] for one in needed["needed_by"]})
    return ("; ".join(named) + (f" and {count_noun(more, 'more article')}" if more > 0 else "")) or needed["found_on"]


def _right(right: dict[str, Any]) -> str:
    agent = f" for {right['agent']}" if right["agent"] else ""
    return f"{right['name']} {right['value']} ({right['source']}{agent})"


def _is_learned(found: dict[str, Any]) -> bool:
    """Whether a crawl set it aside by what it learned of the site, which may be asked for after all."""
    from archiver.storage.crawl_exclusions import LEARNED

    return found["outcome"] == "trap" and (found["rule"] or "").startswith(LEARNED)


def _source(source: dict[str, Any]) -> str:
    told = " ".join(part for part in (source["source"], source["found_on"]) if part)
    return f"{told} ({source['first_seen'][:10]} to {source['last_seen'][:10]})"


def _captured(source: dict[str, Any]) -> str:
    """What a web archive has of it, as far as its list tells."""
    first, last = source["first_capture"], source.get("last_capture")
    times = f"first on {format_time(first)}" + (f", last on {format_time(last)}" if last and last != first else "")
    return f"{times}, by {urlsplit(source['found_on']).hostname}"


def _fetched(found: dict[str, Any]) -> str:
    if not found["fetched_at"]:
        return "never"
    answer = f", answer {found['status']}" if found["status"] else ""
    failed = f", {count_noun(found['attempts'], 'failed attempt')} in a row" if found["attempts"] else ""
    return format_time(found["fetched_at"]) + answer + failed
