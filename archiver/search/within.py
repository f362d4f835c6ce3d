"""What part of an archive a query asks about: the sites and the time that all its results are of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date

from archiver.search.index.document import sites
from archiver.search.periods import day_of
from archiver.search.plan import Plan
from archiver.search.terms import Either, Every, Key, Node, Span

_SITE = ("at:", "site:")
_PUBLISHED = ("published", "published_at")


def part(nodes: Iterable[Node | None]) -> tuple[Node, ...]:
    """Those terms of a query that all its results meet and that are of sites and times of publication alone."""
    return tuple(node for node in _all(nodes) if _is_site(node) or _is_time(node))


def bounds(within: Iterable[Node]) -> list[date]:
    """The days between which the times of a part lie, as far as it says them."""
    spans = [node for node in _all(within) if isinstance(node, Span)]
    return [day_of(end) for span in spans for end in (span.low, span.high) if end is not None]


def looked_until(plan: Plan, within: Iterable[Node]) -> str | None:
    """When the archive last took something in of the sites of a part, as a day (UTC): its last crawl, or the last time
    that an article (`plan` finds them) was archived first. None where it never did."""
    asked = [node for node in within if _is_site(node)]
    names = [name for name, in plan.db.execute("select name from sites") if all(_has(node, name) for node in asked)]
    crawled = plan.db.execute(
        "select max(coalesce(r.finished_at, r.started_at)) from runs r join sites s on s.id = r.site_id "
        "where s.name in (select value from json_each(?))", [json.dumps(names)]).fetchone()[0]
    seen = plan.searcher.remembered(("seen", plan.key), lambda: plan.searcher.aggregate(
        plan.found, {"seen": {"max": {"field": "seen_at"}}})["seen"]["value"])
    days = [crawled[:10]] if crawled else []
    days += [day_of(int(seen)).isoformat()] if seen is not None else []
    return max(days, default=None)


def _all(nodes: Iterable[Node | None]) -> Iterator[Node]:
    for node in nodes:
        if isinstance(node, Every):
            yield from _all(node.items)
        elif node is not None:
            yield node


def _is_site(node: Node) -> bool:
    if isinstance(node, Either):
        return all(_is_site(item) for item in node.items)
    return isinstance(node, Key) and node.value.startswith(_SITE)


def _is_time(node: Node) -> bool:
    return isinstance(node, Span) and node.field in _PUBLISHED


def _has(node: Node, name: str) -> bool:
    if isinstance(node, Either):
        return any(_has(item, name) for item in node.items)
    assert isinstance(node, Key)
    return node.value in (f"at:{name}", *(f"site:{one}" for one in sites(name.lower())))
