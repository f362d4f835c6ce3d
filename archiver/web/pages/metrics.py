"""The archive's health, for Prometheus to scrape."""

from __future__ import annotations

from datetime import UTC, datetime

from archiver import __version__
from archiver.sites.effective import settings_in
from archiver.store.health.metrics import CONTENT_TYPE, metrics
from archiver.store.health.overall import overall
from archiver.web.answer import Asked, Sent


def page(asked: Asked) -> Sent:
    """When sites are due is told, but not whether turns are late: that takes the scheduler's lock."""
    found = overall(asked.db, asked.folder / "archive.db", None, datetime.now(UTC), settings_in(asked.db))
    return Sent(metrics(asked.db, found, __version__), CONTENT_TYPE, headers={"Cache-Control": "no-store"})
