"""`archiver why`: the history of one address."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import click

from archiver.commands.options import archive_option, json_option
from archiver.commands.screen import count, details, instant, line, say, write_json

_MEANS = {
    "due": "waiting to be fetched", "archived": "archived", "unchanged": "archived, and unchanged at the last visit",
    "duplicate": "another address of an archived article", "part": "a part of an article",
    "not-article": "fetched, and no article", "gone": "gone from the site",
    "refused": "not fetched, because it is refused",
    "out-of-scope": "outside the site's scope", "trap": "set aside and not fetched", "failed": "could not be fetched",
}
_MEANS_OF_REQUISITES = {
    "archived": "captured", "unchanged": "captured, and unchanged when it was last asked for",
    "duplicate": "it leads on", "gone": "not there", "refused": "not captured, because it is refused",
    "failed": "could not be captured",
}
_ADDRESS = {
    "url": "its own address", "canonical": "the address its page declares", "redirect": "an address that leads to it",
    "moved": "an address it had before", "copy": "a second address of the same text", "part": "a further page of it",
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
    from archiver.store.connect import open_archive
    from archiver.store.trace import trace

    db = open_archive(archive, read_only=True)
    try:
        found = trace(db, url)
    finally:
        db.close()
    if as_json:
        write_json(found)
        return
    say(line((found["url"], "bold")))
    details(_rows(found), indent=2)


def _rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    needed = found["requisite"]
    alone = needed is not None and not found["sources"] and not found["article"]
    means = {**_MEANS, **_MEANS_OF_REQUISITES} if alone else _MEANS
    outcome = means.get(found["outcome"], "never fetched by this name")
    article = found["article"]
    rows = [
        ("read as", f"{found['url']} (what was left out of {found['typed']} says nothing of the page)"
         if found["typed"] else ""),
        ("outcome", outcome + (f": {found['reason']}" if found["reason"] else "")),
        ("kind", f"{found['kind']}" if found["kind"] else ""),
        ("rule", found["rule"] or ""),
        ("leads to", found["redirects_to"] or ""),
        *(("found by", _source(source)) for source in found["sources"]),
        *(("captured", _captured(source)) for source in found["sources"] if source.get("first_capture")),
        ("told", ", ".join(f"{k}: {v}" for k, v in (found["source_hints"] or {}).items()
                           if k in ("title", "published"))),
        ("fetched", _fetched(found) if found["outcome"] else ""),
        ("ask anyway", f"archiver crawl {found['site']} --set-aside" if _is_learned(found) else ""),
        ("next", f"due {instant(found['due_at'])}" if found["due_at"] and found["outcome"] != "out-of-scope" else ""),
    ]
    if needed:
        rows += [("needed by", _needed_by(needed)), *((("held as", f"{needed['kind']}: {needed['outcome']}"),)
                                                      if not alone else ())]
    if article:
        kind = _ADDRESS.get(article["address_kind"] or "", "")
        facts = [f"version {article['revision']}", kind,
                 f"gone since {instant(article['gone_at'])}" if article["gone_at"] else "",
                 f"same text as {article['duplicate_of']}" if article["duplicate_of"] else ""]
        rows.append(("article", f"{article['id']} \"{article['title']}\" ({', '.join(f for f in facts if f)})"))
    rows += [(f"page {part['number']}" if part["number"] else "all pages", f"{part['url']} ({_MEANS[part['outcome']]})")
             for part in found["parts"]]
    rows += [("capture", f"{instant(c['captured_at'])} {c['record_type']} {c['status']}, {c['warc_file']} at "
                         f"{c['warc_offset']}, {c['digest']}") for c in found["captures"]]
    # An answer 304 has no page, and mostly not its header fields either.
    whole = [c["usage_statements"] for c in found["captures"] if c["status"] != 304]
    if whole and whole[-1]:
        rows.append(("its use", "; ".join(_right(right) for right in whole[-1])))
    return rows


def _needed_by(needed: dict[str, Any]) -> str:
    named = [f"{one['id']} {one['url']}{' (its lead image)' if one['role'] == 'lead' else ''}"
             for one in needed["needed_by"]]
    more = needed["needed_by_total"] - len({one["id"] for one in needed["needed_by"]})
    return ("; ".join(named) + (f" and {count(more, 'more article')}" if more > 0 else "")) or needed["found_on"]


def _right(right: dict[str, Any]) -> str:
    agent = f" for {right['agent']}" if right["agent"] else ""
    return f"{right['name']} {right['value']} ({right['source']}{agent})"


def _is_learned(found: dict[str, Any]) -> bool:
    """Whether a crawl set it aside by what it learned of the site, which may be asked for after all."""
    from archiver.store.aside import LEARNED

    return found["outcome"] == "trap" and (found["rule"] or "").startswith(LEARNED)


def _source(source: dict[str, Any]) -> str:
    told = " ".join(part for part in (source["source"], source["found_on"]) if part)
    return f"{told} ({source['first_seen'][:10]} to {source['last_seen'][:10]})"


def _captured(source: dict[str, Any]) -> str:
    """What a web archive has of it, as far as its list tells."""
    first, last = source["first_capture"], source.get("last_capture")
    times = f"first on {instant(first)}" + (f", last on {instant(last)}" if last and last != first else "")
    return f"{times}, by {urlsplit(source['found_on']).hostname}"


def _fetched(found: dict[str, Any]) -> str:
    if not found["fetched_at"]:
        return "never"
    answer = f", answer {found['status']}" if found["status"] else ""
    failed = f", {count(found['attempts'], 'failed attempt')} in a row" if found["attempts"] else ""
    return instant(found["fetched_at"]) + answer + failed
