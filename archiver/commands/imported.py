"""What an import did, in words: from files and from web archives alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archiver.commands.screen import count

if TYPE_CHECKING:
    from archiver.capture.damage import Problem

_SHOWN = 20


def listed(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """Problems as JSON has them."""
    return [{"kind": p.kind.value, "offset": p.offset, "url": p.url, "what": p.sentence} for p in problems]


def problem_lines(problems: Sequence[tuple[str, Mapping[str, Any]]], kinds: Mapping[str, int]) -> list[str]:
    """The first problems, a line each with the name that each is of, and how many there are of each kind."""
    lines = []
    for name, problem in problems[:_SHOWN]:
        where = f"{name} at {problem['offset']}" if name and problem["offset"] else name or problem["offset"]
        url = f", {problem['url'][:200]}" if name and problem["url"] else ""
        lines.append(f"  {where}{url}: {problem['what']}")
    if sum(kinds.values()) > min(_SHOWN, len(problems)):
        lines.append("  in all: " + ", ".join(f"{number:,} {kind}" for kind, number in kinds.items()))
    return lines


def new_things(counts: Mapping[str, Any]) -> list[str]:
    """ "1 new site", "3 new aliases", "1 tombstone", "12 responses copied". """
    new = [count(counts[key], one, many) for key, one, many in (
        ("sites", "new site", "new sites"), ("aliases", "new alias", "new aliases"),
        ("tombstones", "tombstone", "tombstones")) if counts[key]]
    return [*new, f"{count(counts['captures'], 'response')} copied"]


def told(counts: dict[str, Any]) -> str:
    """ "12,345 records: 4,321 posts (4,000 new, 120 revisions, 201 known), 3,000 other pages, 12 damaged". """
    of_posts = ", ".join(f"{counts[key]:,} {word}" for key, word in (
        ("new", "new"), ("revised", "revision" if counts["revised"] == 1 else "revisions"), ("known", "known"))
        if counts[key])
    parts = [count(counts["posts"], "post") + (f" ({of_posts})" if of_posts else "")]
    parts += [count(counts[key], one, many) for key, one, many in (
        ("pages", "other page", "other pages"), ("not_html", "not HTML", "not HTML"), ("gone", "gone", "gone"),
        ("redirects", "redirect", "redirects"), ("status", "other answer", "other answers"),
        ("revisits", "revisit", "revisits"), ("about", "about others", "about others"),
        ("skipped", "not asked for", "not asked for"), ("removed", "of removed posts", "of removed posts"),
        ("mended", "odd", "odd"), ("damaged", "damaged", "damaged"))
        if counts[key]]
    return f"{count(counts['records'], 'record')}: {', '.join(parts)}"
