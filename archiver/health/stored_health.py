"""Reads and stores the health of sites as judged at the end of their last runs. It is stored with the run, so that the
health of thousands of sites is read with one query.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from archiver import __version__
from archiver.health.health_rules import Health, HealthFinding, judge_site, worst_level
from archiver.health.health_state import (
    finding_as_json,
    read_accepted_findings,
    read_health_inputs,
    without_accepted,
)
from archiver.storage.column_values import settings_of, stored_object, stored_time


def record_run_health(db: Database, site: dict[str, Any], run_id: int, now: datetime) -> None:
    """Judges a site (a row of `sites`) whose run has just ended, and stores its findings, including accepted ones, with
    the run.
    """
    found = judge_site(read_health_inputs(db, site, now), now).findings
    findings = [{**finding_as_json(one), "figure": one.figure} for one in found]
    db.execute(
        "update runs set health = ? where id = ?", [json.dumps({"findings": findings}, ensure_ascii=False), run_id]
    )


def read_healths(db: Database, sites: Iterable[dict[str, Any]], now: datetime) -> dict[int, Health]:
    """Returns the health of each site (a row of `sites`) by ID, as `read_health` does, but from what was stored at the
    end of its last run. A site whose last run has no stored health, or that of another version, is judged now.
    """
    stored = {
        site: (version, stored_object(text))
        for site, version, text in db.execute(
            "select s.id, r.version, r.health from sites s join runs r on r.id = "
            "(select id from runs where site_id = s.id and outcome is not null order by id desc limit 1)"
        )
    }
    accepted = {row[0] for row in db.execute("select site_id from site_health where accepted <> '{}'")}
    return {site["id"]: _health_of(db, site, stored.get(site["id"]), now, site["id"] in accepted) for site in sites}


def _health_of(
    db: Database, site: dict[str, Any], stored: tuple[str, dict[str, Any]] | None, now: datetime, has_accepted: bool
) -> Health:
    if settings_of(site["settings"]).get("crawl") is False:
        return Health("green")
    if stored is None:
        return Health("unknown")
    version, judged = stored
    if version == __version__ and "findings" in judged:
        findings = tuple(_finding(one) for one in judged["findings"])
        found = Health(worst_level([one.level for one in findings]), findings)
    else:
        found = judge_site(read_health_inputs(db, site, now), now)
    return without_accepted(found, read_accepted_findings(db, site["id"])) if has_accepted else found


def _finding(one: dict[str, Any]) -> HealthFinding:
    return HealthFinding(**{**one, "since": stored_time(one["since"])})
