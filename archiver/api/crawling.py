"""Runs planned crawls. For fleets. Loads Scrapy, so import it in the process that crawls."""

from __future__ import annotations

from archiver.scheduling.crawl_pool import run_plans

__all__ = ["run_plans"]
