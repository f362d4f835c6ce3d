"""The health of sites and of the archive, how complete each site is, and the metrics. For the web pages."""

from __future__ import annotations

from archiver.health.health_report import (
    METRICS_MEDIA_TYPE,
    MIN_FREE_BYTES,
    describe_next_run,
    format_metrics,
    health_as_json,
    judge_all,
    read_next_run,
)
from archiver.health.stored_health import read_health, read_healths
from archiver.storage.completeness import (
    PostCounts,
    count_missing,
    count_posts_of_sites,
    describe_archived,
    site_completeness,
)
from archiver.storage.runs import has_integrity_records, read_damages, run_as_shown

__all__ = [
    "METRICS_MEDIA_TYPE",
    "MIN_FREE_BYTES",
    "PostCounts",
    "count_missing",
    "count_posts_of_sites",
    "describe_archived",
    "describe_next_run",
    "format_metrics",
    "has_integrity_records",
    "health_as_json",
    "judge_all",
    "read_damages",
    "read_health",
    "read_healths",
    "read_next_run",
    "run_as_shown",
    "site_completeness",
]
