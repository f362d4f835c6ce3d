"""One site of the archive: whether it is all there, what its runs did, what was learned of its pages, its settings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from archiver.errors import IndexMissing
from archiver.extraction.rules import to_toml
from archiver.items import Outcome
from archiver.search.filters import Query
from archiver.store.coverage import coverage
from archiver.store.health.known import health_of
from archiver.store.health.overall import health_json
from archiver.store.rules import rules_at, versions
from archiver.store.sites import SETTINGS, find_site
from archiver.web.answer import Answer, Asked
from archiver.web.bars import bars

_RUNS = 20
_OUTCOMES = {"not-article": "no article", "out-of-scope": "outside", "trap": "set aside"}
_SOURCES = {"api": "API", "cdx": "CDX", "listing": "listings", "link": "links", "redirect": "redirects",
            "import": "imports"}
RUN_COUNTS = ("found", "fetched", "new", "revised", "unchanged", "aliased", "duplicate", "gone", "refused", "failed")


def page(asked: Asked) -> Answer:
    site = find_site(asked.db, asked.named["name"])
    health = health_of(asked.db, site, datetime.now(UTC))
    state = {**coverage(asked.db, site), "health": health_json(health)}
    rules = rules_at(asked.db, site["id"])
    history = versions(asked.db, site["id"])
    quiet = site.get("quiet_until") or ""
    told = {"settings": site["settings"], "added_at": site["added_at"], "rules": to_toml(rules) if rules else None,
            "rule_versions": history}
    return Answer("site.html", {
        "site": site, "state": state, "health": health, "verdict": _verdict(state), "balance": _balance(state),
        "runs": list(asked.db.query("select * from runs where site_id = ? order by id desc limit ?",
                                    [site["id"], _RUNS])),
        "counts": RUN_COUNTS, **_over_time(asked, site), "rules": told["rules"], "history": history,
        "settings": SETTINGS,
        "quiet": quiet if quiet > datetime.now(UTC).isoformat() else "",
    }, state | told)


def _over_time(asked: Asked, site: dict[str, Any]) -> dict[str, Any]:
    """What is archived of each period, as bars; or why that cannot be told."""
    if not site["articles"]:
        return {"chart": None, "why_no_chart": ""}
    try:
        return {"chart": bars(asked, Query(site=(site["name"],))), "why_no_chart": ""}
    except IndexMissing as error:
        return {"chart": None, "why_no_chart": str(error)}


def _verdict(state: dict[str, Any]) -> tuple[str, str]:
    """In a word and a sentence, whether all is there that is known of."""
    posts, missing = state["posts"], state["missing_total"]
    if not state["runs"]:
        return "never", "It was never crawled."
    if state["complete"]:
        return "complete", f"Complete: all {posts['archived']:,} posts that its sources told of are archived."
    if missing:
        return "lacking", f"{missing:,} {'address is' if missing == 1 else 'addresses are'} missing."
    last = state["runs"][0]
    why = f" ({last['reason']})" if last["reason"] else ""
    return "open", (f"Its last run did not end by itself: {last['outcome']}{why}." if last["outcome"]
                    else "A run is under way.")


def _balance(state: dict[str, Any]) -> tuple[list[str], list[tuple[str, list[int]]]]:
    """Sources against outcomes; outcomes that none has are left out."""
    shown = [name for name in ("found", *map(str, Outcome)) if state["balance"].get(name)]
    rows = [(_SOURCES.get(row["source"], row["source"]), [row["balance"][name] for name in shown])
            for row in state["sources"]]
    return ([_OUTCOMES.get(name, name) for name in shown],
            [*rows, ("together", [state["balance"][name] for name in shown])])
