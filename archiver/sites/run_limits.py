"""The limits of a run (pages, megabytes, minutes), and the quotas of groups and blackout hours: when they postpone a
scheduled crawl, and how they limit a running one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from archiver.frontier.cadence import RecrawlTime
from archiver.model.words import count_noun
from archiver.sites.config import Config, Quota
from archiver.storage import Database
from archiver.storage.runs import usage_since
from archiver.storage.scheduled_sites import Scheduled, blackout_of
from archiver.storage.sites import tags_of_sites

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RunLimits:
    """The number of pages, megabytes and minutes that one run may use. 0 means no limit. A megabyte is 1,000,000 bytes
    as received. The fields have the names of the site's settings.
    """

    max_pages: int = 0
    max_megabytes: float = 0.0
    max_minutes: float = 0.0
    causes: Mapping[str, str] = field(default_factory=dict)
    """Phrases that say where a limit comes from, by the name of the limit. Limits in the site's own settings have none.
    """

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> RunLimits:
        """Returns the limits in a site's settings."""
        return cls(
            int(settings.get("max_pages") or 0),
            float(settings.get("max_megabytes") or 0),
            float(settings.get("max_minutes") or 0),
        )

    def reduced(self, name: str, most: float, cause: str) -> RunLimits:
        """Returns the limits with the limit `name` reduced to `most`, unless it is already lower. `cause` is a phrase
        that says where the lower limit comes from.
        """
        current = getattr(self, name)
        if current and current <= most:
            return self
        changes: dict[str, Any] = {name: most, "causes": {**self.causes, name: cause}}
        return replace(self, **changes)

    def reached_limit(self, pages: int, size: int, seconds: float) -> str:
        """Returns a phrase for the limit that a run has reached, with the name of its setting; "" if the run has
        reached no limit. `pages`, `size` (in bytes) and `seconds` are what the run has fetched and how long it has run.
        """
        rows = (
            ("max_pages", pages, count_noun(self.max_pages, "page")),
            ("max_megabytes", size / 1e6, f"{self.max_megabytes:g} MB"),
            ("max_minutes", seconds / 60, f"{self.max_minutes:g} minute{'' if self.max_minutes == 1 else 's'}"),
        )
        for name, used, words in rows:
            most = getattr(self, name)
            if most and used >= most:
                return self.causes.get(name) or f"the site's budget of {words} ({name})"
        return ""


@dataclass(frozen=True, slots=True)
class GroupQuotas:
    """The quotas of groups, and how much of them is left today.

    - `left`: requests and megabytes by tag; None means no limit.
    - `tags`: the tags of each site by its ID.
    - `renewed_at`: when the next day begins.
    """

    left: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    tags: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    renewed_at: datetime = _NEVER

    def exhausted_group(self, site_id: int) -> str:
        """Returns a group of the site that has used up today's quota; "" if no group has."""
        return next(
            (
                tag
                for tag in self.tags.get(site_id, ())
                if any(rest is not None and rest <= 0 for rest in self.left.get(tag, ()))
            ),
            "",
        )

    def postpone(self, one: Scheduled) -> Scheduled:
        """Returns the schedule of a site. If the quota of one of its groups is used up, the site is postponed to the
        next day.
        """
        group = self.exhausted_group(one.site["id"])
        if not group or one.turn.at >= self.renewed_at:
            return one
        why = f"the daily quota of group {group} is used up"
        return replace(one, turn=RecrawlTime(self.renewed_at, one.turn.period, why, "quota"))

    def limit(self, limits: RunLimits, site_id: int) -> RunLimits:
        """Returns the limits of a run of the site, reduced to what is left of the quotas of its groups."""
        for tag in self.tags.get(site_id, ()):
            requests, megabytes = self.left.get(tag, (None, None))
            cause = f"what is left today of the quota of group {tag}"
            if requests is not None:
                limits = limits.reduced("max_pages", max(int(requests), 1), cause)
            if megabytes is not None:
                limits = limits.reduced("max_megabytes", max(megabytes, 0.001), cause)
        return limits


def read_group_quotas(db: Database, config: Config, now: datetime) -> GroupQuotas:
    """Returns what is left of the quotas of groups today (UTC), after subtracting what crawls that began today have
    used.
    """
    if not config.quotas:
        return GroupQuotas()
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    tags, used = tags_of_sites(db), usage_since(db, today)
    left: dict[str, tuple[float | None, float | None]] = {}
    for tag, quota in config.quotas.items():
        sites = [used[site] for site, names in tags.items() if tag in names and site in used]
        left[tag] = _left(quota, sum(requests for requests, _ in sites), sum(size for _, size in sites) / 1e6)
    return GroupQuotas(left, tags, today + timedelta(days=1))


def _left(quota: Quota, requests: float, megabytes: float) -> tuple[float | None, float | None]:
    return (
        quota.requests_a_day - requests if quota.requests_a_day else None,
        quota.megabytes_a_day - megabytes if quota.megabytes_a_day else None,
    )


def limit_scheduled_run(
    db: Database, site_id: int, settings: Mapping[str, object], config: Config, now: datetime
) -> RunLimits:
    """Returns the limits of a scheduled run of a site that begins now. They are the limits in its settings, reduced to
    what is left of the quotas of its groups and to the time until its blackout begins.
    """
    limits = read_group_quotas(db, config, now).limit(RunLimits.of(settings), site_id)
    if hours := blackout_of(settings):
        minutes = (hours.next_begin(now) - now) / timedelta(minutes=1)
        limits = limits.reduced("max_minutes", max(minutes, 0.001), f"the time before its blackout ({hours})")
    return limits
